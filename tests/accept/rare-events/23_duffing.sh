#!/usr/bin/env bash
# C10: Duffing oscillator at 1/epsilon = 20: three simulations, Kramers-Langer formula
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/rates.sh
rate duffing 5 || exit 1
nu=$(get "$results" methods direct nu)
at_most "C10 nu $nu against 5.45(5)e-4" "$(relative "$nu" 5.45e-4)" 0.02 relative
at_most "C10 time of direct simulation" "$(get "$results" methods direct seconds)" 40 "s (load $(cut -d' ' -f1 /proc/loadavg))"
at_most "C10 formula against 5.92e-4" "$(relative "$(get "$results" methods kramers nu)" 5.92e-4)" 0.001 relative
exactly "C10 routes with error bars" "$(get "$results" agreement routes)" 3 routes
exactly "C10 pairs of routes that disagree" "$(get "$results" agreement pairs_that_disagree)" 0 pairs
