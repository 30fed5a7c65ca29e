/* Quasipotential at finite noise from, and against, a histogram of walks in three dimensions.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Walks between walls that reflect are counted in cells. −ε ln of the counts against −ε ln of the mean of e^{−V/ε} over
 * a cell (eight Gauss points), where at least LEAST counts are: the statistical error of a cell is then ε/√LEAST and
 * more for the correlation along a walk. The steps are those of Heun (second weak order): a drift that changes over
 * 1/λ gives Euler's walks an error of λ dt/2 in their spread, which no number of walks takes away. */
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "sampling/quasipotential.h"
#include <math.h>

enum { SIDE = 40, BLOCK = 32, WALKS = 4 * BLOCK, LEAST = 4000, POINTS = KR_QUASI_CELL };

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

/* sqrt(2 ε a dt) R, R standard normal, of walks first … first + n − 1. */
static void kicks(const kr_problem *p, double dt, kr_stream stream, uint64_t step, uint64_t first, int n, double *r) {
    uint64_t counter[BLOCK][4];
    double four[4 * BLOCK];
    for (int b = 0; b < (p->dim + 3) / 4; b++) {
        for (int i = 0; i < n; i++) {
            counter[i][0] = step;
            counter[i][1] = first + (uint64_t)i;
            counter[i][2] = (uint64_t)b;
            counter[i][3] = 0;
        }
        kr_random_normals(stream, n, (const uint64_t(*)[4])counter, four);
        for (int k = 4 * b; k < 4 * b + 4 && k < p->dim; k++) {
            double size = sqrt(2 * p->epsilon * (p->mobility ? p->mobility[k] : 1) * dt);
            for (int i = 0; i < n; i++) r[i * p->dim + k] = size * four[4 * (i - b) + k];
        }
    }
}

kr_status kr_quasi_walk_step(kr_context *ctx, const kr_problem *p, double dt, kr_stream stream, uint64_t step,
                             uint64_t first, int n, double *x, double *work) {
    kr_status status = KR_OK;
    int d = p->dim, all = n * d;
    double *f = work, *r = work + all, *y = r + all;
    if (n > BLOCK) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%d walks at once, at most %d", n, BLOCK);
    kicks(p, dt, stream, step, first, n, r);
    KR_TRY(kr_problem_drift(ctx, p, n, x, f));
    for (int i = 0; i < all; i++) { /* the predictor; outside of the box there may be no drift */
        y[i] = fmin(fmax(x[i] + dt * f[i] + r[i], p->low[i % d]), p->high[i % d]);
        x[i] += 0.5 * dt * f[i] + r[i];
    }
    KR_TRY(kr_problem_drift(ctx, p, n, y, f));
    for (int i = 0; i < all; i++) {
        double low = p->low[i % d], high = p->high[i % d];
        x[i] += 0.5 * dt * f[i];
        if (x[i] < low) x[i] = fmin(2 * low - x[i], high);
        if (x[i] > high) x[i] = fmax(2 * high - x[i], low);
    }
done:
    return status;
}

static kr_status walk(void *payload, kr_context *ctx, long number, int thread) {
    kr_status status = KR_OK;
    const walks *w = payload;
    const kr_problem *p = w->problem;
    int *count = w->count + (long)thread * SIDE * SIDE * SIDE;
    uint64_t first = (uint64_t)number * BLOCK;
    double x[BLOCK * 3], work[BLOCK * 9];
    for (int i = 0; i < SIDE * SIDE * SIDE; i++) count[i] = 0;
    for (uint64_t i = 0; i < BLOCK; i++)
        for (uint64_t k = 0; k < 3; k++)
            x[3 * i + k] = p->low[k] + (p->high[k] - p->low[k]) * kr_random_uniform(w->stream, 0, first + i, 100 + k);
    for (long step = 0; step < w->burn + w->steps; step++) {
        KR_TRY(kr_quasi_walk_step(ctx, p, w->dt, w->stream, (uint64_t)step, first, BLOCK, x, work));
        for (int i = 0; step >= w->burn && i < BLOCK; i++) count[cell_of(p, x + (long)3 * i)]++;
    }
done:
    return status;
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
    w.burn = w.steps / 5;
    KR_NEW(ctx, w.count, all * (size_t)kr_parallel_threads(ctx));
    KR_NEW(ctx, w.sum, all);
    KR_TRY(kr_parallel_blocks(ctx, WALKS / BLOCK, walk, add, &w));
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
