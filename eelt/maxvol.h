/* MaxVol: the m rows of features that span the largest volume, and how far a row lies outside of them.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A [m][m] are the chosen rows. A row b is Σ_j c_j A_j with c = b A⁻¹, its grade γ = max |c_j|: up to 1 it is an
 * interpolation. Swapping b for the row of the largest |c_j| multiplies |det A| by γ; when no row has γ > threshold the
 * volume is maximal up to that factor (Goreinov et al. 2010; Podryabinkin and Shapeev 2017). A begins as a multiple of
 * the identity, so that fewer rows than m, or rows in a subspace, are no failure: directions without rows keep it, and
 * what points there has a large grade. */
#ifndef KR_EELT_MAXVOL_H
#define KR_EELT_MAXVOL_H

#include <kramers/context.h>

typedef struct kr_maxvol kr_maxvol;

/* scale: length of the rows that A begins with; small against the typical length of a row (1e-3 of it is good). */
kr_status kr_maxvol_create(kr_context *ctx, int m, double scale, kr_maxvol **maxvol);
void kr_maxvol_destroy(kr_maxvol **maxvol);

/* grade [n] of rows [n][m], over threads. */
kr_status kr_maxvol_grades(kr_context *ctx, const kr_maxvol *maxvol, long n, const double *rows, double *grade);
/* Swaps rows in until none of them has a grade above the threshold (1.001 is customary), which is checked by a last
 * pass. first_id + index names a row in kr_maxvol_ids. *swaps (may be NULL): how many. */
kr_status kr_maxvol_extend(kr_context *ctx, kr_maxvol *maxvol, long n, const double *rows, long first_id,
                           double threshold, long *swaps);
/* Names of the m rows; −1: still the start. */
const long *kr_maxvol_ids(const kr_maxvol *maxvol);
double kr_maxvol_log_volume(const kr_maxvol *maxvol);     /* log |det A| */
const double *kr_maxvol_rows(const kr_maxvol *maxvol);    /* A */
const double *kr_maxvol_inverse(const kr_maxvol *maxvol); /* A⁻¹, within 1e-9 */

#endif
