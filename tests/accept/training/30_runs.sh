#!/usr/bin/env bash
# whole runs: inputs, statistics, lcurve.out, interruption, several processes
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh

ctest_passes "input.json completed as DeePMD-kit does, mistakes named" -R '^test_training_input$'
ctest_passes "davg, dstd to 1e-10, energy bias to 1e-8" -R '^test_training_statistics$'
ctest_passes "data sets: formats, batch rules, order, refusals" -R '^test_training_data$'
ctest_passes "lcurve.out equal to DeePMD-kit's, restart, ensemble" -R '^test_training_run$'
ctest_passes "kramers train from outside, ten mistakes named" -R '^cli_train$'
if [ -z "${KRAMERS_QUICK:-}" ]; then
    ctest_passes "killed at 20 random moments: the same bits; 1, 2, 4 MPI" -R '^cli_train_killed$'
fi
