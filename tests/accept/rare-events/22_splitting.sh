#!/usr/bin/env bash
# C9: forward flux and splitting over nine decades: the double well at epsilon 0.05 in 1 and 10 dimensions
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/rates.sh
exact=1.8193028e-9 # by quadrature, any dimension
lists splitting_seeds
for d in 1 10; do
    for seed in $(seq "$KRAMERS_SEEDS"); do
        rate well$d 4 "$seed" || exit 1
        for method in ffs ams; do
            k=$(get "$results" methods $method k_ab)
            note $method$d "$(relative "$k" $exact)"
            note ${method}_pairs$d "$k $(get "$results" methods $method k_ab_error)"
            note ${method}_seconds$d "$(get "$results" methods $method seconds)"
        done
        note pairs$d "$(get "$results" agreement pairs_that_disagree)"
    done
    for method in ffs ams; do
        both "C9 d = $d: $method against $exact" $method$d 0.1 relative
        at_most "C9 d = $d: $method, mean off the exact value" "$(together ${method}_pairs$d $exact)" 3 "standard errors"
        at_most "C9 d = $d: $method, time, median" "$(median ${method}_seconds$d)" 60 "$(busy)"
    done
    at_most "C9 d = $d: formula over exact, 1.0200" "$(relative "$(get "$results" methods kramers k_ab)" "$(awk -v x=$exact 'BEGIN { print 1.02 * x }')")" 0.001 relative
    exactly "C9 d = $d: pairs of routes that disagree, worst" "$(worst pairs$d)" 0 pairs
done
