/* L-BFGS on Rosenbrock's function and on a quadratic with a known minimum; its line search on functions with traps.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/linalg.h"
#include "core/optimizer.h"
#include "core/optimizer_line_search.h"
#include "kr_test.h"

static kr_context *ctx;

static int calls;
enum { N = 40 };

static kr_status rosenbrock(kr_context *c, void *payload, const double *x, double *loss, double *g) {
    (void)c;
    (void)payload;
    calls++;
    *loss = 0;
    memset(g, 0, N * sizeof *g);
    for (int i = 0; i < N; i += 2) {
        double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
        *loss += 100 * a * a + b * b;
        g[i] += -400 * a * x[i] - 2 * b;
        g[i + 1] += 200 * a;
    }
    return KR_OK;
}

static void test_rosenbrock(void **unused) {
    (void)unused;
    kr_optimizer *o = NULL;
    double x[N], loss = 1;
    for (int i = 0; i < N; i++) x[i] = i % 2 ? 1.0 : -1.2;
    kr_assert_ok(ctx, kr_optimizer_create(ctx, kr_optimizer_find("l-bfgs"), NULL, N, 0, NULL, NULL, &o));
    kr_objective objective = {.evaluate = rosenbrock};
    calls = 0;
    double before = INFINITY;
    kr_status status = KR_OK;
    int n = 0;
    for (; n < 200 && status == KR_OK; n++) {
        status = kr_optimizer_step(ctx, o, n, 1, &objective, x, &loss);
        assert_true(loss <= before);
        before = loss;
        objective.unchanged = 1;
    }
    assert_int_equal(status, KR_NOT_CONVERGED); /* says that it can go no further */
    assert_true(loss < 1e-20);
    for (int i = 0; i < N; i++) kr_assert_near(x[i], 1, 1e-9, 0);
    /* The usual start takes 35 to 40 iterations in the literature. */
    assert_true(n < 60);
    assert_true(calls < 90);
    kr_optimizer_destroy(&o);
}

/* ½ xᵀAx − bᵀx with eigenvalues from 1e-2 to 1e2: the minimum solves A x = b. */
static double A[N][N], B[N];

static kr_status quadratic(kr_context *c, void *payload, const double *x, double *loss, double *g) {
    (void)c;
    (void)payload;
    *loss = 0;
    for (int i = 0; i < N; i++) {
        g[i] = -B[i];
        for (int j = 0; j < N; j++) g[i] += A[i][j] * x[j];
        *loss += 0.5 * x[i] * (g[i] - B[i]);
    }
    return KR_OK;
}

static void test_quadratic(void **unused) {
    (void)unused;
    /* A = H D H with the reflection H = 1 − 2 u uᵀ/u·u */
    double u[N], uu = 0, x[N] = {0}, expected[N], a[N * N], loss;
    for (int i = 0; i < N; i++) {
        u[i] = sin(1 + i);
        uu += u[i] * u[i];
        B[i] = cos(3 * i);
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            A[i][j] = 0;
            for (int k = 0; k < N; k++)
                A[i][j] += ((i == k) - 2 * u[i] * u[k] / uu) * pow(10, -2 + 4.0 * k / (N - 1)) *
                           ((j == k) - 2 * u[j] * u[k] / uu);
            a[i * N + j] = A[i][j];
        }
    memcpy(expected, B, sizeof B);
    int rank;
    kr_assert_ok(ctx, kr_least_squares(ctx, N, N, 1, a, expected, -1, &rank));

    static const char text[] = "{\"type\": \"LBFGS\", \"history\": 7}";
    kr_tree *options = NULL;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "options", &options));
    kr_optimizer *o = NULL;
    kr_assert_ok(ctx, kr_optimizer_create(ctx, kr_optimizer_find("LBFGS"), options, N, 0, NULL, NULL, &o));
    kr_objective objective = {.evaluate = quadratic, .unchanged = 1};
    kr_status status = KR_OK;
    for (int n = 0; n < 1000 && status == KR_OK; n++) status = kr_optimizer_step(ctx, o, n, 1, &objective, x, &loss);
    assert_int_equal(status, KR_NOT_CONVERGED);
    /* The search ends where rounding hides the decrease; θ is known less well along the smallest eigenvalue. */
    double least, g[N];
    quadratic(ctx, NULL, expected, &least, g);
    kr_assert_near(loss, least, 0, 1e-12);
    kr_assert_close(N, x, expected, 1e-4, 0); /* √(2·1e-12·175/1e-2) = 2e-4 */
    kr_optimizer_destroy(&o);
    kr_tree_destroy(&options);
}

/* Functions of Moré and Thuente (1994), and one that is infinite beyond a wall. */
static int which;
static kr_status phi(kr_context *c, void *payload, double t, double *value, double *slope) {
    (void)c;
    (void)payload;
    calls++;
    switch (which) {
    case 0:
        *value = -t / (t * t + 2);
        *slope = (t * t - 2) / ((t * t + 2) * (t * t + 2));
        return KR_OK;
    case 1:
        *value = pow(t + 0.004, 5) - 2 * pow(t + 0.004, 4);
        *slope = 5 * pow(t + 0.004, 4) - 8 * pow(t + 0.004, 3);
        return KR_OK;
    case 2:
        *value = cosh(t - 3) + 0.3 * sin(8 * t);
        *slope = sinh(t - 3) + 2.4 * cos(8 * t);
        return KR_OK;
    default:
        if (t >= 0.5) return KR_ERR_NUMERIC;
        *value = -t - 0.01 * log(1 - 2 * t);
        *slope = -1 + 0.02 / (1 - 2 * t);
        return KR_OK;
    }
}

static void test_line_search(void **unused) {
    (void)unused;
    for (which = 0; which < 4; which++)
        for (double first = 1e-3; first < 2e3; first *= 10)
            for (double c2 = 0.1; c2 < 1; c2 += 0.4) {
                double value, slope;
                phi(ctx, NULL, 0, &value, &slope);
                if (slope >= 0) fail();
                calls = 0;
                kr_line_search s = {1e-4, c2, 60, first, 0, 0};
                assert_int_equal(kr_line_search_wolfe(ctx, phi, NULL, value, slope, &s), KR_OK);
                assert_int_equal(calls, s.evaluations);
                assert_true(calls < 40);
                double v, d;
                assert_int_equal(phi(ctx, NULL, s.t, &v, &d), KR_OK);
                assert_true(v == s.value && d == s.slope);
                assert_true(v <= value + 1e-4 * s.t * slope && fabs(d) <= c2 * fabs(slope));
            }
    /* No minimum at all: the best point is handed back. */
    which = 0;
    kr_line_search s = {1e-4, 1e-9, 3, 1e-3, 0, 0};
    assert_int_equal(kr_line_search_wolfe(ctx, phi, NULL, 0, -0.5, &s), KR_NOT_CONVERGED);
    assert_true(s.t > 0 && s.value < 0 && s.evaluations == 3);
    assert_int_equal(kr_line_search_wolfe(ctx, phi, NULL, 0, 0.5, &s), KR_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_line_search), cmocka_unit_test(test_rosenbrock),
                                       cmocka_unit_test(test_quadratic)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    kr_context_set_threads(ctx, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
