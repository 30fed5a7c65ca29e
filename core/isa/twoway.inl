/* Products of a few rows, both ways from one packed copy: one instruction set, one precision.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Forwards a panel of W is read once for all rows, sums in registers. Backwards four rows of W at a time are
 * multiplied with dy, panel after panel: sums over lanes come last, four at once, and their order is fixed.
 * W streams from a far cache, everything else is in the nearest. */
#include "core/isa/simd.h"
#include "core/twoway.h"

#if defined(KR_ISA_avx512)
enum { MOST_ROWS = 8, PANEL_VECTORS = 3, BACK_ROWS = 4, BACK_LONG = 3 };
#elif defined(KR_ISA_avx2)
enum { MOST_ROWS = 4, PANEL_VECTORS = 3, BACK_ROWS = 2, BACK_LONG = 1 };
#else
enum { MOST_ROWS = 4, PANEL_VECTORS = 2, BACK_ROWS = 2, BACK_LONG = 1 };
#endif
enum { BACK_STEP = 8 }; /* rows of W at once backwards, with at most BACK_LONG rows of dy; otherwise 4 */
enum { AHEAD = 512 };   /* elements between what is read and what is asked for */
enum { PIECE = 256 };   /* rows of W per turn forwards, columns backwards: what is copied on the stack */

/* A vector of W; element `at` of the matrix. */
KR_INLINE kr_vec weights(const void *data, ptrdiff_t at, int integers) {
    /* intrinsics: convertvector goes through halves and costs three times as much */
#if !KR_SINGLE && defined(KR_ISA_avx512)
    if (integers) return (kr_vec)_mm512_cvtepi32_pd(_mm256_loadu_si256((const __m256i *)((const int32_t *)data + at)));
#elif !KR_SINGLE && defined(KR_ISA_avx2)
    if (integers) return (kr_vec)_mm256_cvtepi32_pd(_mm_loadu_si128((const __m128i *)((const int32_t *)data + at)));
#elif !KR_SINGLE
    if (integers) return (kr_vec){((const int32_t *)data)[at], ((const int32_t *)data)[at + 1]};
#endif
    (void)integers;
    return kr_load((const real *)data + at);
}

/* Asks for `count` elements that are needed soon; the addresses may lie behind the array. */
KR_INLINE void prefetch(const void *data, ptrdiff_t at, int count, int integers) {
    const size_t size = integers ? sizeof(int32_t) : sizeof(real);
    const char *from = (const char *)data + (size_t)at * size;
    for (size_t k = 0; k < (size_t)count * size; k += 64) __builtin_prefetch(from + k);
}

/* c [rows][·] (+)= Σ_k x[k][rows] W[k][vectors] */
KR_INLINE void forward_tile(const void *data, ptrdiff_t at, int nk, const real *x, int rows, int vectors, int integers,
                            real *c, ptrdiff_t ldc) {
    kr_vec sum[MOST_ROWS][PANEL_VECTORS];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) sum[i][j] = kr_load(c + i * ldc + j * KR_LANES);
    for (int k = 0; k < nk; k++, at += vectors * KR_LANES, x += rows) {
        prefetch(data, at + AHEAD, vectors * KR_LANES, integers);
#pragma GCC unroll 3
        for (int j = 0; j < vectors; j++) {
            kr_vec w = weights(data, at + j * KR_LANES, integers);
#pragma GCC unroll 8
            for (int i = 0; i < rows; i++) sum[i][j] += kr_splat(x[i]) * w;
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) kr_store(c + i * ldc + j * KR_LANES, sum[i][j]);
}

/* The four sums over lanes. */
KR_INLINE kr_quad lane_sums(const kr_vec v[4]) {
#if KR_VECTOR_BYTES == 16 && !KR_SINGLE
    return (kr_quad){v[0][0] + v[0][1], v[1][0] + v[1][1], v[2][0] + v[2][1], v[3][0] + v[3][1]};
#else
    kr_quad q[4];
    for (int k = 0; k < 4; k++) {
#if KR_VECTOR_BYTES == 64 && KR_SINGLE
        kr_oct half = __builtin_shufflevector(v[k], v[k], 0, 1, 2, 3, 4, 5, 6, 7) +
                      __builtin_shufflevector(v[k], v[k], 8, 9, 10, 11, 12, 13, 14, 15);
#else
        kr_vec half = v[k];
#endif
#if KR_VECTOR_BYTES == 64 || (KR_VECTOR_BYTES == 32 && KR_SINGLE)
        q[k] = __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
#else
        q[k] = half;
#endif
    }
    kr_quad ab = __builtin_shufflevector(q[0], q[1], 0, 4, 2, 6) + __builtin_shufflevector(q[0], q[1], 1, 5, 3, 7);
    kr_quad cd = __builtin_shufflevector(q[2], q[3], 0, 4, 2, 6) + __builtin_shufflevector(q[2], q[3], 1, 5, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) + __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
#endif
}

