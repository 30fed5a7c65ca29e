/* The energy fitting net.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   x = [D, (fparam − avg)·inv_std, (aparam − avg)·inv_std, case_embd]
 *   E_i = net(x) [− net(x with D = 0) when vacuum energies are prescribed] + bias_atom_e[t] + out_bias[t] */
#ifndef KR_POTENTIAL_FITTING_H
#define KR_POTENTIAL_FITTING_H

#include "potential/model.h"

typedef struct kr_fitting_workspace {
    kr_buffer index, input, output, gradient;
    kr_net_workspace net;
} kr_fitting_workspace;
void kr_fitting_workspace_free(kr_fitting_workspace *ws);

/* Does this type lose net(D = 0)? */
int kr_fitting_subtracts_vacuum(const kr_fitting *fitting, int ntypes, int type);
/* Are fparam and aparam present where the net needs them? Message names the missing one. */
kr_status kr_fitting_check_parameters(kr_context *ctx, const kr_model *model, const double *fparam,
                                      const double *aparam);

/* Does an atom of this type have no energy of its own (excluded by the fitting or by the model)? */
int kr_fitting_is_silent(const kr_model *model, int type);
/* One input row x [in]; d NULL = zeros (the atom in vacuum). */
void kr_fitting_input(const kr_fitting *fitting, const double *d, const double *fparam, const double *aparam,
                      double *x);

/* energy [natoms] eV and, when not NULL, gd [natoms][dim_descrpt] = ∂E_i/∂D_i. type [natoms] ≥ 0.
 * fparam NULL = default_fparam; aparam [natoms][numb_aparam]. */
kr_status kr_fitting_energy(kr_context *ctx, const kr_model *model, int natoms, const int *type, const double *d,
                            const double *fparam, const double *aparam, double *energy, double *gd,
                            kr_fitting_workspace *ws);

#endif
