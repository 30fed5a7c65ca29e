/* All models of a potential on one frame.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/ensemble.h"
#include "core/error.h"
#include "eelt/novelty.h"
#include "potential/model_frames.h"
#include <kramers/deviation.h>
#include <math.h>

kr_status kr_ensemble_begin(kr_context *ctx, const kr_potential *potential, kr_ensemble_work *work) {
    kr_status status = KR_OK;
    *work = (kr_ensemble_work){.potential = potential, .nmodels = kr_potential_nmodels(potential)};
    size_t nm = (size_t)work->nmodels;
    KR_NEW(ctx, work->of_model, nm);
    KR_NEW(ctx, work->energy, nm);
    KR_NEW(ctx, work->virial, 9 * nm);
    KR_TRY(kr_workspace_create(ctx, potential, &work->workspace));
done:
    if (status < 0) kr_ensemble_end(work);
    return status;
}

void kr_ensemble_end(kr_ensemble_work *work) {
    kr_workspace_destroy(&work->workspace);
    kr_buffer_free(&work->room[0]);
    kr_buffer_free(&work->room[1]);
    kr_free(work->of_model);
    kr_free(work->energy);
    kr_free(work->virial);
    *work = (kr_ensemble_work){.nmodels = 0};
}

kr_status kr_ensemble_frame(kr_context *ctx, kr_ensemble_work *w, const kr_frame *f) {
    kr_status status = KR_OK;
    size_t n = (size_t)f->natoms, nm = (size_t)w->nmodels;
    KR_TRY(kr_buffer_reserve(ctx, &w->room[0], 3 * n * nm, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &w->room[1], n, sizeof(double)));
    const kr_result result = {.energy = w->energy, .force = w->room[0].data, .virial = w->virial};
    KR_TRY(kr_potential_compute_frame(w->potential, w->workspace, f->natoms, f->coord, f->type, kr_frame_box(f),
                                      kr_frame_pbc(f), f->label[KR_LABEL_FPARAM], f->label[KR_LABEL_APARAM], &result));
    w->force = result.force;
    w->epsilon = NULL;
    w->u = NAN;
    w->atom = -1;
    if (nm < 2 && !w->novelty) goto done;
    double *epsilon = w->room[1].data;
    if (nm < 2) {
        KR_TRY(kr_novelty_frame(ctx, w->novelty, f->natoms, f->coord, f->type, kr_frame_box(f), kr_frame_pbc(f),
                                f->label[KR_LABEL_FPARAM], f->label[KR_LABEL_APARAM], epsilon));
    } else {
        for (size_t m = 0; m < nm; m++) w->of_model[m] = result.force + 3 * n * m;
        kr_deviation_force(w->nmodels, f->natoms, w->of_model, -1, epsilon);
    }
    w->epsilon = epsilon;
    for (int i = 0; i < f->natoms; i++)
        if (!(epsilon[i] <= w->u)) {
            w->u = epsilon[i];
            w->atom = i;
        }
done:
    return status;
}
