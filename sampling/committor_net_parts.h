/* Inside of the neural committor: chain rules from network inputs to x, shared by evaluation and loss.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_SAMPLING_COMMITTOR_NET_PARTS_H
#define KR_SAMPLING_COMMITTOR_NET_PARTS_H

#include "sampling/committor_net.h"

/* u [n][nfeatures] standardized, derivative [n][nfeatures][dim] = ∂u/∂x (NULL: not wanted; not written for
 * plain coordinates, where it is diagonal). */
void kr_committor_inputs(const kr_committor_net *model, int n, const double *x, double *u, double *derivative);
/* gx [n][dim] = (∂u/∂x)ᵀ gu,  vu [n][nfeatures] = (∂u/∂x) vx */
void kr_committor_pull(const kr_committor_net *model, int n, const double *derivative, const double *gu, double *gx);
void kr_committor_push(const kr_committor_net *model, int n, const double *derivative, const double *vx, double *vu);
/* c0, c1 of q = c0 + c1 σ(z) with their gradients [dim]. */
void kr_committor_ansatz(const kr_committor_net *model, const double *x, double *c0, double *c1, double *g0,
                         double *g1);
/* σ(z) and σ'(z), both to the last bits. */
double kr_committor_sigmoid(double z, double *slope);

#endif
