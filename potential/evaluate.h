/* Evaluating blocks of centres: the contract between the driver (gathering, threads, sums) and the two paths.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Driver, per block of centres: gather → for every model { reference | fast } → ordered scatter of pair gradients. */
#ifndef KR_POTENTIAL_EVALUATE_H
#define KR_POTENTIAL_EVALUATE_H

#include "potential/descriptor.h"
#include "potential/fitting.h"
#include <kramers/potential.h>

/* Scratch of one thread for the reference path. */
typedef struct kr_reference_workspace {
    kr_descriptor_workspace descriptor;
    kr_fitting_workspace fitting;
    kr_buffer d, gd;
} kr_reference_workspace;
void kr_reference_workspace_free(kr_reference_workspace *ws);

/* energy [natoms] eV and gr [npairs][3] = ∂E_i/∂r_ij (NULL = energies only) of a block.
 * fparam [numb_fparam] or NULL (default_fparam); aparam [natoms][numb_aparam] of the block's centres. */
kr_status kr_reference_block(kr_context *ctx, const kr_model *model, const kr_env *env, const double *fparam,
                             const double *aparam, double *energy, double *gr, kr_reference_workspace *ws);

/* The fast path of one model. Prepared at creation, constant afterwards. */
typedef struct kr_fast kr_fast;
typedef struct kr_fast_workspace kr_fast_workspace;

/* *fast stays NULL with *reason set (static text) when this model has no fast path (attention, statistics that
 * differ from slot to slot …): the driver then uses the reference path. */
kr_status kr_fast_create(kr_context *ctx, const kr_model *model, const kr_potential_options *options, kr_fast **fast,
                         const char **reason);
void kr_fast_destroy(kr_fast **fast);
void kr_fast_describe(const kr_fast *fast, void (*line)(const char *text, void *payload), void *payload);
kr_status kr_fast_workspace_create(kr_context *ctx, const kr_fast *fast, kr_fast_workspace **ws);
void kr_fast_workspace_destroy(kr_fast_workspace **ws);
size_t kr_fast_workspace_bytes(const kr_fast_workspace *ws);
/* As kr_reference_block; all centres of a block have the same type. */
kr_status kr_fast_block(kr_context *ctx, const kr_fast *fast, const kr_env *env, const double *fparam,
                        const double *aparam, double *energy, double *gr, kr_fast_workspace *ws);

#endif
