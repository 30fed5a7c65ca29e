/* The command quasipotential with networks: points, training with checkpoints, the Hessian check.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The equation for V has collapsed solutions with a tiny loss; what tells is the Hessian at the attractors against the
 * Lyapunov solution. It is computed always, and a run that fails it ends "not validated". */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/run_quasipotential.h"
#include <math.h>
#include <string.h>

enum { LOSS_TRAJECTORIES = 4 };

typedef struct network_run {
    kr_sampling *run;
    const kr_quasi_settings *s;
    kr_quasi_net *model;
    kr_quasi_training how;
    kr_optimizer *optimizer;
    long n; /* stored points */
    double *x, *f;
    double *batch_x, *batch_f; /* [batch][dim] */
    double *sum;               /* [nparams] Σ θ of the last steps */
    long step, averaged;
    double terms[2];
} network_run;

/* Trajectory points: deterministic (tube), pairs (drift from differences), or stochastic (epr). */
static kr_status make_points(kr_context *ctx, network_run *r) {
    kr_status status = KR_OK;
    const kr_problem *p = r->run->problem;
    const kr_quasi_settings *s = r->s;
    size_t d = (size_t)p->dim;
    kr_stream stream = {r->run->seed, 0x9a1};
    double *x = NULL, *work = NULL;
    int stochastic = s->train.loss == KR_QUASI_EPR, pairs = s->train.loss == LOSS_TRAJECTORIES;
    long steps = (long)(s->train.time / s->train.dt + 0.5),
         every = steps / s->train.points > 0 ? steps / s->train.points : 1;
    KR_NEW(ctx, r->x, (size_t)s->train.trajectories * (size_t)s->train.points * d);
    KR_NEW(ctx, r->f, (size_t)s->train.trajectories * (size_t)s->train.points * d);
    KR_NEW(ctx, x, 2 * d);
    KR_NEW(ctx, work, 5 * d);
    for (int t = 0; t < s->train.trajectories; t++) {
        for (size_t k = 0; k < d; k++)
            x[k] = p->low[k] + (p->high[k] - p->low[k]) * kr_random_uniform(stream, 0, (uint64_t)t, 100 + k);
        /* Stochastic ones forget their start during the first half. */
        long kept = 0;
        for (long step = stochastic ? -steps : 0; step < steps && kept < s->train.points; step++) {
            memcpy(x + d, x, d * sizeof *x);
            double h = s->train.dt;
            if (!stochastic) {
                KR_TRY(kr_flow_step(ctx, p, h, x, work));
            } else {
                KR_TRY(kr_problem_drift(ctx, p, 1, x, work));
                for (size_t k = 0; k < d; k++) {
                    double normal[4], a = p->mobility ? p->mobility[k] : 1;
                    kr_random_normal(stream, (uint64_t)(step + steps), (uint64_t)t, 200 + k, normal);
                    x[k] += h * work[k] + sqrt(2 * p->epsilon * a * h) * normal[0];
                    /* Walls reflect, as those of the grid do. */
                    if (x[k] < p->low[k]) x[k] = fmin(2 * p->low[k] - x[k], p->high[k]);
                    if (x[k] > p->high[k]) x[k] = fmax(2 * p->high[k] - x[k], p->low[k]);
                }
            }
            if (step < 0 || step % every) continue;
            double *to = r->x + (size_t)r->n * d, *drift = r->f + (size_t)r->n * d;
            for (size_t k = 0; k < d; k++) {
                double normal[4] = {0};
                if (!stochastic && !pairs) kr_random_normal(stream, (uint64_t)step, (uint64_t)t, 300 + k, normal);
                to[k] = pairs ? 0.5 * (x[k] + x[d + k])
                              : x[k] + s->train.spread * (stochastic ? 0 : p->high[k] - p->low[k]) * normal[0];
                drift[k] = (x[k] - x[d + k]) / h;
            }
            if (!pairs) KR_TRY(kr_problem_drift(ctx, p, 1, to, drift));
            r->n++;
            kept++;
        }
        if (t % 64 == 0 && kr_progress(ctx, "trajectories", t, s->train.trajectories) != KR_OK)
            KR_FAIL(ctx, KR_CANCELLED, "stopped while trajectories were made");
    }
    if (r->n < 2) KR_FAIL(ctx, KR_ERR_NUMERIC, "%ld points along trajectories", r->n);
done:
    kr_free(x);
    kr_free(work);
    return status;
}

