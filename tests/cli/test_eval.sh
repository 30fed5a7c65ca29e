# kramers eval: numbers of the library, formats, elements, parameters, deviations, errors.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
model=$kit/models/se_a_one_tanh.dp
npy=$kit/formats/npy

# the numbers of the library, through a folder and through xyz
mkdir wanted
"$LIBRARY" "$model" "$npy" wanted || fail library
ok eval -m "$model" "$npy" -o made
for label in energy force virial atom_ener atom_virial; do exists made/set.000/$label.npy; done
ok data convert made raw --to raw
for label in energy force virial atom_ener; do near 0 1e-15 "raw/$label.raw" "wanted/$label.raw"; done
ok eval -m "$model" "$npy" -o made.xyz --atomic
ok data convert made.xyz raw_xyz --to raw
for label in energy force virial atom_ener; do near 1e-12 1e-12 "raw_xyz/$label.raw" "wanted/$label.raw"; done
has made.xyz 'energy='

# elements go by name, whatever their order; open systems stay open; a folder in an HDF5 file is an input too
ok eval -m "$model" "$kit/formats/npy_type_map_swapped" -o swapped
ok data convert swapped raw_swapped --to raw
head -2 wanted/energy.raw >two_energies
near 1e-12 0 raw_swapped/energy.raw two_energies
ok eval -m "$model" "$kit/formats/npy_nopbc" -o open
exists open/nopbc
ok eval -m "$model" "$kit/formats/two_systems.hdf5#/water/npy" -o from_hdf5
ok data convert from_hdf5 raw_hdf5 --to raw
near 0 1e-15 raw_hdf5/force.raw wanted/force.raw
# one thread, other kernels, splines: the same or nearly the same
ok eval -m "$model" "$npy" -o one_thread --threads 1
cmp made/set.000/force.npy one_thread/set.000/force.npy || fail "threads change the bits"
ok eval -m "$model" "$npy" -o splines --table 1e-6
ok data convert splines raw_splines --to raw
near 1e-5 0 raw_splines/force.raw wanted/force.raw

# mixed data with virtual atoms
ok eval -m "$kit/models/dpa1_concat_attn2_smooth.dp" "$kit/formats/mixed" -o mixed
exists mixed/16/set.000/real_atom_types.npy # one folder for each number of real atoms

# parameters
fp=$data/deepmd/se_e2_a_fpap.dp
code 1 'fparam' eval -m "$fp" "$npy" -o no
code 1 'aparam' eval -m "$fp" "$npy" --fparam 0.1,0.2 -o no
code 1 '3 numbers of fparam' eval -m "$fp" "$npy" --fparam 0.1,0.2,0.3 --aparam 1 -o no
code 1 'takes none' eval -m "$model" "$npy" --fparam 1 -o no
ok eval -m "$fp" "$npy" --fparam 0.1,0.2 --aparam 0.3 -o with
exists with/set.000/energy.npy

# deviations of four models: dp model-devi's own files
four=$kit/model_devi/m0.dp,$kit/model_devi/m1.dp,$kit/model_devi/m2.dp,$kit/model_devi/m3.dp
mkdir devi
ok eval -m "$four" "$kit/lammps/water_tri.lmp" --type-map O,H -o devi/out
exists devi/model_devi.out
sed 1d devi/model_devi.out >rows
head -3 "$kit/model_devi/cli_plain.out" | sed 1d >rows_wanted
near 0 1e-6 rows rows_wanted
# the same under the same names in extended XYZ, and back again
ok eval -m "$four" "$kit/lammps/water_tri.lmp" --type-map O,H -o devi/out.xyz --force
for key in max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f devi_e; do has devi/out.xyz "$key="; done
value=$(grep -o ' max_devi_f=[^ ]*' devi/out.xyz | cut -d= -f2)
echo "$value" >devi/value
awk '!/^#/ { print $5 }' devi/model_devi.out >devi/value_wanted
near 0 1e-6 devi/value devi/value_wanted
ok data convert devi/out.xyz devi/again.xyz
has devi/again.xyz " max_devi_f=$value "
ok eval -m "$four" "$kit/lammps/water_tri.lmp" --type-map O,H -o devi/out --relative 1 --force --atomic
sed 1d devi/model_devi.out | cut -c1-145 >rows
head -3 "$kit/model_devi/cli_relative.out" | sed 1d >rows_wanted
[ "$(tail -1 devi/model_devi.out | wc -w)" -eq 200 ] || fail "a deviation for each of 192 atoms"
tail -1 rows >row
tail -1 rows_wanted >row_wanted
near 0 1e-6 row row_wanted
code 1 'model_devi.out exists already' eval -m "$four" "$kit/lammps/water_tri.lmp" --type-map O,H -o devi/other

# errors; nothing is left behind
code 1 'made exists already' eval -m "$model" "$npy" -o made
has err 'hint: --force'
# said before anything is evaluated
code 1 'missing/a.xyz cannot be written: No such file' eval -m no-such-model.dp "$npy" -o missing/a.xyz
code 1 'none.dp' eval -m none.dp "$npy" -o no
code 1 'nowhere' eval -m "$model" nowhere -o no
code 1 'has O, which the model .* does not know (it knows Cu)' eval -m "$ROOT/examples/models/copper_se_e2_a.dp" "$npy" -o no
code 2 'no model' eval "$npy" -o no
code 2 'no output' eval -m "$model" "$npy"
code 2 'of 1e-12 to 1 eV/A' eval -m "$model" "$npy" -o no --table 1e-30
code 1 "suffix '.pdf' belongs to no format" eval -m "$model" nowhere -o no.pdf
printf '1\nLattice="0.02 0 0 0 0.02 0 0 0 0.02" Properties=species:S:1:pos:R:3\nO 0 0 0\n' >tiny.xyz
code 1 'faces of the cell 0.02, 0.02, 0.02' eval -m "$model" tiny.xyz -o no
code 2 'table maybe' eval -m "$model" "$npy" -o no --table maybe
code 1 'format' eval -m "$model" "$npy" -o no --format nonsense
code 2 'best|baseline' eval -m "$model" "$npy" -o no --isa avx3
absent no

# an interrupt finishes the frame, writes what is done and says so
ok data convert "$data/water/data_3" water.xyz
"$KRAMERS" eval -m "$ROOT/examples/models/water_se_e2_a.dp" water.xyz -o stopped --threads 1 2>err &
process=$!
sleep 1.5
kill -INT $process
wait $process
got=$?
if [ $got -ne 0 ]; then # a fast machine may have finished
    [ $got -eq 3 ] || fail "interrupted: code $got"
    has err 'stopped by a signal after [0-9]* of 80 frames'
    exists stopped/set.000/energy.npy
fi
finish
