#!/usr/bin/env bash
# DP-GEN: inputs like its public examples imported, every key told; data sets read by dpdata
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
ctest_passes "inputs of DP-GEN: mapped, or refused with key and place" -R '^cli_eelt_(import|edit)$'
if "${DPDATA_PYTHON:-python3}" -c 'import dpdata' 2>/dev/null; then
    ctest_passes "data sets of a campaign in dpdata: the same numbers" -R '^cli_eelt_dpdata$'
else
    missing "data sets of a campaign in dpdata: the same numbers" "all pass" "no dpdata; DPDATA_PYTHON names a Python that has it"
fi
