/* Committor checks: shooting, histogram, flux through isosurfaces.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/committor_check.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

enum { LANES = 32 }; /* shots that move together */

typedef struct shooting {
    const kr_problem *problem;
    const kr_shooting *how;
    const double *x;
    long total, most;   /* shots */
    unsigned char *end; /* [total] 0 lost, 1 A, 2 B */
    double *time;       /* [total] */
    double *scratch;    /* [threads][LANES][2 dim] */
} shooting;

static int state_of(const shooting *s, const double *x) {
    if (kr_region_level(s->problem->b, x, NULL) <= 0) return 2;
    return !s->how->only_b && kr_region_level(s->problem->a, x, NULL) <= 0;
}

static void move(const shooting *s, long shot, long step, double *x, const double *f) {
    const kr_problem *p = s->problem;
    double normal[4] = {0}, dt = s->how->dt;
    for (int k = 0, drawn = 0; k < p->dim; k++) {
        double a = p->mobility ? p->mobility[k] : 1;
        x[k] += dt * f[k];
        if (a == 0) continue;
        if (drawn % 4 == 0)
            kr_random_normal(s->how->stream, (uint64_t)step, (uint64_t)shot, (uint64_t)drawn / 4, normal);
        x[k] += sqrt(2 * p->epsilon * a * dt) * normal[drawn++ % 4];
    }
    kr_problem_wrap(p, x);
}

/* LANES shots; those that have ended are taken out. */
static kr_status shoot_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_status status = KR_OK;
    shooting *s = payload;
    size_t dim = (size_t)s->problem->dim;
    double *x = s->scratch + (size_t)thread * LANES * 2 * dim, *f = x + LANES * dim;
    long shot[LANES], first = block * LANES;
    int n = 0;
    for (long i = first; i < s->total && i < first + LANES; i++) {
        const double *from = s->x + (size_t)(i / s->how->shots) * dim;
        s->end[i] = (unsigned char)state_of(s, from);
        if (s->end[i]) continue;
        memcpy(x + (size_t)n * dim, from, dim * sizeof *x);
        shot[n++] = i;
    }
    for (long step = 0; n > 0 && step < s->most; step++) {
        KR_TRY(kr_problem_drift(ctx, s->problem, n, x, f));
        for (int i = 0; i < n; i++) move(s, shot[i], step, x + (size_t)i * dim, f + (size_t)i * dim);
        for (int i = n - 1; i >= 0; i--) {
            int end = state_of(s, x + (size_t)i * dim);
            if (!end) continue;
            s->end[shot[i]] = (unsigned char)end;
            s->time[shot[i]] = (double)(step + 1) * s->how->dt;
            n--;
            shot[i] = shot[n];
            memmove(x + (size_t)i * dim, x + (size_t)n * dim, dim * sizeof *x);
        }
    }
    if (thread == 0) status = kr_progress(ctx, "shots", first, s->total);
done:
    return status;
}

kr_status kr_committor_shoot(kr_context *ctx, const kr_problem *problem, const kr_shooting *how, int npoints,
                             const double *x, double *hits, double *times, long *lost) {
    kr_status status = KR_OK;
    shooting s = {.problem = problem, .how = how, .x = x, .total = (long)npoints * how->shots};
    s.most = how->most > 0 ? how->most : 10000000;
    if (!(how->dt > 0) || how->shots < 1 || npoints < 1)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%d shots from %d points with the time step %g", how->shots, npoints,
                        how->dt);
    KR_NEW(ctx, s.end, (size_t)s.total);
    KR_NEW(ctx, s.time, (size_t)s.total);
    KR_NEW(ctx, s.scratch, (size_t)kr_parallel_threads(ctx) * LANES * 2 * (size_t)problem->dim);
    KR_TRY(kr_parallel_blocks(ctx, (s.total + LANES - 1) / LANES, shoot_block, NULL, &s));
    *lost = 0;
    for (int p = 0; p < npoints; p++) {
        long ended = 0, b = 0;
        double time = 0;
        for (long i = (long)p * how->shots; i < (long)(p + 1) * how->shots; i++) {
            ended += s.end[i] != 0;
            b += s.end[i] == 2;
            time += s.time[i];
        }
        *lost += how->shots - ended;
        if (hits) hits[p] = ended ? (double)b / (double)ended : NAN;
        if (times) times[p] = ended ? time / (double)ended : NAN;
    }
done:
    kr_free(s.end);
    kr_free(s.time);
    kr_free(s.scratch);
    return status;
}

