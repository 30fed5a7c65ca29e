#!/usr/bin/env bash
# neural committors in 10 dimensions: errors, rate, histogram test, fluxes, resumed runs, negative controls
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/runs.sh
begin committor committor
test=1000000
[ "$KRAMERS_QUICK" = 0 ] || test=300000
rugged='{"kind": "rugged_mueller", "dim": 10}'
for seed in $(seq "$KRAMERS_SEEDS"); do
    solve rugged "{\"problem\": $rugged, \"seed\": $seed, \"sampling\": {\"epsilon\": 40, \"coordinates\": [1, 2], \"count\": 1000000, \"stride\": 10, \"test_count\": $test}, \"training\": {\"steps\": 12000}, \"validation\": {\"dt\": 1e-5, \"direct\": 0}}"
    "$KRAMERS_BUILD/accept/accept_committor" mueller "$work/rugged" "$rugged" >"$work/rugged.errors"
    for key in rmse relative_l2 transition_l2; do note $key "$(value "$work/rugged.errors" $key)"; done
    note rate "$(relative "$(result rugged k_AB)" 4.7266e-3)"
    note hit "$(miss "$(result rugged hit_mean)" 0.5)"
    note sd "$(result rugged hit_intrinsic_sd)"
    note spread "$(result rugged flux_spread)"
    note exit "$(cat "$work/rugged.exit")"
    note seconds $seconds
done
both "C4 rugged Mueller, 10-D: RMSE" rmse 0.015 ""
both "C4 relative L2" relative_l2 0.02 ""
both "C4 relative L2 of the transition zone" transition_l2 0.06 ""
both "C5 k_AB of the functional" rate 0.12 relative
both "C6 shots: |mean - 1/2|" hit 0.03 ""
both "C6 shots: intrinsic spread" sd 0.06 ""
both "C12 spread of the flux" spread 0.15 ""
at_most "C4 validated by the program, all seeds (exit code)" "$(worst exit)" 0 ""
at_most "C4-C6, C12 time, median" "$(median seconds)" 245 "$(busy)"

while read -r epsilon nu limit heat; do
    for seed in $(seq "$KRAMERS_SEEDS"); do
        solve well "{\"problem\": {\"kind\": \"double_well\", \"dim\": 10, \"epsilon\": $epsilon}, \"seed\": $seed, \"sampling\": {\"epsilon\": $heat, \"coordinates\": [1], \"count\": 200000, \"test_count\": 400000}, \"validation\": {\"dt\": 1e-3, \"direct\": 0}}"
        note well$epsilon "$(relative "$(result well nu)" "$nu")"
        note well_seconds$epsilon $seconds
    done
    both "C8 double well, 10-D, epsilon $epsilon: nu" well$epsilon "$limit" relative
    at_most "C8 time, median" "$(median well_seconds$epsilon)" 60 "$(busy)"
done <<TABLE
0.2 0.0027409625 0.05 1
0.05 9.0965142e-10 0.15 1
TABLE

spheres='{"kind": "spheres", "dim": 10}'
for seed in $(seq "$KRAMERS_SEEDS"); do
    solve spheres "{\"problem\": $spheres, \"seed\": $seed, \"network\": {\"hidden\": [20, 20], \"features\": [\"sqrt(sum(i, 1, 10, x[i]^2))\"]}, \"sampling\": {\"epsilon\": 4, \"count\": 200000, \"test_count\": 200000}, \"training\": {\"hinge\": 0}, \"validation\": {\"dt\": 1e-4, \"direct\": 0}}"
    "$KRAMERS_BUILD/accept/accept_committor" spheres "$work/spheres" "$spheres" >"$work/spheres.errors"
    note sphere "$(value "$work/spheres.errors" relative_l2)"
done
both "C11 spheres, 10-D: relative L2" sphere 0.02 ""
at_most "C11 time" $seconds 30 "$(busy)"

