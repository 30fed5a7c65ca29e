/* Long trajectories that go to and fro: rates, flux, transition paths, all from counting.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With T_A (T_B) the time during which A (B) was the last state visited, N_AB and N_BA the numbers of transitions:
 *   k_AB = N_AB/T_A,  k_BA = N_BA/T_B,  ν = (N_AB + N_BA)/2T,  ρ_A = T_A/T
 * A transition path is what lies between the last point in one state and the first in the other; its mean duration
 * times ν is the probability to be reactive A → B. Every piece is an independent set of walkers: errors by the
 * jackknife over pieces. Visits between two steps are missed; with overdamped dynamics the edges are moved for that
 * (trials.h). */
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "sampling/rate.h"
#include <math.h>

typedef struct direct {
    double time, warm_up;
    int walkers, correct;
} direct;

static const kr_parameter parameters[] = {
    {.name = "time",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(direct, time),
     .range = "> 0",
     .help = "of all trajectories together"},
    {.name = "warm_up",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(direct, warm_up),
     .initial = "null",
     .range = ">= 0",
     .help = "time that every trajectory runs before counting; null: a fifth of its time"},
    {.name = "walkers",
     .type = KR_PARAMETER_INT,
     .offset = offsetof(direct, walkers),
     .initial = "1024",
     .range = "[32, 100000]",
     .help = "trajectories"},
    {.name = "correct_boundary",
     .type = KR_PARAMETER_FLAG,
     .offset = offsetof(direct, correct),
     .initial = "true",
     .help = "first-passage correction of the edges"},
    {0}};

/* Sets of walkers: enough for an error bar, few enough that threads have blocks to share. */
enum { MANY = 32, FEW = 16, NAB = 0, NBA, TA, TB, PATH_AB, PATH_BA, PATH2, TALLIES, BOTH = TALLIES, TIME, WIDTH };

/* What is counted for one walker. */
typedef struct tally {
    int last;  /* 0 unknown, 1 A, 2 B */
    long left; /* step of the last point in `last` */
    double sum[TALLIES];
} tally;

typedef struct job {
    kr_rate *rate;
    kr_mover *mover;
    tally *tally;
    double margin;
    int count;
} job;

static kr_status observe(void *payload, kr_context *ctx, kr_walkers *w, long first, int count) {
    (void)ctx;
    const job *j = payload;
    const kr_problem *p = j->rate->problem;
    double dt = j->mover->dt, a[KR_WALKER_BLOCK], b[KR_WALKER_BLOCK];
    kr_region_levels(p->a, count, w->x + first * w->dim, a);
    kr_region_levels(p->b, count, w->x + first * w->dim, b);
    for (long i = first; i < first + count; i++) {
        tally *t = &j->tally[i];
        int now = a[i - first] <= j->margin ? 1 : b[i - first] <= j->margin ? 2 : 0;
        if (now && t->last && now != t->last && j->count) {
            double duration = (double)((long)w->step[i] - t->left) * dt;
            t->sum[now == 2 ? NAB : NBA] += 1;
            t->sum[now == 2 ? PATH_AB : PATH_BA] += duration;
            t->sum[PATH2] += duration * duration;
        }
        if (now) {
            t->last = now;
            t->left = (long)w->step[i];
        }
        if (j->count && t->last) t->sum[t->last == 1 ? TA : TB] += dt;
    }
    return KR_OK;
}

static kr_status prepare(kr_context *ctx, kr_rate *rate) {
    const direct *s = rate->state;
    rate->pieces = s->walkers >= 2 * MANY * KR_WALKER_BLOCK ? MANY : FEW;
    rate->width = WIDTH;
    if (s->time / s->walkers < 10 * rate->dt)
        return KR_ERROR(ctx, KR_ERR_FORMAT, "direct.time: %g shared by %d walkers is less than 10 steps each", s->time,
                        s->walkers);
    return KR_OK;
}

