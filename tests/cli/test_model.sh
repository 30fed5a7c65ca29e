# kramers model info, convert, check.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
water=$ROOT/examples/models/water_se_e2_a.dp

ok model info "$water" "$kit/models/dpa1_concat_attn2_smooth.dp"
has out se_e2_a
has out 'O H'
code 1 'none.dp' model info none.dp "$water"
has out se_e2_a   # the other one is still described
echo text >text.dp
code 1 'text.dp' model info text.dp

# .dp → .yaml → .dp: the same numbers
ok model convert "$data/deepmd/se_e2_a_fpap.dp" a.yaml
ok model convert a.yaml b.dp
code 1 'exists already' model convert a.yaml b.dp
has err 'hint: --force'
ok model convert a.yaml b.dp --force
code 1 'none.dp' model convert none.dp c.dp
absent c.dp
code 1 'c.txt' model convert a.yaml c.txt
ok eval -m "$data/deepmd/se_e2_a_fpap.dp" "$kit/formats/npy" --fparam 0.1,0.2 --aparam 0.3 -o one
ok eval -m b.dp "$kit/formats/npy" --fparam 0.1,0.2 --aparam 0.3 -o two
cmp one/set.000/force.npy two/set.000/force.npy || fail "forces change on conversion"

# check: passes on sound models, small enough to be quick
ok model check -n 6 "$kit/model_devi/m0.dp" "$data/deepmd/se_e2_a_fpap.dp"
has out 'force = -dE/dr .* ok'
has out 'three threads, same bits .* ok'
has out '^  passed'
hasnt out FAILED
code 1 'none.dp' model check none.dp
code 2 'atoms 1' model check -n 1 "$water"
# and fails where something is wrong: no spline is that good
code 1 '' model check -n 6 --tolerance 1e-12 "$kit/model_devi/m0.dp"
finish
