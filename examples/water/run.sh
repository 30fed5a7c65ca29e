#!/usr/bin/env bash
# Molecular dynamics of liquid water in LAMMPS: run.sh [STEPS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
steps=${1:-${KRAMERS_EXAMPLE_STEPS:-10000}}
every=$((steps > 2000 ? 20 : steps > 99 ? steps / 50 : 1))
find_kramers
find_lammps
mkdir -p "$out"

for ensemble in nve npt; do
    lammps $ensemble "$steps" "$here/in.water" -var ensemble $ensemble -var data "$here/water.lmp" \
        -var model "$root/examples/models/water_se_e2_a.dp" -var every $every
    printf '\n%s\n' "== $ensemble, $steps steps of 0.5 fs, 192 atoms"
    "$kramers" plot thermo "$out/$ensemble.log" -o "$out/$ensemble.png" --title "water, $ensemble" --force
    "$kramers" plot rdf "$out/$ensemble.dump" --type-map O,H --pairs O-O,O-H,H-H --skip $((steps / every / 5)) \
        -o "$out/${ensemble}_rdf.png" --rmax 6.2 --gmax 4 --title "water, $ensemble" --force
done
printf '\n%s\n' "Pictures in $out: nve.png nve_rdf.png npt.png npt_rdf.png (data .dat and scripts .gp beside them)"
