#!/usr/bin/env bash
# property, unit and rule tests; the same bits for any number of threads
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
ctest_passes "tests of label short" -L short
ctest_passes "tests of label full" -L full
out=$KRAMERS_WORK/threads.txt
"$KRAMERS_BUILD/accept/accept_threads" >"$out" || exit 1
at_least "cases of 1, 2, 3, 8 threads" "$(value "$out" cases)" 504 cases
exactly "of these with other bits" "$(value "$out" different)" 0 cases
