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
#include "core/error.h"
#include "core/memory.h"
#include <cblas.h>
#include <lapacke.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

enum {
    PIECE = 64,                      /* length of a piece along n and k */
    PIECE_MULTIPLICATIONS = 1 << 18, /* 4·65536 */
    LOOP_MULTIPLICATIONS = 512       /* below: a call costs more than the work */
};

static int smaller(int a, int b) { return a < b ? a : b; }

/* op(A) times a vector, the last layer of most networks: c_i = beta c_i + sum of (alpha a_il) b_l in order of l. Sums
 * of 8 rows stay in registers: one in memory waits for its own store at each l, and takes 8 times as long. */
#define KR_VECTOR_BODY(real)                                                                                 \
    do {                                                                                                     \
        enum { LANES = 8 };                                                                                  \
        for (int i0 = 0, lanes; i0 < m; i0 += lanes) {                                                       \
            const real *from = a + (size_t)i0 * ai;                                                          \
            real sum[LANES], *to = c + (size_t)i0 * (size_t)ldc;                                             \
            lanes = m - i0 < LANES ? 1 : LANES;                                                              \
            for (int i = 0; i < lanes; i++) sum[i] = beta == 0 ? 0 : beta * to[(size_t)i * (size_t)ldc];     \
            for (size_t l = 0; lanes == 1 && l < (size_t)k; l++) sum[0] += alpha * from[l * ak] * b[l * bk]; \
            for (size_t l = 0; lanes > 1 && l < (size_t)k; l++)                                              \
                for (size_t i = 0; i < LANES; i++) sum[i] += alpha * from[i * ai + l * ak] * b[l * bk];      \
            for (int i = 0; i < lanes; i++) to[(size_t)i * (size_t)ldc] = sum[i];                            \
        }                                                                                                    \
    } while (0)

/* kr_gemm and kr_gemm_f32 differ in the type alone. */
#define KR_GEMM_BODY(real, cblas)                                                                                      \
    do {                                                                                                               \
        if (m <= 0 || n <= 0) return;                                                                                  \
        /* Strides of op(A) [m][k] and op(B) [k][n]. */                                                                \
        size_t ai = transpose_a ? 1 : (size_t)lda, ak = transpose_a ? (size_t)lda : 1;                                 \
        size_t bk = transpose_b ? 1 : (size_t)ldb, bj = transpose_b ? (size_t)ldb : 1;                                 \
        /* Vectors too: BLAS hands them to gemv, whose threshold is a lower one. */                                    \
        if (n == 1) {                                                                                                  \
            KR_VECTOR_BODY(real);                                                                                      \
            return;                                                                                                    \
        }                                                                                                              \
        if (k <= 1 || m == 1 || (double)m * n * k <= LOOP_MULTIPLICATIONS) {                                           \
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

/* ---- LAPACK, column-major underneath: a row-major matrix is its transpose ---- */

static kr_status check_matrix(kr_context *ctx, const char *what, int m, int n, const double *a) {
    if (m < 0 || n < 0 || (!a && m > 0 && n > 0))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s: matrix of %d x %d, or its array is missing", what, m, n);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            if (!isfinite(a[(size_t)i * (size_t)n + (size_t)j]))
                return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s: element [%d][%d] of %d x %d is not finite", what, i, j, m,
                                n);
    return KR_OK;
}

/* What LAPACK's info says after a call with arguments that were checked. */
static kr_status check_info(kr_context *ctx, const char *what, lapack_int info) {
    if (info == 0) return KR_OK;
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
        return KR_ERROR(ctx, KR_ERR_MEMORY, "%s: LAPACK could not allocate memory", what);
    if (info < 0) return KR_ERROR(ctx, KR_ERR_INTERNAL, "%s: LAPACK refuses argument %d", what, (int)-info);
    return KR_ERROR(ctx, KR_ERR_NUMERIC, "%s did not converge (LAPACK info %d)", what, (int)info);
}

/* to [n][m] = from [m][n] transposed. */
static void transpose(int m, int n, const double *from, double *to) {
    for (size_t i = 0; i < (size_t)m; i++)
        for (size_t j = 0; j < (size_t)n; j++) to[j * (size_t)m + i] = from[i * (size_t)n + j];
}

/* LAPACK's answer to a workspace query as a number of elements; −1 when its int does not hold it. */
static lapack_int work_size(double answer) { return answer < INT_MAX / 2 ? (lapack_int)answer + 1 : -1; }

kr_status kr_svd(kr_context *ctx, int m, int n, double *a, double *u, double *s, double *vt) {
    static const char *const what = "singular value decomposition";
    kr_status status = KR_OK;
    double *work = NULL, query;
    lapack_int *iwork = NULL;
    KR_TRY(check_matrix(ctx, what, m, n, a));
    int least = smaller(m, n);
    if (least == 0) goto done;
    if (!s || !u != !vt) KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: s must be given, u and vt both or neither", what);
    /* Aᵀ = V S Uᵀ: LAPACK's left vectors, stored by columns, are our vt by rows. */
    char job = u ? 'S' : 'N';
    double none;
    double *left = vt ? vt : &none, *right = u ? u : &none;
    KR_NEW(ctx, iwork, 8 * (size_t)least);
    KR_TRY(check_info(
        ctx, what,
        LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, job, n, m, a, n, s, left, n, right, least, &query, -1, iwork)));
    lapack_int size = work_size(query);
    if (size < 0) KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: %d x %d is too large for LAPACK", what, m, n);
    KR_NEW(ctx, work, (size_t)size);
    KR_TRY(check_info(
        ctx, what,
        LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, job, n, m, a, n, s, left, n, right, least, work, size, iwork)));
