#!/usr/bin/env bash
# C9: forward flux and splitting over nine decades: the double well at epsilon 0.05 in 1 and 10 dimensions
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/rates.sh
exact=1.8193028e-9 # by quadrature, any dimension
for d in 1 10; do
    rate well$d 4 || exit 1
    for method in ffs ams; do
        k=$(get "$results" methods $method k_ab)
        at_most "C9 d = $d: $method $k against $exact" "$(relative "$k" $exact)" 0.1 relative
        at_most "C9 d = $d: $method, off the exact value" \
            "$(awk -v k="$k" -v x=$exact -v e="$(get "$results" methods $method k_ab_error)" 'BEGIN { d = (k - x) / e; printf "%.3g", d < 0 ? -d : d }')" 3 "standard errors"
        at_most "C9 d = $d: $method, time" "$(get "$results" methods $method seconds)" 60 "s (load $(cut -d' ' -f1 /proc/loadavg))"
    done
    at_most "C9 d = $d: formula over exact, 1.0200" "$(relative "$(get "$results" methods kramers k_ab)" "$(awk -v x=$exact 'BEGIN { print 1.02 * x }')")" 0.001 relative
    exactly "C9 d = $d: pairs of routes that disagree" "$(get "$results" agreement pairs_that_disagree)" 0 pairs
done
