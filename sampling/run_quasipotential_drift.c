/* The command quasipotential with trajectories: the drift is learned first, from pairs of points alone.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   (x1 − x0)/h = f((x0 + x1)/2) + O(h²);   with noise the average over many pairs: E[x1 − x0 | x0]/h = f(x0) + O(h)
 * With a drift that can be evaluated anywhere the quasipotential is found as for a known one. Learning V and g at once
 * from the points instead stopped at an error of 0.57: nothing tells such a V from other solutions of its equation,
 * characteristics do. Trajectories crowd around attractors; so of the points in one of CELLS³ … cells one is kept.
 * The same for every thread number and for a run that is resumed: the drift is learned again. */
#include "core/error.h"
#include "core/memory.h"
#include "core/optimizer.h"
#include "sampling/run_quasipotential.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 40, MOST_POLISHED = 8192, HELD_OUT = 10 /* every tenth pair is for the test */ };

static const double ENOUGH = 1e-6; /* of the loss: an error of 1e-3 is about that of the differences */

typedef struct data {
    kr_sampling *run;
    const kr_quasi_settings *s;
    kr_drift_net *model;
    long n, train; /* points; those that are trained on, first */
    double *x, *f; /* [n][dim] */
    int noisy;
    /* the batch of a step */
    long batch;
    double *batch_x, *batch_f;
} data;

static void add_pair(data *d, int dim, const double *before, const double *after, double h) {
    double *x = d->x + d->n * dim, *f = d->f + d->n * dim;
    for (int k = 0; k < dim; k++) {
        x[k] = d->noisy ? before[k] : 0.5 * (before[k] + after[k]);
        f[k] = (after[k] - before[k]) / h;
    }
    d->n++;
}

/* Pairs along trajectories of the problem from uniform points. */
static kr_status simulate(kr_context *ctx, data *d) {
    kr_status status = KR_OK;
    const kr_problem *p = d->run->problem;
    const kr_quasi_settings *s = d->s;
    size_t dim = (size_t)p->dim;
    long steps = (long)(s->train.time / s->train.dt + 0.5),
         every = steps / s->train.points > 0 ? steps / s->train.points : 1;
    double *x = NULL, *work = NULL;
    KR_NEW(ctx, d->x, (size_t)s->train.trajectories * (size_t)s->train.points * dim);
    KR_NEW(ctx, d->f, (size_t)s->train.trajectories * (size_t)s->train.points * dim);
    KR_NEW(ctx, x, 2 * dim);
    KR_NEW(ctx, work, 5 * dim);
    for (int t = 0; t < s->train.trajectories; t++) {
        for (size_t k = 0; k < dim; k++)
            x[k] = 0.5 * (p->low[k] + p->high[k]) +
                   s->train.enlarge * (p->high[k] - p->low[k]) *
                       (kr_random_uniform((kr_stream){d->run->seed, 0x9a1}, 0, (uint64_t)t, 100 + k) - 0.5);
        for (long step = 0, kept = 0; step < steps && kept < s->train.points; step++) {
            memcpy(x + dim, x, dim * sizeof *x);
            KR_TRY(kr_flow_step(ctx, p, s->train.dt, x, work));
            if (step % every) continue;
            add_pair(d, p->dim, x + dim, x, s->train.dt);
            kept++;
        }
        if (t % 64 == 0 && kr_progress(ctx, "trajectories", t, s->train.trajectories) != KR_OK)
            KR_FAIL(ctx, KR_CANCELLED, "stopped while trajectories were made");
    }
done:
    kr_free(x);
    kr_free(work);
    return status;
}

static kr_status read(kr_context *ctx, data *d, const kr_pairs *pairs) {
    kr_status status = KR_OK;
    size_t dim = (size_t)d->run->problem->dim;
    KR_NEW(ctx, d->x, (size_t)pairs->n * dim);
    KR_NEW(ctx, d->f, (size_t)pairs->n * dim);
    d->noisy = pairs->noisy;
    for (long i = 0; i < pairs->n; i++)
        add_pair(d, (int)dim, pairs->x + (size_t)i * 2 * dim, pairs->x + ((size_t)i * 2 + 1) * dim, pairs->dt);
done:
    return status;
}

