/* Pair work of the fast path: geometry across pairs, then moments and gradients pair by pair.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   s = w/(r+p), q = s/(r+p);  R = (σ0 (s − avg), σ1 q x, σ2 q y, σ3 q z);  u = (log r − x0)/h, t = u − cell
 *   M[cell + k] += B_k(t) R
 *   gR = Σ_k B_k gM[cell + k],  gB = Σ_k B'_k gM[cell + k]
 *   ∂E/∂r_c = gR_c σc q + (gR·∂R/∂r + (gB·R) /(h r)) x_c/r        (∂R/∂r at fixed x, y, z)
 * Columns from the fourth on: fast_moments.inl. */
#include "core/isa/simd.h"
#include <math.h>

enum {
    RUN = 64, /* pairs whose geometry is held at once */
    COLUMNS = KR_FAST_COLUMNS(KR_LMAX),
    PART = COLUMNS % 16 || KR_LANES < 4 ? 4 : KR_LANES, /* columns of a vector */
    PARTS = COLUMNS / PART
};

/* Columns next to each other. */
typedef real kr_part __attribute__((vector_size(PART * sizeof(real))));
typedef real kr_part_mem __attribute__((vector_size(PART * sizeof(real)), aligned(sizeof(real)), may_alias));
KR_INLINE kr_part kr_pload(const real *p) { return *(const kr_part_mem *)p; }
KR_INLINE void kr_pstore(real *p, kr_part v) { *(kr_part_mem *)p = v; }
KR_INLINE kr_part kr_psplat(real x) { return x - (kr_part){0}; }

/* Four of them, from column 4 k on. */
#define PART_QUAD(v, k)                                                                                         \
    __builtin_shufflevector(v, v, 4 * (k) % (2 * PART), (4 * (k) + 1) % (2 * PART), (4 * (k) + 2) % (2 * PART), \
                            (4 * (k) + 3) % (2 * PART))
/* Sums of columns c, c + 4, … */
KR_INLINE kr_quad part_fold(kr_part v) {
    kr_quad sum = PART_QUAD(v, 0);
    if (PART > 4) sum += PART_QUAD(v, 1);
    if (PART > 8) sum += PART_QUAD(v, 2) + PART_QUAD(v, 3);
    return sum;
}

typedef struct pair_run {
    double cell[RUN], q[RUN], inv_r[RUN], slope[RUN]; /* slope = du/dr */
    real column[COLUMNS + 4][RUN];                    /* R and ∂R/∂r before they are turned into rows */
    real basis[6][RUN], basis1[6][RUN];               /* 120 B_k(t), 120 B'_k(t) */
    real row[RUN][COLUMNS], row1[RUN][4];
    double out[3][RUN]; /* gradient */
#if KR_LMAX > 1
    real s[RUN], s1[RUN], inv_rp[RUN], u[3][RUN]; /* w/(r+p) and its slope, 1/(r+p), (x, y, z)/(r+p) */
    real along[RUN], side[3][RUN];                /* gradient from the columns from the fourth on */
#endif
} pair_run;

