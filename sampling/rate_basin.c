/* The basin of A: the flux out of it, and the states that forward flux and splitting start from.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Walkers move freely around A. A crossing is the first step with ξ ≥ λ0 after a visit to A; Φ = crossings/time, where
 * time counts while A was the last state visited. A walker that reaches B is put back to where it left A last. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/rate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WALKERS = 64, BLOCKS = WALKERS / KR_WALKER_BLOCK };

typedef struct job {
    const kr_rate *rate;
    const kr_mover *mover;
    double lambda0;
    int count;            /* 0 during the warm-up */
    int outside[WALKERS]; /* has crossed λ0 since its last visit to A */
    double *left;         /* [WALKERS][dim] last state in A */
    double *xi;           /* [WALKERS] */
    long steps[BLOCKS], to_b[BLOCKS];
    long found[BLOCKS], room[BLOCKS]; /* crossings of each block; rows kept */
    double *kept[BLOCKS];
    double *sample; /* quantiles: [samples][WALKERS] values of ξ, or NULL */
    long row[BLOCKS], rows;
} job;

static kr_status keep(kr_context *ctx, job *j, int block, const double *x, int d) {
    if (j->found[block] == j->room[block]) {
        long larger = j->room[block] ? 2 * j->room[block] : 256;
        double *grown =
            kr_realloc(ctx, j->kept[block], (size_t)(j->room[block] * d), (size_t)(larger * d), sizeof *grown);
        if (!grown) return KR_ERR_MEMORY;
        j->kept[block] = grown;
        j->room[block] = larger;
    }
    memcpy(j->kept[block] + j->found[block]++ * d, x, (size_t)d * sizeof *x);
    return KR_OK;
}

static kr_status observe(void *payload, kr_context *ctx, kr_walkers *w, long first, int count) {
    kr_status status = KR_OK;
    job *j = payload;
    const kr_problem *p = j->rate->problem;
    int d = w->dim, block = (int)(first / KR_WALKER_BLOCK);
    const kr_coordinate *c = &j->rate->coordinate.coordinate;
    KR_TRY(c->values(c->payload, ctx, count, w->x + first * d, j->xi + first));
    if (j->count) j->steps[block] += count;
    for (long i = first; i < first + count; i++) {
        double *x = w->x + i * d;
        if (kr_region_level(p->a, x, NULL) <= j->rate->margin) {
            j->outside[i] = 0;
            memcpy(j->left + i * d, x, (size_t)d * sizeof *x);
        } else if (kr_region_level(p->b, x, NULL) <= j->rate->margin) {
            kr_walkers_set(w, i, j->left + i * d, w->entity[i], w->step[i]);
            j->outside[i] = 0;
            j->to_b[block]++;
        } else if (!j->outside[i] && j->xi[i] >= j->lambda0) {
            j->outside[i] = 1;
            if (j->count && !j->sample) KR_TRY(keep(ctx, j, block, x, d));
        }
    }
    if (j->sample && j->count && j->row[block] < j->rows)
        memcpy(j->sample + j->row[block]++ * WALKERS + first, j->xi + first, (size_t)count * sizeof *j->xi);
done:
    return status;
}

static kr_status run(kr_context *ctx, job *j, double warm_up, double time, long every) {
    kr_status status = KR_OK;
    kr_walkers *w = NULL;
    double *x = NULL;
    int d = j->rate->problem->dim;
    double dt = j->mover->dt;
    KR_NEW(ctx, x, (size_t)d);
    KR_NEW(ctx, j->left, WALKERS * (size_t)d);
    KR_NEW(ctx, j->xi, WALKERS);
    KR_TRY(kr_rate_start(ctx, j->rate, 0, x));
    KR_TRY(kr_walkers_create(ctx, j->mover, WALKERS, &w));
    for (int i = 0; i < WALKERS; i++) {
        kr_walkers_set(w, i, x, (uint64_t)i, 0);
        kr_walkers_thermalize(j->mover, w, i);
        memcpy(j->left + i * d, w->x + i * d, (size_t)d * sizeof *x);
        j->outside[i] = 1; /* counts from its first visit to A on */
    }
    KR_TRY(kr_walkers_run(ctx, j->mover, w, (long)ceil(warm_up / dt), 1, observe, j));
    j->count = 1;
    KR_TRY(kr_walkers_run(ctx, j->mover, w, (long)ceil(time / dt), every, observe, j));
done:
    kr_free(x);
    kr_free(j->left);
    kr_free(j->xi);
    kr_walkers_destroy(&w);
    return status;
}

