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
    frames.xyz) cp "$data"/acac/isolated_atoms.xyz "$2"; head -60 "$data"/zuo2020/Cu_test.xyz >"$2"/cu.xyz
        head -34 "$data"/acac/test_MD_300K_10.xyz >"$2"/acac.xyz ;;
    frames.lammpstrj) head -60 "$data"/deepmd_kit/lammps/water_nve.dump >"$2"/nve.dump ;;
    structure.data) head -40 "$data"/deepmd_kit/lammps/water_tri.lmp >"$2"/tri.lmp; sed -i 's/^192 atoms/29 atoms/' "$2"/tri.lmp ;;
    systems.hdf5) cp "$data"/deepmd_kit/formats/two_systems.hdf5 "$2" ;;
    npy_folder)
        k=0
        for file in type.raw type_map.raw set.000/{coord,box,energy,force,virial,atom_ener}.npy; do
            { printf "\\x$(printf %02x $k)"; cat "$data/deepmd_kit/formats/npy/$file"; } >"$2/$(basename "$file")"
            k=$((k + 1))
        done ;;
    array.npy) cp "$data"/deepmd_kit/formats/npy/set.000/*.npy "$2" ;;
    tree.json) cp "$data"/deepmd_kit/formats/train_input.json "$data"/deepmd_kit/overflow/one_type.json "$2" ;;
    tree.yaml) cp "$data"/deeppot_sea/deeppot_sea.yaml "$2" ;;
    *) echo "no such target: $1" >&2; exit 2 ;;
esac
if [ -d "$here/found/$1" ]; then cp "$here/found/$1"/* "$2"; fi