/* The batch of a step: uniform points first. */
static kr_status fill_batch(kr_context *ctx, network_run *r) {
    const kr_problem *p = r->run->problem;
    kr_stream stream = {r->run->seed, 0x9a2};
    size_t d = (size_t)p->dim;
    long batch = r->s->train.batch;
    int data_only = r->s->train.loss >= KR_QUASI_EPR;
    long uniform = data_only ? 0 : (long)(r->s->train.uniform * (double)batch + 0.5);
    for (long i = 0; i < batch; i++) {
        double *x = r->batch_x + (size_t)i * d;
        if (i < uniform) {
            for (size_t k = 0; k < d; k++)
                x[k] = p->low[k] +
                       (p->high[k] - p->low[k]) * kr_random_uniform(stream, (uint64_t)r->step, (uint64_t)i, 1 + k);
            continue;
        }
        size_t from = (size_t)kr_random_below(stream, (uint64_t)r->step, (uint64_t)i, 0, (uint64_t)r->n);
        memcpy(x, r->x + from * d, d * sizeof *x);
        memcpy(r->batch_f + (size_t)i * d, r->f + from * d, d * sizeof *x);
    }
    return uniform ? kr_problem_drift(ctx, p, (int)uniform, r->batch_x, r->batch_f) : KR_OK;
}

static kr_status objective(kr_context *ctx, void *payload, const double *theta, double *loss, double *gradient) {
    network_run *r = payload;
    double terms[2], norm = 0;
    int warm = r->step < r->s->train.warm_steps;
    kr_status status = kr_quasi_net_loss(ctx, r->model, &r->how, warm, theta, r->s->train.batch, r->batch_x, r->batch_f,
                                         gradient, loss, terms);
    if (status != KR_OK) return status;
    if (!isfinite(*loss)) return KR_ERROR(ctx, KR_ERR_NUMERIC, "the loss is %g in step %ld", *loss, r->step);
    for (size_t i = 0; i < r->model->nparams; i++) norm += gradient[i] * gradient[i];
    norm = sqrt(norm);
    if (r->s->train.clip > 0 && norm > r->s->train.clip)
        for (size_t i = 0; i < r->model->nparams; i++) gradient[i] *= r->s->train.clip / norm;
    for (int t = 0; t < 2; t++) r->terms[t] = 0.99 * r->terms[t] + 0.01 * terms[t];
    return KR_OK;
}

static kr_status save(kr_context *ctx, const network_run *r) {
    kr_status status = KR_OK;
    kr_tree *map = NULL, *optimizer = NULL;
    long n = (long)r->model->nparams;
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &map));
    KR_TRY(kr_run_set_int(ctx, map, "step", r->step));
    KR_TRY(kr_run_set_int(ctx, map, "averaged", r->averaged));
    KR_TRY(kr_run_set_reals(ctx, map, "theta", n, r->model->theta));
    KR_TRY(kr_run_set_reals(ctx, map, "sum", n, r->sum));
    KR_TRY(kr_run_set_reals(ctx, map, "terms", 2, r->terms));
    KR_TRY(kr_optimizer_save(ctx, r->optimizer, &optimizer));
    KR_TRY(kr_tree_set(ctx, map, "optimizer", &optimizer));
    KR_TRY(kr_run_checkpoint_write(ctx, r->run, map));
done:
    kr_tree_destroy(&map);
    kr_tree_destroy(&optimizer);
    return status;
}

