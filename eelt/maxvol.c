/* MaxVol by swaps, its inverse by updates of rank one.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Row j of A becomes b, c = b A⁻¹:  A⁻¹ ← A⁻¹ − (A⁻¹ e_j)(c − e_j) / c_j. |c_j| > 1, so a single update is harmless;
 * what many leave behind is removed by a step of Newton's iteration X ← X (2 − A X) every REFINE swaps. */
#include "eelt/maxvol.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/memory.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

enum { ROWS = 128, REFINE = 50 };

struct kr_maxvol {
    int m;
    double *a, *inverse; /* [m][m] */
    double *work;        /* [2][m][m] of Newton's step */
    double *column;      /* [m] */
    double *c;           /* [ROWS][m] coordinates of a block of rows */
    long *id;            /* [m] */
    double log_volume;
    int since; /* swaps since the last refinement */
};

kr_status kr_maxvol_create(kr_context *ctx, int m, double scale, kr_maxvol **maxvol) {
    kr_status status = KR_OK;
    kr_maxvol *v = NULL;
    size_t size = (size_t)(m > 0 ? m : 0);
    *maxvol = NULL;
    if (m < 1 || !(scale > 0) || !isfinite(scale))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "MaxVol of %d columns with a start of length %g, both must be above 0", m, scale);
    KR_NEW(ctx, v, 1);
    v->m = m;
    KR_NEW(ctx, v->a, size * size);
    KR_NEW(ctx, v->inverse, size * size);
    KR_NEW(ctx, v->work, 2 * size * size);
    KR_NEW(ctx, v->column, size);
    KR_NEW(ctx, v->c, ROWS * size);
    KR_NEW(ctx, v->id, size);
    for (size_t j = 0; j < size; j++) {
        v->a[j * size + j] = scale;
        v->inverse[j * size + j] = 1 / scale;
        v->id[j] = -1;
    }
    v->log_volume = m * log(scale);
    *maxvol = v;
    v = NULL;
done:
    kr_maxvol_destroy(&v);
    return status;
}

void kr_maxvol_destroy(kr_maxvol **maxvol) {
    if (!maxvol || !*maxvol) return;
    kr_free((*maxvol)->a);
    kr_free((*maxvol)->inverse);
    kr_free((*maxvol)->work);
    kr_free((*maxvol)->column);
    kr_free((*maxvol)->c);
    kr_free((*maxvol)->id);
    kr_free(*maxvol);
    *maxvol = NULL;
}

const long *kr_maxvol_ids(const kr_maxvol *maxvol) { return maxvol->id; }
double kr_maxvol_log_volume(const kr_maxvol *maxvol) { return maxvol->log_volume; }
const double *kr_maxvol_rows(const kr_maxvol *maxvol) { return maxvol->a; }
const double *kr_maxvol_inverse(const kr_maxvol *maxvol) { return maxvol->inverse; }

/* c [n][m] = rows A⁻¹ */
static void coordinates(const kr_maxvol *v, int n, const double *rows, double *c) {
    kr_gemm(0, 0, n, v->m, v->m, 1, rows, v->m, v->inverse, v->m, 0, c, v->m);
}

/* Largest |c_j| of one row. */
static double grade_of(int m, const double *c, int *where) {
    double most = 0;
    *where = 0;
    for (int j = 0; j < m; j++)
        if (fabs(c[j]) > most) {
            most = fabs(c[j]);
            *where = j;
        }
    return most;
}

/* ---- grades ---- */

typedef struct grading {
    const kr_maxvol *v;
    long n;
    const double *rows;
    double *grade;
    double *c; /* [threads][ROWS][m] */
} grading;

static kr_status grade_block(void *payload, kr_context *ctx, long block, int thread) {
    const grading *g = payload;
    long begin = block * ROWS;
    int n = g->n - begin < ROWS ? (int)(g->n - begin) : ROWS, where;
    size_t m = (size_t)g->v->m;
    double *c = g->c + (size_t)thread * ROWS * m;
    (void)ctx;
    coordinates(g->v, n, g->rows + (size_t)begin * m, c);
    for (int i = 0; i < n; i++) g->grade[begin + i] = grade_of(g->v->m, c + (size_t)i * m, &where);
    return KR_OK;
}

