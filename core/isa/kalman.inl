/* One sweep over a block of the Kalman filter's covariance: one instruction set, one precision.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * P is symmetric, its lower triangle packed row by row: P(i, j ≤ i) = p[i (i + 1)/2 + j]. The update of the last
 * measurement and the product with the present gradient share the one pass over memory that both need:
 *   P ← (P − a k kᵀ)/λ,   q = P h. */
#include "core/isa/simd.h"
#include "core/optimizer_kalman.h"

void KR_KERNEL(kalman)(int n, void *packed, const void *gain, double a, double lambda, const void *gradient,
                       void *product) {
    real *p = packed, *q = product;
    const real *k = gain, *h = gradient;
    const real factor = (real)a, inverse = (real)(1.0 / lambda);
    for (int i = 0; i < n; p += ++i) {
        kr_vec ki = kr_splat(factor * k[i]), hi = kr_splat(h[i]), scale = kr_splat(inverse), sum = kr_splat(0);
        int j = 0;
        for (; j + KR_LANES <= i; j += KR_LANES) {
            kr_vec v = (kr_load(p + j) - ki * kr_load(k + j)) * scale;
            kr_store(p + j, v);
            sum += v * kr_load(h + j);
            kr_store(q + j, kr_load(q + j) + v * hi);
        }
        real total = 0;
        for (int l = 0; l < KR_LANES; l++) total += sum[l];
        for (; j < i; j++) {
            real v = (p[j] - factor * k[i] * k[j]) * inverse;
            p[j] = v;
            total += v * h[j];
            q[j] += v * h[i];
        }
        p[i] = (p[i] - factor * k[i] * k[i]) * inverse;
        q[i] = total + p[i] * h[i];
    }
}
