#!/usr/bin/env bash
# Molecular dynamics of a copper crystal in LAMMPS: run.sh [STEPS] [CELLS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
steps=${1:-${KRAMERS_EXAMPLE_STEPS:-2000}}
cells=${2:-${KRAMERS_EXAMPLE_CELLS:-5}}
every=$((steps > 999 ? 10 : steps > 99 ? steps / 50 : 1))
find_kramers
find_lammps
mkdir -p "$out"

lammps copper "$steps" "$here/in.copper" -var model "$root/examples/models/copper_se_e2_a.dp" -var n "$cells" \
    -var every $every
"$kramers" plot thermo "$out/copper.log" -o "$out/copper.png" --title "copper" --force
"$kramers" plot rdf "$out/copper.dump" --skip $((steps / every / 2)) --rmax 7 -o "$out/copper_rdf.png" \
    --title "copper" --force
printf '\n%s\n' "Pictures in $out: copper.png copper_rdf.png"
