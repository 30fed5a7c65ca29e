/* Statistics of the training data.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "training/statistics.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/memory.h"
#include "core/parallel.h"
#include <float.h>
#include <math.h>
#include <string.h>

kr_status kr_statistics_sample(kr_context *ctx, kr_data_set *set, int batches, int *n, kr_training_frame ***frames) {
    kr_status status = KR_OK;
    long total = 0;
    for (int s = 0; s < set->nsystems; s++) total += set->system[s].nframes;
    *n = 0;
    KR_NEW(ctx, *frames, (size_t)total);
    for (int s = 0; s < set->nsystems; s++) {
        const kr_data_system *y = &set->system[s];
        long most = (long)batches * y->batch;
        for (int i = 0; i < y->nframes && i < most; i++) (*frames)[(*n)++] = set->frame[kr_data_entry(set, s, i)];
    }
done:
    return status;
}

/* ---- davg, dstd -------------------------------------------------------------------------------------------------- */

/* Per centre type: Σ s, Σ s², Σ (columns 1–3), Σ of their squares, and the number of centres. */
enum { RADIAL, RADIAL2, ANGULAR, ANGULAR2, CENTERS, SUMS };

typedef struct moments {
    const kr_model *model;
    kr_training_frame *const *frames;
    double *part; /* [nthreads][ntypes][SUMS] of the block being summed */
    double *sum;  /* [ntypes][SUMS] */
} moments;

static int pair_counts(const kr_model *m, int center, int neighbor) {
    return !m->descriptor.excluded[center * m->ntypes + neighbor];
}

static kr_status add_frame(void *payload, kr_context *ctx, long block, int thread) {
    (void)ctx;
    moments *k = payload;
    const kr_model *m = k->model;
    const kr_env *env = &k->frames[block]->env;
    double *part = k->part + (size_t)thread * (size_t)m->ntypes * SUMS;
    memset(part, 0, (size_t)m->ntypes * SUMS * sizeof *part);
    for (int i = 0; i < env->natoms; i++) {
        int ti = env->center_type[i];
        double *sum = part + (size_t)ti * SUMS;
        sum[CENTERS] += 1;
        for (int tj = 0; tj < m->ntypes; tj++) {
            if (!pair_counts(m, ti, tj)) continue;
            for (int p = env->first[i * env->ntypes + tj]; p < env->first[i * env->ntypes + tj + 1]; p++) {
                double row[4];
                kr_env_row(&m->descriptor, env, ti, p, row);
                sum[RADIAL] += row[0];
                sum[RADIAL2] += row[0] * row[0];
                for (int c = 1; c < m->descriptor.ncolumns; c++) {
                    sum[ANGULAR] += row[c];
                    sum[ANGULAR2] += row[c] * row[c];
                }
            }
        }
    }
    return KR_OK;
}

static void take_frame(void *payload, long block, int thread) {
    (void)block;
    moments *k = payload;
    size_t n = (size_t)k->model->ntypes * SUMS;
    for (size_t i = 0; i < n; i++) k->sum[i] += k->part[(size_t)thread * n + i];
}

static double deviation(double sum, double sum2, double number, double protect) {
    if (!(number > 0)) return 0.1;
    double mean = sum / number, variance = sum2 / number - mean * mean, std = variance > 0 ? sqrt(variance) : 0;
    return std > protect ? std : protect;
}

kr_status kr_statistics_descriptor(kr_context *ctx, kr_model *model, int n, kr_training_frame *const *frames,
                                   double protect) {
    kr_status status = KR_OK;
    kr_descriptor *d = &model->descriptor;
    int nc = d->ncolumns;
    moments k = {.model = model, .frames = frames};
    KR_NEW(ctx, k.part, (size_t)kr_parallel_threads(ctx) * (size_t)model->ntypes * SUMS);
    KR_NEW(ctx, k.sum, (size_t)model->ntypes * SUMS);
    KR_TRY(kr_parallel_blocks(ctx, n, add_frame, take_frame, &k));
    for (int t = 0; t < model->ntypes; t++) {
        const double *s = k.sum + (size_t)t * SUMS;
        double slots = s[CENTERS] * d->nnei, avg = slots > 0 ? s[RADIAL] / slots : 0;
        double radial = deviation(s[RADIAL], s[RADIAL2], slots, protect);
        double angular = deviation(s[ANGULAR], s[ANGULAR2], 3 * slots, protect);
        for (int slot = 0; slot < d->nnei; slot++)
            for (int c = 0; c < nc; c++) {
                size_t at = ((size_t)t * (size_t)d->nnei + (size_t)slot) * (size_t)nc + (size_t)c;
                d->davg[at] = c == 0 && !d->set_davg_zero ? avg : 0;
                d->dstd[at] = c == 0 ? radial : angular;
            }
    }
done:
    kr_free(k.part);
    kr_free(k.sum);
    return status;
}

/* ---- frame and atom parameters ----------------------------------------------------------------------------------- */

/* Mean and 1/std of column c of rows of width w, over all rows of all frames. */
static void column(int n, kr_training_frame *const *frames, int aparam, int w, int c, double *avg, double *inverse) {
    double number = 0, sum = 0, sum2 = 0;
    for (int i = 0; i < n; i++) {
        const kr_training_frame *f = frames[i];
        const double *x = aparam ? f->aparam : f->fparam;
        for (int row = 0; x && row < (aparam ? f->natoms : 1); row++) {
            double value = x[row * w + c];
            number++;
            sum += value;
            sum2 += value * value;
        }
    }
    if (!(number > 0)) return;
    *avg = sum / number;
    *inverse = 1 / deviation(sum, sum2, number, 1e-2);
}

