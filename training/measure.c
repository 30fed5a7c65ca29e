/* Measurements for Kalman filters: the energies of a batch, and its forces in groups of atoms.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Each group reduces its errors x_k = label − prediction to one number, as FEKF does for the frames of a batch:
 *   innovation ε = √frames · mean_k |x_k|,   signed prediction Σ_k sign(x_k) prediction_k / number,
 * so that a step along +gradient makes the error smaller. Group 0: E/N of the frames; group g > 0: the force components
 * of the atoms i with (i + step) mod FORCE_GROUPS = g − 1. Source: Hu et al. 2024, doi 10.1145/3627535.3638505. */
#include "core/error.h"
#include "core/memory.h"
#include "training/training_impl.h"
#include <math.h>
#include <string.h>

enum { FORCE_GROUPS = 4 };

int kr_member_groups(const kr_training *t) {
    int forces = kr_loss_term_active(&t->input->loss, KR_LOSS_F) || kr_loss_term_active(&t->input->loss, KR_LOSS_PF);
    return 1 + (forces ? FORCE_GROUPS : 0);
}

static double sign_of(double x) { return (x > 0) - (x < 0); }

/* How many numbers the group has in the whole batch. */
static double group_count(const kr_batch *batch, int group, int64_t step) {
    double n = 0;
    for (int f = 0; f < batch->nframes; f++) {
        const kr_training_frame *frame = batch->frame[f];
        if (group == 0) {
            n += (frame->has & 1u << KR_LABEL_ENERGY) != 0;
        } else if (frame->has & 1u << KR_LABEL_FORCE) {
            for (int i = 0; i < frame->natoms; i++) n += (i + step) % FORCE_GROUPS == group - 1 ? 3 : 0;
        }
    }
    return n;
}

/* One frame: adds to the innovation, fills ebar [natoms] or fbar [natoms][3]. */
static double reduce(const kr_training_frame *f, int group, int64_t step, double count, const double *energy,
                     const double *force, double *ebar, double *fbar) {
    double sum = 0;
    if (group == 0) {
        if (!(f->has & 1u << KR_LABEL_ENERGY)) return 0;
        for (int i = 0; i < f->natoms; i++) sum += energy[i];
        double x = (f->energy - sum) / f->natoms;
        for (int i = 0; i < f->natoms; i++) ebar[i] = sign_of(x) / (f->natoms * count);
        return fabs(x) / count;
    }
    if (!(f->has & 1u << KR_LABEL_FORCE)) return 0;
    for (int i = 0; i < f->natoms; i++) {
        if ((i + step) % FORCE_GROUPS != group - 1) continue;
        for (int a = 0; a < 3; a++) {
            double x = f->force[3 * i + a] - force[3 * i + a];
            fbar[3 * i + a] = sign_of(x) / count;
            sum += fabs(x) / count;
        }
    }
    return sum;
}

kr_status kr_member_measure(kr_context *ctx, kr_training *t, kr_member *m, const kr_batch *batch, int group,
                            double *innovation, double *gradient) {
    kr_status status = KR_OK;
    size_t n = m->model->ntheta;
    int nranks = t->options.nranks > 1 ? t->options.nranks : 1;
    double count = group_count(batch, group, m->step);
    *innovation = 0;
    memset(gradient, 0, n * sizeof *gradient);
    for (int f = t->options.rank; f < batch->nframes && count > 0; f += nranks) {
        kr_batch one;
        kr_batch_set(&one, 1, &batch->frame[f]);
        size_t atoms = (size_t)one.natoms;
        KR_TRY(kr_buffer_reserve(ctx, &t->loss.energy, atoms, sizeof(double)));
        KR_TRY(kr_buffer_reserve(ctx, &t->loss.force, 3 * atoms, sizeof(double)));
        KR_TRY(kr_buffer_reserve(ctx, &t->loss.ebar, atoms, sizeof(double)));
        KR_TRY(kr_buffer_reserve(ctx, &t->loss.fbar, 3 * atoms, sizeof(double)));
        memset(t->loss.ebar.data, 0, atoms * sizeof(double));
        memset(t->loss.fbar.data, 0, 3 * atoms * sizeof(double));
        KR_TRY(kr_engine_value(ctx, m->engine, &one, t->loss.energy.data, group ? t->loss.force.data : NULL, NULL));
        *innovation += reduce(batch->frame[f], group, m->step, count, t->loss.energy.data, t->loss.force.data,
                              t->loss.ebar.data, t->loss.fbar.data);
        KR_TRY(kr_engine_gradient(ctx, m->engine, &one, group ? NULL : t->loss.ebar.data,
                                  group ? t->loss.fbar.data : NULL, NULL, gradient));
    }
    if (nranks > 1) {
        memcpy(t->sums, gradient, n * sizeof *gradient);
        t->sums[n] = *innovation;
        if (t->options.sum(t->sums, (long)n + 1, t->options.sum_payload))
            KR_FAIL(ctx, KR_ERR_CALLBACK, "the sum over %d processes failed", nranks);
        memcpy(gradient, t->sums, n * sizeof *gradient);
        *innovation = t->sums[n];
    }
    *innovation *= sqrt((double)batch->nframes);
done:
    return status;
}
