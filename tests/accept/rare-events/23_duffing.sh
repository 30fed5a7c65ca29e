#!/usr/bin/env bash
# C10: Duffing oscillator at 1/epsilon = 20: three simulations, Kramers-Langer formula
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/rates.sh
lists duffing_seeds
for seed in $(seq "$KRAMERS_SEEDS"); do
    rate duffing 5 "$seed" || exit 1
    note nu "$(relative "$(get "$results" methods direct nu)" 5.45e-4)"
    note seconds "$(get "$results" methods direct seconds)"
    note routes "$(get "$results" agreement routes)"
    note pairs "$(get "$results" agreement pairs_that_disagree)"
done
both "C10 nu against 5.45(5)e-4" nu 0.02 relative
at_most "C10 time of direct simulation, median" "$(median seconds)" 40 "$(busy)"
at_most "C10 formula against 5.92e-4" "$(relative "$(get "$results" methods kramers nu)" 5.92e-4)" 0.001 relative
exactly "C10 routes with error bars" "$(median routes)" 3 routes
exactly "C10 pairs of routes that disagree, worst" "$(worst pairs)" 0 pairs
