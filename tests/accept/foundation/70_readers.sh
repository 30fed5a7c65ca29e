#!/usr/bin/env bash
# every reader fuzzed; broken files each give one clear error
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
minutes=10
[ "$KRAMERS_QUICK" = 0 ] || minutes=0.2
if ! command -v clang >/dev/null; then
    missing "readers fuzzed for $minutes minutes each" "0" "apt-get install clang libomp-dev"
else
    tests/fuzz/all.sh $minutes >"$KRAMERS_WORK/fuzz.txt"
    [ $? -ne 2 ] || { fails "the fuzz preset builds" yes no; exit 0; }
    while read -r name used _ runs _ result; do
        exactly "$name: $used min of CPU time, $runs inputs" "$result" ok
    done <"$KRAMERS_WORK/fuzz.txt"
    exactly "readers fuzzed" "$(wc -l <"$KRAMERS_WORK/fuzz.txt")" "$(ls build/fuzz/fuzz/fuzz_* | wc -l)" readers
fi
ctest_passes "broken files give one clear error" -R 'broken|fuzz_replay'
