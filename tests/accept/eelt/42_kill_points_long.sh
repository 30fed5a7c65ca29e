#!/usr/bin/env bash
# a campaign killed once before and after every commit and every rename, its tasks killed at work
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
out=$KRAMERS_WORK/kill_points.txt
stride=1
[ "$KRAMERS_QUICK" = 0 ] || stride=40
KRAMERS=$KRAMERS_BUILD/cli/kramers COMPARE=$KRAMERS_BUILD/tests/cli/cli_compare ROOT=$KRAMERS_ROOT \
    KRAMERS_KILL_STRIDE=$stride TMPDIR=$KRAMERS_WORK bash "$KRAMERS_ROOT/tests/cli/test_eelt_kill_points.sh" >"$out" 2>&1
exactly "killed at every ${stride}th durable step: the same campaign (exit code)" $? 0
at_least "points" "$(awk '/points of about/ { print $1 }' "$out")" $((100 / stride))
at_least "supervisors and tasks killed at work" "$(awk '/supervisors and tasks$/ { print $1 }' "$out")" 5
