/* Start structures "bulk": fcc, bcc, hcp, sc, diamond, a ladder of lattice constants.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/cell.h"
#include "core/error.h"
#include "core/memory.h"
#include "eelt/generate.h"
#include <math.h>
#include <string.h>

typedef struct bulk {
    kr_generate_common common;
    int lattice, primitive;
    const char *element;
    const kr_tree *a;
    double c_over_a;
} bulk;

static const kr_parameter table[] = {
    KR_GENERATE_COMMON(bulk),
    {.name = "lattice",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(bulk, lattice),
     .allowed = KR_LATTICE_WORDS,
     .help = "crystal lattice"},
    {.name = "element", .type = KR_PARAMETER_TEXT, .offset = offsetof(bulk, element), .help = "of all sites"},
    {.name = "a_A",
     .type = KR_PARAMETER_TREE,
     .offset = offsetof(bulk, a),
     .unit = "A",
     .help = "lattice constant, or a list of them: one structure for each"},
    {.name = "c_over_a",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(bulk, c_over_a),
     .initial = "1.632993161855452",
     .range = "> 0",
     .help = "of hcp"},
    {.name = "cell",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(bulk, primitive),
     .initial = "\"conventional\"",
     .allowed = "conventional|primitive",
     .help = "the cube (hcp: the hexagonal cell), or the smallest cell"},
    {0}};

/* All sites of the lattice inside the conventional cell. */
static kr_status fill(kr_context *ctx, const kr_lattice *l, int type, kr_shape *s) {
    kr_status status = KR_OK;
    kr_cell cell;
    int n = 0;
    KR_TRY(kr_cell_set(ctx, l->conventional, NULL, &cell));
    for (int i = -3; i <= 3; i++)
        for (int j = -3; j <= 3; j++)
            for (int k = -3; k <= 3; k++)
                for (int b = 0; b < l->nbasis; b++) {
                    double x[3], f[3];
                    for (int c = 0; c < 3; c++)
                        x[c] = i * l->primitive[c] + j * l->primitive[3 + c] + k * l->primitive[6 + c] + l->basis[b][c];
                    kr_cell_to_fractional(&cell, x, f);
                    int inside = 1;
                    for (int c = 0; c < 3; c++) inside &= f[c] > -1e-9 && f[c] < 1 - 1e-9;
                    if (!inside) continue;
                    if (n == s->n) return KR_ERROR(ctx, KR_ERR_INTERNAL, "too many sites in a cell");
                    s->type[n] = type;
                    memcpy(s->x + 3 * n++, x, sizeof x);
                }
    if (n != s->n) return KR_ERROR(ctx, KR_ERR_INTERNAL, "%d sites in a cell, expected %d", n, s->n);
done:
    return status;
}

static kr_status make(kr_context *ctx, const void *settings, kr_maker *maker) {
    const bulk *b = settings;
    kr_status status = KR_OK;
    kr_lattice l;
    kr_shape *s;
    double *a = NULL;
    int count, type;
    KR_TRY(kr_generate_numbers(ctx, maker, "a_A", b->a, 0.1, &count, &a));
    KR_TRY(kr_names_add(ctx, &maker->names, b->element, strlen(b->element), &type));
    for (int k = 0; k < count; k++) {
        KR_TRY(kr_lattice_set(ctx, b->lattice, a[k], b->c_over_a, &l));
        double ratio = kr_box_volume(l.conventional) / kr_box_volume(l.primitive);
        int sites = b->primitive ? l.nbasis : (int)lround(ratio) * l.nbasis;
        KR_TRY(kr_maker_add(ctx, maker, sites, &s));
        memcpy(s->box, b->primitive ? l.primitive : l.conventional, sizeof s->box);
        memset(s->pbc, 1, sizeof s->pbc);
        if (!b->primitive) {
            KR_TRY(fill(ctx, &l, type, s));
            continue;
        }
        for (int i = 0; i < sites; i++) {
            s->type[i] = type;
            memcpy(s->x + 3 * i, l.basis[i], sizeof l.basis[i]);
        }
    }
done:
    kr_free(a);
    return status;
}

const kr_generate_kind kr_generate_bulk = {
    .name = "bulk", .summary = "crystals", .table = table, .size = sizeof(bulk), .make = make};
