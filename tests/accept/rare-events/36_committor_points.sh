#!/usr/bin/env bash
# neural committors at other noise and in 20 dimensions: too few points are refused with a hint, enough of them are right
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/runs.sh
begin committor committor_points
well() { # NAME SAMPLING MORE
    solve "$1" "{\"problem\": {\"kind\": \"double_well\", \"dim\": 20, \"epsilon\": 0.05}, \"seed\": 1, \"sampling\": {\"epsilon\": 1, \"coordinates\": [1], \"test_count\": 400000, $2}, \"validation\": {\"dt\": 1e-3, \"direct\": 0}$3}"
}
well few '"count": 200000' ''
exactly "double well, 20-D, epsilon 0.05, 200,000 points: exit code" "$(cat "$work/few.exit")" 3
exactly "  says that the points are known by heart" "$(grep -c 'known by heart' "$work/few.txt")" 1 lines
well enough '"count": 1000000, "stride": 10' ', "training": {"steps": 12000}'
exactly "double well, 20-D, 1,000,000 points: exit code" "$(cat "$work/enough.exit")" 0
at_most "  nu against 9.0965142e-10" "$(relative "$(result enough nu)" 9.0965142e-10)" 0.05 relative
while read -r epsilon heat; do
    rugged="{\"kind\": \"rugged_mueller\", \"dim\": 10, \"epsilon\": $epsilon}"
    solve rugged "{\"problem\": $rugged, \"seed\": 1, \"sampling\": {\"epsilon\": $heat, \"coordinates\": [1, 2], \"count\": 1000000, \"stride\": 10, \"test_count\": 1000000}, \"training\": {\"steps\": 12000}, \"validation\": {\"dt\": 1e-5, \"direct\": 0}}"
    exactly "rugged Mueller, 10-D, epsilon $epsilon, heated to $heat: exit code" "$(cat "$work/rugged.exit")" 0
    at_most "  RMSE against the grid" "$("$KRAMERS_BUILD/accept/accept_committor" mueller "$work/rugged" "$rugged" | sed -n 's/^rmse //p')" 0.015 ""
done <<TABLE
15 40
30 50
TABLE
