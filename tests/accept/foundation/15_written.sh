#!/usr/bin/env bash
# a model written by Kramers, evaluated by DeePMD-kit: the same numbers
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
if ! venv=$(bench/peers --path); then
    missing "written models read by DeePMD-kit: energy" "<= 1e-10" "bench/peers installs it"
    missing "written models read by DeePMD-kit: forces" "<= 1e-10" "bench/peers installs it"
    exit 0
fi
out=$KRAMERS_WORK/written.txt
OMP_NUM_THREADS=1 "$venv/bin/python" tests/accept/foundation/written.py "$KRAMERS_BUILD/cli/kramers" >"$out" || exit 1
at_least "written models read by DeePMD-kit: models" "$(value "$out" models)" 10 models
at_most "written models read by DeePMD-kit: energy" "$(value "$out" energy)" 1e-10 relative
at_most "written models read by DeePMD-kit: forces" "$(value "$out" force)" 1e-10 eV/A
