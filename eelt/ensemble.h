/* All models of a potential on one frame: forces, energies, virials, and how far they disagree.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_ENSEMBLE_H
#define KR_EELT_ENSEMBLE_H

#include "core/frames.h"
#include <kramers/potential.h>

struct kr_novelty;

typedef struct kr_ensemble_work {
    const kr_potential *potential;
    kr_workspace *workspace;
    int nmodels;
    kr_buffer room[2];
    const double **of_model;    /* [nmodels] */
    double *energy, *virial;    /* [nmodels] eV, [nmodels][9] eV */
    const double *force;        /* [nmodels][natoms][3] eV/Å, of the last frame */
    struct kr_novelty *novelty; /* takes the place of deviations when there is one model; NULL, or set after begin */
    const double *epsilon;      /* [natoms] force deviations; NULL with one model and no novelty */
    double u;                   /* the largest of them; NaN likewise */
    int atom;                   /* that has it; −1 */
} kr_ensemble_work;

kr_status kr_ensemble_begin(kr_context *ctx, const kr_potential *potential, kr_ensemble_work *work);
void kr_ensemble_end(kr_ensemble_work *work);
/* frame->type are types of the models (potential/model_frames.h). */
kr_status kr_ensemble_frame(kr_context *ctx, kr_ensemble_work *work, const kr_frame *frame);

#endif
