/* Inside of the neural quasipotential. SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_SAMPLING_QUASIPOTENTIAL_NET_PARTS_H
#define KR_SAMPLING_QUASIPOTENTIAL_NET_PARTS_H

#include "sampling/quasipotential.h"

enum { KR_QUASI_ROWS = 128 }; /* most rows of a block */

/* u [n][dim], and V [n] (unless NULL), p = ∇V [n][dim] of rows x; gu [n][dim] is scratch. */
kr_status kr_quasi_rows(kr_context *ctx, const kr_quasi_net *model, const double *theta, int thread, int n,
                        const double *x, double *u, double *gu, double *v, double *p);

/* What a pass over blocks of rows adds up: the slots [nparams + 3] of its threads, gradient and terms of the loss.
 * First member of its job. */
typedef struct kr_quasi_sum {
    const kr_quasi_net *model;
    double *total; /* [nparams + 3] */
} kr_quasi_sum;
/* Zero, in the room that the model has for it. */
kr_quasi_sum kr_quasi_sum_begin(const kr_quasi_net *model);
/* The last function of kr_parallel_blocks; payload: the job. */
void kr_quasi_sum_add(void *payload, long block, int thread);

/* A network from `dim` inputs to `out` outputs, 1 ≤ nhidden ≤ 14. */
kr_status kr_quasi_make_net(kr_context *ctx, int dim, int nhidden, const int *hidden, int out, const char *activation,
                            size_t *nparams, kr_net **net);

#endif
