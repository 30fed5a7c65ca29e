# kramers eelt label --check-stress: right for a program whose forces are derivatives, and it sees one that lies.
# SPDX-License-Identifier: BSD-3-Clause   (ctest: full)
. "$(dirname "$0")/lib.sh"
ok data convert "$kit/formats/npy" frame.xyz --frames 0
model=$ROOT/tests/data/deepmd_kit/models/se_a_one_tanh.dp
cat >run.json <<JSON
{"campaign": {"folder": "camp"},
 "label": {"engine": "command", "identity": "test", "command": "'$KRAMERS' eval -m '$model' in.xyz -o out.xyz",
           "checks": {"net_force_eV_per_A": 1, "f_max_eV_per_A": 1000}},
 "jobs": {"label": {"slots": 2, "poll_s": 0.02}}}
JSON
ok eelt label run.json frame.xyz --check-stress
awk '/^[fs]/ { n++; if ($4 > 0.01) bad = 1 } END { exit !(n == 7 && !bad) }' out || { fail "a right program is called wrong"; cat out; }
cp out right
# a program that turns the sign of the stress
sed 's/"camp"/"liar"/; s/"test"/"liar"/; s/-o out.xyz"/-o right.xyz \&\& sed \x27s,stress=,stres_=,; s,virial=\\"-,virial=\\",\x27 right.xyz > out.xyz"/' run.json >liar.json
ok eelt label liar.json frame.xyz --check-stress
awk '/^stress_xx/ { exit !($4 > 0.1) }' out || { fail "a wrong stress is not seen"; cat out; }
finish
