# kramers eelt import-dpgen on inputs like DP-GEN's public examples: aluminium, and water with the key names of early
# versions; wrong types, unknown keys and missing files with their places. SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
for name in al water; do
    code 3 '1 keys are refused' eelt import-dpgen "$data/dpgen/${name}_param.json" "$data/dpgen/machine.json" -o $name.json
    has out "^refused  machine.json fp .*context_type 'ssh'"
    has out "^missing  init_data_sys .*is not there (line 5, column 23)"
    has out '^missing  sys_configs .*POSCAR. is not there (line 8, column 10)'
    has out '^differs  fp_style .*vasp'
    exists label.sh
    # what check finds in the translation is what is not on this disk, nothing else
    code 1 'cannot open' eelt check $name.json
    [ "$(grep -c "^kramers: $name.json" err)" -eq "$(grep -c '/nowhere' err)" ] || { fail "mistakes of the translation:"; cat err; }
done
has out '^all stages: 10 cells'
python3 - <<'PY' || fail "the translated files are not what they should be"
import json, sys
al, water = json.load(open("al.json")), json.load(open("water.json"))
s, t = al["explore"]["stages"], water["explore"]["stages"]
ok = s[0]["T_K"] == [50, 132, 264] and s[0]["P_GPa"] == [1e-4, 0.1, 5] and s[0]["dt_fs"] == 2 and s[1]["systems"] == ["sys001"]
ok &= t[0]["T_K"] == [50] and t[1]["P_GPa"] == [1e-3, 50] and t[1]["ensemble"] == "npt-iso" and t[1]["sample_every"] == 20
ok &= water["explore"]["options"] == {"tau_t_ps": 0.1, "tau_p_ps": 0.5, "command": "lmp_serial"} and water["campaign"]["elements"] == ["O", "H"]
ok &= al["jobs"]["train"]["runner"] == "slurm" and al["jobs"]["explore"]["runner"] == "local"
sys.exit(not ok)
PY

# the same with mistakes
sed 's/"fp_task_max": 300/"fp_task_max": "300"/; s/"nsteps": 1000/"nsteps": [1000]/; s/"numb_models"/"num_models"/
     s/"temps": \[330.0, 594.0\]/"temps": [330.0, "594"]/; s/"model_devi_f_trust_lo": 0.05/"model_devi_f_trust_lo": "low"/
     s/"trj_freq": 10},/"trj_freqs": 10},/; s/"type_map": \["Al"\]/"type_map": "Al"/' "$data/dpgen/al_param.json" >bad.json
code 3 '7 keys are refused' eelt import-dpgen bad.json -o bad_out.json
at() { grep -n "$1" bad.json | head -1 | cut -d: -f1; }
has out "^refused  fp_task_max .*expected a number (line $(at '"300"'),"
has out "^refused  model_devi_jobs\[\].nsteps .*expected a number (line $(at '\[1000\]'),"
has out "^refused  num_models .*is not known (line $(at num_models),"
has out "^refused  model_devi_jobs\[\].temps .*expected a list of numbers (line $(at '"594"'),"
has out "^refused  model_devi_f_trust_lo .*expected a number (line $(at '"low"'),"
has out "^refused  model_devi_jobs\[\].trj_freqs .*is not known (line $(at trj_freqs),"
has out "^refused  type_map .*expected a list of strings (line 2,"

# programs with templates, inputs of early versions of DeePMD-kit, the early names of machine.json; no key without a line
cat >machine.json <<'JSON'
{"deepmd_path": "/nowhere", "model_devi_command": "lmp -i input.lammps -v restart 0", "model_devi_group_size": 5,
 "fp_command": "mpirun -n 32 pw.x < input > output",
 "train_machine": {"machine_type": "slurm", "hostname": "localhost", "work_path": "/nowhere"},
 "train_resources": {"numb_node": 1, "numb_gpu": 1, "task_per_node": 8, "partition": "all", "time_limit": "23:0:0",
                     "mem_limit": 32, "module_list": ["intel"], "source_list": ["a.env"], "exclude_list": []},
 "model_devi_machine": {"machine_type": "local"}, "model_devi_resources": {"task_per_node": 2, "partition": "all"},
 "fp_machine": {"machine_type": "slurm", "hostname": "cluster"},
 "fp_resources": {"numb_gpu": 2, "custom_flags": ["#SBATCH --mem=1G"], "envs": {"OMP_NUM_THREADS": 4}, "nodes": 1}}
