/* How new a frame is to one model: what takes the place of an ensemble's deviation when there is no ensemble.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Of an atom with last-layer features b [m] of element z:
 *   posterior   u = sqrt(3 b^T P_z b), P_z = α² (G_z + ς²)⁻¹, G_z = Σ b b^T over the training atoms (posterior.h). α
 * and ς make the force errors on validation frames (training frames when there are none) most likely, so u is the size
 * of force error to expect, eV/Å. maxvol      u = max_j |(b A_z⁻¹)_j|, the extrapolation grade (maxvol.h), a number: up
 * to 1 is interpolation. Both are one m × m matrix per element, which is what a file of it holds. */
#ifndef KR_EELT_NOVELTY_H
#define KR_EELT_NOVELTY_H

#include <kramers/audit.h>
#include <kramers/potential.h>
#include <kramers/select.h>

/* X(NAME, "word"); DEVIATION: of an ensemble, no kr_novelty is made for it. */
#define KR_NOVELTY_LIST(X)    \
    X(DEVIATION, "deviation") \
    X(POSTERIOR, "posterior") \
    X(MAXVOL, "maxvol")
typedef enum kr_novelty_method {
#define KR_NOVELTY_ENUM(name, word) KR_NOVELTY_##name,
    KR_NOVELTY_LIST(KR_NOVELTY_ENUM)
#undef KR_NOVELTY_ENUM
        KR_NOVELTY_METHODS
} kr_novelty_method;

typedef struct kr_novelty kr_novelty;

/* Of model 0 of the potential, which must outlive it. residuals: labelled frames whose force errors count. */
kr_status kr_novelty_train(kr_context *ctx, const kr_potential *potential, kr_novelty_method method,
                           const kr_dataset *training, const kr_dataset *residuals, kr_novelty **novelty);
void kr_novelty_destroy(kr_novelty **novelty);
kr_status kr_novelty_write(kr_context *ctx, const kr_novelty *novelty, const char *folder, const char *name);
/* KR_ERR_FORMAT when the file belongs to another model. */
kr_status kr_novelty_read(kr_context *ctx, const char *path, const kr_potential *potential, kr_novelty **novelty);
/* u [n] of the atoms of a frame; arguments as for kr_potential_compute_frame. */
kr_status kr_novelty_frame(kr_context *ctx, kr_novelty *novelty, int n, const double *x, const int *type,
                           const double *box, const unsigned char *pbc, const double *fparam, const double *aparam,
                           double *u);

/* kr_audit_score and kr_candidates_evaluate with u by a novelty; NULL: by the ensemble. */
kr_status kr_novelty_score(kr_context *ctx, const kr_potential *potential, kr_novelty *novelty, int index,
                           const kr_dataset *labelled, const int *run, const int *cell, kr_scored *scored);
kr_status kr_novelty_evaluate(kr_context *ctx, const kr_potential *potential, kr_novelty *novelty,
                              const kr_dataset *candidates, kr_candidate *meta);

#endif
