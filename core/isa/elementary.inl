/* Elementary functions of arrays, a vector at a time: one instruction set. Ranges and errors: core/elementary.h.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * All series are those of Taylor; the first term dropped is below half a unit in the last place. Each function first
 * takes its argument to a small interval around 0 in a way that rounds nowhere (constants in parts with so few bits
 * that their products with small integers are exact). */
#include "core/elementary.h"
#include "core/isa/simd.h"
#include <math.h>

#define ROUND 6755399441055744.0 /* 1.5·2^52: adding it leaves the rounded integer in the low bits */
#define ONE_BITS ((int64_t)1023 << 52)
#define SIGN_BIT INT64_MIN
#define LN2_HIGH 0x1.62e42fee00000p-1 /* 32 bits */
#define LN2_LOW 0x1.a39ef35793c76p-33
#define HALF_PI_1 0x1.921fb54400000p+0  /* 33 bits of π/2 */
#define HALF_PI_2 0x1.0b4611a600000p-34 /* 33 more */
#define HALF_PI_3 0x1.3198a2e037073p-69 /* the rest */
#define SINCOS_MOST 1e5

/* 1/n!, n = 14 … 2 */
static const double exp_series[] = {1. / 87178291200, 1. / 6227020800, 1. / 479001600, 1. / 39916800, 1. / 3628800,
                                    1. / 362880,      1. / 40320,      1. / 5040,      1. / 720,      1. / 120,
                                    1. / 24,          1. / 6,          1. / 2};
/* (−1)^n/(2n+1)!, n = 8 … 1, and (−1)^n/(2n)!, n = 9 … 2 */
static const double sin_series[] = {1. / 355687428096000, -1. / 1307674368000, 1. / 6227020800, -1. / 39916800,
                                    1. / 362880,          -1. / 5040,          1. / 120,        -1. / 6};
static const double cos_series[] = {-1. / 6402373705728000, 1. / 20922789888000, -1. / 87178291200, 1. / 479001600,
                                    -1. / 3628800,          1. / 40320,          -1. / 720,         1. / 24};
/* 2/(2n+1), n = 11 … 1 */
static const double log_series[] = {2. / 23, 2. / 21, 2. / 19, 2. / 17, 2. / 15, 2. / 13,
                                    2. / 11, 2. / 9,  2. / 7,  2. / 5,  2. / 3};

#define HORNER(series, x) horner(series, (int)(sizeof(series) / sizeof *(series)), x)
KR_INLINE kr_dvec horner(const double *series, int n, kr_dvec x) {
    kr_dvec sum = kr_dsplat(series[0]);
    for (int i = 1; i < n; i++) sum = sum * x + kr_dsplat(series[i]);
    return sum;
}

KR_INLINE kr_dvec root(kr_dvec x) {
#if defined(KR_ISA_avx512)
    return (kr_dvec)_mm512_sqrt_pd((__m512d)x);
#elif defined(KR_ISA_avx2)
    return (kr_dvec)_mm256_sqrt_pd((__m256d)x);
#else
    for (int i = 0; i < KR_DLANES; i++) x[i] = sqrt(x[i]);
    return x;
#endif
}

/* x = k ln 2 + f, e^x = 2^k + 2^k expm1 f. 2^(k−1) is built, so that k may be 1024. */
KR_INLINE kr_dvec vexp(kr_dvec x) {
    kr_dvec y = kr_dmax(kr_dsplat(-707), kr_dmin(kr_dsplat(710), x));
    kr_dvec shifted = y * kr_dsplat(1.4426950408889634) + kr_dsplat(ROUND), k = shifted - kr_dsplat(ROUND);
    kr_dvec f = (y - k * kr_dsplat(LN2_HIGH)) - k * kr_dsplat(LN2_LOW);
    kr_dvec scale = (kr_dvec)(((kr_lvec)shifted << 52) + (ONE_BITS - ((int64_t)1 << 52)));
    kr_dvec e = (scale + scale * (f + f * f * HORNER(exp_series, f))) * kr_dsplat(2);
    return kr_dselect(x < kr_dsplat(-707), kr_dsplat(0), e);
}

/* sin and cos of r + kπ/2, |r| ≤ π/4; quarter: k in its low bits. */
KR_INLINE void quarters(kr_dvec r, kr_lvec quarter, kr_dvec *s, kr_dvec *c) {
    kr_dvec z = r * r, half = z * kr_dsplat(0.5), head = kr_dsplat(1) - half;
    kr_dvec sine = r + r * z * HORNER(sin_series, z);
    kr_dvec cosine = head + (((kr_dsplat(1) - head) - half) + z * z * HORNER(cos_series, z));
    kr_lvec odd = -(quarter & 1), minus_s = (quarter & 2) << 62, minus_c = ((quarter + 1) & 2) << 62;
    *s = (kr_dvec)((kr_lvec)kr_dselect(odd, cosine, sine) ^ minus_s);
    *c = (kr_dvec)((kr_lvec)kr_dselect(odd, sine, cosine) ^ minus_c);
}

