/* The network kernel: dense layers, batched over rows, three sweeps.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Layer:  h = σ(x W + b),  h *= idt (if any),  y = h + {0 | x | [x, x]}   (resnet: out == in | out == 2 in)
 * W is [in][out] row-major. Parameters live in one flat vector θ that the caller owns; a net holds offsets into it.
 * θ-gradients accumulate; callers zero. Rows are worked on in fixed pieces on the calling thread: the same call gives
 * the same bits everywhere. After a first call of the same size no memory is allocated. nb = 0 is fine. */
#ifndef KR_CORE_NET_H
#define KR_CORE_NET_H

#include "core/activation.h"
#include "core/memory.h"

typedef struct kr_layer {
    int in, out;
    int resnet; /* the flag of the file; acts only when out == in or out == 2 in */
    kr_activation activation;
    size_t w, b, idt; /* offsets into θ; KR_NO_BLOCK when absent */
    int trainable;
    int stored; /* in model files: own precision, kr_dtype + 1; 0 = that of the section */
} kr_layer;
#define KR_NO_BLOCK ((size_t)-1)

typedef struct kr_net {
    int nlayers, in, out;
    kr_layer *layer; /* [nlayers] */
} kr_net;

/* A named piece of θ, for saving, optimizers and messages. */
typedef struct kr_block {
    char name[64];
    size_t offset, count;
    int rows, columns;
} kr_block;

/* Scratch of the sweeps, grow-only, one per thread. */
typedef struct kr_net_workspace {
    kr_buffer buffer;
} kr_net_workspace;
void kr_net_workspace_free(kr_net_workspace *workspace);

/* Builds a net layer by layer: copies layer[nlayers] and lays its parameters out at *offset of θ (advanced), in the
 * order w [in][out], b [out], idt [out] of each layer. On entry b and idt equal to KR_NO_BLOCK mean "absent", any
 * other value "give it a place"; w is always given one. KR_ERR_ARGUMENT when the widths do not fit together. */
kr_status kr_net_create_layers(kr_context *ctx, int nlayers, const kr_layer *layer, size_t *offset, kr_net **net);
/* 0 = no skip, 1 = y += x, 2 = y += [x, x]: the resnet flag and the shape together. */
int kr_layer_skip(const kr_layer *layer);
/* Lays out a net of the given widths [nlayers + 1] at *offset of θ (advanced). resnet etc. are per layer defaults
 * that the caller may change before use: activation on all layers. With last_linear the last layer is linear without
 * skip and idt. idt exists only where the shape allows a skip (out == in or out == 2 in). */
kr_status kr_net_create(kr_context *ctx, int nlayers, const int *width, const kr_activation *activation, int resnet,
                        int has_bias, int has_idt, int last_linear, size_t *offset, kr_net **net);
void kr_net_destroy(kr_net **net);

/* y [nb][out] */
kr_status kr_net_value(kr_context *ctx, const kr_net *net, const double *theta, int nb, const double *x /* [nb][in] */,
                       double *y, kr_net_workspace *ws);
/* y and gx [nb][in] = Σ_o gy[nb][o] ∂y_o/∂x. gy NULL = ones. y may be NULL. */
kr_status kr_net_gradient(kr_context *ctx, const kr_net *net, const double *theta, int nb, const double *x,
                          const double *gy, double *y, double *gx, kr_net_workspace *ws);
/* y and dy [nb][ndir][out] = ∂y/∂x · v for ndir directions v [nb][ndir][in]. y may be NULL. */
kr_status kr_net_tangent(kr_context *ctx, const kr_net *net, const double *theta, int nb, int ndir, const double *x,
                         const double *v, double *y, double *dy, kr_net_workspace *ws);
/* Back-propagation of value and gradient: adds to gtheta (layout of θ) and to gx [nb][in], each when not NULL, the
 * derivative of   Σ_b ( ybar_b · y_b + (∂(gy_b · y_b)/∂x) · v_b )
 * with ybar [nb][out] (NULL = 0), v [nb][in] (NULL = 0), gy [nb][out] (NULL = ones) held constant. Frozen layers
 * (trainable 0) get theirs too. One tangent sweep in direction v, one adjoint sweep over value and tangent (DESIGN: the
 * one network kernel). */
kr_status kr_net_backprop(kr_context *ctx, const kr_net *net, const double *theta, int nb, const double *x,
                          const double *ybar, const double *v, const double *gy, double *gtheta, double *gx,
                          kr_net_workspace *ws);
/* The same; also adds to gv [nb][in] the derivative by v, which is gy·∂y/∂x. gv needs v. */
kr_status kr_net_backprop_both(kr_context *ctx, const kr_net *net, const double *theta, int nb, const double *x,
                               const double *ybar, const double *v, const double *gy, double *gtheta, double *gx,
                               double *gv, kr_net_workspace *ws);

#endif
