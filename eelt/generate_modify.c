/* What changes start structures: supercells, alloys, defects, strain, rattling.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/cell.h"
#include "core/elements.h"
#include "core/error.h"
#include "core/memory.h"
#include "eelt/generate.h"
#include <math.h>
#include <string.h>

/* draws of the random numbers of a copy; entities are atoms or trials */
enum { DRAW_ALLOY = 1, DRAW_VACANCY, DRAW_HOLE, DRAW_RATTLE = 100 };

void kr_shape_free(kr_shape *s) {
    kr_free(s->type);
    kr_free(s->x);
    *s = (kr_shape){0};
}

kr_status kr_shape_resize(kr_context *ctx, kr_shape *s, int n) {
    kr_status status = KR_OK;
    size_t old = (size_t)(s->type ? s->n : 0), most = (size_t)(n > s->n ? n : s->n) + 1;
    int *type = kr_realloc(ctx, s->type, old, most, sizeof *type);
    if (!type) return KR_ERR_MEMORY;
    s->type = type;
    double *x = kr_realloc(ctx, s->x, 3 * old, 3 * most, sizeof *x);
    if (!x) return KR_ERR_MEMORY;
    s->x = x;
    s->n = n;
    return status;
}

kr_status kr_shape_copy(kr_context *ctx, const kr_shape *from, kr_shape *to) {
    *to = (kr_shape){0};
    kr_status status = kr_shape_resize(ctx, to, from->n);
    if (status != KR_OK) return status;
    memcpy(to->type, from->type, (size_t)from->n * sizeof *to->type);
    memcpy(to->x, from->x, 3 * (size_t)from->n * sizeof *to->x);
    memcpy(to->box, from->box, sizeof to->box);
    memcpy(to->pbc, from->pbc, sizeof to->pbc);
    return KR_OK;
}

kr_status kr_shape_repeat(kr_context *ctx, kr_shape *s, const int times[3]) {
    int n = s->n, at = 0;
    double total = (double)n * times[0] * times[1] * times[2];
    for (int k = 0; k < 3; k++)
        if (times[k] > 1 && s->box[3 * k] == 0 && s->box[3 * k + 1] == 0 && s->box[3 * k + 2] == 0)
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "a structure without a cell cannot be repeated");
    if (total > 1e7) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the supercell has %.3g atoms, allowed 1e7", total);
    kr_status status = kr_shape_resize(ctx, s, (int)total);
    if (status != KR_OK) return status;
    for (int i = 0; i < times[0]; i++)
        for (int j = 0; j < times[1]; j++)
            for (int k = 0; k < times[2]; k++)
                for (int a = 0; a < n; a++, at++) {
                    s->type[at] = s->type[a];
                    for (int c = 0; c < 3; c++)
                        s->x[3 * at + c] = s->x[3 * a + c] + i * s->box[c] + j * s->box[3 + c] + k * s->box[6 + c];
                }
    for (int k = 0; k < 9; k++) s->box[k] *= times[k / 3];
    return KR_OK;
}

kr_status kr_generate_numbers(kr_context *ctx, const kr_maker *maker, const char *key, const kr_tree *given,
                              double least, int *n, double **values) {
    kr_status status = KR_OK;
    *n = 0;
    if (kr_tree_is_null(given)) goto done;
    int list = given->kind == KR_TREE_LIST;
    KR_NEW(ctx, *values, (size_t)(list ? given->count : 1) + 1);
    for (int k = 0; k < (list ? given->count : 1); k++) {
        const kr_tree *value = list ? given->child[k] : given;
        if ((value->kind != KR_TREE_INT && value->kind != KR_TREE_REAL) || !isfinite(value->real) ||
            value->real < least)
            KR_TRY(
                kr_parameter_fail(ctx, maker->where, key, value, "expected a number >= %g, or a list of them", least));
        (*values)[(*n)++] = value->real;
    }
    if (*n == 0) KR_TRY(kr_parameter_fail(ctx, maker->where, key, given, "the list is empty"));
done:
    return status;
}

/* ---- elements ---- */

/* Largest remainders: every count is the fraction's share rounded down, what is left goes where most was cut off. */
kr_status kr_generate_counts(kr_context *ctx, kr_maker *maker, const kr_tree *composition, int natoms, int *n,
                             int **type, int **count) {
    kr_status status = KR_OK;
    double *share = NULL, sum = 0;
    int left = natoms;
    *n = 0;
    if (!composition || composition->kind != KR_TREE_MAP || !composition->count)
        KR_TRY(kr_parameter_fail(ctx, maker->where, "composition", composition, "expected {element: fraction, ...}"));
    *n = composition->count;
    KR_NEW(ctx, *type, (size_t)*n);
    KR_NEW(ctx, *count, (size_t)*n);
    KR_NEW(ctx, share, (size_t)*n);
    for (int k = 0; k < *n; k++) {
        const kr_tree *value = composition->child[k];
        const char *name = composition->key[k];
        if ((value->kind != KR_TREE_INT && value->kind != KR_TREE_REAL) || !(value->real >= 0) ||
            !isfinite(value->real))
            KR_TRY(kr_parameter_fail(ctx, maker->where, name, value, "expected a number >= 0"));
        KR_TRY(kr_names_add(ctx, &maker->names, name, strlen(name), &(*type)[k]));
        sum += value->real;
    }
    if (!(sum > 0)) KR_TRY(kr_parameter_fail(ctx, maker->where, "composition", composition, "all fractions are 0"));
    for (int k = 0; k < *n; k++) {
        double exact = natoms * composition->child[k]->real / sum;
        (*count)[k] = (int)floor(exact + 1e-9);
        share[k] = exact - (*count)[k];
        left -= (*count)[k];
    }
    for (; left > 0; left--) {
        int best = 0;
        for (int k = 1; k < *n; k++)
            if (share[k] > share[best] + 1e-12) best = k;
        (*count)[best]++;
        share[best] -= 1;
    }
done:
    kr_free(share);
    return status;
}