KR_INLINE void vsincos(kr_dvec x, kr_dvec *s, kr_dvec *c) {
    kr_dvec shifted = x * kr_dsplat(0.6366197723675814) + kr_dsplat(ROUND), k = shifted - kr_dsplat(ROUND);
    kr_dvec r = ((x - k * kr_dsplat(HALF_PI_1)) - k * kr_dsplat(HALF_PI_2)) - k * kr_dsplat(HALF_PI_3);
    quarters(r, (kr_lvec)shifted, s, c);
}

/* ln u of 2^−53 ≤ u < 1: u = 2^k m with √½ ≤ m < √2, ln m = 2 artanh((m − 1)/(m + 1)). */
KR_INLINE kr_dvec vlog(kr_dvec u) {
    const int64_t half = 0x3fe6a09e667f3bcdLL; /* √½ */
    kr_uvec bits = (kr_uvec)u + (uint64_t)(ONE_BITS - half);
    kr_dvec k = (kr_dvec)((bits >> 52) | 0x4330000000000000ULL) - kr_dsplat(0x1p52 + 1023);
    kr_dvec m = (kr_dvec)((bits & 0xfffffffffffffULL) + (uint64_t)half), f = m - kr_dsplat(1);
    kr_dvec s = f / (kr_dsplat(2) + f), z = s * s;
    return k * kr_dsplat(LN2_HIGH) + ((s + s) + (s * z * HORNER(log_series, z) + k * kr_dsplat(LN2_LOW)));
}

/* The midpoints of 2^52 intervals of (0, 1), as kr_random_uniform. */
KR_INLINE kr_dvec unit(kr_uvec word) {
    kr_dvec whole = (kr_dvec)((word >> 12) | 0x4330000000000000ULL) - kr_dsplat(0x1p52);
    return (whole + kr_dsplat(0.5)) * kr_dsplat(0x1p-52);
}

/* The angle 2πu in quarters of a turn: 4u less the nearest integer is exact. */
KR_INLINE void vnormals(kr_uvec a, kr_uvec b, kr_dvec *first, kr_dvec *second) {
    kr_dvec radius = root(kr_dsplat(-2) * vlog(unit(a))), turn = unit(b) * kr_dsplat(4), s, c;
    kr_dvec shifted = turn + kr_dsplat(ROUND), rest = turn - (shifted - kr_dsplat(ROUND));
    quarters(rest * kr_dsplat(1.5707963267948966), (kr_lvec)shifted, &s, &c);
    *first = radius * c;
    *second = radius * s;
}

/* The last elements of an array go through a full vector, too. */
KR_INLINE kr_dvec load_some(size_t n, const void *from) {
    if (n >= (size_t)KR_DLANES) return kr_dload(from);
    double part[KR_DLANES];
    for (size_t i = 0; i < (size_t)KR_DLANES; i++) memcpy(&part[i], (const char *)from + 8 * (i < n ? i : 0), 8);
    return kr_dload(part);
}
KR_INLINE void store_some(size_t n, double *to, kr_dvec v) {
    if (n >= (size_t)KR_DLANES)
        kr_dstore(to, v);
    else
        for (size_t i = 0; i < n; i++) to[i] = v[i];
}

static void exps(size_t n, const double *x, double *y) {
    for (size_t i = 0; i < n; i += (size_t)KR_DLANES) store_some(n - i, y + i, vexp(load_some(n - i, x + i)));
}

static void sincoses(size_t n, const double *x, double *s, double *c) {
    size_t far = 0;
    for (size_t i = 0; i < n; i++) far += !(fabs(x[i]) <= SINCOS_MOST);
    if (far && n == 1) {
        double at = *x;
        *s = sin(at);
        *c = cos(at);
        return;
    }
    size_t width = far ? 1 : (size_t)KR_DLANES;
    for (size_t i = 0; i < n; i += width) {
        kr_dvec sine, cosine;
        if (far) {
            sincoses(1, x + i, s + i, c + i);
            continue;
        }
        vsincos(load_some(n - i, x + i), &sine, &cosine);
        store_some(n - i, s + i, sine);
        store_some(n - i, c + i, cosine);
    }
}

static void normals(size_t n, const uint64_t *a, const uint64_t *b, double *first, double *second) {
    for (size_t i = 0; i < n; i += (size_t)KR_DLANES) {
        kr_dvec one, other;
        vnormals((kr_uvec)load_some(n - i, a + i), (kr_uvec)load_some(n - i, b + i), &one, &other);
        store_some(n - i, first + i, one);
        store_some(n - i, second + i, other);
    }
}

const kr_elementary KR_KERNEL(elementary) = {exps, sincoses, normals};
