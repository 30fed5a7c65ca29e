/* Problems: over the registry, derivatives against finite differences, exact potentials, states, allocation failures;
 * regions; mistakes in files with their place.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "core/random.h"
#include "kr_test.h"
#include "sampling/problem.h"

/* Inputs that the registry's kinds are tried with; a kind without a line is tried with its defaults. */
static const char *const inputs[] = {
    "{\"kind\": \"expression\", \"variables\": [\"u\", \"v\"], \"parameters\": {\"k\": 5}, \"definitions\": {\"r2\": "
    "\"u^2 + v^2\"}, \"potential\": \"(u^2 - 1)^2 + k*v^2/2 + exp(-r2)\", \"mobility\": [1, 2]}",
    "{\"kind\": \"expression\", \"drift\": [\"x - x^3 - 10*x*y^2\", \"-(1 + x^2)*y\"], \"A\": {\"level\": "
    "\"x + 0.8\"}, \"B\": {\"outside\": {\"level\": \"x - 0.8\"}}}",
    "{\"kind\": \"olim\", \"type\": \"l\", \"k\": 2}",
    "{\"kind\": \"olim\", \"type\": \"y\"}",
    "{\"kind\": \"hill\", \"n\": 3, \"matrix\": [[0, 1, -1], [1, 0, 0], [-1, -1, 1]]}",
    "{\"kind\": \"spheres\", \"dim\": 3, \"outer\": 3}",
    "{\"kind\": \"double_well\", \"dim\": 10, \"epsilon\": 0.05}",
    "{\"kind\": \"mueller\", \"dim\": 4}",
    "{\"kind\": \"rugged_mueller\", \"dim\": 3, \"scale\": 0.1, \"epsilon\": 2}",
    "{\"kind\": \"double_well\", \"dim\": 2, \"dynamics\": \"underdamped\", \"friction\": 0.5, \"mass\": [1, 2]}",
};
enum { NINPUTS = sizeof inputs / sizeof *inputs };

/* Kinds that need more than their name. */
static const char *const needy[] = {"expression", "plugin", "samples", "atoms", "pairs"};

static int input_count(void) { return NINPUTS + kr_problem_count(); }

/* JSON of input i: the list above, then every kind with its defaults. */
static const char *input_at(int i, char text[128]) {
    if (i < NINPUTS) return inputs[i];
    for (size_t k = 0; k < sizeof needy / sizeof *needy; k++)
        if (!strcmp(kr_problem_at(i - NINPUTS)->name, needy[k])) return "{\"kind\": \"double_well\"}";
    snprintf(text, 128, "{\"kind\": \"%s\"}", kr_problem_at(i - NINPUTS)->name);
    return text;
}

/* A point in the middle half of the box, or near 0 where it is open. */
static void random_point(const kr_problem *p, int which, double *x) {
    kr_stream stream = {11, 3};
    for (int k = 0; k < p->dim; k++) {
        double u = kr_random_uniform(stream, (uint64_t)which, (uint64_t)k, 0);
        double low = isfinite(p->low[k]) ? p->low[k] : -1, high = isfinite(p->high[k]) ? p->high[k] : 1;
        x[k] = low + (0.25 + 0.5 * u) * (high - low);
    }
}

static void check_potential(kr_context *ctx, const kr_problem *p, const char *json, const double *x) {
    int m = p->positions;
    double g[64], at[64], v[2], scale = 1;
    kr_assert_ok(ctx, kr_problem_potential(ctx, p, 1, x, NULL, g));
    for (int k = 0; k < m; k++) scale = fmax(scale, fabs(g[k]));
    for (int k = 0; k < m; k++) {
        for (int s = 0; s < 2; s++) {
            memcpy(at, x, (size_t)m * sizeof *at);
            at[k] += s ? 1e-5 : -1e-5;
            kr_assert_ok(ctx, kr_problem_potential(ctx, p, 1, at, &v[s], NULL));
        }
        double difference = (v[1] - v[0]) / 2e-5;
        kr_assert_close_at(__FILE__, __LINE__, json, 1, &g[k], &difference, 1e-6 * scale, 1e-6);
    }
}

