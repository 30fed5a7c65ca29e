/* Descriptors in training: value and tangent of a block of centres, pair gradients, and the θ-gradient.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The same functions of r as potential/descriptor_<kind>.c, arranged so that a net is evaluated once per block for all
 * that is needed: its input is one number per pair, so Ġ = G'(s) ṡ and s̄ = Ḡ·G'(s) follow from G'. The reference for
 * tests is potential/. */
#ifndef KR_TRAINING_DESCRIPTOR_GRADIENT_H
#define KR_TRAINING_DESCRIPTOR_GRADIENT_H

#include "potential/descriptor_dpa1.h"
#include "training/attention_gradient.h"

/* What a block keeps from `forward` to the other two. Grows only. */
typedef struct kr_descriptor_tape {
    int fresh; /* this block at this θ was the last that `forward` saw: it need not begin anew (set by the engine) */
    kr_descriptor_workspace ws;
    kr_rows rows;      /* se_e2_a, se_e2_r */
    kr_dpa1_rows dpa1; /* dpa1 … */
    kr_dpa1_bar dot;   /* … tangents of its rows … */
    kr_attention_gradient_workspace attention;
    kr_buffer keep;          /* of the kind, from forward on */
    kr_buffer spare, spare2; /* of the kind, within a call */
} kr_descriptor_tape;
void kr_descriptor_tape_free(kr_descriptor_tape *tape);

/* A kind is one const record at the bottom of descriptor_<kind>_gradient.c and one line of
 * descriptor_gradient_kinds.def. Arrays of pairs are indexed as in the env. */
typedef struct kr_descriptor_gradient {
    const kr_descriptor_kind *kind;
    int keeps; /* `forward` looks at tape->fresh */
    /* d [natoms][dim_out] and, with v [npairs][3] (may be NULL), dd = ∂D/∂r · v. */
    kr_status (*forward)(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v, double *d,
                         double *dd, kr_descriptor_tape *tape);
    /* gr [npairs][3] = Σ gd · ∂D/∂r (overwritten) of the block of the last forward. */
    kr_status (*adjoint)(kr_context *ctx, const kr_model *model, const kr_env *env, const double *gd, double *gr,
                         kr_descriptor_tape *tape);
    /* Adds to gtheta the θ-gradient of Σ ( dbar · D + gd · dd ) of the block and v of the last forward; dbar, gd
     * [natoms][dim_out] held constant. Without v gd is not looked at. */
    kr_status (*backprop)(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v,
                          const double *dbar, const double *gd, double *gtheta, kr_descriptor_tape *tape);
} kr_descriptor_gradient;

/* NULL when the kind cannot be trained. */
const kr_descriptor_gradient *kr_descriptor_gradient_find(const kr_descriptor_kind *kind);

/* For kinds whose rows go through nets of one number: rows->g and slope [n][ng] = dG/ds of all rows. */
kr_status kr_rows_slopes(kr_context *ctx, const kr_model *model, const kr_rows *rows, double *slope,
                         kr_descriptor_workspace *ws);
/* Adds to gtheta the θ-gradient of Σ_k ( gbar_k · G(s_k) + dgbar_k · G'(s_k) ds_k ); ds NULL = 0. */
kr_status kr_rows_backprop(kr_context *ctx, const kr_model *model, const kr_rows *rows, const double *gbar,
                           const double *ds, const double *dgbar, double *gtheta, kr_descriptor_workspace *ws);

#endif
