# kramers eelt run: the first interrupt waits for running tasks, the second ends them; both go on later.
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/campaign.sh"
sed -i -e 's/"max_iterations": 3/"max_iterations": 1/' -e 's,"command": "echo,"command": "while [ ! -e '"'$work/go'"' ]; do sleep 0.05; done; echo,' \
    -e 's/"label": {"slots": 2/"label": {"slots": 1/' eelt.json
# Signals of a shell's background jobs are ignored by default; a program of its own session has none ignored.
start() { rm -f go; (trap - INT TERM; exec "$KRAMERS" eelt run eelt.json) >out 2>err & driver=$!; }
# the process groups of tasks that live: their folders lie in the campaign's
tasks() { for p in /proc/[0-9]*/cwd; do readlink "$p"; done 2>/dev/null | grep -c "^$work/run/tasks/"; }
wait_for() { for ((n = 0; n < 300; n++)); do "$@" && return; sleep 0.1; done; fail "waited in vain for $*"; }
labelling() { [ "$(tasks)" -gt 1 ]; }
gone() { [ "$(tasks)" -eq 0 ]; }
ended() { ! kill -0 "$driver" 2>/dev/null; }
signal() { kill -TERM "$driver"; }

start
wait_for labelling
wait_for grep -q '^label 0/3  after 0:1' err # a log is told every 10 s that the first task of a stage goes on
signal
sleep 0.5
ended && fail "one signal ended it beside a running task"
labelling || fail "one signal ended the task"
touch go
wait $driver
[ $? -eq 3 ] || { fail "the first signal: not code 3"; cat err; }
has err 'stopped; the same command goes on'
[ "$(wc -l <ran)" -eq 1 ] || fail "$(wc -l <ran) labels, the one that ran was to end"

start
wait_for labelling
signal
sleep 0.3
signal
wait_for ended
ended || kill -9 $driver
wait $driver
[ $? -eq 3 ] || { fail "the second signal: not code 3"; cat err; }
wait_for gone
[ "$(wc -l <ran)" -eq 1 ] || fail "a label came to its end"
ok eelt status run
hasnt out 'held'
touch go
code 3 'not converged after 1 iteration' eelt run eelt.json
[ "$(wc -l <ran)" -eq 3 ] || fail "$(wc -l <ran) labels of 3"
finish
