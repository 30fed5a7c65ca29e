#!/usr/bin/env bash
# C3: Eyring-Kramers over the exact rate of the smooth Mueller surface; the formula for Duffing and the double well
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/rates.sh
# exact k_AB by finite volumes, h = 1/400 (the committor command's reference); expected ratios 1.253 and 1.081
for case in "10 0.00504252 1.253" "5 1.45126e-7 1.081"; do
    read -r epsilon exact ratio <<<"$case"
    rate "kramers$epsilon" 1 || exit 1
    k=$(get "$results" methods kramers k_ab)
    at_most "C3 epsilon $epsilon: k_EK/k_AB against $ratio" "$(relative "$(awk -v a="$k" -v b="$exact" 'BEGIN { print a / b }')" $ratio)" 0.005 "relative (k_EK $k)"
    at_most "C3 epsilon $epsilon: time" "$seconds" 1 s
done