# Other dimensions, noise and radii, validated by the program itself.
solve other '{"problem": {"kind": "double_well", "dim": 4, "epsilon": 0.1}, "sampling": {"epsilon": 1, "coordinates": [1], "count": 200000, "test_count": 400000}, "validation": {"dt": 1e-3, "direct": 0}}'
at_most "double well, 4-D, epsilon 0.1: nu" "$(relative "$(result other nu)" 1.9587034e-5)" 0.02 relative
exactly "double well, 4-D, epsilon 0.1: exit code" "$(cat "$work/other.exit")" 0
five='{"kind": "spheres", "dim": 5, "inner": 0.7, "outer": 1.6, "stiffness": 6}'
solve five "{\"problem\": $five, \"network\": {\"hidden\": [20, 20], \"features\": [\"sqrt(sum(i, 1, 5, x[i]^2))\"]}, \"sampling\": {\"epsilon\": 4, \"count\": 200000, \"test_count\": 200000}, \"training\": {\"hinge\": 0}, \"validation\": {\"dt\": 1e-4, \"direct\": 0}}"
"$KRAMERS_BUILD/accept/accept_committor" spheres "$work/five" "$five" >"$work/five.errors"
at_most "spheres, 5-D, other radii: relative L2" "$(value "$work/five.errors" relative_l2)" 0.02 ""
exactly "spheres, 5-D, other radii: exit code" "$(cat "$work/five.exit")" 0

# Rates along a learned committor: splitting and forward flux are right for any coordinate, this is a good one.
cat >"$work/along.json" <<JSON
{"problem": {"kind": "double_well", "dim": 10, "epsilon": 0.05}, "dt": 0.004, "coordinate": {"committor": "$work/well"},
 "methods": [{"kind": "committor", "folder": "$work/well"}, {"kind": "ffs", "basin_time": 20, "trials": 500, "replicas": 8},
 {"kind": "ams", "basin_time": 20, "walkers": 300, "replicas": 8}]}
JSON
rm -rf "$work/along"
"$KRAMERS_BUILD/cli/kramers" rate "$work/along.json" -o "$work/along" --force >"$work/along.txt" 2>&1
exactly "C9 along the committor of C8: exit code" $? 0
exactly "C9 three routes along it: pairs that disagree" "$(result along pairs_that_disagree)" 0 pairs
at_most "C9 their mean against 1.8193e-9" "$(relative "$(sed -n '/"agreement"/,$p' "$work/along/results.json" | sed -n 's/^ *"k_ab": *\([-+0-9.eE]*\),*$/\1/p')" 1.8193028e-9)" 0.1 relative

# Negative controls: the program must say no.
solve wrong "{\"problem\": $rugged, \"sampling\": {\"epsilon\": 40, \"coordinates\": [1, 2], \"count\": 100000, \"test_count\": 200000}, \"training\": {\"hinge\": 0, \"penalty\": 3}, \"validation\": {\"dt\": 1e-5, \"direct\": 0, \"shots\": 100}}"
exactly "control, no hinge and a weak boundary: exit code" "$(cat "$work/wrong.exit")" 3
solve cold "{\"problem\": $rugged, \"sampling\": {\"count\": 50000, \"test_count\": 100000}, \"training\": {\"steps\": 1000}, \"validation\": {\"dt\": 1e-5, \"direct\": 0, \"shots\": 50}}"
exactly "control, no bias, B from A never reached: exit code" "$(cat "$work/cold.exit")" 3
solve bias "{\"problem\": $rugged, \"sampling\": {\"method\": \"kolmogorov\", \"rounds\": 2, \"count\": 20000, \"test_count\": 50000}, \"training\": {\"steps\": 300}, \"validation\": {\"dt\": 1e-5, \"direct\": 0, \"shots\": 50}}"
exactly "control, a bias that is not converged: exit code" "$(cat "$work/bias.exit")" 3
solve overlap '{"problem": {"kind": "rugged_mueller", "A": {"cylinder": {"center": [0, 0], "radius": 1}}, "B": {"cylinder": {"center": [0.5, 0], "radius": 1}}}, "validation": {"dt": 1e-5}}'
exactly "control, A and B overlap: exit code" "$(cat "$work/overlap.exit")" 1
