# A campaign on a disk that is full again and again: one clear message, code 3, nothing lost; with room again the same
# frames, models and data. A store of labels that cannot be written. SPDX-License-Identifier: BSD-3-Clause (ctest: full)
. "$(dirname "$0")/lib.sh"
mkdir disk store
mount -t tmpfs -o size=64m tmpfs disk 2>/dev/null || { echo "skipped: no file system can be mounted here"; exit 77; }
trap 'umount "$work/disk" "$work/store" 2>/dev/null; rm -rf "$work"' EXIT
. "$(dirname "$0")/campaign.sh"
sed -i 's/"max_iterations": 3/"max_iterations": 2, "disk_free_GB": 0/; s/"slots": 2,/"slots": 2, "tries": 1,/g; s/in.xyz -o out.xyz"/in.xyz -o out.xyz \&\& echo x >> '"'${work//\//\\/}\\/finished'"'"/' eelt.json
code 3 'not converged after 2 iterations' eelt run eelt.json
labels=$(wc -l <finished)
list() { (cd "$1" && cut -f 2- report_frames.tsv && cut -f 2-6 report.tsv | sort && sha256sum iter.*/00.train/*.dp iter.*/02.label/*/set.000/*.npy); }
list run >undisturbed.txt

# fill KB: leaves so much room on the disk
fill() {
    rm -f disk/filler
    local free
    free=$(($(stat -f -c '%a * %S / 1024' disk)))
    [ "$free" -le "$1" ] || head -c $(((free - $1) * 1024)) /dev/zero >disk/filler
}

# a task that fills the disk, says so, and leaves room again: its complaint had room of its own
mkdir disk/task
cat >disk/task/cmd.json <<'JSON'
{"command": "cat /dev/zero >filler 2>/dev/null; echo 'No space left on device' >&2; rm filler; exit 1", "timeout_s": 0,
 "stall_s": 0, "memory_MB": 0, "first_cpu": 0, "cpus": 0, "threads": 0}
JSON
"$KRAMERS" eelt exec disk/task >out 2>&1
grep -q 'no_space' disk/task/rc || { fail "a task ended by a full disk counts as: $(cat disk/task/rc)"; cat disk/task/stderr; }
rm -r disk/task

sed 's/"folder": "run"/"folder": "disk\/run"/' eelt.json >disk.json
rm finished
full=0 others=0
for room in 0 12 40 66 70 76 84 92 100 110 120 130 140 150 160 175 190 210 230 250 280 310 350 400 500 700 1000 2000; do
    fill $room
    "$KRAMERS" eelt run disk.json >out 2>err
    result=$?
    if grep -q 'not converged after 2' err; then break; fi
    [ $result -eq 3 ] || { fail "with $room KB the campaign ended with $result"; tail -3 err; }
    [ "$(grep -c 'the disk.* is full' err)" -eq 1 ] || { fail "with $room KB there is no clear message:"; tail -3 err; }
    full=$((full + 1))
done
[ $full -ge 8 ] || fail "only $full full disks"
rm -f disk/filler
code 3 'not converged after 2 iterations' eelt run disk.json
list disk/run >disk.txt
cmp -s undisturbed.txt disk.txt || { fail "another campaign after $full full disks"; diff undisturbed.txt disk.txt | cut -c1-160; "$KRAMERS" eelt status disk/run; }
"$KRAMERS" eelt status disk/run >out
hasnt out 'given up'
# every finished calculation has one label; what the full disk cut off in between was calculated again
[ "$(find disk/run/labels -name '*.h5' | wc -l)" -eq "$labels" ] || fail "$(find disk/run/labels -name '*.h5' | wc -l) labels, $labels without full disks"
echo "$full full disks, $(wc -l <finished) calculations finished for $labels labels"

# a fresh campaign each time, full once, at other moments
for room in 90 180 270 360; do
    rm -rf disk/run finished
    fill $room
    "$KRAMERS" eelt run disk.json >out 2>err
    [ $? -eq 3 ] || { fail "with $room KB the campaign did not stop"; tail -3 err; }
    rm -f disk/filler
    code 3 'not converged after 2 iterations' eelt run disk.json
    list disk/run >disk.txt
    cmp -s undisturbed.txt disk.txt || fail "another campaign after a disk with $room KB"
done

# a shared store that fills, and one that is read-only: the labels stay in the campaign
mount -t tmpfs -o size=12k tmpfs store
sed 's/"folder": "run"/"folder": "second", "label_store": "store"/' eelt.json >second.json
code 3 'not converged after 2 iterations' eelt run second.json
has err "the label store '.*store' cannot be written: labels are kept in"
list second >second.txt
cmp -s undisturbed.txt second.txt || fail "another campaign with a small store"
mount -o remount,ro store
sed 's/"folder": "run"/"folder": "third", "label_store": "store"/' eelt.json >third.json
code 3 'not converged after 2 iterations' eelt run third.json
list third >third.txt
cmp -s undisturbed.txt third.txt || fail "another campaign with a read-only store"

# the whole campaign read-only: refused with the reason
mount -o remount,ro disk
code 1 'Read-only file system\|may not be written\|readonly' eelt run disk.json
finish
