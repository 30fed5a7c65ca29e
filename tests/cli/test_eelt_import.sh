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
ok &= water["explore"]["options"] == {"tau_t_ps": 0.1, "tau_p_ps": 0.5} and water["campaign"]["elements"] == ["O", "H"]
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
finish
