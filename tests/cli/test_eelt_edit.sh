# kramers eelt drop, add, export, import-dpgen.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/campaign.sh"
sed -i 's/"max_iterations": 3/"max_iterations": 2/' eelt.json
code 1 'no model has been trained' eelt add eelt.json "$kit/formats/npy"
code 3 'not converged after 2 iterations' eelt run eelt.json
frames_of() { "$KRAMERS" data info "$1" 2>/dev/null | awk '$1 == "frames" { n += $2 } END { print n + 0 }'; }

# a frame that must go: its data set is written again without it
frame=$(awk -F'\t' '$9 == "chosen" && $2 == 1 { print $1; exit }' run/report_frames.tsv)
before=$(frames_of run/iter.000001/02.label/data.000)
ok eelt drop eelt.json "$frame"
has err '1 frames are out'
[ "$(frames_of run/iter.000001/02.label/data.000)" -eq $((before - 1)) ] || fail "the frame is still there"
ok eelt report run
awk -F'\t' -v f="$frame" '$1 == f && $9 == "dropped" { found = 1 } END { exit !found }' run/report_frames.tsv || fail "not dropped"
code 1 'no frame 999999' eelt drop eelt.json 999999
code 2 'no number' eelt drop eelt.json one

# data from elsewhere: the next training uses them
added=$(frames_of "$kit/formats/npy")
ok eelt add eelt.json "$kit/formats/npy"
has err "$added labelled frames added"
code 1 'absent' eelt add eelt.json absent
sed -i 's/"max_iterations": 2/"max_iterations": 3/' eelt.json
code 3 'not converged after 3' eelt run eelt.json
has err "train: 2 models on $((3 + before - 1 + added)) frames"

ok eelt export run plain
exists plain/models/model_1.dp
ok data info plain/data
[ "$(frames_of plain/data)" -ge $((2 + before + added)) ] || fail "data are missing in the export"
ok eelt export run theirs --dpgen
exists theirs/iter.000002/00.train/001/model.dp
exists theirs/iter.000001/02.fp/data.000/set.000/force.npy
has theirs/record.dpgen '^2 8$'
has theirs/iter.000001/02.fp/candidate.shuffled.000.out '^iter.000001/01.model_devi/task.000.000000 [0-9]*$'
code 1 'exists' eelt export run plain

# DP-GEN's inputs: every key has a line; unknown ones and what cannot be done are refused
cat >param.json <<'JSON'
{"type_map": ["O", "H"], "mass_map": [16, 2], "init_data_prefix": "data", "init_data_sys": ["init.000"],
 "sys_configs_prefix": "conf", "sys_configs": [["a/POSCAR"], ["b*/POSCAR"]], "sys_batch_size": [8, 8],
 "numb_models": 4, "default_training_param": {"model": {"descriptor": {"type": "se_e2_a", "rcut": 6.0, "sel": [46, 92]},
   "fitting_net": {"neuron": [120, 120]}}, "training": {"numb_steps": 2000}},
 "model_devi_dt": 0.0005, "model_devi_skip": 0, "model_devi_f_trust_lo": 0.15, "model_devi_f_trust_hi": [0.35, 0.4],
 "model_devi_clean_traj": true, "model_devi_jobs": [
   {"sys_idx": [0], "temps": [50], "press": [1.0, 20000], "trj_freq": 10, "nsteps": 1000, "ensemble": "nvt", "_idx": "00"},
   {"sys_idx": [1], "temps": [300, 600], "press": [1.0], "trj_freq": 20, "nsteps": 3000, "ensemble": "npt", "taut": 0.1}],
 "fp_style": "pwscf", "shuffle_poscar": false, "fp_task_max": 20, "fp_task_min": 1, "fp_pp_path": "pp",
 "fp_pp_files": ["O.UPF", "H.UPF"], "user_fp_params": {"control": {}, "system": {"ecutwfc": 30, "occupations": "smearing"},
 "electrons": {"conv_thr": 1e-6}}, "use_clusters": true, "fp_taskmax": 3}
JSON
cat >machine.json <<'JSON'
{"train": [{"command": "dp", "machine": {"batch_type": "Shell", "context_type": "local"}, "resources": {"cpu_per_node": 4}}],
 "model_devi": {"machine": {"batch_type": "Slurm", "context_type": "LazyLocalContext"},
   "resources": {"queue_name": "main", "custom_flags": ["#SBATCH --mem=4G"], "module_list": ["lammps"]}},
 "fp": [{"command": "mpirun pw.x", "machine": {"batch_type": "PBS", "context_type": "SSHContext"}, "resources": {}}]}
JSON
mkdir -p old/iter.000000/02.fp/data.000
code 3 '3 keys are refused' eelt import-dpgen param.json machine.json -o theirs.json --iterations old
while read -r words; do has out "$words"; done <<'TEXT'
^mapped   type_map
^mapped   model_devi_jobs .*2 of them
^differs  model_devi_f_trust_hi .*first of several
^refused  use_clusters
^refused  fp_taskmax .*line 11
^refused  machine.json fp .*PBS
^mapped   iter.*1 data sets
TEXT
has theirs.json '"old/iter.000000/02.fp/data.000"'
has theirs.json '"conf/b\*/POSCAR"'
python3 - theirs.json <<'PY' || fail "the translated file is not what it should be"
import json, sys
c = json.load(open(sys.argv[1]))
s = c["explore"]["stages"]
ok = s[0]["P_GPa"][1] == 2 and s[1]["dt_fs"] == 0.5 and s[1]["ensemble"] == "npt-iso" and s[1]["systems"] == ["sys001"]
ok &= c["select"]["per_system"] == 20 and c["jobs"]["explore"]["slurm"]["partition"] == "main"
ok &= c["examine"]["trust"]["f_hi_eV_per_A"] == 0.35 and c["label"]["engine"] == "qe"
sys.exit(not ok)
PY
has pw.in "occupations = 'smearing'"
# the translated file is read by check: only what is missing on the disk is found
code 1 "data/init.000'" eelt check theirs.json
hasnt err 'unknown key'
finish
