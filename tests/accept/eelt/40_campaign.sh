#!/usr/bin/env bash
# campaigns: mistakes named, kills, repeats, a ledger of 1e5 tasks and 1e6 frames
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
ctest_passes "every planted mistake of an input is named with its place" -R '^cli_eelt_check$'
ctest_passes "campaigns: the same input, the same frames and models" -R '^cli_eelt_run$'
ctest_passes "killed at commits and renames: the same, nothing twice" -R '^(cli_eelt_run_killed|cli_eelt_killed|cli_eelt_kill_points|test_queue)$'
ctest_passes "certificates that do not hold: more frames, or learned; killed" -R '^cli_eelt_certificate$'
ctest_passes "an oracle that hangs, crashes, lies in every fifth call" -R '^cli_eelt_bad_oracle$'

out=$KRAMERS_WORK/ledger.txt
size=(100000 1000000)
[ "$KRAMERS_QUICK" = 0 ] || size=(2000 20000)
rm -rf "$KRAMERS_WORK/ledger"
"$KRAMERS_BUILD/accept/accept_ledger" "$KRAMERS_WORK/ledger" "${size[@]}" >"$out" || exit 1
at_most "status with ${size[0]} tasks and ${size[1]} frames" "$(value "$out" status_seconds)" 1 s
at_most "its memory" "$(value "$out" status_megabytes)" 200 MB
rm -rf "$KRAMERS_WORK/ledger"
