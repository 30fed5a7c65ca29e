/* The loss of type "ener": from energies, forces and virials to L and its derivatives (DeePMD-kit's definitions).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   L = p_e <ΔE²>/N + p_f <ΔF²> + p_v <ΔW²>/N + p_ae <ΔE_i²> + p_pf <atom_pref ΔF²>
 *   p(t) = limit + (start − limit) lr(t)/start_lr, 0 where the label is missing
 * Variants: Huber, mean absolute error, relative_f, intensive_ener_virial (1/N²). */
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
} kr_loss_options;
void kr_loss_defaults(kr_loss_options *options);

/* What is summed over batches and printed: each term's mean before its prefactor and its rmse (or mae) as in
 * lcurve.out; NaN where disabled or unlabelled. */
typedef struct kr_loss_report {
    double loss;
    double term[KR_LOSS_TERMS]; /* contribution to the loss, prefactor included */
    double rmse[KR_LOSS_TERMS]; /* eV per atom, eV, eV/Å, eV per atom, eV/Å */
    int natoms;
} kr_loss_report;

/* Scratch: energies, forces, virials of a batch and the derivatives by them. Grow-only. */
typedef struct kr_loss_workspace {
    kr_buffer energy, force, virial, ebar, fbar, wbar;
} kr_loss_workspace;
void kr_loss_workspace_free(kr_loss_workspace *ws);

/* ratio = lr(t)/start_lr. Evaluates the batch and, when gtheta is not NULL, adds dL/dθ to it. */
kr_status kr_loss_gradient(kr_context *ctx, const kr_loss_options *options, double ratio, kr_engine *engine,
                           const kr_batch *batch, double *gtheta, kr_loss_report *report, kr_loss_workspace *ws);

#endif
