#!/usr/bin/env bash
# losses and gradients: finite differences, and DeePMD-kit's thirteen traced trainings
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh

ctest_passes "every loss term x descriptor, finite differences 1e-6" -R '^test_(loss|engine_exact|engine_exact_full)$'
ctest_passes "gradients and splines of the moment form" -R '^test_engine_moment(_more)?$'
ctest_passes "frames: labels, names, virtual atoms, refusals" -R '^test_training_frame$'

out=$KRAMERS_WORK/training_deepmd.out
"$KRAMERS_BUILD/tests/test_training_deepmd" -s >"$out" 2>&1 || true
# worst KEY CASES: largest deviation called KEY over the lines of the cases (regular expression); lines read
# "case  loss 1e-15  gradient 1e-14  trace 1e-9  lcurve 4e-3  final E_i 1e-9  F 1e-9"
worst() {
    awk -v key="$1" -v cases="^($2)\$" '$1 ~ cases && NF > 10 {
        n++; for (k = 2; k < NF; k++) if ($k == key && (n == 1 || $(k + 1) + 0 > most + 0)) most = $(k + 1) }
        END { if (n) print most }' "$out"
}
exactly "traced trainings compared" "$(grep -c '  final E_i ' "$out")" 13 cases
single=se_a_f32 mixed=dpa1_mixed
exact=$(awk '/  final E_i / { print $1 }' "$out" | grep -vxE "$single|$mixed" | paste -sd'|')
at_most "loss at the start, relative" "$(worst loss "$exact")" 1e-12
at_most "  mixed data, where DeePMD-kit has 1/N in float32" "$(worst loss $mixed)" 1e-8
at_most "gradient at the start, of its largest entry" "$(worst gradient "$exact|$mixed")" 1e-9
at_most "losses along 20 to 100 Adam steps, relative" "$(worst trace "$exact|$mixed")" 1e-6
at_most "atomic energies of the final models" "$(worst E_i "$exact|$mixed")" 1e-6 eV
at_most "forces of the final models" "$(worst F "$exact|$mixed")" 1e-6 eV/A
at_most "lcurve.out, printed to three digits, relative" "$(worst lcurve "$exact|$mixed|$single")" 5.1e-3
at_most "float32 model: losses along 20 steps, relative" "$(worst trace $single)" 1e-3
at_most "float32 model: forces at the end" "$(worst F $single)" 1e-3 eV/A
