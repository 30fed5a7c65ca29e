# kramers committor, quasipotential, plot map.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
export OMP_NUM_THREADS=2

# A grid: exact numbers, a map.
cat >well.json <<'JSON'
{"problem": {"kind": "double_well", "epsilon": 0.2, "low": [-3], "high": [3]}, "method": "grid",
 "grid": {"spacing": [0.01]}, "points": [[-0.5]]}
JSON
ok committor well.json -o well
has out 'nu (transitions A to B per time) *0.00274096'
has out 'q(-0.5) = 0.02551'
[ -s well/map.dat ] && [ -s well/q.npy ] || fail "no map.dat or q.npy"
code 1 'exist' committor well.json -o well
ok committor well.json -o well --force

# A network: short, so not validated; stopped and resumed it gives the same bits.
cat >net.json <<'JSON'
{"problem": {"kind": "double_well", "epsilon": 0.2}, "sampling": {"epsilon": 1, "count": 2000, "test_count": 2000,
 "boundary_count": 200, "burn": 300}, "network": {"hidden": [8]},
 "training": {"steps": 3000, "boundary_steps": 20, "batch": 200, "boundary_batch": 20},
 "validation": {"dt": 1e-2, "points": 20, "shots": 20, "direct": 0}}
JSON
"$KRAMERS" committor net.json -o one >/dev/null 2>&1 || [ $? -eq 3 ] || fail "the run of a network failed"
"$KRAMERS" committor net.json -o two --checkpoint 0.01 >/dev/null 2>&1 &
child=$!
for _ in $(seq 200); do [ -s two/checkpoint.json ] && break; sleep 0.05; done
kill -INT $child 2>/dev/null || true
wait $child || true
"$KRAMERS" committor net.json -o two --resume --force >/dev/null 2>&1 || [ $? -eq 3 ] || fail "the run was not resumed"
cmp one/network.json two/network.json || fail "a resumed run gives other parameters"
cmp one/results.json two/results.json || fail "a resumed run gives other results"

# Bad input is named with its place.
sed 's/"boundary_steps"/"boundary_stesp"/' net.json >bad.json
code 1 'boundary_stesp' committor bad.json -o bad
sed 's/"dt": 1e-2, //' net.json >bad.json
code 1 'validation.dt is missing' committor bad.json -o bad
echo '{"problem": {"kind": "maier_stein"}, "validation": {"dt": 0.01}}' >bad.json
code 1 'overdamped' committor bad.json -o bad
echo '{"problem": {"kind": "mueller", "A": {"ball": {"center": [0, 0], "radius": 1}}, "B": {"ball": {"center": [0.5, 0], "radius": 1}}}, "method": "grid"}' >bad.json
code 1 'overlap' committor bad.json -o bad
ok committor --keys sampling
has out 'stretch'

# Quasipotentials.
echo '{"problem": {"kind": "linear", "matrix": [[-1, 5], [0, -1]]}, "method": "lyapunov"}' >linear.json
ok quasipotential linear.json -o linear
has out '0.137931'
echo '{"problem": {"kind": "olim", "type": "l"}, "method": "olim", "olim": {"nodes": [65, 65]}, "points": [[0.3, 0.2]]}' >olim.json
ok quasipotential olim.json -o olim
has out 'U = 2V = 0.2'
echo '{"problem": {"kind": "lin_li_ren"}, "network": {"hidden": [8]}, "training": {"loss": "hj", "warm_steps": 0, "steps": 100, "trajectories": 20, "batch": 100}}' >net3.json
code 3 '' quasipotential net3.json -o net3
has out 'NOT VALIDATED'

# Pictures.
command -v gnuplot >/dev/null && {
    ok plot map olim -o olim.png
    ok plot map well -o well.svg
}
code 1 'cannot be read' plot map nowhere -o x.png
finish
