# kramers eelt check: all mistakes of a campaign's input at once, with place and nearest key.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
ok data convert "$kit/formats/npy" start.xyz --frames 0
good() { cat <<'JSON'
{
  "campaign": {"name": "water", "folder": "run", "elements": ["O", "H"]},
  "model": {"ensemble": 2, "training": {
    "model": {"descriptor": {"type": "se_e2_a", "rcut": 4.0, "rcut_smth": 0.5, "neuron": [4, 8], "axis_neuron": 2,
                             "sel": "auto"}, "fitting_net": {"neuron": [8, 8]}},
    "learning_rate": {"start_lr": 0.001, "stop_lr": 1e-6},
    "training": {"numb_steps": 100}}},
  "explore": {
    "engine": "builtin",
    "systems": ["start.xyz"],
    "stages": [{"T_K": [300, [300, 600]], "ensemble": "nvt", "steps": 1000, "replicas": 2}]
  },
  "examine": {"trust": {"f_lo_eV_per_A": 0.05, "f_hi_eV_per_A": 0.25}},
  "select": {"per_iteration": 20},
  "label": {"engine": "command", "command": "cat in.xyz"},
  "audit": {"per_iteration": 10},
  "jobs": {"train": {"slots": 2}, "label": {"slots": 2}}
}
JSON
}
good >eelt.json
ok eelt check eelt.json
has err 'nothing wrong found'
has out '2 cells (system, T, P), 4 runs of 4000 steps'
[ ! -d run ] || fail "check made the campaign's folder"

# ten mistakes in one file, each named with its place
good | sed -e 's/"name": "water"/"nam": "water"/' -e 's/"H"\]/"H", "Qq"]/' -e 's/"ensemble": 2/"ensemble": 0/' \
    -e 's/"rcut":/"rcutt":/' -e 's/"numb_steps"/"numb_stepps"/' -e 's/start.xyz/missing_*.xyz/' \
    -e 's/"ensemble": "nvt"/"ensemble": "nvtt"/' -e 's/\[300, 600\]/"hot"/' -e 's/"f_lo_eV_per_A": 0.05/"f_lo_eV_per_A": 0.5/' \
    -e 's/"engine": "command"/"engine": "comand"/' -e 's/"train":/"trian":/' >bad.json
