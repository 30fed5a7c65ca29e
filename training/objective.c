/* Loss and gradient of a batch over all processes, and the update.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Frame i of a batch belongs to process i mod nranks. The counts that the means run over are those of the whole batch,
 * which every process knows, so that losses and gradients of the parts add up to those of the whole (loss.h). */
#include "core/error.h"
#include "core/memory.h"
#include "training/training_impl.h"
#include <math.h>
#include <string.h>

/* A batch of more frames is evaluated in pieces, which bounds the memory of engines. */
enum { PIECE = 64, PIECE_ATOMS = 4096 };

static int nranks_of(const kr_training *t) { return t->options.nranks > 1 ? t->options.nranks : 1; }

/* Packs what processes add up: gradient, report, flag. */
static kr_status sum_up(kr_context *ctx, kr_training *t, size_t n, double *gradient, kr_loss_report *report,
                        int *cancel) {
    double *s = t->sums;
    size_t at = 0;
    if (nranks_of(t) == 1) return KR_OK;
    if (gradient) memcpy(s, gradient, n * sizeof *s);
    at = gradient ? n : 0;
    s[at++] = report->loss;
    for (int k = 0; k < KR_LOSS_TERMS; k++) {
        s[at++] = report->term[k];
        s[at++] = report->mean[k];
    }
    s[at++] = report->nframes;
    s[at++] = report->natoms;
    s[at++] = cancel && *cancel;
    if (t->options.sum(s, (long)at, t->options.sum_payload))
        return KR_ERROR(ctx, KR_ERR_CALLBACK, "the sum over %d processes failed", nranks_of(t));
    if (gradient) memcpy(gradient, s, n * sizeof *s);
    at = gradient ? n : 0;
    report->loss = s[at++];
    for (int k = 0; k < KR_LOSS_TERMS; k++) {
        report->term[k] = s[at++];
        report->mean[k] = s[at++];
    }
    report->nframes = (int)s[at++];
    report->natoms = (int)s[at++];
    if (cancel) *cancel = s[at] > 0;
    return KR_OK;
}

static void add_report(kr_loss_report *sum, const kr_loss_report *part) {
    sum->loss += part->loss;
    sum->nframes += part->nframes;
    sum->natoms += part->natoms;
    for (int k = 0; k < KR_LOSS_TERMS; k++) {
        sum->term[k] += part->term[k];
        sum->mean[k] += part->mean[k];
    }
}

kr_status kr_member_loss(kr_context *ctx, kr_training *t, kr_member *m, const kr_batch *batch, double ratio,
                         double *gradient, kr_loss_report *report, int *cancel) {
    kr_status status = KR_OK;
    double count[KR_LOSS_TERMS] = {0};
    kr_training_frame *piece[PIECE];
    int used = 0, atoms = 0;
    *report = (kr_loss_report){0};
    kr_loss_count(&t->input->loss, batch, count);
    t->loss.set = 1;
    for (int i = t->options.rank; i < batch->nframes; i += nranks_of(t)) {
        piece[used++] = batch->frame[i];
        atoms += batch->frame[i]->natoms;
        if (used < PIECE && atoms < PIECE_ATOMS && i + nranks_of(t) < batch->nframes) continue;
        kr_batch part;
        kr_loss_report r;
        kr_batch_set(&part, used, piece);
        part.whole = batch;
        KR_TRY(kr_loss_gradient(ctx, &t->input->loss, ratio, m->engine, &part, count, gradient, &r, &t->loss));
        add_report(report, &r);
        used = atoms = 0;
    }
    if (gradient && t->loss.set) memset(gradient, 0, m->model->ntheta * sizeof *gradient); /* no frame of ours */
    KR_TRY(sum_up(ctx, t, m->model->ntheta, gradient, report, cancel));
    kr_loss_report_finish(&t->input->loss, count, report);
done:
    return status;
}

kr_status kr_member_evaluate(kr_context *ctx, kr_training *t, kr_member *m, kr_data_set *set, double ratio,
                             kr_loss_report *report) {
    kr_batch all;
    kr_batch_set(&all, set->nframes, set->frame);
    return kr_member_loss(ctx, t, m, &all, ratio, NULL, report, NULL);
}

