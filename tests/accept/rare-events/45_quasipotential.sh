#!/usr/bin/env bash
# quasipotentials: Lyapunov, ordered line integrals, networks, finite noise, trajectories, collapsed losses
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
work=$KRAMERS_WORK/quasipotential
mkdir -p "$work"
kramers=$KRAMERS_BUILD/cli/kramers
solve() {
    echo "$2" >"$work/$1.json"
    "$kramers" quasipotential "$work/$1.json" -o "$work/$1" --force >"$work/$1.txt" 2>&1
    echo $? >"$work/$1.exit"
}
result() { sed -n "s/^ *\"$2\": *\([-+0-9.eE]*\),*$/\1/p" "$work/$1/results.json" | head -1; }
point() { sed -n 's/^V(.*U = 2V = //p' "$work/$1.txt" | head -1; }
miss() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; printf "%.4g", d < 0 ? -d : d }'; }
double() { awk -v a="$1" 'BEGIN { print 2 * a }'; }
median() { sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
worst() { sort -g "$1" | tail -1; }
both() {
    at_most "$1, median of seeds" "$(median "$2")" "$3" "$4"
    at_most "$1, worst" "$(worst "$2")" "$3" "$4"
}

nodes=513 seeds=5
[ "$KRAMERS_QUICK" = 0 ] || { nodes=257; seeds=1; }
ctest_passes "Q1 Lyapunov equation to 1e-12, d = 2, 10, 50; gradients of losses" -R '^test_quasipotential$'
for row in "d 1 1e-3" "d 10 1e-3" "l 1 1e-3" "l 10 1e-3" "y 1 2e-3" "y 10 2e-3"; do
    read -r type k limit <<<"$row"
    solve olim "{\"problem\": {\"kind\": \"olim\", \"type\": \"$type\", \"k\": $k}, \"method\": \"olim\", \"olim\": {\"nodes\": [$nodes, $nodes], \"attractor\": [-1, 0]}}"
    at_most "Q2 ordered line integrals '$type', k = $k: largest error of U" "$(double "$(result olim largest_error)")" "$limit" ""
done
solve maier "{\"problem\": {\"kind\": \"maier_stein\"}, \"method\": \"olim\", \"olim\": {\"nodes\": [513, 513], \"attractor\": [-1, 0]}, \"points\": [[0, 0]]}"
at_most "Q9 Maier-Stein, beta 10: U at the saddle, action paths 0.340041" "$(miss "$(point maier)" 0.340041)" 1e-3 ""

rm -f "$work"/*.list
for seed in $(seq $seeds); do
    solve three "{\"problem\": {\"kind\": \"lin_li_ren\"}, \"seed\": $seed, \"points\": [[0, 0, 0]]}"
    result three relative_error >>"$work/three.list"
    miss "$(point three)" 1 >>"$work/three_barrier.list"
    cat "$work/three.exit" >>"$work/three_exit.list"
    solve ten "{\"problem\": {\"kind\": \"skew\", \"dim\": 10}, \"seed\": $seed, \"points\": [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]}"
    result ten relative_error >>"$work/ten.list"
    solve epr "{\"problem\": {\"kind\": \"epr_double_well\"}, \"seed\": $seed, \"training\": {\"loss\": \"epr\", \"time\": 20}}"
    result epr relative_error >>"$work/epr.list"
done
both "Q4 network, 3-D, drift known: relative L2" "$work/three.list" 0.006 ""
both "Q4 barrier" "$work/three_barrier.list" 0.01 ""
at_most "Q4 Hessians agree with Lyapunov (exit code), all seeds" "$(worst "$work/three_exit.list")" 0 ""
both "Q6 network, 10-D: relative L2" "$work/ten.list" 0.01 ""
both "Q7 finite noise, 2-D: relative RMSE" "$work/epr.list" 0.02 ""
solve data '{"problem": {"kind": "lin_li_ren"}, "training": {"loss": "trajectories", "batch": 2000}}'
at_most "Q5 network, 3-D, from trajectories, 10000 steps" "$(result data relative_error)" 0.03 ""

solve hj '{"problem": {"kind": "lin_li_ren"}, "training": {"loss": "hj", "warm_steps": 0, "steps": 4000}}'
exactly "Q8 control, plain Hamilton-Jacobi residual: exit code" "$(cat "$work/hj.exit")" 3
solve symmetric '{"problem": {"kind": "lin_li_ren"}, "training": {"weight": 1, "warm_steps": 0, "steps": 4000}}'
exactly "Q8 control, symmetric cosine: exit code" "$(cat "$work/symmetric.exit")" 3
