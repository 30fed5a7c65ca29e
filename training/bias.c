/* A change of the energy bias: the model's shape stays, its zero of energy follows the data.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   out_bias ← out_bias + argmin_b |N b − (E − E_model)|²
 * over the first data_bias_nsample batches of each system; types that these frames do not hold keep their bias. */
#include "core/error.h"
#include "core/memory.h"
#include "training/statistics.h"
#include "training/training_impl.h"
#include <math.h>
#include <string.h>

/* E − E_model of the frames, one at a time. */
static kr_status residuals(kr_context *ctx, kr_member *m, int n, kr_training_frame **frames, double *rest) {
    kr_status status = KR_OK;
    kr_buffer energy = {0};
    for (int i = 0; i < n; i++) {
        kr_batch batch;
        kr_batch_set(&batch, 1, &frames[i]);
        KR_TRY(kr_buffer_reserve(ctx, &energy, (size_t)batch.natoms, sizeof(double)));
        KR_TRY(kr_engine_value(ctx, m->engine, &batch, energy.data, NULL, NULL));
        rest[i] = frames[i]->energy;
        for (int a = 0; a < batch.natoms; a++) rest[i] -= ((double *)energy.data)[a];
    }
done:
    kr_buffer_free(&energy);
    return status;
}

kr_status kr_member_change_bias(kr_context *ctx, kr_training *t, kr_member *m) {
    kr_status status = KR_OK;
    kr_training_frame **frames = NULL;
    double *rest = NULL, *shift = NULL, spread, rcond = m->model->fitting.has_rcond ? m->model->fitting.rcond : -1;
    int n, nt = m->model->ntypes;
    KR_TRY(kr_statistics_sample(ctx, t->data, t->input->model.data_bias_nsample, &n, &frames));
    KR_NEW(ctx, rest, (size_t)n);
    KR_NEW(ctx, shift, (size_t)nt);
    KR_TRY(residuals(ctx, m, n, frames, rest));
    KR_TRY(kr_statistics_bias(ctx, m->model, n, frames, rest, NULL, rcond, shift, &spread));
    for (int i = 0; i < nt; i++) {
        m->model->out_bias[i] += shift[i];
        kr_log(ctx, KR_LOG_INFO, "energy bias of %s: %+.6g eV, now %.8g eV", m->model->type_map[i], shift[i],
               m->model->out_bias[i]);
    }
done:
    kr_free(frames);
    kr_free(rest);
    kr_free(shift);
    return status;
}
