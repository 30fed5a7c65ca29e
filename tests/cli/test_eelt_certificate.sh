# A certificate that does not hold: for want of frames more are labelled, for wrong frames they are learned; with kills.
# SPDX-License-Identifier: BSD-3-Clause   (ctest: full)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/campaign.sh"
mkdir labels
# everything counts as accurate, so that the second iteration is already the final one
sed -i -e 's/"f_lo_eV_per_A": 0.005/"f_lo_eV_per_A": 9/' \
    -e 's/"jobs"/"converge": {"iterations": 1, "rmse_target_eV_per_A": 10}, "jobs"/' eelt.json
certificate() { awk -F'\t' -v name="$2" '$2 == "certificate" && $3 == name { print $1 ":" $4 }' "$1/report.tsv" | tr '\n' ' '; }

# nothing is wrong, but four frames bound no rate by 0.4
sed -e 's/"folder": "run"/"folder": "few", "label_store": "labels"/' \
    -e 's/"certificate": 4/"certificate": 4, "certificate_most": 80, "e_target_eV_per_A": 10, "bound": 0.4/' eelt.json >few.json
ok eelt check few.json
code 0 'converged' eelt run few.json
has err 'does not hold: 0 of 4 frames above .* more frames'
has err 'train: no new data, the models stay'
[ "$(certificate few learned | tr -d ' ' | sed 's/[0-9]:0.0//g')" = "" ] || fail "learned: $(certificate few learned)"
case "$(certificate few holds)" in "2:0.0 "*:1.0' ') ;; *) fail "looks: $(certificate few holds)" ;; esac
grep -q '"look": [2-9]' few/certificate.json || fail "the second look is not named"
awk '/"confidence_of_this_look"/ { gsub(",", ""); if ($2 > 0.99) good = 1 } END { exit !good }' few/certificate.json || fail "looking twice was free"
absent few/iter.000003/00.train
# final models go on from those before: full length, the rate of later iterations, all frames alike
input=$(grep -l 'few/iter.000001/02.label' few/tasks/*/*/try.*/input.json | head -1)
has "$input" '"numb_steps": 10,'
has "$input" '"start_lr": 0.0002,'
hasnt "$input" 'auto_prob'
sed 's/"folder": "few"/"folder": "least"/; s/"certificate_most": 80/"certificate_most": 5/' few.json >least.json
code 3 'audit.certificate_most is 5' eelt run least.json
sed -i 's/"certificate_most": 5/"certificate_most": 80/' least.json
code 0 'converged' eelt run least.json

# every frame is above the target: what was labelled for the certificate is trained on, the loop goes on
sed -e 's/"folder": "run"/"folder": "wrong", "label_store": "labels"/' -e 's/"max_iterations": 3/"max_iterations": 4/' \
    -e 's/"certificate": 4/"certificate": 4, "e_target_eV_per_A": 1e-9, "bound": 0.5/' eelt.json >wrong.json
code 3 'not converged after 5 iterations' eelt run wrong.json
has err 'does not hold: 4 of 4 frames above .* 4 of them become training data'
has err 'train: 2 models on .* frames (4 new)'
exists wrong/iter.000002/02.label/data.000/set.000/force.npy
absent wrong/final
absent wrong/iter.000002/02.label/certificate.000

# too few pairs to calibrate by, but every audited frame is wrong: the level falls to where such frames are
sed -e 's/"folder": "wrong"/"folder": "low"/' -e 's/"max_iterations": 4/"max_iterations": 2/' -e 's/"levels": "fixed"/"levels": "calibrated"/' \
    -e 's/"rmse_target_eV_per_A": 10/"rmse_target_eV_per_A": 1e-6/' wrong.json >low.json
code 3 'stopped after 2 iterations' eelt run low.json --iterations 2
has err 'f_lo falls to'
awk -F'\t' '$1 == 1 && $2 == "next" && $3 == "f_lo" && $4 < 9 { good = 1 } END { exit !good }' low/report.tsv || fail "the level did not fall"
# nothing is wrong any more: it rises by half
sed -i -e 's/"e_target_eV_per_A": 1e-9/"e_target_eV_per_A": 10/' -e 's/"max_iterations": 2/"max_iterations": 4/' low.json
code 3 'stopped after 1 iteration' eelt run low.json --iterations 1
has err 'f_lo rises to'
awk -F'\t' '$2 == "next" && $3 == "f_lo" { lo[$1] = $4 } END { r = lo[2] / lo[1]; exit !(r > 1.49 && r < 1.51) }' low/report.tsv || fail "the level did not rise by half"

# the second campaign again, killed at its durable steps
list() { (cd "$1" && cut -f 2- report_frames.tsv && cut -f 2-6 report.tsv | sort && sha256sum iter.*/00.train/*.dp iter.*/02.label/*/set.000/*.npy); }
list wrong >undisturbed.txt
sed 's/"folder": "wrong"/"folder": "killed"/' wrong.json >killed.json
kills=0 at=5
while :; do
    "$KRAMERS" eelt run killed.json --kill-at $at >out 2>err
    result=$?
    [ $result -eq 137 ] || break
    kills=$((kills + 1)) at=$((at >= 31 ? 5 : at + 2))
    [ $kills -lt 300 ] || break
done
[ $result -eq 3 ] || { fail "ended with $result"; cat err; }
[ $kills -ge 10 ] || fail "only $kills kills"
list killed >killed.txt
cmp -s undisturbed.txt killed.txt || { fail "another campaign after $kills kills"; diff undisturbed.txt killed.txt | cut -c1-160; }
[ -z "$(find killed -name '*.tmp-*' -not -path 'killed/tasks/*')" ] || fail "left: $(find killed -name '*.tmp-*')"
rm -r killed
finish
