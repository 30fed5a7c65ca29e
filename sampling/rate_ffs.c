/* Forward flux sampling: the flux out of A through λ0 times the chances to climb from level to level.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   k_AB = Φ_{A,0} Π_i P(λ_{i+1} | λ_i),  the last level is B itself
 * Trajectories are shot from states at λ_i, drawn at random with replacement; those that return to A have failed.
 * Levels are placed once, before the replicas, so that about `chance` of the trials succeed. Every piece is one
 * complete, independent replica, its own basin included: the error is the standard error of their mean, which is free
 * of bias as each replica's estimate is. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/rate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LEVELS = 400 };

typedef struct forward_flux {
    int replicas, trials;
    double chance, warm_up, basin_time;
    const kr_tree *given;
    int nlevels; /* λ0 … λ_{n−1}; then B */
    double level[MOST_LEVELS];
} forward_flux;

#define ENTRY(field) .offset = offsetof(forward_flux, field)
static const kr_parameter parameters[] = {
    KR_RATE_BASIN_PARAMETERS(forward_flux),
    {.name = "trials",
     .type = KR_PARAMETER_INT,
     ENTRY(trials),
     .initial = "1000",
     .range = "[10, 10000000]",
     .help = "trajectories from every level, in every replica"},
    {.name = "levels",
     .type = KR_PARAMETER_REALS,
     ENTRY(given),
     .initial = "",
     .help = "values of the coordinate, ascending, outside of A; null: placed by trial"},
    {.name = "chance",
     .type = KR_PARAMETER_REAL,
     ENTRY(chance),
     .initial = "0.3",
     .range = "(0.01, 0.9)",
     .help = "aimed at for the step to the next level"},
    {0}};

/* ---- one stage --------------------------------------------------------------------------------------------------- */

/* Trials from states at a level: what they climb to. */
typedef struct stage {
    const kr_rate *rate;
    double target;   /* ends a trial at ξ ≥ target; INFINITY: B only */
    double *highest; /* [n] largest ξ on the way, or NULL */
} stage;

static kr_status event(void *payload, kr_context *ctx, int n, const long *trial, const double *x, const long *step,
                       int *code) {
    kr_status status = KR_OK;
    (void)step;
    const stage *s = payload;
    const kr_problem *p = s->rate->problem;
    const kr_coordinate *c = &s->rate->coordinate.coordinate;
    double xi[KR_WALKER_BLOCK];
    KR_TRY(c->values(c->payload, ctx, n, x, xi));
    for (int i = 0; i < n; i++) {
        const double *row = x + (long)i * p->dim;
        if (s->highest && xi[i] > s->highest[trial[i]]) s->highest[trial[i]] = xi[i];
        if (kr_region_level(p->a, row, NULL) <= s->rate->margin)
            code[i] = 1;
        else if (kr_region_level(p->b, row, NULL) <= s->rate->margin)
            code[i] = 3;
        else if (xi[i] >= s->target)
            code[i] = 2;
    }
done:
    return status;
}

/* n trials from random rows of `from`; the ends of those that reach the target (or B) are put to the front of `end`.
 * A row that lies beyond the target already, a step may be longer than from level to level, is there without a step. */
static kr_status shoot(kr_context *ctx, const kr_rate *rate, const kr_mover *mover, int which, long nfrom,
                       const double *from, long n, double target, double *highest, double *end, long *reached,
                       long *in_b) {
    kr_status status = KR_OK;
    int d = rate->problem->dim, *code = NULL;
    double *start = NULL;
    stage s = {rate, target, highest};
    KR_NEW(ctx, code, (size_t)n);
    KR_NEW(ctx, start, (size_t)(n * d));
    kr_stream pick = {mover->stream.seed, mover->stream.purpose ^ 0x7069636b00ull};
    for (long i = 0; i < n; i++) {
        long row = (long)kr_random_below(pick, (uint64_t)which, (uint64_t)i, 0, (uint64_t)nfrom);
        memcpy(start + i * d, from + row * d, (size_t)d * sizeof *start);
    }
    kr_trials trials = {.n = n,
                        .start = start,
                        .entity = ((uint64_t)which + 1) << 40,
                        .most_steps = 1000000000,
                        .look_first = 1,
                        .event = event,
                        .payload = &s,
                        .end = end,
                        .code = code};
    KR_TRY(kr_trials_run(ctx, mover, &trials));
    *reached = *in_b = 0;
    for (long i = 0; i < n; i++) {
        if (code[i] < 2) continue;
        *in_b += code[i] == 3;
        memmove(end + (*reached)++ * d, end + i * d, (size_t)d * sizeof *end);
    }
done:
    kr_free(code);
    kr_free(start);
    return status;
}

