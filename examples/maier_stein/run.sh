#!/usr/bin/env bash
# Quasipotentials: Maier-Stein by ordered line integrals, a drift in 3-D by a network: run.sh [STEPS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
steps=${1:-${KRAMERS_EXAMPLE_STEPS:-10000}}
find_kramers
mkdir -p "$out"

"$kramers" quasipotential "$here/olim.json" -o "$out/olim" --force
sed "s/\"steps\": 10000/\"steps\": $steps/" "$here/network.json" >"$out/network.json"
code=0
"$kramers" quasipotential "$out/network.json" -o "$out/network" --force || code=$?
[ "$code" -eq 0 ] || { [ "$code" -eq 3 ] && [ "$steps" -lt 10000 ]; } || stop "the run ended with code $code"
if command -v gnuplot >/dev/null; then
    "$kramers" plot map "$out/olim" --force --most 0.4 --title "V of Maier-Stein, beta = 10"
    "$kramers" plot map "$out/network" --force --most 1 --title "V in 3-D, cut"
fi
printf '\n%s\n' "Files in $out: olim/ and network/ with results.json, map.dat, picture.png; olim/U.npy"
