#!/usr/bin/env bash
# A potential for aluminium from nothing: explore, label with an EAM potential, train, certify. run.sh [TRAINING_STEPS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
. "$here/../campaign.sh"
training=${1:-${KRAMERS_EXAMPLE_STEPS:-10000}}
find_kramers
find_lmp
mkdir -p "$out"
cp -r "$here/start" "$here/Al-Mg.eam.fs" "$out"
run_campaign "$training" -e "s|\"command\": \"lmp\"|\"command\": \"$lmp\"|"
[ "$campaign_result" -eq 0 ] || [ "$training" -lt 1000 ] # a certificate is what a whole run is for
