#!/usr/bin/env bash
# A potential for aluminium, magnesium and their alloys from nothing, bulk and slabs. run.sh [TRAINING_STEPS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
. "$here/../campaign.sh"
training=${1:-${KRAMERS_EXAMPLE_STEPS:-30000}}
find_kramers
find_lmp
mkdir -p "$out"
cp "$here/../al_eam/Al-Mg.eam.fs" "$out"
run_campaign "$training" -e "s|\"command\": \"lmp\"|\"command\": \"$lmp\"|" # the file of the potential is al_eam's
awk -F'\t' 'FILENAME ~ /runs/ { if (FNR > 1) samples += $8; next } $2 == "new" && $3 == "labels" { labels += $4 }
    END { if (samples) printf "labelled: %d of %d explored frames, %.3f %%; published for this system: 28,832 of 650,141,280, 0.0044 %%\n",
                             labels, samples, 100 * labels / samples }' "$out/campaign/report_runs.tsv" "$out/campaign/report.tsv"