kr_status kr_basin_run(kr_context *ctx, const kr_rate *rate, const kr_mover *mover, double lambda0, double warm_up,
                       double time, kr_basin *basin) {
    kr_status status = KR_OK;
    job *j = NULL;
    int d = rate->problem->dim;
    *basin = (kr_basin){0};
    KR_NEW(ctx, j, 1);
    j->rate = rate;
    j->mover = mover;
    j->lambda0 = lambda0;
    KR_TRY(run(ctx, j, warm_up, time, 1));
    long steps = 0;
    for (int b = 0; b < BLOCKS; b++) {
        steps += j->steps[b];
        basin->crossings += j->found[b];
        basin->to_b += j->to_b[b];
    }
    basin->time = (double)steps * mover->dt;
    KR_NEW(ctx, basin->state, (size_t)(basin->crossings * d));
    for (int b = 0; b < BLOCKS; b++) {
        if (j->found[b]) memcpy(basin->state + basin->room * d, j->kept[b], (size_t)(j->found[b] * d) * sizeof(double));
        basin->room += j->found[b];
    }
done:
    for (int b = 0; j && b < BLOCKS; b++) kr_free(j->kept[b]);
    kr_free(j);
    return status;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

kr_status kr_basin_quantile(kr_context *ctx, const kr_rate *rate, const kr_mover *mover, double warm_up, double time,
                            double quantile, double *value) {
    kr_status status = KR_OK;
    job *j = NULL;
    KR_NEW(ctx, j, 1);
    j->rate = rate;
    j->mover = mover;
    j->lambda0 = INFINITY;
    long every = (long)fmax(1, time / mover->dt / 500);
    j->rows = (long)ceil(time / mover->dt) / every;
    KR_NEW(ctx, j->sample, (size_t)(j->rows * WALKERS));
    KR_TRY(run(ctx, j, warm_up, time, every));
    long n = j->row[0] * WALKERS;
    qsort(j->sample, (size_t)n, sizeof *j->sample, ascending);
    *value = j->sample[(long)(quantile * (double)(n - 1))];
done:
    if (j) kr_free(j->sample);
    kr_free(j);
    return status;
}

kr_status kr_basin_first_level(kr_context *ctx, const kr_rate *rate, const kr_mover *mover, double warm_up, double time,
                               double *level) {
    kr_status status = kr_basin_quantile(ctx, rate, mover, warm_up, time, 0.9, level);
    /* The default coordinate is 0 at the edge of A. */
    if (status == KR_OK && rate->coordinate.from_levels) *level = fmax(*level, 0.02);
    return status;
}

kr_status kr_basin_combine(kr_context *ctx, kr_rate *rate, const char *more) {
    kr_status status = KR_OK;
    int dead = 0;
    for (int i = 0; i < rate->pieces; i++) dead += !(rate->out[(long)rate->width * i] > 0);
    rate->k_ab = kr_rate_mean(rate, 0);
    rate->error_from = "independent replicas";
    KR_TRY(kr_rate_set(ctx, rate->results, "flux", kr_rate_mean(rate, 1)));
    KR_TRY(kr_rate_set(ctx, rate->results, "probability", kr_rate_mean(rate, 2)));
    if (dead) kr_rate_doubt(rate, "%d of %d replicas died out before B: more %s are needed", dead, rate->pieces, more);
    if (rate->k_ab.error > 0.5 * rate->k_ab.value)
        kr_rate_doubt(rate, "the replicas scatter by %.0f %% of their mean", 100 * rate->k_ab.error / rate->k_ab.value);
done:
    return status;
}