static kr_status load(kr_context *ctx, network_run *r) {
    kr_status status = KR_OK;
    kr_tree *map = NULL, *optimizer = NULL;
    const kr_tree *saved;
    int step, averaged;
    long n = (long)r->model->nparams;
    KR_TRY(kr_run_checkpoint_read(ctx, r->run, &map));
    if (!map) goto done;
    KR_TRY(kr_tree_get_int(ctx, map, "step", 0, INT32_MAX, &step));
    KR_TRY(kr_tree_get_int(ctx, map, "averaged", 0, INT32_MAX, &averaged));
    KR_TRY(kr_run_get_reals(ctx, map, "theta", n, r->model->theta));
    KR_TRY(kr_run_get_reals(ctx, map, "sum", n, r->sum));
    KR_TRY(kr_run_get_reals(ctx, map, "terms", 2, r->terms));
    KR_TRY(kr_tree_need(ctx, map, "optimizer", &saved));
    KR_TRY(kr_run_lists_to_arrays(ctx, saved, &optimizer));
    KR_TRY(kr_optimizer_load(ctx, r->optimizer, optimizer));
    r->step = step;
    r->averaged = averaged;
done:
    kr_tree_destroy(&map);
    kr_tree_destroy(&optimizer);
    return status;
}

static kr_status train(kr_context *ctx, network_run *r) {
    kr_status status = KR_OK;
    long total = (long)r->s->train.warm_steps + r->s->train.steps;
    kr_objective o = {.payload = r, .evaluate = objective};
    while (r->step < total) {
        double loss, done = (double)(r->step - r->s->train.warm_steps) / r->s->train.steps;
        double lr = r->s->train.lr_start * (done > 0 ? pow(r->s->train.lr_stop / r->s->train.lr_start, done) : 1);
        KR_TRY(fill_batch(ctx, r));
        KR_TRY(kr_optimizer_step(ctx, r->optimizer, r->step, lr, &o, r->model->theta, &loss));
        r->step++;
        if ((double)r->step > (double)total - r->s->train.average * r->s->train.steps) {
            for (size_t i = 0; i < r->model->nparams; i++) r->sum[i] += r->model->theta[i];
            r->averaged++;
        }
        int stop = r->step % 10 == 0 && kr_progress(ctx, "training steps", r->step, total) != KR_OK;
        if (stop || kr_run_checkpoint_due(r->run)) KR_TRY(save(ctx, r));
        if (stop) KR_FAIL(ctx, KR_CANCELLED, "stopped at step %ld", r->step);
    }
    for (size_t i = 0; i < r->model->nparams && r->averaged; i++) r->model->theta[i] = r->sum[i] / (double)r->averaged;
done:
    return status;
}

static kr_status evaluate(kr_context *ctx, const void *payload, long n, const double *x, double *v) {
    const network_run *r = payload;
    return kr_quasi_net_evaluate(ctx, r->model, r->model->theta, n, x, v, NULL);
}

