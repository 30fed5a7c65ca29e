/* Products of the moment engine: C (+)= A B over vectors of lanes, with A broadcast element by element.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * One register tile serves all: rows × vectors of C, a sum over chunks of k; A(i, k) is broadcast, B(k, ·) and C are
 * vectors at any stride, so blocks of atoms, columns of moments and columns of weights are the same to it. Every
 * element of C is summed in the order of k, whatever the tile: results do not depend on how work is cut. */
#include "core/isa/simd.h"
#include "training/engine_moment.h"

#if defined(KR_ISA_avx512) /* 32 registers: 24 sums, 4 of B, 1 broadcast */
enum { VECTORS = 4, TALL = 6, DEPTH = KR_SINGLE ? 120 : 96 };
#else /* 16 registers: 12 sums, 2 of B, 1 broadcast */
enum { VECTORS = 2, TALL = 6, DEPTH = 96 };
#endif
enum { PANEL = KR_MOMENT_PANEL };

/* One of the sums of a tile: `chunks` runs of `depth` values of k. */
typedef struct sweep {
    int chunks, depth;
    const real *a;
    ptrdiff_t a_chunk, a_row; /* a_row: of A(i, k) by rows; by columns A is a panel, k PANEL + i */
    const real *b;
    ptrdiff_t b_chunk, b_row, b_vec;
} sweep;

typedef struct tile_job {
    int nsweeps, accumulate;
    sweep sweep[2];
    const real *bias; /* start value of every row of C; NULL = 0 */
    real *c;
    ptrdiff_t c_row, c_vec;
} tile_job;

/* rows, vectors and by_columns are constants of the caller: everything is unrolled into registers. */
KR_INLINE void tile(const tile_job *job, int rows, int vectors, int by_columns) {
    kr_vec sum[KR_MOMENT_ROWS][VECTORS];
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++)
            sum[i][j] = job->accumulate ? kr_load(job->c + i * job->c_row + j * job->c_vec)
                        : job->bias     ? kr_splat(job->bias[i])
                                        : kr_splat(0);
    for (int s = 0; s < job->nsweeps; s++) {
        const sweep *w = &job->sweep[s];
        const real *a_chunk = w->a, *b_chunk = w->b;
        const ptrdiff_t a_row = by_columns ? 1 : w->a_row, a_step = by_columns ? PANEL : 1;
        const ptrdiff_t b_row = w->b_row, b_vec = w->b_vec;
        for (int n = 0; n < w->chunks; n++, a_chunk += w->a_chunk, b_chunk += w->b_chunk) {
            const real *a = a_chunk, *b = b_chunk;
#pragma GCC unroll 4
            for (int k = 0; k < w->depth; k++, a += a_step, b += b_row) {
                kr_vec row[VECTORS];
#pragma GCC unroll 4
                for (int j = 0; j < vectors; j++) row[j] = kr_load(b + j * b_vec);
#pragma GCC unroll 12
                for (int i = 0; i < rows; i++) {
                    kr_vec element = kr_splat(a[i * a_row]);
#pragma GCC unroll 4
                    for (int j = 0; j < vectors; j++) sum[i][j] += element * row[j];
                }
            }
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) kr_store(job->c + i * job->c_row + j * job->c_vec, sum[i][j]);
}

typedef void (*tile_fn)(const tile_job *job);
#define TILE(rows, vectors)                                                                                         \
    static __attribute__((noinline)) void rows_##rows##_##vectors(const tile_job *j) { tile(j, rows, vectors, 0); } \
    static __attribute__((noinline)) void columns_##rows##_##vectors(const tile_job *j) { tile(j, rows, vectors, 1); }
TILE(12, 1)
#if defined(KR_ISA_avx512)
TILE(12, 2)
TILE(6, 3)
TILE(6, 4)
#else
TILE(6, 2)
#endif

