#!/usr/bin/env bash
# C7: mean first-passage time of the rugged Mueller surface by direct simulation, 6000 runs
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/rates.sh
rate mfpt 20 || exit 1
t=$(get "$results" methods mfpt mfpt)
at_most "C7 MFPT $t against 1.3962 (wide box)" "$(relative "$t" 1.3962)" 0.03 relative
at_most "C7 time" "$seconds" 90 "s (load $(cut -d' ' -f1 /proc/loadavg))"
