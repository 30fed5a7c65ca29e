/* Product with a packed matrix, and vector tanh: one instruction set, one precision.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Register tile: TILE_ROWS rows × TILE_VECTORS vectors of columns. A is broadcast element by element, B is read in
 * the order it is stored. A panel of B is swept over all rows before the next one is touched, so that B comes
 * from a far cache once and A (small) from L2 once per panel. No blocking over k: callers cut long k into chunks
 * that they have to build anyway. */
#include "core/dense.h"
#include "core/isa/simd.h"
#include "core/isa/tanh.h"

#if defined(KR_ISA_avx512) /* 32 registers: 24 sums, 3 of B, 1 broadcast */
enum { TILE_ROWS = 8, TILE_VECTORS = 3 };
#elif defined(KR_ISA_avx2) /* 16 registers: 12 sums */
enum { TILE_ROWS = 4, TILE_VECTORS = 3 };
#else                      /* 16 registers, products need one of their own */
enum { TILE_ROWS = 4, TILE_VECTORS = 2 };
#endif

enum { PREFETCH_ROWS = 64 }; /* with fewer rows a panel is used too little to hide the next one behind it */

typedef struct tile_at {
    const real *a; /* A(first row, k_begin) */
    ptrdiff_t lda; /* to the next row; quad: from the first four rows to the next four */
    ptrdiff_t quad;
    const real *b; /* panel, row k_begin */
    int nk;
    real *c;
    ptrdiff_t ldc;
    const real *bias;
    int accumulate;
} tile_at;

/* All loops over rows and vectors unroll completely: `rows`, `vectors` and `quad` are constants of the caller. */
KR_INLINE void tile(const tile_at *at, int rows, int vectors, int quad) {
    kr_vec sum[TILE_ROWS][TILE_VECTORS];
    const real *a[TILE_ROWS];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
        a[i] = quad ? at->a + (i / 4) * at->lda + i % 4 : at->a + i * at->lda;
#pragma GCC unroll 3
        for (int j = 0; j < vectors; j++)
            sum[i][j] = at->accumulate ? kr_load(at->c + i * at->ldc + j * KR_LANES)
                        : at->bias     ? kr_load(at->bias + j * KR_LANES)
                                       : kr_splat(0);
    }
    const real *b = at->b;
    ptrdiff_t step = quad ? at->quad : 1;
#pragma GCC unroll 4
    for (ptrdiff_t k = 0, n = at->nk * step; k < n; k += step, b += vectors * KR_LANES) {
        kr_vec row[TILE_VECTORS];
#pragma GCC unroll 3
        for (int j = 0; j < vectors; j++) row[j] = kr_load(b + j * KR_LANES);
#pragma GCC unroll 8
        for (int i = 0; i < rows; i++) {
            kr_vec element = kr_splat(a[i][k]);
#pragma GCC unroll 3
            for (int j = 0; j < vectors; j++) sum[i][j] += element * row[j];
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 3
        for (int j = 0; j < vectors; j++) kr_store(at->c + i * at->ldc + j * KR_LANES, sum[i][j]);
}

typedef void (*tile_fn)(const tile_at *at);
#define TILE(rows, vectors)                                                                                          \
    static __attribute__((noinline)) void tile_##rows##_##vectors(const tile_at *at) { tile(at, rows, vectors, 0); } \
    static __attribute__((noinline)) void quad_##rows##_##vectors(const tile_at *at) {                               \
        tile(at, rows, vectors, (rows) >= 4);                                                                        \
    }
#define TILES(rows) TILE(rows, 1) TILE(rows, 2) TILE(rows, 3)
#if !defined(KR_ISA_avx512) && !defined(KR_ISA_avx2)
#undef TILES
#define TILES(rows) TILE(rows, 1) TILE(rows, 2)
#endif
#if defined(KR_ISA_avx512)
TILES(8)
#endif
TILES(4)
TILES(2)
TILES(1)

