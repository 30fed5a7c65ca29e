#!/usr/bin/env bash
# Read by the checks of scripts/accept (`. tests/accept/report.sh`): prints one line per check and notes its result.
# SPDX-License-Identifier: BSD-3-Clause

# line NAME TARGET VALUE UNIT RESULT
line() {
    printf '%-58s %14s %14s %-16s %s\n' "$1" "$2" "$3" "$4" "$5"
    echo "$5" >>"$KRAMERS_RESULTS"
}

# number TEXT: is it one? (an empty value or "nan" never passes)
number() { [[ $1 =~ ^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$ ]]; }
# holds A OP B in floating point
holds() { awk -v a="$1" -v b="$3" "BEGIN { exit !(a $2 b) }"; }

# at_most NAME VALUE LIMIT UNIT, at_least NAME VALUE LIMIT UNIT, exactly NAME VALUE WANTED UNIT
at_most() { if number "$2" && holds "$2" '<=' "$3"; then line "$1" "<= $3" "$2" "$4" pass; else line "$1" "<= $3" "${2:-none}" "$4" FAIL; fi; }
at_least() { if number "$2" && holds "$2" '>=' "$3"; then line "$1" ">= $3" "$2" "$4" pass; else line "$1" ">= $3" "${2:-none}" "$4" FAIL; fi; }
exactly() { if [ "$2" = "$3" ]; then line "$1" "$3" "$2" "${4:-}" pass; else line "$1" "$3" "${2:-none}" "${4:-}" FAIL; fi; }
fails() { line "$1" "$2" "$3" "" FAIL; }
# missing NAME TARGET REASON: what it needs is not on this machine
missing() { line "$1" "$2" "-" "($3)" MISSING; }
# ctest_passes NAME LABEL-OR-REGEX… : all tests that ctest selects pass, and there are some
ctest_passes() {
    local name=$1 out total wrong
    shift
    out=$(ctest --test-dir "$KRAMERS_BUILD" "$@" 2>&1)
    total=$(grep -oE 'tests failed out of [0-9]+' <<<"$out" | grep -oE '[0-9]+' | tail -1)
    wrong=$(grep -oE '[0-9]+ tests failed' <<<"$out" | grep -oE '^[0-9]+' | tail -1)
    if [ -z "$total" ] || [ "$total" -eq 0 ]; then
        line "$name" "all pass" "no test" "tests" FAIL
    elif [ "$wrong" -eq 0 ]; then
        line "$name" "all pass" "$total" "tests" pass
    else
        line "$name" "all pass" "$((total - wrong)) of $total" "tests" FAIL
        grep -E '\(Failed\)|\(Timeout\)|Not Run' <<<"$out" >&2
    fi
}
# value FILE KEY: number that a program wrote as "KEY VALUE"
value() { awk -v key="$2" '$1 == key { print $2; exit }' "$1"; }
# values FILE KEY: all of them, from the least on, in one line
values() { awk -v key="$2" '$1 == key { print $2 }' "$1" | sort -g | paste -sd ' '; }
# ascending NUMBER…, by lines; median_of NUMBER…
ascending() { tr ' ' '\n' <<<"$*" | grep . | sort -g; }
median_of() { ascending "$@" | awk '{ v[NR] = $1 } END { if (NR) printf "%.5g", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
