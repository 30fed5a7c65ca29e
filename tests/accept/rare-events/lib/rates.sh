#!/usr/bin/env bash
# Read by the checks of this part: get FILE PATH… prints a number of a JSON file, rate NAME [ARGUMENT…] runs kramers rate.
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/rare-events/lib/statistics.sh
# Threads that wait sleep: beside other programs spinning costs twice the CPU time.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
get() { python3 -c 'import functools, json, sys
v = functools.reduce(lambda a, k: (a or {}).get(k), sys.argv[2:], json.load(open(sys.argv[1])))
print("" if v is None else f"{v:.6g}")' "$@"; }
# together NAME EXACT: the mean of the list's "value error" lines against EXACT, in its standard errors. Of twenty single
# values one is beyond three errors in every twentieth run; the mean of all seeds feels a bias, or errors too small, more.
together() { awk -v x="$2" 'NF == 2 { d += $1 - x; e += $2 * $2; n++ } NF != 2 { bad = 1 }
    END { if (n && !bad) printf "%.3g", (d < 0 ? -d : d) / sqrt(e) }' "$work/$1.list"; }
# rate NAME FACTOR [SEED]: runs rates/NAME.json; with KRAMERS_QUICK=1 the keys that count work are divided by FACTOR.
# $results is the file, $seconds the wall time.
rate() {
    local name=$1 factor=$2 run=$KRAMERS_WORK/$1.json started
    [ "$KRAMERS_QUICK" = 1 ] || factor=1
    python3 -c 'import json, sys
run = json.load(open(sys.argv[1])); f = int(sys.argv[2]); run["seed"] = int(sys.argv[3])
for m in run["methods"]:
    for key, least in (("runs", 64), ("time", 1000), ("replicas", 3)):
        if key in m: m[key] = max(least, m[key] / f if key == "time" else m[key] // f)
json.dump(run, sys.stdout, indent=1)' "tests/accept/rare-events/rates/$name.json" "$factor" "${3:-1}" >"$run"
    results=$KRAMERS_WORK/$name/results.json
    rm -rf "${KRAMERS_WORK:?}/$name" # no numbers of an earlier run
    started=$(date +%s.%N)
    "$KRAMERS_BUILD/cli/kramers" rate "$run" -o "$KRAMERS_WORK/$name" --force >"$KRAMERS_WORK/$name.txt" 2>"$KRAMERS_WORK/$name.progress"
    code=$?
    seconds=$(awk -v a="$started" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }')
    [ $code -eq 0 ] || [ $code -eq 3 ]
}
# lists NAME: where `note` keeps the lists of these checks, empty at first
lists() {
    work=$KRAMERS_WORK/$1
    mkdir -p "$work"
    rm -f "$work"/*.list
}