kr_status kr_shape_alloy(kr_context *ctx, kr_maker *maker, kr_shape *s, const kr_tree *composition) {
    kr_status status = KR_OK;
    int n, *type = NULL, *count = NULL, at = 0;
    KR_TRY(kr_generate_counts(ctx, maker, composition, s->n, &n, &type, &count));
    for (int k = 0; k < n; k++)
        for (int i = 0; i < count[k]; i++) s->type[at++] = type[k];
    for (int i = s->n - 1; i > 0; i--) { /* Fisher and Yates */
        int j = (int)kr_random_below(maker->stream, maker->copy, (uint64_t)i, DRAW_ALLOY, (uint64_t)i + 1);
        int t = s->type[i];
        s->type[i] = s->type[j];
        s->type[j] = t;
    }
done:
    kr_free(type);
    kr_free(count);
    return status;
}

/* ---- defects ---- */

kr_status kr_shape_vacancies(kr_context *ctx, const kr_maker *maker, kr_shape *s, int count) {
    if (count >= s->n)
        return KR_ERROR(ctx, KR_ERR_FORMAT, "%s: %d vacancies in a cell of %d atoms", maker->where, count, s->n);
    for (int k = 0; k < count; k++) {
        int i = (int)kr_random_below(maker->stream, maker->copy, (uint64_t)k, DRAW_VACANCY, (uint64_t)s->n);
        s->n--;
        memmove(s->type + i, s->type + i + 1, (size_t)(s->n - i) * sizeof *s->type);
        memmove(s->x + 3 * i, s->x + 3 * (i + 1), 3 * (size_t)(s->n - i) * sizeof *s->x);
    }
    return KR_OK;
}

/* Squared distance of a point to the nearest atom; images of the 27 cells around the wrapped point. */
static double emptiness(const kr_cell *cell, const kr_shape *s, const double point[3]) {
    double best = INFINITY;
    for (int a = 0; a < s->n; a++) {
        double d[3];
        for (int c = 0; c < 3; c++) d[c] = s->x[3 * a + c] - point[c];
        kr_cell_wrap(cell, d, NULL);
        for (int m = 0; m < 8; m++) { /* d in the cell: the nearest image is one of its corners' */
            double size = 0;
            for (int c = 0; c < 3; c++) {
                double r = d[c];
                for (int k = 0; k < 3; k++) r -= (m >> k & 1) * (cell->pbc[k] ? cell->box[3 * k + c] : 0);
                size += r * r;
            }
            best = fmin(best, size);
        }
    }
    return best;
}

/* Each into the largest hole among 200 random points: no two copies have the same, none is absurd. */
kr_status kr_shape_interstitials(kr_context *ctx, kr_maker *maker, kr_shape *s, int count, const char *element) {
    kr_status status = KR_OK;
    kr_cell cell;
    int type = s->n ? s->type[0] : 0;
    if (!s->pbc[0] && !s->pbc[1] && !s->pbc[2])
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: interstitials need a periodic cell", maker->where);
    if (element) KR_TRY(kr_names_add(ctx, &maker->names, element, strlen(element), &type));
    KR_TRY(kr_cell_set(ctx, s->box, s->pbc, &cell));
    for (int k = 0; k < count; k++) {
        double best = -1, place[3] = {0, 0, 0};
        for (int trial = 0; trial < 200; trial++) {
            double f[3], x[3];
            for (int c = 0; c < 3; c++)
                f[c] = kr_random_uniform(maker->stream, maker->copy, 200 * (uint64_t)k + (uint64_t)trial,
                                         DRAW_HOLE + 16 * (uint64_t)c);
            kr_cell_to_cartesian(&cell, f, x);
            double size = emptiness(&cell, s, x);
            if (size > best) best = size, memcpy(place, x, sizeof place);
        }
        KR_TRY(kr_shape_resize(ctx, s, s->n + 1));
        s->type[s->n - 1] = type;
        memcpy(s->x + 3 * (s->n - 1), place, sizeof place);
    }
done:
    return status;
}

/* ---- strain, rattling ---- */

void kr_shape_strain(kr_shape *s, const double e[6]) {
    const double m[9] = {1 + e[0], e[5] / 2, e[4] / 2, e[5] / 2, 1 + e[1], e[3] / 2, e[4] / 2, e[3] / 2, 1 + e[2]};
    for (int i = 0; i < s->n + 3; i++) {
        double *r = i < s->n ? s->x + 3 * i : s->box + 3 * (i - s->n);
        const double v[3] = {r[0], r[1], r[2]};
        for (int c = 0; c < 3; c++) r[c] = m[3 * c] * v[0] + m[3 * c + 1] * v[1] + m[3 * c + 2] * v[2];
    }
}

void kr_shape_rattle(const kr_maker *maker, kr_shape *s, double sigma, uint64_t which) {
    double normal[4];
    for (int i = 0; i < s->n && sigma > 0; i++) {
        kr_random_normal(maker->stream, maker->copy, (uint64_t)i, DRAW_RATTLE + which, normal);
        for (int c = 0; c < 3; c++) s->x[3 * i + c] += sigma * fmax(-3, fmin(3, normal[c]));
    }
}
