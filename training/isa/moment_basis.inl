/* The first fitting layer on fewer inputs: channels whose embeddings are sums of other channels' ones are left out.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The ng outputs of an embedding are functions of one distance and span fewer dimensions: within a small error
 *     C[:, rest] = C[:, kept] X,   X [kept][rest]
 * by modified Gram-Schmidt with column pivots on the coefficients C of all neighbour types. T and D follow their
 * channels, so that with W'[j] = W[kept j] + Σ_i X[j][i] W[rest i] (rows of one channel together)
 *     z = Wᵀ D = W'ᵀ D',   W̄[kept j] = W̄'[j],   W̄[rest i] = Σ_j X[j][i] W̄'[j]
 * with D' the inputs of the kept channels: forward, tangent and the gradient of W have fewer rows. ∂E/∂D and D̄ stay
 * whole; they also say how the embeddings want to leave their span. Source: Golub & Van Loan, Matrix Computations,
 * 5.4 (pivoted QR), and Cheng et al., SIAM J. Sci. Comput. 26 (2005) 1389 (interpolative decomposition). */
#include "core/isa/simd.h"
#include "training/engine_moment.h"
#include <math.h>

/* Rows of C in use of all pairs of types that the net sees, to work [rows][ld]; returns how many. */
static int basis_rows(const kr_moment *m, int net, real *work, ptrdiff_t ld) {
    int rows = 0;
    for (int p = 0; p < m->nt * m->nt; p++) {
        if (!m->pair[p].seen || (m->nnets > 1 && p / m->nt != net)) continue;
        const kr_moment_matrix *c = &m->pair[p].c;
        for (int q = m->pair[p].first; q < c->in; q++, rows++)
            for (int k = 0; k < ld; k++)
                work[rows * ld + k] =
                    k < m->ng ? ((const real *)c->data)[((ptrdiff_t)(k / PANEL) * c->rows + q) * PANEL + k % PANEL] : 0;
    }
    return rows;
}

/* r = uᵀ A for columns [k, k + VECTORS vectors). */
KR_INLINE void basis_dot(int rows, int vectors, const real *u, const real *a, ptrdiff_t ld, real *r) {
    kr_vec sum[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) sum[v] = kr_splat(0);
    for (int p = 0; p < rows; p++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sum[v] += kr_splat(u[p]) * kr_load(a + p * ld + v * KR_LANES);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) kr_store(r + v * KR_LANES, sum[v]);
}

/* A −= u rᵀ, norm = squares of the columns of what is left. */
KR_INLINE void basis_update(int rows, int vectors, const real *u, real *a, ptrdiff_t ld, const real *r, real *norm) {
    kr_vec sum[VECTORS], slope[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        sum[v] = kr_splat(0);
        slope[v] = kr_load(r + v * KR_LANES);
    }
    for (int p = 0; p < rows; p++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            kr_vec left = kr_load(a + p * ld + v * KR_LANES) - kr_splat(u[p]) * slope[v];
            kr_store(a + p * ld + v * KR_LANES, left);
            sum[v] += left * left;
        }
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) kr_store(norm + v * KR_LANES, sum[v]);
}

static int largest_of(int n, const real *norm, const unsigned char *taken) {
    int best = -1;
    for (int k = 0; k < n; k++)
        if (!taken[k] && (best < 0 || norm[k] > norm[best])) best = k;
    return best;
}

/* Pivots into channel, rows of R (by column of C) into r; how many until what is left is below tolerance times the
 * largest column. */
