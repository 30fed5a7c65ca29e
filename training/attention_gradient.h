/* θ-gradient of gated self-attention (DPA-1): one layer, value and tangent together.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TRAINING_ATTENTION_GRADIENT_H
#define KR_TRAINING_ATTENTION_GRADIENT_H

#include "potential/descriptor_attention.h"

typedef struct kr_attention_gradient_workspace {
    kr_buffer rows, center;
    kr_net_workspace net;
} kr_attention_gradient_workspace;
void kr_attention_gradient_workspace_free(kr_attention_gradient_workspace *ws);

/* What moves along v: dg [n][ng] of the layer's input, dw [n] of the switch, dh [n][3] of the directions. */
typedef struct kr_attention_tangents {
    const double *dg, *dw, *dh;
} kr_attention_tangents;

/* dnext [n][ng]: tangent of the layer's output; g [n][ng] its input. */
kr_status kr_attention_layer_tangent(kr_context *ctx, const kr_model *model, int layer, const kr_attention_rows *rows,
                                     const double *g, const kr_attention_tangents *dot, double *dnext,
                                     kr_attention_gradient_workspace *ws);
/* gbar and dgbar [n][ng], adjoints of the layer's output and of its tangent on entry, of its input and that tangent on
 * return. Adds to gtheta what the layer's parameters get. */
kr_status kr_attention_layer_backprop(kr_context *ctx, const kr_model *model, int layer, const kr_attention_rows *rows,
                                      const double *g, const kr_attention_tangents *dot, double *gbar, double *dgbar,
                                      double *gtheta, kr_attention_gradient_workspace *ws);

#endif
