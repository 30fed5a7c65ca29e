/* The list of problems.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/problem.h"
#include <string.h>

#define KR_PROBLEM_KIND(name) extern const kr_problem_kind kr_problem_##name;
#include "sampling/problem_kinds.def"
#undef KR_PROBLEM_KIND

static const kr_problem_kind *const kinds[] = {
#define KR_PROBLEM_KIND(name) &kr_problem_##name,
#include "sampling/problem_kinds.def"
#undef KR_PROBLEM_KIND
    NULL};

int kr_problem_count(void) { return (int)(sizeof kinds / sizeof *kinds) - 1; }

const kr_problem_kind *kr_problem_at(int index) {
    return index >= 0 && index < kr_problem_count() ? kinds[index] : NULL;
}

const kr_problem_kind *kr_problem_find(const char *name) {
    for (int k = 0; k < kr_problem_count(); k++)
        if (!strcmp(kinds[k]->name, name)) return kinds[k];
    return NULL;
}
