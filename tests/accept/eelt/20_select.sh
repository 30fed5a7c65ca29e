#!/usr/bin/env bash
# selection: MaxVol, planted duplicates, farthest points by the book, 1e5 rows in seconds
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
out=$KRAMERS_WORK/select.txt
quick=()
[ "$KRAMERS_QUICK" = 0 ] || quick=(quick)
"$KRAMERS_BUILD/accept/accept_select" "${quick[@]}" >"$out" || exit 1
ctest_passes "features, steps and rules against direct computation" -R '^test_(features|select|select_features|maxvol)$'
at_least "MaxVol: swaps made" "$(value "$out" maxvol_swaps)" 10000 swaps
exactly "MaxVol: steps after which the volume was smaller" "$(value "$out" maxvol_falls)" 0 steps
at_most "MaxVol: largest grade of what was offered" "$(value "$out" maxvol_worst_grade)" 1.001
at_most "MaxVol: inverse after these swaps" "$(value "$out" maxvol_inverse_error)" 1e-9
exactly "planted duplicates found" "$(value "$out" duplicates_found)" "$(value "$out" duplicates_planted)" frames
exactly "frames 0.05 A apart merged" "$(value "$out" false_merges)" 0 frames
size="$(value "$out" fps_chosen) of $(value "$out" fps_rows) rows of 240"
at_most "fps, $size, no structure, 2 threads" "$(value "$out" fps_noise_seconds)" 10 s
at_most "fps, $size, trajectories, 2 threads" "$(value "$out" fps_runs_seconds)" 10 s