typedef struct tile_kind {
    int rows;
    tile_fn by_rows, by_columns;
} tile_kind;

/* Few vectors: more rows, so that enough sums are under way. */
static const tile_kind tile_kinds[VECTORS + 1] = {
    {0},
    {12, rows_12_1, columns_12_1},
#if defined(KR_ISA_avx512)
    {12, rows_12_2, columns_12_2},
    {6, rows_6_3, columns_6_3},
    {6, rows_6_4, columns_6_4},
#else
    {6, rows_6_2, columns_6_2},
#endif
};

/* Vectors of B and C: `count` of them, `b_vec` and `c_vec` apart; rows of k and of C. */
typedef struct streams {
    int count;
    const real *b;
    ptrdiff_t b_row, b_vec;
    real *c;
    ptrdiff_t c_row, c_vec;
} streams;

/* W comes from a far cache: with every tile, its share of the panel's piece that comes next is fetched. */
KR_INLINE void fetch_ahead(const kr_moment_matrix *w, int o, int rows, int k, int k1) {
    int panel = o / PANEL + 1, from = k;
    if (panel == w->npanels) {
        panel = 0;
        from = k + DEPTH;
    }
    if (from >= k1) return;
    const ptrdiff_t share = (ptrdiff_t)DEPTH * rows * (ptrdiff_t)sizeof(real);
    const char *at =
        (const char *)((const real *)w->data + (ptrdiff_t)panel * w->rows * PANEL + (ptrdiff_t)from * PANEL) +
        o % PANEL / rows * share;
    for (ptrdiff_t line = 0; line < share; line += 64) __builtin_prefetch(at + line, 0, 2);
}

/* C[o] = bias[o] + Σ_k W[k][o] B[k], k in [k0, k1); rows of C up to the next multiple of KR_MOMENT_ROWS are written. */
static void product_forward(const kr_moment_matrix *w, int k0, int k1, const streams *s, const real *bias,
                            int accumulate) {
    const ptrdiff_t panel_size = (ptrdiff_t)w->rows * PANEL;
    for (int k = k0; k < k1; k += DEPTH) {
        int depth = k1 - k < DEPTH ? k1 - k : DEPTH;
        for (int v = 0; v < s->count; v += VECTORS) {
            int nv = s->count - v < VECTORS ? s->count - v : VECTORS;
            const tile_kind *kind = &tile_kinds[nv];
            tile_job job = {.nsweeps = 1, .accumulate = accumulate || k > k0, .c_row = s->c_row, .c_vec = s->c_vec};
            job.sweep[0] = (sweep){.chunks = 1,
                                   .depth = depth,
                                   .b = s->b + k * s->b_row + v * s->b_vec,
                                   .b_row = s->b_row,
                                   .b_vec = s->b_vec};
            for (int o = 0; o < w->out; o += kind->rows) {
                job.sweep[0].a = (const real *)w->data + (o / PANEL) * panel_size + (ptrdiff_t)k * PANEL + o % PANEL;
                if (v == 0) fetch_ahead(w, o, kind->rows, k, k1);
                job.c = s->c + o * s->c_row + v * s->c_vec;
                job.bias = bias ? bias + o : NULL;
                kind->by_columns(&job);
            }
        }
    }
}

/* As fetch_ahead, for products with W by rows: the next rows, in all panels that the sum runs over. */
KR_INLINE void fetch_rows(const real *a, int rows, int npanels, ptrdiff_t panel_size) {
    for (int p = 0; p < npanels; p++, a += panel_size)
        for (ptrdiff_t line = 0; line < rows * PANEL * (ptrdiff_t)sizeof(real); line += 64)
            __builtin_prefetch((const char *)a + line, 0, 2);
}

/* C[i] (+)= Σ_o W[i][o] B[o] for rows i in [i0, i1), i0 a multiple of KR_MOMENT_ROWS; rows up to the next are written.
 */