typedef struct place {
    uint64_t cell;
    long row;
} place;

static int before(const void *a, const void *b) {
    const place *x = a, *y = b;
    return x->cell != y->cell ? (x->cell > y->cell) - (x->cell < y->cell) : (x->row > y->row) - (x->row < y->row);
}

/* One point per cell, in the order of the cells' hashes, so at random; then the test points to the end. */
static kr_status thin(kr_context *ctx, data *d) {
    kr_status status = KR_OK;
    const kr_problem *p = d->run->problem;
    size_t dim = (size_t)p->dim;
    place *order = NULL;
    double *x = NULL, *f = NULL;
    long kept = 0;
    KR_NEW(ctx, order, (size_t)d->n);
    for (long i = 0; i < d->n; i++) {
        uint64_t cell = d->noisy ? (uint64_t)i : 0;
        for (size_t k = 0; k < dim && !d->noisy; k++) {
            double at = floor((d->x[(size_t)i * dim + k] - p->low[k]) / (p->high[k] - p->low[k]) * CELLS);
            cell = (cell ^ (uint64_t)(int64_t)at) * 0x9e3779b97f4a7c15u;
            cell ^= cell >> 29;
        }
        order[i] = (place){cell * 0xbf58476d1ce4e5b9u, i};
    }
    qsort(order, (size_t)d->n, sizeof *order, before);
    for (long i = 0; i < d->n; i++)
        if (!kept || order[i].cell != order[kept - 1].cell) order[kept++] = order[i];
    KR_NEW(ctx, x, (size_t)kept * dim);
    KR_NEW(ctx, f, (size_t)kept * dim);
    d->train = 0;
    for (int test = 0, to = 0; test < 2; test++)
        for (long i = 0; i < kept; i++) {
            if ((i % HELD_OUT == 0) != test) continue;
            memcpy(x + (size_t)to * dim, d->x + (size_t)order[i].row * dim, dim * sizeof *x);
            memcpy(f + (size_t)to * dim, d->f + (size_t)order[i].row * dim, dim * sizeof *f);
            d->train += !test;
            to++;
        }
    KR_TRY(kr_run_line(ctx, d->run, "%ld pairs, %ld of them in different places", d->n, kept));
    d->n = kept;
    if (d->train < 10 * (long)dim) KR_FAIL(ctx, KR_ERR_ARGUMENT, "%ld pairs in different places are too few", kept);
done:
    kr_free(order);
    if (x && f) {
        kr_free(d->x);
        kr_free(d->f);
        d->x = x;
        d->f = f;
    } else {
        kr_free(x);
    }
    return status;
}

static kr_status objective(kr_context *ctx, void *payload, const double *theta, double *loss, double *gradient) {
    const data *d = payload;
    return kr_drift_net_loss(ctx, d->model, d->noisy, theta, d->batch, d->batch_x, d->batch_f, gradient, loss);
}

