/* The command committor with random features: the convex baseline.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * q = Σ_j β_j φ_j(x), φ_0 = 1, φ_j = cos(k_j·u + b_j) with u the standardized coordinates, k_j normal, b_j uniform.
 * Minimised exactly: Σ w a|∇q|²/I + c (mean_A q² + mean_B (1 − q)²), a quadratic form in β, solved by SVD (LAPACKE).
 * I is the functional of the solution: two solves suffice. No local minima, but far less accurate than a network. */
#include "core/error.h"
#include "core/linalg.h"
#include "core/memory.h"
#include "sampling/run_committor.h"
#include <math.h>
#include <string.h>

enum { CHUNK = 256, MOST_POINTS = 30000 };

typedef struct cosines {
    const kr_problem *problem;
    int n, dim;           /* functions, the constant among them */
    double *wave, *phase; /* [n][dim] of x, [n] */
    double *beta;         /* [n] */
} cosines;

/* φ [m][n] and, when not NULL, √a ∂φ/∂x_k as rows [m dim][n]. */
static void functions(const cosines *c, int m, const double *x, double *phi, double *slope) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < c->n; j++) {
            double angle = c->phase[j];
            const double *wave = c->wave + (size_t)j * (size_t)c->dim;
            for (int k = 0; k < c->dim; k++) angle += wave[k] * x[(size_t)i * (size_t)c->dim + (size_t)k];
            if (phi) phi[(size_t)i * (size_t)c->n + (size_t)j] = cos(angle);
            if (!slope) continue;
            double sine = sin(angle);
            for (int k = 0; k < c->dim; k++) {
                double a = c->problem->mobility ? c->problem->mobility[k] : 1;
                slope[((size_t)i * (size_t)c->dim + (size_t)k) * (size_t)c->n + (size_t)j] = -sqrt(a) * wave[k] * sine;
            }
        }
}

static kr_status evaluate_cosines(kr_context *ctx, const void *payload, long n, const double *x, double *q,
                                  double *grad) {
    kr_status status = KR_OK;
    const cosines *c = payload;
    (void)ctx;
    for (long i = 0; i < n; i++) {
        const double *at = x + i * c->dim;
        q[i] = 0;
        for (int k = 0; k < c->dim && grad; k++) grad[i * c->dim + k] = 0;
        for (int j = 0; j < c->n; j++) {
            const double *wave = c->wave + (size_t)j * (size_t)c->dim;
            double angle = c->phase[j];
            for (int k = 0; k < c->dim; k++) angle += wave[k] * at[k];
            q[i] += c->beta[j] * cos(angle);
            double sine = grad ? c->beta[j] * sin(angle) : 0;
            for (int k = 0; k < c->dim && grad; k++) grad[i * c->dim + k] -= wave[k] * sine;
        }
    }
    return status;
}

static kr_status make_cosines(kr_context *ctx, const kr_sampling *run, const kr_committor_set *set, cosines *c) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    kr_stream stream = {run->seed, 0xc0f0};
    c->n = s->random.count + 1;
    c->dim = run->problem->dim;
    c->problem = run->problem;
    KR_NEW(ctx, c->wave, (size_t)c->n * (size_t)c->dim);
    KR_NEW(ctx, c->phase, (size_t)c->n);
    KR_NEW(ctx, c->beta, (size_t)c->n);
    for (int k = 0; k < c->dim; k++) {
        double mean = 0, square = 0;
        for (long i = 0; i < set->outside; i++) mean += set->x[i * c->dim + k] / (double)set->outside;
        for (long i = 0; i < set->outside; i++) square += pow(set->x[i * c->dim + k] - mean, 2) / (double)set->outside;
        for (int j = 1; j < c->n; j++) {
            double normal[4];
            kr_random_normal(stream, 0, (uint64_t)j, (uint64_t)k, normal);
            c->wave[(size_t)j * (size_t)c->dim + (size_t)k] = s->random.scale * normal[0] / sqrt(square);
            c->phase[j] -= c->wave[(size_t)j * (size_t)c->dim + (size_t)k] * mean;
        }
    }
    for (int j = 1; j < c->n; j++) c->phase[j] += 2 * M_PI * kr_random_uniform(stream, 1, (uint64_t)j, 0);
done:
    return status;
}

