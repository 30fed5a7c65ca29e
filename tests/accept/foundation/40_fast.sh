#!/usr/bin/env bash
# the fast path against the exact network: held-out frames, all distances, collisions, every instruction set
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
out=$KRAMERS_WORK/fast.txt
quick=()
[ "$KRAMERS_QUICK" = 0 ] || quick=(quick)
"$KRAMERS_BUILD/accept/accept_fast" "${quick[@]}" >"$out" || exit 1
for isa in baseline avx2 avx512 amx; do
    if grep -q "^missing $isa" "$out"; then
        missing "fast path, $isa" "<= 1e-6" "this processor has no $isa"
        continue
    fi
    at_most "splines, $isa: held-out frames" "$(value "$out" frames_double_$isa)" 1e-6 eV/A
    at_most "splines, $isa: pairs from the cutoff to 0.3 A" "$(value "$out" scan_double_$isa)" 1e-6 eV/A
    at_most "splines, $isa: collisions down to 0.5 A" "$(value "$out" collision_double_$isa)" 1e-6 eV/A
    at_most "mixed, $isa: held-out frames" "$(value "$out" frames_mixed_$isa)" 5e-5 eV/A
    # single precision carries seven digits: near a collision the error is held against the largest force
    at_most "mixed, $isa: pairs, over the largest force" "$(value "$out" scan_relative_mixed_$isa)" 5e-5 "relative, 1 eV/A"
    at_most "mixed, $isa: collisions, over the largest force" "$(value "$out" collision_relative_mixed_$isa)" 5e-5 "relative, 1 eV/A"
    # three times what is seen: 480, 290 and 260 ms for the water model
    declare -A most=([baseline]=1500 [avx2]=900 [avx512]=800 [amx]=800)
    at_most "CPU time to load and prepare, $isa" "$(value "$out" setup_ms_double_$isa)" "${most[$isa]}" ms
done