static void product_reverse(const kr_moment_matrix *w, int i0, int i1, const streams *s, int accumulate) {
    enum { ROWS = 96, PANELS = DEPTH / PANEL };
    const ptrdiff_t panel_size = (ptrdiff_t)w->rows * PANEL;
    for (int first = i0; first < i1; first += ROWS)
        for (int v = 0; v < s->count; v += VECTORS) {
            int nv = s->count - v < VECTORS ? s->count - v : VECTORS;
            int last = first + ROWS < i1 ? first + ROWS : i1;
            const tile_kind *kind = &tile_kinds[nv];
            for (int p = 0; p < w->npanels; p += PANELS) {
                int full = w->out / PANEL - p; /* panels of 24 columns, then the rest */
                if (full > PANELS) full = PANELS;
                int rest = p + PANELS < w->npanels ? 0 : w->out % PANEL;
                tile_job job = {
                    .nsweeps = 1 + (rest > 0), .accumulate = accumulate || p > 0, .c_row = s->c_row, .c_vec = s->c_vec};
                const real *b = s->b + (ptrdiff_t)p * PANEL * s->b_row + v * s->b_vec;
                for (int n = 0; n < 2; n++)
                    job.sweep[n] = (sweep){.chunks = n ? 1 : full,
                                           .depth = n ? rest : PANEL,
                                           .a_chunk = panel_size,
                                           .a_row = PANEL,
                                           .b = b + (n ? (ptrdiff_t)full * PANEL * s->b_row : 0),
                                           .b_chunk = PANEL * s->b_row,
                                           .b_row = s->b_row,
                                           .b_vec = s->b_vec};
                const real *a = (const real *)w->data + p * panel_size;
                for (int i = first; i < last; i += kind->rows) {
                    job.sweep[0].a = a + (ptrdiff_t)i * PANEL;
                    job.sweep[1].a = job.sweep[0].a + full * panel_size;
                    job.c = s->c + i * s->c_row + v * s->c_vec;
                    if (v == 0)
                        fetch_rows(job.sweep[0].a + kind->rows * PANEL, kind->rows, full + (rest > 0), panel_size);
                    kind->by_rows(&job);
                }
            }
        }
}

/* Sums of outer products, for gradients of weights: C [rows][columns] += Σ_s Σ_k a_s(i, k) b_s(k, ·), i < rows. The b
 * are panels of VECTORS vectors: panel v begins at b + v b_vec. Pieces of k of four chunks, so that they and C stay
 * near: C is the caller's, [rows up to a multiple of KR_MOMENT_ROWS][ldc], and starts from zero when `clear`. */
static void product_weights(const sweep *from, int nsweeps, int rows, int columns, real *c, ptrdiff_t ldc, int clear) {
    enum { CHUNKS = 4 };
    const int vectors = (columns + KR_LANES - 1) / KR_LANES;
    for (int s = 0; s < nsweeps; s++)
        for (int n = 0; n < from[s].chunks; n += CHUNKS, clear = 0)
            for (int v = 0; v < vectors; v += VECTORS) {
                const tile_kind *kind = &tile_kinds[vectors - v < VECTORS ? vectors - v : VECTORS];
                tile_job job = {.nsweeps = 1, .accumulate = !clear, .c_row = ldc, .c_vec = KR_LANES};
                job.sweep[0] = from[s];
                job.sweep[0].chunks = from[s].chunks - n < CHUNKS ? from[s].chunks - n : CHUNKS;
                job.sweep[0].b += n * from[s].b_chunk + v / VECTORS * from[s].b_vec;
                job.sweep[0].b_vec = KR_LANES;
                for (int i = 0; i < rows; i += kind->rows) {
                    job.sweep[0].a = from[s].a + n * from[s].a_chunk + i * from[s].a_row;
                    job.c = c + i * ldc + v * KR_LANES;
                    kind->by_rows(&job);
                }
            }
}
