# kramers eelt run: a small campaign from nothing with the built-in explorer, labelled by `kramers eval`.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/campaign.sh"
sed -i 's/"engine": "builtin",/"engine": "builtin", "first_ps": 0.01,/' eelt.json
ok eelt check eelt.json
code 3 'stopped after 1 iterations, as asked' eelt run eelt.json --iterations 1
has err 'iteration 0: start structures'
exists run/iter.000000/02.label/data.000/set.000/force.npy
code 3 'not converged after 3 iterations' eelt run eelt.json
hasnt err 'iteration 0'
# models that miss the error asked for on their own data are told apart from those that lack data
has err 'meV/A on the training data themselves (allowed 50): longer training'
ok test -m run/iter.000002/00.train/model_0.dp -s run/iter.000000/02.label/data.000,run/iter.000001/02.label/data.000
awk -F'\t' 'FILENAME == "out" { if (/^Force +RMSE/) { split($0, part, /[: ]+/); wanted = part[3] } next }
    $1 == 2 && $2 == "train" && $3 == "rmse_f" { found = $4 }
    END { exit !(wanted > 0 && found > 0 && (found - wanted)^2 < 1e-12) }' out run/report.tsv || fail "not the force error on the training data"
for k in 0 1; do exists run/iter.000002/00.train/model_$k.dp; done
exists run/iter.000002/01.explore/run.000.000001/model_devi.out
ok data info run/iter.000001/02.label/data.000
tasks=$(find run/tasks -name rc | wc -l)
code 3 'not converged after 3 iterations' eelt run eelt.json
[ "$(find run/tasks -name rc | wc -l)" -eq "$tasks" ] || fail "finished work was repeated"
ok eelt status run
has out 'label tasks done'
has out 'iterations: 3 of at most 3'

# the report: one file, nothing from outside, every section; tables with every number
has run/report.html 'Fractions of all sampled frames'
has run/report.html 'Force error'
has run/report.html 'start.xyz 200 K'
hasnt run/report.html 'http\|src='
has run/report.html '<th>start.xyz</th>'
hasnt run/report.html 'low 95 %</th>'
# the table of cells speaks of each cell's last iteration, samples included: the first iteration's runs were shorter
samples=$(awk -F'\t' '$1 == 2 && $2 == "start.xyz 200 K" && $3 == "samples" { print int($4) }' run/report.tsv)
grep -A1 '>start.xyz 200 K<' run/report.html | grep -q "<td>2</td><td>$samples</td>" || fail "the table of cells has not the $samples samples of iteration 2"
[ "$(grep -c '<svg' run/report.html)" -eq "$(grep -c '</svg>' run/report.html)" ] || fail "unclosed charts"
has run/report_frames.tsv 'chosen'
awk -F'\t' 'NF != 6 { bad = 1 } END { exit bad }' run/report.tsv || fail "report.tsv is not a table"
# the models of both iterations on the newest labels; for the newest models that is what collect and audit said
of() { awk -F'\t' -v OFMT=%.12g -v s="$1" -v n="$2" '$1 == 2 && $2 == s && $3 == n { print $4 + 0 }' run/report.tsv; }
[ -n "$(of 'models 2' rmse_f_chosen)" ] && [ "$(of 'models 2' rmse_f_chosen)" = "$(of new rmse_f)" ] || fail "another error of the newest models on the chosen frames"
[ "$(of 'models 2' rmse_f_audited)" = "$(of all rmse_f)" ] || fail "another error of the newest models on the audited frames"
[ -n "$(of 'models 1' rmse_f_chosen)" ] && [ "$(of 'models 1' rmse_f_chosen)" != "$(of new rmse_f)" ] || fail "no error of the older models on the newest frames"
has run/report.html 'Models of every iteration on the newest labels'
cp run/report.tsv before.tsv
# killed between the end of the campaign and its report, with a temporary file of a dead process
mkdir run/iter.000001/02.label.tmp-4194399-1
touch run/iter.000001/02.label.tmp-4194399-1/x run/report.html.tmp-4194398-3 run/iter.000001/kept.tmp-me
rm run/report_frames.tsv run/report.tsv
code 3 'not converged after 3 iterations' eelt run eelt.json
has run/report_frames.tsv 'chosen'
cmp -s run/report.tsv before.tsv || fail "the report of the end was not written again"
absent run/iter.000001/02.label.tmp-4194399-1
absent run/report.html.tmp-4194398-3
exists run/iter.000001/kept.tmp-me
rm run/iter.000001/kept.tmp-me
ok eelt report run
cmp -s run/report.tsv before.tsv || fail "the report is not that of the ledger"
code 1 'not running' eelt stop run
code 1 'no campaign' eelt report .

