#!/usr/bin/env bash
# C7: mean first-passage time of the rugged Mueller surface by direct simulation, 6000 runs
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/rates.sh
lists mfpt_seeds
for seed in $(seq "$KRAMERS_SEEDS"); do
    rate mfpt 20 "$seed" || exit 1
    t=$(get "$results" methods mfpt mfpt)
    note mfpt "$(relative "$t" 1.3962)"
    note pairs "$t $(get "$results" methods mfpt mfpt_error)"
    note seconds "$seconds"
done
both "C7 MFPT against 1.3962 (wide box)" mfpt 0.03 relative
at_most "C7 mean off the exact value" "$(together pairs 1.3962)" 3 "standard errors"
at_most "C7 time, median" "$(median seconds)" 90 "$(busy)"
