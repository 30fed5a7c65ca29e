#!/usr/bin/env bash
# neural committors in 10 dimensions: errors, rate, histogram test, fluxes, resumed runs, negative controls
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
work=$KRAMERS_WORK/committor
mkdir -p "$work"
kramers=$KRAMERS_BUILD/cli/kramers
solve() { # NAME JSON: prints seconds
    echo "$2" >"$work/$1.json"
    local start=$SECONDS
    "$kramers" committor "$work/$1.json" -o "$work/$1" --force >"$work/$1.txt" 2>&1
    echo $? >"$work/$1.exit"
    seconds=$((SECONDS - start))
}
result() { sed -n "s/^ *\"$2\": *\([-+0-9.eE]*\),*$/\1/p" "$work/$1/results.json" | head -1; }
excess() { awk -v a="$1" -v b="$2" 'BEGIN { d = a / b - 1; printf "%.4g", d < 0 ? -d : d }'; }
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
worst() { sort -g "$1" | tail -1; }
both() { # TEXT FILE LIMIT UNIT
    at_most "$1, median of seeds" "$(median "$2")" "$3" "$4"
    at_most "$1, worst" "$(worst "$2")" "$3" "$4"
}

seeds=5 test=1000000
[ "$KRAMERS_QUICK" = 0 ] || { seeds=1; test=300000; }
rugged='{"kind": "rugged_mueller", "dim": 10}'
rm -f "$work"/*.list
for seed in $(seq $seeds); do
    solve rugged "{\"problem\": $rugged, \"seed\": $seed, \"sampling\": {\"epsilon\": 40, \"coordinates\": [1, 2], \"count\": 300000, \"test_count\": $test}, \"validation\": {\"dt\": 1e-5, \"direct\": 0}}"
    "$KRAMERS_BUILD/accept/accept_committor" mueller "$work/rugged" "$rugged" >"$work/rugged.errors"
    for key in rmse relative_l2 transition_l2; do value "$work/rugged.errors" $key >>"$work/$key.list"; done
    excess "$(result rugged k_AB)" 4.7266e-3 >>"$work/rate.list"
    awk -v m="$(result rugged hit_mean)" 'BEGIN { d = m - 0.5; print d < 0 ? -d : d }' >>"$work/hit.list"
    result rugged hit_intrinsic_sd >>"$work/sd.list"
    result rugged flux_spread >>"$work/spread.list"
    cat "$work/rugged.exit" >>"$work/exit.list"
    echo $seconds >>"$work/seconds.list"
done
both "C4 rugged Mueller, 10-D: RMSE" "$work/rmse.list" 0.015 ""
both "C4 relative L2" "$work/relative_l2.list" 0.02 ""
both "C4 relative L2 of the transition zone" "$work/transition_l2.list" 0.06 ""
both "C5 k_AB of the functional" "$work/rate.list" 0.12 relative
both "C6 shots: |mean - 1/2|" "$work/hit.list" 0.03 ""
both "C6 shots: intrinsic spread" "$work/sd.list" 0.06 ""
both "C12 spread of the flux" "$work/spread.list" 0.15 ""
at_most "C4 validated by the program, all seeds (exit code)" "$(worst "$work/exit.list")" 0 ""
line "C4-C6 seconds of a run, training and shots" "" "$(median "$work/seconds.list")" s pass

while read -r epsilon nu limit heat; do
    rm -f "$work/well.list"
    for seed in $(seq $seeds); do
        solve well "{\"problem\": {\"kind\": \"double_well\", \"dim\": 10, \"epsilon\": $epsilon}, \"seed\": $seed, \"sampling\": {\"epsilon\": $heat, \"coordinates\": [1], \"count\": 200000, \"test_count\": 400000}, \"validation\": {\"dt\": 1e-3, \"direct\": 0}}"
        excess "$(result well nu)" "$nu" >>"$work/well.list"
    done
    both "C8 double well, 10-D, epsilon $epsilon: nu" "$work/well.list" "$limit" relative
done <<TABLE
0.2 0.0027409625 0.05 1
0.05 9.0965142e-10 0.15 1
TABLE

spheres='{"kind": "spheres", "dim": 10}'
rm -f "$work/sphere.list"
for seed in $(seq $seeds); do
    solve spheres "{\"problem\": $spheres, \"seed\": $seed, \"sampling\": {\"epsilon\": 4, \"count\": 200000, \"test_count\": 200000}, \"validation\": {\"dt\": 1e-4, \"direct\": 0}}"
    "$KRAMERS_BUILD/accept/accept_committor" spheres "$work/spheres" "$spheres" >"$work/spheres.errors"
    value "$work/spheres.errors" relative_l2 >>"$work/sphere.list"
done
both "C11 spheres, 10-D: relative L2" "$work/sphere.list" 0.02 ""

# Negative controls: the program must say no.
solve wrong "{\"problem\": $rugged, \"sampling\": {\"epsilon\": 40, \"coordinates\": [1, 2], \"count\": 100000, \"test_count\": 200000}, \"training\": {\"hinge\": 0, \"penalty\": 3}, \"validation\": {\"dt\": 1e-5, \"direct\": 0, \"shots\": 100}}"
exactly "control, no hinge and a weak boundary: exit code" "$(cat "$work/wrong.exit")" 3
solve cold "{\"problem\": $rugged, \"sampling\": {\"count\": 50000, \"test_count\": 100000}, \"training\": {\"steps\": 1000}, \"validation\": {\"dt\": 1e-5, \"direct\": 0, \"shots\": 50}}"
exactly "control, no bias, B from A never reached: exit code" "$(cat "$work/cold.exit")" 3
solve overlap '{"problem": {"kind": "rugged_mueller", "A": {"cylinder": {"center": [0, 0], "radius": 1}}, "B": {"cylinder": {"center": [0.5, 0], "radius": 1}}}, "validation": {"dt": 1e-5}}'
exactly "control, A and B overlap: exit code" "$(cat "$work/overlap.exit")" 1
