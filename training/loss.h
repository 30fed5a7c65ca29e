/* The loss of type "ener": from energies, forces and virials to L and its derivatives (DeePMD-kit's definitions).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   L = p_e <ΔE²/N> + p_f <ΔF²> + p_v <ΔW²/N> + p_ae <ΔE_i²> + p_pf <atom_pref ΔF²>
 *   p(t) = limit + (start − limit) lr(t)/start_lr
 * <·> is the mean over the frames of the batch (E, V: with each frame's own N), over frames and 9 components (V), over
 * atoms (AE) or over atoms and 3 components (F, PF), each over those that carry the label: a term that nobody in the
 * batch carries is 0. Atoms of types that the model excludes count in no mean and not in N. A frame counts once
 * whatever its numb_copy says: copies are made where frames are drawn.
 * Variants:  intensive        1/N² instead of 1/N
 *            relative_f       ΔF of an atom is divided by |F label| + relative_f, in F and PF
 *            huber            ½x² up to δ, δ(|x| − ½δ) beyond, of x = ΔE/N, ΔF, ΔW/N, and ΔE_i with the δ of E
 *            mae              |ΔE|/N, |ΔF|, |ΔW|/N, |ΔE_i|, atom_pref |ΔF|; wins over huber
 *            f_use_norm       with huber or mae: |ΔF| of an atom instead of its 3 components (F only)
 *            use_default_pf   atom_pref is 1 where it is missing */
#ifndef KR_TRAINING_LOSS_H
#define KR_TRAINING_LOSS_H

#include "training/engine.h"

/* Order of lcurve columns in the TensorFlow backend: e, ae, f, v, pf. */
typedef enum kr_loss_term { KR_LOSS_E, KR_LOSS_AE, KR_LOSS_F, KR_LOSS_V, KR_LOSS_PF, KR_LOSS_TERMS } kr_loss_term;

typedef struct kr_loss_options {
    double start[KR_LOSS_TERMS], limit[KR_LOSS_TERMS]; /* prefactors */
    double relative_f;                                 /* eV/Å; < 0 = off */
    int huber, mae, f_use_norm, intensive;             /* use_huber, loss_func "mae", …, intensive_ener_virial */
    double huber_delta[3];                             /* for E/N, F, V/N */
    int use_default_pf;
} kr_loss_options;
void kr_loss_defaults(kr_loss_options *options);
/* What cannot go together: Huber with atom_pref or relative_f, f_use_norm without Huber or mae; δ > 0, prefactors ≥ 0.
 */
kr_status kr_loss_check(kr_context *ctx, const kr_loss_options *options);
/* "e", "ae", "f", "v", "pf". */
const char *kr_loss_term_name(int term);
/* Is a prefactor of the term not zero? */
int kr_loss_term_active(const kr_loss_options *options, int term);

/* Of one batch, or summed over parts of one (everything but rmse adds up). */
typedef struct kr_loss_report {
    double loss;
    double term[KR_LOSS_TERMS]; /* contribution to the loss, prefactor included */
    double mean[KR_LOSS_TERMS]; /* mean square error (mae: mean absolute error) in the units of rmse */
    double rmse[KR_LOSS_TERMS]; /* eV per atom, eV, eV/Å, eV per atom, eV/Å; NaN where disabled or unlabelled */
    int nframes, natoms;        /* of the batch */
} kr_loss_report;

/* Scratch: energies, forces, virials of a batch and the derivatives by them. Grow-only. */
typedef struct kr_loss_workspace {
    kr_buffer energy, force, virial, ebar, fbar, wbar;
    int set; /* 1: the next gradient overwrites gtheta instead of adding to it, and sets this to 0 */
} kr_loss_workspace;
void kr_loss_workspace_free(kr_loss_workspace *ws);

/* Adds to count [KR_LOSS_TERMS] what each mean runs over: frames (E, V) or atoms (AE, F, PF) that carry the label. */
void kr_loss_count(const kr_loss_options *options, const kr_batch *batch, double *count);
/* rmse from mean; count as given to kr_loss_gradient. */
void kr_loss_report_finish(const kr_loss_options *options, const double *count, kr_loss_report *report);

/* ratio = lr(t)/start_lr. Evaluates the batch and, when gtheta is not NULL, adds dL/dθ to it (see kr_loss_workspace).
 * count NULL = that of the batch. When the batch is one part of several (processes, or pieces of a large one) it is the
 * sum over all parts: then loss, term, mean and dL/dθ of the parts add up to those of the whole. A part may be empty.
 * KR_ERR_NUMERIC names the first frame whose loss is not finite. */
kr_status kr_loss_gradient(kr_context *ctx, const kr_loss_options *options, double ratio, kr_engine *engine,
                           const kr_batch *batch, const double *count, double *gtheta, kr_loss_report *report,
                           kr_loss_workspace *ws);

#endif
