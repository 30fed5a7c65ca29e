/* Start structures "slab": a crystal cut along a lattice plane, with a ladder of vacuum widths.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The normal n = h b1 + k b2 + l b3 in the reciprocal vectors of the conventional cell gives integers m_i ∝ n · p_i in
 * the primitive vectors p_i. Lattice vectors u, v with m · u = 0 span the plane (reduced, so that they are shortest),
 * w with m · w = 1 leads to the next plane. The slab has `layers` such planes, each with the atoms of the primitive
 * cell; it is turned so that u lies along x and v in the xy plane, and c stands upright, as long as the slab is thick
 * plus the vacuum. */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/generate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct slab {
    kr_generate_common common;
    int lattice, layers, open;
    const char *element;
    const kr_tree *miller, *vacuum;
    double a, c_over_a;
} slab;

static const kr_parameter table[] = {
    KR_GENERATE_COMMON(slab),
    {.name = "lattice",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(slab, lattice),
     .allowed = KR_LATTICE_WORDS,
     .help = "crystal lattice"},
    {.name = "element", .type = KR_PARAMETER_TEXT, .offset = offsetof(slab, element), .help = "of all sites"},
    {.name = "a_A",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(slab, a),
     .unit = "A",
     .range = "> 0",
     .help = "lattice constant"},
    {.name = "c_over_a",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(slab, c_over_a),
     .initial = "1.632993161855452",
     .range = "> 0",
     .help = "of hcp"},
    {.name = "miller",
     .type = KR_PARAMETER_INTS,
     .offset = offsetof(slab, miller),
     .help = "[h, k, l] of the conventional cell, for hcp also [h, k, i, l]"},
    {.name = "layers",
     .type = KR_PARAMETER_INT,
     .offset = offsetof(slab, layers),
     .range = ">= 1",
     .help = "lattice planes; each has the atoms of a primitive cell (2 in hcp and diamond)"},
    {.name = "vacuum_A",
     .type = KR_PARAMETER_TREE,
     .offset = offsetof(slab, vacuum),
     .initial = "10",
     .unit = "A",
     .help = "distance from the last to the next first atoms, or a list: one structure for each"},
    {.name = "open",
     .type = KR_PARAMETER_FLAG,
     .offset = offsetof(slab, open),
     .initial = "false",
     .help = "not periodic along c"},
    {0}};

static double dot(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
static void cross(const double *a, const double *b, double *c) {
    for (int k = 0; k < 3; k++) c[k] = a[(k + 1) % 3] * b[(k + 2) % 3] - a[(k + 2) % 3] * b[(k + 1) % 3];
}
static void combine(const double p[9], const int *u, double *r) {
    for (int c = 0; c < 3; c++) r[c] = u[0] * p[c] + u[1] * p[3 + c] + u[2] * p[6 + c];
}

static int gcd(int a, int b) { return b ? gcd(b, a % b) : abs(a); }

/* The plane in integers of the primitive vectors. */
static kr_status indices(kr_context *ctx, const slab *s, const char *where, const kr_lattice *l, int m[3]) {
    kr_status status = KR_OK;
    int n, *h = NULL, k[3];
    double normal[3] = {0, 0, 0}, volume = 0;
    KR_TRY(kr_parameter_ints(ctx, s->miller, &n, &h));
    if (n == 4 && s->lattice == 2 && h[0] + h[1] + h[2] == 0)
        k[0] = h[0], k[1] = h[1], k[2] = h[3];
    else if (n == 3)
        memcpy(k, h, sizeof k);
    else
        KR_TRY(kr_parameter_fail(ctx, where, "miller", s->miller,
                                 "expected [h, k, l], or for hcp [h, k, i, l] with i = -(h + k)"));
    if (!k[0] && !k[1] && !k[2])
        KR_TRY(kr_parameter_fail(ctx, where, "miller", s->miller, "expected one that is not 0"));
    for (int i = 0; i < 3; i++) { /* reciprocal vectors of the conventional cell */
        double b[3];
        cross(l->conventional + 3 * ((i + 1) % 3), l->conventional + 3 * ((i + 2) % 3), b);
        volume = dot(l->conventional + 3 * i, b);
        for (int c = 0; c < 3; c++) normal[c] += k[i] * b[c] / volume;
    }
    for (int i = 0; i < 3; i++)
        m[i] = (int)lround(4 * dot(normal, l->primitive + 3 * i)); /* halves occur in fcc, bcc */
    int common = gcd(gcd(m[0], m[1]), m[2]);
    for (int i = 0; i < 3; i++) m[i] /= common;
done:
    kr_free(h);
    return status;
}

/* Shortest independent u, v of the plane m · u = 0, and w with m · w = 1 nearest to the normal: by search, since the
 * vectors are short for all planes that anybody cuts. */
static kr_status plane(kr_context *ctx, const kr_lattice *l, const int m[3], int u[3], int v[3], int w[3]) {
    enum { REACH = 12 };
    double best[3] = {INFINITY, INFINITY, INFINITY}, ru[3], r[3], c[3];
    for (int pass = 0; pass < 3; pass++)
        for (int i = -REACH; i <= REACH; i++)
            for (int j = -REACH; j <= REACH; j++)
                for (int k = -REACH; k <= REACH; k++) {
                    const int t[3] = {i, j, k};
                    int height = m[0] * i + m[1] * j + m[2] * k;
                    if (height != (pass == 2) || (!i && !j && !k)) continue;
                    combine(l->primitive, t, r);
                    double size = dot(r, r);
                    if (pass == 1) {
                        combine(l->primitive, u, ru);
                        cross(ru, r, c);
                        /* independent, and at an angle of 90° to 120° or less */
                        if (dot(c, c) < 1e-9 || dot(ru, r) < -1e-9) continue;
                    }
                    if (size < best[pass] - 1e-9) {
                        best[pass] = size;
                        memcpy(pass == 0 ? u : pass == 1 ? v : w, t, sizeof t);
                    }
                }
    if (!isfinite(best[0]) || !isfinite(best[1]) || !isfinite(best[2]))
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "the Miller indices are too large to cut a slab");
    return KR_OK;
}

