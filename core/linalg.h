/* CBLAS and LAPACKE behind one file, row-major, checked.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_LINALG_H
#define KR_CORE_LINALG_H

#include <kramers/context.h>

/* C[m][n] = alpha op(A) op(B) + beta C, leading dimensions in elements. Single-threaded inside OpenMP regions. */
void kr_gemm(int transpose_a, int transpose_b, int m, int n, int k, double alpha, const double *a, int lda,
             const double *b, int ldb, double beta, double *c, int ldc);
void kr_gemm_f32(int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);
/* Thin SVD of a [m][n] (destroyed): u [m][min], s [min] descending, vt [min][n]. u, vt may be NULL (both). */
kr_status kr_svd(kr_context *ctx, int m, int n, double *a, double *u, double *s, double *vt);
/* Eigenvalues ascending and eigenvectors (columns) of symmetric a [n][n] (destroyed → vectors). */
kr_status kr_eigen_symmetric(kr_context *ctx, int n, double *a, double *values);
/* Solves a x = b for banded a: LAPACK gbsv storage is hidden; a is dense [n][n] here, bandwidths kl, ku. */
kr_status kr_solve_banded(kr_context *ctx, int n, int kl, int ku, int nrhs, const double *a, double *b);
/* min |a x − b|, minimal norm (SVD); a [m][n], b [m][nrhs] destroyed, x in the first n rows of b (b has max(m,n) rows).
 * rcond < 0 = machine precision. */
kr_status kr_least_squares(kr_context *ctx, int m, int n, int nrhs, double *a, double *b, double rcond, int *rank);

#endif
