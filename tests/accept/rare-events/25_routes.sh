#!/usr/bin/env bash
# three independent routes to the rate of the rugged Mueller surface at epsilon 20
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/rates.sh
rate rugged 4 || exit 1
exactly "rugged Mueller: routes with error bars" "$(get "$results" agreement routes)" 3 routes
exactly "rugged Mueller: pairs that disagree" "$(get "$results" agreement pairs_that_disagree)" 0 pairs
k=$(get "$results" agreement k_ab) e=$(get "$results" agreement k_ab_error)
# the finite-volume value of the wide box: nu 0.587633, MFPT 1.3962
at_most "rugged Mueller: mean of the routes $k +- $e against 1/1.3962" "$(relative "$k" 0.71623)" 0.05 relative
nu=$(get "$results" methods direct nu)
at_most "rugged Mueller: nu $nu against 0.587633" "$(relative "$nu" 0.587633)" 0.05 relative
