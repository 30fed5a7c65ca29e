#!/usr/bin/env bash
# usage: rules.sh RULE [LIBRARY]     run in the root of a source tree; prints offenders, fails when there are some
# The rules are those of docs/architecture.md and CONTRIBUTING.md.
# SPDX-License-Identifier: BSD-3-Clause
set -uo pipefail
export LC_ALL=C

bad=0
offend() { printf '%s\n' "$*"; bad=1; }
sources() {
    find core potential training sampling coarse eelt plugins cli examples include tests bench \
    \( -path tests/data -o -path '*/build' -o -path 'examples/*/out' -o -path '*/.*' \) -prune -o -type f \( "$@" \) -print 2>/dev/null | sort
    return 0   # some of these folders may not exist
}
code() { sources -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.def'; }

# folder: what its quoted includes may name, as an extended regular expression. Layers point downwards only; the
# program and the plugins see public headers and their own.
allowed() {
    case $1 in
        core) echo '^core/' ;;
        potential) echo '^(core|potential)/' ;;
        training) echo "^(core|potential|training)/" ;;
        eelt) echo "^(core|potential|training|eelt)/" ;;
        sampling | coarse) echo "^(core|$1)/" ;;
        cli | plugins) echo '^[a-z0-9_]+\.(h|def)$' ;;
        include | examples) echo '^$' ;;
    esac
}

