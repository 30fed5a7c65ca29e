/* Turning the bases of SOAP (optimizer_soap.c): small dense steps on the calling thread.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_OPTIMIZER_SOAP_H
#define KR_CORE_OPTIMIZER_SOAP_H

/* order [d]: basis vectors (rows of basis [d][d]) by falling uᵢᵀ C uᵢ, given image = basis C [d][d]. values [d]: those
 * numbers, in the old order. */
void kr_soap_order(int d, const float *basis, const float *image, double *values, int *order);
/* One step of orthogonal iteration: basis ← the orthonormalised rows of image in that order. Rows of image that depend
 * on earlier ones are replaced by what is left of the old basis vectors. */
void kr_soap_turn(int d, const int *order, float *basis, float *image);
/* Rows (side 0) or columns (side 1) of x [r][c] in the given order; scratch [r][c]. */
void kr_soap_permute(int side, int r, int c, const int *order, float *x, float *scratch);

#endif