kr_status kr_maxvol_grades(kr_context *ctx, const kr_maxvol *maxvol, long n, const double *rows, double *grade) {
    kr_status status = KR_OK;
    grading g = {maxvol, n, rows, grade, NULL};
    KR_NEW(ctx, g.c, (size_t)kr_parallel_threads(ctx) * ROWS * (size_t)maxvol->m);
    KR_TRY(kr_parallel_blocks(ctx, (n + ROWS - 1) / ROWS, grade_block, NULL, &g));
done:
    kr_free(g.c);
    return status;
}

/* ---- swaps ---- */

/* X ← X (2 − A X): squares the error of an inverse that is nearly right. */
static void refine(kr_maxvol *v) {
    int m = v->m;
    size_t size = (size_t)m;
    double *r = v->work, *x = v->work + size * size;
    kr_gemm(0, 0, m, m, m, -1, v->a, m, v->inverse, m, 0, r, m);
    for (size_t j = 0; j < size; j++) r[j * size + j] += 2;
    kr_gemm(0, 0, m, m, m, 1, v->inverse, m, r, m, 0, x, m);
    memcpy(v->inverse, x, size * size * sizeof *x);
    v->since = 0;
}

/* Row b with coordinates c takes the place j; left [n][m]: coordinates of other rows, brought along (b's own included,
 * so c is a copy). */
static void swap(kr_maxvol *v, int j, const double *b, const double *c, long id, int n, double *left) {
    size_t m = (size_t)v->m;
    double pivot = c[j];
    for (size_t i = 0; i < m; i++) v->column[i] = v->inverse[i * m + (size_t)j] / pivot;
    for (size_t i = 0; i < m; i++) {
        double *row = v->inverse + i * m, f = v->column[i];
        for (size_t k = 0; k < m; k++) row[k] -= f * c[k];
        row[j] += f;
    }
    for (int i = 0; i < n; i++) {
        double *row = left + (size_t)i * m, f = row[j] / pivot;
        for (size_t k = 0; k < m; k++) row[k] -= f * c[k];
        row[j] += f;
    }
    memcpy(v->a + (size_t)j * m, b, m * sizeof *b);
    v->id[j] = id;
    v->log_volume += log(fabs(pivot));
    if (++v->since >= REFINE) refine(v);
}

/* The worst row of a block comes in, until all are below the threshold. */
static long extend_block(kr_maxvol *v, int n, const double *rows, long first_id, double threshold, double *c) {
    size_t m = (size_t)v->m;
    long swaps = 0;
    coordinates(v, n, rows, v->c);
    for (;;) {
        int worst = -1, place = 0, where;
        double most = threshold;
        for (int i = 0; i < n; i++) {
            double g = grade_of(v->m, v->c + (size_t)i * m, &where);
            if (!(g > most)) continue;
            most = g;
            worst = i;
            place = where;
        }
        if (worst < 0) return swaps;
        memcpy(c, v->c + (size_t)worst * m, m * sizeof *c);
        swap(v, place, rows + (size_t)worst * m, c, first_id + worst, n, v->c);
        if (!v->since) coordinates(v, n, rows, v->c); /* refined: these are better, too */
        swaps++;
    }
}

static int all_finite(size_t n, const double *x) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return 0;
    return 1;
}

kr_status kr_maxvol_extend(kr_context *ctx, kr_maxvol *v, long n, const double *rows, long first_id, double threshold,
                           long *swaps) {
    kr_status status = KR_OK;
    size_t m = (size_t)v->m;
    double *c = NULL;
    long total = 0, before;
    if (!(threshold > 1))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "MaxVol: threshold %g of the grade, must be above 1", threshold);
    if (!all_finite((size_t)n * m, rows)) KR_FAIL(ctx, KR_ERR_NUMERIC, "MaxVol: a row of features is not finite");
    KR_NEW(ctx, c, m);
    do { /* every swap multiplies the volume by more than the threshold, and it is bounded: this ends */
        before = total;
        for (long begin = 0; begin < n; begin += ROWS) {
            int count = n - begin < ROWS ? (int)(n - begin) : ROWS;
            total += extend_block(v, count, rows + (size_t)begin * m, first_id + begin, threshold, c);
            status = kr_progress(ctx, "maxvol", begin + count, n);
            if (status != KR_OK) goto done;
        }
        if (total > before) refine(v);
    } while (total > before);
done:
    if (swaps) *swaps = total;
    kr_free(c);
    return status;
}
