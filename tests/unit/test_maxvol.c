/* MaxVol: the volume never falls, grades of what was offered, the inverse after ten thousand swaps, few and dependent
 * rows; the last-layer posterior against direct sums.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/linalg.h"
#include "core/memory.h"
#include "core/random.h"
#include "eelt/maxvol.h"
#include "eelt/posterior.h"
#include "kr_test.h"

static double *make_rows(uint64_t seed, long n, int m, int rank) {
    double *rows = calloc((size_t)(n * m), sizeof *rows), r[4];
    for (long i = 0; i < n; i++)
        for (int k = 0; k < rank; k++) {
            kr_random_normal((kr_stream){seed, 4}, (uint64_t)i, (uint64_t)k, 0, r);
            for (int j = 0; j < m; j++)
                rows[i * m + j] += rank == m ? (j == k) * r[0] : r[0] * cos(1 + 0.7 * k + 1.3 * j * (k + 1));
        }
    return rows;
}

/* log |det| by elimination with pivots. */
static double log_det(int n, const double *matrix) {
    double *a = malloc((size_t)(n * n) * sizeof *a), sum = 0;
    memcpy(a, matrix, (size_t)(n * n) * sizeof *a);
    for (int k = 0; k < n; k++) {
        int p = k;
        for (int i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[p * n + k])) p = i;
        for (int j = 0; j < n && p != k; j++) {
            double t = a[k * n + j];
            a[k * n + j] = a[p * n + j];
            a[p * n + j] = t;
        }
        sum += log(fabs(a[k * n + k]));
        for (int i = k + 1; i < n; i++) {
            double f = a[i * n + k] / a[k * n + k];
            for (int j = k; j < n; j++) a[i * n + j] -= f * a[k * n + j];
        }
    }
    free(a);
    return sum;
}

/* max |A X − 1| */
static double inverse_error(int m, const double *a, const double *x) {
    double *p = malloc((size_t)(m * m) * sizeof *p), worst = 0;
    kr_gemm(0, 0, m, m, m, 1, a, m, x, m, 0, p, m);
    for (int i = 0; i < m * m; i++) worst = fmax(worst, fabs(p[i] - (i % (m + 1) == 0)));
    free(p);
    return worst;
}

static void test_swaps(void **state) {
    kr_context *ctx = *state;
    enum { M = 20, N = 900 };
    double *rows = make_rows(1, N, M, M), grade[N], before;
    kr_maxvol *v = NULL;
    kr_assert_ok(ctx, kr_maxvol_create(ctx, M, 1e-3, &v));
    before = kr_maxvol_log_volume(v);
    for (long i = 0; i < N; i += 30) { /* in pieces: after each one the volume is not smaller, and it is the true one */
        long swaps;
        kr_assert_ok(ctx, kr_maxvol_extend(ctx, v, 30, rows + i * M, i, 1.001, &swaps));
        assert_true(kr_maxvol_log_volume(v) >= before + (double)swaps * log(1.001) - 1e-9);
        before = kr_maxvol_log_volume(v);
        kr_assert_near(before, log_det(M, kr_maxvol_rows(v)), 1e-9, 0);
    }
    kr_assert_ok(ctx, kr_maxvol_extend(ctx, v, N, rows, 0, 1.001, NULL));
    kr_assert_ok(ctx, kr_maxvol_grades(ctx, v, N, rows, grade));
    for (int i = 0; i < N; i++) assert_true(grade[i] <= 1.001 + 1e-9);
    const long *id = kr_maxvol_ids(v);
    for (int j = 0; j < M; j++) { /* the names are those of the rows, and their grade is one */
        assert_true(id[j] >= 0 && id[j] < N);
        kr_assert_close(M, kr_maxvol_rows(v) + j * M, rows + id[j] * M, 0, 0);
        kr_assert_near(grade[id[j]], 1, 1e-10, 0);
    }
    assert_true(inverse_error(M, kr_maxvol_rows(v), kr_maxvol_inverse(v)) < 1e-12);
    double twice[M], g; /* a row twice as long as one of them is extrapolated by two */
    for (int k = 0; k < M; k++) twice[k] = 2 * rows[id[3] * M + k];
    kr_assert_ok(ctx, kr_maxvol_grades(ctx, v, 1, twice, &g));
    kr_assert_near(g, 2, 1e-10, 0);
    assert_int_equal(kr_maxvol_extend(ctx, v, N, rows, 0, 1, NULL), KR_ERR_ARGUMENT);
    twice[0] = NAN;
    assert_int_equal(kr_maxvol_extend(ctx, v, 1, twice, 0, 1.001, NULL), KR_ERR_NUMERIC);
    kr_maxvol_destroy(&v);
    free(rows);
}