/* Rows e1 ∥ u, e2 in the plane, e3 the normal on the side of w. */
static void axes(const double *u, const double *v, const double *w, double e[9]) {
    double n[3], size = sqrt(dot(u, u));
    cross(u, v, n);
    double height = sqrt(dot(n, n)), sign = dot(n, w) < 0 ? -1 : 1;
    for (int c = 0; c < 3; c++) {
        e[c] = u[c] / size;
        e[6 + c] = sign * n[c] / height;
    }
    cross(e + 6, e, e + 3);
}

static kr_status cut(kr_context *ctx, const slab *s, const kr_lattice *l, const int uvw[9], double vacuum, int type,
                     kr_maker *maker) {
    kr_status status = KR_OK;
    double r[9], e[9], low = INFINITY, high = -INFINITY;
    kr_shape *out;
    for (int k = 0; k < 3; k++) combine(l->primitive, uvw + 3 * k, r + 3 * k);
    axes(r, r + 3, r + 6, e);
    KR_TRY(kr_maker_add(ctx, maker, s->layers * l->nbasis, &out));
    for (int k = 0; k < 2; k++)
        for (int c = 0; c < 3; c++) out->box[3 * k + c] = dot(r + 3 * k, e + 3 * c);
    if (out->box[4] < 0) /* right-handed */
        for (int c = 0; c < 2; c++) out->box[3 + c] = -out->box[3 + c];
    out->box[1] = out->box[2] = out->box[5] = 0; /* what rounding left */
    for (int i = 0; i < out->n; i++) {
        double at[3], *x = out->x + 3 * i;
        for (int c = 0; c < 3; c++) at[c] = (i / l->nbasis) * r[6 + c] + l->basis[i % l->nbasis][c];
        for (int c = 0; c < 3; c++) x[c] = dot(at, e + 3 * c);
        out->type[i] = type;
        low = fmin(low, x[2]);
        high = fmax(high, x[2]);
    }
    double thickness = high - low;
    out->box[8] = thickness + vacuum;
    if (out->box[8] <= 0) KR_FAIL(ctx, KR_ERR_ARGUMENT, "a slab of one plane needs vacuum");
    memset(out->pbc, 1, sizeof out->pbc);
    out->pbc[2] = !s->open;
    for (int i = 0; i < out->n; i++) {
        double *x = out->x + 3 * i;
        x[2] += vacuum / 2 - low;
        double b = floor(x[1] / out->box[4] + 1e-9); /* into the cell: along v, then along u */
        for (int c = 0; c < 2; c++) x[c] -= b * out->box[3 + c];
        double along = x[0] - x[1] / out->box[4] * out->box[3];
        x[0] -= floor(along / out->box[0] + 1e-9) * out->box[0];
    }
done:
    return status;
}

static kr_status make(kr_context *ctx, const void *settings, kr_maker *maker) {
    const slab *s = settings;
    kr_status status = KR_OK;
    kr_lattice l;
    double *vacuum = NULL;
    int m[3], uvw[9], n, type;
    KR_TRY(kr_lattice_set(ctx, s->lattice, s->a, s->c_over_a, &l));
    KR_TRY(indices(ctx, s, maker->where, &l, m));
    KR_TRY(plane(ctx, &l, m, uvw, uvw + 3, uvw + 6));
    KR_TRY(kr_names_add(ctx, &maker->names, s->element, strlen(s->element), &type));
    KR_TRY(kr_generate_numbers(ctx, maker, "vacuum_A", s->vacuum, 0, &n, &vacuum));
    for (int k = 0; k < n; k++) KR_TRY(cut(ctx, s, &l, uvw, vacuum[k], type, maker));
done:
    kr_free(vacuum);
    return status;
}

const kr_generate_kind kr_generate_slab = {
    .name = "slab", .summary = "surfaces", .table = table, .size = sizeof(slab), .make = make};