kr_histogram_test kr_committor_histogram(int npoints, int shots, const double *hits, const double *expected) {
    kr_histogram_test t = {0};
    double binomial = 0;
    for (int p = 0; p < npoints; p++) {
        t.mean += hits[p] / npoints;
        t.expected += expected[p] / npoints;
    }
    for (int p = 0; p < npoints; p++) {
        t.sd += pow(hits[p] - expected[p] - (t.mean - t.expected), 2) / (npoints > 1 ? npoints - 1 : 1);
        /* Unbiased for p(1 − p)/shots. */
        binomial += hits[p] * (1 - hits[p]) / (shots > 1 ? shots - 1 : 1) / npoints;
    }
    t.standard_error = sqrt(t.sd / npoints);
    t.intrinsic = sqrt(fmax(t.sd - binomial, 0));
    t.sd = sqrt(t.sd);
    return t;
}

enum { LOWER = KR_FLUX_BINS, UPPER, TOTAL, COLUMNS }; /* of a row of sums: bins first */

/* (largest − smallest)/mean of the bins, and lower over upper, without group `without` (-1: with all). */
static void flux_shape(const double *sum, int groups, int without, double *spread, double *ratio) {
    double all[COLUMNS], largest = -INFINITY, smallest = INFINITY, mean = 0;
    for (int c = 0; c < COLUMNS; c++) {
        all[c] = 0;
        for (int g = 0; g < groups; g++) all[c] += g == without ? 0 : sum[(size_t)g * COLUMNS + (size_t)c];
    }
    for (int c = 0; c < KR_FLUX_BINS; c++) {
        largest = fmax(largest, all[c]);
        smallest = fmin(smallest, all[c]);
        mean += all[c] / KR_FLUX_BINS;
    }
    *spread = mean > 0 ? (largest - smallest) / mean : INFINITY;
    *ratio = all[LOWER] / all[UPPER];
}

/* Jackknife over the groups. */
static void flux_errors(const double *sum, int groups, kr_flux_test *test) {
    double mean[2] = {0}, square[2] = {0}, one[2];
    flux_shape(sum, groups, -1, &test->spread, &test->ratio);
    for (int g = 0; g < groups; g++) {
        flux_shape(sum, groups, g, &one[0], &one[1]);
        for (int k = 0; k < 2; k++) {
            mean[k] += one[k] / groups;
            square[k] += one[k] * one[k] / groups;
        }
    }
    test->spread_error = sqrt(fmax(square[0] - mean[0] * mean[0], 0) * (groups - 1));
    test->ratio_error = sqrt(fmax(square[1] - mean[1] * mean[1], 0) * (groups - 1));
}

kr_status kr_committor_flux(kr_context *ctx, const kr_problem *problem, long n, const double *q, const double *grad,
                            const double *w, const int *group, int groups, double total, kr_flux_test *test) {
    kr_status status = KR_OK;
    double *sum = NULL;
    *test = (kr_flux_test){0};
    KR_NEW(ctx, sum, (size_t)groups * COLUMNS);
    for (long i = 0; i < n; i++) {
        double square = 0;
        for (int k = 0; k < problem->dim; k++) {
            double g = grad[(size_t)i * (size_t)problem->dim + (size_t)k];
            square += (problem->mobility ? problem->mobility[k] : 1) * g * g;
        }
        square *= problem->epsilon * w[i] / total;
        double *row = sum + (size_t)group[i] * COLUMNS;
        int bin = (int)floor((q[i] - 0.05) / 0.1);
        if (bin >= 0 && bin < KR_FLUX_BINS) row[bin] += square / 0.1;
        row[TOTAL] += square;
        if (q[i] > 0.05 && q[i] < 0.95) row[q[i] < 0.5 ? LOWER : UPPER] += square / 0.45;
    }
    for (int c = 0; c < COLUMNS; c++) {
        double mean = 0, variance = 0;
        for (int g = 0; g < groups; g++) mean += sum[(size_t)g * COLUMNS + (size_t)c];
        for (int g = 0; g < groups; g++) variance += pow(sum[(size_t)g * COLUMNS + (size_t)c] - mean / groups, 2);
        double error = sqrt(variance * groups / (groups > 1 ? groups - 1 : 1));
        if (c == TOTAL) {
            test->nu = mean;
            test->nu_error = error;
        } else if (c < KR_FLUX_BINS) {
            test->flux[c] = mean;
            test->error[c] = error;
            test->mean += mean / KR_FLUX_BINS;
        }
    }
    flux_errors(sum, groups, test);
done:
    kr_free(sum);
    return status;
}
