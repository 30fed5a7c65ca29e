#!/usr/bin/env bash
# negative controls of rates: what must not be believed is refused or flagged; bad input is named with its place
# SPDX-License-Identifier: BSD-3-Clause
. tests/accept/report.sh
folder=$KRAMERS_WORK/controls
mkdir -p "$folder"
# control NAME CODE TEXT JSON: kramers rate ends with CODE and says TEXT
control() {
    local said=no got=0
    printf '%s\n' "$4" >"$folder/run.json"
    timeout 120 "$KRAMERS_BUILD/cli/kramers" rate "$folder/run.json" -o "$folder/out" --force >"$folder/said" 2>&1 || got=$?
    grep -q -- "$3" "$folder/said" && said=yes
    exactly "$1" "$got $said" "$2 yes" "exit code, said"
}
well='"problem": {"kind": "double_well", "epsilon": 0.05'
control "overlapping A and B" 1 'A and B overlap' "{$well, \"B\": {\"level\": \"-x - 1\"}, \"A\": {\"level\": \"x + 0.9\"}}, \"dt\": 0.01, \"methods\": [{\"kind\": \"kramers\"}]}"
control "a state that is never reached" 3 'B was never reached' "{$well}, \"dt\": 0.01, \"methods\": [{\"kind\": \"direct\", \"time\": 2000, \"walkers\": 32, \"warm_up\": 0, \"label\": \"d\"}]}"
control "trials too few to reach B" 3 'died out' "{$well}, \"dt\": 0.01, \"methods\": [{\"kind\": \"ffs\", \"basin_time\": 5, \"trials\": 20, \"replicas\": 4, \"levels\": [0.05, 0.4, 0.9]}]}"
control "a barrier below epsilon" 3 'barrier is only' '{"problem": {"kind": "double_well", "epsilon": 2}, "dt": 0.01, "methods": [{"kind": "kramers"}]}'
control "routes that disagree" 3 'DISAGREE' '{"problem": {"kind": "double_well", "epsilon": 0.5}, "dt": 0.01, "methods": [{"kind": "mfpt", "runs": 2000}, {"kind": "mfpt", "label": "large steps", "dt": 0.12, "runs": 2000, "correct_boundary": false}]}'
control "a missing state" 1 'problem.B is missing.*line 1, column 13' '{"problem": {"kind": "expression", "drift": ["-x"], "A": {"level": "x"}}, "dt": 0.01, "methods": [{"kind": "kramers"}]}'
control "a wrong dimension" 1 'line 1, column 58' '{"problem": {"kind": "mueller", "A": {"ball": {"center": [0], "radius": 1}}}, "dt": 0.01, "methods": []}'
control "an unknown function" 1 "unknown function 'sen' .*line 1, column 51" '{"problem": {"kind": "expression", "drift": ["x - sen(x)"]}, "dt": 0.01, "methods": []}'
control "a drift that is not a number" 1 'not finite at (-1) (line 1, column 46)' '{"problem": {"kind": "expression", "drift": ["log(x)"], "A": {"ball": {"center": [-1], "radius": 0.1}}, "B": {"ball": {"center": [1], "radius": 0.1}}}, "dt": 0.01, "methods": [{"kind": "mfpt"}]}'