static kr_status fit(kr_context *ctx, data *d) {
    kr_status status = KR_OK;
    const kr_quasi_settings *s = d->s;
    size_t dim = (size_t)d->run->problem->dim;
    long polish = d->noisy ? 0 : s->train.drift_polish, total = s->train.drift_steps + polish;
    kr_optimizer *adam = NULL, *lbfgs = NULL;
    kr_objective o = {.payload = d, .evaluate = objective};
    double *x = NULL, *f = NULL, loss;
    KR_NEW(ctx, x, (size_t)s->train.batch * dim);
    KR_NEW(ctx, f, (size_t)s->train.batch * dim);
    KR_TRY(kr_optimizer_create(ctx, kr_optimizer_find("adam"), NULL, d->model->nparams, 0, NULL, NULL, &adam));
    KR_TRY(kr_optimizer_create(ctx, kr_optimizer_find("lbfgs"), NULL, d->model->nparams, 0, NULL, NULL, &lbfgs));
    for (long step = 0; step < total; step++) {
        int first = step < s->train.drift_steps;
        double *theta = d->model->theta;
        d->batch = first ? s->train.batch : d->train < MOST_POLISHED ? d->train : MOST_POLISHED;
        d->batch_x = first ? x : d->x;
        d->batch_f = first ? f : d->f;
        for (long i = 0; i < d->batch && first; i++) {
            long from = (long)kr_random_below((kr_stream){d->run->seed, 0x9a6}, (uint64_t)step, (uint64_t)i, 0,
                                              (uint64_t)d->train);
            memcpy(x + (size_t)i * dim, d->x + (size_t)from * dim, dim * sizeof *x);
            memcpy(f + (size_t)i * dim, d->f + (size_t)from * dim, dim * sizeof *f);
        }
        double lr = s->train.lr_start * pow(s->train.lr_stop / s->train.lr_start, (double)step / s->train.drift_steps);
        kr_status one = kr_optimizer_step(ctx, first ? adam : lbfgs, first ? step : step - s->train.drift_steps,
                                          first ? lr : 1, &o, theta, &loss);
        KR_TRY(one < 0 ? one : KR_OK);
        o.unchanged = !first;
        if (one == KR_NOT_CONVERGED || (!d->noisy && loss < ENOUGH))
            break; /* rounding errors, or the polynomial is f */
        if (step % 10 == 0 && kr_progress(ctx, "steps for the drift", step, total) != KR_OK)
            KR_FAIL(ctx, KR_CANCELLED, "stopped while the drift was learned");
    }
done:
    kr_optimizer_destroy(&adam);
    kr_optimizer_destroy(&lbfgs);
    kr_free(x);
    kr_free(f);
    return status;
}

/* Relative rms error on the pairs that were kept apart. */
static kr_status test(kr_context *ctx, data *d) {
    kr_status status = KR_OK;
    int dim = d->run->problem->dim;
    long n = d->n - d->train;
    double *out = NULL, miss = 0, size = 0;
    const double *x = d->x + d->train * dim, *f = d->f + d->train * dim;
    KR_NEW(ctx, out, (size_t)(n * dim));
    KR_TRY(kr_problem_drift(ctx, &d->model->problem, (int)n, x, out));
    for (long i = 0; i < n * dim; i++) {
        miss += (out[i] - f[i]) * (out[i] - f[i]);
        size += f[i] * f[i];
    }
    double error = sqrt(miss / size);
    KR_TRY(kr_run_line(ctx, d->run, "drift: relative error %.5f on %ld other pairs%s", error, n,
                       d->noisy ? ", their noise included" : ""));
    KR_TRY(kr_run_set_real(ctx, d->run->results, "drift_error", error));
    if (!d->noisy && error > d->s->train.drift) {
        kr_error_hint(ctx, "more pairs, a wider network or more drift_steps; \"drift\" is the limit");
        KR_FAIL(ctx, KR_ERR_NUMERIC, "the learned drift is off by %.3g, %g is allowed", error, d->s->train.drift);
    }
done:
    kr_free(out);
    return status;
}

kr_status kr_quasi_learn_drift(kr_context *ctx, kr_sampling *run, kr_drift_net **drift) {
    kr_status status = KR_OK;
    data d = {.run = run, .s = run->state};
    kr_pairs pairs = kr_problem_pairs_of(run->problem);
    int nhidden, *hidden = NULL;
    *drift = NULL;
    if (pairs.n)
        KR_TRY(read(ctx, &d, &pairs));
    else
        KR_TRY(simulate(ctx, &d));
    KR_TRY(thin(ctx, &d));
    KR_TRY(kr_parameter_ints(ctx, d.s->net.hidden, &nhidden, &hidden));
    KR_TRY(kr_drift_net_create(ctx, run->problem, d.s->train.degree, nhidden, hidden, d.s->net.activation,
                               (kr_stream){run->seed, 0x9a7}, &d.model));
    KR_TRY(kr_drift_net_fit_scales(ctx, d.model, d.train, d.x, d.f));
    KR_TRY(fit(ctx, &d));
    KR_TRY(test(ctx, &d));
    *drift = d.model;
    d.model = NULL;
done:
    kr_drift_net_destroy(&d.model);
    kr_free(d.x);
    kr_free(d.f);
    kr_free(hidden);
    return status;
}