# beginning again at iteration 2: the same models and frames, without any task done twice
cp run/iter.000002/00.train/model_0.dp first.dp
ok eelt rollback run 2
has err '8 stages'
code 3 'not converged after 3 iterations' eelt run eelt.json
cmp -s run/iter.000002/00.train/model_0.dp first.dp || fail "another model after the rollback"
[ "$(find run/tasks -name rc | wc -l)" -eq "$tasks" ] || fail "the rollback repeated finished work"
code 2 'no iteration' eelt rollback run two

# the same input gives the same campaign: selected frames and model bits
sed -e 's/"folder": "run"/"folder": "again"/' -e 's/"command": "echo/"command": "sleep 0.5; echo/' eelt.json >again.json
grep -q 'sleep 0.5' again.json || fail "no label takes longer than a terminal waits for its first line"
if command -v script >/dev/null; then # on a terminal: every stage shows what it has to do itself, not all that was done
    script -qec "'$KRAMERS' eelt run again.json" terminal >/dev/null && fail "the same campaign converged"
    tr '\r' '\n' <terminal | grep -oE '(label|explore|train) [0-9]+/[0-9]+' >shown
    [ -s shown ] || fail "no progress on a terminal"
    awk -F'[ /]' '$3 > 5 { exit 1 }' shown || fail "a stage of at most 5 tasks shows more: $(sort -u shown)"
else
    code 3 'not converged' eelt run again.json --quiet
fi
for file in iter.000002/00.train/model_0.dp iter.000002/00.train/model_1.dp iter.000002/02.label/data.000/set.000/coord.npy; do
    cmp run/$file again/$file || fail "$file differs between two runs of one input"
done

# runs that go on where those of the iteration before ended
sed -e 's/"folder": "run"/"folder": "on", "label_store": "run\/labels"/' -e 's/"engine": "builtin",/"engine": "builtin", "from": "last",/' eelt.json >on.json
code 3 'not converged' eelt run on.json
positions() { awk 'NR > 2 && NF > 3 { print $1, $2, $3, $4 } NR > 1 && NF == 1 { exit }' "$1"; }
positions on/iter.000001/01.explore/run.000.000001/last_good.xyz >ended
positions on/iter.000002/01.explore/run.000.000001/candidates.xyz >began
[ -s ended ] && cmp ended began || fail "the run did not begin where the one before had ended"
positions run/iter.000002/01.explore/run.000.000001/candidates.xyz >began
cmp -s ended began && fail "two campaigns explored the same"

# a LAMMPS that never starts
sed -e 's/"folder": "run"/"folder": "dead", "label_store": "run\/labels"/' -e 's/"engine": "builtin",/"engine": "lammps", "options": {"command": "false", "plugin": "plugin.so"},/' -e 's/, "first_ps": 0.01//' eelt.json >dead.json
touch plugin.so
code 3 'not converged' eelt run dead.json
has err 'explore: 2 of 2 tasks without a result'
has err 'examine: no samples'
has err 'no samples in start.xyz'

