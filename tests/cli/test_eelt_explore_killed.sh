# kramers eelt explore: killed again and again, it ends with the files of a run that was left alone. ctest: full
# SPDX-License-Identifier: BSD-3-Clause
. "$(dirname "$0")/lib.sh"
ok data convert "$kit/formats/npy" frame --to raw --frames 0
list() { tr -s ' \n' ',' <"$1" | sed 's/^,//; s/,$//'; }
state=checkpoint
prepare() {
    mkdir -p "$1"
    cat >"$1/explore.json" <<JSON
{"models": ["$kit/model_devi/m0.dp", "$kit/model_devi/m1.dp"], "driver": 0, "elements": ["O", "H"],
 "ensemble": 2, "T_K": [200, 400], "P_GPa": [0, 1], "steps": 200, "dt_fs": 0.3, "sample_every": 3, "seed": 9,
 "f_lo": 0.2, "f_hi": 50, "reservoir": 5, "correlation_ps": 0.003, "stop": 5, "mc_swap": 0.1, "temperature_hi": 1e6,
 "volume_factor": 0, "closest": 0, "options": [$2, 0.1, 0.5, 0.02, 0, 0],
 "types": [$(list frame/type.raw)], "coord_A": [$(head -1 frame/coord.raw | tr -s ' ' ',' | sed 's/^,//; s/,$//')],
 "box_A": [$(head -1 frame/box.raw | tr -s ' ' ',' | sed 's/^,//; s/,$//')], "pbc": [1, 1, 1]}
JSON
}
for mode in 0 1; do
    prepare whole$mode $mode
    prepare part$mode $mode
    ok eelt explore whole$mode
    exists whole$mode/candidates.xyz
    killed=0
    for pause in 0.1 0.3 0.2 0.5; do
        "$KRAMERS" eelt explore part$mode 2>err &
        sleep $pause
        kill -9 $! 2>/dev/null && killed=$((killed + 1))
        wait $! 2>/dev/null
    done
    ok eelt explore part$mode
    [ $killed -gt 0 ] || fail "nothing was killed"
    for file in candidates.xyz accurate_sample.xyz last_good.xyz examine.json model_devi.out thermo.out; do
        [ ! -e whole$mode/$file ] || cmp -s {whole,part}$mode/$file || fail "mode $mode: $file differs"
    done
    rm -f part$mode/*.tmp*
    # a state that is cut off, or speaks of candidates that are gone: the run begins anew
    for damage in "truncate -s -5 part$mode/$state" "rm -f part$mode/candidates.xyz part$mode/candidates.xyz.part"; do
        exists part$mode/$state
        $damage
        ok eelt explore part$mode
        has err 'begins anew'
        for file in candidates.xyz accurate_sample.xyz last_good.xyz examine.json model_devi.out thermo.out; do
            [ ! -e whole$mode/$file ] || cmp -s {whole,part}$mode/$file || fail "mode $mode after $damage: $file differs"
        done
    done
done
finish
