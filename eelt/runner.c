/* The list of runners.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/runner.h"
#include <string.h>

#define KR_RUNNER_KIND(name) extern const kr_runner_kind kr_runner_##name;
#include "eelt/runner_kinds.def"
#undef KR_RUNNER_KIND

static const kr_runner_kind *const kinds[] = {
#define KR_RUNNER_KIND(name) &kr_runner_##name,
#include "eelt/runner_kinds.def"
#undef KR_RUNNER_KIND
};

int kr_runner_count(void) { return (int)(sizeof kinds / sizeof *kinds); }

const kr_runner_kind *kr_runner_at(int index) { return index >= 0 && index < kr_runner_count() ? kinds[index] : NULL; }

const kr_runner_kind *kr_runner_find(const char *name) {
    for (int k = 0; k < kr_runner_count(); k++)
        if (!strcmp(kinds[k]->name, name)) return kinds[k];
    return NULL;
}
