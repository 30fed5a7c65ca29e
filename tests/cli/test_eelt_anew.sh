# kramers eelt run where the models before are no start: an element that comes later, data with more neighbours.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/campaign.sh"

# Oxygen first, then water: hydrogen is labelled before it is explored, and the models begin anew with short runs.
oxygen='{"name": "oxygen", "generate": {"kind": "bulk", "lattice": "sc", "element": "O", "a_A": 2.6, "supercell": [2, 2, 2]}}'
stage='"T_K": [100], "ensemble": "nvt", "sample_every": 5, "dt_fs": 0.5'
sed -e 's/"max_iterations": 3/"max_iterations": 5/' -e 's/"folder": "run"/"folder": "later"/' \
    -e "s|\"systems\": \[\"start.xyz\"\]|\"first_ps\": 0.01, \"systems\": [$oxygen, \"start.xyz\"]|" \
    -e "s|\"stages\": .*|\"stages\": [{\"systems\": [\"oxygen\"], $stage, \"steps\": 40}, {\"systems\": [\"start*\"], $stage, \"steps\": 40}]},|" \
    -e 's/"f_lo_eV_per_A": 0.005/"f_lo_eV_per_A": 9/' -e 's/"certificate": 4/"certificate": 0, "e_target_eV_per_A": 10, "bound": 0.99/' \
    -e 's/"jobs"/"converge": {"candidate": 1, "failed": 1, "iterations": 1, "rmse_target_eV_per_A": 10}, "jobs"/' eelt.json >later.json
ok eelt check later.json
code 0 'converged' eelt run later.json
has err 'iteration 0: start structures'
has err 'part 2 of 2 opens'
has err 'iteration 2: start structures'
hasnt err 'iteration 4'
[ "$(grep -c ', from the models before' err)" -eq 0 ] || fail "models that never saw hydrogen were a start"
absent later/iter.000002/00.train
exists later/iter.000002/01.explore/run.001.000000/candidates.xyz
absent later/iter.000002/01.explore/run.000.000000
exists later/iter.000003/00.train/model_1.dp
[ "$(grep -c '^ *[0-9]' later/iter.000003/01.explore/run.001.000000/model_devi.out)" -eq 5 ] ||
    fail "the first runs of models that began anew are no longer than first_ps: $(cat later/iter.000003/01.explore/run.001.000000/model_devi.out)"

# the same with a fixed schedule: the part that opens is explored, too
sed -e 's/"folder": "later"/"folder": "fixed", "label_store": "later\/labels"/' -e 's/"first_ps"/"schedule": "fixed", "first_ps"/' later.json >fixed.json
code 0 'converged' eelt run fixed.json
has err 'iteration 2: start structures'
hasnt err 'iteration 4'
exists fixed/iter.000003/01.explore/run.001.000000/model_devi.out

# Denser data: neighbours that the models before do not see.
sel() { "$KRAMERS" model info "$1" 2>/dev/null | sed -n 's/.*sel: O \([0-9]*\), H \([0-9]*\).*/\1 \2/p'; }
code 3 'stopped after 2 iterations' eelt run eelt.json --iterations 2
before=$(sel run/iter.000001/00.train/model_0.dp)
awk -v s=0.8 'NR == 1 { atoms = $1 } NR > atoms + 2 { exit }
    NR == 2 { match($0, /Lattice="[^"]*"/); n = split(substr($0, RSTART + 9, RLENGTH - 10), v, " ")
        printf "Lattice=\""; for (i = 1; i <= n; i++) printf "%s%.10g", (i > 1 ? " " : ""), s * v[i]
        print "\" Properties=species:S:1:pos:R:3 pbc=\"T T T\""; next }
    NF > 3 { printf "%s %.10g %.10g %.10g\n", $1, s * $2, s * $3, s * $4; next } { print }' start.xyz >dense.xyz
ok eval -m "$oracle" dense.xyz -o dense_labelled.xyz
ok eelt add eelt.json dense_labelled.xyz
code 3 'not converged after 3 iterations' eelt run eelt.json
has err 'neighbours in the new data, the models before see'
hasnt err ', from the models before'
after=$(sel run/iter.000002/00.train/model_0.dp)
awk -v a="$before" -v b="$after" 'BEGIN { split(a, x); split(b, y); exit !(y[1] > x[1] && y[2] > x[2]) }' || fail "sel was $before and is $after"

# Runs with more neighbours than the models see are told before the fractions; so are data, where sel is given.
sed -e 's/"folder": "run"/"folder": "narrow", "label_store": "run\/labels"/' -e 's/"sel": "auto"/"sel": [3, 6]/' eelt.json >narrow.json
code 3 'stopped after 3 iterations' eelt run narrow.json --iterations 3
has err 'runs, in one of them sel overflowed for [0-9]* of [0-9]* environments.*worst: [0-9]* neighbours, sel is [36]$'
has err 'UP TO [0-9]* NEIGHBOURS in the new data, model.training lets models see [36] (sel)'
ok eelt report narrow
has narrow/report.html 'sel overflowed for'
finish
