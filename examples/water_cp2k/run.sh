#!/usr/bin/env bash
# A potential for water from nothing, with GFN1-xTB by CP2K. run.sh [TRAINING_STEPS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
. "$here/../campaign.sh"
find_kramers
need cp2k "Debian: cp2k"
mkdir -p "$out"
cp -r "$here/start" "$here/cp2k.inp" "$out"
run_campaign "${1:-${KRAMERS_EXAMPLE_STEPS:-30000}}"
