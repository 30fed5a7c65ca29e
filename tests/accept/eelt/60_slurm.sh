#!/usr/bin/env bash
# real Slurm of one node: label tasks with everything that goes wrong there, a whole campaign; full disks
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/eelt/slurm_node.sh
tasks=200
[ "$KRAMERS_QUICK" = 0 ] || tasks=40
lacking=$(slurm_missing)
if [ -n "$lacking" ]; then
    missing "labels on Slurm: killed, down, cancelled, over limits" "all" "$lacking"
    missing "a campaign on Slurm equals the one of this machine" "equal" "$lacking"
else
    out=$KRAMERS_WORK/slurm.txt
    KRAMERS=$KRAMERS_BUILD/cli/kramers COMPARE=$KRAMERS_BUILD/tests/cli/cli_compare ROOT=$KRAMERS_ROOT TASKS=$tasks \
        bash tests/eelt/test_slurm.sh >"$out" 2>&1
    code=$?
    exactly "labels on Slurm: killed, down, cancelled, over limits" "$(awk '/^label tasks done/ { print $4 }' "$out")" $tasks labels
    exactly "their outcomes are as expected, no label twice" $code 0 "exit status"
    finished=$(awk '/ tasks, / { print $5 }' "$out")
    at_most "finished calculations beyond one per label" "$((${finished:-$((tasks + 999))} - tasks))" 2 "by a lost node"
    ctest_passes "a campaign on Slurm equals the one of this machine" -R '^eelt_slurm_campaign$'
fi
if unshare -m true 2>/dev/null; then
    ctest_passes "full disks, a store that is read-only: nothing lost" -R '^cli_eelt_full_disk$'
else
    missing "full disks, a store that is read-only: nothing lost" "all pass" "no file system can be mounted"
fi
