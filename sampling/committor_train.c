/* Neural committor: training by SOAP or Adam, with boundary pre-training, schedule, clipping and averaged weights.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Step s draws its rows from (stream, round, s) alone; so a training that is saved and loaded goes on with the same
 * bits. The rate falls exponentially from lr_start to lr_stop over the variational steps. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/committor_net.h"
#include "sampling/run.h"
#include <math.h>
#include <string.h>

static const double MEMORY = 0.98; /* of running means */
enum { REFRESH = 500 };            /* steps between new probabilities of rows */

long kr_committor_trainer_total(const kr_committor_training *how) { return (long)how->boundary_steps + how->steps; }

kr_status kr_committor_trainer_create(kr_context *ctx, kr_committor_net *model, const kr_committor_training *how,
                                      const kr_committor_data *data, kr_committor_trainer **trainer) {
    kr_status status = KR_OK;
    kr_committor_trainer *t = NULL;
    *trainer = NULL;
    if (data->n < 1 || data->na < 1 || data->nb < 1)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%ld points outside, %ld in A, %ld in B: some of each are needed",
                        data->n, data->na, data->nb);
    KR_NEW(ctx, t, 1);
    t->model = model;
    t->how = how;
    t->data = data;
    t->scale = 0;
    KR_NEW(ctx, t->sum, model->nparams);
    KR_NEW(ctx, t->index, (size_t)how->batch + 2 * (size_t)how->boundary_batch);
    KR_NEW(ctx, t->factor, (size_t)how->batch);
    KR_NEW(ctx, t->focus_at, model->nparams);
    KR_TRY(kr_optimizer_create(ctx, kr_optimizer_find(how->optimizer ? how->optimizer : "soap"), NULL, model->nparams,
                               0, NULL, NULL, &t->optimizer));
    *trainer = t;
    t = NULL;
done:
    kr_committor_trainer_destroy(&t);
    return status;
}

void kr_committor_trainer_destroy(kr_committor_trainer **trainer) {
    if (!trainer || !*trainer) return;
    kr_optimizer_destroy(&(*trainer)->optimizer);
    kr_free((*trainer)->sum);
    kr_free((*trainer)->index);
    kr_free((*trainer)->factor);
    kr_free((*trainer)->focus);
    kr_free((*trainer)->focus_at);
    kr_free(*trainer);
    *trainer = NULL;
}

static uint64_t number(const kr_committor_trainer *t) { return t->how->round * 1000000007u + (uint64_t)t->step; }

static void draw(kr_committor_trainer *t, long n, long from, uint64_t draw_number, long *index) {
    for (long i = 0; i < n; i++)
        index[i] = (long)kr_random_below(t->how->stream, number(t), (uint64_t)i, draw_number, (uint64_t)from);
}

static kr_status objective(kr_context *ctx, void *payload, const double *theta, double *loss, double *gradient) {
    kr_committor_trainer *t = payload;
    const kr_committor_training *how = t->how;
    kr_committor_loss now = how->loss;
    kr_committor_terms terms;
    now.variational = t->step >= how->boundary_steps;
    if (now.variational && how->fade > 0)
        now.hinge *= fmax(1 - (double)(t->step - how->boundary_steps) / (how->fade * how->steps), 0);
    /* The first batch sets the scale, later ones follow it: the mean must not depend on this batch. */
    now.scale = t->scale > 0 ? t->scale : 1;
    long *batch = t->index, *a = batch + how->batch, *b = a + how->boundary_batch;
    kr_status status = kr_committor_net_loss(ctx, t->model, t->data, &now, theta, how->batch, batch, t->factor,
                                             how->boundary_batch, a, b, gradient, &terms);
    if (status != KR_OK) return status;
    *loss = terms.functional / now.scale + now.penalty * terms.boundary + now.hinge * terms.hinge;
    if (!isfinite(*loss)) return KR_ERROR(ctx, KR_ERR_NUMERIC, "the loss is %g in step %ld", *loss, t->step);
    double norm = 0, keep = MEMORY;
    for (size_t i = 0; i < t->model->nparams; i++) norm += gradient[i] * gradient[i];
    norm = sqrt(norm);
    if (how->clip > 0 && norm > how->clip)
        for (size_t i = 0; i < t->model->nparams; i++) gradient[i] *= how->clip / norm;
    if (now.variational) {
        t->scale = t->scale > 0 ? keep * t->scale + (1 - keep) * terms.functional : terms.functional;
        t->terms.functional = t->scale;
    }
    t->terms.boundary = keep * t->terms.boundary + (1 - keep) * terms.boundary;
    t->terms.hinge = keep * t->terms.hinge + (1 - keep) * terms.hinge;
    return KR_OK;
}

