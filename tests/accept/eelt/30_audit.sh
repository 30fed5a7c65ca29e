#!/usr/bin/env bash
# audit: coverage of the 95 % bound over synthetic campaigns of known rate with correlated frames
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
out=$KRAMERS_WORK/audit.txt
quick=()
[ "$KRAMERS_QUICK" = 0 ] || quick=(quick)
"$KRAMERS_BUILD/accept/accept_audit" "${quick[@]}" >"$out" || exit 1
ctest_passes "draws, limits, means and certificates against formulas" -R '^test_audit$'
while read -r key coverage; do
    [[ $key == coverage_* ]] || continue
    at_least "bound holds: ${key#coverage_}" "$coverage" 0.93 "of campaigns"
done <"$out"
at_least "bound holds: the worst kind of campaign" "$(value "$out" worst)" 0.93 "of campaigns"
