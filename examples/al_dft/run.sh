#!/usr/bin/env bash
# A potential for aluminium from nothing, with density functional theory by pw.x. run.sh [TRAINING_STEPS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
. "$here/../campaign.sh"
find_kramers
need pw.x "Debian: quantum-espresso"
pseudo=${ESPRESSO_PSEUDO:-/usr/share/espresso/pseudo}
[ -f "$pseudo/Al.pz-vbc.UPF" ] || stop "no Al.pz-vbc.UPF in $pseudo" "Debian: quantum-espresso-data; or set ESPRESSO_PSEUDO"
mkdir -p "$out"
cp "$here/pw.in" "$out"
run_campaign "${1:-${KRAMERS_EXAMPLE_STEPS:-6000}}" -e "s|/usr/share/espresso/pseudo|$pseudo|"
