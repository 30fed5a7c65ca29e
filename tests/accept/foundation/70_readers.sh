#!/usr/bin/env bash
# every reader fuzzed; broken files each give one clear error
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
minutes=10
[ "$KRAMERS_QUICK" = 0 ] || minutes=0.2
if ! command -v clang >/dev/null; then
    missing "readers fuzzed for $minutes minutes each" "0" "apt-get install clang libomp-dev"
else
    log=$KRAMERS_WORK/fuzz.log
    { cmake --preset fuzz && cmake --build --preset fuzz -j "$(nproc)" --target fuzzers; } >"$log" 2>&1 ||
        { tail -5 "$log" >&2; fails "the fuzz preset builds" yes no; exit 0; }
    for program in build/fuzz/fuzz/fuzz_*; do
        [ -x "$program" ] || continue
        name=$(basename "$program")
        out=$(tests/fuzz/run.sh "$program" $minutes 2>&1)
        crashes=$(value <(echo "$out") crashes)
        exactly "${name#fuzz_}: crashes in $minutes min, $(value <(echo "$out") runs) inputs" "${crashes:-none}" 0 crashes
    done
fi
ctest_passes "broken files give one clear error" -R 'broken|fuzz_replay'
