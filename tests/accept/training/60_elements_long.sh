#!/usr/bin/env bash
# Cu, Li, Mo, Si of Zuo et al. 2020 with one recipe, three seeds, beside published potentials
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh

if [ ! -d "$KRAMERS_DATA/zuo2020" ]; then
    missing "Cu, Li, Mo, Si: test errors" "NNP, SNAP, qSNAP" "KRAMERS_DATA has no zuo2020"
    exit 0
fi
export KRAMERS_BENCH_BUILD=$KRAMERS_BUILD KRAMERS_BENCH_WORK=$KRAMERS_WORK
file=$KRAMERS_WORK/elements.values seeds=3
rm -f "$file"
# Mean absolute errors: the least of NNP, SNAP, qSNAP in energy and force, and MTP's force
while read -r element energy force mtp; do
    python3 bench/training/study.py elements --elements "$element" --seeds $seeds --values "$file" --threads 2 >"$KRAMERS_WORK/$element.txt" || exit 1
    e=$(values "$file" "${element}_e_mae") f=$(values "$file" "${element}_f_mae") wall=$(values "$file" "${element}_wall")
    at_most "$element: energy MAE, best of NNP, SNAP, qSNAP (seeds: $e)" "$(median_of "$e")" "$energy" meV/atom
    at_most "$element: force MAE, best of NNP, SNAP, qSNAP (seeds: $f)" "$(median_of "$f")" "$force" eV/A
    at_most "$element: force MAE, 1.25 of MTP" "$(median_of "$f")" "$(awk "BEGIN { print 1.25 * $mtp }")" eV/A
    at_most "$element: training time with two threads, longest" "${wall##* }" 900 s
done <<'TABLE'
Cu 0.53 0.0241 0.0069
Li 0.73 0.0168 0.0101
Mo 2.77 0.1250 0.0901
Si 3.81 0.1086 0.0560
TABLE
