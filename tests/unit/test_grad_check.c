/* The harness itself: accepts a right gradient of a hard function, finds a wrong component, passes failures up.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/grad_check.h"
#include "kr_test.h"

static kr_context *ctx;
enum { N = 6 };

/* f = Σ exp(sin(3 x_i)) x_{i+1}², components from 1e-3 to 1e4. */
static kr_status value(void *payload, const double *x, double *f) {
    if (payload && x[0] != *(double *)payload) return KR_ERROR(ctx, KR_ERR_NUMERIC, "moved");
    *f = 0;
    for (int i = 0; i < N; i++) *f += exp(sin(3 * x[i])) * x[(i + 1) % N] * x[(i + 1) % N];
    return KR_OK;
}

static void gradient(const double *x, double *g) {
    for (int i = 0; i < N; i++) {
        int up = (i + 1) % N, down = (i + N - 1) % N;
        g[i] = 3 * cos(3 * x[i]) * exp(sin(3 * x[i])) * x[up] * x[up] + 2 * x[i] * exp(sin(3 * x[down]));
    }
}

static void test_right_and_wrong(void **state) {
    (void)state;
    double x[N] = {0.3, -1.2, 0.001, 2.5, -0.7, 1}, before[N], g[N];
    kr_grad_report report;
    memcpy(before, x, sizeof x);
    gradient(x, g);
    kr_assert_ok(ctx, kr_grad_check(ctx, value, NULL, N, x, g, 0, NULL, 1e-3, 1, &report));
    assert_true(report.worst < 1e-10 && report.index >= 0);
    assert_memory_equal(x, before, sizeof x); /* put back to the bit */
    for (int i = 0; i < N; i++) {
        gradient(x, g);
        double size = fabs(g[i]);
        g[i] += 1e-7 * (1 + size);
        kr_assert_ok(ctx, kr_grad_check(ctx, value, NULL, N, x, g, 0, NULL, 1e-3, 1, &report));
        assert_int_equal(report.index, i);
        kr_assert_near(report.worst, 1e-7, 0, 0.01);
    }
    const int which[2] = {4, 1};
    gradient(x, g);
    g[0] = 1e9; /* not looked at */
    kr_assert_ok(ctx, kr_grad_check(ctx, value, NULL, N, x, g, 2, which, 1e-3, 1, &report));
    assert_true(report.worst < 1e-10 && (report.index == 4 || report.index == 1));
    g[1] = NAN;
    kr_assert_ok(ctx, kr_grad_check(ctx, value, NULL, N, x, g, 2, which, 1e-3, 1, &report));
    assert_true(report.index == 1 && !(report.worst < 1));
}

static void test_failures(void **state) {
    (void)state;
    double x[N] = {1, 1, 1, 1, 1, 1}, g[N] = {0}, at = 1;
    const int outside[] = {N};
    kr_grad_report report;
    assert_int_equal(kr_grad_check(ctx, value, &at, N, x, g, 0, NULL, 1e-3, 1, &report), KR_ERR_NUMERIC);
    assert_true(x[0] == 1);
    assert_int_equal(kr_grad_check(ctx, value, NULL, N, x, g, 1, outside, 1e-3, 1, &report), KR_ERR_ARGUMENT);
    assert_int_equal(kr_grad_check(ctx, value, NULL, N, x, g, 0, NULL, 0, 1, &report), KR_ERR_ARGUMENT);
    assert_int_equal(kr_grad_check(ctx, value, NULL, N, NULL, g, 0, NULL, 1e-3, 1, &report), KR_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_right_and_wrong), cmocka_unit_test(test_failures)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
