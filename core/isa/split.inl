/* Product with a packed matrix on the matrix unit (AMX), every number split into two or three bf16 numbers.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * a = a1 + a2 + …: a1 = a rounded to bf16 (8 bits), a2 = a − a1 rounded, and so on. Two parts: a b ≈ a1 b1 + a1 b2 +
 * a2 b1, what is missing is about 2^-17 |a b|. Three parts: and a1 b3 + a2 b2 + a3 b1, as good as single precision.
 * Sums are single precision.
 *
 * A tile register holds 16 rows of 64 bytes; a product of tiles takes 16 × 32 of A and 16 pairs of k × 16 columns of B.
 * Eight registers: 2 × 2 tiles of C, two of A, two of B. B is packed in panels of two tiles of columns, per step of 32
 * k its first parts, then its second ones … A is split into tiles in scratch first. Long k is cut in pieces so that a
 * panel's piece stays in the first-level cache while all rows use it. */
#include <immintrin.h>

enum { TILE = 16, STEP = 32, TILE_BYTES = 1024, PIECE = 10 }; /* PIECE: steps × parts */

/* What the instruction that sets up the tile registers reads. */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

/* The next part of 16 + 16 numbers, which is taken off them. */
KR_INLINE void take_part(__m512 *low, __m512 *high, char *to) {
    __m512i part = (__m512i)_mm512_cvtne2ps_pbh(*high, *low);
    *low -= (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(part)), 16);
    *high -= (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(part, 1)), 16);
    _mm512_store_si512(to, part);
}

/* A [rows][k] → [⌈rows/16⌉][⌈k/32⌉][parts][16][32], zeros where there is nothing. */
static void split_rows(const float *a, ptrdiff_t lda, int rows, int k, int parts, char *to) {
    const ptrdiff_t steps = (k + STEP - 1) / STEP;
    for (int i = 0; i < (rows + TILE - 1) / TILE * TILE; i++) {
        char *out = to + (i / TILE * steps * parts) * TILE_BYTES + i % TILE * 64;
        const float *row = a + (i < rows ? i : 0) * lda;
        for (int at = 0; at < k; at += STEP) {
            const int left = i < rows ? k - at : 0;
            const uint32_t mask = left >= STEP ? ~0u : (1u << left) - 1;
            __m512 low = _mm512_maskz_loadu_ps((__mmask16)mask, row + at);
            __m512 high = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), row + at + TILE);
            for (int part = 0; part < parts; part++, out += TILE_BYTES) take_part(&low, &high, out);
        }
    }
}

/* One group of up to 2 × 2 tiles of C over `steps` steps. a: first row of tiles, the second is a_next bytes on;
 * from: start values, ld_from = 0 for a row of bias, NULL = 0. nr, nc and parts are constants of the caller. */
KR_INLINE void multiply_tiles(int nr, int nc, int parts, const char *a, ptrdiff_t a_next, const char *b, int steps,
                              const float *from, ptrdiff_t ld_from, float *c, ptrdiff_t ldc) {
#define START(tile, i, j)                                                                         \
    if (from) {                                                                                   \
        _tile_loadd(tile, from + (i)*TILE * ld_from + (j)*TILE, (size_t)ld_from * sizeof(float)); \
    } else {                                                                                      \
        _tile_zero(tile);                                                                         \
    }
    START(0, 0, 0)
    if (nc > 1) {
        START(1, 0, 1)
    }
    if (nr > 1) {
        START(2, 1, 0)
    }
    if (nr > 1 && nc > 1) {
        START(3, 1, 1)
    }
#undef START
    for (int s = 0; s < steps; s++, a += parts * TILE_BYTES, b += parts * nc * TILE_BYTES)
        for (int i = 0; i < parts; i++)
            for (int j = 0; j < parts - i; j++) { /* a1 b1, a1 b2, …, a2 b1, … */
                const char *at_a = a + i * TILE_BYTES, *at_b = b + j * nc * TILE_BYTES;
                if (j == 0) _tile_loadd(4, at_a, 64);
                _tile_loadd(6, at_b, 64);
                _tile_dpbf16ps(0, 4, 6);
                if (nr > 1 && j == 0) _tile_loadd(5, at_a + a_next, 64);
                if (nr > 1) _tile_dpbf16ps(2, 5, 6);
                if (nc > 1) _tile_loadd(7, at_b + TILE_BYTES, 64);
                if (nc > 1) _tile_dpbf16ps(1, 4, 7);
                if (nr > 1 && nc > 1) _tile_dpbf16ps(3, 5, 7);
            }
#define END(tile, i, j) _tile_stored(tile, c + (i)*TILE * ldc + (j)*TILE, (size_t)ldc * sizeof(float))
    END(0, 0, 0);
    if (nc > 1) END(1, 0, 1);
    if (nr > 1) END(2, 1, 0);
    if (nr > 1 && nc > 1) END(3, 1, 1);
#undef END
}