done:
    kr_free(work);
    kr_free(iwork);
    return status;
}

kr_status kr_eigen_symmetric(kr_context *ctx, int n, double *a, double *values) {
    static const char *const what = "eigenvalues of a symmetric matrix";
    kr_status status = KR_OK;
    double *work = NULL, query;
    lapack_int *iwork = NULL, iquery;
    if (n < 0 || (n > 0 && (!a || !values)))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s: matrix of %d x %d, or an array is missing", what, n, n);
    /* The triangle that is not read may hold anything: mirror the other one, then check. */
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t j = i + 1; j < (size_t)n; j++) a[i * (size_t)n + j] = a[j * (size_t)n + i];
    KR_TRY(check_matrix(ctx, what, n, n, a));
    if (n == 0) goto done;
    KR_TRY(check_info(ctx, what,
                      LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'L', n, a, n, values, &query, -1, &iquery, -1)));
    lapack_int size = work_size(query);
    if (size < 0) KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: %d x %d is too large for LAPACK", what, n, n);
    KR_NEW(ctx, work, (size_t)size);
    KR_NEW(ctx, iwork, (size_t)iquery);
    KR_TRY(check_info(ctx, what,
                      LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'L', n, a, n, values, work, size, iwork, iquery)));
    for (size_t i = 0; i < (size_t)n; i++) /* columns of LAPACK are rows here */
        for (size_t j = i + 1; j < (size_t)n; j++) {
            double swap = a[i * (size_t)n + j];
            a[i * (size_t)n + j] = a[j * (size_t)n + i];
            a[j * (size_t)n + i] = swap;
        }
done:
    kr_free(work);
    kr_free(iwork);
    return status;
}

kr_status kr_solve_banded(kr_context *ctx, int n, int kl, int ku, int nrhs, const double *a, double *b) {
    static const char *const what = "banded system";
    kr_status status = KR_OK;
    double *band = NULL, *x = NULL;
    lapack_int *pivot = NULL;
    KR_TRY(check_matrix(ctx, what, n, n, a));
    KR_TRY(check_matrix(ctx, what, n, nrhs, b));
    if (kl < 0 || ku < 0) KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: widths %d and %d must not be negative", what, kl, ku);
    if (n == 0 || nrhs == 0) goto done;
    kl = smaller(kl, n - 1);
    ku = smaller(ku, n - 1);
    /* Column j of A lies in column j of the band, its diagonal in row kl + ku; the first kl rows are LAPACK's own. */
    size_t rows = 2 * (size_t)kl + (size_t)ku + 1, columns = (size_t)n;
    if (rows > INT_MAX) KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: %d unknowns are too many for LAPACK", what, n);
    KR_NEW(ctx, band, rows * columns);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double element = a[(size_t)i * columns + (size_t)j];
            if (i - j <= kl && j - i <= ku)
                band[(size_t)j * rows + (size_t)(kl + ku + i - j)] = element;
            else if (element != 0)
                KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: element [%d][%d] = %g lies outside the band (%d below, %d above)",
                        what, i, j, element, kl, ku);
        }
    KR_NEW(ctx, pivot, columns);
    KR_NEW(ctx, x, columns * (size_t)nrhs);
    transpose(n, nrhs, b, x);
    lapack_int info = LAPACKE_dgbsv_work(LAPACK_COL_MAJOR, n, kl, ku, nrhs, band, (lapack_int)rows, pivot, x, n);
    if (info > 0) KR_FAIL(ctx, KR_ERR_NUMERIC, "%s of %d unknowns is singular: pivot %d is 0", what, n, (int)info - 1);
    KR_TRY(check_info(ctx, what, info));
    transpose(nrhs, n, x, b);
done:
    kr_free(band);
    kr_free(x);
    kr_free(pivot);
    return status;
}

