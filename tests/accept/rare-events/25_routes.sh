#!/usr/bin/env bash
# three independent routes to the rate of the rugged Mueller surface at epsilon 20
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/rates.sh
lists routes_seeds
for seed in $(seq "$KRAMERS_SEEDS"); do
    rate rugged 4 "$seed" || exit 1
    note routes "$(get "$results" agreement routes)"
    note pairs "$(get "$results" agreement pairs_that_disagree)"
    # the finite-volume values of the wide box: nu 0.587633, MFPT 1.3962
    note mean "$(relative "$(get "$results" agreement k_ab)" 0.71623)"
    note nu "$(relative "$(get "$results" methods direct nu)" 0.587633)"
done
exactly "rugged Mueller: routes with error bars" "$(median routes)" 3 routes
exactly "rugged Mueller: pairs that disagree, worst" "$(worst pairs)" 0 pairs
both "rugged Mueller: mean of the routes against 1/1.3962" mean 0.05 relative
both "rugged Mueller: nu against 0.587633" nu 0.05 relative
