#!/usr/bin/env bash
# Shows every rule an offender and expects it to be found: can_fail.sh RULES.SH
# SPDX-License-Identifier: BSD-3-Clause
set -uo pipefail
rules=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir -p core potential cli include/kramers scripts
licence='/* SPDX-License-Identifier: BSD-3-Clause */'
failed=0

# expect RULE ARGUMENT…: the rule must complain
expect() {
    if "$rules" "$@" >out 2>&1; then
        echo "rule $1 did not see the offender"
        failed=1
    fi
}

# expect_pass RULE ARGUMENT…: nothing wrong yet
expect_pass() { "$rules" "$@" >out 2>&1 || { echo "rule $1 sees what is not there:"; cat out; failed=1; }; }

header() { printf '%s\n#ifdef __cplusplus\nextern "C" {\n#endif\n%s\n#ifdef __cplusplus\n}\n#endif\n' "$licence" "$1"; }
header 'int kr_a(void);' >include/kramers/a.h
printf '%s\n#include <kramers/a.h>\n' "$licence" >include/kramers/kramers.h
printf '%s\nint kr_a(void) { return 1; }\n' "$licence" >core/a.c
build() { gcc -c -fPIC -o a.o core/a.c && rm -f liba.a && ar rc liba.a a.o && gcc -shared -o liba.so a.o; }
build
for rule in layers third_party headers words sizes scripts; do expect_pass $rule; done
expect_pass imports liba.a
expect_pass exports liba.so

printf '%s\n#include "potential/model.h"\n' "$licence" >core/b.c
expect layers
printf '%s\n#include "core/error.h"\n' "$licence" >cli/b.c
rm core/b.c
expect layers
rm cli/b.c

printf '%s\n#include <hdf5.h>\n' "$licence" | tee core/c.c >potential/c.c
expect third_party
rm core/c.c potential/c.c

header 'int kr_b(size_t n);' >include/kramers/b.h
echo '#include <kramers/b.h>' >>include/kramers/kramers.h
expect headers
header 'int kr_b(int class);' >include/kramers/b.h
expect headers
header 'int kr_b(int);' >include/kramers/b.h
expect exports liba.so
rm include/kramers/b.h
sed -i '$d' include/kramers/kramers.h

printf 'int kr_x;\n' >core/d.c
expect words
printf '%s\n/* TO''DO: later */\n' "$licence" >core/d.c
expect words
printf '%s\nint kr_x(const char *text, double *x) { return sscanf(text, "x %%lf", x); }\n' "$licence" >core/d.c
expect words
rm core/d.c

{ echo "$licence"; echo 'void f(void) {'; for _ in $(seq 120); do echo '    ;'; done; echo '}'; } >core/e.c
expect sizes
{ echo "$licence"; for _ in $(seq 720); do echo 'extern int x;'; done; } >core/e.c
expect sizes
printf '%s\nextern int x; /* %0130d */\n' "$licence" 0 >core/e.c
expect sizes
rm core/e.c

printf '%s\n#include <stdlib.h>\nint kr_a(void) { exit(1); }\n' "$licence" >core/a.c
build
expect imports liba.a
printf '%s\n#include <stdio.h>\nint kr_a(void) { return fputs("", stderr); }\n' "$licence" >core/a.c
build
expect imports liba.a
printf '%s\n#include <stdlib.h>\nint kr_a(void) { return strtod("1", NULL) > 0; }\n' "$licence" >core/a.c
build
expect imports liba.a
printf '%s\nint kr_a(void) { return 1; }\nint kr_internal(void) { return 1; }\n' "$licence" >core/a.c
build
expect exports liba.so

printf '#!/bin/bash\nif\n' >scripts/bad
chmod +x scripts/bad
expect scripts
exit $failed
