/* The steps of a run: rows of lcurve.out, checkpoints, averages, early stopping, the final model.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "potential/tree_maker.h"
#include "training/training_impl.h"
#include <math.h>
#include <string.h>
#include <time.h>

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Models of an ensemble draw their frames with seeds of their own. */
static void reseed(kr_training *t, const kr_member *m) {
    t->data->stream.seed = (uint64_t)t->input->training.seed + (uint64_t)m->index;
    t->data->pass = -1;
    t->data->at = 0;
    memset(t->data->drawn, 0, (size_t)t->data->nsystems * sizeof *t->data->drawn);
    for (int s = 0; s < t->data->nsystems; s++) t->data->system[s].row_epoch = -1;
}

/* ---- rows of lcurve.out ------------------------------------------------------------------------------------------ */

/* What column k shows of a report: the square root of the loss, or a term. */
static double shown(const kr_loss_report *report, int term) {
    return term < 0 ? sqrt(report->loss) : report->rmse[term];
}

/* numb_btch batches with the parameters after the update, their errors weighted by atoms. */
static kr_status validate_row(kr_context *ctx, kr_training *t, kr_member *m, double ratio, int n, const int *term,
                              double *out) {
    kr_status status = KR_OK;
    double sum[KR_TRAINING_TERMS] = {0}, weight[KR_TRAINING_TERMS] = {0};
    int batches = t->input->training.validation.numb_btch;
    int64_t row = m->step / t->input->training.disp_freq;
    kr_member_place(m, m->theta);
    for (int b = 0; b < batches; b++) {
        kr_batch batch;
        kr_loss_report report;
        KR_TRY(kr_data_batch(ctx, t->validation, row * batches + b, t->frames, &batch));
        KR_TRY(kr_member_loss(ctx, t, m, &batch, ratio, NULL, &report, NULL));
        for (int k = 0; k < n; k++) {
            double value = shown(&report, term[k]);
            if (isnan(value)) continue;
            sum[k] += value * batch.frame[0]->natoms;
            weight[k] += batch.frame[0]->natoms;
        }
    }
    for (int k = 0; k < n; k++) out[k] = weight[k] > 0 ? sum[k] / weight[k] : NAN;
done:
    return status;
}

/* disp_avg: mean of the steps since the last row. */
static void gather_average(kr_member *m) {
    for (int k = 0; k <= KR_LOSS_TERMS; k++) {
        double value = k ? m->last.rmse[k - 1] : sqrt(m->last.loss);
        if (isnan(value)) continue;
        m->average[k] += value;
        m->average_count[k]++;
    }
}

static void take_average(kr_member *m, int n, const int *term, double *out) {
    for (int k = 0; k < n; k++) {
        int at = term[k] + 1;
        out[k] = m->average_count[at] > 0 ? m->average[at] / m->average_count[at] : NAN;
    }
    memset(m->average, 0, sizeof m->average);
    memset(m->average_count, 0, sizeof m->average_count);
}

static int row_due(const kr_training *t, int64_t step) {
    return t->input->training.disp_training && (step == 1 || step % t->input->training.disp_freq == 0);
}

static kr_status write_row(kr_context *ctx, kr_training *t, kr_member *m, kr_training_row *row) {
    kr_status status = KR_OK;
    int term[KR_TRAINING_TERMS], n = kr_lcurve_columns(&t->input->loss, row->names, term);
    char *path = NULL;
    row->nterms = n;
    row->has_validation = t->validation != NULL;
    if (t->input->training.disp_avg)
        take_average(m, n, term, row->training);
    else
        for (int k = 0; k < n; k++) row->training[k] = shown(&m->last, term[k]);
    if (t->validation) KR_TRY(validate_row(ctx, t, m, row->rate / t->schedule.start, n, term, row->validation));
    if (t->options.rank != 0) return KR_OK;
    path = kr_training_path(ctx, t, m, t->input->training.disp_file);
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(kr_lcurve_append(ctx, t, path, row));
done:
    kr_free(path);
    return status;
}

/* ---- averages, early stopping ------------------------------------------------------------------------------------ */

enum { AVERAGE_PIECE = 16384 };

typedef struct averages {
    kr_member *m;
    double keep;
    int tail; /* this step belongs to the last part */
} averages;

static kr_status average_piece(void *payload, kr_context *ctx, long block, int thread) {
    const averages *a = payload;
    kr_member *m = a->m;
    (void)ctx, (void)thread;
    size_t begin = (size_t)block * AVERAGE_PIECE, end = begin + AVERAGE_PIECE;
    if (end > m->model->ntheta) end = m->model->ntheta;
    for (size_t i = begin; m->ema && i < end; i++) m->ema[i] = a->keep * m->ema[i] + (1 - a->keep) * m->theta[i];
    for (size_t i = begin; a->tail && i < end; i++) m->tail[i] += m->theta[i];
    return KR_OK;
}

