# kramers eelt run: the input changes while a campaign explores; the runs of the former one do not count any more. (ctest: full)
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/campaign.sh"
sed -i -e 's/"max_iterations": 3/"max_iterations": 2/' -e 's/"dt_fs": 0.5/"dt_fs": 0.5, "replicas": 4/' \
    -e 's/"explore": {"slots": 2/"explore": {"slots": 1/' eelt.json
runs() { ls -d run/iter.000001/01.explore/run.[0-9]*.[0-9]*[0-9] 2>/dev/null | wc -l; }
# every stage is passed in so many durable steps, and they never reach the end of eight runs
for ((n = 0; n < 30 && $(runs) < 2; n++)); do "$KRAMERS" eelt run eelt.json --kill-at $((20 + n % 8)) >out 2>err; done 2>/dev/null
# two folders: the row of the first is committed
[ "$(runs)" -ge 2 ] && [ "$(runs)" -lt 8 ] || fail "killed after $(runs) runs"
first=$(cat run/iter.000001/01.explore/run.000.000000/key)
sed -i 's/"steps": 40/"steps": 30/' eelt.json
code 3 'not converged after 2 iterations' eelt run eelt.json
[ "$first" != "$(cat run/iter.000001/01.explore/run.000.000000/key)" ] || fail "the run of the former input is still there"
[ "$(awk -F'\t' '$1 == 1' run/report_runs.tsv | wc -l)" -eq 8 ] || { fail "not eight runs"; cut -f 1-7 run/report_runs.tsv; }
# a run of 30 steps has seven samples
[ "$(awk -F'\t' '$1 == 1 { n += $8 } END { print n }' run/report_runs.tsv)" -eq 56 ] || { fail "not 56 samples"; cat run/report_runs.tsv; }
# nothing changes: nothing is done again
labels=$(wc -l <ran)
code 3 'not converged after 2 iterations' eelt run eelt.json
[ "$(wc -l <ran)" -eq "$labels" ] || fail "labels were calculated again"
rm -r run/tasks # what killed attempts left stays in their folders
finish