/* |H − H_Lyapunov|/|H_Lyapunov| at each attractor, H by central differences of ∇V. */
static kr_status check_hessians(kr_context *ctx, network_run *r, const kr_attractors *found, int *passed) {
    kr_status status = KR_OK;
    int d = found->dim;
    const kr_problem *p = r->run->problem;
    double *x = NULL, *grad = NULL, worst = 0;
    KR_NEW(ctx, x, (size_t)(2 * d * d));
    KR_NEW(ctx, grad, (size_t)(2 * d * d));
    for (int a = 0; a < found->n; a++) {
        double square = 0, norm = 0;
        for (int k = 0; k < 2 * d; k++) {
            memcpy(x + (size_t)(k * d), found->x + (size_t)(a * d), (size_t)d * sizeof *x);
            x[k * d + k / 2] += (k % 2 ? 1 : -1) * 1e-3 * (p->high[k / 2] - p->low[k / 2]);
        }
        KR_TRY(kr_quasi_net_evaluate(ctx, r->model, r->model->theta, 2 * d, x, NULL, grad));
        for (int i = 0; i < d; i++)
            for (int k = 0; k < d; k++) {
                double h = (grad[(2 * i + 1) * d + k] - grad[2 * i * d + k]) / (2e-3 * (p->high[i] - p->low[i]));
                double exact = found->hessian[(a * d + i) * d + k];
                square += (h - exact) * (h - exact);
                norm += exact * exact;
            }
        double error = sqrt(square / norm);
        worst = fmax(worst, error);
        KR_TRY(kr_run_line(ctx, r->run,
                           "Hessian at attractor %d against the Lyapunov solution: relative error %.4f  <= %g  %s",
                           a + 1, error, r->s->train.hessian, error <= r->s->train.hessian ? "pass" : "FAIL"));
    }
    *passed = worst <= r->s->train.hessian;
    KR_TRY(kr_run_set_real(ctx, r->run->results, "hessian_error", worst));
    KR_TRY(kr_run_set_bool(ctx, r->run->results, "validated", *passed));
    KR_TRY(kr_run_line(ctx, r->run,
                       *passed
                           ? "validated"
                           : "NOT VALIDATED: V has the wrong curvature at an attractor; a small loss with this is a "
                             "collapsed solution"));
done:
    kr_free(x);
    kr_free(grad);
    return status;
}

kr_status kr_quasi_run_network(kr_context *ctx, kr_sampling *run, const kr_attractors *found) {
    kr_status status = KR_OK;
    const kr_quasi_settings *s = run->state;
    network_run r = {.run = run, .s = s};
    int nhidden, *hidden = NULL, passed = 0, data = s->train.loss == LOSS_TRAJECTORIES;
    size_t d = (size_t)run->problem->dim;
    r.how = (kr_quasi_training){.loss = data ? KR_QUASI_COSINE : (kr_quasi_loss)s->train.loss,
                                .weight = s->train.weight,
                                .lambda = s->train.lambda};
    KR_TRY(kr_parameter_ints(ctx, s->net.hidden, &nhidden, &hidden));
    KR_TRY(kr_quasi_net_create(ctx, run->problem, data, nhidden, hidden, s->net.activation,
                               (kr_stream){run->seed, 0x9a3}, &r.model));
    KR_TRY(make_points(ctx, &r));
    KR_NEW(ctx, r.batch_x, (size_t)s->train.batch * d);
    KR_NEW(ctx, r.batch_f, (size_t)s->train.batch * d);
    KR_NEW(ctx, r.sum, r.model->nparams);
    KR_TRY(fill_batch(ctx, &r)); /* inputs are scaled by a batch, uniform points included */
    kr_quasi_net_fit_scales(r.model, s->train.batch, r.batch_x, r.batch_f);
    KR_TRY(kr_optimizer_create(ctx, kr_optimizer_find("adam"), NULL, r.model->nparams, 0, NULL, NULL, &r.optimizer));
    KR_TRY(load(ctx, &r));
    KR_TRY(train(ctx, &r));
    KR_TRY(kr_run_line(ctx, run, "loss: dynamics %.3e, orthogonality %.3e", r.terms[0], r.terms[1]));
    KR_TRY(kr_run_set_reals(ctx, run->results, "loss", 2, r.terms));
    KR_TRY(kr_quasi_report(ctx, run, evaluate, &r, found->x, data || s->train.loss == KR_QUASI_EPR ? r.n : 0, r.x));
    KR_TRY(check_hessians(ctx, &r, found, &passed));
    if (s->train.loss == KR_QUASI_EPR) passed = 1; /* finite noise: curvatures differ from those of small noise */
    if (!passed) status = KR_NOT_CONVERGED;
done:
    kr_free(hidden);
    kr_free(r.x);
    kr_free(r.f);
    kr_free(r.batch_x);
    kr_free(r.batch_f);
    kr_free(r.sum);
    kr_optimizer_destroy(&r.optimizer);
    kr_quasi_net_destroy(&r.model);
    return status;
}