/* ---- the objective that optimizers see --------------------------------------------------------------------------- */

typedef struct objective {
    kr_training *t;
    kr_member *m;
    const kr_batch *batch;
    double ratio;
    int *cancel;
    int evaluations;
} objective;

/* Cuts the gradient to gradient_max_norm; frozen entries do not count. */
static void clip(const kr_member *m, double most, double *gradient) {
    double sum = 0;
    for (size_t i = 0; i < m->model->ntheta; i++)
        if (m->mask[i]) sum += gradient[i] * gradient[i];
    double scale = most / (sqrt(sum) + 1e-6);
    if (!(scale < 1)) return;
    for (size_t i = 0; i < m->model->ntheta; i++) gradient[i] *= scale;
}

static kr_status evaluate(kr_context *ctx, void *payload, const double *theta, double *loss, double *gradient) {
    kr_status status = KR_OK;
    objective *o = payload;
    kr_loss_report report;
    kr_member_place(o->m, theta);
    KR_TRY(kr_member_loss(ctx, o->t, o->m, o->batch, o->ratio, gradient, &report, o->cancel));
    if (gradient && !isnan(o->t->input->training.gradient_max_norm))
        clip(o->m, o->t->input->training.gradient_max_norm, gradient);
    if (loss) *loss = report.loss;
    if (o->evaluations++ == 0) o->m->last = report;
done:
    return status;
}

static kr_status measure(kr_context *ctx, void *payload, int group, const double *theta, double *innovation,
                         double *gradient) {
    kr_status status = KR_OK;
    objective *o = payload;
    kr_member_place(o->m, theta);
    if (group == 0) /* what lcurve.out shows, and the wish to stop */
        KR_TRY(kr_member_loss(ctx, o->t, o->m, o->batch, o->ratio, NULL, &o->m->last, o->cancel));
    KR_TRY(kr_member_measure(ctx, o->t, o->m, o->batch, group, innovation, gradient));
done:
    return status;
}

/* Adam's means in the precision of the networks, as DeePMD-kit has them, unless the input says otherwise: with float
 * networks their traffic would be a tenth of a step. */
static int follows_precision(const kr_training *t, const kr_optimizer_kind *kind) {
    return t->single && (!strcmp(kind->name, "Adam") || !strcmp(kind->name, "AdamW")) &&
           !kr_tree_get(t->input->optimizer_options, "single");
}

kr_status kr_member_optimizer(kr_context *ctx, kr_training *t, kr_member *m, const kr_optimizer_kind *kind) {
    kr_status status = KR_OK;
    kr_tree *options = NULL, *yes = NULL;
    KR_TRY(kr_tree_copy(ctx, t->input->optimizer_options, &options));
    if (follows_precision(t, kind)) {
        KR_TRY(kr_tree_new_bool(ctx, 1, &yes));
        KR_TRY(kr_tree_set(ctx, options, "single", &yes));
    }
    KR_TRY(kr_optimizer_create(ctx, kind, options, m->model->ntheta, m->model->nblocks, m->model->block, m->mask,
                               &m->optimizer));
done:
    kr_tree_destroy(&options);
    kr_tree_destroy(&yes);
    return status;
}

kr_status kr_member_update(kr_context *ctx, kr_training *t, kr_member *m, int *cancel) {
    kr_status status = KR_OK;
    kr_batch batch;
    double lr = kr_schedule_at(&t->schedule, m->step);
    objective o = {.t = t, .m = m, .batch = &batch, .ratio = lr / t->schedule.start, .cancel = cancel};
    kr_objective face = {.payload = &o, .evaluate = evaluate, .ngroups = kr_member_groups(t), .measure = measure};
    if (kr_optimizer_get_kind(m->optimizer)->full_batch)
        kr_batch_set(&batch, t->data->nframes, t->data->frame);
    else
        KR_TRY(kr_data_batch(ctx, t->data, m->step, t->frames, &batch));
    status = kr_optimizer_step(ctx, m->optimizer, m->step, lr, &face, m->theta, NULL);
    if (status < 0) kr_error_prefix(ctx, "step %lld", (long long)m->step + 1);
    if (status >= 0) m->step++;
done:
    return status;
}
