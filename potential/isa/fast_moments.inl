/* Columns from the fourth on of a run of pairs: angular moments of degree 2 to KR_LMAX.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   R_c = γ_l s Y_c(u),  s = w/(r+p),  u = (x, y, z)/(r+p),  γ_l = gain / dstd_0 (harmonics.h)
 *   Y_c has the degree l, so u·∇Y_c = l Y_c:
 *   ∂R_c/∂r⃗ = γ_l ((s' − l s/(r+p)) Y_c r⃗/r + s/(r+p) ∇Y_c) */
#if KR_LMAX > 1
#include "potential/harmonics.h"

#define HARMONIC_NUMBER kr_vec
#define HARMONIC_CONSTANT(x) kr_splat((real)(x))
#define HARMONIC_NAME vector_harmonics
#define HARMONIC_QUALIFIER KR_INLINE
#include "potential/harmonics.inl"

enum { MOMENTS = (KR_LMAX + 1) * (KR_LMAX + 1) };

/* R of these columns from run->u and run->s; those that only fill a vector are zero. */
static void moments_rows(const kr_fast_pair *pair, int n, pair_run *run) {
    for (int j = 0; j < n; j += KR_LANES) {
        const kr_vec s = kr_load(run->s + j),
                     u[3] = {kr_load(run->u[0] + j), kr_load(run->u[1] + j), kr_load(run->u[2] + j)};
        kr_vec y[MOMENTS - 4];
        vector_harmonics(KR_LMAX, u, y, NULL);
        for (int c = 4; c < COLUMNS; c++)
            kr_store(run->column[c] + j,
                     c < MOMENTS ? kr_splat((real)pair->degree[kr_moments_degree(c)]) * s * y[c - 4] : kr_splat(0));
    }
}

/* run->along and run->side from gR of these columns in run->column. */
static void moments_gradients(const kr_fast_pair *pair, int n, pair_run *run) {
    for (int j = 0; j < n; j += KR_LANES) {
        const kr_vec u[3] = {kr_load(run->u[0] + j), kr_load(run->u[1] + j), kr_load(run->u[2] + j)},
                     q = kr_load(run->inv_rp + j) * kr_load(run->s + j), s1 = kr_load(run->s1 + j);
        kr_vec y[MOMENTS - 4], dy[MOMENTS - 4][3], along = kr_splat(0), side[3] = {along, along, along};
        vector_harmonics(KR_LMAX, u, y, dy);
        for (int l = 2; l <= KR_LMAX; l++) {
            kr_vec sum = kr_splat(0), factor = kr_splat((real)pair->degree[l]);
            for (int c = l * l; c < (l + 1) * (l + 1); c++) {
                const kr_vec g = factor * kr_load(run->column[c] + j);
                sum += g * y[c - 4];
                for (int k = 0; k < 3; k++) side[k] += g * dy[c - 4][k];
            }
            along += sum * (s1 - kr_splat((real)l) * q);
        }
        kr_store(run->along + j, along);
        for (int k = 0; k < 3; k++) kr_store(run->side[k] + j, q * side[k]);
    }
}
#else
#define moments_rows(pair, n, run) ((void)0)
#define moments_gradients(pair, n, run) ((void)0)
#endif
