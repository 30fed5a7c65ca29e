/* Errors of models on labelled frames, with the deviation of the ensemble beside them (kramers/audit.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/frame_table.h"
#include "eelt/ensemble.h"
#include "eelt/novelty.h"
#include "potential/model_frames.h"
#include <kramers/audit.h>
#include <math.h>

/* One number of all models: that of `index`, or their mean (index −1). */
static double judged(int nmodels, int index, const double *value, size_t stride) {
    double sum = 0;
    if (index >= 0) return value[(size_t)index * stride];
    for (int m = 0; m < nmodels; m++) sum += value[(size_t)m * stride];
    return sum / nmodels;
}

static void score_forces(const kr_ensemble_work *w, int index, const kr_frame *f, kr_scored *out) {
    size_t n = (size_t)f->natoms;
    const double *label = f->label[KR_LABEL_FORCE];
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double e2 = 0;
        for (size_t c = 0; c < 3; c++) {
            double d = judged(w->nmodels, index, w->force + 3 * i + c, 3 * n) - label[3 * i + c];
            e2 += d * d;
            out->f1 += fabs(d);
        }
        out->f2 += e2;
        if (!(e2 <= largest)) largest = e2; /* a NaN stays */
    }
    out->e = sqrt(largest);
}

static void score_rest(const kr_ensemble_work *w, int index, const kr_frame *f, kr_scored *out) {
    const double *energy = f->label[KR_LABEL_ENERGY], *virial = f->label[KR_LABEL_VIRIAL];
    double n = f->natoms;
    out->de = out->w2 = out->w1 = NAN;
    if (energy) out->de = (judged(w->nmodels, index, w->energy, 1) - energy[0]) / n;
    if (!virial) return;
    out->w2 = out->w1 = 0;
    for (size_t c = 0; c < 9; c++) {
        double d = (judged(w->nmodels, index, w->virial + c, 9) - virial[c]) / n;
        out->w2 += d * d;
        out->w1 += fabs(d);
    }
}

kr_status kr_audit_score(kr_context *ctx, const kr_potential *potential, int index, const kr_dataset *labelled,
                         const int *run, const int *cell, kr_scored *scored) {
    return kr_novelty_score(ctx, potential, NULL, index, labelled, run, cell, scored);
}

kr_status kr_novelty_score(kr_context *ctx, const kr_potential *potential, kr_novelty *novelty, int index,
                           const kr_dataset *labelled, const int *run, const int *cell, kr_scored *scored) {
    kr_status status = KR_OK;
    kr_model_frames frames = {.map = NULL};
    kr_ensemble_work work = {.nmodels = 0};
    long k = 0;
    if (!potential || !labelled || !scored || index >= kr_potential_nmodels(potential) || index < -1)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT,
                        "audit: potential, labelled frames, room for scores or model %d of %d is missing", index,
                        kr_potential_nmodels(potential));
    long total = kr_dataset_frames(labelled);
    KR_TRY(kr_ensemble_begin(ctx, potential, &work));
    work.novelty = novelty;
    KR_TRY(kr_model_frames_begin(ctx, kr_potential_model(potential, 0), labelled, &frames));
    for (int q = 0; q < labelled->nsystems; q++)
        for (int f = 0; f < labelled->system[q]->nframes; f++, k++) {
            kr_frame frame;
            KR_TRY(kr_model_frames_get(ctx, &frames, q, f, &frame));
            if (!frame.label[KR_LABEL_FORCE] || !frame.natoms)
                KR_FAIL(ctx, KR_ERR_ARGUMENT, "frame %d of %s has no forces to compare with", f,
                        labelled->system[q]->name);
            KR_TRY(kr_ensemble_frame(ctx, &work, &frame));
            scored[k] = (kr_scored){
                .run = run ? run[k] : (int)k, .cell = cell ? cell[k] : 0, .natoms = frame.natoms, .u = work.u};
            score_forces(&work, index, &frame, &scored[k]);
            score_rest(&work, index, &frame, &scored[k]);
            status = kr_progress(ctx, "audit", k + 1, total);
            if (status != KR_OK) goto done;
        }
done:
    kr_model_frames_clear(&frames);
    kr_ensemble_end(&work);
    return status;
}
