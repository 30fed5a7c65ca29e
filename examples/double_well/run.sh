#!/usr/bin/env bash
# The rate over a barrier of 2 to 20 k_B T, nine decades, by forward flux sampling: run.sh [REPLICAS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
replicas=${1:-${KRAMERS_EXAMPLE_STEPS:-8}}
[ "$replicas" -ge 2 ] || replicas=2
find_kramers
mkdir -p "$out"

# epsilon and the exact k_AB (quadrature)
table='0.5 0.097479473
0.333333333333333 0.037537414
0.2 0.0054819250
0.1 3.9174067e-5
0.05 1.8193028e-9'
rates=()
printf '%-10s %14s %14s %10s %14s\n' epsilon exact 'forward flux' '+-' Kramers
while read -r epsilon exact; do
    run=$out/epsilon_$epsilon
    sed "s/\"epsilon\": 0.05/\"epsilon\": $epsilon/; s/\"replicas\": 8/\"replicas\": $replicas/" "$here/rate.json" >"$run.json"
    "$kramers" rate "$run.json" -o "$run" --force >"$run.txt" || [ $? -eq 3 ]
    awk -v epsilon="$epsilon" -v exact="$exact" '
        $1 == "\"ffs\"" { k = $2; error = $3 } $1 == "\"kramers\"" { formula = $2 }
        END { printf "%-10.4g %14.6g %14.6g %10.2g %14.6g\n", epsilon, exact, k, error, formula }' "$run/rates.dat"
    awk -v epsilon="$epsilon" '/^"/ { sub(/^"/, "\"epsilon " sprintf("%.2g", epsilon) " "); print }' "$run/rates.dat" \
        >"$run/named.dat"
    rates+=("$run/named.dat")
done <<<"$table"
if command -v gnuplot >/dev/null; then
    "$kramers" plot rate "${rates[@]}" -o "$out/rates.png" --title "double well" --force
    printf '\nPicture: %s\n' "$out/rates.png"
fi