/* What a turn works on. Forwards: rows [0, nk) of W from element `at` of a panel; x [nk][rows], c the results.
 * Backwards: columns [first, end) of W, of which dy [·][PIECE] is a zero-padded copy; dx the results. */
typedef struct turn {
    const kr_twoway *w;
    int nk, first, end, columns, accumulate;
    ptrdiff_t at, ld;
    const real *in;
    real *out;
} turn;

/* sum[rows][step] += dy[rows][width] of a panel times `step` rows of W; beyond `take` the last row again. */
KR_INLINE void backward_panel(const void *data, ptrdiff_t at, int width, const real *dy, int take, int step, int rows,
                              int integers, kr_vec sum[BACK_ROWS][BACK_STEP]) {
#pragma GCC unroll 3
    for (int j = 0; j < width; j += KR_LANES) {
        kr_vec d[BACK_ROWS];
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) d[i] = kr_load(dy + i * PIECE + j);
#pragma GCC unroll 8
        for (int r = 0; r < step; r++) {
            kr_vec v = weights(data, at + (r < take ? r : take - 1) * width + j, integers);
#pragma GCC unroll 4
            for (int i = 0; i < rows; i++) sum[i][r] += d[i] * v;
        }
    }
}

/* dx[rows][k … k + take), take ≤ step, a multiple of 4 */
KR_INLINE void backward_tile(const turn *t, int k, int take, int step, int rows, int integers) {
    const kr_twoway *w = t->w;
    kr_vec sum[BACK_ROWS][BACK_STEP];
    for (int i = 0; i < rows; i++)
        for (int r = 0; r < step; r++) sum[i][r] = kr_splat(0);
    for (int first = t->first; first < t->end; first += w->panel) {
        int width = t->columns - first < w->panel ? t->columns - first : w->panel;
        ptrdiff_t at = (ptrdiff_t)first * w->k + (ptrdiff_t)k * width;
        const real *dy = t->in + (first - t->first);
        prefetch(w->data, at + step * width, step * width, integers);
        if (width == PANEL_VECTORS * KR_LANES)
            backward_panel(w->data, at, PANEL_VECTORS * KR_LANES, dy, take, step, rows, integers, sum);
        else
            backward_panel(w->data, at, width, dy, take, step, rows, integers, sum);
    }
    for (int i = 0; i < rows; i++)
        for (int r = 0; r < take; r += 4) {
            kr_quad q = lane_sums(&sum[i][r]);
            real *out = t->out + i * t->ld + k + r;
            for (int s = 0; s < 4 && r + s < take; s++) {
                real value = integers ? q[s] * (real)w->scale[k + r + s] : q[s];
                out[s] = t->accumulate ? out[s] + value : value;
            }
        }
}

KR_INLINE void forward_vectors(const turn *t, int vectors, int rows, int integers) {
    if (vectors == PANEL_VECTORS)
        forward_tile(t->w->data, t->at, t->nk, t->in, rows, PANEL_VECTORS, integers, t->out, t->ld);
    else if (vectors == 2)
        forward_tile(t->w->data, t->at, t->nk, t->in, rows, 2, integers, t->out, t->ld);
    else
        forward_tile(t->w->data, t->at, t->nk, t->in, rows, 1, integers, t->out, t->ld);
}

#define FORWARD(rows)                                                            \
    static __attribute__((noinline)) void forward_##rows(const turn *t, int v) { \
        if (!KR_SINGLE && t->w->scale)                                           \
            forward_vectors(t, v, rows, 1);                                      \
        else                                                                     \
            forward_vectors(t, v, rows, 0);                                      \
    }
#define BACKWARD(rows)                                                                                    \
    static __attribute__((noinline)) void backward_##rows(const turn *t, int k, int take) {               \
        enum { STEP = (rows) <= BACK_LONG ? BACK_STEP : 4 };                                              \
        const int end = k + take, integers = !KR_SINGLE && t->w->scale;                                   \
        for (int n; k < end; k += n) {                                                                    \
            n = end - k < STEP ? end - k : STEP;                                                          \
            if (n == STEP)                                                                                \
                integers ? backward_tile(t, k, n, STEP, rows, 1) : backward_tile(t, k, n, STEP, rows, 0); \
            else                                                                                          \
                integers ? backward_tile(t, k, n, STEP, rows, 1) : backward_tile(t, k, n, STEP, rows, 0); \
        }                                                                                                 \
    }
