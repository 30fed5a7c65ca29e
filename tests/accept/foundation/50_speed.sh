#!/usr/bin/env bash
# speed beside DeePMD-kit in one run, latency of a molecule, two cores
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
rounds=7 seconds=5
[ "$KRAMERS_QUICK" = 0 ] || { rounds=3 seconds=3; }
out=$KRAMERS_WORK/inference.json
# get FILE KEY…: a number out of a JSON file
get() { python3 -c 'import functools, json, sys
v = functools.reduce(lambda a, k: (a or {}).get(k), sys.argv[2:], json.load(open(sys.argv[1])))
print("" if v is None else f"{v:.4g}")' "$@"; }

bench/inference --rounds $rounds --seconds $seconds --json "$out" >"$KRAMERS_WORK/inference.txt" || exit 1
check() { # SYSTEM PRECISION AIM
    local us
    us=$(get "$out" "$1" "Kramers $2" us)
    if ! bench/peers --path >/dev/null; then
        missing "$1 $2 against DeePMD-kit" ">= $3" "bench/peers installs it"
    else
        at_least "$1 $2 against DeePMD-kit (${us:-no} us/atom/step)" "$(get "$out" "$1" "Kramers $2" ratio)" "$3" times
    fi
    at_most "$1 $2: force error of the timed run" "$(get "$out" "$1" "Kramers $2" force_error)" "$4" eV/A
}
check copper double 11 1e-6
check copper mixed 20 5e-5
check water double 7 1e-6
check water mixed 12 5e-5

bench/latency --rounds 3 --json "$KRAMERS_WORK/latency.json" >"$KRAMERS_WORK/latency.txt" || exit 1
at_most "5-atom molecule, one step, mixed, one thread" "$(get "$KRAMERS_WORK/latency.json" "Kramers mixed")" 100 us
if [ "$(nproc)" -lt 2 ]; then
    missing "5-atom molecule, one step, double, two threads" "<= 100" "one core only"
else
    at_most "5-atom molecule, one step, double, two threads" "$(get "$KRAMERS_WORK/latency.json" "Kramers double, 2 threads")" 100 us
fi

if [ "$(nproc)" -lt 2 ]; then
    missing "two cores against one" ">= 1.9" "one core only"
else
    bench/scaling --rounds $rounds --seconds $seconds --json "$KRAMERS_WORK/scaling.json" >"$KRAMERS_WORK/scaling.txt" || exit 1
    for way in "2 threads" "2 ranks"; do
        for system in copper water; do
            at_least "$system, $way against one core" "$(get "$KRAMERS_WORK/scaling.json" "$system $way" ratio)" 1.9 "times (load $(cut -d' ' -f1 /proc/loadavg))"
        done
    done
fi
