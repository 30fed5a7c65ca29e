/* Mean first-passage time from a point (the middle of A) to B by direct simulation, for one or several time steps.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * k_AB = 1/MFPT. The edge of B is moved by the first-passage correction (trials.h); what is left of the error of the
 * time step is of first order: with two steps h and h/2 the runs are combined to 2 T(h/2) − T(h). Errors are those of
 * independent runs, standard deviation/sqrt(n). */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/rate.h"
#include <math.h>

typedef struct mfpt {
    int runs, extrapolate, correct;
    double most_time;
    const kr_tree *start;
} mfpt;

static const kr_parameter parameters[] = {{.name = "runs",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(mfpt, runs),
                                           .initial = "1000",
                                           .range = "[16, 10000000]",
                                           .help = "trajectories for every time step"},
                                          {.name = "extrapolate",
                                           .type = KR_PARAMETER_FLAG,
                                           .offset = offsetof(mfpt, extrapolate),
                                           .initial = "false",
                                           .help = "run dt and 2 dt and extrapolate to dt = 0"},
                                          {.name = "correct_boundary",
                                           .type = KR_PARAMETER_FLAG,
                                           .offset = offsetof(mfpt, correct),
                                           .initial = "true",
                                           .help = "first-passage correction of the edge of B"},
                                          {.name = "start",
                                           .type = KR_PARAMETER_REALS,
                                           .offset = offsetof(mfpt, start),
                                           .initial = "",
                                           .help = "where trajectories begin; null: the middle of A"},
                                          {.name = "most_time",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(mfpt, most_time),
                                           .initial = "null",
                                           .range = "> 0",
                                           .help = "give up a trajectory after this time; null: 1e9 steps"},
                                          {0}};

/* At the end of a piece threads run dry: it should be long. */
enum { PIECES = 32, RUNS = 500, TIME = 0, SQUARE, NUMBER, LOST, PER_STEP };

static kr_status prepare(kr_context *ctx, kr_rate *rate) {
    kr_status status = KR_OK;
    const mfpt *s = rate->state;
    if (s->start && s->start->count != rate->problem->dim)
        return kr_parameter_fail(ctx, "mfpt", "start", s->start, "%d numbers, the problem has %d dimensions",
                                 s->start->count, rate->problem->dim);
    rate->pieces = s->runs < 2 * RUNS ? 1 : s->runs < PIECES * RUNS ? s->runs / RUNS : PIECES;
    rate->width = PER_STEP * (s->extrapolate ? 2 : 1);
    return status;
}

static kr_status batch(kr_context *ctx, kr_rate *rate, int piece, int which, long n, double *out) {
    kr_status status = KR_OK;
    const mfpt *s = rate->state;
    double dt = which ? 2 * rate->dt : rate->dt, *x = NULL;
    kr_mover *mover = NULL;
    long *steps = NULL;
    int *code = NULL;
    KR_NEW(ctx, x, (size_t)rate->problem->dim);
    KR_NEW(ctx, steps, (size_t)n);
    KR_NEW(ctx, code, (size_t)n);
    for (int k = 0; s->start && k < rate->problem->dim; k++) x[k] = s->start->child[k]->real;
    if (!s->start) KR_TRY(kr_rate_start(ctx, rate, 0, x));
    KR_TRY(kr_rate_mover(ctx, rate, piece, which, dt, &mover));
    kr_states states = {rate->problem, 0, s->correct ? kr_first_passage_margin(mover) : 0, 1};
    kr_trials trials = {.n = n,
                        .start = x,
                        .one_start = 1,
                        .most_steps = s->most_time > 0 ? (long)ceil(s->most_time / dt) : 1000000000,
                        .event = kr_event_states,
                        .payload = &states,
                        .steps = steps,
                        .code = code};
    KR_TRY(kr_trials_run(ctx, mover, &trials));
    for (long i = 0; i < n; i++) {
        double t = (double)steps[i] * dt;
        out[TIME] += t;
        out[SQUARE] += t * t;
        out[NUMBER] += 1;
        out[LOST] += code[i] != 2;
    }
done:
    kr_free(x);
    kr_free(steps);
    kr_free(code);
    kr_mover_destroy(&mover);
    return status;
}

static kr_status piece(kr_context *ctx, kr_rate *rate, int i, double *out) {
    kr_status status = KR_OK;
    const mfpt *s = rate->state;
    long first = (long)i * s->runs / rate->pieces, last = (long)(i + 1) * s->runs / rate->pieces;
    for (int which = 0; which <= s->extrapolate; which++)
        KR_TRY(batch(ctx, rate, i, which, last - first, out + which * PER_STEP));
done:
    return status;
}

static kr_estimate time_of(const kr_rate *rate, int which, double *lost) {
    double sum[PER_STEP] = {0};
    for (int i = 0; i < rate->pieces; i++)
        for (int k = 0; k < PER_STEP; k++) sum[k] += rate->out[i * rate->width + which * PER_STEP + k];
    double mean = sum[TIME] / sum[NUMBER], variance = sum[SQUARE] / sum[NUMBER] - mean * mean;
    *lost += sum[LOST];
    return (kr_estimate){mean, sqrt(variance / (sum[NUMBER] - 1))};
}

static kr_status combine(kr_context *ctx, kr_rate *rate) {
    kr_status status = KR_OK;
    const mfpt *s = rate->state;
    double lost = 0;
    kr_estimate t = time_of(rate, 0, &lost);
    KR_TRY(kr_rate_set(ctx, rate->results, "mfpt_dt", t));
    if (s->extrapolate) {
        kr_estimate coarse = time_of(rate, 1, &lost);
        KR_TRY(kr_rate_set(ctx, rate->results, "mfpt_2dt", coarse));
        t = (kr_estimate){2 * t.value - coarse.value, hypot(2 * t.error, coarse.error)};
    }
    KR_TRY(kr_rate_set(ctx, rate->results, "mfpt", t));
    rate->k_ab = (kr_estimate){1 / t.value, t.error / (t.value * t.value)};
    rate->error_from = "independent runs";
    if (lost > 0) kr_rate_doubt(rate, "%.0f of the runs never reached B", lost);
done:
    return status;
}

const kr_rate_kind kr_rate_mfpt = {
    .name = "mfpt",
    .summary = "direct simulation from A until B is reached",
    .reference = "Broadie, Glasserman, Kou, Math. Finance 7, 325 (1997) for the edge",
    .parameters = parameters,
    .size = sizeof(mfpt),
    .prepare = prepare,
    .piece = piece,
    .combine = combine,
};