code 1 '11 mistakes' eelt check bad.json
while read -r words; do has err "$words"; done <<'TEXT'
campaign: unknown key "nam" (line 2, column 23)
did you mean "name"
campaign.elements: "Qq" is no element (line 2
model.ensemble: found 0, expected an integer \[1, 32\] (line 3
model.descriptor: unknown key "rcutt" (line 4
did you mean "rcut"
training: unknown key "numb_stepps" (line 7
did you mean "numb_steps"
no file is named '.*/missing_\*.xyz' (line 10
ensemble: found "nvtt".*(line 11
did you mean "nvt"
T_K: expected numbers.*(line 11
f_lo_eV_per_A: 0.5 is not below f_hi_eV_per_A, 0.25 (line 13
engine is 'comand'.*(line 15
did you mean 'command'
jobs: unknown key "trian" (line 17
TEXT

# mistakes behind those of the keys: what does not fit together, in every section
printf "&control\n  pseudo_dir = 'none'\n/\n&system\n ecutwfc = 10\n/\n&electrons\n/\nATOMIC_SPECIES\nO 16 O.upf\n" >qe.in
good | sed -e 's/"rcut_smth": 0.5/"rcut_smth": 4.5/' -e 's/"axis_neuron": 2/"axis_neuron": 9/' -e 's/"sel": "auto"/"sel": [1]/' \
    -e 's/\[8, 8\]/[]/' -e 's/"stop_lr": 1e-6/"stop_lr": 1e-6, "stop_lr_ratio": 1/' -e 's/"numb_steps": 100/"numb_epoch": 1, "numb_steps": 1/' \
    -e 's/"steps": 1000/"steps": 1000, "sample_every": 2000/' -e 's/"per_iteration": 20/"rule": "fbs"/' \
    -e 's/"engine": "command".*/"engine": "qe", "template": "qe.in", "kspacing_per_A": 1, "attempts": [{"degauss": 1}], "checks": {"f_max": 1}},/' >bad.json
code 1 '11 mistakes' eelt check bad.json
while read -r words; do has err "$words"; done <<'TEXT'
bad.json: model.training: model.descriptor.sel: expected a list with one number.*(line 5
rcut_smth: found 4.5 A, expected less than rcut, 4 A (line 4
axis_neuron: expected at least one width.*(line 4
model.fitting_net.neuron: expected at least one width (line 5
stop_lr_ratio: either stop_lr or stop_lr_ratio is given, not both (line 6
numb_steps: either numb_steps or numb_epoch is given, not both (line 7
sample_every: found 2000, but a run has 1000 steps.*(line 11
select.rule: "fbs" is not known.*(line 14
did you mean "fps"
label.checks: unknown key "f_max" (line 15
unknown key 'degauss' (line 15
label.template (line 15, column [0-9]*): '.*/none' has no O.upf, the pseudopotential of O
TEXT
# words that are read by others than the campaign: optimizers, activations, batches, generators, options of a runner
good | sed -e 's/"axis_neuron": 2,/"axis_neuron": 2, "activation_function": "tahn",/' -e 's/\[8, 8\]/[8, 8], "activation_function": "swilu"/' \
    -e 's/"numb_steps": 100/"numb_steps": 100, "training_data": {"batch_size": "autoo"}/' \
    -e 's/^    "training":/    "optimizer": {"type": "Adan"},\n    "training":/' -e 's/"train": {"slots": 2}/"train": {"runner": "slurm", "slurm": {"partitoin": "x"}}/' \
    -e 's/"label": {"slots": 2}/"label": {"runner": "slurm", "slurm": {"poll_s": 0}}/' \
    -e 's/\["start.xyz"\]/[{"name": "a", "generate": [\n{"kind": "bulk", "lattice": "fccc", "element": "O", "a_A": 5},\n{"kind": "slab", "lattice": "fcc", "element": "O", "a_A": 5, "miller": [0, 0, 0], "layers": 3, "vacuum_A": 9},\n{"kind": "bulk", "lattice": "fcc", "element": "O", "a_A": 5, "vacancies": 9}]}]/' >bad.json
code 1 '9 mistakes' eelt check bad.json
while read -r words; do has err "$words"; done <<'TEXT'
bad.json: jobs.train.slurm: unknown key "partitoin" (line 21
did you mean "partition"
bad.json: jobs.label.slurm.poll_s: found 0, expected a number > 0 in s (line 21
bad.json: model.training: model.descriptor.activation_function: "tahn" is not known (line 4
bad.json: model.training: model.fitting_net.activation_function: "swilu" is not known (line 5
bad.json: model.training: optimizer.type: there is no optimizer "Adan" (line 7
did you mean "Adam"
bad.json: model.training: training.training_data.batch_size: found "autoo".*(line 8
explore.systems\[0\].generate\[0\].lattice: found "fccc".*(line 12
explore.systems\[0\].generate\[1\].miller: expected one that is not 0 (line 13
explore.systems\[0\].generate\[2\]: 9 vacancies in a cell of 4 atoms
TEXT
good | sed 's/^    "training":/    "optimizer": {"type": "Adam", "adam_bta2": 0.99},\n    "training":/' >bad.json
code 1 'optimizer: unknown key "adam_bta2" (line 7' eelt check bad.json
# what is wrong for all systems is told once
good | sed -e 's/"start.xyz"/"start.xyz", {"name": "b", "files": ["start.xyz"]}/' \
    -e 's/"engine": "command".*/"engine": "lammps", "command": "true", "elements": ["O", "H"], "files": ["absent.fs"], "lines": ["pair_style eam"]},/' >bad.json
code 1 '1 mistake' eelt check bad.json
has err 'cannot open .*absent.fs'
# a pseudopotential that only a later structure would miss
mkdir none && touch none/O.upf
printf '1\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\nO 0 0 0\n' >oxygen.xyz
good | sed -e 's/start.xyz/oxygen.xyz/' -e 's/"engine": "command".*/"engine": "qe", "command": "true", "template": "qe.in", "kspacing_per_A": 1},/' >bad.json
code 1 'the elements of the campaign: the element H is not in ATOMIC_SPECIES' eelt check bad.json

good | sed 's/"builtin"/"buildin"/' >bad.json
code 1 "engine is 'buildin', expected lammps or builtin (line 9" eelt check bad.json
has err "did you mean 'builtin'"

# what only a look at the files can tell
good | sed 's/"elements": \["O", "H"\]/"elements": ["O"]/' >bad.json
code 1 'start.xyz has the element H, which is not in campaign.elements (line 10' eelt check bad.json
good | sed 's/"cat in.xyz"/"no_such_program in.xyz"/' >bad.json
code 1 "label.command: there is no program 'no_such_program' (line 15" eelt check bad.json
printf '3\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\nO 0 0 0\nH 1 0 0\nH 0 1 0\n' >bare.xyz
good | sed 's/"audit"/"data": {"initial": ["bare.xyz"]}, "audit"/' >bad.json
code 1 "data.initial: 'bare.xyz' has no energies and forces (line 16" eelt check bad.json
echo '{"campaign": ' >bad.json
code 1 'bad.json:' eelt check bad.json
echo '{}' >bad.json
code 1 'section "label" is missing' eelt check bad.json
code 1 'absent.json' eelt check absent.json
finish
