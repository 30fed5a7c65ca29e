# kramers eelt structures and explore.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
cat >spec.json <<JSON
[{"kind": "bulk", "lattice": "fcc", "element": "Al", "a_A": [4.0, 4.1], "supercell": [2, 2, 2],
  "composition": {"Al": 3, "Mg": 1}, "replicas": 2, "rattle_A": 0.02},
 {"kind": "slab", "lattice": "fcc", "element": "Al", "a_A": 4.05, "miller": [1, 1, 1], "layers": 4, "vacuum_A": [8, 12]}]
JSON
ok eelt structures spec.json -o out.xyz
has err '6 structures written to out.xyz'
ok data info out.xyz
ok eelt structures spec.json -o again.xyz
cmp -s out.xyz again.xyz || fail "the same file gave other structures"
code 1 'exists already' eelt structures spec.json -o out.xyz
code 2 'output is needed' eelt structures spec.json
sed 's/"lattice"/"latice"/' spec.json >bad.json
code 1 "did you mean .lattice." eelt structures bad.json -o bad.xyz
code 1 'explore.json' eelt explore .

# the same objects in the input of a campaign
cat >eelt.json <<'JSON'
{"campaign": {"name": "al", "folder": "run", "elements": ["Al"]},
 "model": {"ensemble": 2, "training": {
   "model": {"descriptor": {"type": "se_e2_a", "rcut": 4.0, "rcut_smth": 0.5, "neuron": [4, 8], "axis_neuron": 2,
                            "sel": "auto"}, "fitting_net": {"neuron": [8, 8]}},
   "learning_rate": {"start_lr": 0.001, "stop_lr": 1e-6}, "training": {"numb_steps": 100}}},
 "explore": {"engine": "builtin", "systems": [{"name": "fcc", "generate":
     {"kind": "bulk", "lattice": "fcc", "element": "Al", "a_A": [4.0, 4.1], "supercell": [2, 2, 2]}}],
   "stages": [{"T_K": [300], "ensemble": "nvt", "steps": 1000, "replicas": 2}]},
 "examine": {"trust": {"f_lo_eV_per_A": 0.05, "f_hi_eV_per_A": 0.25}},
 "select": {"per_iteration": 20}, "label": {"engine": "command", "command": "cat in.xyz"},
 "audit": {"per_iteration": 10}, "jobs": {"train": {"slots": 2}, "label": {"slots": 2}}}
JSON
ok eelt check eelt.json
has err 'nothing wrong found'
sed 's/"lattice": "fcc"/"lattice": "fccc"/' eelt.json >bad.json
code 1 'explore.systems.0..generate.*line 7' eelt check bad.json
finish
