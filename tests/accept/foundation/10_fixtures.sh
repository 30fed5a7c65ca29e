#!/usr/bin/env bash
# worst errors of energies, forces and virials over every model with a reference
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
out=$KRAMERS_WORK/fixtures.txt
"$KRAMERS_BUILD/accept/accept_fixtures" >"$out" || exit 1
at_least "models evaluated" "$(value "$out" models)" 80 models
for part in '' trained_ overflow_; do
    at_most "${part}energy, relative" "$(value "$out" ${part}energy)" 1e-10 relative
    at_most "${part}atomic energies, relative" "$(value "$out" ${part}atom_energy)" 1e-10 relative
    at_most "${part}forces" "$(value "$out" ${part}force)" 1e-10 eV/A
    at_most "${part}virial" "$(value "$out" ${part}virial)" 1e-10 eV
    at_most "${part}atomic virials" "$(value "$out" ${part}atom_virial)" 1e-10 eV
done
for kind in energy atom_energy; do
    at_most "float32 models: $kind, relative" "$(value "$out" ${kind}_32)" 2e-6 relative
done
at_most "float32 models: forces" "$(value "$out" force_32)" 2e-5 eV/A
at_most "float32 models: virial" "$(value "$out" virial_32)" 2e-5 eV
