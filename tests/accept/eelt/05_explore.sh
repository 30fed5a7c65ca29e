#!/usr/bin/env bash
# exploring: deviations of file, fix and library, ranks, restarts, kills, ensembles by two methods, start structures
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
if [ -n "$(ctest --test-dir "$KRAMERS_BUILD" -N -L lammps -R 'examine_' 2>/dev/null | grep -E 'Test +#')" ]; then
    ctest_passes "fix examine: 1e-10, ranks, restart, ends, units" -L lammps -R '\.examine_'
    ctest_passes "LAMMPS runs: ensembles, restart, failures, templates" -L lammps -R '\.explore_'
else
    missing "fix examine: 1e-10, ranks, restart, ends, units" "all pass" "no LAMMPS plugin in this build"
    missing "LAMMPS runs: ensembles, restart, failures, templates" "all pass" "no LAMMPS plugin in this build"
fi
ctest_passes "classes, weighted random sample, restart state" -R '^test_watch$'
ctest_passes "built-in runs: deviation 1e-10, same bits after a stop" -R '^test_explorer$'
ctest_passes "start structures" -R '^(test_generate|test_poscar|cli_eelt_explore)$'
[ "$KRAMERS_QUICK" = 1 ] && exit 0
ctest_passes "built-in runs killed again and again: same files" -R '^cli_eelt_explore_killed$'
ctest_passes "NVE order, NVT and NPT by dynamics and Monte Carlo" -R '^test_explore_ensembles$'
