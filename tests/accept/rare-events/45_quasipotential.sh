#!/usr/bin/env bash
# quasipotentials: Lyapunov, ordered line integrals, networks, finite noise, trajectories, collapsed losses
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
. tests/accept/rare-events/lib/runs.sh
begin quasipotential quasipotential
nodes=513 side=65
[ "$KRAMERS_QUICK" = 0 ] || side=33
three='"problem": {"kind": "lin_li_ren"}'

ctest_passes "Q1 Lyapunov equation to 1e-12, d = 2, 10, 50; gradients of losses" -R '^test_quasipotential$'
ten=$(awk 'BEGIN { srand(4); for (i = 0; i < 10; i++) { printf "%s[", i ? ", " : ""
    for (k = 0; k < 10; k++) printf "%s%.4f", k ? ", " : "", 2 * rand() - 1 - (i == k ? 5 : 0); printf "]" } }')
dim=2
for matrix in "[-1, 5], [0, -1]" "$ten"; do
    for seed in $(seq "$KRAMERS_SEEDS"); do
        solve linear "{\"problem\": {\"kind\": \"linear\", \"matrix\": [$matrix]}, \"seed\": $seed, \"training\": {\"steps\": 500, \"polish\": 300}}"
        note linear$dim "$(result linear hessian_error)"
        note linear_seconds$dim $seconds
    done
    both "Q1 network, linear drift, d = $dim: Hessian against Lyapunov" linear$dim 0.01 relative
    at_most "Q1 time, median" "$(median linear_seconds$dim)" 30 "$(busy)"
    dim=10
done

for row in "d 1 1e-3 -1" "d 10 1e-3 -1" "l 1 1e-3 0" "l 10 1e-3 0" "y 1 2e-3 0" "y 10 2e-3 0"; do
    read -r type k limit at <<<"$row"
    solve olim "{\"problem\": {\"kind\": \"olim\", \"type\": \"$type\", \"k\": $k}, \"method\": \"olim\", \"olim\": {\"nodes\": [$nodes, $nodes], \"attractor\": [$at, 0]}}"
    at_most "Q2 ordered line integrals '$type', k = $k: largest error of U" "$(double "$(result olim largest_error)")" "$limit" ""
    at_most "Q2 time" $seconds 30 "$(busy)"
done
solve maier "{\"problem\": {\"kind\": \"maier_stein\"}, \"method\": \"olim\", \"olim\": {\"nodes\": [513, 513], \"attractor\": [-1, 0]}, \"points\": [[0, 0]]}"
at_most "Q9 Maier-Stein, beta 10: U at the saddle, action paths 0.340041" "$(miss "$(point maier)" 0.340041)" 1e-3 ""
solve space "{$three, \"method\": \"olim\", \"olim\": {\"nodes\": [$side, $side, $side], \"attractor\": [-1, 0, 0]}}"
at_most "Q9 line integrals in space: relative L2 against the exact V" "$(result space relative_error)" 0.05 ""
at_most "Q9 time" $seconds 600 "$(busy)"

# The middle state of the two-gene network, on a box that holds it alone, by network and by line integrals.
places='"points": [[1.2, 1.2], [0.9, 0.8], [0.9, 1.2], [0.75, 0.9]]'
solve gene_grid "{\"problem\": {\"kind\": \"hill\"}, \"method\": \"olim\", \"olim\": {\"nodes\": [257, 257], \"attractor\": [1, 1]}, $places}"
for seed in $(seq "$KRAMERS_SEEDS"); do
    solve gene "{\"problem\": {\"kind\": \"hill\", \"low\": [0.6, 0.6], \"high\": [1.4, 1.4]}, \"seed\": $seed, $places}"
    note gene "$(paste <(sed -n 's/^V(.*U = 2V = //p' "$work/gene.txt") <(sed -n 's/^V(.*U = 2V = //p' "$work/gene_grid.txt") |
        awk '{ d = $1 / $2 - 1; d = d < 0 ? -d : d; if (d > worst) worst = d; n++ } END { print n == 4 ? worst : "nan" }')"
done
both "Q9 two-gene network: V by network over V by line integrals" gene 0.05 "largest relative difference"

for seed in $(seq "$KRAMERS_SEEDS"); do
    solve three "{$three, \"seed\": $seed, \"points\": [[0, 0, 0]]}"
    note three "$(result three relative_error)"
    note three_barrier "$(miss "$(point three)" 1)"
    note three_exit "$(cat "$work/three.exit")"
    note three_seconds $seconds
    solve ten "{\"problem\": {\"kind\": \"skew\", \"dim\": 10}, \"seed\": $seed, \"points\": [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]}"
    note ten "$(result ten relative_error)"
    note ten_barrier "$(miss "$(point ten)" 2)"
    note ten_exit "$(cat "$work/ten.exit")"
    note ten_seconds $seconds
    solve epr "{\"problem\": {\"kind\": \"epr_double_well\"}, \"seed\": $seed, \"network\": {\"hidden\": [30, 30]}, \"training\": {\"loss\": \"epr\", \"time\": 20, \"trajectories\": 1000, \"warm_steps\": 2000, \"polish_batch\": 1500}}"
    note epr "$(result epr relative_error)"
    note epr_exit "$(cat "$work/epr.exit")"
    note epr_seconds $seconds