rule_layers() {
    local folder pattern hit include
    for folder in core potential training sampling coarse eelt cli plugins include examples; do
        [ -d $folder ] || continue
        pattern=$(allowed $folder)
        while IFS= read -r hit; do
            include=${hit##*include \"}
            include=${include%%\"*}
            [[ $include =~ $pattern ]] && continue
            # the plugin's C++ sources include the headers of LAMMPS by name
            [[ $hit == plugins/lammps/*.cpp:* || $hit == plugins/lammps/*.h:* ]] && [[ $include != */* ]] && continue
            offend "${hit%%:*} may not include \"$include\""
        done < <(grep -rnE '^ *# *include "' $folder --include='*.c' --include='*.h' --include='*.cpp' |
                 sed -E 's/# *include/include/')
    done
    # examples see the library as its users do, and the library's parts see no part above them
    while IFS= read -r hit; do offend "layer violation: $hit"; done < <(
        grep -rnE '# *include [<"]kramers/sys/' cli plugins examples 2>/dev/null)
}

# Headers of the C library and of POSIX; what is in neither list is somebody else's and has one owner file.
system_headers='assert|complex|ctype|fnmatch|glob|dirent|errno|fcntl|fenv|float|inttypes|limits|locale|math|poll|pthread|sched|setjmp|signal|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|termios|time|unistd|wchar|immintrin|sys/[a-z]+'
rule_third_party() {
    local header owners
    while read -r header; do
        owners=$(grep -rlE "^ *# *include <$header>" core potential training sampling coarse eelt --include='*.c' --include='*.h' 2>/dev/null)
        [ "$(wc -l <<<"$owners")" -eq 1 ] && [[ $owners == *.c ]] && continue
        offend "<$header> is included by $(tr '\n' ' ' <<<"$owners")(exactly one .c file may)"
    done < <(grep -rhoE '^ *# *include <[^>]+>' core potential training sampling coarse eelt --include='*.c' --include='*.h' 2>/dev/null |
             sed -E 's/.*<(.*)>/\1/' | sort -u | grep -vE "^(($system_headers)\.h|kramers/.*)$")
}

# Every public header stands alone, in C and in C++, and kramers.h has them all.
rule_headers() {
    local header name work
    work=$(mktemp -d)
    for header in include/kramers/*.h include/kramers/sys/*.h; do
        [ -f "$header" ] || continue
        name=${header#include/}
        printf '#include <%s>\n#include <%s>\nint main(void) { return 0; }\n' "$name" "$name" >"$work/t.c"
        cp "$work/t.c" "$work/t.cpp"
        ${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only "$work/t.c" ||
            offend "$header does not compile alone in C"
        ${CXX:-c++} -std=c++11 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only "$work/t.cpp" ||
            offend "$header does not compile alone in C++"
        grep -q 'extern "C"' "$header" || [ "$name" = kramers/kramers.h ] || offend "$header lacks extern \"C\""
        [[ $name == kramers/kramers.h || $name == kramers/sys/* ]] ||
            grep -q "<$name>" include/kramers/kramers.h || offend "$header is not in kramers.h"
    done
    rm -rf "$work"
}

# Licence line in every source; no promises instead of code; nothing about a machine it was written on.
rule_words() {
    local file
    while IFS= read -r file; do offend "$file has no SPDX-License-Identifier"; done < <(
        sources -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.py' -o -name '*.sh' |
            xargs -r grep -L 'SPDX-License-Identifier: ')
    while IFS= read -r hit; do offend "forbidden word: $hit"; done < <(
        code | grep -v '^tests/rules/' |
            xargs -r grep -nE '\b(TO[D]O|FIX[M]E|XX[X]|HAC[K]|not implement[e]d)\b|NotImpl[e]mented')
    while IFS= read -r hit; do offend "path of one machine: $hit"; done < <(
        { code; find scripts bench docs cmake tests examples plugins .ci README.md CONTRIBUTING.md CMakeLists.txt -type f \
            -not -path 'tests/data/*' -not -path 'examples/*/out/*' 2>/dev/null; } | grep -v '^tests/rules/' | sort -u |
            xargs -r grep -nIE '(^|[^a-zA-Z0-9_.])/(wor[k]|op[t]|hom[e]|roo[t])/')
    while IFS= read -r hit; do offend "reads numbers as the locale of the host writes them: $hit"; done < <(
        grep -rnE 'scanf\(.*%[0-9*]*[lL]?[aefg]' core potential training sampling coarse eelt --include='*.c' --include='*.h' 2>/dev/null)
    while IFS= read -r hit; do offend "forbidden flag: $hit"; done < <(
        grep -rnE '[-]ffast-math|[-]Ofast' CMakeLists.txt cmake */CMakeLists.txt plugins 2>/dev/null | grep -v '# *[^ ]*.*never used')
}

# Lengths: above the budget is reported, above the hard stop fails. Tables (*.def, *_table.c) are exempt.
rule_sizes() {
    local file lines budget stop hit
    while read -r lines file; do
        case $file in
            *_table.c | *.def | total) continue ;;
            *.c | *.cpp) budget=400 stop=700 ;;
            include/*.h) budget=200 stop=300 ;;
            *) budget=200 stop=400 ;;
        esac
        if [ "$lines" -gt $stop ]; then
            offend "$file: $lines lines, hard stop $stop"
        elif [ "$lines" -gt $budget ]; then
            echo "note: $file: $lines lines, budget $budget"
        fi
    done < <(code | xargs -r wc -l)
    while IFS= read -r hit; do offend "$hit: more than 120 columns"; done < <(
        code | LC_ALL=C.UTF-8 xargs -r grep -HnE '^.{121,}$' | cut -d: -f1,2)
    # A function starts at a line in column 0 whose statement holds "(" and opens a block, and ends at "}" in column 0.
    code | grep -E '\.(c|cpp)$' | xargs -r awk -v budget=60 -v stop=100 '
        FNR == 1 { inside = 0; head = "" }
        !inside && /^[A-Za-z_]/ { head = $0; start = FNR }
        !inside && /^[ \t]/ { head = head " " $0 }
        !inside && /\{$/ && head ~ /\(/ && head !~ /^(typedef|struct|enum|union|namespace|extern)/ && head !~ /=/ {
            inside = 1; name = head; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
        inside && /^\}/ {
            length_ = FNR - start + 1
            if (length_ > stop) { print FILENAME ":" start ": " name " has " length_ " lines, hard stop " stop; bad = 1 }
            else if (length_ > budget) print "note: " FILENAME ":" start ": " name " has " length_ " lines, budget " budget
            inside = 0; head = "" }
        END { exit bad + 0 }' || bad=1
}

# What our objects may not ask the system for: leaving the process, writing to the terminal, reading the environment,
# other processes, numbers as the locale of the host writes them. Two files of eelt/ exist to start and to end processes,
# text.c reads numbers in the "C" locale.
rule_imports() {
    local member symbol
    while read -r member symbol; do
        [[ $member =~ ^(supervisor|spawn)\.c\.o$ && $symbol =~ ^(fork|kill|sigaction|signal|_exit|execve|environ)$ ]] && continue
        [[ $member == text.c.o && $symbol == strtod ]] && continue
        offend "libkramers imports $symbol ($member)"
    done < <(
        nm -u "$1" | awk '/:$/ { member = substr($1, 1, length($1) - 1) } $1 == "U" { print member, $2 }' | sort -u |
            grep -xE '[^ ]* (exit|_exit|_Exit|quick_exit|abort|__assert_fail|raise|kill|signal|sigaction|(__)?v?printf(_chk)?|puts|putchar|perror|psignal|stdout|stderr|stdin|(secure_)?getenv|(put|set|unset)env|environ|__environ|system|popen|fork|exec[a-z]+|warnx?|errx?|rand|srand|random|drand48|setlocale|dlopen|strto(d|f|ld)|atof|LAPACKE_xerbla)')
}

# The shared library shows the functions of the public headers, all of them and nothing else.
rule_exports() {
    local work
    work=$(mktemp -d)
    { for header in include/kramers/*.h include/kramers/sys/*.h; do
        [ -f "$header" ] && echo "#include \"$header\""; done; } >"$work/t.c"
    gcc -Iinclude -I. -aux-info "$work/prototypes" -fsyntax-only "$work/t.c" || offend "the headers do not compile"
    grep -oE '\bkr_[a-z0-9_]+ \(' "$work/prototypes" | tr -d ' (' | sort -u >"$work/declared"
    nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | grep -vE '^(__asan|__ubsan|__tsan|__odr_asan|_init$|_fini$)' |
        sort -u >"$work/exported"
    while IFS= read -r name; do offend "declared in a public header, not in the library: $name"; done < <(
        comm -23 "$work/declared" "$work/exported")
    while IFS= read -r name; do offend "in the library, not in a public header: $name"; done < <(
        comm -13 "$work/declared" "$work/exported")
    rm -rf "$work"
}

# Scripts are valid and executable.
rule_scripts() {
    local file
    while IFS= read -r file; do
        head -1 "$file" | grep -qE '^#!.*\b(ba)?sh$' || continue
        bash -n "$file" || offend "$file is no valid script"
        [ -x "$file" ] || offend "$file is not executable"
    done < <(find scripts .ci bench tests examples -type f -not -path 'tests/data/*' 2>/dev/null)
}

[ $# -ge 1 ] && declare -F "rule_$1" >/dev/null || { echo "usage: rules.sh RULE [LIBRARY]" >&2; exit 2; }
"rule_$@"
exit $bad
