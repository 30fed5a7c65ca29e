/* Quasipotential at finite noise from, and against, a histogram of walks in three dimensions.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Euler–Maruyama walks between walls that reflect are counted in cells. −ε ln of the counts against −ε ln of the mean
 * of e^{−V/ε} over a cell (eight Gauss points), where at least LEAST counts are: the statistical error of a cell is
 * then ε/√LEAST and more for the correlation along a walk. */
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "sampling/quasipotential.h"
#include <math.h>

enum { SIDE = 40, WALKS = 64, LEAST = 4000, POINTS = KR_QUASI_CELL };

typedef struct walks {
    const kr_problem *problem;
    double dt;
    long burn, steps;
    kr_stream stream;
    int *count; /* [threads][SIDE³] */
    long *sum;  /* [SIDE³] */
} walks;

static int cell_of(const kr_problem *p, const double *x) {
    int cell = 0;
    for (int k = 0; k < 3; k++) {
        int at = (int)((x[k] - p->low[k]) / (p->high[k] - p->low[k]) * SIDE);
        cell = cell * SIDE + (at < 0 ? 0 : at >= SIDE ? SIDE - 1 : at);
    }
    return cell;
}

static kr_status walk(void *payload, kr_context *ctx, long number, int thread) {
    const walks *w = payload;
    const kr_problem *p = w->problem;
    int *count = w->count + (long)thread * SIDE * SIDE * SIDE;
    double x[3], f[3], normal[4];
    for (int i = 0; i < SIDE * SIDE * SIDE; i++) count[i] = 0;
    for (uint64_t k = 0; k < 3; k++)
        x[k] = p->low[k] + (p->high[k] - p->low[k]) * kr_random_uniform(w->stream, 0, (uint64_t)number, 100 + k);
    for (long step = 0; step < w->burn + w->steps; step++) {
        kr_status status = kr_problem_drift(ctx, p, 1, x, f);
        if (status < 0) return status;
        kr_random_normal(w->stream, (uint64_t)step, (uint64_t)number, 0, normal);
        for (int k = 0; k < 3; k++) {
            double a = p->mobility ? p->mobility[k] : 1;
            x[k] += w->dt * f[k] + sqrt(2 * p->epsilon * a * w->dt) * normal[k];
            if (x[k] < p->low[k]) x[k] = fmin(2 * p->low[k] - x[k], p->high[k]);
            if (x[k] > p->high[k]) x[k] = fmax(2 * p->high[k] - x[k], p->low[k]);
        }
        if (step >= w->burn) count[cell_of(p, x)]++;
    }
    return KR_OK;
}

static void add(void *payload, long number, int thread) {
    (void)number;
    const walks *w = payload;
    const int *count = w->count + (long)thread * SIDE * SIDE * SIDE;
    for (int i = 0; i < SIDE * SIDE * SIDE; i++) w->sum[i] += count[i];
}

/* The Gauss points of a cell. */
static void points_of(const kr_problem *p, int cell, double *x) {
    const int at[3] = {cell / SIDE / SIDE, cell / SIDE % SIDE, cell % SIDE};
    for (int g = 0; g < POINTS; g++)
        for (int k = 0; k < 3; k++) {
            double h = (p->high[k] - p->low[k]) / SIDE, place = 0.5 + (g >> k & 1 ? 0.5 : -0.5) / sqrt(3);
            x[3 * g + k] = p->low[k] + h * (at[k] + place);
        }
}

/* The cells with counts enough, in an order that is none, so that any stretch of them lies everywhere. */
static kr_status collect(kr_context *ctx, const walks *w, kr_quasi_cells *cells) {
    kr_status status = KR_OK;
    int all = SIDE * SIDE * SIDE, *order = NULL;
    *cells = (kr_quasi_cells){0};
    KR_NEW(ctx, order, (size_t)all);
    for (int c = 0; c < all; c++)
        if (w->sum[c] >= LEAST) order[cells->n++] = c;
    if (cells->n < 10) KR_FAIL(ctx, KR_ERR_NUMERIC, "%ld cells of a histogram have %d counts or more", cells->n, LEAST);
    for (long i = cells->n - 1; i > 0; i--) {
        long other = (long)kr_random_below(w->stream, 0, (uint64_t)i, 99, (uint64_t)i + 1);
        int swap = order[i];
        order[i] = order[other];
        order[other] = swap;
    }
    KR_NEW(ctx, cells->x, (size_t)cells->n * POINTS * 3);
    KR_NEW(ctx, cells->v, (size_t)cells->n);
    for (long i = 0; i < cells->n; i++) {
        points_of(w->problem, order[i], cells->x + i * POINTS * 3);
        cells->v[i] = -w->problem->epsilon * log((double)w->sum[order[i]]);
    }
done:
    if (status < 0) kr_quasi_cells_free(cells);
    kr_free(order);
    return status;
}

void kr_quasi_cells_free(kr_quasi_cells *cells) {
    kr_free(cells->x);
    kr_free(cells->v);
    *cells = (kr_quasi_cells){0};
}

kr_status kr_quasi_walk(kr_context *ctx, const kr_problem *problem, double dt, long steps, kr_stream stream,
                        kr_quasi_cells *cells) {
    kr_status status = KR_OK;
    walks w = {.problem = problem, .dt = dt, .steps = steps / WALKS, .stream = stream};
    size_t all = (size_t)SIDE * SIDE * SIDE;
    *cells = (kr_quasi_cells){0};
    if (problem->dim != 3)
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "a histogram of %d dimensions, 3 expected", problem->dim);
    w.burn = w.steps / 10;
    KR_NEW(ctx, w.count, all * (size_t)kr_parallel_threads(ctx));
    KR_NEW(ctx, w.sum, all);
    KR_TRY(kr_parallel_blocks(ctx, WALKS, walk, add, &w));
    KR_TRY(collect(ctx, &w, cells));
done:
    kr_free(w.count);
    kr_free(w.sum);
    return status;
}

double kr_quasi_cell_value(double epsilon, const double *v, double *share) {
    double sum = 0;
    for (int g = 0; g < POINTS; g++) sum += share[g] = exp(-(v[g] - v[0]) / epsilon);
    for (int g = 0; g < POINTS; g++) share[g] /= sum;
    return v[0] - epsilon * log(sum / POINTS);
}

kr_status kr_quasi_compare_walks(kr_context *ctx, const kr_problem *problem, double dt, long steps, kr_stream stream,
                                 kr_quasi_function f, const void *payload, double *error, long *count) {
    kr_status status = KR_OK;
    kr_quasi_cells cells = {0};
    double *v = NULL, share[POINTS], shift = 0, mean = 0, square = 0, norm = 0;
    KR_TRY(kr_quasi_walk(ctx, problem, dt, steps, stream, &cells));
    double n = (double)cells.n;
    KR_NEW(ctx, v, (size_t)cells.n * POINTS);
    KR_TRY(f(ctx, payload, cells.n * POINTS, cells.x, v));
    for (long i = 0; i < cells.n; i++) {
        v[i] = kr_quasi_cell_value(problem->epsilon, v + i * POINTS, share);
        shift += (v[i] - cells.v[i]) / n;
        mean += cells.v[i] / n;
    }
    for (long i = 0; i < cells.n; i++) {
        square += pow(v[i] - cells.v[i] - shift, 2);
        norm += pow(cells.v[i] - mean, 2);
    }
    *error = sqrt(square / norm);
    *count = cells.n;
done:
    kr_free(v);
    kr_quasi_cells_free(&cells);
    return status;
}
