#!/usr/bin/env bash
# Cu, Li, Mo, Si of Zuo et al. 2020 with one recipe, three seeds, beside published potentials
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh

if [ ! -d "$KRAMERS_DATA/zuo2020" ]; then
    missing "Cu, Li, Mo, Si: test errors" "NNP, SNAP, qSNAP" "KRAMERS_DATA has no zuo2020"
    exit 0
fi
export KRAMERS_BENCH_BUILD=$KRAMERS_BUILD KRAMERS_BENCH_WORK=$KRAMERS_WORK
values=$KRAMERS_WORK/elements.values seeds=3
rm -f "$values"
# of all seeds: the median, and all from the least on
sorted() { awk -v key="$1" '$1 == key { print $2 }' "$values" | sort -g; }
median() { sorted "$1" | awk '{ v[NR] = $1 } END { if (NR) printf "%.5g", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
all() { sorted "$1" | paste -sd ' '; }
# Mean absolute errors: the least of NNP, SNAP, qSNAP in energy and force, and MTP's force
while read -r element energy force mtp; do
    python3 bench/training/study.py elements --elements "$element" --seeds $seeds --values "$values" --threads 2 >"$KRAMERS_WORK/$element.txt" || exit 1
    at_most "$element: energy MAE, best of NNP, SNAP, qSNAP (seeds: $(all "${element}_e_mae"))" "$(median "${element}_e_mae")" "$energy" meV/atom
    at_most "$element: force MAE, best of NNP, SNAP, qSNAP (seeds: $(all "${element}_f_mae"))" "$(median "${element}_f_mae")" "$force" eV/A
    at_most "$element: force MAE, 1.25 of MTP" "$(median "${element}_f_mae")" "$(awk "BEGIN { print 1.25 * $mtp }")" eV/A
    at_most "$element: training time with two threads, longest" "$(sorted "${element}_wall" | tail -1)" 900 s
done <<'TABLE'
Cu 0.53 0.0241 0.0069
Li 0.73 0.0168 0.0101
Mo 2.77 0.1250 0.0901
Si 3.81 0.1086 0.0560
TABLE
