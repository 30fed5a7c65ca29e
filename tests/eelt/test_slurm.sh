# A campaign on a real one-node Slurm: the driver killed twice, the node set down, one job cancelled by hand, one over
# memory, one over time. Every frame gets its label, no finished task runs twice. TASKS=200 for the long form.
# SPDX-License-Identifier: BSD-3-Clause
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/eelt/slurm_node.sh"
missing=$(slurm_missing)
[ -z "$missing" ] || { echo "skipped: $missing"; exit 77; }
tasks=${TASKS:-40}
trap 'slurm_stop; rm -rf "$work"' EXIT
slurm_start "$work/slurm" || { fail "Slurm does not start"; tail -3 "$work"/slurm/log/*; exit 1; }

# frames that differ in the cell, and their labels without Slurm
ok data convert "$kit/formats/npy" one.xyz --frames 0,1
model=$ROOT/tests/data/deepmd_kit/models/se_a_one_tanh.dp
for k in $(seq "$tasks"); do sed "s/Lattice=\"\([0-9.]*\)/Lattice=\"\1$(printf %03d "$k")/" one.xyz; done >frames.xyz
ok eval -m "$model" frames.xyz -o expected.xyz

# Whoever comes first misbehaves, once.
cat >label.sh <<SH
echo x >> "$work/began"
if mkdir "$work/memory" 2>/dev/null; then perl -e '\$x = "a" x 300000000; sleep 60'; fi
if mkdir "$work/time" 2>/dev/null; then sleep 60; fi
if [ -e "$work/may_cancel" ] && mkdir "$work/cancel" 2>/dev/null; then echo \$SLURM_ARRAY_JOB_ID \$SLURM_ARRAY_TASK_ID > "$work/victim.part"; mv "$work/victim.part" "$work/victim"; sleep 60; fi
if [ -e "$work/may_fail" ] && mkdir "$work/node" 2>/dev/null; then : > "$work/on_node"; sleep 15; fi
sleep 0.2
'$KRAMERS' eval -m '$model' in.xyz -o out.xyz && echo x >> "$work/finished"
SH
cat >run.json <<JSON
{"campaign": {"folder": "camp"},
 "label": {"engine": "command", "command": "sh $work/label.sh", "checks": {"net_force_eV_per_A": 1, "f_max_eV_per_A": 1000}},
 "jobs": {"label": {"runner": "slurm", "slots": $tasks, "timeout_s": 10, "memory_MB": 150,
                    "slurm": {"poll_s": 0.5, "grace_s": 5}}}}
JSON
finished() { [ -f finished ] && wc -l <finished || echo 0; }
wait_for() { local i; for i in $(seq 300); do [ "$(finished)" -ge "$1" ] && return; sleep 0.2; done; fail "no $1 tasks finished"; }

for k in 1 2; do # killed after the first tasks, and again in the middle
    "$KRAMERS" eelt label run.json frames.xyz -o labelled.xyz >out 2>err &
    driver=$!
    wait_for $((k * tasks / 5))
    kill -9 $driver
    wait $driver 2>/dev/null
done
"$KRAMERS" eelt label run.json frames.xyz -o labelled.xyz >out 2>err &
driver=$!
touch may_cancel
for i in $(seq 200); do [ -f victim ] && break; sleep 0.2; done
read -r array index <victim
scancel "${array}_${index:-0}"
for i in $(seq 200); do "$KRAMERS" eelt status camp 2>/dev/null | grep -q 'attempts timeout' && break; sleep 0.2; done
touch may_fail
for i in $(seq 200); do [ -f on_node ] && break; sleep 0.2; done
scontrol update nodename="$(hostname -s)" state=down reason=test
sleep 1
scontrol update nodename="$(hostname -s)" state=resume 2>/dev/null # it may have come back by itself
wait $driver
code=$?
# what was cancelled by hand waits for the user
[ $code -eq 3 ] || { fail "code $code, expected 3"; cat err; }
ok eelt status camp
has out 'label tasks held       1'
has out 'attempts cancelled'
has out 'attempts out_of_memory'
has out 'attempts timeout'
has out 'attempts node_failure'
ok eelt retry camp --class cancelled
ok eelt label run.json frames.xyz -o labelled.xyz --force
ok data convert labelled.xyz got --to raw
ok data convert expected.xyz wanted --to raw
for file in box energy force virial; do near 1e-12 1e-14 got/$file.raw wanted/$file.raw; done
# only what the node took away was calculated again after it had nearly finished
[ "$(finished)" -le $((tasks + 2)) ] || fail "$(finished) calculations finished for $tasks tasks"
ok eelt status camp
cat out
echo "$tasks tasks, $(wc -l <began) began, $(finished) finished"
exit $((failures > 0))
