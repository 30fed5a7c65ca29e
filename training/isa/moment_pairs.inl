/* Pair work of the moment engine: packing, moments, their tangents, pair gradients, forces.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   R = (σ0 (s − avg), σ1 q x, σ2 q y, σ3 q z);  B_k(t) acts on coefficient cell + k, 120 times the basis
 *   M += B_k R
 *   Ṁ += B_k Ṙ + B'_k ẋ R,  ẋ = slope·ṙ,  ṙ = d·v
 *   Ṙ_0 = σ0 s' ṙ,  Ṙ_c = σ_c (q v_c + q' r d_c ṙ)
 *   g_R = Σ_k B_k gM_k,  g_x = slope Σ_k B'_k gM_k·R
 *   ∂E/∂r = (g_R0 σ0 s' + Σ_c σ_c g_Rc q' r d_c + g_x) d + σ_c q g_Rc
 * Below r_low (t < 0) the basis goes on linearly: C¹, so forces stay derivatives of the energy. Radial
 * descriptors have R = (1, 0, 0, 0) and Ṙ = 0. Columns from the fourth on, with k = γ_l σ0 and u = d (no protection):
 *   R_c = k s Y_c(d),  Ṙ_c = k ((s' − l q) ṙ Y_c + q ∇Y_c·v),  ∂E/∂r += k g_Rc ((s' − l q) Y_c d + q ∇Y_c) */
#include "core/isa/simd.h"
#include "potential/harmonics.h"
#include "training/engine_moment.h"

#define HARMONIC_NUMBER kr_vec
#define HARMONIC_CONSTANT(x) kr_splat((real)(x))
#define HARMONIC_NAME vector_harmonics
#define HARMONIC_QUALIFIER static
#include "potential/harmonics.inl"

enum { RUN = 64, COLUMNS = KR_MOMENT_MOST_COLUMNS, HARMONICS = 21 }; /* RUN: pairs whose geometry is held at once */

typedef struct pair_run {
    real basis[6][RUN], slope[6][RUN];                                                /* 120 B_k, 120 B'_k dt/dr */
    real column[COLUMNS][RUN], row[RUN * COLUMNS], tangent[RUN * COLUMNS], rdot[RUN]; /* rows: [RUN][columns] */
    real higher[3][RUN]; /* pair gradients from the columns beyond the fourth */
} pair_run;

