/* Gated self-attention over the neighbours of a centre (DPA-1): value, adjoint, tangent.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_POTENTIAL_DESCRIPTOR_ATTENTION_H
#define KR_POTENTIAL_DESCRIPTOR_ATTENTION_H

#include "potential/descriptor.h"

/* Rows of all centres. Centre i owns the rows first[i] … first[i+1] − 1; rows from first[natoms] on are empty slots,
 * which attend to nothing and to which nothing attends. */
typedef struct kr_attention_rows {
    int n, natoms, nnei; /* nnei − (rows of a centre) slots are empty: e^(−20) terms of the smooth softmax */
    const int *first;    /* [natoms + 1] */
    const double *w;     /* [n] switch */
    const double *h;     /* [n][3] direction of the standardised row */
} kr_attention_rows;

/* g [nlayers + 1][n][ng]: layer 0 given, the others written. Uses buffers 6 and 7 of the workspace. */
kr_status kr_attention_value(kr_context *ctx, const kr_model *model, const kr_attention_rows *rows, double *g,
                             kr_descriptor_workspace *ws);
/* gbar [n][ng]: of the last layer on entry, of layer 0 on return; wbar [n] and hbar [n][3] are added to. */
kr_status kr_attention_adjoint(kr_context *ctx, const kr_model *model, const kr_attention_rows *rows, const double *g,
                               double *gbar, double *wbar, double *hbar, kr_descriptor_workspace *ws);
/* dg [n][ng]: of layer 0 on entry, of the last layer on return. */
kr_status kr_attention_tangent(kr_context *ctx, const kr_model *model, const kr_attention_rows *rows, const double *g,
                               double *dg, const double *dw, const double *dh, kr_descriptor_workspace *ws);

#endif
