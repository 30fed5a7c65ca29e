/* CBLAS and LAPACKE behind one file.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Threads. OpenBLAS comes in three builds: serial, pthreads (Debian's default) and OpenMP. The pthreads build does not
 * see our OpenMP regions and would start its own threads inside them; it has no per-thread switch, and its global one
 * (openblas_set_num_threads) would change the host process. It does run every product of at most 4·65536
 * multiplications on the calling thread. So matrix products are cut into pieces below that limit, always, inside and
 * outside of parallel regions: single-threaded on the caller's thread with any build, and the same bits for any number
 * of threads. For the widths of our networks the pieces, which fit the caches, are no slower than one call.
 * Parallel work comes from blocks of rows, above. */
#include "core/linalg.h"
#include <cblas.h>
#include <stddef.h>

enum {
    PIECE = 64,                      /* length of a piece along n and k */
    PIECE_MULTIPLICATIONS = 1 << 18, /* 4·65536 */
    LOOP_MULTIPLICATIONS = 512       /* below: a call costs more than the work */
};

static int smaller(int a, int b) { return a < b ? a : b; }

/* kr_gemm and kr_gemm_f32 differ in the type alone. */
#define KR_GEMM_BODY(real, cblas)                                                                                      \
    do {                                                                                                               \
        if (m <= 0 || n <= 0) return;                                                                                  \
        /* Strides of op(A) [m][k] and op(B) [k][n]. */                                                                \
        size_t ai = transpose_a ? 1 : (size_t)lda, ak = transpose_a ? (size_t)lda : 1;                                 \
        size_t bk = transpose_b ? 1 : (size_t)ldb, bj = transpose_b ? (size_t)ldb : 1;                                 \
        /* Vectors too: BLAS hands them to gemv, whose threshold is a lower one. */                                    \
        if (k <= 1 || n == 1 || m == 1 || (double)m * n * k <= LOOP_MULTIPLICATIONS) {                                 \
            for (int i = 0; i < m; i++) {                                                                              \
                real *row = c + (size_t)i * (size_t)ldc;                                                               \
                for (int j = 0; j < n; j++) row[j] = beta == 0 ? 0 : beta * row[j];                                    \
                for (int l = 0; l < k; l++) {                                                                          \
                    real f = alpha * a[(size_t)i * ai + (size_t)l * ak];                                               \
                    const real *bl = b + (size_t)l * bk;                                                               \
                    for (int j = 0; j < n; j++) row[j] += f * bl[(size_t)j * bj];                                      \
                }                                                                                                      \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        int kt = smaller(k, PIECE), nt = smaller(n, PIECE), mt = smaller(m, PIECE_MULTIPLICATIONS / (kt * nt));        \
        CBLAS_TRANSPOSE ta = transpose_a ? CblasTrans : CblasNoTrans, tb = transpose_b ? CblasTrans : CblasNoTrans;    \
        for (int k0 = 0; k0 < k; k0 += kt)                                                                             \
            for (int j0 = 0; j0 < n; j0 += nt)                                                                         \
                for (int i0 = 0; i0 < m; i0 += mt)                                                                     \
                    cblas(CblasRowMajor, ta, tb, smaller(mt, m - i0), smaller(nt, n - j0), smaller(kt, k - k0), alpha, \
                          a + (size_t)i0 * ai + (size_t)k0 * ak, lda, b + (size_t)k0 * bk + (size_t)j0 * bj, ldb,      \
                          k0 ? 1 : beta, c + (size_t)i0 * (size_t)ldc + j0, ldc);                                      \
    } while (0)

void kr_gemm(int transpose_a, int transpose_b, int m, int n, int k, double alpha, const double *a, int lda,
             const double *b, int ldb, double beta, double *c, int ldc) {
    KR_GEMM_BODY(double, cblas_dgemm);
}

void kr_gemm_f32(int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                 const float *b, int ldb, float beta, float *c, int ldc) {
    KR_GEMM_BODY(float, cblas_sgemm);
}
