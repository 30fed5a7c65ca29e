/* The Adam update of a range of parameters: one instruction set, state in one precision.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Plain element-wise loop that the compiler turns into vectors; θ and g are double always. With float state the
 * quotient is float too: its relative error 1e-7 is that of a step, not of θ. */
#include "core/isa/simd.h"
#include "core/optimizer_parts.h"
#include <math.h>

#if KR_SINGLE
#define SQRT sqrtf
#else
#define SQRT sqrt
#endif

void KR_KERNEL(adam)(const kr_adam_step *how, size_t n, double *theta, const double *gradient, void *m, void *v);

void KR_KERNEL(adam)(const kr_adam_step *how, size_t n, double *restrict theta, const double *restrict gradient,
                     void *m, void *v) {
    real *restrict first = m, *restrict second = v;
    const real b1 = (real)how->beta1, b2 = (real)how->beta2, c1 = (real)(1 - how->beta1), c2 = (real)(1 - how->beta2);
    const real rate = (real)how->rate, scale = (real)how->scale, epsilon = (real)how->epsilon, l2 = (real)how->l2;
    const double keep = how->keep;
    for (size_t i = 0; i < n; i++) {
        real g = (real)gradient[i] + l2 * (real)theta[i];
        real a = b1 * first[i] + c1 * g, b = b2 * second[i] + c2 * g * g;
        first[i] = a;
        second[i] = b;
        theta[i] = keep * theta[i] - (double)(rate * a / (SQRT(b) * scale + epsilon));
    }
}
