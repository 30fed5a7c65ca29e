/* Matrix products against plain loops, every transposition and size class; threads; the solvers by their definitions;
 * refused input; failing allocations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/linalg.h"
#include "core/memory.h"
#include "kr_test.h"
#include <omp.h>
#include <time.h>

static kr_context *ctx;
static uint64_t seed = 5;
static double uniform(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * (2.0 / 9007199254740992.0) - 1;
}
enum { ROOM = 300 * 300 };
static double a[ROOM], b[ROOM], c[ROOM], d[ROOM], e[ROOM], s[300];
static void randomize(double *x, int n) {
    for (int i = 0; i < n; i++) x[i] = uniform();
}

static void plain(int ta, int tb, int m, int n, int k, double alpha, int lda, int ldb, double beta, double *out,
                  int ldc) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int l = 0; l < k; l++)
                sum += (ta ? a[l * lda + i] : a[i * lda + l]) * (tb ? b[j * ldb + l] : b[l * ldb + j]);
            out[i * ldc + j] = alpha * sum + (beta == 0 ? 0 : beta * out[i * ldc + j]);
        }
}

static void test_gemm(void **state) {
    (void)state;
    const int sizes[] = {1, 2, 3, 7, 16, 64, 65, 130, 200};
    enum { NSIZES = sizeof sizes / sizeof *sizes };
    static float fa[ROOM], fb[ROOM], fc[ROOM];
    for (int draw = 0; draw < 300; draw++) {
        int m = sizes[(seed >> 33) % NSIZES], n = sizes[(seed >> 43) % NSIZES], k = sizes[(seed >> 53) % NSIZES];
        int ta = draw & 1, tb = draw >> 1 & 1, pad = draw % 3;
        int lda = (ta ? m : k) + pad, ldb = (tb ? k : n) + pad, ldc = n + pad;
        double alpha = draw % 5 ? uniform() : 1, beta = draw % 4 == 0 ? 0 : draw % 4 == 1 ? 1 : uniform();
        randomize(a, lda * (ta ? k : m));
        randomize(b, ldb * (tb ? n : k));
        for (int i = 0; i < m * ldc; i++) c[i] = d[i] = beta == 0 ? NAN : uniform(); /* beta = 0 must not read */
        for (int i = 0; i < m; i++)
            for (int j = n; j < ldc; j++) c[i * ldc + j] = d[i * ldc + j] = 7; /* beyond the row: not touched */
        for (int i = 0; i < ROOM; i++) {
            fa[i] = (float)a[i];
            fb[i] = (float)b[i];
            fc[i] = (float)c[i];
        }
        kr_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        kr_gemm_f32(ta, tb, m, n, k, (float)alpha, fa, lda, fb, ldb, (float)beta, fc, ldc);
        plain(ta, tb, m, n, k, alpha, lda, ldb, beta, d, ldc);
        kr_assert_close(m * ldc, c, d, 1e-13, 1e-13);
        for (int i = 0; i < m * ldc; i++) e[i] = fc[i];
        kr_assert_close(m * ldc, e, d, 1e-4, 1e-4);
        seed++;
    }
    for (int i = 0; i < 4; i++) c[i] = 3;
    kr_gemm(0, 0, 2, 2, 0, 1, a, 1, b, 2, 0.5, c, 2); /* k = 0: C = beta C */
    for (int i = 0; i < 4; i++) assert_true(c[i] == 1.5);
    kr_gemm(0, 0, 0, 2, 5, 1, NULL, 5, b, 2, 0, NULL, 2);
}

/* Inside a region: same bits as outside, and no thread beside ours works (CPU time ≈ wall time of one thread). */
static void test_gemm_threads(void **state) {
    (void)state;
    enum { M = 260, N = 240, K = 240 };
    static double out[4][M * N];
    randomize(a, M * K);
    randomize(b, K * N);
    kr_gemm(0, 0, M, N, K, 1, a, K, b, N, 0, c, N);
#pragma omp parallel for num_threads(4)
    for (int t = 0; t < 4; t++) kr_gemm(0, 0, M, N, K, 1, a, K, b, N, 0, out[t], N);
    for (int t = 0; t < 4; t++) assert_memory_equal(out[t], c, sizeof out[t]);
    double mine[2], all[2];
    for (int k = 0; k < 2; k++) {
        struct timespec t;
        for (int i = 0; k == 1 && i < 40; i++) kr_gemm(0, 0, M, N, K, 1, a, K, b, N, 0, c, N);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        mine[k] = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        all[k] = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    }
    /* The OpenMP threads of the region above spin for a moment at most. */
    print_message("matrix products: %.4f s on this thread, %.4f s in the process\n", mine[1] - mine[0],
                  all[1] - all[0]);
}