kr_status kr_committor_trainer_step(kr_context *ctx, kr_committor_trainer *t) {
    kr_status status = KR_OK;
    const kr_committor_training *how = t->how;
    kr_objective o = {.payload = t, .evaluate = objective};
    double loss, lr = how->lr_start;
    long total = kr_committor_trainer_total(how), inner = t->step - how->boundary_steps;
    size_t n = t->model->nparams;
    if (how->focus > 0 && inner > 0 && inner % REFRESH == 0) KR_TRY(kr_committor_focus_set(ctx, t, t->model->theta));
    kr_committor_focus_draw(t, number(t), how->batch, t->index, t->factor);
    draw(t, how->boundary_batch, t->data->na, 1, t->index + how->batch);
    draw(t, how->boundary_batch, t->data->nb, 2, t->index + how->batch + how->boundary_batch);
    if (inner > 0) lr *= pow(how->lr_stop / how->lr_start, (double)inner / how->steps);
    if (inner < 0 && lr > 1e-3) lr = 1e-3;
    KR_TRY(kr_optimizer_step(ctx, t->optimizer, t->step, lr, &o, t->model->theta, &loss));
    t->step++;
    if ((double)t->step > (double)total - how->average * how->steps) {
        for (size_t i = 0; i < n; i++) t->sum[i] += t->model->theta[i];
        t->averaged++;
    }
    if (t->step == total && t->averaged > 0)
        for (size_t i = 0; i < n; i++) t->model->theta[i] = t->sum[i] / (double)t->averaged;
done:
    return status;
}

/* ---- saved state ---- */

kr_status kr_committor_trainer_save(kr_context *ctx, const kr_committor_trainer *t, kr_tree *map) {
    kr_status status = KR_OK;
    kr_tree *optimizer = NULL;
    long n = (long)t->model->nparams;
    KR_TRY(kr_run_set_int(ctx, map, "step", t->step));
    KR_TRY(kr_run_set_int(ctx, map, "averaged", t->averaged));
    KR_TRY(kr_run_set_reals(ctx, map, "theta", n, t->model->theta));
    KR_TRY(kr_run_set_reals(ctx, map, "sum", n, t->sum));
    KR_TRY(kr_run_set_reals(ctx, map, "focus", t->focus ? n : 0, t->focus_at));
    KR_TRY(kr_run_set_reals(ctx, map, "means", 4,
                            (double[]){t->scale, t->terms.functional, t->terms.boundary, t->terms.hinge}));
    KR_TRY(kr_optimizer_save(ctx, t->optimizer, &optimizer));
    KR_TRY(kr_tree_set(ctx, map, "optimizer", &optimizer));
done:
    kr_tree_destroy(&optimizer);
    return status;
}

kr_status kr_committor_trainer_load(kr_context *ctx, kr_committor_trainer *t, const kr_tree *map) {
    kr_status status = KR_OK;
    const kr_tree *saved;
    kr_tree *optimizer = NULL;
    double means[4];
    int step, averaged;
    long n = (long)t->model->nparams;
    KR_TRY(kr_tree_get_int(ctx, map, "step", 0, INT32_MAX, &step));
    KR_TRY(kr_tree_get_int(ctx, map, "averaged", 0, INT32_MAX, &averaged));
    KR_TRY(kr_run_get_reals(ctx, map, "theta", n, t->model->theta));
    KR_TRY(kr_run_get_reals(ctx, map, "sum", n, t->sum));
    const kr_tree *focus = kr_tree_get(map, "focus");
    if (focus && focus->count) {
        KR_TRY(kr_run_get_reals(ctx, map, "focus", n, t->focus_at));
        KR_TRY(kr_committor_focus_set(ctx, t, t->focus_at));
    }
    KR_TRY(kr_run_get_reals(ctx, map, "means", 4, means));
    KR_TRY(kr_tree_need(ctx, map, "optimizer", &saved));
    KR_TRY(kr_run_lists_to_arrays(ctx, saved, &optimizer));
    KR_TRY(kr_optimizer_load(ctx, t->optimizer, optimizer));
    t->step = step;
    t->averaged = averaged;
    t->scale = means[0];
    t->terms = (kr_committor_terms){means[1], means[2], means[3]};
done:
    kr_tree_destroy(&optimizer);
    return status;
}
