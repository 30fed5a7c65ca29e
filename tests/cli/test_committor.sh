# kramers committor, quasipotential, plot map.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
export OMP_NUM_THREADS=1

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

# A network; the limit on the spread of its flux is one that none keeps. Stopped and resumed it gives the same bits.
cat >net.json <<'JSON'
{"problem": {"kind": "double_well", "epsilon": 0.2}, "sampling": {"epsilon": 1, "count": 2000, "test_count": 2000,
 "boundary_count": 200, "burn": 300}, "network": {"hidden": [8]},
 "training": {"steps": 3000, "boundary_steps": 20, "batch": 200, "boundary_batch": 20},
 "validation": {"dt": 1e-2, "points": 20, "shots": 20, "direct": 0, "flux_count": 20000, "flux_spread": 1e-3}}
JSON
"$KRAMERS" committor net.json -o one >one.txt 2>&1 || [ $? -eq 3 ] || fail "the run of a network failed"
"$KRAMERS" committor net.json -o two --checkpoint 0.01 >/dev/null 2>&1 &
child=$!
for _ in $(seq 200); do [ -s two/checkpoint.json ] && break; sleep 0.05; done
kill -INT $child 2>/dev/null || true
wait $child || true
"$KRAMERS" committor net.json -o two --resume --force >/dev/null 2>&1 || [ $? -eq 3 ] || fail "the run was not resumed"
cmp one/network.json two/network.json || fail "a resumed run gives other parameters"
cmp one/results.json two/results.json || fail "a resumed run gives other results"

# Too few points are known by heart, and that is said; enough of them are not (above).
cat >heart.json <<'JSON'
{"problem": {"kind": "double_well", "dim": 10, "epsilon": 0.2}, "sampling": {"epsilon": 1, "coordinates": [1],
 "count": 1500, "test_count": 5000, "boundary_count": 200, "burn": 300}, "network": {"hidden": [20]},
 "training": {"steps": 1500, "boundary_steps": 20, "batch": 200, "boundary_batch": 20},
 "validation": {"dt": 1e-2, "points": 20, "shots": 20, "direct": 0, "flux_count": 2000}}
JSON
code 3 '' committor heart.json -o heart
has out 'nu of the points of the training is .* known by heart.*sampling.count above 1500'
! grep -q 'by heart' one.txt || fail "2000 points in one dimension are not known by heart"

# Points with weights: uniform ones in a 1-D double well. Exact: nu = 0.00274096, q(-0.5) = 0.0255, q(-0.25) = 0.1488.
awk 'BEGIN { srand(3); for (i = 0; i < 40000; i++) { x = 3.2 * rand() - 1.6; print x > "x.txt";
    print exp(-(x * x - 1)^2 / 0.2) > "w.txt" } }'
cat >points.json <<'JSON'
{"problem": {"kind": "samples", "points": "x.txt", "weights": "w.txt", "epsilon": 0.2, "A": {"level": "x1 + 1"},
 "B": {"level": "1 - x1"}}, "network": {"hidden": [12]}, "sampling": {"boundary_count": 500},
 "training": {"steps": 1500, "boundary_steps": 200, "batch": 256, "boundary_batch": 32}, "points": [[-0.5], [-0.25]]}
