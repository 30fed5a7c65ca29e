/* The sweep of the Kalman filter over one block of its covariance (isa/kalman.inl).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_OPTIMIZER_KALMAN_H
#define KR_CORE_OPTIMIZER_KALMAN_H

/* packed [n (n + 1)/2] ← (P − a k kᵀ)/lambda, product [n] = P gradient; all arrays double, or float in the f32 form. */
typedef void (*kr_kalman_fn)(int n, void *packed, const void *gain, double a, double lambda, const void *gradient,
                             void *product);

#define KR_KALMAN_KERNEL(suffix, isa)                                                               \
    void kr_kalman_##suffix##_##isa(int n, void *packed, const void *gain, double a, double lambda, \
                                    const void *gradient, void *product)
KR_KALMAN_KERNEL(f64, baseline);
KR_KALMAN_KERNEL(f32, baseline);
KR_KALMAN_KERNEL(f64, avx2);
KR_KALMAN_KERNEL(f32, avx2);
KR_KALMAN_KERNEL(f64, avx512);
KR_KALMAN_KERNEL(f32, avx512);

#endif
