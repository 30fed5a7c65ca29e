/* Start structures "dimer": two atoms at a ladder of distances, in the middle of a cube or open.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/generate.h"
#include <string.h>

typedef struct dimer {
    kr_generate_common common;
    const kr_tree *elements, *distances;
    double box;
} dimer;

static const kr_parameter table[] = {
    KR_GENERATE_COMMON(dimer),
    {.name = "elements", .type = KR_PARAMETER_TEXTS, .offset = offsetof(dimer, elements), .help = "of the two atoms"},
    {.name = "distances_A",
     .type = KR_PARAMETER_TREE,
     .offset = offsetof(dimer, distances),
     .unit = "A",
     .help = "one structure for each"},
    {.name = "box_A",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(dimer, box),
     .initial = "15",
     .unit = "A",
     .range = ">= 0",
     .help = "edge of the periodic cube; 0: no cell"},
    {0}};

static kr_status make(kr_context *ctx, const void *settings, kr_maker *maker) {
    const dimer *d = settings;
    kr_status status = KR_OK;
    double *distance = NULL;
    int n, type[2];
    kr_shape *s;
    if (d->elements->count != 2) KR_TRY(kr_parameter_fail(ctx, maker->where, "elements", d->elements, "expected two"));
    for (int k = 0; k < 2; k++) {
        const char *name = d->elements->child[k]->string;
        KR_TRY(kr_names_add(ctx, &maker->names, name, strlen(name), &type[k]));
    }
    KR_TRY(kr_generate_numbers(ctx, maker, "distances_A", d->distances, 0.1, &n, &distance));
    for (int i = 0; i < n; i++) {
        KR_TRY(kr_maker_add(ctx, maker, 2, &s));
        for (int k = 0; k < 2; k++) {
            s->type[k] = type[k];
            for (int c = 0; c < 3; c++) s->x[3 * k + c] = d->box / 2;
            s->x[3 * k] += (k ? 0.5 : -0.5) * distance[i];
            for (int c = 0; c < 3; c++) s->pbc[c] = d->box > 0;
        }
        for (int c = 0; c < 3; c++) s->box[4 * c] = d->box;
    }
done:
    kr_free(distance);
    return status;
}

const kr_generate_kind kr_generate_dimer = {
    .name = "dimer", .summary = "pairs of atoms", .table = table, .size = sizeof(dimer), .make = make};
