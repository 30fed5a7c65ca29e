/* The command quasipotential with networks: points, training with checkpoints.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/run_quasipotential_network.h"
#include "core/error.h"
#include "core/memory.h"
#include "sampling/network.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* From small noise to finite noise L-BFGS goes alone: Adam's steps shook V out of the right solution at the edges of
 * the box (an error of 0.1 in every fourth run), and it did not come back. */
static long last_of_adam(const kr_quasi_settings *s) {
    int ready = s->train.loss == KR_QUASI_EPR && s->train.characteristics > 1 && s->train.polish > 0;
    return s->train.warm_steps + (ready && s->train.warm_steps ? 0L : s->train.steps);
}

/* Without a fixed point: the counts of walks, and the stationary equation between and beyond them. ⟨|f + a∇V|²⟩ is no
 * use there: around a cycle it is all but what turns, and samples would have to be as many as its ratio squared. */
static kr_status counted(kr_context *ctx, kr_quasi_run *r, const double *theta, double *loss, double *gradient,
                         double terms[2]) {
    int adam = r->step < last_of_adam(r->s);
    long d = r->model->dim, some = 64, n = adam && r->cells.n > some ? some : r->cells.n;
    long first = n < r->cells.n ? r->step * some % (r->cells.n - n + 1) : 0;
    double mean_f = 0;
    memset(gradient, 0, r->model->nparams * sizeof *gradient);
    kr_status status = kr_quasi_net_cells(ctx, r->model, theta, 1, n, r->cells.x + first * KR_QUASI_CELL * d,
                                          r->cells.v + first, gradient, &terms[0]);
    if (status != KR_OK) return status;
    for (long i = 0; i < r->batch * d; i++) mean_f += r->batch_f[i] * r->batch_f[i] / (double)r->batch;
    status =
        kr_quasi_net_residual(ctx, r->model, theta, r->s->train.residual, mean_f, r->nbox, r->box, gradient, &terms[1]);
    *loss = terms[0] + r->s->train.residual * terms[1];
    return status;
}

static kr_status objective(kr_context *ctx, void *payload, const double *theta, double *loss, double *gradient) {
    kr_quasi_run *r = payload;
    double terms[2], norm = 0;
    kr_status status = r->cells.n ? counted(ctx, r, theta, loss, gradient, terms)
                                  : kr_quasi_net_loss(ctx, r->model, &r->how, r->warm, theta, r->batch, r->batch_x,
                                                      r->batch_f, gradient, loss, terms);
    if (status == KR_OK && r->how.loss == KR_QUASI_EPR && !r->cells.n) {
        double mean_f = 0;
        for (long i = 0; i < r->batch * r->model->dim; i++) mean_f += r->batch_f[i] * r->batch_f[i] / (double)r->batch;
        status = kr_quasi_net_residual(ctx, r->model, theta, r->s->train.residual, mean_f, r->nbox, r->box, gradient,
                                       &terms[1]);
        *loss += r->s->train.residual * terms[1];
        double held;
        if (status == KR_OK && r->depths)
            status =
                kr_quasi_net_depths(ctx, r->model, theta, 1, r->depths, r->attractors->x, r->depth, gradient, &held);
        if (status == KR_OK && r->depths) *loss += held;
    }
    if (status != KR_OK) return status;
    if (!isfinite(*loss)) return KR_ERROR(ctx, KR_ERR_NUMERIC, "the loss is %g in step %ld", *loss, r->step);
    for (size_t i = 0; i < r->model->nparams; i++) norm += gradient[i] * gradient[i];
    norm = sqrt(norm);
    if (r->s->train.clip > 0 && r->step < last_of_adam(r->s) && norm > r->s->train.clip)
        for (size_t i = 0; i < r->model->nparams; i++) gradient[i] *= r->s->train.clip / norm;
    for (int t = 0; t < 2; t++) r->terms[t] = 0.99 * r->terms[t] + 0.01 * terms[t];
    return KR_OK;
}

