/* Columns beyond the fourth of an environment row: angular moments of degree 2 to lmax (DPA-1's `lmax`).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   R_c = w(r)/(r + p)/dstd_0 Y_c(u),  u = (r_j − r_i)/(r + p),  c = 4 … (lmax + 1)² − 1, by degree
 * with the harmonic polynomials Y of harmonics.inl. The factor has no shift, so empty slots are zero in these columns.
 * D_ab = Σ_c g_c M_ac M_bc: g_c = 1 for the first four columns, the square of its degree's gain (in θ) for the others.
 * The sum is over all columns or, with separate degrees, over those of degree b mod (lmax + 1): without that all D have
 * their angles through one function Σ_l g_l P_l(cos θ).
 * Which orthogonal basis of a degree is taken makes no difference to D. Source: DeePMD-kit 3.2 documentation. */
#ifndef KR_POTENTIAL_HARMONICS_H
#define KR_POTENTIAL_HARMONICS_H

#include "potential/descriptor.h"

enum { KR_MOST_DEGREE = 4, KR_MOST_MOMENTS = 25 };

/* All of these do nothing when lmax is 1. t, tbar, dt: the whole row [nmoment], of which columns 4 … are meant. */
void kr_moments_row(const kr_descriptor *d, const kr_env *env, int center_type, int pair, double *t);
/* gr [3] += tbar · ∂R/∂r_ij */
void kr_moments_adjoint(const kr_descriptor *d, const kr_env *env, int center_type, int pair, const double *tbar,
                        double *gr);
/* dt = ∂R/∂r_ij · v */
void kr_moments_tangent(const kr_descriptor *d, const kr_env *env, int center_type, int pair, const double *v,
                        double *dt);
/* g [nmoment] of this θ. */
void kr_moments_weights(const kr_model *model, double *weight);
/* Columns [begin, end) that D_ab sums over. */
static inline void kr_moments_range(const kr_descriptor *d, int b, int *begin, int *end) {
    int l = b % (d->lmax + 1);
    *begin = d->separate_degrees ? l * l : 0;
    *end = d->separate_degrees ? (l + 1) * (l + 1) : d->nmoment;
}
/* Degree of column c. */
static inline int kr_moments_degree(int c) { return c < 1 ? 0 : c < 4 ? 1 : c < 9 ? 2 : c < 16 ? 3 : 4; }

#endif
