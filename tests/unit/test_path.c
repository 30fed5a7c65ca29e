/* Paths: minimum action barriers with known values, the string through the Müller surface, critical points.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"
#include "sampling/path.h"

static kr_problem *problem(kr_context *ctx, const char *json) {
    kr_problem *p = NULL;
    kr_assert_ok(ctx, kr_problem_parse(ctx, json, &p));
    return p;
}

/* V of the best of a straight and a bent start through 0, from -1 on the first axis. */
static double barrier(kr_context *ctx, const char *json, double *error) {
    kr_problem *p = problem(ctx, json);
    kr_gmam_options options = KR_GMAM_OPTIONS_INIT;
    double best = INFINITY;
    options.images = 201;
    options.rounds = 1000;
    for (int bend = 0; bend < 2; bend++) {
        double points[3 * 16] = {0}, action, e;
        kr_path path = {0};
        points[0] = -1;
        points[p->dim] = -0.5;
        points[p->dim + 1] = 0.3 * bend;
        kr_assert_ok(ctx, kr_path_line(ctx, p->dim, 3, points, 25, &path));
        assert_true(kr_path_gmam(ctx, p, &options, &path, &action, &e) >= 0);
        kr_assert_near(path.action[path.n - 1], action, 3e-4, 0);
        if (action < best) {
            best = action;
            *error = e;
        }
        kr_path_destroy(&path);
    }
    kr_problem_destroy(&p);
    return best;
}

static void test_gmam(void **state) {
    kr_context *ctx = *state;
    /* β and U = 2V of Maier and Stein; then drifts whose potential is known: V(saddle). */
    static const double maier[5][2] = {{1, 0.5}, {3, 0.5}, {5, 0.48307}, {8, 0.39056}, {10, 0.340041}};
    double error;
    for (int k = 0; k < 5; k++) {
        char json[64];
        snprintf(json, sizeof json, "{\"kind\": \"maier_stein\", \"beta\": %g}", maier[k][0]);
        kr_assert_near(2 * barrier(ctx, json, &error), maier[k][1], 1e-5, 0);
        assert_true(error < 5e-5);
    }
    /* With rotation the path winds into its ends without end: more images are needed for the same accuracy. */
    kr_assert_near(barrier(ctx, "{\"kind\": \"olim\", \"type\": \"d\", \"k\": 2}", &error), 0.5, 5e-4, 0);
    kr_assert_near(barrier(ctx, "{\"kind\": \"lin_li_ren\"}", &error), 0.5, 5e-4, 0);
    kr_assert_near(barrier(ctx, "{\"kind\": \"skew\", \"dim\": 4}", &error), 1, 5e-4, 0);
    kr_assert_near(barrier(ctx, "{\"kind\": \"double_well\", \"dim\": 3, \"mobility\": [2, 1, 0.5]}", &error), 1, 2e-5,
                   0);
}

static void test_refused(void **state) {
    kr_context *ctx = *state;
    kr_problem *p = problem(ctx, "{\"kind\": \"duffing\"}");
    kr_path path = {0};
    double points[4] = {-1, 0, 0, 0}, action, error;
    kr_assert_ok(ctx, kr_path_line(ctx, 2, 2, points, 25, &path));
    assert_int_equal(kr_path_gmam(ctx, p, NULL, &path, &action, &error), KR_ERR_UNSUPPORTED);
    kr_path_destroy(&path);
    kr_problem_destroy(&p);
}

static void test_string(void **state) {
    kr_context *ctx = *state;
    kr_problem *p = problem(ctx, "{\"kind\": \"mueller\", \"dim\": 3}");
    double ends[6] = {-0.6, 1.4, 0.1, 0.6, 0, -0.1};
    kr_critical a = {0}, b = {0}, saddle = {0};
    kr_path path = {0};
    kr_assert_ok(ctx, kr_critical_minimum(ctx, p, ends, &a));
    kr_assert_ok(ctx, kr_critical_minimum(ctx, p, ends + 3, &b));
    kr_assert_near(a.v, -146.699517, 1e-5, 0);
    kr_assert_near(b.v, -108.166724, 1e-5, 0);
    memcpy(ends, a.x, 3 * sizeof *ends);
    memcpy(ends + 3, b.x, 3 * sizeof *ends);
    kr_assert_ok(ctx, kr_path_line(ctx, 3, 2, ends, 51, &path));
    assert_true(kr_path_string(ctx, p, 51, 5000, 0, &path) >= 0);
    int top = 0;
    for (int i = 0; i < path.n; i++)
        if (path.action[i] > path.action[top]) top = i;
    kr_assert_near(path.action[top], -40.66, 1, 0);
    kr_assert_ok(ctx, kr_critical_saddle(ctx, p, path.x + 3 * top, &saddle));
    kr_assert_near(saddle.v, -40.664844, 1e-5, 0);
    kr_assert_near(saddle.eigenvalue[0], -750.86, 0.02, 0);
    kr_assert_near(saddle.eigenvalue[1], 400, 0.01, 0);
    kr_assert_near(saddle.eigenvalue[2], 490.24, 0.02, 0);
    assert_int_equal(saddle.index, 1);
    kr_critical_destroy(&a);
    kr_critical_destroy(&b);
    kr_critical_destroy(&saddle);
    kr_path_destroy(&path);
    kr_problem_destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gmam, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_refused, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_string, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
