# kramers eelt label, status, retry: labels from `kramers eval` as the labelling program.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
ok data convert "$kit/formats/npy" all.xyz
ok data convert "$kit/formats/npy" frames.xyz --frames 0,3
model=$ROOT/tests/data/deepmd_kit/models/se_a_one_tanh.dp
cat >run.json <<JSON
{"campaign": {"folder": "camp"},
 "label": {"engine": "command", "command": "'$KRAMERS' eval -m '$model' in.xyz -o out.xyz",
           "checks": {"net_force_eV_per_A": 1, "f_max_eV_per_A": 1000}},
 "jobs": {"label": {"slots": 2, "timeout_s": 60}}}
JSON
ok eelt label run.json frames.xyz -o one.xyz
has err '3 frames, 3 different: 3 labelled (0 known before), 0 without a label; 3 attempts'
ok eval -m "$model" frames.xyz -o direct.xyz
ok data convert one.xyz one --to raw
ok data convert direct.xyz direct --to raw
for file in coord box energy force virial; do near 1e-12 1e-14 one/$file.raw direct/$file.raw; done

# the same again: nothing is calculated; another order of frames and the rest: only what is new
ok eelt label run.json frames.xyz -o two.xyz
has err '3 known before), 0 without a label; 0 attempts'
cmp -s one.xyz two.xyz || fail "labels changed"
ok eelt label run.json all.xyz frames.xyz -o three.xyz
has err '(3 known before)'
ok eelt status camp
has out 'not running'
has out 'attempts done'
code 1 'ledger.sqlite' eelt status .

# a program that fails: twice, then given up; said with class and code; a second chance
sed 's/"command": .*eval.*,$/"command": "test -e '"${work//\//\\/}"'\/good || exit 9; '"'${KRAMERS//\//\\/}'"' eval -m '"'${model//\//\\/}'"' in.xyz -o out.xyz",/; s/"folder": "camp"/"folder": "bad"/; s/"slots": 2/"slots": 2, "tries": 2/' run.json >bad.json
code 3 'crashed 6' eelt label bad.json frames.xyz -o bad.xyz
has err '0 labelled (0 known before), 3 without a label; 6 attempts'
absent bad.xyz
ok eelt status bad
has out 'label tasks given_up'
code 3 '0 attempts' eelt label bad.json frames.xyz -o bad.xyz
touch good
ok eelt retry bad --class crashed
has err '3 tasks may run again'
ok eelt label bad.json frames.xyz -o bad.xyz
exists bad.xyz

# labels that several campaigns share; a store that cannot be written
mkdir store
sed 's/"folder": "camp"/"folder": "c1", "label_store": "store"/' run.json >c1.json
sed 's/"folder": "camp"/"folder": "c2", "label_store": "store"/' run.json >c2.json
ok eelt label c1.json frames.xyz -o c1.xyz
ok eelt label c2.json frames.xyz -o c2.xyz
has err '3 known before), 0 without a label; 0 attempts'
cmp -s c1.xyz c2.xyz || fail "labels of the store differ"

# mistakes are named with their place
bad_input() { printf '%s\n' "$2" >wrong.json; code 1 "$1" eelt label wrong.json frames.xyz --check; }
bad_input 'wrong.json:2' '{"label": '
bad_input '"labell"' '{"labell": {}}'
bad_input 'label' '{}'
bad_input "engine is 'vasp'" '{"label": {"engine": "vasp"}}'
bad_input 'template' '{"label": {"engine": "qe"}}'
bad_input 'timeout_h' '{"label": {"engine": "xtb"}, "jobs": {"label": {"timeout_h": 3}}}'
bad_input "'pbs' is no runner" '{"label": {"engine": "xtb"}, "jobs": {"label": {"runner": "pbs"}}}'
bad_input 'slots' '{"label": {"engine": "xtb"}, "jobs": {"label": {"slots": 0}}}'
code 0 'nothing wrong found' eelt label run.json frames.xyz --check
echo '{"label": {"engine": "qe"}}' >wrong.json
code 1 'absent.xyz' eelt label run.json absent.xyz
code 1 'template' eelt label wrong.json frames.xyz
hasnt err 'labels in'
code 2 'missing' eelt label run.json
finish
