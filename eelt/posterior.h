/* Uncertainty of a single model from its last layer (LLPR: Bigi, Chong, Ceriotti, Grasselli 2024), and leverage.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The energy is linear in the last layer, so training it is a linear regression whose posterior is known:
 *   σ² = α² Σ_z b_zᵀ (G_z + ς²)⁻¹ b_z,  G_z = Σ_train b bᵀ of element z.
 * For an atom b is its row; for the energy of a frame b_z is the sum over its atoms of the element. With α = 1, ς → 0
 * the value for a training row is its leverage. Rows are not standardised: the constant part belongs to them. */
#ifndef KR_EELT_POSTERIOR_H
#define KR_EELT_POSTERIOR_H

#include <kramers/context.h>

typedef struct kr_posterior kr_posterior;

/* rows [n][m] of the training environments, of elements type [n]. */
kr_status kr_posterior_create(kr_context *ctx, int m, int nelements, long n, const int *type, const double *rows,
                              kr_posterior **posterior);
void kr_posterior_destroy(kr_posterior **posterior);
void kr_posterior_set(kr_posterior *posterior, double alpha, double sigma);
/* α and ς that make the residuals most likely: frames [nframes][nelements][m] sums of rows, residual [nframes] eV; ς
 * from a logarithmic grid over the scale of G, α from it. They are set, too. */
kr_status kr_posterior_fit(kr_context *ctx, kr_posterior *posterior, long nframes, const double *frames,
                           const double *residual, double *alpha, double *sigma);
/* matrix [m][m] of an element: α² (G + ς²)⁻¹, of which the variance of a row is the quadratic form. */
void kr_posterior_matrix(const kr_posterior *posterior, int element, double *matrix);
/* variance [n] of rows. */
kr_status kr_posterior_variance(kr_context *ctx, const kr_posterior *posterior, long n, const int *type,
                                const double *rows, double *variance);
/* variance [nframes] of sums [nframes][nelements][m], eV². */
kr_status kr_posterior_frame_variance(kr_context *ctx, const kr_posterior *posterior, long nframes,
                                      const double *frames, double *variance);

#endif