done
both "Q4 network, 3-D, drift known: relative L2" three 0.006 ""
both "Q4 U at the saddle, 1" three_barrier 0.01 ""
at_most "Q4 validated, all seeds (exit code)" "$(worst three_exit)" 0 ""
at_most "Q4 time, median" "$(median three_seconds)" 30 "$(busy)"
both "Q6 network, 10-D: relative L2" ten 0.01 ""
both "Q6 U at the saddle, 2" ten_barrier 0.02 ""
at_most "Q6 validated, all seeds (exit code)" "$(worst ten_exit)" 0 ""
at_most "Q6 time, median" "$(median ten_seconds)" 60 "$(busy)"
both "Q7 finite noise, 2-D: relative RMSE where V <= 20 epsilon" epr 0.02 ""
at_most "Q7 validated, all seeds (exit code)" "$(worst epr_exit)" 0 ""
at_most "Q7 time, median" "$(median epr_seconds)" 60 "$(busy)"
# Six dimensions, and a drift that is a gradient: V at its saddle is 1/4.
solve six '{"problem": {"kind": "skew", "dim": 6}}'
at_most "Q6 the same in 6-D: relative L2" "$(result six relative_error)" 0.01 ""
solve gradient '{"problem": {"kind": "maier_stein", "beta": 1}, "points": [[0, 0]]}'
at_most "Maier-Stein, beta 1 (a gradient): U at the saddle, 1/2" "$(miss "$(point gradient)" 0.5)" 0.005 ""
at_most "both validated (exit code)" "$(cat "$work/six.exit" "$work/gradient.exit" | sort -n | tail -1)" 0 ""
# From trajectories alone: with a cubic polynomial under the network for the drift (which is cubic), and with a linear
# one, so that the network has to learn it.
for degree in 3 1; do
    for seed in $(seq "$KRAMERS_SEEDS"); do
        solve data "{$three, \"seed\": $seed, \"training\": {\"loss\": \"trajectories\", \"degree\": $degree}}"
        note data$degree "$(result data relative_error)"
        note drift$degree "$(result data drift_error)"
        note data_exit$degree "$(cat "$work/data.exit")"
        note data_seconds$degree $seconds
    done
    both "Q5 network, 3-D, from trajectories, degree $degree: error of V" data$degree 0.03 ""
    both "Q5 degree $degree: error of the drift" drift$degree 0.03 relative
    at_most "Q5 degree $degree: validated, all seeds (exit code)" "$(worst data_exit$degree)" 0 ""
    at_most "Q5 degree $degree: time, median" "$(median data_seconds$degree)" 300 "$(busy)"
done

# A limit cycle in three dimensions has no fixed point to begin at: V from the counts of walks, against other walks.
cycle=100000000
[ "$KRAMERS_QUICK" = 0 ] || cycle=20000000
for seed in $(seq "$KRAMERS_SEEDS"); do
    solve cycle "{\"problem\": {\"kind\": \"cell_cycle\"}, \"seed\": $seed, \"network\": {\"hidden\": [50, 50, 50], \"sharpness\": 4}, \"training\": {\"loss\": \"epr\", \"residual\": 2, \"time\": 10, \"dt\": 0.002, \"trajectories\": 500, \"points\": 100, \"warm_steps\": 0, \"steps\": 15000, \"polish\": 3000, \"polish_batch\": 1500, \"batch\": 256, \"walks\": $cycle, \"cells\": 0.05}}"
    note cycle "$(result cycle cells_error)"
    note cycle_seconds $seconds
done
both "Q9 cell cycle: V at finite noise against walks" cycle 0.05 "relative, 3-D"
at_most "Q9 time, median" "$(median cycle_seconds)" 600 "$(busy)"

# Currents that enter through the edges of the box have no residual: the density of a grid tells. Some seeds only end in
# one of those solutions.
for seed in 2 3 4 5 6 7; do
    solve edges "{\"problem\": {\"kind\": \"expression\", \"drift\": [\"-x1*(x1^2+x2^2-1) - 2*x2\", \"-x2*(x1^2+x2^2-1) + 2*x1\"], \"epsilon\": 0.1, \"low\": [-1.6, -1.6], \"high\": [1.6, 1.6]}, \"seed\": $seed, \"network\": {\"hidden\": [30, 30]}, \"training\": {\"loss\": \"epr\", \"residual\": 2000, \"time\": 20, \"trajectories\": 300, \"warm_steps\": 200, \"steps\": 1500, \"batch\": 512, \"polish\": 1200, \"polish_batch\": 1500}}"
    [ "$(cat "$work/edges.exit")" = 0 ] || break
done
at_most "Q8 control, currents through the edges: the equation holds" "$(result edges equation_error)" 0.02 ""
exactly "Q8 control, currents through the edges: exit code" "$(cat "$work/edges.exit")" 3

# Without characteristics the losses that collapse do so: the program must say no.
control='"characteristics": 0, "warm_steps": 0, "steps": 4000, "polish": 0'
solve hj "{$three, \"training\": {\"loss\": \"hj\", $control}}"
exactly "Q8 control, plain Hamilton-Jacobi residual: exit code" "$(cat "$work/hj.exit")" 3
solve symmetric "{$three, \"training\": {\"loss\": \"cosine\", \"weight\": 1, $control}}"
exactly "Q8 control, symmetric cosine: exit code" "$(cat "$work/symmetric.exit")" 3
# No paths to the corners, few points there: V is another solution in corners of the box, right everywhere else.
solve corner '{"problem": {"kind": "skew", "dim": 6}, "training": {"paths": 0, "uniform": 0.2, "steps": 1000, "batch": 1024}}'
at_most "Q8 control, V wrong in corners: gradient along characteristics" "$(result corner gradient_error)" 0.1 ""
exactly "Q8 control, V wrong in corners: exit code" "$(cat "$work/corner.exit")" 3
solve caustic '{"problem": {"kind": "maier_stein"}, "training": {"polish": 300}}'
exactly "Q8 control, V with kinks (Maier-Stein, beta 10): exit code" "$(cat "$work/caustic.exit")" 3
