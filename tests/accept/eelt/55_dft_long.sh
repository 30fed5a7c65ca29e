#!/usr/bin/env bash
# a loop with real density functional theory (pw.x), three iterations from nothing: time, errors of the audits
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
command -v pw.x >/dev/null || { missing "pw.x from nothing" "<= 900 s" "no pw.x"; exit 0; }
export OMP_NUM_THREADS=1 KRAMERS=$KRAMERS_BUILD/cli/kramers OUT=$KRAMERS_WORK/al_dft
steps=6000
[ "$KRAMERS_QUICK" = 0 ] || steps=100
rm -rf "$OUT"
start=$(date +%s)
"$KRAMERS_ROOT/examples/al_dft/run.sh" $steps >"$KRAMERS_WORK/al_dft.txt" 2>&1
exactly "pw.x from nothing: ended (exit code)" $? 0
at_most "pw.x from nothing: three iterations" $(($(date +%s) - start)) 900 s
[ "$KRAMERS_QUICK" = 0 ] || exit 0
errors=$(awk -F'\t' '$2 == "all" && $3 == "rmse_f" { printf "%s%.1f", (n++ ? " " : ""), 1000 * $4 }' "$OUT/campaign/report.tsv")
at_least "pw.x from nothing: iterations with an audit ($errors meV/A)" "$(wc -w <<<"$errors")" 3
exactly "pw.x from nothing: the audits' force error falls" "$(awk '{ for (k = 2; k <= NF; k++) bad += $k >= $(k - 1) } END { print bad ? "no" : "yes" }' <<<"$errors")" yes