/* Four rows of four to their transpose. */
KR_INLINE void transpose4(const real *from, ptrdiff_t ld_from, real *to, ptrdiff_t ld_to) {
    kr_quad a = kr_qload(from), b = kr_qload(from + ld_from), c = kr_qload(from + 2 * ld_from),
            d = kr_qload(from + 3 * ld_from);
    kr_quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    kr_quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    kr_qstore(to, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
    kr_qstore(to + ld_to, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
    kr_qstore(to + 2 * ld_to, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
    kr_qstore(to + 3 * ld_to, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
}

/* All four lanes added, in a fixed order. */
KR_INLINE real total4(kr_quad v) { return (v[0] + v[1]) + (v[2] + v[3]); }

#define C(x) kr_splat((real)(x))
KR_INLINE void run_basis(const kr_moment_packed *p, int begin, int n, int want_slope, pair_run *run) {
    for (int j = 0; j < n; j += KR_LANES) {
        kr_vec u = kr_load((const real *)p->t + begin + j), t, below;
        for (int k = 0; k < KR_LANES; k++) { /* compiles to max and min */
            t[k] = u[k] > 0 ? u[k] : 0;
            below[k] = u[k] < 0 ? u[k] : 0;
        }
        kr_vec v = C(1) - t, t2 = t * t, v2 = v * v, t4 = t2 * t2, v4 = v2 * v2, b[6], s[6];
        b[0] = v4 * v;
        b[1] = C(26) + t * (C(-50) + t * (C(20) + t * (C(20) + t * (C(-20) + t * C(5)))));
        b[2] = C(66) + t2 * (C(-60) + t2 * (C(30) - C(10) * t));
        b[3] = C(26) + t * (C(50) + t * (C(20) + t * (C(-20) + t * (C(-20) + t * C(10)))));
        b[4] = C(1) + t * (C(5) + t * (C(10) + t * (C(10) + t * (C(5) - t * C(5)))));
        b[5] = t4 * t;
        s[0] = C(-5) * v4;
        s[1] = C(-50) + t * (C(40) + t * (C(60) + t * (C(-80) + t * C(25))));
        s[2] = t * (C(-120) + t2 * (C(120) - C(50) * t));
        s[3] = C(50) + t * (C(40) + t * (C(-60) + t * (C(-80) + t * C(50))));
        s[4] = C(5) + t * (C(20) + t * (C(30) + t * (C(20) - t * C(25))));
        s[5] = C(5) * t4;
        kr_vec slope = kr_load((const real *)p->slope + begin + j);
        for (int k = 0; k < 6; k++) {
            kr_store(&run->basis[k][j], b[k] + s[k] * below);
            if (want_slope) kr_store(&run->slope[k][j], s[k] * slope);
        }
    }
}

/* Columns of the run to rows. */
KR_INLINE void run_columns(const kr_moment *m, int n, const pair_run *run, real *row) {
    for (int j = 0; j < n; j += 4)
        for (int c = 0; c < m->columns; c += 4)
            transpose4(&run->column[c][j], RUN, row + j * m->columns + c, m->columns);
}

/* What the columns from the fourth on need of KR_LANES pairs: Y, ∇Y, and s' − l q by degree. */
typedef struct pair_harmonics {
    kr_vec y[HARMONICS], slope[HARMONICS][3], radial[5], d[3], q;
} pair_harmonics;

static void harmonics_of(const kr_moment *m, const kr_moment_packed *p, int at, int want_slope, pair_harmonics *h) {
    const real *d[3] = {p->dx, p->dy, p->dz};
    for (int c = 0; c < 3; c++) h->d[c] = kr_load(d[c] + at);
    vector_harmonics(m->lmax, h->d, h->y, want_slope ? h->slope : NULL);
    if (!want_slope) return;
    h->q = kr_load((const real *)p->q + at);
    for (int l = 2; l <= m->lmax; l++) h->radial[l] = kr_load((const real *)p->s1 + at) - kr_splat((real)l) * h->q;
}

/* R of the columns from the fourth on; those beyond the last are zero. */
static void higher_rows(const kr_moment *m, const kr_moment_pair *pair, const kr_moment_packed *p, int begin, int n,
                        pair_run *run) {
    pair_harmonics h;
    const int used = (m->lmax + 1) * (m->lmax + 1);
    for (int j = 0; j < n; j += KR_LANES) {
        const kr_vec s = kr_splat((real)pair->inv_std[0]) * kr_load((const real *)p->s + begin + j);
        harmonics_of(m, p, begin + j, 0, &h);
        for (int c = 4; c < m->columns; c++)
            kr_store(&run->column[c][j], c < used ? kr_splat((real)m->gain[c]) * s * h.y[c - 4] : kr_splat(0));
    }
}

/* Ṙ of these columns along v [3][RUN]. */
static void higher_tangents(const kr_moment *m, const kr_moment_pair *pair, const kr_moment_packed *p, int begin, int n,
                            const real (*v)[RUN], pair_run *run) {
    pair_harmonics h;
    const int used = (m->lmax + 1) * (m->lmax + 1);
    for (int j = 0; j < n; j += KR_LANES) {
        const kr_vec rdot = kr_load(&run->rdot[j]);
        harmonics_of(m, p, begin + j, 1, &h);
        for (int c = 4; c < m->columns; c++) {
            kr_vec sum = kr_splat(0);
            if (c < used) {
                for (int k = 0; k < 3; k++) sum += h.slope[c - 4][k] * kr_load(&v[k][j]);
                sum = h.q * sum + h.radial[kr_moments_degree(c)] * rdot * h.y[c - 4];
            }
            kr_store(&run->column[c][j], kr_splat((real)(m->gain[c] * pair->inv_std[0])) * sum);
        }
    }
}

/* run->higher from g_R of these columns, run->tangent. */
static void higher_gradients(const kr_moment *m, const kr_moment_pair *pair, const kr_moment_packed *p, int begin,
                             int n, pair_run *run) {
    pair_harmonics h;
    const int used = (m->lmax + 1) * (m->lmax + 1);
    for (int j = 0; j < n; j += 4)
        for (int c = 4; c < m->columns; c += 4)
            transpose4(run->tangent + j * m->columns + c, m->columns, &run->column[c][j], RUN);
    for (int j = 0; j < n; j += KR_LANES) {
        kr_vec along = kr_splat(0), side[3] = {kr_splat(0), kr_splat(0), kr_splat(0)};
        harmonics_of(m, p, begin + j, 1, &h);
        for (int c = 4; c < used; c++) {
            const kr_vec g = kr_splat((real)(m->gain[c] * pair->inv_std[0])) * kr_load(&run->column[c][j]);
            along += g * h.radial[kr_moments_degree(c)] * h.y[c - 4];
            for (int k = 0; k < 3; k++) side[k] += g * h.slope[c - 4][k];
        }
        for (int k = 0; k < 3; k++) kr_store(&run->higher[k][j], along * h.d[k] + h.q * side[k]);
    }
}

KR_INLINE void run_rows(const kr_moment *m, const kr_moment_pair *pair, const kr_moment_packed *p, int begin, int n,
                        pair_run *run) {
    const real *d[3] = {p->dx, p->dy, p->dz};
    for (int j = 0; j < n; j += KR_LANES) {
        kr_vec s = kr_load((const real *)p->s + begin + j), qr = kr_load((const real *)p->qr + begin + j);
        kr_store(&run->column[0][j], m->radial ? C(1) : C(pair->inv_std[0]) * (s - C(pair->average)));
        for (int c = 0; c < 3; c++)
            kr_store(&run->column[1 + c][j],
                     m->radial ? C(0) : C(pair->inv_std[1 + c]) * qr * kr_load(d[c] + begin + j));
    }
    if (m->columns > 4) higher_rows(m, pair, p, begin, n, run);
    run_columns(m, n, run, run->row);
}

/* Ṙ and ṙ of a run from v = f̄_i − f̄_j − w̄ r. */
KR_INLINE void run_tangents(const kr_moment *m, const kr_moment_pair *pair, const kr_moment_packed *p,
                            const kr_env *env, const double *fi, const double *fbar, const double *wbar, int begin,
                            int n, pair_run *run) {
    real v[3][RUN];
    for (int j = 0; j < n; j++) {
        const double *fj = fbar ? fbar + 3 * (ptrdiff_t)env->neighbor[begin + j] : NULL;
        for (int c = 0; c < 3; c++) {
            double sum = fbar ? fi[c] - fj[c] : 0;
            if (wbar)
                sum -= wbar[3 * c] * env->x[begin + j] + wbar[3 * c + 1] * env->y[begin + j] +
                       wbar[3 * c + 2] * env->z[begin + j];
            v[c][j] = (real)sum;
        }
    }
    for (int j = n; j % KR_LANES; j++) v[0][j] = v[1][j] = v[2][j] = 0;
    const real *d[3] = {p->dx, p->dy, p->dz};
    for (int j = 0; j < n; j += KR_LANES) {
        kr_vec rdot = kr_splat(0);
        for (int c = 0; c < 3; c++) rdot += kr_load(d[c] + begin + j) * kr_load(&v[c][j]);
        kr_vec q = kr_load((const real *)p->q + begin + j), q1r = kr_load((const real *)p->q1r + begin + j) * rdot;
        kr_store(&run->rdot[j], rdot);
        kr_store(&run->column[0][j],
                 m->radial ? C(0) : C(pair->inv_std[0]) * kr_load((const real *)p->s1 + begin + j) * rdot);
        for (int c = 0; c < 3; c++)
            kr_store(&run->column[1 + c][j],
                     m->radial ? C(0)
                               : C(pair->inv_std[1 + c]) * (q * kr_load(&v[c][j]) + q1r * kr_load(d[c] + begin + j)));
        for (int k = 0; k < 6; k++) kr_store(&run->slope[k][j], kr_load(&run->slope[k][j]) * rdot);
    }
    if (m->columns > 4) higher_tangents(m, pair, p, begin, n, v, run);
    run_columns(m, n, run, run->tangent);
}
#undef C

/* local [n][columns] of one centre and neighbour type: moments, or their tangents. */
static void add_pairs(const kr_moment *m, const kr_moment_pair *pair, const kr_moment_packed *p, const kr_env *env,
                      const double *fi, const double *fbar, const double *wbar, int begin, int end, int tangent,
                      real *local) {
    pair_run run;
    const int columns = m->columns;
    for (int n; begin < end; begin += n) {
        n = end - begin < RUN ? end - begin : RUN;
        run_basis(p, begin, n, tangent, &run);
        run_rows(m, pair, p, begin, n, &run);
        if (tangent) run_tangents(m, pair, p, env, fi, fbar, wbar, begin, n, &run);
        for (int j = 0; j < n; j++) {
            for (int c = 0; c < columns; c += 4) {
                real *at = local + columns * (ptrdiff_t)p->cell[begin + j] + c;
                kr_quad row = kr_qload(run.row + j * columns + c);
                if (!tangent) {
#pragma GCC unroll 6
                    for (int k = 0; k < 6; k++, at += columns) kr_qstore(at, kr_qload(at) + row * run.basis[k][j]);
                    continue;
                }
                kr_quad dot = kr_qload(run.tangent + j * columns + c);
#pragma GCC unroll 6
                for (int k = 0; k < 6; k++, at += columns)
                    kr_qstore(at, kr_qload(at) + dot * run.basis[k][j] + row * run.slope[k][j]);
            }
        }
    }
}

/* Empty slots: rows (−avg σ0, 0, 0, 0) at r = rcut, where s = 0. They do not move. */
static void add_padding(const kr_moment *m, const kr_moment_pair *pair, const kr_env *env, int i, int tj, real *local) {
    const int *first = env->first + (size_t)i * (size_t)env->ntypes;
    int used = m->mixed ? first[env->ntypes] - first[0] : first[tj + 1] - first[tj];
    if (m->mixed && tj != env->pad_type) return;
    double value = m->radial ? 1 : -pair->average * pair->inv_std[0];
    if (value == 0 || used >= pair->sel) return;
    const double b[5] = {1, 26, 66, 26, 1}; /* 120 B_k(1), k = 1 … 5 */
    for (int k = 0; k < 5; k++) local[m->columns * (m->grid.n - 5 + k)] += (real)(b[k] * value * (pair->sel - used));
}

/* Moments (or tangents) of all neighbour types for the atoms of a block: out [type][n][columns][lanes]. */
static void block_moments(const kr_moment *m, int b, int tangent, real *local /* [lanes][n][columns] */, real *out) {
    const int n = m->grid.n, lanes = KR_LANES, columns = m->columns;
    const kr_moment_block *block = &m->block[b];
    for (int tj = 0; tj < m->nt; tj++) {
        const kr_moment_pair *pair = &m->pair[block->type * m->nt + tj];
        const int lowest = block->lowest[tj];
        if (lowest >= n) continue;
        real *to = out + (ptrdiff_t)m->slot[tj] * n * columns * lanes;
        for (int l = 0; l < lanes; l++) {
            real *mine = local + (ptrdiff_t)l * n * columns;
            int k = m->row_frame[b * lanes + l], i = m->row_atom[b * lanes + l];
            memset(mine + columns * lowest, 0, (size_t)(columns * (n - lowest)) * sizeof(real));
            if (k < 0) continue; /* an empty lane, or a lone atom */
            const kr_env *env = &m->batch->frame[k]->env;
            const int *range = env->first + (size_t)i * (size_t)env->ntypes + tj;
            const double *fbar = m->fbar ? m->fbar + 3 * (ptrdiff_t)m->atom_first[k] : NULL;
            if (!pair->excluded)
                add_pairs(m, pair, m->packed[k], env, fbar ? fbar + 3 * i : NULL, fbar,
                          m->wbar ? m->wbar + 9 * k : NULL, range[0], range[1], tangent, mine);
            if (!tangent) add_padding(m, pair, env, i, tj, mine);
        }
        /* p: four columns of a node */
        for (ptrdiff_t p = columns / 4 * lowest, row = (ptrdiff_t)columns * n; 4 * p < row; p++)
            for (int l = 0; l < lanes; l += 4)
                if (lanes >= 4)
                    transpose4(local + l * row + 4 * p, row, to + p * 4 * lanes + l, lanes);
                else
                    for (int c = 0; c < 4; c++)
                        for (int k = 0; k < lanes; k++) to[(p * 4 + c) * lanes + k] = local[k * row + 4 * p + c];
    }
}

/* gr [pairs][3] of one centre and neighbour type from local = gM [n][columns]. */
static void pair_gradients(const kr_moment *m, const kr_moment_pair *pair, const kr_moment_packed *p, int begin,
                           int end, const real *local, real *gr) {
    pair_run run;
    const int columns = m->columns;
    const kr_quad std = {(real)pair->inv_std[0], (real)pair->inv_std[1], (real)pair->inv_std[2],
                         (real)pair->inv_std[3]};
    const real *dx = p->dx, *dy = p->dy, *dz = p->dz, *s1 = p->s1, *q = p->q, *q1r = p->q1r;
    for (int n; begin < end; begin += n) {
        n = end - begin < RUN ? end - begin : RUN;
        run_basis(p, begin, n, 1, &run);
        run_rows(m, pair, p, begin, n, &run);
        for (int j = 0; j < n; j++) {
            const int at_pair = begin + j;
            const real *at = local + columns * (ptrdiff_t)p->cell[at_pair];
            kr_quad g_row = kr_qsplat(0), g_basis = kr_qsplat(0);
#pragma GCC unroll 6
            for (int k = 0; k < 6; k++) {
                kr_quad g = kr_qload(at + columns * k);
                g_row += g * run.basis[k][j];
                g_basis += g * run.slope[k][j];
            }
            g_basis *= kr_qload(run.row + j * columns);
            for (int c = 4; c < columns; c += 4) {
                kr_quad rest = kr_qsplat(0), slope = kr_qsplat(0);
#pragma GCC unroll 6
                for (int k = 0; k < 6; k++) {
                    kr_quad g = kr_qload(at + columns * k + c);
                    rest += g * run.basis[k][j];
                    slope += g * run.slope[k][j];
                }
                kr_qstore(run.tangent + j * columns + c, rest);
                g_basis += slope * kr_qload(run.row + j * columns + c);
            }
            kr_quad d = {s1[at_pair], q1r[at_pair] * dx[at_pair], q1r[at_pair] * dy[at_pair],
                         q1r[at_pair] * dz[at_pair]};
            g_row = m->radial ? kr_qsplat(0) : g_row * std;
            real along = total4(g_row * d + g_basis);
            real *to = gr + 3 * (ptrdiff_t)at_pair;
            to[0] = along * dx[at_pair] + q[at_pair] * g_row[1];
            to[1] = along * dy[at_pair] + q[at_pair] * g_row[2];
            to[2] = along * dz[at_pair] + q[at_pair] * g_row[3];
        }
        if (columns == 4) continue;
        higher_gradients(m, pair, p, begin, n, &run);
        for (int j = 0; j < n; j++)
            for (int k = 0; k < 3; k++) gr[3 * (ptrdiff_t)(begin + j) + k] += run.higher[k][j];
    }
}

/* From gM of a neighbour type [n][columns][lanes] (rows from `lowest` on) to the gradients of its pairs. */
static void block_gradients(const kr_moment *m, int b, int tj, const real *gm, real *local) {
    const int n = m->grid.n, lanes = KR_LANES, lowest = m->block[b].lowest[tj], columns = m->columns;
    const kr_moment_pair *pair = &m->pair[m->block[b].type * m->nt + tj];
    const ptrdiff_t row = (ptrdiff_t)columns * n;
    for (ptrdiff_t p = columns / 4 * lowest; 4 * p < row; p++)
        for (int l = 0; l < lanes; l += 4)
            if (lanes >= 4)
                transpose4(gm + p * 4 * lanes + l, lanes, local + l * row + 4 * p, row);
            else
                for (int c = 0; c < 4; c++)
                    for (int k = 0; k < lanes; k++) local[k * row + 4 * p + c] = gm[(p * 4 + c) * lanes + k];
    for (int l = 0; l < lanes; l++) {
        int k = m->row_frame[b * lanes + l], i = m->row_atom[b * lanes + l];
        if (k < 0 || pair->excluded) continue;
        const kr_env *env = &m->batch->frame[k]->env;
        const int *range = env->first + (size_t)i * (size_t)env->ntypes + tj;
        pair_gradients(m, pair, m->packed[k], range[0], range[1], local + l * row,
                       (real *)m->gr + 3 * m->pair_first[k]);
    }
}

static void forces(const kr_moment *m, int k, int first, int last, double *force, double *virial) {
    const kr_env *env = &m->batch->frame[k]->env;
    const kr_moment_packed *p = m->packed[k];
    const real *gr = (const real *)m->gr + 3 * m->pair_first[k];
    for (int c = 0; virial && c < 9; c++) virial[c] = 0;
    for (int i = first; i < last; i++) {
        double f[3] = {0, 0, 0};
        for (int q = env->first[i * env->ntypes]; q < env->first[(i + 1) * env->ntypes]; q++) {
            const double g[3] = {(double)gr[3 * (size_t)q], (double)gr[3 * (size_t)q + 1],
                                 (double)gr[3 * (size_t)q + 2]};
            for (int c = 0; c < 3; c++) f[c] += g[c];
            if (!virial) continue;
            const double r[3] = {env->x[q], env->y[q], env->z[q]};
            for (int c = 0; c < 9; c++) virial[c] -= g[c / 3] * r[c % 3];
        }
        for (int q = p->reverse_first[i]; q < p->reverse_first[i + 1]; q++)
            for (int c = 0; c < 3; c++) f[c] -= (double)gr[3 * (size_t)p->reverse[q] + (size_t)c];
        for (int c = 0; force && c < 3; c++) force[3 * i + c] = f[c];
    }
}
