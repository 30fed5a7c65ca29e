# kramers eelt label killed right before and after every commit and rename: the same labels, nothing calculated twice.
# SPDX-License-Identifier: BSD-3-Clause   (ctest: full)
. "$(dirname "$0")/lib.sh"
ok data convert "$kit/formats/npy" frames.xyz --frames 0,2
model=$ROOT/tests/data/deepmd_kit/models/se_a_one_tanh.dp
cat >run.json <<JSON
{"campaign": {"folder": "camp"},
 "label": {"engine": "command", "identity": "test", "command": "echo x >> '$work/ran'; '$KRAMERS' eval -m '$model' in.xyz -o out.xyz",
           "checks": {"net_force_eV_per_A": 1, "f_max_eV_per_A": 1000}},
 "jobs": {"label": {"slots": 2, "timeout_s": 60}}}
JSON
ok eelt label run.json frames.xyz -o undisturbed.xyz
rm -r camp ran
n=0 killed=0
while :; do
    n=$((n + 1))
    rm -rf camp out.xyz ran
    "$KRAMERS" eelt label run.json frames.xyz -o out.xyz --kill-at $n >out 2>err
    [ $? -eq 137 ] || break
    killed=$((killed + 1))
    "$KRAMERS" eelt label run.json frames.xyz -o out.xyz --force >out 2>err || { fail "run after a kill at point $n"; cat err; }
    cmp -s out.xyz undisturbed.xyz || fail "other labels after a kill at point $n"
    [ "$(wc -l <ran)" -eq 2 ] || fail "$(wc -l <ran) calculations of 2 frames after a kill at point $n"
done
[ $killed -ge 15 ] || fail "only $killed points"
echo "$killed points"
finish
