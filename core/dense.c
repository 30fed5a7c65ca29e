/* Packing of constant matrices and the choice of their kernels.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/dense.h"
#include "core/error.h"

extern const kr_dense kr_dense_f64_baseline, kr_dense_f32_baseline;
#if defined(__x86_64__)
extern const kr_dense kr_dense_f64_avx2, kr_dense_f32_avx2, kr_dense_f64_avx512, kr_dense_f32_avx512;
#endif

const kr_dense *kr_dense_for(kr_isa isa, int single) {
#if defined(__x86_64__)
    if (isa == KR_ISA_AVX512) return single ? &kr_dense_f32_avx512 : &kr_dense_f64_avx512;
    if (isa == KR_ISA_AVX2) return single ? &kr_dense_f32_avx2 : &kr_dense_f64_avx2;
#endif
    (void)isa;
    return single ? &kr_dense_f32_baseline : &kr_dense_f64_baseline;
}

int kr_packed_columns(const kr_packed *packed) {
    return (packed->n + packed->lanes - 1) / packed->lanes * packed->lanes;
}

size_t kr_packed_bytes(const kr_dense *dense, const kr_packed *packed) {
    return packed->data ? (size_t)kr_packed_columns(packed) * (size_t)packed->k * (dense->single ? 4 : 8) : 0;
}

kr_status kr_packed_create(kr_context *ctx, const kr_dense *dense, int k, int n, const double *b, int ldb,
                           int transposed, kr_packed *packed) {
    *packed = (kr_packed){.k = k, .n = n, .lanes = dense->lanes, .panel = dense->panel};
    int columns = kr_packed_columns(packed);
    size_t size = dense->single ? sizeof(float) : sizeof(double);
    packed->data = kr_calloc(ctx, (size_t)k * (size_t)columns, size);
    if (!packed->data) return KR_ERR_MEMORY;
    for (int first = 0; first < columns; first += dense->panel) {
        int width = columns - first < dense->panel ? columns - first : dense->panel;
        size_t base = (size_t)first * (size_t)k;
        for (int row = 0; row < k; row++)
            for (int j = 0; j < width && first + j < n; j++) {
                int column = first + j;
                double value = transposed ? b[(size_t)column * (size_t)ldb + (size_t)row]
                                          : b[(size_t)row * (size_t)ldb + (size_t)column];
                size_t at = base + (size_t)row * (size_t)width + (size_t)j;
                if (dense->single)
                    ((float *)packed->data)[at] = (float)value;
                else
                    ((double *)packed->data)[at] = value;
            }
    }
    return KR_OK;
}

void kr_packed_free(kr_packed *packed) {
    kr_free(packed->data);
    *packed = (kr_packed){0};
}
