/* Activation functions of Deep Potentials with the derivatives that training and tables need.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * tanh relu relu6 sigmoid softplus silu gelu gelu_tf (both: tanh form) silut[:T] custom_silu[:T] none linear. */
#ifndef KR_CORE_ACTIVATION_H
#define KR_CORE_ACTIVATION_H

#include <kramers/context.h>
#include <stddef.h>

typedef enum kr_activation_kind {
    KR_ACT_LINEAR,
    KR_ACT_TANH,
    KR_ACT_RELU,
    KR_ACT_RELU6,
    KR_ACT_SIGMOID,
    KR_ACT_SOFTPLUS,
    KR_ACT_SILU,
    KR_ACT_GELU,
    KR_ACT_SILUT
} kr_activation_kind;

typedef struct kr_activation {
    kr_activation_kind kind;
    double threshold, slope, offset; /* silut: T, silu'(T), silu(T) */
    char name[32];                   /* as spelled in the file, "gelu_tf", "silut:1.0" */
} kr_activation;

/* NULL or "" = linear; case-insensitive none/linear. KR_ERR_UNSUPPORTED names the unknown function. */
kr_status kr_activation_parse(kr_context *ctx, const char *name, kr_activation *activation);
/* y = σ(z), d1 = σ'(z), d2 = σ''(z), each where not NULL. Arrays [n]; y may alias z. */
void kr_activation_apply(const kr_activation *activation, size_t n, const double *z, double *y, double *d1, double *d2);

#endif
