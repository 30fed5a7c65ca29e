/* Start structures "liquid": atoms at random in a cube, pushed apart until no two are closer than a distance.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Random places overlap at any useful density; every pair that is too close is moved apart along its line by half of
 * what is missing, again and again, until all is well. Packings up to about 0.6 of the volume come out. */
#include "core/elements.h"
#include "core/error.h"
#include "core/memory.h"
#include "eelt/generate.h"
#include <math.h>
#include <string.h>

enum { DRAW_PLACE = 7 };
static const double amu_per_A3 = 1.66053906660; /* g/cm³ per amu/Å³ */

typedef struct liquid {
    kr_generate_common common;
    const kr_tree *atoms;
    double density, volume, distance;
} liquid;

static const kr_parameter table[] = {KR_GENERATE_COMMON(liquid),
                                     {.name = "atoms",
                                      .type = KR_PARAMETER_TREE,
                                      .offset = offsetof(liquid, atoms),
                                      .help = "{element: number of atoms}"},
                                     {.name = "density_g_per_cm3",
                                      .type = KR_PARAMETER_REAL,
                                      .offset = offsetof(liquid, density),
                                      .initial = "null",
                                      .unit = "g/cm3",
                                      .range = "> 0",
                                      .help = "either this or volume_per_atom_A3"},
                                     {.name = "volume_per_atom_A3",
                                      .type = KR_PARAMETER_REAL,
                                      .offset = offsetof(liquid, volume),
                                      .initial = "null",
                                      .unit = "A3",
                                      .range = "> 0",
                                      .help = "either this or density_g_per_cm3"},
                                     {.name = "min_distance_A",
                                      .type = KR_PARAMETER_REAL,
                                      .offset = offsetof(liquid, distance),
                                      .initial = "null",
                                      .unit = "A",
                                      .range = "> 0",
                                      .help = "of any two atoms; default: 0.8 of the sum of their covalent radii"},
                                     {0}};

/* Elements and edge of the cube. */
static kr_status fill(kr_context *ctx, const liquid *l, kr_maker *maker, kr_shape **shape, double **radius) {
    kr_status status = KR_OK;
    int n = 0, at = 0, type;
    double mass = 0, size;
    kr_shape *s;
    if (!l->atoms || l->atoms->kind != KR_TREE_MAP || !l->atoms->count)
        KR_TRY(kr_parameter_fail(ctx, maker->where, "atoms", l->atoms, "expected {element: number of atoms, ...}"));
    for (int k = 0; k < l->atoms->count; k++) {
        const kr_tree *count = l->atoms->child[k];
        if (count->kind != KR_TREE_INT || count->integer < 0 || count->integer > 100000)
            KR_TRY(kr_parameter_fail(ctx, maker->where, l->atoms->key[k], count, "expected a number of atoms"));
        n += (int)count->integer;
    }
    if (isnan(l->density) == isnan(l->volume) || n == 0)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: expected atoms, and one of density_g_per_cm3 and volume_per_atom_A3",
                maker->where);
    KR_TRY(kr_maker_add(ctx, maker, n, shape));
    s = *shape;
    KR_NEW(ctx, *radius, (size_t)n);
    for (int k = 0; k < l->atoms->count; k++) {
        const char *name = l->atoms->key[k];
        int z = kr_element_number(name, strlen(name));
        KR_TRY(kr_names_add(ctx, &maker->names, name, strlen(name), &type));
        double half = isnan(l->distance) ? 0.8 * kr_element_radius(z) : l->distance / 2;
        if (!(half > 0) || (!isnan(l->density) && !(kr_element_mass(z) > 0)))
            KR_TRY(kr_parameter_fail(ctx, maker->where, name, l->atoms->child[k], "is no element with a known size"));
        for (int i = 0; i < l->atoms->child[k]->integer; i++, at++) {
            s->type[at] = type;
            (*radius)[at] = half;
            mass += kr_element_mass(z);
        }
    }
    size = cbrt(isnan(l->volume) ? mass * amu_per_A3 / l->density : n * l->volume);
    for (int k = 0; k < 3; k++) s->box[4 * k] = size;
    memset(s->pbc, 1, sizeof s->pbc);
done:
    return status;
}

/* One sweep over the pairs; the largest part of a distance that is missing. */
static double push(kr_shape *s, const double *radius) {
    double worst = 0, edge = s->box[0];
    for (int i = 0; i < s->n; i++)
        for (int j = 0; j < i; j++) {
            double d[3], size = 0, limit = radius[i] + radius[j];
            for (int c = 0; c < 3; c++) {
                d[c] = s->x[3 * i + c] - s->x[3 * j + c];
                d[c] -= edge * round(d[c] / edge);
                size += d[c] * d[c];
            }
            if (size >= limit * limit) continue;
            size = sqrt(size);
            worst = fmax(worst, 1 - size / limit);
            double move = 0.5 * (limit * 1.001 - size); /* a little more, so that it ends */
            for (int c = 0; c < 3; c++) {
                double along = size > 1e-6 ? d[c] / size : c == i % 3;
                s->x[3 * i + c] += move * along;
                s->x[3 * j + c] -= move * along;
            }
        }
    return worst;
}

static kr_status make(kr_context *ctx, const void *settings, kr_maker *maker) {
    const liquid *l = settings;
    kr_status status = KR_OK;
    kr_shape *s = NULL;
    double *radius = NULL, worst = 1;
    KR_TRY(fill(ctx, l, maker, &s, &radius));
    for (int i = 0; i < s->n; i++)
        for (int c = 0; c < 3; c++)
            s->x[3 * i + c] =
                s->box[0] * kr_random_uniform(maker->stream, maker->copy, (uint64_t)i, DRAW_PLACE + 16 * (uint64_t)c);
    for (int sweep = 0; sweep < 5000 && worst > 0; sweep++) worst = push(s, radius);
    if (worst > 0) {
        KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s: %d atoms do not fit into a cube of %.4g A at these distances", maker->where,
                 s->n, s->box[0]);
        kr_error_hint(ctx, "take a smaller min_distance_A or a lower density");
        status = KR_ERR_ARGUMENT;
        goto done;
    }
    for (int i = 0; i < 3 * s->n; i++) s->x[i] -= s->box[0] * floor(s->x[i] / s->box[0]);
done:
    kr_free(radius);
    return status;
}

const kr_generate_kind kr_generate_liquid = {
    .name = "liquid", .summary = "liquids", .table = table, .size = sizeof(liquid), .random = 1, .make = make};
