# ctest: full. kramers train: killed at 20 random moments and restarted, it ends with the bits of a run in one piece.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"

cat >input.json <<JSON
{"model": {"type_map": ["O", "H"], "descriptor": {"type": "se_e2_a", "sel": [20, 40], "rcut": 3.5, "rcut_smth": 1.0,
   "neuron": [4, 8], "axis_neuron": 2, "type_one_side": true}, "fitting_net": {"neuron": [8, 8]}},
 "learning_rate": {"start_lr": 0.003, "stop_lr": 1e-6, "decay_steps": 20}, "loss": {},
 "kramers": {"average_tail": 0.3},
 "training": {"training_data": {"systems": ["$kit/formats/npy", "$kit/formats/npy_nopbc"], "batch_size": 4},
   "numb_steps": 2400, "disp_freq": 20, "save_freq": 15, "seed": 5, "enable_ema": true}}
JSON
mkdir whole parts
ok train input.json --folder whole -q --threads 1

kills=0
"$KRAMERS" train input.json --folder parts -q --threads 2 >out 2>err &
pid=$!
while [ $kills -lt 20 ]; do
    sleep "0.$((RANDOM % 10 + 10))"
    kill -9 $pid 2>/dev/null || break
    wait $pid 2>/dev/null
    kills=$((kills + 1))
    if [ -e parts/checkpoint ]; then again=--restart; else again=; fi
    "$KRAMERS" train input.json --folder parts -q --threads 2 $again >out 2>err &
    pid=$!
done
wait $pid || fail "the last run failed: $(cat err)"
echo "killed $kills times"
[ $kills -ge 5 ] || fail "only $kills kills before the run was through"
cmp whole/lcurve.out parts/lcurve.out || fail "lcurve.out differs"
# a torn file would not load
for f in parts/*.dp; do ok model info "$f"; done
rm -f parts/*.part* parts/*.tmp* parts/.[a-z]* # what a killed process leaves under temporary names
for m in model model-ema; do
    ok eval -m whole/$m.dp "$kit/formats/npy" -o a.xyz --force
    ok eval -m parts/$m.dp "$kit/formats/npy" -o b.xyz --force
    cmp a.xyz b.xyz || fail "$m.dp differs"
done

# a full disk: the run ends with an error, the checkpoint before it is whole, and the run goes on when there is room
sed 's/"numb_steps": 2400/"numb_steps": 30/' input.json >short.json
ok train short.json --folder full -q
sed 's/"numb_steps": 2400/"numb_steps": 60/' input.json >short.json
(
    trap '' XFSZ
    ulimit -f 4
    exec "$KRAMERS" train short.json --folder full -q --restart --completed none
) >out 2>err
[ $? -eq 1 ] || fail "a full disk: code $?"
has err 'model.ckpt-45.dp'
[ "$(cat full/checkpoint)" = full/model.ckpt-30.dp ] || fail "checkpoint names $(cat full/checkpoint)"
ok model info full/model.ckpt-30.dp
ok train short.json --folder full -q --restart
exists full/model.ckpt-60.dp
finish