/* ---- levels ------------------------------------------------------------------------------------------------------ */

static kr_status prepare(kr_context *ctx, kr_rate *rate) {
    forward_flux *s = rate->state;
    rate->pieces = s->replicas;
    rate->width = 4; /* k, flux, probability, crossings */
    if (isnan(s->warm_up)) s->warm_up = 0.2 * s->basin_time;
    if (!s->given) return KR_OK;
    s->nlevels = s->given->count;
    if (s->nlevels < 1 || s->nlevels > MOST_LEVELS)
        return kr_parameter_fail(ctx, "ffs", "levels", s->given, "%d levels, allowed 1 to %d", s->nlevels, MOST_LEVELS);
    for (int i = 0; i < s->nlevels; i++) {
        s->level[i] = s->given->child[i]->real;
        if (i && !(s->level[i] > s->level[i - 1]))
            return kr_parameter_fail(ctx, "ffs", "levels", s->given->child[i], "levels must ascend, %g after %g",
                                     s->level[i], s->level[i - 1]);
    }
    return KR_OK;
}

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Places levels one by one: trials without a target tell how far they get before they return to A. */
static kr_status place(kr_context *ctx, kr_rate *rate, const kr_mover *mover, kr_basin *basin) {
    kr_status status = KR_OK;
    forward_flux *s = rate->state;
    long n = s->trials < 400 ? s->trials : 400, nfrom = basin->room, reached, in_b;
    double *highest = NULL, *from = NULL, *end = NULL;
    int d = rate->problem->dim;
    size_t rows = (size_t)(nfrom > n ? nfrom : n) * (size_t)d;
    KR_NEW(ctx, highest, (size_t)n);
    KR_NEW(ctx, from, rows);
    KR_NEW(ctx, end, rows);
    memcpy(from, basin->state, (size_t)(nfrom * d) * sizeof *from);
    for (s->nlevels = 1; s->nlevels < MOST_LEVELS; s->nlevels++) {
        int which = 2 * s->nlevels;
        double next;
        for (long i = 0; i < n; i++) highest[i] = -INFINITY;
        KR_TRY(shoot(ctx, rate, mover, which, nfrom, from, n, INFINITY, highest, end, &reached, &in_b));
        if ((double)in_b >= s->chance * (double)n) goto done; /* B is near enough */
        qsort(highest, (size_t)n, sizeof *highest, descending);
        next = highest[(long)(s->chance * (double)n)];
        if (!(next > s->level[s->nlevels - 1] * (1 + 1e-12)))
            KR_FAIL(ctx, KR_ERR_NUMERIC,
                    "ffs: the coordinate does not grow from level %d at %g on: less than %g of the "
                    "trials get further",
                    s->nlevels - 1, s->level[s->nlevels - 1], s->chance);
        s->level[s->nlevels] = next;
        KR_TRY(shoot(ctx, rate, mover, which + 1, nfrom, from, n, next, NULL, end, &nfrom, &in_b));
        if (!nfrom) KR_FAIL(ctx, KR_ERR_NUMERIC, "ffs: no trial reached level %d at %g", s->nlevels, next);
        memcpy(from, end, (size_t)(nfrom * d) * sizeof *from);
        status = kr_progress(ctx, "placing levels", s->nlevels, s->nlevels + 1);
        if (status != KR_OK) goto done;
    }
    KR_FAIL(ctx, KR_ERR_NUMERIC, "ffs: %d levels do not lead to B", MOST_LEVELS);
done:
    kr_free(highest);
    kr_free(from);
    kr_free(end);
    return status;
}

