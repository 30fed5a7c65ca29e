/* Inputs of the fitting net from T, and the ways back: everything in vectors of lanes, T as [channel][columns][lanes].
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   D[a·axis + b] = Σ_c T[a][c] T[b][c], b < axis          Ḋ = Σ_c Ṫ[a][c] T[b][c] + T[a][c] Ṫ[b][c]
 *   reverse(g, T)[a][c] = Σ_b g[ab] T[b][c] + [a < axis] Σ_a' g[a'a] T[a'][c]
 *   gT = reverse(gD, T);   T̄ = reverse(D̄, T) + reverse(gD, Ṫ)
 * Radial descriptors: D[a] = T[a][0]. */
#include "core/isa/simd.h"
#include "training/engine_moment.h"

#if defined(KR_ISA_avx512)
enum { AXIS_STEP = 4 }; /* columns whose sums are held in registers */
#else
enum { AXIS_STEP = 2 };
#endif

/* Separate degrees: D[a·axis + b] sums columns [l², (l + 1)²), l = b mod (lmax + 1), and so do its relatives. */

/* Σ_c x[c] y[c] over n columns, a constant of the caller; + Σ_c u[c] v[c] unless u is NULL */
KR_INLINE kr_vec degree_dot(int n, const real *x, const real *y, const real *u, const real *v) {
    kr_vec s = kr_splat(0);
#pragma GCC unroll 9
    for (int c = 0; c < n * KR_LANES; c += KR_LANES) {
        s += kr_load(x + c) * kr_load(y + c);
        if (u) s += kr_load(u + c) * kr_load(v + c);
    }
    return s;
}

/* D, or with td Ḋ, of all columns b of degree l. */
KR_INLINE void degree_forward(const kr_moment *m, const kr_moment_basis *basis, int l, const real *t, const real *td,
                              real *d) {
    const int axis = m->axis, row = m->columns * KR_LANES, first = l * l * KR_LANES;
    for (int j = 0; j < basis->q; j++) {
        const ptrdiff_t pa = (ptrdiff_t)basis->channel[j] * row + first;
        for (int b = l; b < axis; b += m->lmax + 1) {
            const ptrdiff_t pb = (ptrdiff_t)b * row + first;
            kr_store(d + (j * axis + b) * KR_LANES, td ? degree_dot(2 * l + 1, td + pa, t + pb, t + pa, td + pb)
                                                       : degree_dot(2 * l + 1, t + pa, t + pb, NULL, NULL));
        }
    }
}

/* out += reverse(g, t) of all columns b of degree l. */
KR_INLINE void degree_reverse(const kr_moment *m, int l, const real *g, const real *t, real *out) {
    const int axis = m->axis, row = m->columns * KR_LANES, first = l * l * KR_LANES, n = 2 * l + 1;
    for (int b = l; b < axis; b += m->lmax + 1) {
        const real *pb = t + b * row + first, *pa = t + first;
        real *o = out + first, *ob = out + b * row + first;
        kr_vec sum[9], second[9];
#pragma GCC unroll 9
        for (int c = 0; c < n; c++) {
            sum[c] = kr_splat(0);
            second[c] = kr_load(pb + c * KR_LANES);
        }
        for (int a = 0; a < m->ng; a++, pa += row, o += row) {
            const kr_vec q = kr_load(g + (a * axis + b) * KR_LANES);
#pragma GCC unroll 9
            for (int c = 0; c < n; c++) {
                kr_store(o + c * KR_LANES, kr_load(o + c * KR_LANES) + q * second[c]);
                sum[c] += q * kr_load(pa + c * KR_LANES);
            }
        }
#pragma GCC unroll 9
        for (int c = 0; c < n; c++) kr_store(ob + c * KR_LANES, kr_load(ob + c * KR_LANES) + sum[c]);
    }
}

static void degrees_forward(const kr_moment *m, const kr_moment_basis *basis, const real *t, const real *td, real *d) {
    degree_forward(m, basis, 0, t, td, d);
    degree_forward(m, basis, 1, t, td, d);
    degree_forward(m, basis, 2, t, td, d);
    if (m->lmax > 2) degree_forward(m, basis, 3, t, td, d);
    if (m->lmax > 3) degree_forward(m, basis, 4, t, td, d);
}

static void degrees_reverse(const kr_moment *m, const real *g, const real *t, real *out) {
    degree_reverse(m, 0, g, t, out);
    degree_reverse(m, 1, g, t, out);
    degree_reverse(m, 2, g, t, out);
    if (m->lmax > 2) degree_reverse(m, 3, g, t, out);
    if (m->lmax > 3) degree_reverse(m, 4, g, t, out);
}

