#!/usr/bin/env bash
# A potential for a molecule from nothing, with GFN2-xTB. run.sh [TRAINING_STEPS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
. "$here/../campaign.sh"
find_kramers
need xtb "Debian: xtb"
mkdir -p "$out"
cp -r "$here/start" "$out"
run_campaign "${1:-${KRAMERS_EXAMPLE_STEPS:-40000}}"