# cells that are accurate at once, and a generous bound: final models and a certificate
ok data convert "$kit/formats/npy" test --to npy
sed -e 's/"campaign": {/"data": {"test": ["test"]}, "campaign": {/' -e 's/"folder": "run"/"folder": "easy", "label_store": "run\/labels"/' -e 's/"f_lo_eV_per_A": 0.005/"f_lo_eV_per_A": 9/' \
    -e 's/"certificate": 4/"certificate": 4, "e_target_eV_per_A": 10, "bound": 0.9/' \
    -e 's/"jobs"/"converge": {"iterations": 1, "rmse_target_eV_per_A": 10}, "jobs"/' eelt.json >easy.json
ok eelt init H,O --structures start.xyz -o made.json
sed -i 's/"engine": "qe".*/"engine": "command", "command": "true", "identity": "x"},/; /"kspacing/d' made.json
ok eelt check made.json
hasnt err 'set_davg_zero'
has made.json '"options": {"precision": "mixed"}'
has made.json '"dt_fs": 0.5,' # hydrogen
ok eelt init Al,Mg -o metal.json
has metal.json '"dt_fs": 1,'
# with LAMMPS as engine, a plugin that is not there is told before anything runs
ok eelt init H,O --structures start.xyz --engine lammps -o moved.json
sed -i 's/"engine": "qe".*/"engine": "command", "command": "true", "identity": "x"},/; /"kspacing/d' moved.json
code 1 'explore.options.plugin: cannot find .*kramersplugin.so' eelt check moved.json
touch kramersplugin.so
sed -i 's/"options": {/&"command": "true", /' moved.json
ok eelt check moved.json
rm kramersplugin.so
ok eelt init H -o one.json # which is much better for one element would be wrong for two
has one.json '"set_davg_zero": false, "sel"'
sed 's/"sel": "auto:1.5"/"set_davg_zero": false, &/' made.json >shifted.json
ok eelt check shifted.json
has err 'set_davg_zero = false with 2 elements: energies depend on which atom is the first one'
code 1 'exists' eelt init H,O -o made.json
# the training that init proposes runs as it stands: the fast engine, angular moments, models for the fast path
awk '/^    "training": \{/ { print "{"; on = 1; next } /"_warm_start"/ { on = 0 } on' made.json |
    sed -e '$ s/},$/}/' -e 's/"model": {/"model": {"type_map": ["H", "O"],/' \
        -e 's/"numb_steps": 20000/"numb_steps": 5, "training_data": {"systems": ["test"]}/' >input.json
ok train input.json
has err 'run: 5 steps, engine moment in single precision'
ok model info model.dp
has out 'angular moments: up to l = 2'
ok model check model.dp
has out 'fast path, force'
# the first campaign of docs/campaigns.md, all but its run: a LAMMPS is only looked for
block() { awk -v kind="$1" '/^## / { here = /A first campaign/ } /^```/ { inside = !inside; this = substr($0, 4); next }
    here && inside && this == kind' "$ROOT/docs/campaigns.md"; }
mkdir -p first/bin
printf '#!/bin/sh\n' >first/bin/lmp
chmod +x first/bin/lmp
touch first/Si.sw
block json >first/start.json
block '' | grep -v 'eelt run' >first/commands.sh
(cd first && PATH=$PWD/bin:$(dirname "$KRAMERS"):$PATH bash -e commands.sh) >out 2>err || { fail "the first campaign of docs/campaigns.md"; cat err; }
has out 'system start: 4 start structures'
has err 'nothing wrong found'
has first/eelt.json '"pair_coeff \* \* Si.sw Si"'
code 0 'converged' eelt run easy.json
has err 'final models and certificate'
exists easy/certificate.json
[ "$(grep -c '<td>holds</td>' easy/report.html)" -eq 1 ] || fail "the certificate is not in the report once"
grep -q "$(printf 'test\trmse_f')" easy/report.tsv || fail "test data were not used"
exists easy/final/model_1.dp
ok eelt status easy
has out 'min each; converged$'
hasnt out 'more if all are needed'
ok model info easy/final/model_0.dp
finish
