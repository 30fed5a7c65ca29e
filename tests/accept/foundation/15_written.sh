#!/usr/bin/env bash
# models written by Kramers, evaluated by DeePMD-kit: the same numbers
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
name="written models that DeePMD-kit evaluates otherwise"
if ! venv=$(bench/peers --path); then
    missing "$name" 0 "bench/peers installs DeePMD-kit"
    exit 0
fi
out=$KRAMERS_WORK/written.txt
"$venv/bin/python" tests/peers/check_written_models.py --library "$KRAMERS_BUILD/libkramers.so" --tensorflow >"$out" 2>&1
summary=$(grep -oE '[0-9]+ models, [0-9]+ failed' "$out")
at_least "written models tried" "${summary%% *}" 40 models
exactly "$name" "$(grep -oE '[0-9]+ failed' <<<"$summary" | tr -dc 0-9)" 0 models