static int basis_pivots(int ng, int most, double tolerance, int rows, real *work, ptrdiff_t ld, int *channel, real *r,
                        real *u, real *norm) {
    unsigned char taken[KR_MOMENT_MOST_CHANNELS] = {0};
    double limit = 0;
    memset(u, 0, (size_t)rows * sizeof *u);
    for (int j = 0; j <= most; j++) {
        real *row = r + j * ld;
        memset(row, 0, (size_t)ld * sizeof *row);
        for (ptrdiff_t k = 0; k < ld; k += VECTORS * KR_LANES) /* in the first round u = 0: norms alone */
            if (k + VECTORS * KR_LANES <= ld)
                basis_update(rows, VECTORS, u, work + k, ld, j ? row - ld + k : row + k, norm + k);
            else
                for (ptrdiff_t l = k; l < ld; l += KR_LANES)
                    basis_update(rows, 1, u, work + l, ld, j ? row - ld + l : row + l, norm + l);
        int pivot = largest_of(ng, norm, taken);
        if (j == 0) limit = (double)norm[pivot] * tolerance * tolerance;
        if (pivot < 0 || !((double)norm[pivot] > limit)) return j;
        if (j == most) break;
        taken[pivot] = 1;
        channel[j] = pivot;
        const real inv = (real)(1 / sqrt((double)norm[pivot]));
        for (int p = 0; p < rows; p++) u[p] = work[p * ld + pivot] * inv;
        for (ptrdiff_t k = 0; k < ld; k += VECTORS * KR_LANES)
            if (k + VECTORS * KR_LANES <= ld)
                basis_dot(rows, VECTORS, u, work + k, ld, row + k);
            else
                for (ptrdiff_t l = k; l < ld; l += KR_LANES) basis_dot(rows, 1, u, work + l, ld, row + l);
    }
    return ng;
}

/* X from R, with its transpose; the channels that are left out in ascending order. */
static void basis_mix(int ng, const real *r, ptrdiff_t ld, kr_moment_basis *basis) {
    const int q = basis->q, rest = ng - q;
    real *x = basis->mix, *xt = basis->mix_t;
    int n = q;
    for (int k = 0; k < ng; k++) {
        int kept = 0;
        for (int j = 0; j < q; j++) kept |= basis->channel[j] == k;
        if (!kept) basis->channel[n++] = k;
    }
    memset(x, 0, (size_t)kr_round_up(q, KR_MOMENT_ROWS) * (size_t)rest * sizeof *x);
    memset(xt, 0, (size_t)(rest + KR_MOMENT_ROWS) * (size_t)q * sizeof *xt);
    for (int j = q - 1; j >= 0; j--) {
        const real *row = r + j * ld, inv = 1 / row[basis->channel[j]];
        real *to = x + (ptrdiff_t)j * rest;
        for (int i = 0; i < rest; i++) to[i] = row[basis->channel[q + i]];
        for (int k = j + 1; k < q; k++) {
            const real f = row[basis->channel[k]], *from = x + (ptrdiff_t)k * rest;
            for (int i = 0; i < rest; i++) to[i] -= f * from[i];
        }
        for (int i = 0; i < rest; i++) {
            to[i] *= inv;
            xt[(ptrdiff_t)i * q + j] = to[i];
        }
    }
}

static void find_basis(const kr_moment *m, int index, double tolerance, kr_moment_basis *basis) {
    const ptrdiff_t ld = kr_round_up(m->ng, KR_LANES);
    const double least = KR_SINGLE ? 5e-7 : 1e-14; /* rounding of C */
    real *work = basis->work, *r = basis->r;
    int rows = basis_rows(m, index, work, ld);
    real *u = work + rows * ld, *norm = u + kr_round_up(rows, KR_LANES);
    basis->q = basis_pivots(m->ng, basis->most, tolerance > least ? tolerance : least, rows, work, ld, basis->channel,
                            r, u, norm);
    /* What it costs to go over to fewer channels and back does not depend on the number of atoms. */
    if (basis->q < 1 || 4 * m->net[index].rows < 3 * basis->q) basis->q = m->ng;
    if (basis->q == m->ng)
        for (int k = 0; k < m->ng; k++) basis->channel[k] = k;
    else
        basis_mix(m->ng, r, ld, basis);
}

/* Rows j … of W' and some vectors of their columns: rows of the kept channels, and of the others times X. */
KR_INLINE void fold_tile(const kr_moment_basis *basis, int rest, int j, int rows, int vectors, const real *from,
                         real *to, ptrdiff_t row) {
    const int *channel = basis->channel;
    const real *x = (const real *)basis->mix + (ptrdiff_t)j * rest;
    kr_vec sum[KR_MOMENT_ROWS][VECTORS];
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sum[i][v] = kr_load(from + channel[j + i] * row + v * KR_LANES);
    for (int k = 0; k < rest; k++) {
        const real *at = from + channel[basis->q + k] * row;
        kr_vec w[VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) w[v] = kr_load(at + v * KR_LANES);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) sum[i][v] += kr_splat(x[(ptrdiff_t)i * rest + k]) * w[v];
    }
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) kr_store(to + (j + i) * row + v * KR_LANES, sum[i][v]);
}

