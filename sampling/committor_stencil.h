/* Linear systems on a regular grid: each unknown is coupled to its neighbours along the axes.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A x = b with A_ii = diag[i] and A_ij = off[2k][i] (j = i − stride_k), off[2k+1][i] (j = i + stride_k). Couplings
 * across a periodic wall are kept in a list of their own. */
#ifndef KR_SAMPLING_COMMITTOR_STENCIL_H
#define KR_SAMPLING_COMMITTOR_STENCIL_H

#include <kramers/context.h>

enum { KR_GRID_MOST = 3 }; /* dimensions of a grid */

typedef struct kr_coupling {
    long row, column;
    double value;
} kr_coupling;

typedef struct kr_stencil {
    int dim;
    long n, stride[KR_GRID_MOST];
    double *diag, *off[2 * KR_GRID_MOST]; /* [n] each */
    long nextra, room;
    kr_coupling *extra; /* [nextra] across periodic walls */
    double *pivot;      /* [n] 1/D of the incomplete factors (D + L) D⁻¹ (D + U) */
    double *scratch;    /* vectors of the iteration, padded by the largest stride */
} kr_stencil;

/* Zero matrix; dimension 0 varies slowest. */
kr_status kr_stencil_create(kr_context *ctx, int dim, const int *n, kr_stencil *matrix);
void kr_stencil_free(kr_stencil *matrix);
kr_status kr_stencil_add_extra(kr_context *ctx, kr_stencil *matrix, long row, long column, double value);
/* Largest |row − column|, and A as rows of a band: band[row][column − row + half], new array. */
long kr_stencil_half_width(const kr_stencil *matrix);
kr_status kr_stencil_band(kr_context *ctx, const kr_stencil *matrix, long half, double **band);
#define KR_STENCIL_MOST_BAND 2.5e8 /* numbers of a band that direct methods may take: 2 GB */
/* Solves A x = b. Symmetric: conjugate gradients from the start x until the preconditioned residual has fallen by
 * `tolerance`. Otherwise by elimination in the band, or by BiCGStab where that does not fit. iterations may be NULL.
 * KR_ERR_NUMERIC when it does not converge. */
kr_status kr_stencil_solve(kr_context *ctx, kr_stencil *matrix, int symmetric, double tolerance, int most,
                           const double *b, double *x, int *iterations);

#endif
