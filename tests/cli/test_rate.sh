# kramers rate: results, stop and resume, compare, plot, help on keys, a plug-in, mistakes.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
cat >run.json <<'JSON'
{"problem": {"kind": "double_well", "epsilon": 0.5}, "dt": 0.02, "output": "first", "methods": [
  {"kind": "direct", "time": 2000, "walkers": 64},
  {"kind": "ffs", "basin_time": 2, "trials": 50, "replicas": 4},
  {"kind": "kramers"}]}
JSON
code 0 '' rate run.json
has out 'direct'
has out '2 routes agree'
exists first/results.json
exists first/rates.dat
absent first/checkpoint.json
code 1 'exists' rate run.json
ok rate run.json --force -t 1 -o second
grep -v seconds first/results.json >a
grep -v seconds second/results.json >b
cmp -s a b || fail "other bits with another number of threads"

# stop a long run, resume it: the same as without the stop
sed 's/"time": 2000/"time": 60000/' run.json >long.json
ok rate long.json -o whole
"$KRAMERS" rate long.json -o stopped 2>err & pid=$!
sleep 0.3
kill -INT $pid 2>/dev/null
wait $pid
got=$?
if [ $got -eq 3 ]; then
    exists stopped/checkpoint.json
    absent stopped/results.json
    sed 's/"time": 60000/"time": 70000/' long.json >other.json
    code 1 'another input' rate other.json -o stopped --resume
    ok rate long.json -o stopped --resume
else
    [ $got -eq 0 ] || fail "a stopped run ends with code $got" # it was over before the signal
fi
grep -v seconds whole/results.json >a
grep -v seconds stopped/results.json >b
cmp -s a b || fail "a resumed run differs"

ok rate compare first/results.json whole/results.json
has out 'weighted mean'
code 1 'holds no rates' rate compare long.json
if command -v gnuplot >/dev/null; then
    ok plot rate first/rates.dat whole/rates.dat -o rates.png
    exists rates.png
fi
code 1 'line 1' plot rate run.json -o x.png

ok rate --keys problem
has out rugged_mueller
ok rate --keys mueller
has out ripple
ok rate --keys ffs
has out basin_time
ok rate --keys all
has out methods
code 1 'nothing is called' rate --keys nonsense

# a drift in a shared object
if command -v cc >/dev/null; then
    printf 'int pull(int dim, const double *x, double *f) { for (int k = 0; k < dim; k++) f[k] = -x[k]; return 0; }\n' >mine.c
    cc -shared -fPIC -o mine.so mine.c
    cat >plugin.json <<'JSON'
{"problem": {"kind": "plugin", "library": "./mine.so", "function": "pull", "dim": 2, "epsilon": 1,
  "A": {"ball": {"center": [0, 0], "radius": 0.2}}, "B": {"level": "1 - x1"}},
 "dt": 0.01, "methods": [{"kind": "mfpt", "runs": 64}]}
JSON
    ok rate plugin.json -o plugin
    sed 's/pull/push/' plugin.json >wrong.json
    code 1 'push' rate wrong.json -o wrong
fi
sed 's/"epsilon"/"epsilom"/' run.json >wrong.json
code 1 'unknown key "epsilom" (line 1, column' rate wrong.json
has err 'did you mean "epsilon"'
finish