/* Four rows of four to their transpose. */
KR_INLINE void kr_transpose(const real *from, ptrdiff_t ld_from, real *to, ptrdiff_t ld_to) {
    kr_quad a = kr_qload(from), b = kr_qload(from + ld_from), c = kr_qload(from + 2 * ld_from),
            d = kr_qload(from + 3 * ld_from);
    kr_quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    kr_quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    kr_qstore(to, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
    kr_qstore(to + ld_to, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
    kr_qstore(to + 2 * ld_to, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
    kr_qstore(to + 3 * ld_to, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
}

/* Natural logarithm of normal positive numbers, absolute error about 1e-16 near 1.
 * x = 2^k m, m in [√½, √2); log m = 2 artanh f, f = (m − 1)/(m + 1), |f| < 0.172: odd series up to f^19. */
KR_INLINE kr_dvec log_of(kr_dvec x) {
    const int64_t root_half = 0x3fe6a09e667f3bcd, one = 0x3ff0000000000000;
    kr_lvec exponent = (kr_lvec)((kr_uvec)((kr_lvec)x + (one - root_half)) >> 52); /* biased, so never negative */
    kr_dvec k = (kr_dvec)(exponent | 0x4330000000000000) - kr_dsplat(4503599627370496.0 + 1023.0);
    kr_dvec m = (kr_dvec)((kr_lvec)x - ((exponent - 1023) << 52));
    kr_dvec f = (m - kr_dsplat(1)) / (m + kr_dsplat(1)), f2 = f * f;
    kr_dvec series = kr_dsplat(2.0 / 19);
    for (int n = 17; n >= 3; n -= 2) series = series * f2 + kr_dsplat(2.0 / n);
    kr_dvec high = k * kr_dsplat(6.93147180369123816490e-01), low = k * kr_dsplat(1.90821492927058770002e-10);
    return high + ((f + f) + (f * f2 * series + low));
}

/* Room for KR_DLANES reals. */
KR_INLINE void narrow(real *to, kr_dvec v) {
#if KR_SINGLE
    typedef float half_vec __attribute__((vector_size(KR_VECTOR_BYTES / 2)));
    typedef float half_mem __attribute__((vector_size(KR_VECTOR_BYTES / 2), aligned(4), may_alias));
    *(half_mem *)to = __builtin_convertvector(v, half_vec);
#else
    kr_dstore(to, v);
#endif
}
KR_INLINE kr_dvec widen(const real *from) {
#if KR_SINGLE
    typedef float half_vec __attribute__((vector_size(KR_VECTOR_BYTES / 2)));
    typedef float half_mem __attribute__((vector_size(KR_VECTOR_BYTES / 2), aligned(4), may_alias));
    return __builtin_convertvector((half_vec) * (const half_mem *)from, kr_dvec);
#else
    return kr_dload(from);
#endif
}

#include "potential/isa/fast_moments.inl"

/* Up to KR_DLANES values, the rest `fill`. */
KR_INLINE kr_dvec load_some(const double *from, int n, double fill) {
    if (n >= KR_DLANES) return kr_dload(from);
    double v[KR_DLANES];
    for (int i = 0; i < KR_DLANES; i++) v[i] = i < n ? from[i] : fill;
    return kr_dload(v);
}

/* 120 B_k and its derivatives at t for KR_DLANES pairs. */
KR_INLINE void basis_of(kr_dvec t, int want_slope, int j, pair_run *run) {
#define C(x) kr_dsplat(x)
    kr_dvec v = C(1) - t, t2 = t * t, v2 = v * v, t4 = t2 * t2, v4 = v2 * v2;
    narrow(&run->basis[0][j], v4 * v);
    narrow(&run->basis[1][j], C(26) + t * (C(-50) + t * (C(20) + t * (C(20) + t * (C(-20) + t * C(5))))));
    narrow(&run->basis[2][j], C(66) + t2 * (C(-60) + t2 * (C(30) - C(10) * t)));
    narrow(&run->basis[3][j], C(26) + t * (C(50) + t * (C(20) + t * (C(-20) + t * (C(-20) + t * C(10))))));
    narrow(&run->basis[4][j], C(1) + t * (C(5) + t * (C(10) + t * (C(10) + t * (C(5) - t * C(5))))));
    narrow(&run->basis[5][j], t4 * t);
    if (!want_slope) return;
#if KR_SINGLE /* 24 times the quartic basis, for coefficients that are differences already */
    narrow(&run->basis1[0][j], v4);
    narrow(&run->basis1[1][j], C(11) + t * (C(-12) + t * (C(-6) + t * (C(12) - t * C(4)))));
    narrow(&run->basis1[2][j], C(11) + t * (C(12) + t * (C(-6) + t * (C(-12) + t * C(6)))));
    narrow(&run->basis1[3][j], C(1) + t * (C(4) + t * (C(6) + t * (C(4) - t * C(4)))));
    narrow(&run->basis1[4][j], t4);
#else
    narrow(&run->basis1[0][j], C(-5) * v4);
    narrow(&run->basis1[1][j], C(-50) + t * (C(40) + t * (C(60) + t * (C(-80) + t * C(25)))));
    narrow(&run->basis1[2][j], t * (C(-120) + t2 * (C(120) - C(50) * t)));
    narrow(&run->basis1[3][j], C(50) + t * (C(40) + t * (C(-60) + t * (C(-80) + t * C(50)))));
    narrow(&run->basis1[4][j], C(5) + t * (C(20) + t * (C(30) + t * (C(20) - t * C(25)))));
    narrow(&run->basis1[5][j], C(5) * t4);
#endif
#undef C
}

/* Interval and basis of KR_DLANES distances. */
KR_INLINE void locate(const kr_fast_grid *grid, kr_dvec r, kr_dvec inv_r, int want_slope, int j, pair_run *run) {
    const kr_fast_segment *s = grid->segment;
    const double round = 6755399441055744.0; /* 1.5·2^52 */
    kr_dvec x0 = kr_dsplat(s[0].x_begin), inv_h = kr_dsplat(s[0].inv_h), last = kr_dsplat(s[0].intervals - 1.0);
    kr_dvec offset = kr_dsplat(0);
    if (grid->nsegments > 1) {
        kr_lvec second = r >= kr_dsplat(s[1].r_begin);
        x0 = kr_dselect(second, kr_dsplat(s[1].x_begin), x0);
        inv_h = kr_dselect(second, kr_dsplat(s[1].inv_h), inv_h);
        last = kr_dselect(second, kr_dsplat(s[1].intervals - 1.0), last);
        offset = kr_dselect(second, kr_dsplat(s[1].offset), offset);
    }
    kr_dvec u = (log_of(r) - x0) * inv_h;
    /* Nearest integer to u − ½: at knots either neighbour is right, the polynomials agree there. */
    kr_dvec cell = ((u - kr_dsplat(0.5)) + kr_dsplat(round)) - kr_dsplat(round);
    cell = kr_dmax(kr_dsplat(0), kr_dmin(last, cell));
    basis_of(u - cell, want_slope, j, run);
    kr_dstore(run->cell + j, cell + offset);
    if (want_slope) kr_dstore(run->slope + j, inv_h * inv_r);
}

/* Geometry of pairs begin … begin + n − 1, n ≤ RUN. */
KR_INLINE void fill_run(const kr_fast *fast, const kr_fast_pair *pair, const kr_env *env, int begin, int n,
                        int want_slope, pair_run *run) {
    const kr_fast_grid *grid = &fast->grid;
    const double r_lo = grid->segment[0].r_begin, rc = fast->rcut, inv_width = 1 / (rc - fast->rcut_smth);
    const kr_dvec one = kr_dsplat(1);
    const int end = KR_LMAX > 1 ? (n + KR_LANES - 1) / KR_LANES * KR_LANES : n;
    for (int j = 0; j < end; j += KR_DLANES) {
        /* Closer pairs are evaluated elsewhere (fast.c); here they only have to stay finite. */
        kr_dvec r = kr_dmax(kr_dsplat(r_lo), load_some(env->r + begin + j, n - j, rc)), inv_r = one / r;
        locate(grid, r, inv_r, want_slope, j, run);
        kr_dvec inv_rp = fast->protection > 0 ? one / (r + kr_dsplat(fast->protection)) : inv_r;
        kr_dvec v = kr_dmax(kr_dsplat(0), kr_dmin(one, (kr_dsplat(rc) - r) * kr_dsplat(inv_width)));
        kr_dvec w = v * v * v * ((kr_dsplat(6) * v - kr_dsplat(15)) * v + kr_dsplat(10));
        kr_dvec s = w * inv_rp, q = s * inv_rp, slope1 = one - v;
        kr_dvec x[3] = {load_some(env->x + begin + j, n - j, 0), load_some(env->y + begin + j, n - j, 0),
                        load_some(env->z + begin + j, n - j, 0)};
        narrow(run->column[0] + j, kr_dsplat(pair->inv_std[0]) * (s - kr_dsplat(pair->average)));
        for (int c = 0; c < 3; c++) narrow(run->column[1 + c] + j, kr_dsplat(pair->inv_std[1 + c]) * q * x[c]);
#if KR_LMAX > 1
        narrow(run->s + j, s);
        for (int c = 0; c < 3; c++) narrow(run->u[c] + j, inv_rp * x[c]);
#endif
        if (!want_slope) continue;
        kr_dvec w1 = kr_dsplat(-30 * inv_width) * v * v * (slope1 * slope1);
        kr_dvec s1 = (w1 - s) * inv_rp, q1 = (s1 - q) * inv_rp;
        narrow(run->column[COLUMNS] + j, kr_dsplat(pair->inv_std[0]) * s1);
        for (int c = 0; c < 3; c++)
            narrow(run->column[COLUMNS + 1 + c] + j, kr_dsplat(pair->inv_std[1 + c]) * q1 * x[c]);
#if KR_LMAX > 1
        narrow(run->s1 + j, s1);
        narrow(run->inv_rp + j, inv_rp);
#endif
        kr_dstore(run->q + j, fast->radial ? kr_dsplat(0) : q);
        kr_dstore(run->inv_r + j, inv_r);
    }
    if (fast->radial) { /* R = (1, 0, 0, 0) */
        memset(run->column, 0, sizeof run->column);
        for (int j = 0; j < n; j++) run->column[0][j] = 1;
    }
    moments_rows(pair, n, run);
    for (int j = 0; j < n; j += 4)
        for (int c = 0; c < COLUMNS; c += 4) kr_transpose(&run->column[c][j], RUN, run->row[j] + c, COLUMNS);
    for (int j = 0; want_slope && j < n; j += 4) kr_transpose(&run->column[COLUMNS][j], RUN, run->row1[j], 4);
}

/* Lowest coefficient that the pairs of neighbour type tj of n centres touch; ncoef when there are none. */
static int lowest_coefficient(const kr_fast *fast, const kr_fast_pair *pair, const kr_env *env, int first, int n,
                              int tj) {
    const kr_fast_grid *grid = &fast->grid;
    double nearest = 2 * fast->rcut;
    kr_dvec least = kr_dsplat(nearest);
    if (pair->excluded) return grid->ncoef;
    for (int i = first; i < first + n; i++) {
        const int *range = env->first + (size_t)i * (size_t)env->ntypes + tj;
        for (int p = range[0]; p < range[1]; p += KR_DLANES)
            least = kr_dmin(load_some(env->r + p, range[1] - p, nearest), least);
    }
    for (int k = 0; k < KR_DLANES; k++) nearest = least[k] < nearest ? least[k] : nearest;
    if (nearest > fast->rcut) return grid->ncoef;
    const kr_fast_segment *s = &grid->segment[grid->nsegments > 1 && nearest >= grid->segment[1].r_begin];
    double u = nearest > s->r_begin ? (log(nearest) - s->x_begin) * s->inv_h - 1 : 0; /* one below, for rounding */
    return s->offset + (u > 0 ? (int)u : 0);
}

/* m [ncoef][COLUMNS] += Σ B ⊗ R */
static void add_pairs(const kr_fast *fast, const kr_fast_pair *pair, const kr_env *env, int begin, int end, real *m) {
    pair_run run;
    if (pair->excluded) return;
    for (int n; begin < end; begin += n) {
        n = end - begin < RUN ? end - begin : RUN;
        fill_run(fast, pair, env, begin, n, 0, &run);
        for (int j = 0; j < n; j++) {
            real *at = m + COLUMNS * (ptrdiff_t)run.cell[j];
            kr_part row[PARTS];
            for (int c = 0; c < PARTS; c++) row[c] = kr_pload(run.row[j] + PART * c);
#pragma GCC unroll 6
            for (int k = 0; k < 6; k++, at += COLUMNS)
#pragma GCC unroll 8
                for (int c = 0; c < PARTS; c++)
                    kr_pstore(at + PART * c, kr_pload(at + PART * c) + row[c] * run.basis[k][j]);
        }
    }
}

/* Empty slots of a centre: rows (−avg·inv_std, 0, 0, 0) at r = rcut, where s = 0. The sum of their first column, … */
static double padding_row(const kr_fast *fast, const kr_fast_pair *pair, const kr_env *env, int i, int tj) {
    const int *first = env->first + (size_t)i * (size_t)env->ntypes;
    int used = fast->mixed_types ? first[env->ntypes] - first[0] : first[tj + 1] - first[tj];
    if ((fast->mixed_types && tj != env->pad_type) || used >= pair->sel) return 0;
    return (fast->radial ? 1 : -pair->average * pair->inv_std[0]) * (pair->sel - used);
}

/* … and their cell. */
static int padding_cell(const kr_fast *fast) {
    const kr_fast_segment *s = &fast->grid.segment[fast->grid.nsegments - 1];
    return s->offset + s->intervals - 1;
}

static void add_padding(const kr_fast *fast, const kr_fast_center *center, const kr_env *env, int i, int tj, real *m) {
    const double value = padding_row(fast, &center->pair[tj], env, i, tj);
    const double b[6] = {0, 1, 26, 66, 26, 1}; /* 120 B_k(1) */
    for (int k = 0; k < 6 && value != 0; k++) m[COLUMNS * (padding_cell(fast) + k)] += (real)(b[k] * value);
}

/* Gradients of n pairs from gR in run->row and what acts along the bond in run->row1. */
static void finish_gradients(const kr_fast_pair *pair, const kr_env *env, int begin, int n, pair_run *run, double *gr) {
    const double *x[3] = {env->x, env->y, env->z};
    for (int j = 0; j < n; j += 4) {
        for (int c = 0; c < COLUMNS; c += 4) kr_transpose(run->row[j] + c, COLUMNS, &run->column[c][j], RUN);
        kr_transpose(run->row1[j], 4, &run->column[COLUMNS][j], RUN);
    }
    moments_gradients(pair, n, run);
    for (int j = 0; j < n; j += KR_DLANES) {
        kr_dvec along = (widen(&run->column[COLUMNS][j]) + widen(&run->column[COLUMNS + 1][j])) +
                        (widen(&run->column[COLUMNS + 2][j]) + widen(&run->column[COLUMNS + 3][j]));
#if KR_LMAX > 1
        along += widen(&run->along[j]);
#endif
        kr_dvec radial = along * kr_dload(run->inv_r + j), q = kr_dload(run->q + j);
        for (int c = 0; c < 3; c++) {
            kr_dvec g = radial * load_some(x[c] + begin + j, n - j, 0) +
                        widen(&run->column[1 + c][j]) * kr_dsplat(pair->inv_std[1 + c]) * q;
#if KR_LMAX > 1
            g += widen(&run->side[c][j]);
#endif
            kr_dstore(run->out[c] + j, g);
        }
    }
    for (int j = 0; j < n; j++)
        for (int c = 0; c < 3; c++) gr[3 * (size_t)(begin + j) + (size_t)c] = run->out[c][j];
}

/* gr [pair][3] from the gradient gm [ncoef][COLUMNS] of the moments and, in single precision, gm1 likewise of the
 * moments with the derivative's basis: differences of gm would lose there what is divided by the width of an interval.
 */
static void pair_gradients(const kr_fast *fast, const kr_fast_pair *pair, const kr_env *env, int begin, int end,
                           const real *gm, const real *gm1, double *gr) {
    pair_run run;
    if (pair->excluded) {
        memset(gr + 3 * (size_t)begin, 0, 3 * (size_t)(end - begin) * sizeof *gr);
        return;
    }
    for (int n; begin < end; begin += n) {
        n = end - begin < RUN ? end - begin : RUN;
        fill_run(fast, pair, env, begin, n, 1, &run);
        for (int j = 0; j < n; j++) { /* run.row becomes gR, run.row1 what acts along the bond */
            const real *at = gm + COLUMNS * (ptrdiff_t)run.cell[j], *at1 = gm1 + COLUMNS * (ptrdiff_t)run.cell[j];
            kr_part g_row[PARTS], g_basis[PARTS], along;
            for (int c = 0; c < PARTS; c++) g_row[c] = g_basis[c] = kr_psplat(0);
#pragma GCC unroll 6
            for (int k = 0; k < 6; k++)
#pragma GCC unroll 8
                for (int c = 0; c < PARTS; c++) {
                    const int here = COLUMNS * k + PART * c;
                    kr_part g = kr_pload(at + here);
                    g_row[c] += g * run.basis[k][j];
                    if (!KR_SINGLE) g_basis[c] += g * run.basis1[k][j];
                    if (KR_SINGLE && k < 5) g_basis[c] += kr_pload(at1 + here) * run.basis1[k][j];
                }
            along = g_basis[0] * kr_pload(run.row[j]);
            for (int c = 1; c < PARTS; c++) along += g_basis[c] * kr_pload(run.row[j] + PART * c);
            kr_qstore(run.row1[j],
                      PART_QUAD(g_row[0], 0) * kr_qload(run.row1[j]) + part_fold(along) * (real)run.slope[j]);
            for (int c = 0; c < PARTS; c++) kr_pstore(run.row[j] + PART * c, g_row[c]);
        }
        finish_gradients(pair, env, begin, n, &run, gr);
    }
}