FORWARD(1)
FORWARD(2)
FORWARD(3)
FORWARD(4)
BACKWARD(1)
BACKWARD(2)
#if defined(KR_ISA_avx512)
FORWARD(5)
FORWARD(6)
FORWARD(7)
FORWARD(8)
BACKWARD(3)
BACKWARD(4)
static void (*const forward_rows[])(const turn *, int) = {forward_1, forward_2, forward_3, forward_4,
                                                          forward_5, forward_6, forward_7, forward_8};
static void (*const backward_rows[])(const turn *, int, int) = {backward_1, backward_2, backward_3, backward_4};
#else
static void (*const forward_rows[])(const turn *, int) = {forward_1, forward_2, forward_3, forward_4};
static void (*const backward_rows[])(const turn *, int, int) = {backward_1, backward_2};
#endif

static int columns_of(const kr_twoway *w) { return (w->n + w->lanes - 1) / w->lanes * w->lanes; }

KR_INLINE void copy_n_rows(int n, int nk, const real *x, ptrdiff_t ldx, const double *scale, real *copy) {
    for (int m = 0; m < nk; m++, copy += n) {
        const real factor = scale ? (real)scale[m] : 1;
#pragma GCC unroll 4
        for (int i = 0; i < n; i++) copy[i] = x[i * ldx + m] * factor;
    }
}

/* copy [nk][n] = x [n][nk] times the scale of the columns */
static void copy_rows(int n, int nk, const real *x, ptrdiff_t ldx, const double *scale, real *copy) {
    switch (n) {
    case 1:
        copy_n_rows(1, nk, x, ldx, scale, copy);
        break;
    case 2:
        copy_n_rows(2, nk, x, ldx, scale, copy);
        break;
    case 3:
        copy_n_rows(3, nk, x, ldx, scale, copy);
        break;
    case 4:
        copy_n_rows(4, nk, x, ldx, scale, copy);
        break;
    default:
        copy_n_rows(n, nk, x, ldx, scale, copy);
    }
}

static void forward(const kr_twoway *w, int rows, const void *x_, ptrdiff_t ldx, const void *bias_, int accumulate,
                    void *y_, ptrdiff_t ldy) {
    const real *x = x_, *bias = bias_;
    real copy[PIECE * KR_TWOWAY_ROWS], *y = y_; /* copy [k][rows]: one stream of broadcasts */
    const int columns = columns_of(w);
    for (int i = 0; i < rows && !accumulate; i++)
        for (int j = 0; j < columns; j++) y[i * ldy + j] = bias ? bias[j] : 0;
    for (int start = 0; start < rows; start += MOST_ROWS) {
        int n = rows - start < MOST_ROWS ? rows - start : MOST_ROWS;
        for (int k = 0; k < w->k; k += PIECE) {
            turn t = {.w = w, .nk = w->k - k < PIECE ? w->k - k : PIECE, .ld = ldy, .in = copy};
            copy_rows(n, t.nk, x + start * ldx + k, ldx, w->scale ? w->scale + k : NULL, copy);
            for (int first = 0; first < columns; first += w->panel) {
                int width = columns - first < w->panel ? columns - first : w->panel;
                t.at = (ptrdiff_t)first * w->k + (ptrdiff_t)k * width;
                t.out = y + start * ldy + first;
                forward_rows[n - 1](&t, width / KR_LANES);
            }
        }
    }
}

static void backward(const kr_twoway *w, int rows, const void *dy_, ptrdiff_t ldy, int accumulate, void *dx_,
                     ptrdiff_t ldx) {
    const real *dy = dy_;
    real copy[KR_TWOWAY_ROWS * PIECE];
    const int columns = columns_of(w), piece = PIECE / w->panel * w->panel;
    for (int first = 0; first < columns; first += piece) {
        turn t = {.w = w, .first = first, .columns = columns, .accumulate = accumulate || first > 0, .ld = ldx};
        t.end = columns - first < piece ? columns : first + piece;
        int real_columns = (t.end < w->n ? t.end : w->n) - first;
        for (int i = 0; i < rows; i++) {
            memcpy(copy + i * PIECE, dy + i * ldy + first, (size_t)real_columns * sizeof(real));
            memset(copy + i * PIECE + real_columns, 0, (size_t)(t.end - first - real_columns) * sizeof(real));
        }
        for (int k = 0; k < w->k; k += BACK_STEP)
            for (int start = 0; start < rows; start += BACK_ROWS) { /* these rows of W are near the second time */
                int n = rows - start < BACK_ROWS ? rows - start : BACK_ROWS;
                t.in = copy + start * PIECE;
                t.out = (real *)dx_ + start * ldx;
                backward_rows[n - 1](&t, k, w->k - k < BACK_STEP ? w->k - k : BACK_STEP);
            }
    }
}

extern const kr_twoway_kernels KR_KERNEL(twoway);
const kr_twoway_kernels KR_KERNEL(twoway) = {forward, backward};
