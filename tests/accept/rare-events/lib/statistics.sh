#!/usr/bin/env bash
# Read by the checks of this part: differences of numbers, lists of seeds with their median and worst.
# SPDX-License-Identifier: BSD-3-Clause
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