static kr_status save(kr_context *ctx, const kr_quasi_run *r) {
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

static kr_status load(kr_context *ctx, kr_quasi_run *r) {
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

/* After the last step of Adam θ is the mean of the last ones. */
static void average(kr_quasi_run *r) {
    for (size_t i = 0; i < r->model->nparams && r->averaged; i++) r->model->theta[i] = r->sum[i] / (double)r->averaged;
}

static kr_status adam_step(kr_context *ctx, kr_quasi_run *r, const kr_objective *o) {
    long total = last_of_adam(r->s);
    double loss, done = (double)(r->step - r->s->train.warm_steps) / r->s->train.steps;
    double lr = r->s->train.lr_start * (done > 0 ? pow(r->s->train.lr_stop / r->s->train.lr_start, done) : 1);
    r->how.share = 1;
    kr_status status = kr_quasi_fill_batch(ctx, r);
    if (status == KR_OK) status = kr_optimizer_step(ctx, r->optimizer, r->step, lr, o, r->model->theta, &loss);
    if (status != KR_OK) return status;
    r->step++;
    if ((double)r->step > (double)total - r->s->train.average * r->s->train.steps) {
        for (size_t i = 0; i < r->model->nparams; i++) r->sum[i] += r->model->theta[i];
        r->averaged++;
    }
    if (r->step == total) average(r);
    return KR_OK;
}

static kr_status create_polisher(kr_context *ctx, kr_quasi_run *r) {
    return kr_optimizer_create(ctx, kr_optimizer_find("lbfgs"), NULL, r->model->nparams, 0, NULL, NULL, &r->polisher);
}

/* One batch for all steps of L-BFGS: at the solution every point's loss is zero, so none is needed again. The gradients
 * of minimum action paths, good to some 0.5 %, count fully at first: they choose the solution where nothing else does.
 * In the second half they hardly count, and no longer move it where others know better. */
static kr_status polish_step(kr_context *ctx, kr_quasi_run *r, kr_objective *o, long total) {
    long middle = r->nguide ? total - r->s->train.polish / 2 : total;
    int late = r->step >= middle;
    double loss;
    kr_status status = KR_OK;
    if (r->batch != r->s->train.polish_batch) {
        long step = r->step;
        r->batch = r->s->train.polish_batch;
        r->step = last_of_adam(r->s);
        status = kr_quasi_fill_batch(ctx, r);
        r->step = step;
        if (status != KR_OK) return status;
    }
    if (late && r->how.share == 1) {
        kr_optimizer_destroy(&r->polisher);
        status = create_polisher(ctx, r);
        if (status != KR_OK) return status;
        o->unchanged = 0;
    }
    r->how.share = late ? 0.01 : 1;
    status = kr_optimizer_step(ctx, r->polisher, r->step, 1, o, r->model->theta, &loss);
    o->unchanged = 1;
    r->step = status != KR_NOT_CONVERGED ? r->step + 1 : late ? total : middle; /* a minimum to rounding errors */
    return status < 0 ? status : KR_OK;
}

static kr_status train(kr_context *ctx, kr_quasi_run *r) {
    kr_status status = KR_OK;
    long total = last_of_adam(r->s) + r->s->train.polish;
    kr_objective o = {.payload = r, .evaluate = objective};
    while (r->step < total) {
        KR_TRY(r->step < last_of_adam(r->s) ? adam_step(ctx, r, &o) : polish_step(ctx, r, &o, total));
        int stop = r->step % 10 == 0 && kr_progress(ctx, "training steps", r->step, total) != KR_OK;
        if (stop || kr_run_checkpoint_due(r->run)) KR_TRY(save(ctx, r));
        if (stop) KR_FAIL(ctx, KR_CANCELLED, "stopped at step %ld", r->step);
    }
done:
    return status;
}

kr_status kr_quasi_run_evaluate(kr_context *ctx, const void *payload, long n, const double *x, double *v) {
    const kr_quasi_run *r = payload;
    return kr_quasi_net_evaluate(ctx, r->model, r->model->theta, n, x, v, NULL);
}

/* Network, points, scales, optimizers. */
static kr_status prepare(kr_context *ctx, kr_quasi_run *r) {
    kr_status status = KR_OK;
    const kr_quasi_settings *s = r->s;
    int nhidden, *hidden = NULL;
    size_t d = (size_t)r->run->problem->dim;
    size_t rows = (size_t)(s->train.batch > s->train.polish_batch ? s->train.batch : s->train.polish_batch);
    r->how = (kr_quasi_training){.weight = s->train.weight};
    r->batch = s->train.batch;
    KR_TRY(kr_parameter_ints(ctx, s->net.hidden, &nhidden, &hidden));
    KR_TRY(kr_quasi_net_create(ctx, r->run->problem, nhidden, hidden, s->net.activation,
                               (kr_stream){r->run->seed, 0x9a3}, &r->model));
    kr_network_sharpen(r->model->v, r->model->theta, s->net.sharpness, (kr_stream){r->run->seed, 0x9ab});
    KR_TRY(kr_quasi_make_points(ctx, r));
    if (s->train.loss == KR_QUASI_EPR) KR_TRY(kr_quasi_measure_depths(ctx, r));
    if (!r->attractors->n && r->run->problem->dim == 3)
        KR_TRY(kr_quasi_walk(ctx, r->run->problem, s->train.dt, s->train.walks, (kr_stream){r->run->seed, 0x9aa},
                             &r->cells));
    KR_NEW(ctx, r->batch_x, rows * d);
    KR_NEW(ctx, r->batch_f, rows * d);
    KR_NEW(ctx, r->box, rows * d);
    KR_NEW(ctx, r->sum, r->model->nparams);
    r->step = last_of_adam(s); /* inputs are scaled by a batch with uniform points */
    KR_TRY(kr_quasi_fill_batch(ctx, r));
    kr_quasi_net_fit_scales(r->model, r->batch, r->batch_x, r->batch_f);
    r->step = 0;
    if (r->nmatched && s->train.warm_steps > 0) {
        KR_TRY(kr_quasi_fill_batch(ctx, r));
        KR_TRY(kr_quasi_net_fit_polynomial(ctx, r->model, r->batch, r->batch_x, r->batch_f));
    }
    KR_TRY(kr_optimizer_create(ctx, kr_optimizer_find("adam"), NULL, r->model->nparams, 0, NULL, NULL, &r->optimizer));
    KR_TRY(create_polisher(ctx, r));
done:
    kr_free(hidden);
    return status;
}

/* What V is counted from: the first attractor; where there is none the lowest V of the samples. */
static kr_status origin(kr_context *ctx, kr_quasi_run *r, const double **from) {
    kr_status status = KR_OK;
    double *v = NULL;
    long best = 0;
    *from = r->attractors->x;
    if (r->attractors->n) return KR_OK;
    KR_NEW(ctx, v, (size_t)r->n);
    KR_TRY(kr_quasi_run_evaluate(ctx, r, r->n, r->x, v));
    for (long i = 0; i < r->n; i++)
        if (v[i] < v[best]) best = i;
    *from = r->x + best * r->model->dim;
done:
    kr_free(v);
    return status;
}

kr_status kr_quasi_run_network(kr_context *ctx, kr_sampling *run, const kr_attractors *found) {
    kr_status status = KR_OK;
    const kr_quasi_settings *s = run->state;
    kr_quasi_run r = {.run = run, .s = s, .attractors = found};
    const double *from;
    int passed = 0;
    KR_TRY(prepare(ctx, &r));
    KR_TRY(load(ctx, &r));
    KR_TRY(train(ctx, &r));
    KR_TRY(kr_run_line(ctx, run, "loss: dynamics %.3e, orthogonality %.3e", r.terms[0], r.terms[1]));
    KR_TRY(kr_run_set_reals(ctx, run->results, "loss", 2, r.terms));
    KR_TRY(origin(ctx, &r, &from));
    KR_TRY(kr_quasi_report(ctx, run, kr_quasi_run_evaluate, &r, from, 0, NULL));
    KR_TRY(kr_quasi_validate(ctx, &r, &passed));
    if (!passed) status = KR_NOT_CONVERGED;
done:
    kr_free(r.x);
    kr_free(r.f);
    kr_free(r.guide_x);
    kr_free(r.guide_f);
    kr_free(r.batch_x);
    kr_free(r.batch_f);
    kr_free(r.box);
    kr_free(r.sum);
    kr_optimizer_destroy(&r.optimizer);
    kr_optimizer_destroy(&r.polisher);
    kr_quasi_net_destroy(&r.model);
    kr_quasi_cells_free(&r.cells);
    return status;
}
