#!/usr/bin/env bash
# a model trained here, in DeePMD-kit and in LAMMPS: the same energies and forces
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
kramers=$KRAMERS_BUILD/cli/kramers
work=$KRAMERS_WORK/model
rm -rf "$work" && mkdir -p "$work"

# Trains for a few hundred steps.
train() { # NAME TYPE_MAP RCUT DATA
    cat >"$work/$1.json" <<JSON
{"model": {"type_map": [$2], "descriptor": {"type": "se_e2_a", "rcut": $3, "rcut_smth": 0.5, "neuron": [16, 32],
   "axis_neuron": 8, "seed": 1}, "fitting_net": {"neuron": [32, 32, 32], "seed": 1}},
 "learning_rate": {"type": "exp", "start_lr": 0.003, "stop_lr": 1e-4, "decay_steps": 20}, "loss": {},
 "training": {"training_data": {"systems": ["$4"], "batch_size": 1}, "numb_steps": 300, "disp_freq": 100,
   "save_freq": 1000, "seed": 1}}
JSON
    "$kramers" train "$work/$1.json" --folder "$work/$1" -q >"$work/$1.log" 2>&1
}
check() { # NAME ELEMENTS DATA
    local name=$1 elements=$2 data=$3 values=$work/$1.values peer=${KRAMERS_PEER_VENV:-$KRAMERS_ROOT/.venv-deepmd}
    local lammps=${KRAMERS_LAMMPS:-$KRAMERS_ROOT/.venv-lammps} plugin=$KRAMERS_BUILD/plugins/lammps/kramersplugin.so
    if [ -x "$peer/bin/python" ]; then
        "$kramers" eval -m "$work/$name/model.dp" "$data" -o "$work/$name/ours" >>"$work/$name.log" 2>&1
        # its NumPy backend, which reads .dp files, has no forces: TensorFlow does
        "$peer/bin/dp" convert-backend "$work/$name/model.dp" "$work/$name/model.pb" >>"$work/$name.log" 2>&1
        if "$peer/bin/python" tests/accept/training/model_values.py deepmd "$work/$name/model.pb" "$work/$name/ours" >"$values" 2>>"$work/$name.log"; then
            at_most "$name: energies in DeePMD-kit $(value "$values" version), $(value "$values" frames) frames" "$(value "$values" energy)" 1e-9 eV/atom
            at_most "$name: forces in DeePMD-kit" "$(value "$values" force)" 1e-8 eV/A
            at_most "$name: virials in DeePMD-kit" "$(value "$values" virial)" 1e-8 eV
        else
            fails "$name: DeePMD-kit reads the model" yes no
        fi
    else
        missing "$name: numbers in DeePMD-kit" "<= 1e-8" "KRAMERS_PEER_VENV names no DeePMD-kit"
    fi
    if [ -x "$lammps/bin/lmp" ] && [ -e "$plugin" ]; then
        "$kramers" data convert "$data" "$work/$name/frame.lmp" --frames 0,1 --force >>"$work/$name.log" 2>&1
        "$kramers" eval -m "$work/$name/model.dp" "$work/$name/frame.lmp" --format lammps-data --type-map "$elements" \
            -o "$work/$name/frame.xyz" >>"$work/$name.log" 2>&1
        cat >"$work/$name/in" <<TEXT
units metal
boundary p p p
read_data frame.lmp
plugin load $plugin
pair_style kramers model.dp table off
pair_coeff * * ${elements//,/ }
mass * 1
thermo_style custom pe
thermo_modify format float %.17g
dump 1 all custom 1 forces id fx fy fz
dump_modify 1 sort id format float %.17g
run 0
TEXT
        (cd "$work/$name" && OMP_NUM_THREADS=1 "$lammps/bin/lmp" -in in -log log -screen none) >>"$work/$name.log" 2>&1
        if python3 tests/accept/training/model_values.py lammps "$work/$name" >"$values" 2>>"$work/$name.log"; then
            at_most "$name: energy in LAMMPS" "$(value "$values" energy)" 1e-10 eV/atom
            at_most "$name: forces in LAMMPS" "$(value "$values" force)" 1e-10 eV/A
        else
            fails "$name: LAMMPS runs the model" yes no
        fi
    else
        missing "$name: numbers in LAMMPS" "<= 1e-10" "KRAMERS_LAMMPS names no LAMMPS"
    fi
}
train water '"O", "H"' 3.5 "$KRAMERS_ROOT/tests/data/deepmd_kit/formats/npy" || exit 1
check water O,H "$KRAMERS_ROOT/tests/data/deepmd_kit/formats/npy"
train silicon '"Si"' 5.0 "$KRAMERS_ROOT/examples/silicon_dft/data/train" || exit 1
check silicon Si "$KRAMERS_ROOT/examples/silicon_dft/data/test"
