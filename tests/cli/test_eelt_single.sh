# Campaigns of a single model: the last layer tells what is new, by its posterior and by MaxVol; killed on the way.
# SPDX-License-Identifier: BSD-3-Clause   (ctest: full)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/campaign.sh"
list() { (cd "$1" && cut -f 2- report_frames.tsv && cut -f 2-6 report.tsv | sort && sha256sum iter.*/00.train/*.dp iter.*/00.train/novelty iter.*/02.label/*/set.000/*.npy); }
for method in posterior maxvol; do
    sed "s/\"levels\": \"fixed\", \"trust\".*10}/\"method\": \"$method\", \"trust\": {\"f_lo_eV_per_A\": 0.05, \"f_hi_eV_per_A\": 20, \"gamma_lo\": 1.2}/
         s/\"ensemble\": 2,/\"ensemble\": 1,/; s/\"folder\": \"run\"/\"folder\": \"$method\"/" eelt.json >one.json
    grep -q "\"$method\", \"trust\"" one.json || fail "the input was not changed"
    ok eelt check one.json
    code 3 'not converged after 3 iterations' eelt run one.json
    exists $method/iter.000001/00.train/novelty
    # u is there and differs from atom to atom: the run had something to examine
    awk '!/^#/ { n++; if (!($5 > $6 && $6 >= 0)) bad = 1 } END { exit !(n > 5 && !bad) }' \
        $method/iter.000001/01.explore/run.000.000000/model_devi.out || fail "$method: no grades of frames"
    # a deviation has a unit, a grade has none
    [ $method = posterior ] && has err 'levels: .* eV/A: [0-9]* labelled frames' || hasnt err 'levels: .* eV/A: [0-9]* labelled frames'
    list $method >undisturbed.txt
    sed "s/\"folder\": \"$method\"/\"folder\": \"killed\"/" one.json >killed.json
    kills=0 at=5
    while "$KRAMERS" eelt run killed.json --kill-at $at >out 2>err; [ $? -eq 137 ] && [ $kills -lt 100 ]; do
        kills=$((kills + 1)) at=$((at + 4))
    done
    [ $kills -ge 4 ] || fail "only $kills kills"
    list killed >killed.txt
    cmp -s undisturbed.txt killed.txt || { fail "$method: another campaign after $kills kills"; diff undisturbed.txt killed.txt | cut -c1-160; }
    rm -r killed
    # what does not fit together is told by check
    sed 's/"engine": "builtin"/"engine": "lammps"/' one.json >bad.json
    code 1 'explore.engine lammps examines by the deviation of an ensemble only' eelt check bad.json
    sed 's/"ensemble": 1,/"ensemble": 3,/' one.json >bad.json
    code 1 'is for one model, model.ensemble is 3' eelt check bad.json
done
sed "s/\"method\": \"maxvol\", //" one.json >bad.json
code 1 'one model (model.ensemble) has no deviation' eelt check bad.json
finish