static kr_status average_weights(kr_context *ctx, kr_training *t, kr_member *m) {
    averages a = {m, t->input->training.ema_decay,
                  m->tail && (double)(t->last - m->step) < t->input->own.average_tail * (double)t->last};
    if (!m->ema && !a.tail) return KR_OK;
    m->tail_count += a.tail;
    return kr_parallel_blocks(ctx, (long)((m->model->ntheta + AVERAGE_PIECE - 1) / AVERAGE_PIECE), average_piece, NULL,
                              &a);
}

/* All validation data (training data when there are none) with the prefactors of the end: is it getting better? */
static kr_status watch(kr_context *ctx, kr_training *t, kr_member *m, int *stop) {
    kr_status status = KR_OK;
    kr_loss_report report;
    int64_t every = t->input->own.valid_freq ? t->input->own.valid_freq : t->input->training.disp_freq;
    if (!m->best || m->step % every) return KR_OK;
    kr_member_place(m, m->theta);
    KR_TRY(kr_member_evaluate(ctx, t, m, t->validation ? t->validation : t->data, 0, &report));
    if (report.loss < m->best_error) {
        m->best_error = report.loss;
        m->best_step = m->step;
        m->worse = 0;
        memcpy(m->best, m->theta, m->model->ntheta * sizeof *m->theta);
    } else if (++m->worse >= t->input->own.patience) {
        *stop = 1;
    }
done:
    return status;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static kr_status save_as(kr_context *ctx, kr_training *t, kr_member *m, const char *suffix) {
    kr_status status = KR_OK;
    const char *dot = strrchr(t->output, '.');
    int stem = dot ? (int)(dot - t->output) : (int)strlen(t->output);
    char *name = kr_strprintf(ctx, "%.*s%s%s", stem, t->output, suffix, t->output + stem), *path = NULL;
    if (!name) KR_TRY(KR_ERR_MEMORY);
    path = kr_training_path(ctx, t, m, name);
    if (!path) KR_TRY(KR_ERR_MEMORY);
    if (t->options.rank == 0) KR_TRY(kr_model_save(ctx, m->model, path));
done:
    kr_free(name);
    kr_free(path);
    return status;
}

/* How the model was made, in its file beside what others read. */
static kr_status note_origin(kr_context *ctx, const kr_training *t, kr_member *m) {
    kr_status status = KR_OK;
    kr_tree_maker k = {.ctx = ctx};
    kr_tree *map = kr_make_map(&k, NULL, 0);
    kr_make_int(&k, map, "steps", m->step);
    kr_make_int(&k, map, "seed", t->input->training.seed + m->index);
    kr_make_int(&k, map, "frames", t->data->nframes);
    kr_make_string(&k, map, "engine", t->engine_kind->name);
    kr_make_string(&k, map, "optimizer", kr_optimizer_get_kind(m->optimizer)->name);
    KR_TRY(k.status);
    if (!m->model->header) KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &m->model->header));
    KR_TRY(kr_tree_set(ctx, m->model->header, "kramers_training", &map));
done:
    kr_tree_destroy(&map);
    return status;
}

/* Saves the averaged weights as a model of their own, with a bias of their own; the member's stays as it was. */
static kr_status save_averaged(kr_context *ctx, kr_training *t, kr_member *m) {
    kr_status status = KR_OK;
    size_t bytes = (size_t)m->model->ntypes * sizeof(double);
    double *bias = NULL;
    KR_NEW(ctx, bias, (size_t)m->model->ntypes);
    memcpy(bias, m->model->out_bias, bytes);
    kr_member_place(m, m->ema);
    if (t->input->training.change_bias_after_training) {
        kr_log(ctx, KR_LOG_INFO, "averaged weights:");
        KR_TRY(kr_member_change_bias(ctx, t, m));
    }
    KR_TRY(save_as(ctx, t, m, "-ema"));
done:
    if (bias) memcpy(m->model->out_bias, bias, bytes);
    kr_free(bias);
    return status;
}

/* The model that is kept: the best one when validation is watched, the mean of the tail when asked for, else the last
 * one. It stays in model->theta. */
