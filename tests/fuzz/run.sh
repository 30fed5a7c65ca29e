#!/usr/bin/env bash
# usage: run.sh PROGRAM MINUTES: runs one libFuzzer program from its seeds; prints "runs N" and "crashes N".
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
# Fork mode goes on after a crash. HDF5 1.10 reads beyond its own buffers on some damaged files; those are counted apart,
# by the first frame of the stack that is no sanitizer's.
"$program" "$work/corpus" -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1 -max_total_time="$seconds" \
    -timeout=20 -rss_limit_mb=2500 -max_len=60000 -artifact_prefix="$found/" >"$work/log" 2>&1
ours=0 theirs=0
for file in "$found"/{crash,timeout,oom,leak}-*; do
    [ -f "$file" ] || continue
    if "$program" -timeout=20 -rss_limit_mb=2500 "$file" >"$work/again" 2>&1; then continue; fi
    first=$(grep -E '^ *#[0-9]+ ' "$work/again" | grep -vE '/fuzz_[a-z_.]*\+0x|libc\.so|fuzzer::|in (str|mem)[a-z]+ ' | head -1)
    if [[ $first == *libhdf5* ]]; then
        theirs=$((theirs + 1))
    else
        ours=$((ours + 1))
        grep -E 'ERROR|SUMMARY|#[0-6] ' "$work/again" | head -10 >&2
    fi
done
echo "runs $(grep -oE '^#[0-9]+' "$work/log" | tail -1 | tr -d '#')"
echo "crashes $ours"
echo "hdf5_crashes $theirs"
