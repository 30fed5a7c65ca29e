# kramers eelt run killed once at its n-th commit or rename, for many n; and its supervisors killed while they work:
# every time the campaign that follows is the undisturbed one.   (ctest: full)
# SPDX-License-Identifier: BSD-3-Clause
#   KRAMERS_KILL_STRIDE  every so many points (default 29; 1: all of them, some minutes)
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/campaign.sh"
stride=${KRAMERS_KILL_STRIDE:-29}
sed -i -e 's/"max_iterations": 3/"max_iterations": 2/' -e 's/"frames": 4/"frames": 2/' -e 's/"per_iteration": 3/"per_iteration": 2/' \
    -e 's/"steps": 40/"steps": 20/' -e 's/"per_iteration": 2, "certificate": 4/"per_iteration": 1, "certificate": 4/' \
    -e 's/"poll_s": 0.05/"poll_s": 0.05, "tries": 9/g' eelt.json
list() { (cd "$1" && cut -f 2- report_frames.tsv && cut -f 2-6 report.tsv | sort && sha256sum iter.*/00.train/*.dp iter.*/02.label/*/set.000/*.npy); }
code 3 'not converged after 2 iterations' eelt run eelt.json
list run >undisturbed.txt
labels=$(wc -l <ran)
same() { # FOLDER WHAT
    list "$1" >found.txt
    cmp -s undisturbed.txt found.txt || { fail "another campaign after $2"; diff undisturbed.txt found.txt | cut -c1-160; }
    [ -z "$(find "$1" -name '*.tmp-*' -not -path "$1/tasks/*")" ] || fail "left after $2: $(find "$1" -name '*.tmp-*')"
}

points=0
for ((n = 1; n < 3000; n += stride)); do
    sed 's/"folder": "run"/"folder": "k"/' eelt.json >k.json
    rm -rf ran k
    "$KRAMERS" eelt run k.json --kill-at $n >out 2>err
    [ $? -eq 137 ] || break
    points=$((points + 1))
    code 3 'not converged after 2 iterations' eelt run k.json
    same k "a kill at point $n"
    [ "$(wc -l <ran)" -eq "$labels" ] || fail "$(wc -l <ran) label calculations after a kill at point $n, $labels without"
done
[ $points -ge $((100 / stride)) ] || fail "only $points points"
echo "$points points of about $n"

# supervisors and their tasks, by the files that name them; each attempt once at most, then it is left alone
sed -e 's/"folder": "run"/"folder": "hit"/' -e 's/"tries": 9/"tries": 99/g' eelt.json >hit.json
timeout 120 "$KRAMERS" eelt run hit.json >out 2>err &
driver=$! hits=0
while kill -0 $driver 2>/dev/null && [ $hits -lt 30 ]; do
    for file in hit/tasks/*/*/try.[12]/supervisor; do
        [ -e "$file" ] && [ ! -e "${file%/*}/rc" ] && [ ! -e "${file%/*}/hit" ] || continue
        line=$((hits % 2 + 1)) # the supervisor, its command
        process=$(sed -n ${line}p "$file" | cut -d' ' -f 3)
        case "$(readlink "/proc/$process/cwd")" in "$work"/hit/tasks/*) ;; *) continue ;; esac
        kill -9 "$process" 2>/dev/null && hits=$((hits + 1)) && touch "${file%/*}/hit"
    done
done
wait $driver
[ $? -eq 3 ] || { fail "ended otherwise"; cat err; }
[ $hits -ge 5 ] || fail "only $hits processes were hit"
same hit "$hits killed supervisors and tasks"
echo "$hits supervisors and tasks"
rm -r hit/tasks # what killed attempts left stays in their folders
finish