kr_status kr_statistics_parameters(kr_context *ctx, kr_model *model, int n, kr_training_frame *const *frames) {
    (void)ctx;
    kr_fitting *f = &model->fitting;
    for (int c = 0; c < f->numb_fparam; c++)
        column(n, frames, 0, f->numb_fparam, c, &f->fparam_avg[c], &f->fparam_inv_std[c]);
    for (int c = 0; c < f->numb_aparam; c++)
        column(n, frames, 1, f->numb_aparam, c, &f->aparam_avg[c], &f->aparam_inv_std[c]);
    return KR_OK;
}

/* ---- energy bias ------------------------------------------------------------------------------------------------- */

static double spread_of(int n, const double *rest) {
    double mean = 0, square = 0;
    for (int i = 0; i < n; i++) mean += rest[i];
    mean /= n > 0 ? n : 1;
    for (int i = 0; i < n; i++) square += (rest[i] - mean) * (rest[i] - mean);
    return sqrt(square / (n > 0 ? n : 1));
}

kr_status kr_statistics_bias(kr_context *ctx, const kr_model *model, int n, kr_training_frame *const *frames,
                             const double *energy, const double *preset, double rcond, double *bias, double *spread) {
    kr_status status = KR_OK;
    int nt = model->ntypes, rows = 0, m;
    double *counts = NULL, *copy = NULL, *right = NULL, *target = NULL;
    KR_NEW(ctx, counts, (size_t)n * (size_t)nt);
    KR_NEW(ctx, target, (size_t)n);
    for (int i = 0; i < n; i++) {
        const kr_training_frame *f = frames[i];
        if (!(f->has & 1u << KR_LABEL_ENERGY)) continue;
        double *row = counts + (size_t)rows * (size_t)nt;
        memset(row, 0, (size_t)nt * sizeof *row);
        for (int a = 0; a < f->natoms; a++) row[f->type[a]] += 1;
        target[rows] = energy ? energy[i] : f->energy;
        for (int t = 0; preset && t < nt; t++)
            if (!isnan(preset[t])) {
                target[rows] -= row[t] * preset[t];
                row[t] = 0;
            }
        rows++;
    }
    m = rows > nt ? rows : nt;
    KR_NEW(ctx, copy, (size_t)rows * (size_t)nt);
    KR_NEW(ctx, right, (size_t)m);
    memcpy(copy, counts, (size_t)rows * (size_t)nt * sizeof *copy);
    memcpy(right, target, (size_t)rows * sizeof *right);
    /* numpy's default: below it a singular value is noise, as with frames of one composition only */
    if (rcond < 0) rcond = DBL_EPSILON * m;
    if (rows) KR_TRY(kr_least_squares(ctx, rows, nt, 1, copy, right, rcond, NULL));
    for (int t = 0; t < nt; t++) bias[t] = preset && !isnan(preset[t]) ? preset[t] : rows ? right[t] : 0;
    for (int i = 0; i < rows; i++)
        for (int t = 0; t < nt; t++)
            if (!preset || isnan(preset[t])) target[i] -= counts[(size_t)i * (size_t)nt + (size_t)t] * bias[t];
    *spread = rows ? spread_of(rows, target) : 1;
done:
    kr_free(counts);
    kr_free(copy);
    kr_free(right);
    kr_free(target);
    return status;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

kr_status kr_statistics_apply(kr_context *ctx, const kr_input *input, kr_data_set *set, kr_model *model,
                              double *spread) {
    kr_status status = KR_OK;
    kr_training_frame **frames = NULL;
    double *preset = NULL, rcond = model->fitting.has_rcond ? model->fitting.rcond : -1;
    const kr_tree *energies = input->model.preset_out_bias ? kr_tree_get(input->model.preset_out_bias, "energy") : NULL;
    int n;
    KR_TRY(kr_statistics_sample(ctx, set, input->model.data_stat_nbatch, &n, &frames));
    KR_TRY(kr_statistics_descriptor(ctx, model, n, frames, input->model.data_stat_protect));
    KR_TRY(kr_statistics_parameters(ctx, model, n, frames));
    KR_NEW(ctx, preset, (size_t)model->ntypes);
    for (int t = 0; t < model->ntypes; t++) {
        preset[t] = NAN;
        if (energies && energies->child[t]->kind != KR_TREE_NULL) preset[t] = energies->child[t]->real;
        /* The energy of an isolated atom is in bias_atom_e already, and the net gives 0 for it. */
        if (model->fitting.atom_ener && model->fitting.has_atom_ener[t]) {
            model->fitting.bias_atom_e[t] = model->fitting.atom_ener[t];
            preset[t] = model->fitting.atom_ener[t];
        }
    }
    KR_TRY(kr_statistics_bias(ctx, model, n, frames, NULL, preset, rcond, model->out_bias, spread));
    for (int t = 0; t < model->ntypes; t++)
        if (model->fitting.atom_ener && model->fitting.has_atom_ener[t]) model->out_bias[t] = 0;
done:
    kr_free(frames);
    kr_free(preset);
    return status;
}