/* matrix += factor Σ φφᵀ over points of a state; right += factor Σ φ when it is B. */
static void add_state(const cosines *c, long n, const double *x, double factor, int is_b, double *work, double *matrix,
                      double *right) {
    for (long first = 0; first < n; first += CHUNK) {
        int m = (int)(n - first < CHUNK ? n - first : CHUNK);
        functions(c, m, x + first * c->dim, work, NULL);
        kr_gemm(1, 0, c->n, c->n, m, factor, work, c->n, work, c->n, 1, matrix, c->n);
        for (int i = 0; i < m && is_b; i++)
            for (int j = 0; j < c->n; j++) right[j] += factor * work[(size_t)i * (size_t)c->n + (size_t)j];
    }
}

static kr_status solve(kr_context *ctx, const kr_sampling *run, const kr_committor_set *set, const double *xa,
                       const double *xb, cosines *c) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    size_t n = (size_t)c->n, dim = (size_t)c->dim;
    double *energy = NULL, *edges = NULL, *right = NULL, *work = NULL, *total = NULL, scale = 1;
    long points = set->outside < MOST_POINTS ? set->outside : MOST_POINTS, edge = s->sample.boundary_count;
    KR_NEW(ctx, energy, n * n);
    KR_NEW(ctx, edges, n * n);
    KR_NEW(ctx, total, n * n);
    KR_NEW(ctx, right, n);
    KR_NEW(ctx, work, CHUNK * dim * n);
    for (long first = 0; first < points; first += CHUNK) {
        int m = (int)(points - first < CHUNK ? points - first : CHUNK);
        functions(c, m, set->x + (size_t)first * dim, NULL, work);
        for (size_t i = 0; i < (size_t)m; i++)
            for (size_t e = 0; e < dim * n; e++) work[i * dim * n + e] *= sqrt(set->w[(size_t)first + i]);
        kr_gemm(1, 0, c->n, c->n, m * c->dim, (double)set->outside / ((double)set->n * (double)points), work, c->n,
                work, c->n, 1, energy, c->n);
        if (kr_progress(ctx, "points", first, points) != KR_OK) KR_FAIL(ctx, KR_CANCELLED, "cancelled");
    }
    add_state(c, edge, xa, s->train.penalty / (double)edge, 0, work, edges, right);
    add_state(c, edge, xb, s->train.penalty / (double)edge, 1, work, edges, right);
    for (int pass = 0; pass < 3; pass++) {
        double trace = 0, functional = 0;
        for (size_t i = 0; i < n * n; i++) total[i] = energy[i] / scale + edges[i];
        for (size_t i = 0; i < n; i++) trace += total[i * n + i] / (double)n;
        for (size_t i = 0; i < n; i++) total[i * n + i] += s->random.ridge * trace;
        memcpy(c->beta, right, n * sizeof *right);
        KR_TRY(kr_least_squares(ctx, c->n, c->n, 1, total, c->beta, 1e-14, NULL));
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) functional += c->beta[i] * energy[i * n + j] * c->beta[j];
        scale = functional;
    }
done:
    kr_free(energy);
    kr_free(edges);
    kr_free(total);
    kr_free(right);
    kr_free(work);
    return status;
}

kr_status kr_committor_run_features(kr_context *ctx, kr_sampling *run) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    kr_committor_set set = {0}, test = {0};
    cosines c = {0};
    kr_committor_function f = {evaluate_cosines, &c, NULL};
    double *xa = NULL, *xb = NULL;
    int passed = 0;
    KR_TRY(kr_committor_draw_state(ctx, run, 0, s->sample.boundary_count, &xa));
    KR_TRY(kr_committor_draw_state(ctx, run, 1, s->sample.boundary_count, &xb));
    KR_TRY(kr_committor_draw(ctx, run, NULL, s->sample.count, KR_COMMITTOR_DATA, 0, &set));
    KR_TRY(make_cosines(ctx, run, &set, &c));
    KR_TRY(solve(ctx, run, &set, xa, xb, &c));
    KR_TRY(kr_committor_draw(ctx, run, NULL, s->sample.test_count, KR_COMMITTOR_TEST, 1, &test));
    KR_TRY(kr_committor_validate(ctx, run, &f, &test, xa, xb, s->sample.boundary_count, &passed));
    KR_TRY(kr_committor_print_points(ctx, run, &f));
    KR_TRY(kr_committor_write_map(ctx, run, &f));
    if (!passed) status = KR_NOT_CONVERGED;
done:
    kr_free(xa);
    kr_free(xb);
    kr_free(c.wave);
    kr_free(c.phase);
    kr_free(c.beta);
    kr_committor_set_free(&set);
    kr_committor_set_free(&test);
    return status;
}
