/* Packing of constant matrices and the choice of their kernels.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/dense.h"
#include "core/error.h"
#include <stdint.h>
#include <string.h>

extern const kr_dense kr_dense_f64_baseline, kr_dense_f32_baseline;
#if defined(__x86_64__)
extern const kr_dense kr_dense_f64_avx2, kr_dense_f32_avx2, kr_dense_f64_avx512, kr_dense_f32_avx512;
#endif

#if defined(KR_WITH_AMX)
extern const kr_dense kr_dense_f32_amx;
#endif

const kr_dense *kr_dense_for(kr_isa isa, int single) {
#if defined(KR_WITH_AMX)
    if (isa == KR_ISA_AMX && single) return &kr_dense_f32_amx;
#endif
#if defined(__x86_64__)
    if (isa == KR_ISA_AVX512 || isa == KR_ISA_AMX) return single ? &kr_dense_f32_avx512 : &kr_dense_f64_avx512;
    if (isa == KR_ISA_AVX2) return single ? &kr_dense_f32_avx2 : &kr_dense_f64_avx2;
#endif
    (void)isa;
    return single ? &kr_dense_f32_baseline : &kr_dense_f64_baseline;
}

int kr_packed_columns(const kr_packed *packed) {
    return (packed->n + packed->lanes - 1) / packed->lanes * packed->lanes;
}

size_t kr_packed_bytes(const kr_dense *dense, const kr_packed *packed) {
    if (!packed->data) return 0;
    const size_t columns = (size_t)kr_packed_columns(packed), k = (size_t)packed->k;
    if (packed->split) return columns * ((k + 31) / 32 * 32) * (size_t)packed->split * sizeof(uint16_t);
    return columns * k * (dense->single ? sizeof(float) : sizeof(double));
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

/* Nearest bf16 of x, ties to even, and what is left of x. Infinities and NaN do not occur in weights. */
static uint16_t take_bf16(float *x) {
    uint32_t bits;
    memcpy(&bits, x, sizeof bits);
    bits += 0x7fff + (bits >> 16 & 1);
    bits &= 0xffff0000;
    float rounded;
    memcpy(&rounded, &bits, sizeof rounded);
    *x -= rounded;
    return (uint16_t)(bits >> 16);
}

kr_status kr_packed_create_split(kr_context *ctx, const kr_dense *dense, int k, int n, const double *b, int ldb,
                                 int transposed, int parts, kr_packed *packed) {
    enum { TILE = 16, STEP = 32, TILE_SIZE = TILE * STEP }; /* as in split.inl */
    if (!dense->split) return kr_packed_create(ctx, dense, k, n, b, ldb, transposed, packed);
    *packed = (kr_packed){.k = k, .n = n, .lanes = TILE, .panel = 2 * TILE, .split = parts};
    const size_t columns = (size_t)kr_packed_columns(packed), steps = ((size_t)k + STEP - 1) / STEP;
    packed->data = kr_calloc(ctx, columns * steps * STEP, (size_t)parts * sizeof(uint16_t));
    if (!packed->data) return KR_ERR_MEMORY;
    for (size_t column = 0; column < (size_t)n; column++) {
        const size_t first = column / (2 * TILE) * (2 * TILE), tiles = columns - first > TILE ? 2 : 1;
        uint16_t *panel = (uint16_t *)packed->data + first * steps * STEP * (size_t)parts;
        for (size_t row = 0; row < (size_t)k; row++) {
            float value = (float)(transposed ? b[column * (size_t)ldb + row] : b[row * (size_t)ldb + column]);
            uint16_t *tile = panel + (row / STEP * (size_t)parts * tiles + (column - first) / TILE) * TILE_SIZE;
            size_t at = row % STEP / 2 * STEP + column % TILE * 2 + row % 2;
            for (int part = 0; part < parts; part++, tile += tiles * TILE_SIZE) tile[at] = take_bf16(&value);
        }
    }
    return KR_OK;
}

size_t kr_split_bytes(int rows, int k, int parts) {
    return ((size_t)rows + 15) / 16 * 16 * (((size_t)k + 31) / 32 * 32) * (size_t)parts * sizeof(uint16_t);
}

void kr_packed_free(kr_packed *packed) {
    kr_free(packed->data);
    *packed = (kr_packed){0};
}
