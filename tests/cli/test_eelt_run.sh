# kramers eelt run: a small campaign from nothing with the built-in explorer, labelled by `kramers eval`.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
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
  "label": {"engine": "command", "identity": "oracle", "command": "'$KRAMERS' eval -m '$oracle' in.xyz -o out.xyz",
            "checks": {"net_force_eV_per_A": 1, "f_max_eV_per_A": 1000}},
  "audit": {"per_iteration": 2, "certificate": 4},
  "jobs": {"train": {"slots": 2, "poll_s": 0.05}, "explore": {"slots": 2, "poll_s": 0.05},
           "label": {"slots": 2, "poll_s": 0.05}}
}
JSON
ok eelt check eelt.json
code 3 'stopped after 1 iterations, as asked' eelt run eelt.json --iterations 1
has err 'iteration 0: start structures'
exists run/iter.000000/02.label/data.000/set.000/force.npy
code 3 'not converged after 3 iterations' eelt run eelt.json
hasnt err 'iteration 0'
for k in 0 1; do exists run/iter.000002/00.train/model_$k.dp; done
exists run/iter.000002/01.explore/run.000.000001/model_devi.out
ok data info run/iter.000001/02.label/data.000
tasks=$(find run/tasks -name rc | wc -l)
code 3 'not converged after 3 iterations' eelt run eelt.json
[ "$(find run/tasks -name rc | wc -l)" -eq "$tasks" ] || fail "finished work was repeated"
ok eelt status run
has out 'label tasks done'

# the same input gives the same campaign: selected frames and model bits
sed 's/"folder": "run"/"folder": "again"/' eelt.json >again.json
code 3 'not converged' eelt run again.json --quiet
for file in iter.000002/00.train/model_0.dp iter.000002/00.train/model_1.dp iter.000002/02.label/data.000/set.000/coord.npy; do
    cmp run/$file again/$file || fail "$file differs between two runs of one input"
done

# cells that are accurate at once, and a generous bound: final models and a certificate
sed -e 's/"folder": "run"/"folder": "easy", "label_store": "run\/labels"/' -e 's/"f_lo_eV_per_A": 0.005/"f_lo_eV_per_A": 9/' \
    -e 's/"certificate": 4/"certificate": 4, "e_target_eV_per_A": 1000, "bound": 0.9/' \
    -e 's/"jobs"/"converge": {"iterations": 1, "rmse_target_eV_per_A": 1000}, "jobs"/' eelt.json >easy.json
code 0 'converged' eelt run easy.json
has err 'final models and certificate'
exists easy/certificate.json
finish
