/* CBLAS and LAPACKE behind one file, row-major, checked.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_LINALG_H
#define KR_CORE_LINALG_H

#include <kramers/context.h>

/* C[m][n] = alpha op(A) op(B) + beta C, leading dimensions in elements; op(A) [m][k], op(B) [k][n]. beta = 0 does not
 * read C. Runs on the calling thread, with the same bits anywhere (see linalg.c). C must not overlap A or B. */
void kr_gemm(int transpose_a, int transpose_b, int m, int n, int k, double alpha, const double *a, int lda,
             const double *b, int ldb, double beta, double *c, int ldc);
void kr_gemm_f32(int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc);

/* The solvers below are LAPACK's. They are for single large problems: call them outside of parallel regions, where
 * LAPACK may use threads of its own and the last bits may depend on their number. All of them: KR_ERR_ARGUMENT when a
 * size is negative, an array is missing or an element is not finite (says which), KR_ERR_NUMERIC when the method fails,
 * KR_ERR_MEMORY. Sizes of 0 are fine. */

/* Thin SVD of a [m][n] (destroyed): u [m][min], s [min] descending, vt [min][n]. u, vt may be NULL (both). */
kr_status kr_svd(kr_context *ctx, int m, int n, double *a, double *u, double *s, double *vt);
/* Eigenvalues [n] ascending and eigenvectors (columns) of symmetric a [n][n] (→ vectors); only the elements on and
 * below the diagonal are read. */
kr_status kr_eigen_symmetric(kr_context *ctx, int n, double *a, double *values);
/* Solves a x = b for banded a [n][n] (dense rows; LAPACK's band storage is hidden) with kl elements below and ku above
 * the diagonal, everything outside must be 0; b [n][nrhs] → x. KR_ERR_NUMERIC when a is singular. */
kr_status kr_solve_banded(kr_context *ctx, int n, int kl, int ku, int nrhs, const double *a, double *b);
/* min |a x − b|, minimal norm (SVD); a [m][n] (destroyed), b [max(m, n)][nrhs] with the m right-hand sides' rows first,
 * x in its first n rows on return, the other rows are undefined. Singular values below rcond · largest count as 0;
 * rcond < 0 = machine precision. rank may be NULL. */
kr_status kr_least_squares(kr_context *ctx, int m, int n, int nrhs, double *a, double *b, double rcond, int *rank);
/* Symmetric x [n][n] with a x + x aᵀ + q = 0 for stable a [n][n] and symmetric q [n][n] (Bartels–Stewart, by the real
 * Schur form). KR_ERR_NUMERIC when an eigenvalue of a has no negative real part. */
kr_status kr_lyapunov(kr_context *ctx, int n, const double *a, const double *q, double *x);

#endif