kr_status kr_least_squares(kr_context *ctx, int m, int n, int nrhs, double *a, double *b, double rcond, int *rank) {
    static const char *const what = "least squares";
    kr_status status = KR_OK;
    double *at = NULL, *x = NULL, *s = NULL, *work = NULL, query;
    lapack_int *iwork = NULL, iquery, found = 0;
    KR_TRY(check_matrix(ctx, what, m, n, a));
    KR_TRY(check_matrix(ctx, what, m, nrhs, b));
    int most = m > n ? m : n, least = smaller(m, n);
    if (rank) *rank = 0;
    if (isnan(rcond)) KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: rcond is not a number", what);
    if (least == 0 || nrhs == 0) {
        if (b) memset(b, 0, (size_t)n * (size_t)nrhs * sizeof *b); /* no equations: the shortest x is 0 */
        goto done;
    }
    KR_NEW(ctx, at, (size_t)m * (size_t)n);
    KR_NEW(ctx, x, (size_t)most * (size_t)nrhs);
    KR_NEW(ctx, s, (size_t)least);
    transpose(m, n, a, at);
    for (size_t i = 0; i < (size_t)m; i++)
        for (size_t r = 0; r < (size_t)nrhs; r++) x[r * (size_t)most + i] = b[i * (size_t)nrhs + r];
    KR_TRY(check_info(
        ctx, what,
        LAPACKE_dgelsd_work(LAPACK_COL_MAJOR, m, n, nrhs, at, m, x, most, s, rcond, &found, &query, -1, &iquery)));
    lapack_int size = work_size(query);
    if (size < 0) KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: %d x %d is too large for LAPACK", what, m, n);
    KR_NEW(ctx, work, (size_t)size);
    KR_NEW(ctx, iwork, (size_t)iquery);
    KR_TRY(check_info(
        ctx, what,
        LAPACKE_dgelsd_work(LAPACK_COL_MAJOR, m, n, nrhs, at, m, x, most, s, rcond, &found, work, size, iwork)));
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t r = 0; r < (size_t)nrhs; r++) b[i * (size_t)nrhs + r] = x[r * (size_t)most + i];
    if (rank) *rank = (int)found;
done:
    kr_free(at);
    kr_free(x);
    kr_free(s);
    kr_free(work);
    kr_free(iwork);
    return status;
}

kr_status kr_lyapunov(kr_context *ctx, int n, const double *a, const double *q, double *x) {
    static const char *const what = "Lyapunov equation";
    kr_status status = KR_OK;
    size_t count = (size_t)n * (size_t)n;
    double *t = NULL, *u = NULL, *re = NULL, *im = NULL, *c = NULL, *half = NULL, scale = 1;
    lapack_int info, sorted;
    KR_TRY(check_matrix(ctx, what, n, n, a));
    KR_TRY(check_matrix(ctx, what, n, n, q));
    if (n == 0) goto done;
    KR_NEW(ctx, t, count);
    KR_NEW(ctx, u, count);
    KR_NEW(ctx, c, count);
    KR_NEW(ctx, half, count);
    KR_NEW(ctx, re, (size_t)n);
    KR_NEW(ctx, im, (size_t)n);
    /* Bartels–Stewart: A = U T Uᵀ, T Y + Y Tᵀ = −Uᵀ Q U, X = U Y Uᵀ. */
    memcpy(t, a, count * sizeof *t);
    info = LAPACKE_dgees(LAPACK_ROW_MAJOR, 'V', 'N', NULL, n, t, n, &sorted, re, im, u, n);
    if (info > 0) KR_FAIL(ctx, KR_ERR_NUMERIC, "%s of %d unknowns: no Schur form", what, n);
    KR_TRY(check_info(ctx, what, info));
    for (int i = 0; i < n; i++)
        if (!(re[i] < 0))
            KR_FAIL(ctx, KR_ERR_NUMERIC, "%s: the matrix is not stable, it has an eigenvalue with real part %g", what,
                    re[i]);
    kr_gemm(1, 0, n, n, n, -1, u, n, q, n, 0, half, n);
    kr_gemm(0, 0, n, n, n, 1, half, n, u, n, 0, c, n);
    info = LAPACKE_dtrsyl(LAPACK_ROW_MAJOR, 'N', 'T', 1, n, n, t, n, t, n, c, n, &scale);
    KR_TRY(check_info(ctx, what, info < 0 ? info : 0));
    kr_gemm(0, 0, n, n, n, 1 / scale, u, n, c, n, 0, half, n);
    kr_gemm(0, 1, n, n, n, 1, half, n, u, n, 0, x, n);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            x[(size_t)i * (size_t)n + (size_t)j] = x[(size_t)j * (size_t)n + (size_t)i] =
                0.5 * (x[(size_t)i * (size_t)n + (size_t)j] + x[(size_t)j * (size_t)n + (size_t)i]);
done:
    kr_free(t);
    kr_free(u);
    kr_free(c);
    kr_free(half);
    kr_free(re);
    kr_free(im);
    return status;
}
