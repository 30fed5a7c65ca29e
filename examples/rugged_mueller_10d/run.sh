#!/usr/bin/env bash
# Committor of the rugged Mueller potential in 10 dimensions, beside the exact one: run.sh [STEPS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
steps=${1:-${KRAMERS_EXAMPLE_STEPS:-8000}}
find_kramers
mkdir -p "$out"

"$kramers" committor "$here/grid.json" -o "$out/grid" --force
if [ "$steps" -ge 8000 ]; then
    cp "$here/run.json" "$out/run.json"
else # a short run: it shows how things go, and ends "not validated"
    sed "s/\"steps\": 8000, \"boundary_steps\": 1500/\"steps\": $steps, \"boundary_steps\": $((steps / 5))/
         s/\"count\": 300000, \"test_count\": 1000000/\"count\": 20000, \"test_count\": 20000/
         s/\"points\": 50, \"shots\": 400/\"points\": 20, \"shots\": 20/" "$here/run.json" >"$out/run.json"
fi
code=0
"$kramers" committor "$out/run.json" -o "$out/network" --force || code=$?
[ "$code" -eq 0 ] || { [ "$code" -eq 3 ] && [ "$steps" -lt 8000 ]; } || stop "the run ended with code $code"
if command -v gnuplot >/dev/null; then
    "$kramers" plot map "$out/grid" --force --title "exact"
    "$kramers" plot map "$out/network" --force --title "network, cut through 10 dimensions"
fi
printf '\n%s\n' "Files in $out: grid/ and network/ with results.json, map.dat, picture.png; network/network.json"
