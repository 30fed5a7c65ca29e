/* Errors of models on labelled frames, with the deviation of the ensemble beside them (kramers/audit.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/frame_table.h"
#include "core/memory.h"
#include "potential/model_frames.h"
#include <kramers/audit.h>
#include <kramers/deviation.h>
#include <math.h>

/* Scratch for the results of all models. */
typedef struct scorer {
    const kr_potential *potential;
    kr_workspace *workspace;
    int nmodels, index;
    kr_buffer force, epsilon;
    const double **of_model; /* [nmodels] */
    double *energy, *virial; /* [nmodels], [nmodels][9] */
} scorer;

/* One number of all models: that of `index`, or their mean. */
static double judged(const scorer *s, const double *value, size_t stride) {
    double sum = 0;
    if (s->index >= 0) return value[(size_t)s->index * stride];
    for (int m = 0; m < s->nmodels; m++) sum += value[(size_t)m * stride];
    return sum / s->nmodels;
}

static void score_forces(const scorer *s, const kr_frame *f, kr_scored *out) {
    size_t n = (size_t)f->natoms;
    const double *force = s->force.data, *label = f->label[KR_LABEL_FORCE];
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        double e2 = 0;
        for (size_t c = 0; c < 3; c++) {
            double d = judged(s, force + 3 * i + c, 3 * n) - label[3 * i + c];
            e2 += d * d;
            out->f1 += fabs(d);
        }
        out->f2 += e2;
        if (!(e2 <= largest)) largest = e2; /* a NaN stays */
    }
    out->e = sqrt(largest);
}

static void score_rest(const scorer *s, const kr_frame *f, kr_scored *out) {
    double n = f->natoms;
    out->de = out->w2 = out->w1 = NAN;
    if (f->label[KR_LABEL_ENERGY]) out->de = (judged(s, s->energy, 1) - f->label[KR_LABEL_ENERGY][0]) / n;
    if (!f->label[KR_LABEL_VIRIAL]) return;
    out->w2 = out->w1 = 0;
    for (size_t c = 0; c < 9; c++) {
        double d = (judged(s, s->virial + c, 9) - f->label[KR_LABEL_VIRIAL][c]) / n;
        out->w2 += d * d;
        out->w1 += fabs(d);
    }
}

static kr_status score(kr_context *ctx, scorer *s, const kr_frame *f, kr_scored *out) {
    kr_status status = KR_OK;
    size_t n = (size_t)f->natoms, nm = (size_t)s->nmodels;
    KR_TRY(kr_buffer_reserve(ctx, &s->force, 3 * n * nm, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &s->epsilon, n, sizeof(double)));
    const kr_result result = {.energy = s->energy, .force = s->force.data, .virial = s->virial};
    KR_TRY(kr_potential_compute_frame(s->potential, s->workspace, f->natoms, f->coord, f->type, kr_frame_box(f),
                                      kr_frame_pbc(f), f->label[KR_LABEL_FPARAM], f->label[KR_LABEL_APARAM], &result));
    out->natoms = f->natoms;
    score_forces(s, f, out);
    score_rest(s, f, out);
    out->u = NAN;
    if (s->nmodels > 1) {
        double least, mean;
        for (size_t m = 0; m < nm; m++) s->of_model[m] = result.force + 3 * n * m;
        kr_deviation_force(s->nmodels, f->natoms, s->of_model, -1, s->epsilon.data);
        kr_deviation_summary(f->natoms, s->epsilon.data, &out->u, &least, &mean);
    }
done:
    return status;
}

kr_status kr_audit_score(kr_context *ctx, const kr_potential *potential, int index, const kr_dataset *labelled,
                         const int *run, const int *cell, kr_scored *scored) {
    kr_status status = KR_OK;
    kr_model_frames frames = {.map = NULL};
    scorer s = {.potential = potential, .nmodels = kr_potential_nmodels(potential), .index = index};
    long k = 0;
    if (!potential || !labelled || !scored || index >= s.nmodels || index < -1)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT,
                        "audit: potential, labelled frames, room for scores or model %d of %d is "
                        "missing",
                        index, s.nmodels);
    size_t nm = (size_t)s.nmodels;
    long total = kr_dataset_frames(labelled);
    KR_NEW(ctx, s.of_model, nm);
    KR_NEW(ctx, s.energy, nm);
    KR_NEW(ctx, s.virial, 9 * nm);
    KR_TRY(kr_workspace_create(ctx, potential, &s.workspace));
    KR_TRY(kr_model_frames_begin(ctx, kr_potential_model(potential, 0), labelled, &frames));
    for (int q = 0; q < labelled->nsystems; q++)
        for (int f = 0; f < labelled->system[q]->nframes; f++, k++) {
            kr_frame frame;
            KR_TRY(kr_model_frames_get(ctx, &frames, q, f, &frame));
            if (!frame.label[KR_LABEL_FORCE] || !frame.natoms)
                KR_FAIL(ctx, KR_ERR_ARGUMENT, "frame %d of %s has no forces to compare with", f,
                        labelled->system[q]->name);
            scored[k] = (kr_scored){.run = run ? run[k] : (int)k, .cell = cell ? cell[k] : 0};
            KR_TRY(score(ctx, &s, &frame, &scored[k]));
            status = kr_progress(ctx, "audit", k + 1, total);
            if (status != KR_OK) goto done;
        }
done:
    kr_model_frames_clear(&frames);
    kr_workspace_destroy(&s.workspace);
    kr_buffer_free(&s.force);
    kr_buffer_free(&s.epsilon);
    kr_free(s.of_model);
    kr_free(s.energy);
    kr_free(s.virial);
    return status;
}
