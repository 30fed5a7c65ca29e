# ctest: full. kramers train with mpiexec: one, two and four processes give the same model to rounding, with a gradient and with the
# measurements of a Kalman filter. Skipped when the program is built without MPI.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"

if [ -z "${MPIEXEC:-}" ]; then
    echo "skipped: built without MPI (cmake -DKRAMERS_MPI=ON)"
    exit 77
fi
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMP_NUM_THREADS=1

input() { # FILE OPTIMIZER EMBEDDING
    cat >"$1" <<JSON
{"model": {"type_map": ["O", "H"], "descriptor": {"type": "se_e2_a", "sel": [20, 40], "rcut": 3.5, "rcut_smth": 1.0,
   "neuron": [$3], "axis_neuron": 4, "type_one_side": true}, "fitting_net": {"neuron": [8, 8]}},
 "learning_rate": {"start_lr": 0.003, "stop_lr": 1e-6, "decay_steps": 20}, "loss": {}, "optimizer": {$2},
 "training": {"training_data": {"systems": ["$kit/formats/npy", "$kit/formats/npy_nopbc"], "batch_size": 4},
   "numb_steps": 40, "disp_freq": 10, "save_freq": 1000, "seed": 5}, "kramers": {"spline_tolerance": 1e-4}}
JSON
}
input adam.json '"type": "Adam"' 4,8
input lkf.json '"type": "LKF", "kf_blocksize": 64' 4,8
# so many channels that some are left out: all processes must leave out the same, also those with few atoms
input wide.json '"type": "Adam"' 12,24

for kind in adam lkf wide; do
    for n in 1 2 4; do
        out=$kind$n
        mkdir $out
        "$MPIEXEC" -n $n "$KRAMERS" train $kind.json --folder $out -q >out 2>err || fail "$kind, $n processes: $(cat err)"
        ok test -m $out/model.dp -s "$kit/formats/npy" -d $out
        near 1e-10 1e-10 ${kind}1.f.out $out.f.out
        near 1e-10 1e-10 ${kind}1.e.out $out.e.out
        [ "$(grep -vc '#' $out/lcurve.out)" -eq 5 ] || fail "$out/lcurve.out has $(grep -vc '#' $out/lcurve.out) rows"
    done
done

# a mistake ends all processes and is told
sed 's/"rcut": 3.5/"rcut": -3.5/' adam.json >bad.json
"$MPIEXEC" -n 2 "$KRAMERS" train bad.json >out 2>err && fail "a bad input is accepted"
has err 'rcut: found -3.5'
# so does the failure of one alone
"$MPIEXEC" -n 1 "$KRAMERS" train adam.json --folder one -q : -n 1 "$KRAMERS" train bad.json >out 2>err &&
    fail "half of the processes failed, and the run went on"
has err 'rcut: found -3.5'
finish
