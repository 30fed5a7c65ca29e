# Sourced by the examples that run a campaign, behind common.sh.
# SPDX-License-Identifier: BSD-3-Clause

# need PROGRAM PACKAGE: the labelling program, or the end with code 77 (skipped) and a message
need() {
    command -v "$1" >/dev/null && return
    printf '%s: skipped, there is no %s (%s)\n' "$(basename "$here")" "$1" "$2" >&2
    exit 77
}

# run_campaign TRAINING_STEPS SED_ARGUMENT…: eelt.json of the example with so many steps of training, the random seed
# KRAMERS_EXAMPLE_SEED (1) and the changes of sed, checked and run in $out. Below 1000 steps everything is short: few
# frames, two models, two iterations.
run_campaign() {
    local steps=$1 result=0 short=()
    shift
    if [ "$steps" -lt 1000 ]; then
        short=(-e 's/"steps": [0-9]*, "dt_fs"/"steps": 50, "dt_fs"/' -e 's/"frames": [0-9]*/"frames": 4/'
            -e '/"select"/s/"per_iteration": [0-9]*/"per_iteration": 6/' -e 's/"ensemble": [0-9]/"ensemble": 2/'
            -e '/"audit"/s/"per_iteration": [0-9]*/"per_iteration": 4/' -e 's/"replicas": [0-9]*/"replicas": 1/'
            -e 's/"T_K": \[[0-9, ]*\]/"T_K": [300]/' -e 's/"max_iterations": [0-9]*/"max_iterations": 2/')
    fi
    mkdir -p "$out"
    sed -e "s/\"numb_steps\": [0-9]*/\"numb_steps\": $steps/" -e "s/\"save_freq\": [0-9]*/\"save_freq\": $steps/" \
        -e "s/\"decay_steps\": [0-9]*/\"decay_steps\": $((steps > 100 ? steps / 100 : 1))/" \
        -e "s/\"seed\": [0-9]*/\"seed\": ${KRAMERS_EXAMPLE_SEED:-1}/" ${short[@]+"${short[@]}"} "$@" "$here/eelt.json" >"$out/eelt.json"
    "$kramers" eelt check "$out/eelt.json"
    "$kramers" eelt run "$out/eelt.json" || result=$?
    # 3: the iterations are over before the window has converged, as a short campaign is expected to end
    [ $result -eq 0 ] || [ $result -eq 3 ] || exit $result
    [ -e "$out/campaign/report.tsv" ] || exit $result # stopped within the first iteration
    awk -F'\t' '$2 == "all" && $3 == "rmse_f" { printf "iteration %d: force error %.1f meV/A on random accurate frames\n", $1, 1000 * $4 }' \
        "$out/campaign/report.tsv"
    # audits of different iterations look at different frames: the models of all iterations on the newest ones
    awk -F'\t' '$2 ~ /^models / { if ($1 != it) { n = 0; it = $1 } if ($2 != last) { name[++n] = $2; value[n] = "" } last = $2
                                  value[n] = value[n] sprintf(", %.1f meV/A on %s frames", 1000 * $4, substr($3, 8)) }
        END { for (k = 1; k <= n; k++) printf "%s%s of iteration %d\n", name[k], value[k], it }' "$out/campaign/report.tsv"
    printf 'Report: %s\n' "$out/campaign/report.html"
    campaign_result=$result
}