/* Panel p of W'. */
static void fold(const kr_moment *m, const kr_moment_net *net, int p) {
    const kr_moment_basis *basis = &net->basis;
    const int q = basis->q, rest = m->ng - q, others = m->nin - m->ncoupled;
    const ptrdiff_t row = (ptrdiff_t)m->axis * PANEL;
    const real *from = (const real *)net->weight[0].data + (ptrdiff_t)p * net->weight[0].rows * PANEL;
    real *to = (real *)basis->weight.data + (ptrdiff_t)p * basis->weight.rows * PANEL;
    const int vectors = (int)(row / KR_LANES);
    for (int v = 0; v < vectors; v += vectors - v < VECTORS ? 1 : VECTORS) {
        const ptrdiff_t at = (ptrdiff_t)v * KR_LANES;
        for (int j = 0; j < q; j += q - j < TALL ? 1 : TALL)
            if (vectors - v < VECTORS)
                for (int i = 0; i < TALL && i < q - j; i++)
                    fold_tile(basis, rest, j + i, 1, 1, from + at, to + at, row);
            else if (q - j < TALL)
                fold_tile(basis, rest, j, 1, VECTORS, from + at, to + at, row);
            else
                fold_tile(basis, rest, j, TALL, VECTORS, from + at, to + at, row);
    }
    memcpy(to + q * row, from + (ptrdiff_t)m->ncoupled * PANEL, (size_t)others * PANEL * sizeof *to);
}

/* Channels [first, first + KR_MOMENT_ROWS) in the basis' order of to [(channel, b)][out] (+)= W̄ from W̄'; beyond the
 * channels what does not depend on positions. */
static void expand(const kr_moment *m, const kr_moment_net *net, int first, int set, double *to, void *c) {
    const kr_moment_basis *basis = &net->basis;
    const int q = basis->q, axis = m->axis, out = m->layer[0].out, vectors = (out + KR_LANES - 1) / KR_LANES;
    const ptrdiff_t ldc = basis->ldc;
    const real *bar = basis->bar;
    if (first >= m->ng) {
        add_rows(m->nin - m->ncoupled, out, bar + (ptrdiff_t)q * axis * ldc, ldc, set,
                 to + (ptrdiff_t)m->ncoupled * out);
        return;
    }
    int last = first + KR_MOMENT_ROWS < m->ng ? first + KR_MOMENT_ROWS : m->ng;
    for (; first < q && first < last; first++)
        add_rows(axis, out, bar + (ptrdiff_t)first * axis * ldc, ldc, set,
                 to + (ptrdiff_t)basis->channel[first] * axis * out);
    for (int b = 0; first < last && b < axis; b++) {
        for (int v = 0; v < vectors; v += VECTORS) {
            const tile_kind *kind = &tile_kinds[vectors - v < VECTORS ? vectors - v : VECTORS];
            tile_job job = {.nsweeps = 1, .c_row = (ptrdiff_t)vectors * KR_LANES, .c_vec = KR_LANES};
            job.sweep[0] = (sweep){.chunks = 1,
                                   .depth = q,
                                   .a_row = q,
                                   .b = bar + b * ldc + v * KR_LANES,
                                   .b_row = axis * ldc,
                                   .b_vec = KR_LANES};
            for (int i = 0; i < last - first; i += kind->rows) {
                job.sweep[0].a = (const real *)basis->mix_t + (ptrdiff_t)(first - q + i) * q;
                job.c = (real *)c + i * job.c_row + v * KR_LANES;
                kind->by_rows(&job);
            }
        }
        for (int i = 0; i < last - first; i++)
            add_rows(1, out, (real *)c + (ptrdiff_t)i * vectors * KR_LANES, ldc, set,
                     to + ((ptrdiff_t)basis->channel[first + i] * axis + b) * out);
    }
}
