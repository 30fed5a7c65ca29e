/* Integer form of constant matrices for products of a few rows, and the choice of their kernels.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/twoway.h"
#include "core/error.h"
#include <math.h>
#include <stdint.h>

extern const kr_twoway_kernels kr_twoway_f64_baseline, kr_twoway_f32_baseline;
#if defined(__x86_64__)
extern const kr_twoway_kernels kr_twoway_f64_avx2, kr_twoway_f32_avx2, kr_twoway_f64_avx512, kr_twoway_f32_avx512;
#endif

const kr_twoway_kernels *kr_twoway_for(kr_isa isa, int single) {
#if defined(__x86_64__)
    if (isa == KR_ISA_AVX512 || isa == KR_ISA_AMX) return single ? &kr_twoway_f32_avx512 : &kr_twoway_f64_avx512;
    if (isa == KR_ISA_AVX2) return single ? &kr_twoway_f32_avx2 : &kr_twoway_f64_avx2;
#endif
    (void)isa;
    return single ? &kr_twoway_f32_baseline : &kr_twoway_f64_baseline;
}

#define ROUND 0x1.8p52 /* adding and subtracting it rounds numbers below 2^31 to integers */

/* Smallest power of two such that the row, divided by it and rounded, stays below 2^31. Applied to a rounded row it
 * gives the same number again. */
static double scale_of(int n, const double *row) {
    double most = 0;
    int exponent;
    for (int j = 0; j < n; j++) {
        double size = fabs(row[j]);
        most = size > most ? size : most;
    }
    if (!(most > 0) || !isfinite(most)) return 1;
    frexp(most, &exponent);
    if (exponent < -900) return ldexp(1, -900); /* far from subnormal numbers */
    double scale = ldexp(1, exponent - 31);
    return nearbyint(most / scale) < 0x1p31 ? scale : 2 * scale;
}

void kr_twoway_round(int k, int n, double *b, int ldb) {
    for (int row = 0; row < k; row++, b += ldb) {
        const double scale = scale_of(n, b), inverse = 1 / scale; /* exact: powers of two */
        for (int j = 0; j < n; j++) b[j] = scale * ((b[j] * inverse + ROUND) - ROUND);
    }
}

kr_status kr_twoway_create(kr_context *ctx, const kr_dense *dense, int k, int n, const double *b, int ldb,
                           kr_twoway *w) {
    kr_status status = KR_OK;
    const int columns = (n + dense->lanes - 1) / dense->lanes * dense->lanes;
    int32_t *data = NULL;
    *w = (kr_twoway){.k = k, .n = n, .lanes = dense->lanes, .panel = dense->panel};
    KR_NEW(ctx, data, (size_t)k * (size_t)columns);
    KR_NEW(ctx, w->scale, (size_t)k);
    for (int row = 0; row < k; row++) {
        const double *from = b + (size_t)row * (size_t)ldb;
        w->scale[row] = scale_of(n, from);
        const double inverse = 1 / w->scale[row];
        for (int j = 0; j < n; j++) {
            int first = j / w->panel * w->panel, width = columns - first < w->panel ? columns - first : w->panel;
            data[(size_t)first * (size_t)k + (size_t)row * (size_t)width + (size_t)(j - first)] =
                (int32_t)(from[j] * inverse);
        }
    }
    w->data = w->owned = data;
    data = NULL;
done:
    kr_free(data);
    if (status < 0) kr_twoway_free(w);
    return status;
}

void kr_twoway_view(const kr_packed *packed, kr_twoway *w) {
    *w = (kr_twoway){packed->k, packed->n, packed->lanes, packed->panel, packed->data, NULL, NULL};
}

void kr_twoway_free(kr_twoway *w) {
    kr_free(w->owned);
    kr_free(w->scale);
    *w = (kr_twoway){0};
}

size_t kr_twoway_bytes(const kr_twoway *w) {
    size_t columns = w->lanes ? (size_t)((w->n + w->lanes - 1) / w->lanes * w->lanes) : 0;
    return w->owned ? (size_t)w->k * (columns * sizeof(int32_t) + sizeof(double)) : 0;
}