static void multiply(int nr, int nc, int parts, const char *a, ptrdiff_t a_next, const char *b, int steps,
                     const float *from, ptrdiff_t ld_from, float *c, ptrdiff_t ldc) {
#define CASE(r, n, p) \
    if (nr == r && nc == n && parts == p) multiply_tiles(r, n, p, a, a_next, b, steps, from, ld_from, c, ldc)
    CASE(2, 2, 2);
    CASE(2, 2, 3);
    CASE(2, 1, 2);
    CASE(2, 1, 3);
    CASE(1, 2, 2);
    CASE(1, 2, 3);
    CASE(1, 1, 2);
    CASE(1, 1, 3);
#undef CASE
}

static void split_product(const kr_packed *b, const kr_product *how, const void *a, void *c_, void *scratch) {
    tile_config config = {.palette = 1};
    for (int t = 0; t < 8; t++) config.row_bytes[t] = 64, config.rows[t] = TILE;
    const int parts = b->split, steps = (b->k + STEP - 1) / STEP, columns = kr_packed_columns(b);
    const int pieces = (steps * parts + PIECE - 1) / PIECE, piece = pieces ? (steps + pieces - 1) / pieces : 1;
    const ptrdiff_t a_row = (ptrdiff_t)steps * parts * TILE_BYTES;
    _Alignas(64) float rest[TILE * 2 * TILE]; /* of C: rows that do not fill a tile */
    split_rows(a, how->lda, how->rows, b->k, parts, scratch);
    _tile_loadconfig(&config);
    for (int first = 0; first < columns; first += 2 * TILE) {
        const int nc = columns - first > TILE ? 2 : 1;
        const char *panel = (const char *)b->data + first / TILE * a_row;
        for (int s = 0; s == 0 || s < steps; s += piece) {
            const int n = steps - s < piece ? steps - s : piece;
            const char *at_b = panel + (ptrdiff_t)s * parts * nc * TILE_BYTES;
            for (int i = 0, nr; i < how->rows; i += nr * TILE) {
                const char *at_a = (const char *)scratch + i / TILE * a_row + (ptrdiff_t)s * parts * TILE_BYTES;
                float *c = (float *)c_ + i * how->ldc + first;
                const int old = s > 0 || how->accumulate, left = how->rows - i;
                const float *from = old ? c : how->bias ? (const float *)how->bias + first : NULL;
                const ptrdiff_t ld_from = old ? how->ldc : 0;
                nr = left >= 2 * TILE ? 2 : 1;
                if (left >= TILE) {
                    multiply(nr, nc, parts, at_a, a_row, at_b, n, from, ld_from, c, how->ldc);
                    continue;
                }
                const size_t size = (size_t)nc * TILE * sizeof(float);
                for (int k = 0; k < TILE && from; k++)
                    memcpy(rest + k * 2 * TILE, from + (k < left ? k : 0) * ld_from, size);
                multiply(1, nc, parts, at_a, 0, at_b, n, from ? rest : NULL, 2 * TILE, rest, 2 * TILE);
                for (int k = 0; k < left; k++) memcpy(c + k * how->ldc, rest + k * 2 * TILE, size);
            }
        }
    }
    _tile_release();
}
