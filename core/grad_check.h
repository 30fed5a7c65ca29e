/* Finite-difference harness: is an analytic gradient the derivative of the value? Used by tests of every kind and
 * available to users at run time.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_GRAD_CHECK_H
#define KR_CORE_GRAD_CHECK_H

#include <kramers/context.h>

typedef kr_status (*kr_scalar_fn)(void *payload, const double *x, double *value);

typedef struct kr_grad_report {
    double worst; /* largest |analytic − difference| / (scale + |difference|) */
    int index;    /* where */
    double analytic, difference;
} kr_grad_report;

/* 4-point central differences with step h·max(1, |x_i|), Richardson-checked, of n components (all when which NULL). */
kr_status kr_grad_check(kr_context *ctx, kr_scalar_fn value, void *payload, int n, double *x, const double *gradient,
                        int nwhich, const int *which, double h, double scale, kr_grad_report *report);

#endif
