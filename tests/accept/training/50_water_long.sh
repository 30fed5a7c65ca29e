#!/usr/bin/env bash
# water: error against time with the recipe, on all cores of the machine
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh

if [ ! -d "$KRAMERS_DATA/water/data_3" ]; then
    missing "water: force RMSE on data_3 after 1, 3, 10 minutes" "<= 50, 42, 38" "KRAMERS_DATA has no water"
    exit 0
fi
export KRAMERS_BENCH_BUILD=$KRAMERS_BUILD KRAMERS_BENCH_WORK=$KRAMERS_WORK
values=$KRAMERS_WORK/water.values
rm -f "$values"
limit() { # LABEL STEPS SECONDS MEV
    python3 bench/training/study.py water --label "$1" --steps "$2" --values "$values" --threads 2 >"$KRAMERS_WORK/water_$1.txt" || exit 1
    at_most "water, $2 steps: time with two threads" "$(value "$values" "water_$1_wall")" "$3" s
    at_most "water, $2 steps: force RMSE on data_3" "$(value "$values" "water_$1_f_rmse")" "$4" eV/A
    at_most "water, $2 steps: energy RMSE on data_3" "$(value "$values" "water_$1_e_rmse")" 0.4 meV/atom
}
limit 1 4000 60 0.050
limit 3 12000 180 0.042
limit 10 36000 600 0.038