static void test_svd(void **state) {
    (void)state;
    const int shapes[][2] = {{1, 1}, {5, 3}, {3, 5}, {40, 40}, {60, 7}, {7, 60}};
    for (int k = 0; k < 6; k++) {
        int m = shapes[k][0], n = shapes[k][1], least = m < n ? m : n;
        randomize(a, m * n);
        memcpy(b, a, sizeof b);
        kr_assert_ok(ctx, kr_svd(ctx, m, n, a, c, s, d)); /* c = u, d = vt */
        for (int i = 1; i < least; i++) assert_true(s[i] <= s[i - 1]);
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (int l = 0; l < least; l++) sum += c[i * least + l] * s[l] * d[l * n + j];
                kr_assert_near(sum, b[i * n + j], 1e-13, 0);
            }
        for (int i = 0; i < least; i++)
            for (int j = 0; j < least; j++) {
                double uu = 0, vv = 0;
                for (int l = 0; l < m; l++) uu += c[l * least + i] * c[l * least + j];
                for (int l = 0; l < n; l++) vv += d[i * n + l] * d[j * n + l];
                kr_assert_near(uu, i == j, 1e-13, 0);
                kr_assert_near(vv, i == j, 1e-13, 0);
            }
        double only[300];
        kr_assert_ok(ctx, kr_svd(ctx, m, n, b, NULL, only, NULL));
        kr_assert_close(least, only, s, 1e-13, 0);
    }
    kr_assert_ok(ctx, kr_svd(ctx, 0, 3, NULL, NULL, NULL, NULL));
    assert_int_equal(kr_svd(ctx, 2, 2, b, c, s, NULL), KR_ERR_ARGUMENT);
    b[3] = NAN;
    assert_int_equal(kr_svd(ctx, 2, 2, b, c, s, d), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "[1][1]"));
}

static void test_eigen(void **state) {
    (void)state;
    const int sizes[] = {1, 2, 5, 50};
    for (int k = 0; k < 4; k++) {
        int n = sizes[k];
        for (int i = 0; i < n; i++)
            for (int j = 0; j <= i; j++) {
                b[i * n + j] = b[j * n + i] = uniform();
                a[i * n + j] = b[i * n + j];
                if (j < i) a[j * n + i] = NAN; /* not read */
            }
        kr_assert_ok(ctx, kr_eigen_symmetric(ctx, n, a, s));
        for (int v = 0; v < n; v++) {
            double norm = 0;
            assert_true(v == 0 || s[v] >= s[v - 1]);
            for (int i = 0; i < n; i++) {
                double sum = 0;
                for (int j = 0; j < n; j++) sum += b[i * n + j] * a[j * n + v];
                kr_assert_near(sum, s[v] * a[i * n + v], 1e-13, 0);
                norm += a[i * n + v] * a[i * n + v];
            }
            kr_assert_near(norm, 1, 1e-13, 0);
        }
    }
    kr_assert_ok(ctx, kr_eigen_symmetric(ctx, 0, NULL, NULL));
    a[0] = INFINITY;
    assert_int_equal(kr_eigen_symmetric(ctx, 1, a, s), KR_ERR_ARGUMENT);
    assert_int_equal(kr_eigen_symmetric(ctx, -1, a, s), KR_ERR_ARGUMENT);
}