static tile_fn tile_for(int rows, int vectors, int quad) {
#define PICK(r, v) \
    if (rows == (r) && vectors == (v)) return quad ? quad_##r##_##v : tile_##r##_##v;
#define PICKS(r) PICK(r, 1) PICK(r, 2) PICK(r, 3)
#if !defined(KR_ISA_avx512) && !defined(KR_ISA_avx2)
#undef PICKS
#define PICKS(r) PICK(r, 1) PICK(r, 2)
#endif
#if defined(KR_ISA_avx512)
    PICKS(8)
#endif
    PICKS(4)
    PICKS(2)
    PICKS(1)
    return 0;
}

static void product(const kr_packed *b, const kr_product *how, const void *a_, void *c_) {
    const real *a = a_, *data = b->data, *bias = how->bias;
    real *c = c_;
    int columns = kr_packed_columns(b), nk = how->k_end - how->k_begin;
    const ptrdiff_t quad = how->quad, k_offset = (ptrdiff_t)how->k_begin * (quad ? quad : 1);
    for (int first = how->panel_begin * b->panel; first < columns; first += b->panel) {
        int width = columns - first < b->panel ? columns - first : b->panel, vectors = width / KR_LANES;
        tile_at at = {.b = data + (size_t)first * (size_t)b->k + (size_t)how->k_begin * (size_t)width,
                      .lda = how->lda,
                      .quad = quad,
                      .nk = nk,
                      .ldc = how->ldc,
                      .accumulate = how->accumulate,
                      .bias = bias ? bias + first : 0};
        /* The next panel comes from far away while this one is at work: a slice of it with every tile. */
        const char *ahead = (const char *)(data + (size_t)(first + width) * (size_t)b->k);
        int next = columns - first - width < b->panel ? columns - first - width : b->panel;
        ptrdiff_t lines = (ptrdiff_t)next * b->k * (ptrdiff_t)sizeof(real) / 64, tiles = how->rows / TILE_ROWS + 1;
        ptrdiff_t slice = next && how->rows >= PREFETCH_ROWS ? (lines / tiles + 1) * 64 : 0;
        int done = 0;
        for (int rows = TILE_ROWS; rows >= 1; rows /= 2) {
            if (how->rows - done < rows) continue;
            tile_fn run = tile_for(rows, vectors, how->quad);
            for (; how->rows - done >= rows; done += rows) {
                at.a = a + (quad ? done / quad * how->lda + done % quad : done * how->lda) + k_offset;
                if (quad > 4) at.lda = done % quad + 4 < quad ? 4 : how->lda + 4 - quad;
                at.c = c + done * how->ldc + first;
                for (ptrdiff_t line = 0; line < slice; line += 64) __builtin_prefetch(ahead + line, 0, 2);
                ahead += slice;
                run(&at);
            }
        }
    }
}

static void tanh_all(size_t n, const void *z_, void *y_, void *d1_) {
    const real *z = z_;
    real *y = y_, *d1 = d1_;
    size_t i = 0;
    for (; i + KR_LANES <= n; i += KR_LANES) {
        kr_vec t = kr_vtanh(kr_load(z + i));
        if (d1) kr_store(d1 + i, kr_splat(1) - t * t);
        kr_store(y + i, t);
    }
    if (i == n) return;
    real tail[KR_VECTOR_BYTES / sizeof(real)] = {0};
    memcpy(tail, z + i, (n - i) * sizeof(real));
    kr_vec t = kr_vtanh(kr_load(tail));
    kr_store(tail, t);
    memcpy(y + i, tail, (n - i) * sizeof(real));
    if (!d1) return;
    kr_store(tail, kr_splat(1) - t * t);
    memcpy(d1 + i, tail, (n - i) * sizeof(real));
}

#if defined(KR_ISA_amx) && KR_SINGLE
#include "core/isa/split.inl"
#else
#define split_product NULL
#endif

extern const kr_dense KR_KERNEL(dense);
const kr_dense KR_KERNEL(dense) = {KR_SINGLE,
                                   (int)(KR_VECTOR_BYTES / sizeof(real)),
                                   TILE_VECTORS *(int)(KR_VECTOR_BYTES / sizeof(real)),
                                   product,
                                   tanh_all,
                                   split_product};
