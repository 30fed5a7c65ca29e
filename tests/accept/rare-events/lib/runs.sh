#!/usr/bin/env bash
# Read by the checks of this part: runs of committor and quasipotential, numbers of their results.
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/rare-events/lib/statistics.sh
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
