/* Products with constant matrices, packed once for the kernels of one instruction set, and vector tanh.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * C[m][n] = (C | bias) + A[m][k] B[k][n] with B packed: column panels of `panel` columns (the last one narrower,
 * a multiple of `lanes`), each stored [k][columns of the panel]; missing columns are zero. All arrays that belong
 * to a packed matrix are double, or float when `single`. C has room for kr_packed_columns(b) columns. */
#ifndef KR_CORE_DENSE_H
#define KR_CORE_DENSE_H

#include "core/isa.h"
#include "core/memory.h"

typedef struct kr_packed {
    int k, n;
    int lanes, panel;
    int split; /* parts of every number, for kr_dense.split only; else 0 */
    void *data;
} kr_packed;

/* What one product does beyond C += A B. */
typedef struct kr_product {
    int rows;
    ptrdiff_t lda, ldc; /* in elements */
    int quad;           /* 0: A(i,k) = a[i lda + k].  q, a multiple of 4: A(q i + c, k) = a[i lda + q k + c], c < q */
    int k_begin, k_end; /* range of k; a points to k = 0 */
    int panel_begin;    /* first column panel to compute */
    const void *bias;   /* [n rounded up to lanes] start value of every row; NULL = 0 */
    int accumulate;     /* start from C, bias is not looked at */
} kr_product;

/* Kernels of one instruction set and precision. */
typedef struct kr_dense {
    int single, lanes, panel;
    void (*product)(const kr_packed *b, const kr_product *how, const void *a, void *c);
    /* y = tanh z and, when d1 is not NULL, d1 = 1 − y²; may alias */
    void (*tanh)(size_t n, const void *z, void *y, void *d1);
    /* product of numbers in two or three parts on the matrix unit (split.inl): relative error 4e-6 or that of product,
     * two to three times faster; NULL where there is none. quad, k_begin, k_end and panel_begin are not looked at.
     * scratch [kr_split_bytes], aligned to 64 bytes */
    void (*split)(const kr_packed *b, const kr_product *how, const void *a, void *c, void *scratch);
} kr_dense;
const kr_dense *kr_dense_for(kr_isa isa, int single);

/* B(k, n) = b[k ldb + n], or b[n ldb + k] when transposed. packed must be zero or freed. */
kr_status kr_packed_create(kr_context *ctx, const kr_dense *dense, int k, int n, const double *b, int ldb,
                           int transposed, kr_packed *packed);
/* For kr_dense.split where there is one, else as kr_packed_create. */
kr_status kr_packed_create_split(kr_context *ctx, const kr_dense *dense, int k, int n, const double *b, int ldb,
                                 int transposed, int parts, kr_packed *packed);
size_t kr_split_bytes(int rows, int k, int parts);
void kr_packed_free(kr_packed *packed);
/* n rounded up to full vectors. */
int kr_packed_columns(const kr_packed *packed);
size_t kr_packed_bytes(const kr_dense *dense, const kr_packed *packed);

#endif
