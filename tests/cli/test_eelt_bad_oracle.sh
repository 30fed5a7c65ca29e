# A campaign whose oracle hangs, crashes, writes NaN or pretends to have finished in every fifth call: every failure is
# classified, no bad label gets into the data, and the campaign goes on.
# SPDX-License-Identifier: BSD-3-Clause   (ctest: full)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/campaign.sh"
cat >oracle.sh <<SH
#!/bin/bash
# every fifth call goes wrong, in four ways in turn
exec 9>>'$work/calls.lock'
flock 9
n=\$((\$(cat '$work/calls' 2>/dev/null || echo 0) + 1))
echo \$n >'$work/calls'
exec 9>&-
if [ \$((n % 5)) -eq 0 ]; then
    case \$((n / 5 % 4)) in
        0) sleep 100 ;;
        1) exit 9 ;;
        2) '$KRAMERS' eval -m '$oracle' in.xyz -o good.xyz && awk 'NR == 3 { \$5 = "nan" } { print }' good.xyz >out.xyz; exit 0 ;;
        3) exit 0 ;;
    esac
fi
exec '$KRAMERS' eval -m '$oracle' in.xyz -o out.xyz
SH
sed -i -e "s|\"command\": \"echo.*out.xyz\"|\"command\": \"bash '$work/oracle.sh'\"|" -e 's/"frames": 4/"frames": 12/' \
    -e 's/"per_iteration": 3/"correlation_ps": 0, "per_iteration": 12/' -e 's/"label": {"slots": 2,/"label": {"slots": 4, "timeout_s": 2, "tries": 8,/' eelt.json
code 3 'not converged after 3' eelt run eelt.json
has err 'failed attempts'
ok eelt status run
for class in timeout crashed bad_output; do has out "attempts $class"; done
# with eight tries a frame every one that was asked for has its label, all numbers are finite, and they are those of the oracle
labels=$(awk -F'\t' '$2 == "new" && $3 == "labels" { n += $4 } END { print n }' run/report.tsv)
asked=$(awk -F'\t' '$9 == "chosen" || $9 == "audit" || $9 == "failed"' run/report_frames.tsv | wc -l)
[ "$labels" -eq "$asked" ] || fail "$labels labels of $asked frames"
attempts=$(cat calls)
[ "$attempts" -le $((labels * 13 / 10 + 1)) ] || fail "$attempts calls for $labels labels"
ok eelt export run all
ok data convert all/data labelled.xyz
hasnt labelled.xyz '[nN]a[nN]'
ok eval -m "$oracle" labelled.xyz -o direct.xyz
ok data convert labelled.xyz one --to raw
ok data convert direct.xyz two --to raw
for file in energy force virial; do near 1e-9 1e-9 one/$file.raw two/$file.raw; done
echo "$labels labels, $attempts calls"
finish
