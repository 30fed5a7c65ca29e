#!/usr/bin/env bash
# A potential for aluminium from nothing: explore, label with an EAM potential, train, certify. run.sh [TRAINING_STEPS]
# SPDX-License-Identifier: BSD-3-Clause
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../common.sh"
training=${1:-${KRAMERS_EXAMPLE_STEPS:-20000}}
find_kramers
find_lmp
mkdir -p "$out"
cp -r "$here/start" "$here/Al-Mg.eam.fs" "$out"

# few steps: everything short, one iteration after the start structures
short=()
if [ "$training" -lt 1000 ]; then
    short=(-e 's/"steps": 2000/"steps": 50/' -e 's/"frames": 20/"frames": 4/' -e 's/"per_iteration": 80/"per_iteration": 6/'
        -e 's/"per_iteration": 20/"per_iteration": 4/' -e 's/"ensemble": 4/"ensemble": 2/' -e 's/\[50, 300, 650, 1000\]/[300]/'
        -e 's/"max_iterations": 12/"max_iterations": 2/')
fi
sed -e "s/\"numb_steps\": [0-9]*/\"numb_steps\": $training/" -e "s/\"save_freq\": [0-9]*/\"save_freq\": $training/" \
    -e "s/\"decay_steps\": [0-9]*/\"decay_steps\": $((training > 100 ? training / 100 : 1))/" \
    -e "s|\"command\": \"lmp\"|\"command\": \"$lmp\"|" ${short[@]+"${short[@]}"} "$here/eelt.json" >"$out/eelt.json"

"$kramers" eelt check "$out/eelt.json"
result=0
"$kramers" eelt run "$out/eelt.json" || result=$?
# 3: not converged, which is what a short run is expected to be
[ $result -eq 0 ] || { [ $result -eq 3 ] && [ "$training" -lt 1000 ]; } || exit $result
printf '\n%s\n' "Report: $out/campaign/report.html"
