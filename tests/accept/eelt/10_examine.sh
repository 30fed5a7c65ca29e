#!/usr/bin/env bash
# classes and levels: the table of cases made by hand, DP-GEN's and DP-GEN2's rules, files with NaN rows
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
ctest_passes "classes, caps and levels against the table of cases" -R '^test_examine$'
