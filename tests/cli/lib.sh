# Sourced by the tests of the program: a folder of their own, and what they expect.
# SPDX-License-Identifier: BSD-3-Clause
set -uo pipefail
data=$ROOT/tests/data kit=$ROOT/tests/data/deepmd_kit
export OMP_NUM_THREADS=2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}

# ok ARGUMENT…: kramers succeeds; its output is left in out and err
ok() {
    "$KRAMERS" "$@" >out 2>err || { fail "kramers $* (code $?)"; cat err; }
}

# code N TEXT ARGUMENT…: kramers ends with code N and says TEXT (a basic regular expression) on stderr
code() {
    local wanted=$1 text=$2 got=0
    shift 2
    "$KRAMERS" "$@" >out 2>err || got=$?
    [ $got -eq "$wanted" ] || { fail "kramers $*: code $got, expected $wanted"; cat err; }
    [ -z "$text" ] || grep -q -- "$text" err || { fail "kramers $*: no '$text' in:"; cat err; }
}

has() { grep -q -- "$2" "$1" || { fail "no '$2' in $1:"; head -20 "$1"; }; }
hasnt() { ! grep -q -- "$2" "$1" || fail "'$2' in $1"; }
exists() { [ -e "$1" ] || fail "$1 does not exist"; }
absent() { [ ! -e "$1" ] || fail "$1 exists"; }
# near ABSOLUTE RELATIVE A B: the same words, numbers within the tolerance
near() { "$COMPARE" "$@" || fail "$3 and $4 differ"; }
# no partial file may be left in the folder
no_leftovers() { [ -z "$(find . -name '*.part*' -o -name '*.tmp*')" ] || fail "left over: $(find . -name '*.part*' -o -name '*.tmp*')"; }
finish() {
    no_leftovers
    exit $((failures > 0))
}
