# kramers train: a run from nothing, its model in the other commands, interruption, mistakes in the input.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"

# input NAME [sed expression]…: a small input, changed
input() {
    local name=$1
    shift
    cat >"$name" <<JSON
{
  "_comment": "small on purpose",
  "model": {"type_map": ["O", "H"],
    "descriptor": {"type": "se_e2_a", "sel": "auto", "rcut": 3.5, "rcut_smth": 1.0,
                   "neuron": [4, 8], "axis_neuron": 2, "type_one_side": true},
    "fitting_net": {"neuron": [8, 8]}},
  "learning_rate": {"type": "exp", "start_lr": 0.003, "stop_lr": 1e-6, "decay_steps": 5},
  "loss": {"start_pref_v": 0.02, "limit_pref_v": 1},
  "training": {
    "training_data": {"systems": ["$kit/formats/npy"], "batch_size": 2},
    "validation_data": {"systems": ["$kit/formats/npy_type_map_swapped"], "numb_btch": 2},
    "numb_steps": 30, "disp_freq": 10, "save_freq": 10, "seed": 5}
}
JSON
    [ $# -eq 0 ] || sed -i "$@" "$name"
}

input input.json
ok train input.json --threads 2
has err 'training data: 1 system'
has err 'validation errors'
has err 'sharpness: largest curvature'
exists model.dp
exists model.ckpt-30.dp
[ "$(cat checkpoint)" = model.ckpt-30.dp ] || fail "checkpoint names $(cat checkpoint)"
[ "$(grep -vc '#' lcurve.out)" -eq 4 ] || fail "rows of lcurve.out: $(cat lcurve.out)"
has lcurve.out '^# step       rmse_val    rmse_trn    rmse_e_val  rmse_e_trn    rmse_f_val  rmse_f_trn    rmse_v_val  rmse_v_trn   lr      $'
has out.json '"rcut_smth": 1.0'
has out.json '"numb_btch": 2'
hasnt out.json '"sel": "auto"' # it is counted
hasnt out.json '_comment'

# the model is one for every command, the checkpoint too
ok model info model.dp
ok eval -m model.dp "$kit/formats/npy" -o e
ok test -m model.ckpt-30.dp -s "$kit/formats/npy" -d detail
exists detail.f.out

# the completed input is an input that gives the same
mkdir again
ok train out.json --folder again --completed none --threads 1
absent again/out.json
cmp -s lcurve.out again/lcurve.out || fail "out.json does not give the same rows"
code 1 'model.dp exists already' train input.json
ok train input.json --force -q
[ ! -s err ] || [ "$(wc -l <err)" -le 2 ] || fail "--quiet says: $(cat err)"

# mistakes are named with their place
bad() { # MESSAGE sed expression
    input bad.json "$2"
    code 1 "$1" train bad.json --folder bad
    absent bad/model.dp
}
bad 'bad.json: model.descriptor: unknown key "rcutt" (line 4' 's/"rcut":/"rcutt":/'
bad 'model.descriptor.axis_neuron: found 0, expected an integer >= 1' 's/"axis_neuron": 2/"axis_neuron": 0/'
bad 'training.numb_steps: found -3' 's/"numb_steps": 30/"numb_steps": -3/'
bad 'learning_rate.type: found "linear"' 's/"type": "exp"/"type": "linear"/'
bad 'loss.start_pref_v: found "x"' 's/"start_pref_v": 0.02/"start_pref_v": "x"/'
bad '^kramers: bad.json: optimizer.adam_beta2: found 1.5, expected a number \[0, 1) (line' 's/"loss":/"optimizer": {"adam_beta2": 1.5}, "loss":/'
bad '^kramers: bad.json: optimizer.type: there is no optimizer "Adm"' 's/"loss":/"optimizer": {"type": "Adm"}, "loss":/'
bad '^kramers: bad.json: learning_rate.warmup_steps: found 30, expected less than 30 steps' 's/"decay_steps"/"warmup_steps": 30, "decay_steps"/'
bad 'unknown key "trainig"' 's/"training": {/"trainig": {/'
bad "systems (line 10, column 35): cannot open '/no/such/folder'" "s#$kit/formats/npy\"#/no/such/folder\"#"
bad 'systems: found 2 numbers for 1\|sys_probs: found 2 numbers for 1' 's/"batch_size": 2/"batch_size": 2, "sys_probs": [0.5, 0.5]/'
bad 'element O stands there twice' 's/\["O", "H"\]/["O", "O"]/'
bad 'atom 5 has type 1 (H)\|which type_map does not have' 's/\["O", "H"\]/["O"]/'
bad 'bad.json:4:' 's/"descriptor": {/"descriptor": {{/'
code 2 'an argument is missing' train
code 2 'only one of' train input.json --restart --init-model model.dp
code 2 '--restart-from CHECKPOINT goes on' train input.json --restart model.ckpt-20.dp
code 2 'one argument too many: model.dp' train input.json model.dp
code 1 'no checkpoint to go on from' train input.json --restart --folder fresh
has err 'as in --restart-from model.ckpt'
code 1 'has the descriptor' train input.json --folder x --init-model "$kit/models/se_r_tanh.dp"

# the first interrupt writes a checkpoint, and the run goes on with the same bits
input long.json 's/"numb_steps": 30/"numb_steps": 4000/;s/"save_freq": 10/"save_freq": 1000/'
mkdir a
"$KRAMERS" train long.json --folder a --threads 1 >out 2>err &
pid=$!
while [ ! -s a/lcurve.out ] || [ "$(grep -vc '#' a/lcurve.out)" -lt 3 ]; do kill -0 $pid 2>/dev/null || break; sleep 0.05; done
kill -TERM $pid
wait $pid
[ $? -eq 3 ] || fail "after SIGTERM: code $? $(cat err)"
has err 'saved a/model.ckpt-.*; the same command with --restart goes on'
exists a/checkpoint

# a folder that was moved, and a run that goes on from inside it
mkdir b
ok train input.json --folder b --threads 1
[ "$(cat b/checkpoint)" = b/model.ckpt-30.dp ] || fail "checkpoint names $(cat b/checkpoint)"
mv b moved
mv moved/model.dp whole.dp
echo b/model.ckpt-20.dp >moved/checkpoint
ok train input.json --folder moved --restart --threads 1
cmp moved/model.dp whole.dp || fail "a restart in a moved folder gives another model"
rm moved/model.dp
echo b/model.ckpt-20.dp >moved/checkpoint
(cd moved && "$KRAMERS" train ../input.json --restart -q) || fail "a restart from inside the folder ends with $?"
cmp moved/model.dp whole.dp || fail "a restart from inside the folder gives another model"

# save_dir is made with the folders above it, in a folder that is made, and found again when that was moved
input kept.json 's#"seed": 5#"seed": 5, "save_dir": "kept/deep"#'
ok train kept.json --folder new/one --threads 1
cmp new/one/model.dp whole.dp || fail "save_dir changes the model"
mv new/one elsewhere
rm elsewhere/model.dp
echo new/one/kept/deep/model.ckpt-20.dp >elsewhere/checkpoint
exists elsewhere/kept/deep/model.ckpt-20.dp
ok train kept.json --folder elsewhere --restart --threads 1
cmp elsewhere/model.dp whole.dp || fail "a restart from save_dir in a moved folder gives another model"
ok train kept.json --folder both --ensemble 2 --threads 1
exists both/1/kept/deep/model.ckpt-30.dp

# frames and systems that are left out
input near.json 's/"batch_size": 2/"batch_size": 2, "min_pair_dist": 1.05/'
ok train near.json --folder near --threads 1
has err ' frames are left out, their atoms are closer than min_pair_dist'
input found.json "s#\[\"$kit/formats/npy\"\]#\"$kit/formats\"#; s/\"batch_size\": 2/\"batch_size\": 2, \"rglob_patterns\": [\"npy\"]/"
ok train found.json --folder found --threads 1
has err 'training data: 1 system'
bad 'there is no system with frames that matches rglob_patterns' 's/"batch_size": 2/"batch_size": 2, "rglob_patterns": ["no*"]/;s#formats/npy"\]#formats"]#'

ok train --keys
has out 'rcut_smth'
has out 'patience'
ok plot lcurve lcurve.out
has out 'lcurve.out: 4 rows, step 30'
code 1 'holds no learning curve' plot lcurve input.json
if command -v gnuplot >/dev/null; then
    ok plot lcurve lcurve.out again/lcurve.out -o curve.png
    exists curve.png
    ok plot parity detail -o parity.svg
    exists parity.svg
    has out 'force (eV/Å)'
fi
code 1 'there is no nothing.e_peratom.out' plot parity nothing -o p.png
finish