static kr_status piece(kr_context *ctx, kr_rate *rate, int i, double *out) {
    kr_status status = KR_OK;
    const direct *s = rate->state;
    kr_walkers *w = NULL;
    double *x = NULL;
    job j = {.rate = rate};
    long n = s->walkers / rate->pieces, steps = (long)ceil(s->time / s->walkers / rate->dt);
    double warm = isnan(s->warm_up) ? 0.2 * s->time / s->walkers : s->warm_up;
    KR_NEW(ctx, x, 2 * (size_t)rate->problem->dim);
    KR_NEW(ctx, j.tally, (size_t)n);
    KR_TRY(kr_rate_start(ctx, rate, 0, x));
    KR_TRY(kr_rate_start(ctx, rate, 1, x + rate->problem->dim));
    KR_TRY(kr_rate_mover(ctx, rate, i, 0, rate->dt, &j.mover));
    KR_TRY(kr_walkers_create(ctx, j.mover, n, &w));
    for (long k = 0; k < n; k++) {
        kr_walkers_set(w, k, x + (k % 2) * rate->problem->dim, (uint64_t)k, 0);
        kr_walkers_thermalize(j.mover, w, k);
    }
    j.margin = s->correct ? kr_first_passage_margin(j.mover) : 0;
    KR_TRY(kr_walkers_run(ctx, j.mover, w, (long)ceil(warm / rate->dt), 1, observe, &j));
    j.count = 1;
    KR_TRY(kr_walkers_run(ctx, j.mover, w, steps, 1, observe, &j));
    for (long k = 0; k < n; k++)
        for (int c = 0; c < TALLIES; c++) out[c] += j.tally[k].sum[c];
    out[BOTH] = 0.5 * (out[NAB] + out[NBA]);
    out[TIME] = out[TA] + out[TB];
done:
    kr_free(x);
    kr_free(j.tally);
    kr_walkers_destroy(&w);
    kr_mover_destroy(&j.mover);
    return status;
}

static kr_status combine(kr_context *ctx, kr_rate *rate) {
    kr_status status = KR_OK;
    double sum[WIDTH] = {0};
    for (int i = 0; i < rate->pieces; i++) {
        double *out = rate->out + i * WIDTH;
        for (int c = 0; c < WIDTH; c++) sum[c] += out[c];
    }
    double time = sum[TA] + sum[TB], n = sum[NAB] + sum[NBA];
    rate->error_from = rate->pieces == MANY ? "jackknife over 32 independent sets of walkers"
                                            : "jackknife over 16 independent sets of walkers";
    KR_TRY(kr_run_set_real(ctx, rate->results, "time", time));
    KR_TRY(kr_run_set_real(ctx, rate->results, "transitions_ab", sum[NAB]));
    KR_TRY(kr_run_set_real(ctx, rate->results, "transitions_ba", sum[NBA]));
    KR_TRY(kr_run_set_real(ctx, rate->results, "rho_a", sum[TA] / time));
    if (!(n > 0)) { /* walkers begin in both, so that being there tells nothing */
        int from_a = sum[TA] > 0;
        kr_rate_doubt(rate, "state %s was never reached from %s in a time of %g", from_a ? "B" : "A",
                      from_a ? "A" : "B", time);
        return KR_OK;
    }
    if (n < 20) kr_rate_doubt(rate, "only %.0f transitions were seen, 20 are needed for an error bar", n);
    rate->k_ab = kr_rate_ratio(rate, NAB, TA);
    rate->k_ba = kr_rate_ratio(rate, NBA, TB);
    rate->nu = kr_rate_ratio(rate, BOTH, TIME);
    double paths = sum[PATH_AB] + sum[PATH_BA], mean = paths / n;
    KR_TRY(kr_run_set_real(ctx, rate->results, "path_duration", mean));
    KR_TRY(kr_run_set_real(ctx, rate->results, "path_duration_error", sqrt((sum[PATH2] / n - mean * mean) / n)));
    KR_TRY(kr_run_set_real(ctx, rate->results, "p_reactive", 0.5 * paths / time)); /* of A → B alone */
    KR_TRY(kr_run_set_real(ctx, rate->results, "path_duration_ab", sum[PATH_AB] / sum[NAB]));
    KR_TRY(kr_run_set_real(ctx, rate->results, "path_duration_ba", sum[PATH_BA] / sum[NBA]));
done:
    return status;
}

const kr_rate_kind kr_rate_direct = {
    .name = "direct",
    .summary = "long trajectories: rates both ways, flux, transition paths",
    .reference = "counting",
    .parameters = parameters,
    .size = sizeof(direct),
    .prepare = prepare,
    .piece = piece,
    .combine = combine,
};