/* Rows that grow all the time make a swap each: ten thousand of them. */
static void test_many_swaps(void **state) {
    kr_context *ctx = *state;
    enum { M = 24, N = 500 };
    kr_maxvol *v = NULL;
    long total = 0;
    kr_assert_ok(ctx, kr_maxvol_create(ctx, M, 1e-2, &v));
    for (int round = 0; total < 10000 && round < 2000; round++) {
        double *rows = make_rows((uint64_t)round + 10, N, M, M);
        long swaps;
        for (long i = 0; i < (long)N * M; i++) rows[i] *= pow(1.1, round);
        kr_assert_ok(ctx, kr_maxvol_extend(ctx, v, N, rows, 0, 1.001, &swaps));
        total += swaps;
        free(rows);
    }
    assert_true(total >= 10000);
    assert_true(inverse_error(M, kr_maxvol_rows(v), kr_maxvol_inverse(v)) < 1e-9);
    kr_maxvol_destroy(&v);
}

static void test_few_rows(void **state) {
    kr_context *ctx = *state;
    enum { M = 30, N = 12, RANK = 7 };
    double *rows = make_rows(2, 200, M, RANK), grade[200];
    kr_maxvol *v = NULL;
    kr_assert_ok(ctx, kr_maxvol_create(ctx, M, 1e-4, &v));
    kr_assert_ok(ctx, kr_maxvol_extend(ctx, v, N, rows, 0, 1.001, NULL));
    kr_assert_ok(ctx, kr_maxvol_extend(ctx, v, 200, rows, 0, 1.001, NULL)); /* 200 rows of rank 7 */
    int real = 0;
    for (int j = 0; j < M; j++) real += kr_maxvol_ids(v)[j] >= 0;
    assert_true(real >= RANK && real < M);
    kr_assert_ok(ctx, kr_maxvol_grades(ctx, v, 200, rows, grade));
    for (int i = 0; i < 200; i++) assert_true(grade[i] <= 1.001 + 1e-6);
    double other[M] = {0};
    other[5] = 1; /* out of the span */
    kr_assert_ok(ctx, kr_maxvol_grades(ctx, v, 1, other, grade));
    assert_true(grade[0] > 100);
    kr_maxvol_destroy(&v);
    free(rows);
}

/* ---- posterior ---- */

static void test_posterior(void **state) {
    kr_context *ctx = *state;
    enum { M = 9, N = 60, FRAMES = 400 };
    double *rows = make_rows(3, N, M, M), variance[N], leverage = 0;
    const int type[N] = {0};
    kr_posterior *p = NULL;
    kr_assert_ok(ctx, kr_posterior_create(ctx, M, 1, N, type, rows, &p));
    kr_posterior_set(p, 1, 1e-9);
    kr_assert_ok(ctx, kr_posterior_variance(ctx, p, N, type, rows, variance));
    for (int i = 0; i < N; i++) leverage += variance[i]; /* trace of the hat matrix */
    kr_assert_near(leverage, M, 1e-9, 0);
    /* b (G + s²)⁻¹ b against the solution of the linear equations */
    kr_posterior_set(p, 2, 0.5);
    kr_assert_ok(ctx, kr_posterior_variance(ctx, p, 1, type, rows, variance));
    double g[M * M] = {0}, x[M], sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < M; j++)
            for (int k = 0; k < M; k++) g[j * M + k] += rows[i * M + j] * rows[i * M + k];
    for (int j = 0; j < M; j++) g[j * M + j] += 0.25;
    memcpy(x, rows, sizeof x);
    kr_assert_ok(ctx, kr_least_squares(ctx, M, M, 1, g, x, -1, NULL));
    for (int j = 0; j < M; j++) sum += rows[j] * x[j];
    kr_assert_near(variance[0], 4 * sum, 1e-11, 0);
    /* Residuals drawn from the model itself: the likelihood finds α and ς again. */
    double *frames = make_rows(5, FRAMES, M, M), *residual = malloc(FRAMES * sizeof *residual), v[FRAMES], alpha, sigma;
    int zero[FRAMES] = {0};
    for (int i = 0; i < FRAMES * M; i++) frames[i] *= (i / M) % 4 == 0 ? 10 : 1;
    kr_posterior_set(p, 0.7, 3);
    kr_assert_ok(ctx, kr_posterior_variance(ctx, p, FRAMES, zero, frames, v));
    for (int i = 0; i < FRAMES; i++) {
        double r[4];
        kr_random_normal((kr_stream){6, 6}, 0, (uint64_t)i, 0, r);
        residual[i] = sqrt(v[i]) * r[0];
    }
    kr_assert_ok(ctx, kr_posterior_fit(ctx, p, FRAMES, frames, residual, &alpha, &sigma));
    double chi = 0;
    kr_assert_ok(ctx, kr_posterior_variance(ctx, p, FRAMES, zero, frames, v));
    for (int i = 0; i < FRAMES; i++) chi += residual[i] * residual[i] / v[i] / FRAMES;
    kr_assert_near(chi, 1, 1e-9, 0); /* what the maximum over α means */
    kr_assert_near(alpha, 0.7, 0.12, 0);
    kr_posterior_destroy(&p);
    free(frames);
    free(residual);
    free(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_swaps, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_many_swaps, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_few_rows, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_posterior, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
