#!/usr/bin/env bash
# committors on grids: double well over nine decades, Mueller, Eyring-Kramers ratios, Duffing
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/runs.sh
begin committor committor_grid

for row in "0.5 0.048739736" "0.2 0.0027409625" "0.1 1.9587034e-5" "0.05 9.0965142e-10"; do
    read -r epsilon nu <<<"$row"
    solve "well_$epsilon" "{\"method\": \"grid\", \"problem\": {\"kind\": \"double_well\", \"epsilon\": $epsilon, \"low\": [-3], \"high\": [3]}, \"grid\": {\"spacing\": [0.002]}}"
    at_most "C1 double well, epsilon $epsilon: nu" "$(relative "$(result "well_$epsilon" nu)" "$nu")" 1e-6 relative
done
h=0.005
[ "$KRAMERS_QUICK" = 0 ] || h=0.01
for row in "mueller 10 0.00491430 0.00504252 198.316" "mueller 20 0.603636 0.735841 1.3601" \
    "rugged_mueller 10 0.00460218 0.00472659 211.571" "rugged_mueller 20 0.589261 0.718574 1.39265"; do
    read -r kind epsilon nu k time <<<"$row"
    solve "${kind}_$epsilon" "{\"method\": \"grid\", \"problem\": {\"kind\": \"$kind\", \"epsilon\": $epsilon}, \"grid\": {\"spacing\": [$h, $h], \"start\": [-0.558, 1.441]}, \"points\": [[-0.75, 0.55]]}"
    at_most "C2 $kind, epsilon $epsilon: nu" "$(relative "$(result "${kind}_$epsilon" nu)" "$nu")" 1e-4 relative
    at_most "C2 $kind, epsilon $epsilon: k_AB" "$(relative "$(result "${kind}_$epsilon" k_AB)" "$k")" 1e-4 relative
    at_most "C2 $kind, epsilon $epsilon: passage time" "$(relative "$(result "${kind}_$epsilon" mfpt)" "$time")" 1e-4 relative
done
q=$(sed -n 's/^q(.*= //p' "$work/rugged_mueller_10.txt" | head -1)
at_most "C2 rugged Mueller, epsilon 10: q(-0.75, 0.55)" "$(miss "$q" 0.56800)" 5e-4 ""
solve mueller_5 "{\"method\": \"grid\", \"problem\": {\"kind\": \"mueller\", \"epsilon\": 5}, \"grid\": {\"spacing\": [$h, $h]}}"
at_most "C2 mueller, epsilon 5: nu" "$(relative "$(result mueller_5 nu)" 1.45057e-7)" 2e-4 relative
h=0.02
solve duffing "{\"method\": \"grid\", \"problem\": {\"kind\": \"double_well\", \"height\": 0.25, \"dynamics\": \"underdamped\", \"friction\": 0.5, \"epsilon\": 0.05, \"A\": {\"ellipsoid\": {\"center\": [-1, 0], \"radii\": [0.3, 0.4]}}, \"B\": {\"ellipsoid\": {\"center\": [1, 0], \"radii\": [0.3, 0.4]}}, \"low\": [-2, -1.6], \"high\": [2, 1.6]}, \"grid\": {\"spacing\": [$h, $h]}}"
at_most "C10 Duffing, beta 20: nu (finite elements 5.4904e-4)" "$(relative "$(result duffing nu)" 5.4904e-4)" 0.02 relative