static kr_status begin(kr_context *ctx, kr_rate *rate) {
    kr_status status = KR_OK;
    forward_flux *s = rate->state;
    kr_mover *mover = NULL;
    kr_basin basin = {0};
    if (s->given) return KR_OK;
    KR_TRY(kr_rate_mover(ctx, rate, 0xffffff, 0, rate->dt, &mover));
    KR_TRY(kr_basin_first_level(ctx, rate, mover, s->warm_up, s->basin_time, &s->level[0]));
    KR_TRY(kr_basin_run(ctx, rate, mover, s->level[0], s->warm_up, s->basin_time, &basin));
    if (basin.crossings < 10)
        KR_FAIL(ctx, KR_ERR_NUMERIC, "ffs: only %ld crossings of the first level, %g: increase basin_time",
                basin.crossings, s->level[0]);
    KR_TRY(place(ctx, rate, mover, &basin));
done:
    kr_free(basin.state);
    kr_mover_destroy(&mover);
    return status;
}

/* ---- a replica --------------------------------------------------------------------------------------------------- */

static kr_status piece(kr_context *ctx, kr_rate *rate, int i, double *out) {
    kr_status status = KR_OK;
    const forward_flux *s = rate->state;
    kr_mover *mover = NULL;
    kr_basin basin = {0};
    double *from = NULL, *end = NULL, probability = 1;
    int d = rate->problem->dim;
    long nfrom, in_b, n = s->trials;
    KR_TRY(kr_rate_mover(ctx, rate, i, 0, rate->dt, &mover));
    KR_TRY(kr_basin_run(ctx, rate, mover, s->level[0], s->warm_up, s->basin_time, &basin));
    out[1] = (double)basin.crossings / basin.time;
    out[3] = (double)basin.crossings;
    nfrom = basin.room;
    size_t rows = (size_t)(nfrom > n ? nfrom : n) * (size_t)d;
    KR_NEW(ctx, from, rows);
    KR_NEW(ctx, end, rows);
    memcpy(from, basin.state, (size_t)(nfrom * d) * sizeof *from);
    for (int k = 0; k < s->nlevels && nfrom; k++) {
        double target = k + 1 < s->nlevels ? s->level[k + 1] : INFINITY;
        KR_TRY(shoot(ctx, rate, mover, k, nfrom, from, n, target, NULL, end, &nfrom, &in_b));
        probability *= (double)nfrom / (double)n;
        memcpy(from, end, (size_t)(nfrom * d) * sizeof *from);
        status = kr_progress(ctx, rate->label, i, rate->pieces);
        if (status != KR_OK) goto done;
    }
    out[2] = nfrom ? probability : 0;
    out[0] = out[1] * out[2];
done:
    kr_free(from);
    kr_free(end);
    kr_free(basin.state);
    kr_mover_destroy(&mover);
    return status;
}

static kr_status combine(kr_context *ctx, kr_rate *rate) {
    kr_status status = KR_OK;
    forward_flux *s = rate->state;
    double crossings = 0;
    for (int i = 0; i < rate->pieces; i++) crossings += rate->out[4 * i + 3];
    KR_TRY(kr_basin_combine(ctx, rate, "trials"));
    KR_TRY(kr_run_set_reals(ctx, rate->results, "levels", s->nlevels, s->level));
    KR_TRY(kr_run_set_real(ctx, rate->results, "crossings", crossings));
    if (crossings < 10. * rate->pieces)
        kr_rate_doubt(rate, "only %.0f crossings of the first level in all: increase basin_time", crossings);
done:
    return status;
}

const kr_rate_kind kr_rate_ffs = {
    .name = "ffs",
    .summary = "forward flux sampling",
    .reference = "Allen, Warren, ten Wolde, Phys. Rev. Lett. 94, 018104 (2005)",
    .parameters = parameters,
    .size = sizeof(forward_flux),
    .prepare = prepare,
    .begin = begin,
    .piece = piece,
    .combine = combine,
};
