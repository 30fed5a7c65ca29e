#!/usr/bin/env bash
# usage: seeds.sh TARGET FOLDER: copies sound files for a target into FOLDER
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
data=$(cd "$(dirname "$0")/../data" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$2"
case $1 in
    model.dp) cp "$data"/deepmd/se_e2_r_oneside.dp "$data"/deepmd/dpa1_strip_attn0.dp "$data"/deepmd_kit/models/se_a_width1.dp "$2" ;;
    described.dp) grep -aoE '\{"@class": "Model".*|\{"(model|software|backend|type|version|time)".*' "$data"/deepmd/se_e2_r_oneside.dp | tr -d '\0' | head -1 >"$2"/json ;;
    model.yaml) cp "$data"/deepmd/se_e2_r_oneside.yaml "$data"/deeppot_sea/deeppot_sea.yaml "$2" ;;
    model.pb) cp "$data"/deepmd_kit/models_tf/tf_se_r_one.pb "$data"/deepmd_kit/models_tf/tf_se_a_two.pb "$2" ;;
    frames.xyz) cp "$data"/acac/isolated_atoms.xyz "$2"; head -109 "$data"/zuo2020/Cu_test.xyz >"$2"/cu.xyz
        head -34 "$data"/acac/test_MD_300K_10.xyz >"$2"/acac.xyz
        cat >"$2"/all.xyz <<'END'
1
Lattice="4 0 0 0 4 0 0 0 4" pbc=[T, T, F] energy=1 stress="1 2 3 4 5 6" fparam={1 2} numb_copy=2 virial="1 2 3 4 5 6 7 8 9" Properties=species:S:1:pos:R:3:forces:R:3:velo:R:3:momenta:R:3:masses:R:1:energies:R:1:aparam:R:2:Z:I:1:free:L:1
H 0 0 0 1 2 3 1 2 3 1 2 3 1 4 5 6 1 T
END
        ;;
    frames.lammpstrj) for file in "$data"/deepmd_kit/lammps/*.dump; do head -14 "$file" | sed 's/^192$/5/' >"$2/$(basename "$file")"; done
        cat >"$2"/all.dump <<'END'
ITEM: UNITS
real
ITEM: TIME
0.5
ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
1
ITEM: BOX BOUNDS abc origin pp ff pp
4 0 0 0
0 4 0 0
0 0 4 0
ITEM: ATOMS id element type xs ys zs vx vy vz fx fy fz mass
1 O 1 0 0 0 1 2 3 4 5 6 16
ITEM: TIMESTEP
1
ITEM: NUMBER OF ATOMS
1
ITEM: BOX BOUNDS xy xz yz pp pp pp
0 4 1
0 4 0
0 4 0
ITEM: ATOMS id element xu yu zu
1 O 1 2 3
END
        ;;
    structure.poscar) printf 'NaCl\n1.0\n4 0 0\n0 4 0\n0 1 5\nNa Cl_pv\n1 1\nSelective dynamics\nDirect\n0 0 0 T T F\n0.5 0.5 0.5 T T T\n' >"$2"/new
        printf 'K K\n-80\n4 0 0\n0 4 0\n0 1 5\n1 1\nCartesian\n0 0 0\n0.5 0.5 0.5\n\n0 0 0\n0 0 0\n' >"$2"/old ;;
    structure.data) for file in "$data"/deepmd_kit/lammps/*.lmp; do
            sed -E -e 's/^192 atoms/4 atoms/' -e '/^([5-9]|[0-9]{2,}) .*[0-9]$/d' "$file" >"$2/$(basename "$file")"
        done
        cat >"$2"/all.lmp <<'END'
t units = real
2 atoms
2 atom types
0 4 xlo xhi
-1 4 ylo yhi
0 6 zlo zhi
1 0 0 xy xz yz

Atom Type Labels

1 O
2 H

Masses

O 16 # O
H 1

Atoms # full

1 1 O 0.1 1 2 3
2 1 2 0.1 1 2 4 0 0 1

Velocities

1 0 0 0
2 0 0 1

Bonds

1 1 1 2
END
        ;;
    systems.hdf5) cp "$data"/deepmd_kit/formats/two_systems.hdf5 "$data"/hdf5/layout_first.h5 "$2" ;;
    npy_folder)
        k=0
        for file in type.raw type_map.raw set.000/{coord,box,energy,force,virial,atom_ener}.npy; do
            { printf "\\x$(printf %02x $k)"; cat "$data/deepmd_kit/formats/npy/$file"; } >"$2/$(basename "$file")"
            k=$((k + 1))
        done ;;
    array.npy) cp "$data"/deepmd_kit/formats/npy/set.000/*.npy "$2" ;;
    table.raw) cp "$data"/deepmd_kit/formats/raw/*.raw "$2" ;;
    tree.json) cp "$data"/deepmd_kit/formats/train_input.json "$data"/deepmd_kit/overflow/one_type.json "$2" ;;
    tree.yaml) cp "$data"/deeppot_sea/deeppot_sea.yaml "$2" ;;
    *) echo "no such target: $1" >&2; exit 2 ;;
esac
if [ -d "$here/found/$1" ]; then cp "$here/found/$1"/* "$2"; fi
