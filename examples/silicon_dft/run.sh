#!/usr/bin/env bash
# Trains a potential for silicon on DFT data and runs it in LAMMPS: run.sh [TRAINING_STEPS [MD_STEPS]]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
training=${1:-${KRAMERS_EXAMPLE_STEPS:-16000}}
steps=${2:-$((training < 1000 ? 20 : 5000))}
every=$((steps > 500 ? 10 : 1))
find_kramers
find_lammps
mkdir -p "$out"

# the same schedule over another number of steps
sed -e "s/\"numb_steps\": [0-9]*/\"numb_steps\": $training/" \
    -e "s/\"decay_steps\": [0-9]*/\"decay_steps\": $((training > 100 ? training / 100 : 1))/" \
    -e "s/\"disp_freq\": [0-9]*/\"disp_freq\": $((training > 80 ? training / 80 : 1))/" \
    "$here/input.json" >"$out/input.json"
printf '%s\n' "== training, $training steps"
(cd "$here" && "$kramers" train "$out/input.json" --folder "$out" --force)

printf '\n%s\n' "== test: 15 frames that training has not seen"
"$kramers" test -m "$out/model.dp" -s "$here/data/test" -d "$out/test" --force
"$kramers" plot lcurve "$out/lcurve.out" -o "$out/lcurve.png" --title "silicon, learning curve" --force
"$kramers" plot parity "$out/test" -o "$out/parity.png" --title "silicon, test frames" --force

for state in solid liquid; do
    printf '\n%s\n' "== $state, 216 atoms, $steps steps of 1 fs"
    lammps $state "$steps" "$here/in.silicon" -var state $state -var model "$out/model.dp" -var every $every
    "$kramers" plot thermo "$out/$state.log" -o "$out/$state.png" --title "silicon, $state" --force
    "$kramers" plot rdf "$out/$state.dump" --type-map Si --skip $((steps / every / 3)) -o "$out/${state}_rdf.png" \
        --rmax 7 --title "silicon, $state" --force
done
printf '\n%s\n' "Pictures in $out: lcurve.png parity.png solid.png solid_rdf.png liquid.png liquid_rdf.png"
