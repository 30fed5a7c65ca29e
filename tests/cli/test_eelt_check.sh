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
sed 's/"steps": 1000/"steps": 123457/' eelt.json >long.json
ok eelt check long.json # long runs are told to the last step
has out '4 runs of 493828 steps'
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
    -e 's/"engine": "command".*/"engine": "lammps", "command": "true", "elements": ["O", "H"], "files": ["absent.fs"], "lines": ["pair_style eam\/fs", "pair_coeff * * absent.fs O H"]},/' >bad.json
code 1 '1 mistake' eelt check bad.json
has err 'cannot open .*absent.fs'
# a pseudopotential that only a later structure would miss
mkdir none && touch none/O.upf
printf '1\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\nO 0 0 0\n' >oxygen.xyz
good | sed -e 's/start.xyz/oxygen.xyz/' -e 's/"engine": "command".*/"engine": "qe", "command": "true", "template": "qe.in", "kspacing_per_A": 1},/' >bad.json
code 1 'the elements of the campaign: the element H is not in ATOMIC_SPECIES' eelt check bad.json

# what fits key by key and not together; values in another unit
touch Al-Mg.eam.fs Mg.eam.fs
alloy() { good | sed -e 's/"O", "H"\]}/"Al", "Mg"], "budget": {"labels": 3000}}/' -e 's/\["start.xyz"\]/[\n{"name": "fcc", "generate": {"kind": "bulk", "lattice": "fcc", "element": "Al", "a_A": 4.05}},\n{"name": "slab", "generate": {"kind": "slab", "lattice": "fcc", "element": "Al", "a_A": 4.05, "miller": [1, 0, 0], "layers": 3, "vacuum_A": 9}}]/' \
    -e 's/"label": {"engine".*/"label": {"engine": "lammps", "command": "true", "elements": ["Al", "Mg"], "files": ["Al-Mg.eam.fs"],\n"lines": ["pair_style eam\/fs", "pair_coeff * * Al-Mg.eam.fs Al Mg"]},/'; }
alloy >eelt.json
ok eelt check eelt.json
alloy | sed -e 's/"labels": 3000/"labels": 10/' -e 's/"rcut": 4.0/"rcut": 40/' -e 's/"start_lr": 0.001/"start_lr": 1e-7/' \
    -e 's/"numb_steps": 100/"numb_steps": 100, "training_data": {"batch_size": 0}/' -e 's/"a_A": 4.05}}/"a_A": 0.405}}/' \
    -e 's/\[300, \[300, 600\]\], "ensemble": "nvt"/[300, 300], "P_GPa": [0, 50000], "ensemble": "npt-iso", "dt_fs": 200/' \
    -e 's/"f_hi_eV_per_A": 0.25/"f_hi_eV_per_A": 0.25, "v_lo_eV": 0.2, "v_hi_eV": 0.1, "gamma_lo": 10, "gamma_hi": 2/' \
    -e 's/"per_iteration": 20/"accurate_soft": 0.9, "accurate_hard": 0.5/' -e 's/Al-Mg.eam.fs Al Mg"/Al-Mg.eam.fs Mg Al"/' \
    -e 's/"per_iteration": 10/"per_iteration": 1000, "certificate": 10, "certificate_most": 9, "e_target_eV_per_A": 150/' \
    -e 's/^  "jobs"/  "converge": {"rmse_target_eV_per_A": 40},\n  "data": {"initial": ["start.xyz"], "test": ["start.xyz"]},\n  "jobs"/' >bad.json
