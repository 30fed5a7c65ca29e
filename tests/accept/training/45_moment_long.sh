#!/usr/bin/env bash
# moment form against the exact engine: the learning curve of water over 5,000 steps
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
kramers=$KRAMERS_BUILD/cli/kramers work=$KRAMERS_WORK/moment steps=5000
[ "$KRAMERS_QUICK" = 0 ] || steps=200
if [ ! -d "$KRAMERS_DATA/water/data_3" ]; then
    missing "water, $steps steps: errors of both engines, relative" "<= 1e-3" "KRAMERS_DATA has no water"
    exit 0
fi
rm -rf "$work" && mkdir -p "$work"
for engine in exact moment; do
    cat >"$work/$engine.json" <<JSON
{"model": {"type_map": ["O", "H"], "descriptor": {"type": "se_e2_a", "sel": [46, 92], "rcut": 6.0, "rcut_smth": 0.5,
   "neuron": [25, 50, 100], "axis_neuron": 16, "seed": 1}, "fitting_net": {"neuron": [240, 240, 240], "seed": 1}},
 "learning_rate": {"type": "exp", "start_lr": 0.001, "stop_lr": 3.5e-8, "decay_steps": 50},
 "loss": {"start_pref_e": 0.02, "limit_pref_e": 1, "start_pref_f": 1000, "limit_pref_f": 1},
 "training": {"training_data": {"systems": ["$KRAMERS_DATA/water/data_0", "$KRAMERS_DATA/water/data_1",
   "$KRAMERS_DATA/water/data_2"], "batch_size": 1}, "validation_data": {"systems": ["$KRAMERS_DATA/water/data_3"],
   "batch_size": 8, "numb_btch": 10}, "numb_steps": $steps, "disp_freq": $((steps / 10)), "save_freq": 100000,
   "seed": 1}, "kramers": {"engine": "$engine", "precision": "double"}}
JSON
    "$kramers" train "$work/$engine.json" --folder "$work/$engine" -q >"$work/$engine.log" 2>&1 || exit 1
done
# columns: step, rmse (validation, training), energies, forces
for what in "force 6" "energy 4"; do
    set -- $what
    worst=$(paste "$work/exact/lcurve.out" "$work/moment/lcurve.out" | awk -v c="$2" '!/#/ {
        d = $c - $(c + 8); if (d < 0) d = -d; d /= $c; if (d > worst + 0) worst = d; n++ } END { if (n) printf "%.3g", worst }')
    at_most "water, $steps steps: $1 error of both engines, relative" "$worst" 1e-3 "(3 digits)"
done
