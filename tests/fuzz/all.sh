#!/usr/bin/env bash
# usage: tests/fuzz/all.sh MINUTES [TARGET …]: builds the libFuzzer programs (clang) and runs them for MINUTES of CPU
# time each, all of them by default, one per core at a time; prints "TARGET MINUTES min RUNS runs ok|FAILED". Fails when
# one found something.
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
minutes=${1:?usage: all.sh MINUTES [TARGET …]}
shift
cd "$(dirname "$0")/../.."
mkdir -p build/fuzz
{ cmake --preset fuzz && cmake --build --preset fuzz -j "$(nproc)" --target fuzzers; } >build/fuzz/build.log 2>&1 ||
    { tail -20 build/fuzz/build.log >&2; exit 2; }
[ $# -gt 0 ] || set -- $(cd build/fuzz/fuzz && ls fuzz_* | sed 's/^fuzz_//')

one() {
    local report result=ok
    report=$(tests/fuzz/run.sh "build/fuzz/fuzz/fuzz_$2" "$1" 2>&1)
    grep -q '^crashes 0$' <<<"$report" || result="FAILED, see build/fuzz/found/$2"
    printf '%-18s %8s min %12s runs  %s\n' "$2" "$(awk '/^seconds / { printf "%.2g", $2 / 60 }' <<<"$report")" "$(sed -n 's/^runs //p' <<<"$report")" "$result"
    [ "$result" = ok ]
}
export -f one
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -c 'one "$0" "$1"' "$minutes" {} || exit 1
