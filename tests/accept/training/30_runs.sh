#!/usr/bin/env bash
# whole runs: inputs, statistics, lcurve.out, optimizers, threads, interruption, several processes
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh

ctest_passes "input.json completed as DeePMD-kit does, mistakes named" -R '^test_training_input$'
ctest_passes "davg, dstd to 1e-10, energy bias to 1e-8" -R '^test_training_statistics$'
ctest_passes "data sets: formats, batch rules, order, refusals" -R '^test_training_data$'
ctest_passes "learning rates of DeePMD-kit, relative 1e-12" -R '^test_training_schedule$'
ctest_passes "lcurve.out equal to DeePMD-kit's, restart, ensemble" -R '^test_training_run$'
ctest_passes "six optimizers: restarts with the same bits" -R '^test_training_optimizers$'
ctest_passes "kramers train from outside, ten mistakes named" -R '^cli_train$'

# threads: the same bits of energies and forces after 200 steps
kramers=$KRAMERS_BUILD/cli/kramers work=$KRAMERS_WORK/threads
rm -rf "$work" && mkdir -p "$work"
for precision in double single; do
    cat >"$work/input.json" <<JSON
{"model": {"type_map": ["Si"], "descriptor": {"type": "se_e2_a", "rcut": 5.0, "rcut_smth": 0.5, "neuron": [16, 32],
   "axis_neuron": 8, "seed": 1}, "fitting_net": {"neuron": [32, 32, 32], "seed": 1}},
 "learning_rate": {"type": "exp", "start_lr": 0.003, "stop_lr": 1e-4, "decay_steps": 20}, "loss": {},
 "training": {"training_data": {"systems": ["$KRAMERS_ROOT/examples/silicon_dft/data/train"], "batch_size": 3},
   "numb_steps": 200, "disp_freq": 20, "save_freq": 1000, "seed": 1}, "kramers": {"precision": "$precision"}}
JSON
    same=0
    for n in 1 2 3 4 5 6 7 8; do
        "$kramers" train "$work/input.json" --folder "$work/$n" --force -q --threads $n >"$work/log" 2>&1 &&
            "$kramers" eval -m "$work/$n/model.dp" examples/silicon_dft/data/test -o "$work/$n.xyz" --force >>"$work/log" 2>&1 &&
            cmp -s "$work/1.xyz" "$work/$n.xyz" && cmp -s "$work/1/lcurve.out" "$work/$n/lcurve.out" && same=$((same + 1))
    done
    exactly "1 to 8 threads, $precision: runs with the same bits" $same 8
done
ctest_passes "1, 2, 4 MPI processes: the same model to 1e-10" -R '^cli_train_mpi$'
[ "$KRAMERS_QUICK" = 1 ] || ctest_passes "killed at 20 random moments: the same bits" -R '^cli_train_killed$'