static void test_banded(void **state) {
    (void)state;
    enum { N = 30, NRHS = 3 };
    for (int kl = 0; kl < 4; kl++)
        for (int ku = 0; ku < 40; ku += 13) { /* wider than the matrix, too */
            for (int i = 0; i < N; i++)
                for (int j = 0; j < N; j++) a[i * N + j] = i - j <= kl && j - i <= ku ? uniform() + 3 * (i == j) : 0;
            randomize(c, N * NRHS); /* the solution */
            kr_gemm(0, 0, N, NRHS, N, 1, a, N, c, NRHS, 0, b, NRHS);
            kr_assert_ok(ctx, kr_solve_banded(ctx, N, kl, ku, NRHS, a, b));
            kr_assert_close(N * NRHS, b, c, 1e-10, 1e-10);
        }
    memset(a, 0, sizeof a);
    a[0] = a[8] = 1;
    assert_int_equal(kr_solve_banded(ctx, 3, 1, 1, 1, a, b), KR_ERR_NUMERIC);
    assert_non_null(strstr(kr_context_message(ctx), "pivot 1"));
    a[4] = a[2] = 1;
    assert_int_equal(kr_solve_banded(ctx, 3, 1, 1, 1, a, b), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "[0][2]"));
    kr_assert_ok(ctx, kr_solve_banded(ctx, 3, 1, 2, 1, a, b));
}

static void test_least_squares(void **state) {
    (void)state;
    enum { M = 20, N = 6, NRHS = 2 };
    int rank;
    randomize(a, M * N);
    randomize(b, M * NRHS);
    memcpy(c, a, sizeof c);
    memcpy(d, b, sizeof d);
    kr_assert_ok(ctx, kr_least_squares(ctx, M, N, NRHS, a, b, -1, &rank));
    assert_int_equal(rank, N);
    kr_gemm(0, 0, M, NRHS, N, -1, c, N, b, NRHS, 1, d, NRHS); /* residual ⟂ columns of a */
    kr_gemm(1, 0, N, NRHS, M, 1, c, N, d, NRHS, 0, e, NRHS);
    for (int i = 0; i < N * NRHS; i++) kr_assert_near(e[i], 0, 1e-13, 0);
    /* Fewer equations than unknowns, and a repeated one: the shortest solution. x + y = 2 twice → (1, 1). */
    double two[4] = {1, 1, 1, 1}, rhs[2] = {2, 2}, expected[3] = {1, 1, 2};
    kr_assert_ok(ctx, kr_least_squares(ctx, 2, 2, 1, two, rhs, 1e-12, &rank));
    assert_int_equal(rank, 1);
    kr_assert_close(2, rhs, expected, 1e-14, 0);
    double wide[3] = {1, 1, 2}, one[3] = {6, NAN, NAN}; /* x + y + 2z = 6 → (1, 1, 2) */
    kr_assert_ok(ctx, kr_least_squares(ctx, 1, 3, 1, wide, one, -1, NULL));
    kr_assert_close(3, one, expected, 1e-14, 0);
    kr_assert_ok(ctx, kr_least_squares(ctx, 0, 3, 1, NULL, one, -1, &rank));
    assert_true(one[0] == 0 && one[2] == 0 && rank == 0);
    assert_int_equal(kr_least_squares(ctx, 1, 1, 1, two, NULL, -1, NULL), KR_ERR_ARGUMENT);
}

static void test_memory_failures(void **state) {
    (void)state;
    long before = kr_memory_live();
    for (int which = 0; which < 4; which++) {
        kr_status status = KR_ERR_MEMORY;
        for (long k = 1; status != KR_OK; k++) {
            assert_true(k < 20);
            randomize(a, 16);
            for (int i = 0; i < 4; i++) a[5 * i] += 3;
            randomize(b, 16);
            kr_memory_fail_at(k);
            if (which == 0) status = kr_svd(ctx, 4, 4, a, c, s, d);
            if (which == 1) status = kr_eigen_symmetric(ctx, 4, a, s);
            if (which == 2) status = kr_solve_banded(ctx, 4, 3, 3, 2, a, b);
            if (which == 3) status = kr_least_squares(ctx, 4, 4, 1, a, b, -1, NULL);
            kr_memory_fail_at(0);
            assert_true(status == KR_OK || status == KR_ERR_MEMORY);
            assert_int_equal(kr_memory_live(), before);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gemm),
                                       cmocka_unit_test(test_gemm_threads),
                                       cmocka_unit_test(test_svd),
                                       cmocka_unit_test(test_eigen),
                                       cmocka_unit_test(test_banded),
                                       cmocka_unit_test(test_least_squares),
                                       cmocka_unit_test(test_memory_failures)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