/* D of the basis' channels, in their order. */
static void inputs_forward(const kr_moment *m, const kr_moment_basis *basis, const real *t, real *d) {
    const int axis = m->axis, columns = m->columns, row = columns * KR_LANES;
    if (m->linear) {
        for (int a = 0; a < m->ng; a++) kr_store(d + a * KR_LANES, kr_load(t + m->columns * a * KR_LANES));
        return;
    }
    if (m->separate) {
        degrees_forward(m, basis, t, NULL, d);
        return;
    }
    for (int j = 0; j < basis->q; j += 2) {
        const int two = j + 1 < basis->q;
        const real *pa = t + basis->channel[j] * row, *pa2 = t + basis->channel[j + two] * row, *pb = t;
        real *out = d + j * axis * KR_LANES, *out2 = two ? out + axis * KR_LANES : out;
        kr_vec x[4], y[4];
        for (int c = 0; c < 4; c++) {
            x[c] = kr_load(pa + c * KR_LANES);
            y[c] = kr_load(pa2 + c * KR_LANES);
        }
        for (int b = 0; b < axis; b++, pb += row, out += KR_LANES, out2 += KR_LANES) {
            kr_vec s = kr_splat(0), s2 = kr_splat(0);
#pragma GCC unroll 4
            for (int c = 0; c < 4; c++) {
                kr_vec q = kr_load(pb + c * KR_LANES);
                s += x[c] * q;
                s2 += y[c] * q;
            }
            for (int c = 4 * KR_LANES; c < row; c += KR_LANES) {
                kr_vec q = kr_load(pb + c);
                s += kr_load(pa + c) * q;
                s2 += kr_load(pa2 + c) * q;
            }
            kr_store(out, s);
            kr_store(out2, s2);
        }
    }
}

static void inputs_tangent(const kr_moment *m, const kr_moment_basis *basis, const real *t, const real *td, real *d) {
    const int axis = m->axis, row = m->columns * KR_LANES;
    if (m->linear) {
        inputs_forward(m, basis, td, d);
        return;
    }
    if (m->separate) {
        degrees_forward(m, basis, t, td, d);
        return;
    }
    for (int j = 0; j < basis->q; j++) {
        const int a = basis->channel[j];
        real *out = d + j * axis * KR_LANES;
        const real *pb = t, *pd = td, *ta = t + a * row, *tda = td + a * row;
        kr_vec x[4], y[4];
        for (int c = 0; c < 4; c++) {
            x[c] = kr_load(ta + c * KR_LANES);
            y[c] = kr_load(tda + c * KR_LANES);
        }
        for (int b = 0; b < axis; b++, pb += row, pd += row, out += KR_LANES) {
            kr_vec s = kr_splat(0), s2 = kr_splat(0);
#pragma GCC unroll 4
            for (int c = 0; c < 4; c++) {
                s += y[c] * kr_load(pb + c * KR_LANES);
                s2 += x[c] * kr_load(pd + c * KR_LANES);
            }
            for (int c = 4 * KR_LANES; c < row; c += KR_LANES) {
                s += kr_load(tda + c) * kr_load(pb + c);
                s2 += kr_load(ta + c) * kr_load(pd + c);
            }
            kr_store(out, s + s2);
        }
    }
}

/* out += for channels b … b + nb − 1 of the second factor, in four of the columns; nb is a constant of the caller. */
KR_INLINE void reverse_columns(const kr_moment *m, const real *g, const real *t, int b, int nb, real *out) {
    const int axis = m->axis, row = m->columns * KR_LANES;
    kr_vec sum[AXIS_STEP][4];
    const real *pb = t + b * row;
    for (int k = 0; k < nb; k++)
        for (int c = 0; c < 4; c++) sum[k][c] = kr_splat(0);
    const real *pa = t;
    real *o = out;
    g += b * KR_LANES;
    for (int a = 0; a < m->ng; a++, pa += row, o += row, g += axis * KR_LANES) {
        kr_vec x[4], y[4];
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++) {
            x[c] = kr_load(o + c * KR_LANES);
            y[c] = kr_load(pa + c * KR_LANES);
        }
#pragma GCC unroll 4
        for (int k = 0; k < nb; k++) {
            kr_vec q = kr_load(g + k * KR_LANES);
#pragma GCC unroll 4
            for (int c = 0; c < 4; c++) {
                x[c] += q * kr_load(pb + k * row + c * KR_LANES);
                sum[k][c] += q * y[c];
            }
        }
#pragma GCC unroll 4
        for (int c = 0; c < 4; c++) kr_store(o + c * KR_LANES, x[c]);
    }
    for (int k = 0; k < nb; k++)
        for (int c = 0; c < 4; c++) {
            real *to = out + (b + k) * row + c * KR_LANES;
            kr_store(to, kr_load(to) + sum[k][c]);
        }
}

/* out [ng][columns][lanes] (+)= reverse(g, t) */
static void inputs_reverse(const kr_moment *m, const real *g, const real *t, real *out, int accumulate) {
    if (!accumulate) memset(out, 0, (size_t)(m->columns * m->ng) * KR_LANES * sizeof(real));
    if (m->linear) {
        if (accumulate) return; /* D is linear in T: the second term has nothing to say */
        for (int a = 0; a < m->ng; a++) kr_store(out + m->columns * a * KR_LANES, kr_load(g + a * KR_LANES));
        return;
    }
    if (m->separate) {
        degrees_reverse(m, g, t, out);
        return;
    }
    for (int c = 0; c < m->columns; c += 4, t += 4 * KR_LANES, out += 4 * KR_LANES) {
        int b = 0;
        for (; b + AXIS_STEP <= m->axis; b += AXIS_STEP) reverse_columns(m, g, t, b, AXIS_STEP, out);
        for (; b < m->axis; b++) reverse_columns(m, g, t, b, 1, out);
    }
}
