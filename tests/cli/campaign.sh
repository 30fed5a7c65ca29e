# Sourced: a small campaign of the water test model, labelled by `kramers eval`; every label adds a line to `ran`.
# SPDX-License-Identifier: BSD-3-Clause
oracle=$ROOT/tests/data/deepmd_kit/models/se_a_one_tanh.dp
ok data convert "$kit/formats/npy" start.xyz --frames 0
cat >eelt.json <<JSON
{
  "campaign": {"name": "test", "folder": "run", "elements": ["O", "H"], "max_iterations": 3, "seed": 7},
  "model": {"ensemble": 2, "training": {
    "model": {"descriptor": {"type": "se_e2_a", "rcut": 3.0, "rcut_smth": 0.5, "neuron": [4], "axis_neuron": 2,
                             "sel": "auto"}, "fitting_net": {"neuron": [4]}},
    "learning_rate": {"start_lr": 0.002, "stop_lr": 1e-4, "decay_steps": 5},
    "training": {"numb_steps": 10, "disp_freq": 10}}},
  "explore": {"engine": "builtin", "systems": ["start.xyz"], "bootstrap": {"frames": 4},
    "stages": [{"T_K": [100, 200], "ensemble": "nvt", "steps": 40, "sample_every": 5, "dt_fs": 0.5}]},
  "examine": {"levels": "fixed", "trust": {"f_lo_eV_per_A": 0.005, "f_hi_eV_per_A": 10}},
  "select": {"per_iteration": 3, "rule": "topdev", "near_distance": 0},
  "label": {"engine": "command", "identity": "oracle", "command": "echo x >> '$work/ran'; '$KRAMERS' eval -m '$oracle' in.xyz -o out.xyz",
            "checks": {"net_force_eV_per_A": 1, "f_max_eV_per_A": 1000}},
  "audit": {"per_iteration": 2, "certificate": 4},
  "jobs": {"train": {"slots": 2, "poll_s": 0.05}, "explore": {"slots": 2, "poll_s": 0.05},
           "label": {"slots": 2, "poll_s": 0.05}}
}
JSON