static kr_status finish(kr_context *ctx, kr_training *t, kr_member *m) {
    kr_status status = KR_OK;
    size_t n = m->model->ntheta;
    double *last = NULL; /* m->theta may be the model's own array */
    KR_TRY(note_origin(ctx, t, m));
    KR_NEW(ctx, last, n);
    memcpy(last, m->theta, n * sizeof *last);
    if (m->ema) KR_TRY(save_averaged(ctx, t, m));
    kr_member_place(m, last);
    if (m->tail && m->tail_count)
        for (size_t i = 0; i < n; i++)
            if (m->mask[i]) m->model->theta[i] = m->tail[i] / (double)m->tail_count;
    if (m->best && isfinite(m->best_error)) {
        kr_member_place(m, m->best);
        kr_log(ctx, KR_LOG_INFO, "the model of step %lld has the best validation error and is kept",
               (long long)m->best_step);
    }
    if (t->input->training.change_bias_after_training) KR_TRY(kr_member_change_bias(ctx, t, m));
    KR_TRY(save_as(ctx, t, m, ""));
    m->finished = 1;
done:
    kr_free(last);
    return status;
}

static kr_status begin(kr_context *ctx, kr_training *t, kr_member *m) {
    kr_status status = KR_OK;
    char *path = NULL, *file = NULL, *folder = NULL;
    reseed(t, m);
    if (t->restart) {
        folder = t->nmembers > 1 ? kr_training_path(ctx, t, m, "") : t->folder ? kr_strdup(ctx, t->folder) : NULL;
        if (folder && *folder && folder[strlen(folder) - 1] == '/') folder[strlen(folder) - 1] = 0;
        KR_TRY(kr_checkpoint_find(ctx, folder, t->restart, &file));
        KR_TRY(kr_checkpoint_read(ctx, t, m, file));
    }
    path = kr_training_path(ctx, t, m, t->input->training.disp_file);
    if (!path) KR_TRY(KR_ERR_MEMORY);
    if (t->options.rank == 0 && t->input->training.disp_training) KR_TRY(kr_lcurve_begin(ctx, t, path, m->step));
done:
    kr_free(path);
    kr_free(file);
    kr_free(folder);
    return status;
}

/* One update and what belongs to it. *stop is set when the member is done early. */
static kr_status step(kr_context *ctx, kr_training *t, kr_member *m, kr_training_row_fn report, void *payload,
                      int *stop) {
    kr_status status = KR_OK, moved;
    int stopped;
    const kr_input *in = t->input;
    kr_training_row row = {.member = m->index, .last = t->last, .rate = kr_schedule_at(&t->schedule, m->step)};
    if (m->step % in->own.spline_check_freq == 0) {
        kr_member_place(m, m->theta);
        KR_TRY(kr_engine_check(ctx, m->engine, NULL));
    }
    stopped = t->want;
    moved = kr_member_update(ctx, t, m, &stopped);
    KR_TRY(moved);
    t->stop = stopped;
    KR_TRY(average_weights(ctx, t, m));
    if (in->training.disp_avg) gather_average(m);
    row.step = m->step;
    row.seconds = seconds() - t->started;
    int show = row_due(t, m->step), save = m->step % in->training.save_freq == 0 || m->step == t->last;
    if (show) KR_TRY(write_row(ctx, t, m, &row));
    KR_TRY(watch(ctx, t, m, stop));
    if (moved == KR_NOT_CONVERGED) {
        kr_log(ctx, KR_LOG_INFO, "step %lld: the optimizer finds no further progress", (long long)m->step);
        *stop = 1;
    }
    if (save || *stop) {
        KR_TRY(kr_checkpoint_write(ctx, t, m));
        row.saved = kr_training_checkpoint(t);
    }
    if (report && (show || row.saved)) report(&row, payload);
done:
    return status;
}

/* Steps until the end, an early stop or a cancel. */
static kr_status run_member(kr_context *ctx, kr_training *t, kr_member *m, kr_training_row_fn report, void *payload) {
    kr_status status = KR_OK;
    long total = (long)(t->last * t->nmembers), before = (long)(t->last * m->index);
    int stop = 0;
    KR_TRY(begin(ctx, t, m));
    while (m->step < t->last && !stop) {
        KR_TRY(step(ctx, t, m, report, payload, &stop));
        /* processes stop together: the wish travels with the sum of the next step */
        if (kr_progress(ctx, "steps", before + (long)m->step, total) == KR_CANCELLED) t->want = 1;
        if (t->options.nranks <= 1) t->stop = t->want;
        if (t->stop && m->step < t->last && !stop) {
            KR_TRY(kr_checkpoint_write(ctx, t, m));
            return KR_CANCELLED;
        }
    }
    KR_TRY(finish(ctx, t, m));
done:
    return status;
}

kr_status kr_training_run(kr_context *ctx, kr_training *t, kr_training_row_fn row, void *payload) {
    if (!t) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_training_run: training must not be NULL");
    kr_status status = KR_OK;
    t->started = seconds();
    for (int i = 0; i < t->nmembers; i++) {
        t->current = i;
        if (t->member[i].finished) continue;
        status = run_member(ctx, t, &t->member[i], row, payload);
        if (status != KR_OK) break;
    }
    return status;
}
