/* θ-gradient of the fitting net, with the derivatives by descriptors and their tangents that the descriptor needs.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TRAINING_FITTING_GRADIENT_H
#define KR_TRAINING_FITTING_GRADIENT_H

#include "potential/fitting.h"

typedef struct kr_fitting_gradient_workspace {
    kr_buffer index, x, v, ybar, gx, gv;
    kr_net_workspace net;
} kr_fitting_gradient_workspace;
void kr_fitting_gradient_workspace_free(kr_fitting_gradient_workspace *ws);

/* For S = Σ_i ( ebar_i E_i + ∂E_i/∂D_i · dd_i ):  adds ∂S/∂θ to gtheta, and gives dbar = ∂S/∂D and gd = ∂S/∂dd =
 * ∂E/∂D, both [natoms][dim_descrpt]. ebar [natoms] (NULL = 0); dd [natoms][dim_descrpt] (NULL = 0: gd is not wanted
 * then). touched [nnets], when not NULL: set to 1 for the nets whose part of gtheta was added to. */
kr_status kr_fitting_backprop(kr_context *ctx, const kr_model *model, int natoms, const int *type, const double *d,
                              const double *dd, const double *fparam, const double *aparam, const double *ebar,
                              double *gtheta, double *dbar, double *gd, unsigned char *touched,
                              kr_fitting_gradient_workspace *ws);

#endif
