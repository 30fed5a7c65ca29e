# kramers data info, convert, stats.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
npy=$kit/formats/npy

ok data info "$npy" "$kit/formats/two_systems.hdf5" "$kit/formats/mixed" "$kit/formats/npy_nopbc"
has out 'frames        4'
has out 'composition   O5 H11'
has out 'virial (3 of 4 frames)'
has out '+ 2 virtual'
has out 'periodic      no'
has out 'min distance  1.03085'
has out '^total: 5 systems, 14 frames'
code 1 'nowhere' data info nowhere

# there and back through every format: positions and labels keep their digits
ok data convert "$npy" start --to raw
round() { # NAME FORMAT
    ok data convert "$npy" "$1" ${2:+--to $2}
    ok data convert "$1" "back_$1" --to raw ${2:+--from $2}
    local file
    for file in coord box energy force type; do near 1e-12 1e-14 "back_$1/$file.raw" "start/$file.raw"; done
}
round one.xyz
round two.hdf5
round three
round four raw
ok data convert "$npy" five --to mixed
exists five/set.000/real_atom_types.npy
ok data convert five back_five --to raw
ok data convert "$npy" first.lmp --frames 0,1
ok data convert first.lmp back_lmp --to raw --type-map O,H
head -1 start/coord.raw >first_coord
near 1e-9 0 back_lmp/type.raw start/type.raw

ok data convert "$npy" some.xyz --frames 1,4,2
ok data info some.xyz
has out 'frames        2'
code 1 'no frame left' data convert "$npy" none.xyz --frames 9
code 2 'whole numbers' data convert "$npy" none.xyz --frames 0.5
code 1 'some.xyz exists already' data convert "$npy" some.xyz
ok data convert "$npy" some.xyz --force
code 1 'format' data convert "$npy" x.xyz --to nonsense
code 1 'suffix' data convert "$npy" x.pdf
absent x.pdf

# statistics: neighbours, sel, davg and dstd
ok data stats "$data/water/data_3"
has out 'atoms: O 5120 H 10240'
has out 'suggested sel   \[44, 80\]'
has out 'min_nbor_dist   0.876301'
has out '^0 duplicate frames'
ok data stats "$npy" "$npy" --rcut 4
has out 'virial per atom'
has out '^4 duplicate frames'
code 2 'rcut_smth' data stats "$npy" --rcut 4 --rcut-smth 5
# the order of the report follows --type-map
ok data stats "$npy" --type-map H,O
has out 'type_map \["H", "O"\]'

# merge: two systems of one composition become one, equal frames go
ok data merge "$npy" "$npy" merged.xyz
has err 'merged.xyz: 2 systems into 1, 8 frames'
ok data merge "$npy" "$npy" unique.xyz --unique
has err '4 of 8 frames left out'
ok data info unique.xyz
has out 'frames        4'
code 1 'merged.xyz exists already' data merge "$npy" merged.xyz
ok data merge "$npy" "$data/water/data_3" both.hdf5
ok data info both.hdf5
has out '^total: 2 systems'

# split: every frame once, equal ones together, the same seed the same parts
ok data split "$data/water/data_3" --train a_train --validation a_valid --test a_test --fractions 3,1,1
has err 'a_train: 48 of 80 frames for training'
has err 'a_valid: 16 of 80 frames for validation'
ok data split "$data/water/data_3" --train b_train --validation b_valid --test b_test --fractions 3,1,1
ok data convert a_train a.raw --to raw
ok data convert b_train b.raw --to raw
near 0 0 a.raw/coord.raw b.raw/coord.raw
ok data split merged.xyz --train c_train --validation c_valid --fractions 1,1
ok data convert c_valid c_valid.xyz
ok data check c_train c_valid --tolerance 1e-4
has out 'frames that occur more than once: 4'
ok data check c_train
ok data split "$data/water/data_3" --train d_train --validation d_valid --block 8 --gap 1
code 2 'at least two of' data split "$npy" --train x_train
code 2 '2 outputs' data split "$npy" --train x_train --test x_test --fractions 1,2,3
code 1 'a_test exists already' data split "$npy" --train x_train --test a_test
code 1 'no frame is left' data split some.xyz --train x_train --validation x_valid --block 100
absent x_valid

# check: planted defects
ok data check "$data/water/data_3"
has out 'nothing found'
awk 'NR == 3 { p = $0 } NR == 4 { split(p, a); $2 = a[2] + 0.1; $3 = a[3]; $4 = a[4] } { print }' unique.xyz >close.xyz
code 1 '' data check close.xyz
has out 'atoms too close'
code 2 'most' data check unique.xyz --mots 3
finish
