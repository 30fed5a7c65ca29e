#!/usr/bin/env bash
# in LAMMPS, two versions: forces, thermo output, stress, deviation files, restart, energy drift
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
measure=tests/accept/foundation/lammps_measure.py
for version in 2025 2023; do
    out=$KRAMERS_WORK/lammps_$version.txt
    python3 $measure fixtures $version >"$out" || exit 1
    if grep -q ^missing "$out"; then
        missing "LAMMPS $version equals the reference runs" "<= 1e-10" "scripts/setup --lammps $version"
        continue
    fi
    # the worst over two systems and 1, 2 and 4 ranks
    most() { awk -v key="^$1_" '$1 ~ key { n++; if ($2 + 0 > m) m = $2 + 0; if ($2 == "inf" || $2 == "nan") m = 1e99 }
                                END { if (n) printf "%.3g", m }' "$out"; }
    at_most "LAMMPS $version, 1, 2, 4 ranks: forces" "$(most force)" 1e-10 eV/A
    at_most "LAMMPS $version: energies per atom, relative" "$(most atom_energy)" 1e-10 relative
    at_most "LAMMPS $version: stress per atom, relative" "$(most stress)" 1e-10 relative
    at_most "LAMMPS $version: thermo output, relative" "$(most thermo)" 1e-8 relative
    at_most "LAMMPS $version: positions after 20 steps" "$(most trajectory)" 1e-8 "A, A/ps, eV/A"
    at_most "LAMMPS $version: five deviation files, relative" "$(most deviation)" 1e-6 "relative (7 digits)"
done
ctest_passes "tests of label lammps" -L lammps
python3 $measure restart >"$KRAMERS_WORK/restart.txt" || exit 1
at_most "a run continued from a restart file" "$(value "$KRAMERS_WORK/restart.txt" restart)" 1e-9 "A, A/ps, eV/A"
steps=40000
[ "$KRAMERS_QUICK" = 0 ] || steps=4000
for system in water copper; do
    for precision in double mixed; do
        out=$KRAMERS_WORK/drift_${system}_$precision.txt
        python3 $measure drift $system $precision $steps >"$out" || exit 1
        note=
        [ "$(value "$out" fell)" = 0 ] || note=" to a hole of the model"
        at_most "NVE drift, $system, $precision, $(value "$out" picoseconds) ps$note" "$(value "$out" drift)" 1 meV/atom/ns
    done
done
