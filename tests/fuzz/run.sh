#!/usr/bin/env bash
# usage: run.sh PROGRAM MINUTES: runs one libFuzzer program from its seeds for so many minutes of CPU time (a busy machine
# takes longer); prints "runs N", "seconds N" (of CPU time) and "crashes N".
# What breaks it stays in build/fuzz/found/TARGET; once fixed, it belongs into tests/fuzz/found/TARGET.
# SPDX-License-Identifier: BSD-3-Clause
set -uo pipefail
program=$1 seconds=$(awk -v m="$2" 'BEGIN { print int(60 * m) }')
here=$(cd "$(dirname "$0")" && pwd)
target=$(basename "$program")
target=${target#fuzz_}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
found=$(dirname "$program")/../found/$target
mkdir -p "$found" "$work/corpus"
"$here/seeds.sh" "$target" "$work/corpus"
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
TIMEFORMAT='%U %S'
runs=0 used=0 rc=0
while [ $rc -eq 0 ] && [ $((seconds - used)) -gt $((seconds / 50)) ]; do # the corpus keeps what a round has found
    spent=$({ time "$program" "$work/corpus" -max_total_time=$((seconds - used)) -timeout=120 -rss_limit_mb=2500 \
        -max_len=60000 -artifact_prefix="$found/" >"$work/log" 2>&1; } 2>&1)
    rc=$?
    used=$((used + $(awk '{ print int($1 + $2 + 0.5) }' <<<"$spent")))
    runs=$((runs + $(grep -oE '^#[0-9]+' "$work/log" | tail -1 | tr -d '#')))
done
echo "runs $runs"
echo "seconds $used"
if [ $rc -eq 0 ]; then
    echo "crashes 0"
else
    echo "crashes 1"
    grep -E 'ERROR|SUMMARY|#[0-6] ' "$work/log" | head -12 >&2
    cp "$work/log" "$found/last.log"
fi
