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
# Audits of different iterations look at different frames (first those of cold cells alone): what has to fall is the error
# of the models of one iteration after the other on the same frames, the last audit's, which none was trained on.
errors=$(awk -F'\t' '$2 == "all" && $3 == "rmse_f" { printf "%s%.1f", (n++ ? " " : ""), 1000 * $4 }' "$OUT/campaign/report.tsv")
at_least "pw.x from nothing: iterations with an audit ($errors meV/A)" "$(wc -w <<<"$errors")" 3
on_the_same() { awk -F'\t' -v name="$1" '$2 ~ /^models / && $3 == name { if ($1 != it) { it = $1; list = "" } list = list sprintf("%s%.1f", list == "" ? "" : " ", 1000 * $4) }
    END { print list }' "$OUT/campaign/report.tsv"; }
falls() { awk '{ for (k = 2; k <= NF; k++) bad += $k >= $(k - 1) } END { print bad || NF < 3 ? "no" : "yes" }' <<<"$1"; }
for kind in audited chosen; do
    errors=$(on_the_same rmse_f_$kind)
    exactly "pw.x from nothing: force error falls on the last $kind frames ($errors meV/A)" "$(falls "$errors")" yes
done
