/* Adaptive multilevel splitting: N trajectories from the edge of A's basin, the worst are replaced by branches of
 * others. SPDX-License-Identifier: BSD-3-Clause
 *
 * Every trajectory runs until A or B and remembers the largest value of the coordinate, in whole bins, and the first
 * state in every bin it has climbed to. In each round those that got no further than z, the K-th smallest of the N
 * maxima (ties included), are replaced by branches of random survivors from their first state above z on. Then
 *   p = Π (1 − K_r/N) · (share that reached B),      k_AB = Φ_{A,0} p
 * is free of bias for any coordinate, any bins and any N (the scatter is not: −ln p/N at best for the variance of ln p,
 * with the committor as coordinate). Every piece is an independent replica with a basin of its own. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/rate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct splitting {
    int replicas, n, kill, bins;
    double warm_up, basin_time;
    double low, high;     /* of the coordinate: λ0, and where bins end */
    const kr_tree *level; /* λ0 of the file, or NULL */
} splitting;

#define ENTRY(field) .offset = offsetof(splitting, field)
static const kr_parameter parameters[] = {KR_RATE_BASIN_PARAMETERS(splitting),
                                          {.name = "walkers",
                                           .type = KR_PARAMETER_INT,
                                           ENTRY(n),
                                           .initial = "400",
                                           .range = "[10, 100000]",
                                           .help = "trajectories N of every replica"},
                                          {.name = "kill",
                                           .type = KR_PARAMETER_INT,
                                           ENTRY(kill),
                                           .initial = "null",
                                           .range = ">= 1",
                                           .help = "trajectories K replaced in a round, at least; null: N/20"},
                                          {.name = "bins",
                                           .type = KR_PARAMETER_INT,
                                           ENTRY(bins),
                                           .initial = "200",
                                           .range = "[4, 10000]",
                                           .help = "of the coordinate between the first level and B"},
                                          {.name = "level",
                                           .type = KR_PARAMETER_TREE,
                                           ENTRY(level),
                                           .initial = "",
                                           .help = "first level of the coordinate; null: its 0.9-quantile around A"},
                                          {0}};

/* The trajectories of a replica. Bin b is the state where bin ≥ b was seen first; bins + 1 stands for B. */
typedef struct swarm {
    const kr_rate *rate;
    const splitting *s;
    int d;
    int *seen;       /* [n] highest bin with a record, −1: none yet */
    int *top;        /* [n] the same, or bins + 1 for B */
    double *record;  /* [n][bins + 1][d] */
    const long *who; /* trajectory of a trial, NULL = the same */
} swarm;

static double *record(const swarm *w, long trajectory, int bin) {
    return w->record + ((long)trajectory * (w->s->bins + 1) + bin) * w->d;
}

static int bin_of(const splitting *s, double xi) {
    double b = floor((xi - s->low) / (s->high - s->low) * s->bins);
    return b < 0 ? 0 : b > s->bins ? s->bins : (int)b;
}

static void climb(const swarm *w, long trajectory, int bin, const double *x) {
    while (w->seen[trajectory] < bin) memcpy(record(w, trajectory, ++w->seen[trajectory]), x, (size_t)w->d * sizeof *x);
    w->top[trajectory] = w->seen[trajectory];
}

static kr_status event(void *payload, kr_context *ctx, int n, const long *trial, const double *x, const long *step,
                       int *code) {
    kr_status status = KR_OK;
    (void)step;
    const swarm *w = payload;
    const kr_problem *p = w->rate->problem;
    const kr_coordinate *c = &w->rate->coordinate.coordinate;
    double xi[KR_WALKER_BLOCK];
    KR_TRY(c->values(c->payload, ctx, n, x, xi));
    for (int i = 0; i < n; i++) {
        const double *row = x + (long)i * w->d;
        long trajectory = w->who ? w->who[trial[i]] : trial[i];
        if (kr_region_level(p->a, row, NULL) <= w->rate->margin) {
            code[i] = 1;
        } else if (kr_region_level(p->b, row, NULL) <= w->rate->margin) {
            code[i] = 2;
            w->top[trajectory] = w->s->bins + 1;
        } else {
            climb(w, trajectory, bin_of(w->s, xi[i]), row);
        }
    }
done:
    return status;
}