static void check_jacobian(kr_context *ctx, const kr_problem *p, const char *json, const double *x) {
    int d = p->dim;
    double jacobian[64 * 64], at[64], f[2][64], scale = 1;
    kr_assert_ok(ctx, kr_problem_jacobian(ctx, p, x, jacobian));
    for (int k = 0; k < d * d; k++) scale = fmax(scale, fabs(jacobian[k]));
    for (int j = 0; j < d; j++) {
        for (int s = 0; s < 2; s++) {
            memcpy(at, x, (size_t)d * sizeof *at);
            at[j] += s ? 2e-5 : -2e-5;
            kr_assert_ok(ctx, kr_problem_drift(ctx, p, 1, at, f[s]));
        }
        for (int i = 0; i < d; i++) {
            double difference = (f[1][i] - f[0][i]) / 4e-5;
            kr_assert_close_at(__FILE__, __LINE__, json, 1, &jacobian[i * d + j], &difference, 1e-5 * scale, 1e-5);
        }
    }
}

/* Rows of a batch are the same bits as single rows; the drift of gradient dynamics is −a ∇V. */
static void check_rows(kr_context *ctx, const kr_problem *p, const char *json) {
    double x[5 * 64], all[5 * 64], one[64], grad[64];
    int d = p->dim;
    for (int i = 0; i < 5; i++) random_point(p, i, x + i * d);
    kr_assert_ok(ctx, kr_problem_drift(ctx, p, 5, x, all));
    for (int i = 0; i < 5; i++) {
        kr_assert_ok(ctx, kr_problem_drift(ctx, p, 1, x + i * d, one));
        kr_assert_close_at(__FILE__, __LINE__, json, d, all + i * d, one, 0, 0);
        if (p->dynamics != KR_OVERDAMPED) continue;
        kr_assert_ok(ctx, kr_problem_potential(ctx, p, 1, x + i * d, NULL, grad));
        for (int k = 0; k < d; k++) grad[k] *= p->mobility ? -p->mobility[k] : -1;
        kr_assert_close_at(__FILE__, __LINE__, json, d, one, grad, 1e-12, 1e-12);
    }
}

/* V exact: ∇V·(f + a ∇V) = 0, the Hamilton–Jacobi equation. */
static void check_exact(kr_context *ctx, const kr_problem *p, const char *json, const double *x) {
    int d = p->dim;
    double f[64], at[64], sum = 0, scale = 1e-12;
    kr_assert_ok(ctx, kr_problem_drift(ctx, p, 1, x, f));
    for (int k = 0; k < d; k++) {
        double h = 1e-5, v[2], a = p->mobility ? p->mobility[k] : 1;
        for (int s = 0; s < 2; s++) {
            memcpy(at, x, (size_t)d * sizeof *at);
            at[k] += s ? h : -h;
            v[s] = p->kind->exact(p, at);
        }
        double slope = (v[1] - v[0]) / (2 * h);
        sum += slope * (f[k] + a * slope);
        scale += f[k] * f[k] + slope * slope;
    }
    double relative = sum / scale, zero = 0;
    kr_assert_close_at(__FILE__, __LINE__, json, 1, &relative, &zero, 1e-6, 0);
}

static void test_registry(void **state) {
    kr_context *ctx = *state;
    assert_true(kr_problem_count() >= 3);
    for (int i = 0; i < input_count(); i++) {
        char text[128];
        const char *json = input_at(i, text);
        kr_problem *p = NULL;
        double x[64];
        kr_assert_ok(ctx, kr_problem_parse(ctx, json, &p));
        assert_true(p->dim <= 64 && p->kind->summary && p->kind->reference);
        if (!p->kind->drift && !kr_problem_has_potential(p)) {
            kr_problem_destroy(&p);
            continue;
        }
        for (int k = 0; k < 10; k++) {
            random_point(p, 100 + k, x);
            if (kr_problem_has_potential(p)) check_potential(ctx, p, json, x);
            check_jacobian(ctx, p, json, x);
            if (p->kind->exact && p->dynamics != KR_UNDERDAMPED) check_exact(ctx, p, json, x);
        }
        check_rows(ctx, p, json);
        if (p->a && p->b) kr_assert_ok(ctx, kr_problem_need_states(ctx, p));
        kr_problem_destroy(&p);
    }
}

