# kramers eelt run killed again and again at commits and renames: the same frames, the same models, nothing done twice.
# SPDX-License-Identifier: BSD-3-Clause   (ctest: full)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/campaign.sh"
sed -i 's/"max_iterations": 3/"max_iterations": 2/' eelt.json
code 3 'not converged after 2 iterations' eelt run eelt.json
labels=$(wc -l <ran)
tasks=$(find run/tasks -name rc | wc -l)
list() { (cd "$1" && cut -f 2- report_frames.tsv && cut -f 2-6 report.tsv | sort && sha256sum iter.*/00.train/*.dp iter.*/02.label/*/set.000/*.npy); }
list run >undisturbed.txt

# one campaign, killed at the 3rd, 4th … 40th durable step after each start: every start goes on where the last one fell
sed 's/"folder": "run"/"folder": "killed"/' eelt.json >killed.json
rm ran
kills=0 at=3
while :; do
    "$KRAMERS" eelt run killed.json --kill-at $at >out 2>err
    result=$?
    [ $result -eq 137 ] || break
    kills=$((kills + 1)) at=$((at >= 40 ? 3 : at + 1))
    [ $kills -lt 300 ] || break
done
[ $result -eq 3 ] || { fail "ended with $result"; cat err; }
[ $kills -ge 15 ] || fail "only $kills kills"
list killed >killed.txt
cmp -s undisturbed.txt killed.txt || { fail "another campaign after $kills kills"; diff undisturbed.txt killed.txt | cut -c1-160; cat err; "$KRAMERS" eelt status killed; }
[ "$(wc -l <ran)" -eq "$labels" ] || fail "$(wc -l <ran) label calculations, $labels without kills"
[ "$(find killed/tasks -name rc | wc -l)" -eq "$tasks" ] || fail "tasks were repeated"
echo "$kills kills"

# killed where the end of the campaign is written down once more
for at in $(seq 1 12); do
    rm -f killed/report*
    "$KRAMERS" eelt run killed.json --kill-at $at >out 2>err
    [ $? -eq 137 ] || break
    code 3 'not converged after 2' eelt run killed.json
    list killed >killed.txt
    cmp -s undisturbed.txt killed.txt || fail "another end after a kill at $at"
done
[ "$at" -ge 6 ] || fail "the end has $at points"

# killed between any two durable steps of the end of an iteration, where the stages close
for at in $(seq 60 14 130); do
    sed "s/\"folder\": \"run\"/\"folder\": \"k$at\"/" eelt.json >k.json
    rm -f ran
    "$KRAMERS" eelt run k.json --kill-at "$at" >out 2>err
    [ $? -eq 137 ] || break
    code 3 'not converged after 2' eelt run k.json
    list "k$at" >killed.txt
    cmp -s undisturbed.txt killed.txt || fail "another campaign after a kill at $at"
    [ "$(wc -l <ran)" -eq "$labels" ] || fail "$(wc -l <ran) label calculations after a kill at $at, $labels without"
    rm -r "k$at"
done
# nothing of dead writers is left but in the folders of their tasks
[ -z "$(find killed -name '*.tmp-*' -not -path 'killed/tasks/*')" ] || fail "left: $(find killed -name '*.tmp-*')"
rm -r killed
finish