/* ---- rounds ------------------------------------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

/* Chooses the level of a round: its trajectories go to `killed`, the others to `alive`; the number killed. */
static long select_killed(const swarm *w, int *sorted, long *killed, long *alive) {
    long n = w->s->n, k = 0, a = 0;
    memcpy(sorted, w->top, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    int z = sorted[w->s->kill - 1];
    for (long i = 0; i < n; i++)
        if (w->top[i] <= z)
            killed[k++] = i;
        else
            alive[a++] = i;
    return k;
}

/* Scratch of a replica. */
typedef struct scratch {
    int *sorted, *code;
    long *killed, *alive;
    double *start;
} scratch;

/* Replaces the killed by branches of the living. */
static kr_status branch(kr_context *ctx, swarm *w, const kr_mover *mover, const scratch *q, long k, int round) {
    long n = w->s->n;
    int z = -1;
    kr_stream pick = {mover->stream.seed, mover->stream.purpose ^ 0x6272616e00ull};
    for (long i = 0; i < k; i++) z = w->top[q->killed[i]] > z ? w->top[q->killed[i]] : z;
    long shots = 0;
    for (long i = 0; i < k; i++) {
        long to = q->killed[i];
        long from = q->alive[kr_random_below(pick, (uint64_t)round, (uint64_t)i, 0, (uint64_t)(n - k))];
        /* History up to the first state above z; the rest is its own. Where the other one went from z straight to B,
         * that state is in B. */
        int in_b = w->seen[from] <= z;
        w->seen[to] = in_b ? w->seen[from] : z + 1;
        w->top[to] = in_b ? w->s->bins + 1 : z + 1;
        memcpy(record(w, to, 0), record(w, from, 0), (size_t)(w->seen[to] + 1) * (size_t)w->d * sizeof(double));
        if (in_b) continue;
        memcpy(q->start + shots * w->d, record(w, to, z + 1), (size_t)w->d * sizeof(double));
        q->killed[shots++] = to;
    }
    w->who = q->killed;
    kr_trials trials = {.n = shots,
                        .start = q->start,
                        .entity = ((uint64_t)round + 2) << 40,
                        .most_steps = 1000000000,
                        .look_first = 1, /* a step may be longer than a bin */
                        .event = event,
                        .payload = w,
                        .code = q->code};
    return kr_trials_run(ctx, mover, &trials);
}

static kr_status first_generation(kr_context *ctx, swarm *w, const kr_mover *mover, const kr_basin *basin,
                                  const scratch *q) {
    long n = w->s->n;
    kr_stream pick = {mover->stream.seed, mover->stream.purpose ^ 0x7069636b00ull};
    for (long i = 0; i < n; i++) {
        long row = (long)kr_random_below(pick, 0, (uint64_t)i, 0, (uint64_t)basin->room);
        memcpy(q->start + i * w->d, basin->state + row * w->d, (size_t)w->d * sizeof(double));
        w->seen[i] = -1;
        climb(w, i, 0, q->start + i * w->d);
    }
    w->who = NULL;
    kr_trials trials = {.n = n,
                        .start = q->start,
                        .entity = 1ull << 40,
                        .most_steps = 1000000000,
                        .look_first = 1, /* a step may be longer than a bin */
                        .event = event,
                        .payload = w,
                        .code = q->code};
    return kr_trials_run(ctx, mover, &trials);
}

static kr_status split(kr_context *ctx, kr_rate *rate, int i, const kr_mover *mover, const kr_basin *basin,
                       double *probability, double *rounds) {
    kr_status status = KR_OK;
    const splitting *s = rate->state;
    size_t n = (size_t)s->n, d = (size_t)rate->problem->dim;
    swarm w = {.rate = rate, .s = s, .d = (int)d};
    scratch q = {0};
    KR_NEW(ctx, w.seen, n);
    KR_NEW(ctx, w.top, n);
    KR_NEW(ctx, w.record, n * ((size_t)s->bins + 1) * d);
    KR_NEW(ctx, q.sorted, n);
    KR_NEW(ctx, q.code, n);
    KR_NEW(ctx, q.killed, n);
    KR_NEW(ctx, q.alive, n);
    KR_NEW(ctx, q.start, n * d);
    KR_TRY(first_generation(ctx, &w, mover, basin, &q));
    *probability = 1;
    for (int round = 0;; round++) {
        long k = select_killed(&w, q.sorted, q.killed, q.alive);
        if (q.sorted[s->kill - 1] > s->bins) break; /* all but a few are in B */
        if (k == s->n) {                            /* nobody is above: the replica has died out */
            *probability = 0;
            break;
        }
        *probability *= 1 - (double)k / s->n;
        *rounds += 1;
        KR_TRY(branch(ctx, &w, mover, &q, k, round));
        status = kr_progress(ctx, rate->label, i, rate->pieces);
        if (status != KR_OK) goto done;
    }
    long arrived = 0;
    for (long k = 0; k < s->n; k++) arrived += w.top[k] > s->bins;
    *probability *= (double)arrived / s->n;
done:
    kr_free(w.seen);
    kr_free(w.top);
    kr_free(w.record);
    kr_free(q.sorted);
    kr_free(q.code);
    kr_free(q.killed);
    kr_free(q.alive);
    kr_free(q.start);
    return status;
}

/* ---- the method -------------------------------------------------------------------------------------------------- */

static kr_status prepare(kr_context *ctx, kr_rate *rate) {
    splitting *s = rate->state;
    rate->pieces = s->replicas;
    rate->width = 4; /* k, flux, probability, rounds */
    if (isnan(s->warm_up)) s->warm_up = 0.2 * s->basin_time;
    if (s->kill == KR_PARAMETER_NULL) s->kill = s->n / 20 > 1 ? s->n / 20 : 1;
    if (s->kill >= s->n)
        return kr_parameter_fail(ctx, "ams", "kill", NULL, "%d of %d walkers cannot be replaced", s->kill, s->n);
    if (s->level && s->level->kind != KR_TREE_INT && s->level->kind != KR_TREE_REAL)
        return kr_parameter_fail(ctx, "ams", "level", s->level, "a number expected");
    return KR_OK;
}

static kr_status begin(kr_context *ctx, kr_rate *rate) {
    kr_status status = KR_OK;
    splitting *s = rate->state;
    kr_mover *mover = NULL;
    const kr_coordinate *c = &rate->coordinate.coordinate;
    double *x = NULL;
    KR_NEW(ctx, x, (size_t)rate->problem->dim);
    KR_TRY(kr_rate_mover(ctx, rate, 0xffffff, 0, rate->dt, &mover));
    if (s->level)
        s->low = s->level->real;
    else
        KR_TRY(kr_basin_first_level(ctx, rate, mover, s->warm_up, s->basin_time, &s->low));
    KR_TRY(kr_rate_start(ctx, rate, 1, x));
    KR_TRY(c->values(c->payload, ctx, 1, x, &s->high));
    if (rate->coordinate.from_levels) s->high = 1;
    if (!(s->high > s->low))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "ams: the coordinate is %g in B, not above the first level, %g", s->high, s->low);
done:
    kr_free(x);
    kr_mover_destroy(&mover);
    return status;
}