static void test_memory(void **state) {
    kr_context *ctx = *state;
    for (int i = 0; i < input_count(); i++) {
        char text[128];
        const char *json = input_at(i, text);
        for (long n = 1;; n++) {
            kr_problem *p = NULL;
            kr_memory_fail_at(n);
            kr_status status = kr_problem_parse(ctx, json, &p);
            kr_memory_fail_at(0);
            kr_problem_destroy(&p);
            if (status == KR_OK) break;
            assert_int_equal(status, KR_ERR_MEMORY);
            assert_true(n < 5000);
        }
    }
}

/* Critical points of the smooth surface, five digits more than the literature prints. */
static void test_mueller(void **state) {
    kr_context *ctx = *state;
    kr_problem *p = NULL;
    double g[8], v[4];
    const double x[8] = {-0.558223635, 1.441725842, 0.623499405, 0.028037759,
                         -0.822001559, 0.624312803, 0.212486582, 0.292988325};
    const double expected[4] = {-146.699517, -108.166724, -40.664844, -72.248940};
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\": \"mueller\"}", &p));
    kr_assert_ok(ctx, kr_problem_potential(ctx, p, 4, x, v, g));
    kr_assert_close(4, v, expected, 1e-6, 0);
    for (int i = 0; i < 8; i++) kr_assert_near(g[i], 0, 1e-5, 0);
    double h[4];
    kr_assert_ok(ctx, kr_problem_hessian(ctx, p, x + 4, h));
    kr_assert_near(h[0] + h[3], -750.86 + 490.24, 0.02, 0);
    kr_assert_near(h[0] * h[3] - h[1] * h[2], -750.86 * 490.24, 0, 2e-5);
    kr_problem_destroy(&p);
}

/* Many points at once are points one at a time, bit by bit. */
static void test_mueller_rows(void **state) {
    kr_context *ctx = *state;
    enum { N = 75, DIM = 3 };
    kr_problem *p = NULL;
    double x[N * DIM], v[N], g[N * DIM], one, row[DIM];
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\": \"rugged_mueller\", \"dim\": 3}", &p));
    for (int i = 0; i < N * DIM; i++) x[i] = 2 * kr_random_uniform((kr_stream){4, 4}, (uint64_t)i, 0, 0) - 0.8;
    kr_assert_ok(ctx, kr_problem_potential(ctx, p, N, x, v, g));
    for (int i = 0; i < N; i++) {
        kr_assert_ok(ctx, kr_problem_potential(ctx, p, 1, x + i * DIM, &one, row));
        assert_true(v[i] == one);
        assert_memory_equal(g + i * DIM, row, sizeof row);
    }
    kr_problem_destroy(&p);
}

static kr_region *region(kr_context *ctx, const char *json, int dim, const double *period) {
    kr_tree *tree = NULL;
    kr_region *r = NULL;
    kr_assert_ok(ctx, kr_json_parse(ctx, json, strlen(json), "r", &tree));
    kr_assert_ok(ctx, kr_region_create(ctx, tree, dim, period, "A", &r));
    kr_tree_destroy(&tree);
    return r;
}