JSON
code 3 '' committor points.json -o points
has out 'no dynamics: no shots'
awk '/nu \(A to B/ { d = $NF / 0.0027409625 - 1; if (d < -0.03 || d > 0.05) exit 1; n++ }
     /^q\(-0.5/ { if ($NF < 0.013 || $NF > 0.036) exit 1; n++ }
     /^q\(-0.25/ { if ($NF < 0.11 || $NF > 0.18) exit 1; n++ } END { exit n != 3 }' out || fail "wrong committor of points"
sed 's/"epsilon": 0.2, //' points.json >bad.json
code 1 'problem.epsilon' committor bad.json -o bad
awk 'NR < 100' w.txt >short.txt
sed 's/w.txt/short.txt/' points.json >bad.json
code 1 '99 weights for 40000 points' committor bad.json -o bad

# A saved network: validated again, and the coordinate of rates.
sed 's/"problem"/"load": "one", "problem"/' net.json >again.json
code 3 '' committor again.json -o again
grep -q '"hit_mean"' again/results.json || fail "no shots from a loaded network"
# The flux by points on isosurfaces and by weighted points from everywhere: one shape.
sed 's/"flux_count": 20000/"flux_count": 0/; s/"test_count": 2000/"test_count": 200000/' again.json >everywhere.json
sed 's/"flux_count": 20000/"flux_count": 100000/' again.json >surfaces.json
for way in everywhere surfaces; do
    "$KRAMERS" committor $way.json -o $way 2>/dev/null || [ $? -eq 3 ] || fail "$way: the network was not validated"
done >fluxes
awk '/ \+- / { for (i = 1; $i != "+-"; i++); n++; key = $1; error[key] += $(i + 1)^2; off[key] = $(i + 2) - off[key] }
    END { for (key in off) if (off[key]^2 > 16 * error[key] || error[key] > 0.01) exit 1; exit n != 4 }' fluxes ||
    fail "two ways to the flux through isosurfaces disagree: $(grep ' +- ' fluxes)"
cat >rate.json <<'JSON'
{"problem": {"kind": "double_well", "epsilon": 0.2}, "dt": 0.01, "coordinate": {"committor": "one"}, "methods": [
 {"kind": "committor", "folder": "one"}, {"kind": "ffs", "basin_time": 5, "trials": 200, "replicas": 4},
 {"kind": "ams", "basin_time": 5, "walkers": 100, "replicas": 4}]}
JSON
code 3 '' rate rate.json -o rate
has out 'committor is not to be trusted: the committor is not validated'
has out '3 routes agree'
"$KRAMERS" rate compare one/results.json rate/results.json >out || fail "committor and rates disagree"
has out 'one/results.json: committor'
sed 's/"dim"/"dim"/; s/"epsilon": 0.2/"epsilon": 0.2, "dim": 2/' rate.json >bad.json
code 1 'network.json' rate bad.json -o bad

# Bad input is named with its place.
sed 's/"boundary_steps"/"boundary_stesp"/' net.json >bad.json
code 1 'boundary_stesp' committor bad.json -o bad
sed 's/"dt": 1e-2, //' net.json >bad.json
code 1 'validation.dt is missing' committor bad.json -o bad
echo '{"problem": {"kind": "maier_stein"}, "validation": {"dt": 0.01}}' >bad.json
code 1 'overdamped' committor bad.json -o bad
echo '{"problem": {"kind": "mueller", "A": {"ball": {"center": [0, 0], "radius": 1}}, "B": {"ball": {"center": [0.5, 0], "radius": 1}}}, "method": "grid"}' >bad.json
code 1 'overlap' committor bad.json -o bad
# … and before anything is computed.
while read -r change message; do
    sed "$change" net.json >bad.json
    code 1 "bad.json: $message (line [1-9]" committor bad.json -o bad
done <<'LIST'
s/{"epsilon":.1,/{"epsilon":0.1,/ sampling.epsilon: 0.1 is below that of the problem, 0.2: samples are heated, not cooled
s/"burn"/"coordinates":[2],"burn"/ sampling.coordinates: 2, the problem has 1 to 1
s/"burn"/"coordinates":[1,1],"burn"/ sampling.coordinates: 1 is given twice
s/"hidden":.\[8\]/"hidden":[]/ network.hidden: 0 hidden layers, 1 to 14 are possible
s/"hidden":/"features":[],&/ network.features: none; leave the key out for the coordinates
s/"hidden":/"features":["x[2]"],&/ network.features: there is no x\[2\], allowed x\[1\] to x\[1\] in "x\[2\]"
s/"hidden":/"activation":"tahn",&/ network.activation
s/^{/{"points":[[0],[0,0]],/ points: point 2 is no list of 1 numbers, the coordinates
s/^{/{"points":[["a"]],/ points: coordinate 1 of point 1 is no number
s/^{/{"points":3,/ points: a list of points expected, \[\[0, 0\], \[1, 0\]\]
LIST
sed 's/"problem"/"load": "nowhere", "problem"/' net.json >bad.json
code 1 'bad.json: nowhere/network.json' committor bad.json -o bad
sed 's/"folder": "one"/"folder": "nowhere"/' rate.json >bad.json
code 1 'bad.json: committor.folder: .*nowhere/results.json' rate bad.json -o bad
sed 's/"coordinate": {[^}]*}/"coordinate": "-x1"/' rate.json >bad.json
code 1 'bad.json: coordinate: 1 inside of A and -1 inside of B, it must grow (line' rate bad.json -o bad
ok committor --keys sampling
has out 'stretch'

# Quasipotentials.
echo '{"problem": {"kind": "linear", "matrix": [[-1, 5], [0, -1]]}, "method": "lyapunov"}' >linear.json
ok quasipotential linear.json -o linear
has out '0.137931'
echo '{"problem": {"kind": "olim", "type": "l"}, "method": "olim", "olim": {"nodes": [65, 65]}, "points": [[0.3, 0.2]]}' >olim.json
ok quasipotential olim.json -o olim
has out 'U = 2V = 0.2'
sed 's/{"nodes"/{"attractor": [9, 0], "nodes"/' olim.json >bad.json
code 1 'bad.json: olim.attractor: coordinate 1, 9, is outside of the box.*(line' quasipotential bad.json -o bad
sed 's/"points": \[\[0.3,/"points": [[/' olim.json >bad.json
code 1 'bad.json: points: point 1 is no list of 2 numbers' quasipotential bad.json -o bad
echo '{"problem": {"kind": "lin_li_ren"}, "network": {"hidden": [8]}, "training": {"loss": "hj", "warm_steps": 0, "steps": 100, "trajectories": 20, "batch": 100, "characteristics": 0, "polish": 5, "polish_batch": 200}}' >net3.json
code 3 '' quasipotential net3.json -o net3
has out 'NOT VALIDATED'
# Stopped while it learns: no verdict on a V that is half learned, and resumed it gives the same bits.
sed 's/"steps": 100/"steps": 6000/' net3.json >long.json
"$KRAMERS" quasipotential long.json -o long >/dev/null 2>&1 || [ $? -eq 3 ] || fail "the long run failed"
"$KRAMERS" quasipotential long.json -o cut --checkpoint 0.01 >cut.out 2>&1 &
child=$!
for _ in $(seq 400); do [ -s cut/checkpoint.json ] && break; sleep 0.02; done
kill -INT $child
wait $child && fail "a stopped run ends with 0"
grep -q 'resume continues' cut.out || fail "a stopped run does not say so: $(cat cut.out)"
[ ! -e cut/results.json ] || fail "a stopped run has results"
code 3 '' quasipotential long.json -o cut --resume
cmp long/results.json cut/results.json || fail "a resumed quasipotential gives other results"
echo '{"problem": {"kind": "cell_cycle"}}' >cycle.json
code 1 'cycle.json: no stable fixed point.*limit cycles' quasipotential cycle.json -o cycle
# The results of an earlier run are not those of one that fails.
cp -r well stale
code 1 'no stable fixed point' quasipotential cycle.json -o stale --force
[ ! -e stale/results.json ] || fail "a run that failed left the results of an earlier one"
echo '{"problem": {"kind": "olim", "type": "y"}, "method": "olim", "olim": {"attractor": [-1, 0]}}' >outside.json
cp -r well stale2
code 1 'olim.attractor: coordinate 1, -1, is outside of the box' quasipotential outside.json -o stale2 --force
[ -e stale2/results.json ] || fail "a mistake in a file cost the results of an earlier run"
# Learned from characteristics: a short run finds the right solution.
echo '{"problem": {"kind": "linear", "matrix": [[-1, 1], [-1, -1]]}, "network": {"hidden": [8]}, "training": {"warm_steps": 100, "steps": 100, "polish": 20, "polish_batch": 300, "batch": 200, "characteristics": 500}}' >net4.json
ok quasipotential net4.json -o net4
has out 'gradient along other characteristics.*pass'

# Finite noise: attractors that no trajectory joins are held apart by their action paths, known for a gradient: V at the
# three minima is -80.7678, -146.6995, -108.1667.
echo '{"problem": {"kind": "mueller"}, "network": {"hidden": [4]}, "training": {"loss": "epr", "time": 2, "trajectories": 20, "warm_steps": 5, "steps": 5, "polish": 0}}' >depths.json
code 3 '' quasipotential depths.json -o depths
awk '/^V at attractor/ { want[2] = -65.9317; want[3] = -27.3989; d = $NF / want[$4] - 1; if (d * d < 1e-6) n++ }
     END { exit n != 2 }' out || fail "wrong difference of V between attractors: $(cat out)"
echo '{"problem": {"kind": "expression", "dim": 2, "drift": ["x - x^3", "x - y"], "mobility": [1, 0], "low": [-2, -2], "high": [2, 2]}}' >one_noise.json
code 1 'problem.mobility: quasipotentials need noise on every coordinate, x2 has 0' quasipotential one_noise.json -o bad
sed 's/expression/formulae/' one_noise.json >bad.json
code 1 'there are .*double_well' quasipotential bad.json -o bad

# In four dimensions corners are reached by minimum action paths.
echo '{"problem": {"kind": "skew", "dim": 4}, "network": {"hidden": [4]}, "training": {"paths": 5, "characteristics": 200, "warm_steps": 5, "steps": 5, "polish": 0}}' >corners.json
code 3 '' quasipotential corners.json -o corners
has out '5 of 5 minimum action paths are used'
has out 'V against actions of paths: .* FAIL'

# Trajectories of a spiral alone, from a file: V = (x^2 + y^2)/2.
awk 'BEGIN { srand(2); for (i = 0; i < 1500; i++) { x = 4 * rand() - 2; y = 4 * rand() - 2; h = 0.005
    c = exp(-h) * cos(h); s = exp(-h) * sin(h); printf "%.9f %.9f %.9f %.9f\n", x, y, c * x + s * y, c * y - s * x } }' >pairs.dat
sed 's/{"kind": "linear", "matrix": .*]]}/{"kind": "pairs", "points": "pairs.dat", "dt": 0.005}/; s/{"warm/{"loss": "trajectories", "warm/; s/^{/{"points": [[1, 0]], /' net4.json >pairs.json
ok quasipotential pairs.json -o pairs
has out 'drift: relative error 0.0000'
has out 'U = 2V = [01]\.[09]'
sed 's/trajectories/cosine/' pairs.json >bad.json
code 1 "problem 'pairs' has neither drift" quasipotential bad.json -o bad
cut -d' ' -f1-3 pairs.dat >three.dat
sed 's/pairs.dat/three.dat/' pairs.json >bad.json
code 1 '3 numbers per pair, an even number' quasipotential bad.json -o bad

# Pictures.
command -v gnuplot >/dev/null && {
    ok plot map olim -o olim.png
    ok plot map well -o well.svg
}
code 1 'cannot be read' plot map nowhere -o x.png
finish
