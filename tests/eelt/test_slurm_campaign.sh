# A whole campaign whose trainings, explorations and labels are Slurm jobs, its driver killed twice: the same frames,
# models and data as on this machine alone, nothing labelled twice.
# SPDX-License-Identifier: BSD-3-Clause
. "$ROOT/tests/cli/lib.sh"
. "$ROOT/tests/eelt/slurm_node.sh"
missing=$(slurm_missing)
[ -z "$missing" ] || { echo "skipped: $missing"; exit 77; }
. "$ROOT/tests/cli/campaign.sh"
sed -i 's/"max_iterations": 3/"max_iterations": 2/' eelt.json
code 3 'not converged after 2 iterations' eelt run eelt.json
labels=$(wc -l <ran)
list() { (cd "$1" && cut -f 2- report_frames.tsv && cut -f 2-6 report.tsv | sort && sha256sum iter.*/00.train/*.dp iter.*/02.label/*/set.000/*.npy); }
list run >local.txt

trap 'slurm_stop; rm -rf "$work"' EXIT
slurm_start "$work/slurm" || { fail "Slurm does not start"; tail -3 "$work"/slurm/log/*; exit 1; }
sed 's/"folder": "run"/"folder": "batch"/; s/"poll_s": 0.05}/"poll_s": 0.05, "runner": "slurm", "memory_MB": 150, "slurm": {"poll_s": 0.3, "grace_s": 10}}/g' eelt.json >batch.json
rm ran
kills=0
for part in . batch/iter.000001/00.train; do # killed with jobs in Slurm's hands: the first labels; runs of the models
    "$KRAMERS" eelt run batch.json >out 2>err &
    driver=$!
    while kill -0 $driver 2>/dev/null; do
        [ -d "$part" ] && [ -n "$(squeue -h -t PD,R)" ] && break
        sleep 0.05
    done
    kill -9 $driver 2>/dev/null && kills=$((kills + 1))
    wait $driver 2>/dev/null
done
[ $kills -eq 2 ] || fail "only $kills kills"
code 3 'not converged after 2 iterations' eelt run batch.json
list batch >batch.txt
cmp -s local.txt batch.txt || { fail "another campaign on Slurm"; diff local.txt batch.txt | cut -c1-160; cat err; }
[ "$(wc -l <ran)" -eq "$labels" ] || fail "$(wc -l <ran) label calculations, $labels on this machine"
"$KRAMERS" eelt status batch >out
hasnt out 'given up'
hasnt out 'attempts crashed'
for kind in train explore label; do has out "$kind tasks done"; done
grep 'tasks done' out
exit $((failures > 0))