static void test_regions(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *json;
        double level; /* at (1, 2, 3) */
    } cases[] = {
        {"{\"ball\": {\"center\": [1, 2, 0], \"radius\": 0.5}}", 2.5},
        {"{\"cylinder\": {\"center\": [1, 0], \"radius\": 0.5}}", 1.5},
        {"{\"ellipsoid\": {\"center\": [0, 2], \"radii\": [0.5, 0.25]}}", 0.25},
        {"{\"half_space\": {\"normal\": [3, 4], \"offset\": 1}}", 2},
        {"{\"level\": \"x1*x2 - z\"}", -1},
        {"{\"any_of\": [{\"level\": \"x1\"}, {\"level\": \"x2 - 5\"}]}", -3},
        {"{\"all_of\": [{\"level\": \"x1\"}, {\"level\": \"x2 - 5\"}]}", 1},
    };
    const double x[3] = {1, 2, 3};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kr_region *r = region(ctx, cases[i].json, 3, NULL);
        double gradient[3], at[3];
        kr_assert_near(kr_region_level(r, x, gradient), cases[i].level, 1e-14, 0);
        for (int k = 0; k < 3; k++) {
            memcpy(at, x, sizeof at);
            at[k] += 1e-6;
            double plus = kr_region_level(r, at, NULL);
            at[k] -= 2e-6;
            kr_assert_near(gradient[k], (plus - kr_region_level(r, at, NULL)) / 2e-6, 1e-8, 0);
        }
        memcpy(at, x, sizeof at);
        assert_true(kr_region_project(r, at) && kr_region_level(r, at, NULL) <= 0);
        const double rows[9] = {1, 2, 3, at[0], at[1], at[2], -0.3, 0.4, 7};
        double level[3];
        kr_region_levels(r, 3, rows, level);
        for (int k = 0; k < 3; k++) assert_true(level[k] == kr_region_level(r, rows + 3 * k, NULL));
        kr_region_destroy(&r);
    }
    const double period[3] = {4, 0, 0};
    kr_region *r = region(ctx, "{\"ball\": {\"center\": [-1.5, 2, 3], \"radius\": 0.5}}", 3, period);
    double level;
    kr_region_levels(r, 1, x, &level);
    kr_assert_near(level, 1, 1e-14, 0); /* 2.5 apart, 1.5 through the wall */
    kr_assert_near(kr_region_level(r, x, NULL), 1, 1e-14, 0);
    kr_region_destroy(&r);
}

static void test_mistakes(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{\"kind\": \"muller\"}", "problem.kind: there is no problem 'muller' (line 1, column 10)"},
        {"{\"kind\": \"mueller\", \"dim\": 1}",
         "problem.dim: found 1, expected an integer [2, 10000] (line 1, column 28)"},
        {"{\"kind\": \"mueller\",\n \"epsilan\": 5}", "problem: unknown key \"epsilan\" (line 2, column 13)"},
        {"{\"kind\": \"mueller\",\n \"A\": {\"ball\": {\"center\": [0], \"radius\": 1}}}",
         "problem.A.center: 1 numbers, the problem has 2 dimensions (line 2, column 27)"},
        {"{\"kind\": \"mueller\", \"A\": {\"level\": \"x1 + foo(x2)\"}}",
         "problem.A: unknown function 'foo' in \"x1 + foo(x2)\" (line 1, column 42)"},
        {"{\"kind\": \"mueller\", \"low\": [0, 5]}",
         "problem.low: 5 is not below high, 2, in coordinate 2 (line 1, column 28)"},
        {"{\"kind\": \"mueller\", \"mass\": [1, 1]}",
         "problem.mass: only underdamped dynamics has it (line 1, column 29)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kr_problem *p = NULL;
        assert_int_equal(kr_problem_parse(ctx, cases[i].json, &p), KR_ERR_FORMAT);
        assert_null(p);
        assert_string_equal(kr_context_message(ctx), cases[i].message);
    }
    kr_problem *p = NULL;
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\": \"expression\", \"drift\": [\"log(x)\"]}", &p));
    for (int n = 1; n < 10; n++) { /* whichever of the points it is */
        double x[10], f[10];
        for (int i = 0; i < 10; i++) x[i] = i == n - 1 ? 0 : 1;
        assert_int_equal(kr_problem_drift(ctx, p, n, x, f), KR_ERR_NUMERIC);
        assert_non_null(strstr(kr_context_message(ctx), "not finite at (0)"));
        kr_assert_ok(ctx, kr_problem_drift(ctx, p, n - 1, x, f));
    }
    kr_problem_destroy(&p);
    kr_assert_ok(ctx, kr_problem_parse(ctx,
                                       "{\"kind\": \"double_well\", \"A\": {\"level\": \"x1\"}, "
                                       "\"B\": {\"level\": \"-x1 - 0.5\"}}",
                                       &p));
    assert_int_equal(kr_problem_need_states(ctx, p), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "overlap"));
    kr_problem_destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_registry, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_memory, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_mueller, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_mueller_rows, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_regions, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