JSON
sed -e 's/"fp_style": "vasp"/"fp_style": "pwscf"/; s/"fp_incar": .*/"k": 0/; s/"fp_pp_files": .*/"fp_pp_files": ["H.upf", "O_pbe.UPF"],/' \
    -e 's/"fp_task_max": 100/"user_fp_params": {"control": {"tprnfor": true}, "system": {"ecutwfc": 30}, "kspacing": 0.5}, "fp_task_max": 100/' \
    "$data/dpgen/water_param.json" >pw.json
code 3 '3 keys are refused' eelt import-dpgen pw.json machine.json -o pw_out.json
has out '^refused  machine.json fp .*hostname .cluster'
has out '^refused  machine.json fp .*nodes is not known (line 8,'
has out '^differs  fp_pp_files .*begins with its name'
for key in numb_node numb_gpu task_per_node partition time_limit mem_limit module_list source_list exclude_list work_path; do
    has out "machine.json train .*$key: "
done
has pw.in '^O 1.0 O_pbe.UPF'
sed 's/"type_map"/"model_devi_engine": "gromacs", "use_ele_temp": 0, "type_map"/; s/"mass_map": .*/"mass_map": "auto",/' "$data/dpgen/water_param.json" >engine.json
code 3 '1 keys are refused' eelt import-dpgen engine.json -o engine_out.json
has out "^refused  model_devi_engine .*'gromacs'.*(line 2,"
has out '^mapped   use_ele_temp .*off'
has out '^mapped   mass_map .*standard'
python3 - <<'PY' || fail "machine.json with the early names"
import json, sys
j = json.load(open("pw_out.json"))
train, label = j["jobs"]["train"], j["jobs"]["label"]
ok = train == {"runner": "slurm", "cpus": 8, "timeout_s": 82800, "memory_MB": 32000,
               "slurm": {"partition": "all", "lines": ["module load intel", "source a.env"]}}
ok &= label["slurm"]["lines"] == ["#SBATCH --gres=gpu:2", "#SBATCH --mem=1G", "export OMP_NUM_THREADS=4"]
ok &= j["label"]["command"] == "mpirun -n 32 pw.x" and j["label"]["kspacing_per_A"] == 0.5
ok &= j["explore"]["options"]["command"] == "lmp" and j["jobs"]["explore"] == {"runner": "local", "cpus": 2}
sys.exit(not ok)
PY
cat >flat.py <<'PY'
import json, sys
p = json.load(open(sys.argv[1]))
p["default_training_param"] = {
    "use_smooth": True, "sel_a": [40, 80], "rcut": 5, "rcut_smth": 0.5, "filter_neuron": [10, 20, 40], "n_axis_neuron": 12,
    "n_neuron": [100, 100, 100], "resnet_dt": True, "coord_norm": True, "systems": [], "set_prefix": "set",
    "stop_batch": 4000, "batch_size": 1, "start_lr": 0.002, "decay_steps": 200, "decay_rate": 0.95, "seed": 0,
    "start_pref_e": 0.02, "limit_pref_e": 2, "start_pref_f": 1000, "limit_pref_f": 1, "numb_test": 10}
p["fp_style"], p["user_fp_params"] = "cp2k", {"FORCE_EVAL": {
    "DFT": {"MGRID": {"CUTOFF": 600}, "SCF": {"OT": {"MINIMIZER": "DIIS"}}},
    "SUBSYS": {"KIND": {"_": ["O", "H"], "POTENTIAL": ["GTH-PBE-q6", "GTH-PBE-q1"], "BASIS_SET": ["DZVP", "DZVP"]}}}}
json.dump(p, open("flat.json", "w"))
PY
python3 flat.py "$data/dpgen/water_param.json"
code 0 'written' eelt import-dpgen flat.json -o flat_out.json
code 1 'cannot open' eelt check flat_out.json
[ "$(grep -c '^kramers: flat_out.json' err)" -eq "$(grep -c '/nowhere' err)" ] || { fail "mistakes of the translation:"; cat err; }
python3 - <<'PY' || fail "a training input of DeePMD-kit 0, or a template of CP2K"
import json, sys
t = json.load(open("flat_out.json"))["model"]["training"]
ok = t["model"]["descriptor"]["sel"] == [40, 80] and t["model"]["fitting_net"]["neuron"] == [100, 100, 100]
ok &= t["training"]["training_data"]["batch_size"] == 1 and t["loss"]["limit_pref_e"] == 2
lines = [line.split() for line in open("cp2k.inp")]
ok &= ["CUTOFF", "600"] in lines and ["REL_CUTOFF", "50"] in lines and ["&KIND", "H"] in lines and ["&END", "OT"] in lines
i = lines.index(["&KIND", "H"])
sys.exit(not (ok and ["POTENTIAL", "GTH-PBE-q1"] in lines[i:i + 3]))
PY
finish
