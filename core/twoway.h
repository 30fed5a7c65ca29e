/* Products of a few rows with a constant matrix W, forwards and backwards from one copy.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With few rows a product takes as long as reading W. Two packed copies (core/dense.h) of a large network do not fit
 * into the second-level cache, one does more often. And W may be held as integers:
 *     W[k][n] = scale[k]·N[k][n],   scale[k] a power of two, |N| < 2^31,
 * half the bytes of double precision, converted on the way into the registers. Nothing is lost by the conversion; the
 * rounding to that grid (kr_twoway_round, at most 2^-31 of the largest entry of the row) is the caller's decision. */
#ifndef KR_CORE_TWOWAY_H
#define KR_CORE_TWOWAY_H

#include "core/dense.h"

enum { KR_TWOWAY_ROWS = 8 }; /* most rows at once */

typedef struct kr_twoway {
    int k, n, lanes, panel;
    const void *data; /* laid out as kr_packed, [k][n]; of int32_t when there is a scale */
    double *scale;    /* [k], or NULL */
    void *owned;      /* what to free */
} kr_twoway;

/* Kernels of one instruction set and precision. Arrays are double, or float when `single`; 1 ≤ rows ≤ KR_TWOWAY_ROWS.
 * Columns from n to kr_packed_columns are never read and may be written (zeros). */
typedef struct kr_twoway_kernels {
    /* y[rows][n] = (accumulate ? y : bias or 0) + x[rows][k] W;  bias [n rounded up to lanes] */
    void (*forward)(const kr_twoway *w, int rows, const void *x, ptrdiff_t ldx, const void *bias, int accumulate,
                    void *y, ptrdiff_t ldy);
    /* dx[rows][k] = (accumulate ? dx : 0) + dy[rows][n] Wᵀ */
    void (*backward)(const kr_twoway *w, int rows, const void *dy, ptrdiff_t ldy, int accumulate, void *dx,
                     ptrdiff_t ldx);
} kr_twoway_kernels;
const kr_twoway_kernels *kr_twoway_for(kr_isa isa, int single);

/* Rounds the rows of b [k][n] to what integers hold. */
void kr_twoway_round(int k, int n, double *b, int ldb);
/* Integers from rows that are rounded. */
kr_status kr_twoway_create(kr_context *ctx, const kr_dense *dense, int k, int n, const double *b, int ldb,
                           kr_twoway *w);
/* Uses the packed matrix, which must outlive it. */
void kr_twoway_view(const kr_packed *packed, kr_twoway *w);
void kr_twoway_free(kr_twoway *w);
size_t kr_twoway_bytes(const kr_twoway *w); /* of its own */

#endif