code 1 '19 mistakes' eelt check bad.json
while read -r words; do has err "$words"; done <<'TEXT'
explore.stages\[0\].P_GPa: found 50000, expected -10000 to 10000 GPa (line 13
hint: 50000 bar are 5 GPa
explore.stages\[0\].dt_fs: found 200, expected a number \[0.01, 20\] in fs (line 13
label.lines: 'pair_coeff \* \* Al-Mg.eam.fs Mg Al': type 1 is Mg here and Al in label.elements (line 18
audit.e_target_eV_per_A: found 150, expected a number (0, 10\] in eV/A (line 19
converge.rmse_target_eV_per_A: found 40, expected a number (0, 10\] in eV/A (line 20
examine.trust.v_lo_eV: 0.2 is not below v_hi_eV, 0.1 (line 15
examine.trust.gamma_lo: 10 is not below gamma_hi, 2 (line 15
select.accurate_soft: found 0.9, above accurate_hard, 0.5 (line 16
explore.stages\[0\].T_K: 300 is there twice.*(line 13
explore.stages\[0\].ensemble: npt-iso closes the vacuum of the slabs in "slab": expected nvt or nve (line 13
audit.per_iteration: found 1000, but all runs together keep 160 accurate frames.*(line 19
audit.certificate_most: found 9, less than certificate, 10 (line 19
data.test: 'start.xyz' is in data.initial, too.*(line 21
model.training: training.training_data.batch_size: found 0, expected a number >= 1.*(line 7
model.training: model.descriptor.rcut: found 40 A, expected at most 30 A (line 4
model.training: learning_rate.start_lr: found 1e-07, below stop_lr, 1e-06 (line 6
explore.systems\[0\].generate: 1 of 1 structures could not be labelled: .* 0.286 A apart, at least 1.452 (line 11
TEXT
alloy | sed -e 's/"labels": 3000/"labels": 10/' -e 's/\[300, \[300, 600\]\]/[300], "P_GPa": [0, 5]/' -e 's/"a_A": 4.05}}/"a_A": 40.5, "supercell": [3, 3, 3]}}/' \
    -e 's/"miller": \[1, 0, 0\]/"miller": [1, 0, 0], "supercell": [999, 999, 99]/' -e 's/Al-Mg.eam.fs Al Mg"/Mg.eam.fs Al Mg"/' >bad.json
code 1 '5 mistakes' eelt check bad.json
while read -r words; do has err "$words"; done <<'TEXT'
campaign.budget.labels: found 10, but the first labels alone are 20 (explore.bootstrap.frames is 10 a system) (line 2
explore.stages\[0\].P_GPa: 2 pressures, but the volume is constant (ensemble nvt) (line 13
label.lines: 'Mg.eam.fs' is not in label.files (line 18
in 1 of 1 structures no atom has a neighbour within the cutoff of the models, 4 A (line 11
generate: the supercell has 2.9[0-9]*e+08 atoms, allowed 1e7 (line 12
TEXT
alloy | sed -e 's/"stages": \[{/"stages": [{"systems": ["fcc"], /' -e 's/"per_iteration": 10/"per_iteration": 10, "certificate": 10/' >eelt.json
ok eelt check eelt.json
has out 'system slab: .*; NO STAGE EXPLORES IT'
has out 'certificate: IT CANNOT HOLD: at most 40 frames; a bound of 5 % at 95 % takes 59'
alloy | sed 's/"per_iteration": 10/"per_iteration": 10, "certificate": 0/' >eelt.json
ok eelt check eelt.json
has out 'audit: THIS CAMPAIGN CANNOT CONVERGE: per_iteration is 10, 59 or more are needed: with certificate 0'
sed 's/"per_iteration": 10, "certificate": 0/"per_iteration": 59, "certificate": 0/' eelt.json >enough.json
ok eelt check enough.json
hasnt out 'CANNOT CONVERGE'
alloy | sed 's/"per_iteration": 10/"per_iteration": 0/' >eelt.json
ok eelt check eelt.json
has out 'CANNOT CONVERGE: per_iteration is 0, 1 or more are needed$'

# a vacuum that the cutoff bridges, made and in a file; a ladder is judged by its widest; slots beyond the machine
alloy | sed 's/"vacuum_A": 9/"vacuum_A": 3/' >bad.json
code 1 "explore.systems\[1\].vacuum_A: found 3 A, less than the cutoff of the models, 4 A (line 12" eelt check bad.json
alloy | sed 's/"vacuum_A": 9/"vacuum_A": [3, 9]/' >eelt.json
ok eelt check eelt.json
printf '3\nLattice="9 0 0 0 9 0 0 0 8" Properties=species:S:1:pos:R:3\nO 0 0 0\nH 0 0.9 0.9\nH 4 4 7.8\n' >gap.xyz
good | sed -e 's/start.xyz/gap.xyz/' -e 's/"rcut": 4.0/"rcut": 7.0/' -e 's/"label": {"slots": 2}/"label": {"slots": 4000, "threads": 2}/' >eelt.json
ok eelt check eelt.json
has out 'system gap.xyz: AN EMPTY LAYER OF 6.9 A is narrower'
has out 'jobs.label: 4000 SLOTS of 2 processors, this machine has'
hasnt out 'jobs.train:'
good | sed -e 's/start.xyz/gap.xyz/' -e 's/"rcut": 4.0/"rcut": 6.8/' >eelt.json
ok eelt check eelt.json
hasnt out 'EMPTY LAYER'
# the styles of the LAMMPS that labels; a program that lists none is not asked further
printf '#!/bin/sh\nprintf "x\\n* Pair styles:\\n\\neam/alloy  eam/fs\\nsw\\n\\n* Bond styles:\\n\\nharmonic\\n"\n' >lmp
chmod +x lmp
with_style() { alloy | sed -e "s,\"command\": \"true\",\"command\": \"$work/lmp\"," -e "s,pair_style eam/fs,pair_style $1,"; }
for style in eam/fs 'hybrid/overlay eam/fs sw' none; do
    with_style "$style" >eelt.json
    ok eelt check eelt.json
done
for style in eam/sf 'hybrid harmonic sw'; do
    with_style "$style" >bad.json
    code 1 "label.lines: this LAMMPS has no pair_style '[a-z/]*' (line 18" eelt check bad.json
done
has err "no pair_style 'harmonic'"

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
