#!/usr/bin/env bash
# Read by the checks of this part: runs of committor and quasipotential, numbers of their results, statistics of seeds.
# SPDX-License-Identifier: BSD-3-Clause
# Threads that wait sleep: beside other programs spinning costs twice the CPU time.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
# begin COMMAND NAME: the command of `solve` and the folder of its runs
begin() {
    command=$1 work=$KRAMERS_WORK/$2
    mkdir -p "$work"
    rm -f "$work"/*.list
}
# solve NAME JSON: runs it; NAME.txt, NAME.exit and the folder NAME hold what came out, $seconds the wall time
solve() {
    local started=$SECONDS
    rm -rf "${work:?}/$1" "$work/$1.txt" # what a failed run leaves must not be the numbers of an earlier one
    echo "$2" >"$work/$1.json"
    "$KRAMERS_BUILD/cli/kramers" "$command" "$work/$1.json" -o "$work/$1" --force >"$work/$1.txt" 2>&1
    echo $? >"$work/$1.exit"
    seconds=$((SECONDS - started))
}
# result NAME KEY: the first number of that key
result() { sed -n "s/^ *\"$2\": *\([-+0-9.eE]*\),*$/\1/p" "$work/$1/results.json" | head -1; }
# point NAME: U of the first of the points
point() { sed -n 's/^V(.*U = 2V = //p' "$work/$1.txt" | head -1; }
# relative A B: |A/B - 1|; miss A B: |A - B|; double A: 2 A; nothing of a number that is not there
relative() { [ -z "$1" ] || awk -v a="$1" -v b="$2" 'BEGIN { d = a / b - 1; printf "%.4g", d < 0 ? -d : d }'; }
miss() { [ -z "$1" ] || awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; printf "%.4g", d < 0 ? -d : d }'; }
double() { [ -z "$1" ] || awk -v a="$1" 'BEGIN { print 2 * a }'; }
# note NAME VALUE: adds to the list of seeds; both TEXT NAME LIMIT UNIT: its median and its worst
note() { echo "${2:-nan}" >>"$work/$1.list"; }
median() { sort -g "$work/$1.list" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
worst() { if grep -q nan "$work/$1.list"; then echo nan; else sort -g "$work/$1.list" | tail -1; fi; }
both() {
    at_most "$1, median of $KRAMERS_SEEDS" "$(median "$2")" "$3" "$4"
    at_most "$1, worst" "$(worst "$2")" "$3" "$4"
}
busy() { echo "s (load $(cut -d' ' -f1 /proc/loadavg))"; }
