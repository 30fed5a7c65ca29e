#!/usr/bin/env bash
# bytes per atom beyond LAMMPS' own, the largest copper crystal within 20 GiB
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
out=$KRAMERS_WORK/capacity.json
get() { python3 -c 'import json, sys; v = json.load(open(sys.argv[1])).get(sys.argv[2]); print("" if v is None else f"{v:.6g}")' "$out" "$1"; }
options=(--cells 48)
[ "$KRAMERS_QUICK" = 1 ] || options+=(--largest --threads "$(nproc)")
bench/capacity "${options[@]}" --json "$out" >"$KRAMERS_WORK/capacity.txt" || exit 1
at_most "bytes per atom beyond LAMMPS' own" "$(get bytes_per_atom)" 200 bytes
if [ "$KRAMERS_QUICK" = 1 ]; then
    at_least "atoms that should fit into 20 GiB" "$(get atoms_expected)" 10000000 "atoms (projected)"
else
    memory=$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
    if [ "$memory" -lt 20 ]; then
        missing "largest crystal that ran 10 steps" ">= 10000000" "$memory GiB of memory are free, 20 are needed"
    else
        at_least "largest crystal that ran 10 steps" "$(get atoms)" 10000000 atoms
    fi
fi
