# kramers eelt select and audit: choices with reasons, error rates, certificates, from files alone.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
first=$kit/models/se_a_one_tanh.dp second=$kit/models/se_a_protect.dp
ok data convert "$kit/formats/npy" frames.xyz
ok data convert "$kit/formats/npy" known.xyz --frames 0,1

# the known frame and its copy are not chosen, the others are, in the order of choice
cat frames.xyz frames.xyz >twice.xyz
ok eelt select twice.xyz -m "$first" -t known.xyz -o chosen.xyz --table table.tsv -n 3
[ "$(grep -c 'Lattice' chosen.xyz)" -eq 3 ] || fail "not three frames chosen"
[ "$(awk -F'\t' '$8 == "known"' table.tsv | wc -l)" -eq 2 ] || fail "known frames not found"
[ "$(awk -F'\t' '$8 == "duplicate"' table.tsv | wc -l)" -eq 3 ] || fail "copies not found"
has table.tsv 'from the nearest known environment'
has out 'coverage radius'
has out '^fps  *3 *0'
code 1 'exists' eelt select twice.xyz -m "$first" -o chosen.xyz
# an ensemble gives deviations where the file has none; rules without features need no model
ok eelt select frames.xyz -m "$first,$second" --rule topdev --table dev.tsv -n 2
awk -F'\t' 'NR > 1 && !($7 > 0) { bad = 1 } END { exit bad }' dev.tsv || fail "no deviations"
ok eelt select twice.xyz --rule random -n 2 --seed 4 --table r1.tsv
ok eelt select twice.xyz --rule random -n 2 --seed 4 --table r2.tsv
cmp -s r1.tsv r2.tsv || fail "a seed does not repeat its draws"
code 1 'needs a model' eelt select twice.xyz
# what an exploration writes into its frames gives deviations and times: 10 steps of 2 fs are too near, 100 are not
awk '/Lattice/ { n++; step = n == 1 ? 0 : n == 2 ? 10 : 100 * n
     $0 = $0 " step=" step " class=candidate max_devi_v=0 min_devi_v=0 avg_devi_v=0 max_devi_f=" 0.1 * n \
          " min_devi_f=0 avg_devi_f=0 devi_e=0" } { print }' frames.xyz >candidates.xyz
ok eelt select candidates.xyz --rule topdev --dt-fs 2 --table timed.tsv
[ "$(awk -F'\t' '$8 == "correlated" && $6 == 0' timed.tsv | wc -l)" -eq 1 ] || fail "near in time not found"
[ "$(awk -F'\t' '$8 == "chosen" && $6 > 0 && $7 > 0.1' timed.tsv | wc -l)" -eq 3 ] || fail "times or deviations not read"
code 1 'fsp' eelt select twice.xyz --rule fsp
code 1 'cannot open' eelt select nothing.xyz --rule random

# audit: the table agrees with what the models say, frame by frame
ok eelt audit frames.xyz -m "$first,$second" --target 1 --table errors.tsv --certificate record.json --allowed 0.9
has out 'at most'
has out 'rank correlation'
has out 'stays 0.05 eV/A\|levels stay'
[ "$(wc -l <errors.tsv)" -eq 5 ] || fail "not four frames in the table"
has record.json '"above": 1'
has record.json 'model_sha256'
code 3 'does not hold' eelt audit frames.xyz -m "$first" --target 1 --certificate other.json
cp "$first" model.dp
code 3 '' eelt audit frames.xyz -m model.dp --target 1 --certificate third.json --attach
ok eval -m model.dp frames.xyz -o one.xyz
ok eval -m "$first" frames.xyz -o two.xyz
cmp -s one.xyz two.xyz || fail "the record changed the model"
code 2 'model is missing' eelt audit frames.xyz
code 2 'weights' eelt audit frames.xyz known.xyz -m "$first" --weights 1
ok eelt audit frames.xyz known.xyz -m "$first" --weights 3,1 --block 2
has out 'stratified Wilson'
finish
