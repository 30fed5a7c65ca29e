#!/usr/bin/env bash
# usage: tests/fuzz/all.sh MINUTES [TARGET …]: builds the libFuzzer programs (clang) and runs them one after the other
# for MINUTES each, all of them by default; prints one line each. Fails when one found something.
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
minutes=${1:?usage: all.sh MINUTES [TARGET …]}
shift
cd "$(dirname "$0")/../.."
mkdir -p build/fuzz
{ cmake --preset fuzz && cmake --build --preset fuzz --target fuzzers; } >build/fuzz/build.log 2>&1 ||
    { tail -20 build/fuzz/build.log; exit 1; }
[ $# -gt 0 ] || set -- $(cd build/fuzz/fuzz && ls fuzz_* | sed 's/^fuzz_//')
failed=0
for target in "$@"; do
    report=$(nice -n 19 tests/fuzz/run.sh "build/fuzz/fuzz/fuzz_$target" "$minutes" 2>&1)
    result=ok
    grep -q '^crashes 0$' <<<"$report" || { result="FAILED, see build/fuzz/found/$target"; failed=1; }
    printf '%-18s %8s min %12s runs  %s\n' "$target" "$minutes" "$(sed -n 's/^runs //p' <<<"$report")" "$result"
done
exit $failed
