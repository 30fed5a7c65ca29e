/* tanh of a vector, accurate everywhere (error below 2.5 ulp), odd, NaN stays NaN.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * tanh a = e/(e + 2), e = expm1(2a) for a = |x|, clipped where tanh rounds to 1. expm1: y = 2a = k ln 2 + f with
 * |f| ≤ ln2/2, p = expm1(f) by its Taylor series (the first term dropped is below half an ulp), then
 * e = 2^k p + (2^k − 1): the bracket is exact, so nothing cancels, also not near 0 where k = 0 and e = p. */
#ifndef KR_CORE_ISA_TANH_H
#define KR_CORE_ISA_TANH_H

#include "core/isa/simd.h"

#if KR_SINGLE
typedef int32_t kr_ivec __attribute__((vector_size(KR_VECTOR_BYTES)));
#define KR_SIGN_BIT INT32_MIN
#define KR_MANTISSA 23
#define KR_TANH_ONE 9.1f         /* tanh rounds to 1 above */
#define KR_ROUND 12582912.0f     /* 1.5·2^23: adding it leaves the rounded integer in the low bits */
#define KR_LN2_HIGH 0.693359375f /* few bits, so that k·KR_LN2_HIGH is exact */
#define KR_LN2_LOW -2.12194440e-4f
#define KR_BIAS ((int32_t)127 << 23)
/* 1/n!, n = 8 … 2 */
static const real kr_expm1_series[] = {
    2.48015873e-5f, 1.98412698e-4f, 1.38888889e-3f, 8.33333333e-3f, 4.16666667e-2f, 1.66666667e-1f, 0.5f};
#else
typedef int64_t kr_ivec __attribute__((vector_size(KR_VECTOR_BYTES)));
#define KR_SIGN_BIT INT64_MIN
#define KR_MANTISSA 52
#define KR_TANH_ONE 19.2
#define KR_ROUND 6755399441055744.0
#define KR_LN2_HIGH 6.93147180369123816490e-01
#define KR_LN2_LOW 1.90821492927058770002e-10
#define KR_BIAS ((int64_t)1023 << 52)
/* 1/n!, n = 14 … 2 */
static const real kr_expm1_series[] = {1.1470745597729725e-11,
                                       1.6059043836821613e-10,
                                       2.08767569878681e-09,
                                       2.505210838544172e-08,
                                       2.755731922398589e-07,
                                       2.7557319223985893e-06,
                                       2.48015873015873e-05,
                                       0.0001984126984126984,
                                       0.001388888888888889,
                                       0.008333333333333333,
                                       0.041666666666666664,
                                       0.16666666666666666,
                                       0.5};
#endif

KR_INLINE kr_vec kr_clip_above(kr_vec v, real limit) {
#if defined(KR_ISA_avx512) && KR_SINGLE
    return (kr_vec)_mm512_min_ps(_mm512_set1_ps(limit), (__m512)v);
#elif defined(KR_ISA_avx512)
    return (kr_vec)_mm512_min_pd(_mm512_set1_pd(limit), (__m512d)v);
#elif defined(KR_ISA_avx2) && KR_SINGLE
    return (kr_vec)_mm256_min_ps(_mm256_set1_ps(limit), (__m256)v);
#elif defined(KR_ISA_avx2)
    return (kr_vec)_mm256_min_pd(_mm256_set1_pd(limit), (__m256d)v);
#else
    kr_ivec above = v > kr_splat(limit);
    return (kr_vec)((above & (kr_ivec)kr_splat(limit)) | (~above & (kr_ivec)v));
#endif
}

KR_INLINE kr_vec kr_vtanh(kr_vec x) {
    kr_ivec sign = (kr_ivec)x & KR_SIGN_BIT;
    kr_vec a = kr_clip_above((kr_vec)((kr_ivec)x ^ sign), (real)KR_TANH_ONE);
    kr_vec y = a + a;
    kr_vec shifted = y * kr_splat((real)1.4426950408889634) + kr_splat((real)KR_ROUND);
    kr_vec k = shifted - kr_splat((real)KR_ROUND);
    kr_vec f = (y - k * kr_splat((real)KR_LN2_HIGH)) - k * kr_splat((real)KR_LN2_LOW);
    kr_vec scale = (kr_vec)(((kr_ivec)shifted << KR_MANTISSA) + KR_BIAS);
    kr_vec series = kr_splat(kr_expm1_series[0]);
    for (int i = 1; i < (int)(sizeof kr_expm1_series / sizeof *kr_expm1_series); i++)
        series = series * f + kr_splat(kr_expm1_series[i]);
    kr_vec p = f + (f * f) * series;
    kr_vec e = scale * p + (scale - kr_splat(1));
    kr_vec t = e / (e + kr_splat(2));
    return (kr_vec)((kr_ivec)t | sign);
}

#endif
