/* Intervals against binomial sums, coverage, ranks, isotonic fits.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "core/random.h"
#include "core/statistics.h"
#include "kr_test.h"

/* P(X ≤ k) of a binomial, summed. */
static double binomial(long k, long n, double p) {
    double sum = 0;
    for (long i = 0; i <= k; i++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) + (double)i * log(p) +
                   (double)(n - i) * log1p(-p));
    return sum;
}

static void test_beta(void **state) {
    (void)state;
    /* P(X ≤ k) = I_{1−p}(n − k, k + 1) */
    for (long n = 1; n < 400; n += 37)
        for (long k = 0; k < n; k += 1 + n / 7)
            for (double p = 0.03; p < 1; p += 0.19)
                kr_assert_near(kr_beta_incomplete((double)(n - k), (double)(k + 1), 1 - p), binomial(k, n, p), 1e-11,
                               0);
    kr_assert_near(kr_beta_inverse(2.5, 7, kr_beta_incomplete(2.5, 7, 0.2)), 0.2, 1e-13, 0);
    kr_assert_near(kr_normal_quantile(0.975), 1.959963984540054, 1e-12, 0);
    kr_assert_near(kr_normal_quantile(1e-10), -6.361340902404056, 1e-9, 0);
}

static void test_limits(void **state) {
    (void)state;
    double low, high;
    kr_assert_near(kr_upper_limit(0, 59, 0.95), 1 - pow(0.05, 1.0 / 59), 1e-13, 0);
    assert_true(kr_upper_limit(0, 59, 0.95) < 0.05 && kr_upper_limit(0, 58, 0.95) > 0.05);
    assert_true(kr_upper_limit(0, 299, 0.95) < 0.01 && kr_upper_limit(0, 298, 0.95) > 0.01);
    kr_interval_exact(7, 50, 0.95, &low, &high);
    kr_assert_near(binomial(7, 50, high), 0.025, 1e-10, 0);
    kr_assert_near(1 - binomial(6, 50, low), 0.025, 1e-10, 0);
    kr_interval_wilson(7, 50, 0.95, &low, &high); /* solves |p − 0.14| = z sqrt(p(1 − p)/n) */
    kr_assert_near(0.14 - low, 1.959963984540054 * sqrt(low * (1 - low) / 50), 1e-12, 0);
    kr_assert_near(high - 0.14, 1.959963984540054 * sqrt(high * (1 - high) / 50), 1e-12, 0);
    kr_interval_exact(0, 0, 0.95, &low, &high);
    assert_true(low == 0 && high == 1);
}

/* Coverage of the stratified 95 % limit over simulated audits: rates from nothing to a third, unequal strata. */
static void test_stratified(void **state) {
    (void)state;
    kr_stream stream = {5, 77};
    const double weight[3] = {0.6, 0.3, 0.1};
    const double rates[5][3] = {{0.02, 0.02, 0.02}, {0.01, 0.1, 0.3}, {0.3, 0.01, 0}, {0, 0, 0.05}, {0.2, 0.3, 0.1}};
    const double sizes[3][3] = {{20, 20, 20}, {60, 30, 10}, {100, 10, 5}};
    uint64_t draw = 0;
    for (int r = 0; r < 5; r++)
        for (int s = 0; s < 3; s++) {
            double truth = 0;
            int covered = 0, trials = 2000;
            for (int c = 0; c < 3; c++) truth += weight[c] * rates[r][c];
            for (int t = 0; t < trials; t++) {
                double k[3] = {0, 0, 0};
                for (int c = 0; c < 3; c++)
                    for (int i = 0; i < (int)sizes[s][c]; i++)
                        k[c] += kr_random_uniform(stream, draw++, 0, 0) < rates[r][c];
                covered += kr_upper_limit_stratified(3, weight, k, sizes[s], 0.95) >= truth;
            }
            if (covered < 0.93 * trials) print_error("rates %d sizes %d: coverage %d of %d\n", r, s, covered, trials);
            assert_true(covered >= 0.93 * trials);
        }
    const double none[3] = {0, 0, 0}, some[3] = {50, 50, 0};
    kr_assert_near(kr_upper_limit_stratified(3, weight, none, none, 0.95), 1, 0, 0);
    assert_true(kr_upper_limit_stratified(3, weight, none, some, 0.95) > 0.1); /* what was not looked at counts */
    const double all = 1, k = 3, n = 70;
    kr_assert_near(kr_upper_limit_stratified(1, &all, &k, &n, 0.95), kr_upper_limit(3, 70, 0.95), 0, 0);
}

static void test_ranks(void **state) {
    kr_context *ctx = *state;
    const double x[6] = {3, 1, 4, 1, 5, 9}, expected[6] = {3, 1.5, 4, 1.5, 5, 6};
    double rank[6], rho;
    kr_assert_ok(ctx, kr_ranks(ctx, 6, x, rank));
    kr_assert_close(6, rank, expected, 0, 0);
    const double y[6] = {9, 1, 16, 1, 25, 81};
    kr_assert_ok(ctx, kr_spearman(ctx, 6, x, y, &rho));
    kr_assert_near(rho, 1, 1e-15, 0);
    const double z[6] = {-9, -1, -16, -1, -25, -81};
    kr_assert_ok(ctx, kr_spearman(ctx, 6, x, z, &rho));
    kr_assert_near(rho, -1, 1e-15, 0);
    const double constant[6] = {2, 2, 2, 2, 2, 2};
    kr_assert_ok(ctx, kr_spearman(ctx, 6, x, constant, &rho));
    assert_true(isnan(rho));
}

/* The fit is non-decreasing, and no other non-decreasing sequence is nearer (checked by random changes). */
static void test_isotonic(void **state) {
    kr_context *ctx = *state;
    kr_stream stream = {1, 2};
    double y[40], w[40], fit[40], best = 0;
    for (int i = 0; i < 40; i++) {
        double normal[4];
        kr_random_normal(stream, (uint64_t)i, 0, 0, normal);
        y[i] = 0.05 * i + normal[0];
        w[i] = 0.5 + kr_random_uniform(stream, (uint64_t)i, 0, 1);
    }
    kr_assert_ok(ctx, kr_isotonic(ctx, 40, y, w, fit));
    for (int i = 0; i < 40; i++) {
        if (i) assert_true(fit[i] >= fit[i - 1]);
        best += w[i] * (fit[i] - y[i]) * (fit[i] - y[i]);
    }
    for (int trial = 0; trial < 2000; trial++) {
        double other[40], sum = 0;
        for (int i = 0; i < 40; i++) {
            double normal[4];
            kr_random_normal(stream, (uint64_t)trial, (uint64_t)i, 3, normal);
            other[i] = fit[i] + 0.05 * normal[0];
            if (i && other[i] < other[i - 1]) other[i] = other[i - 1];
            sum += w[i] * (other[i] - y[i]) * (other[i] - y[i]);
        }
        assert_true(sum >= best);
    }
    const double rising[3] = {1, 2, 3};
    kr_assert_ok(ctx, kr_isotonic(ctx, 3, rising, NULL, fit));
    kr_assert_close(3, fit, rising, 0, 0);
}

static void test_median(void **state) {
    kr_context *ctx = *state;
    const double x[5] = {1, 100, 2, 3, 4};
    double median, sigma;
    kr_assert_ok(ctx, kr_median_mad(ctx, 5, x, &median, &sigma));
    kr_assert_near(median, 3, 0, 0);
    kr_assert_near(sigma, 1.4826, 1e-15, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_beta, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_limits, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_stratified, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_ranks, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_isotonic, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_median, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