static kr_status piece(kr_context *ctx, kr_rate *rate, int i, double *out) {
    kr_status status = KR_OK;
    const splitting *s = rate->state;
    kr_mover *mover = NULL;
    kr_basin basin = {0};
    memset(out, 0, 4 * sizeof *out);
    KR_TRY(kr_rate_mover(ctx, rate, i, 0, rate->dt, &mover));
    KR_TRY(kr_basin_run(ctx, rate, mover, s->low, s->warm_up, s->basin_time, &basin));
    if (!basin.room)
        KR_FAIL(ctx, KR_ERR_NUMERIC, "ams: no crossing of the first level, %g: increase basin_time", s->low);
    out[1] = (double)basin.crossings / basin.time;
    status = split(ctx, rate, i, mover, &basin, &out[2], &out[3]);
    out[0] = out[1] * out[2];
done:
    kr_free(basin.state);
    kr_mover_destroy(&mover);
    return status;
}

static kr_status combine(kr_context *ctx, kr_rate *rate) {
    kr_status status = KR_OK;
    const splitting *s = rate->state;
    const double p = kr_rate_mean(rate, 2).value;
    /* What the scatter would be with the committor as the coordinate: never less, though a dozen replicas may by chance
     * lie closer together, above all when none of them met one of the rare, large weights. */
    const double ideal = p > 0 ? sqrt(-log(p) / s->n / rate->pieces) : 0;
    KR_TRY(kr_basin_combine(ctx, rate, "walkers"));
    if (rate->k_ab.error < ideal * rate->k_ab.value) {
        rate->k_ab.error = ideal * rate->k_ab.value;
        rate->error_from = "least scatter of so many walkers";
    }
    KR_TRY(kr_run_set_real(ctx, rate->results, "rounds", kr_rate_mean(rate, 3).value));
    KR_TRY(kr_run_set_real(ctx, rate->results, "level", s->low));
    if (p > 0) KR_TRY(kr_run_set_real(ctx, rate->results, "ideal_relative_error", ideal));
done:
    return status;
}

const kr_rate_kind kr_rate_ams = {
    .name = "ams",
    .summary = "adaptive multilevel splitting",
    .reference = "Brehier et al., Ann. Appl. Probab. 26, 3559 (2016)",
    .parameters = parameters,
    .size = sizeof(splitting),
    .prepare = prepare,
    .begin = begin,
    .piece = piece,
    .combine = combine,
};
