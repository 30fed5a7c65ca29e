/* Optimizers that treat weight matrices as matrices: which blocks are, and products over threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_OPTIMIZER_MATRIX_H
#define KR_CORE_OPTIMIZER_MATRIX_H

#include "core/optimizer_parts.h"

/* Named block with at least two rows and columns of which some entry moves. */
typedef struct kr_optimizer_matrix {
    size_t offset; /* in θ */
    size_t at;     /* in an array of all matrices one after the other */
    int rows, columns;
} kr_optimizer_matrix;

/* The matrices; everything else that moves is in the pieces, for Adam. */
typedef struct kr_optimizer_matrices {
    int count, npieces, largest_rows, largest_columns;
    size_t total, largest; /* entries of all matrices, of the largest */
    kr_optimizer_matrix *matrix;
    kr_span *piece;
} kr_optimizer_matrices;

kr_status kr_optimizer_matrices_find(kr_context *ctx, const kr_optimizer_layout *layout,
                                     kr_optimizer_matrices *matrices);
void kr_optimizer_matrices_free(kr_optimizer_matrices *matrices);

/* kr_gemm_f32 over threads, in slices of rows of C: the same bits for any number of them. */
kr_status kr_matrix_product(kr_context *ctx, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                            const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);

/* c ← alpha g gᵀ + beta c of g [rows][columns], or alpha gᵀ g + beta c on the side of columns (side 1): on and right of
 * the diagonal; what is left of it is not set. */
kr_status kr_matrix_gram(kr_context *ctx, int side, int rows, int columns, float alpha, const float *g, float beta,
                         float *c);

/* x [rows][columns] ← about the nearest matrix with orthonormal rows or columns: x is scaled to Frobenius norm 1, then
 * five times  x ← a x + b (x xᵀ) x + c (x xᵀ)² x  with (a, b, c) = (3.4445, −4.775, 2.0315), which brings singular
 * values above 1e-3 into 0.7 … 1.2. Scratch: 2·s² + rows·columns floats with s = min(rows, columns). */
kr_status kr_matrix_orthogonalize(kr_context *ctx, int rows, int columns, float *x, float *scratch);

/* Adam with state in double on the moving entries outside of the matrices; scratch-free, over threads. */
kr_status kr_matrix_adam(kr_context *ctx, const kr_optimizer_matrices *matrices, const kr_adam_step *how, double *theta,
                         const double *gradient, double *m, double *v);

#endif
