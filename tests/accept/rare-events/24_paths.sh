#!/usr/bin/env bash
# Q3: barriers of minimum action paths of the Maier-Stein drift
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
out=$KRAMERS_WORK/paths.txt
"$KRAMERS_BUILD/accept/accept_paths" >"$out" || exit 1
while read -r beta u; do
    at_most "Q3 beta $beta: U of the saddle against $u" \
        "$(awk -v a="$(value "$out" u_$beta)" -v b="$u" 'BEGIN { d = a - b; printf "%.3g", d < 0 ? -d : d }')" 1e-4 "(U $(value "$out" u_$beta))"
done <<<'1 0.5
3 0.5
5 0.48307
8 0.39056
10 0.340041'
at_most "Q3 time" "$(value "$out" seconds)" 10 s
