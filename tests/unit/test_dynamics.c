/* Integrators: stationary averages with their known step errors, order, energy, bias, exact restart, threads.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"
#include "sampling/dynamics.h"

typedef struct moments {
    double sum[64][4]; /* of each block: x1², v1², x1⁴, number */
} moments;

static kr_status collect(void *payload, kr_context *ctx, kr_walkers *w, long first, int count) {
    (void)ctx;
    double *s = ((moments *)payload)->sum[first / KR_WALKER_BLOCK];
    for (long i = first; i < first + count; i++) {
        const double *x = w->observed + i * w->dim;
        s[0] += x[0] * x[0];
        s[1] += x[w->dim - 1] * x[w->dim - 1];
        s[2] += x[0] * x[0] * x[0] * x[0];
        s[3] += 1;
    }
    return KR_OK;
}

/* Averages after 10 units of time, over `time` units of 512 walkers. */
static void averages(kr_context *ctx, const char *json, const char *integrator, double dt, double time, kr_bias_fn bias,
                     double result[3]) {
    kr_problem *p = NULL;
    kr_mover *m = NULL;
    kr_walkers *w = NULL;
    moments all = {0};
    double total[4] = {0};
    kr_assert_ok(ctx, kr_problem_parse(ctx, json, &p));
    kr_mover_options options = {.integrator = integrator, .dt = dt, .stream = {5, 1}, .bias = bias};
    kr_assert_ok(ctx, kr_mover_create(ctx, p, &options, &m));
    kr_assert_ok(ctx, kr_walkers_create(ctx, m, 512, &w));
    kr_assert_ok(ctx, kr_walkers_run(ctx, m, w, lround(10 / dt), 1, NULL, NULL));
    kr_assert_ok(ctx, kr_walkers_run(ctx, m, w, lround(time / dt), 1, collect, &all));
    for (int b = 0; b < 64; b++)
        for (int k = 0; k < 4; k++) total[k] += all.sum[b][k];
    for (int k = 0; k < 3; k++) result[k] = total[k] / total[3];
    kr_walkers_destroy(&w);
    kr_mover_destroy(&m);
    kr_problem_destroy(&p);
}

/* V = x²/2, ε = 1: ⟨x²⟩ is known for every step. */
static void test_harmonic(void **state) {
    kr_context *ctx = *state;
    const char *json = "{\"kind\": \"expression\", \"dim\": 1, \"potential\": \"x^2/2\", \"epsilon\": 1}";
    const char *inertia = "{\"kind\": \"expression\", \"dim\": 1, \"potential\": \"x^2/2\", \"epsilon\": 1, "
                          "\"dynamics\": \"underdamped\", \"friction\": 1, \"mass\": [2]}";
    double h = 0.5, r[3];
    averages(ctx, json, "euler", h, 400, NULL, r);
    kr_assert_near(r[0], 1 / (1 - h / 2), 0, 0.015);
    averages(ctx, json, "leimkuhler_matthews", h, 400, NULL, r);
    kr_assert_near(r[0], 1, 0, 0.015);
    double keep = 1 - h + h * h / 2; /* heun: x ← keep x + (1 − h/2) s R, s² = 2h */
    averages(ctx, json, "heun", h, 400, NULL, r);
    kr_assert_near(r[0], 2 * h * (1 - h / 2) * (1 - h / 2) / (1 - keep * keep), 0, 0.015);
    averages(ctx, inertia, "baoab", h, 400, NULL, r);
    kr_assert_near(r[0], 1, 0, 0.015);
    kr_assert_near(r[1], 2 * (1 - h * h / 8), 0, 0.015); /* ⟨p²⟩ = m ε (1 − ω²h²/4), ω² = 1/2 */
    averages(ctx, inertia, "obabo", h, 400, NULL, r);
    kr_assert_near(r[1], 2, 0, 0.015);
    kr_assert_near(r[0], 1 / (1 - h * h / 8), 0, 0.015);
    averages(ctx, inertia, "aboba", h, 400, NULL, r);
    kr_assert_near(r[1], 2 / (1 - h * h / 8), 0, 0.015);
}

/* V = x⁴/4: the error of euler is of first order, that of leimkuhler_matthews of second. ⟨x⁴⟩ = ε exactly. */
static void test_order(void **state) {
    kr_context *ctx = *state;
    const char *json = "{\"kind\": \"expression\", \"dim\": 1, \"potential\": \"x^4/4\", \"epsilon\": 1}";
    double r[3], euler[2], matthews;
    averages(ctx, json, "euler", 0.1, 300, NULL, r);
    euler[0] = r[2] - 1;
    averages(ctx, json, "euler", 0.05, 300, NULL, r);
    euler[1] = r[2] - 1;
    averages(ctx, json, "leimkuhler_matthews", 0.1, 300, NULL, r);
    matthews = r[2] - 1;
    kr_assert_near(euler[0] / euler[1], 2.4, 0.5, 0); /* 2 in the limit */
    assert_true(fabs(matthews) < 0.2 * euler[0]);
}

static kr_status stiffer(void *payload, kr_context *ctx, int n, const double *x, double *v, double *grad) {
    (void)payload;
    (void)ctx;
    for (int i = 0; i < n; i++) {
        if (v) v[i] = 0.5 * x[i] * x[i];
        if (grad) grad[i] = x[i];
    }
    return KR_OK;
}

static void test_bias(void **state) {
    double r[3];
    averages(*state, "{\"kind\": \"expression\", \"dim\": 1, \"potential\": \"x^2/2\", \"epsilon\": 1}", NULL, 0.2, 300,
             stiffer, r);
    kr_assert_near(r[0], 0.5, 0, 0.015);
}

/* Largest energy error of verlet over 20 units of time. */
static double energy_error(kr_context *ctx, double dt) {
    kr_problem *p = NULL;
    kr_mover *m = NULL;
    kr_walkers *w = NULL;
    double start[2] = {-1.2, 0.3}, e0, e, worst = 0;
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\": \"duffing\"}", &p));
    kr_assert_ok(ctx, kr_mover_create(ctx, p, &(kr_mover_options){.integrator = "verlet", .dt = dt}, &m));
    kr_assert_ok(ctx, kr_walkers_create(ctx, m, 1, &w));
    kr_walkers_set(w, 0, start, 0, 0);
    kr_assert_ok(ctx, kr_problem_energy(ctx, p, 1, start, &e0, NULL));
    for (int s = 0; s < 20 / dt; s++) {
        kr_assert_ok(ctx, kr_mover_step(ctx, m, w, 0, 1));
        kr_assert_ok(ctx, kr_problem_energy(ctx, p, 1, w->x, &e, NULL));
        worst = fmax(worst, fabs(e - e0));
    }
    kr_walkers_destroy(&w);
    kr_mover_destroy(&m);
    kr_problem_destroy(&p);
    return worst;
}

static void test_energy(void **state) {
    double coarse = energy_error(*state, 0.1), fine = energy_error(*state, 0.05);
    assert_true(coarse < 0.01);
    kr_assert_near(coarse / fine, 4, 0.2, 0);
}

/* Positions and counters are all that a restart needs; the number of threads does not matter. */
static void test_restart(void **state) {
    kr_context *ctx = *state;
    static const char *const problems[] = {
        "{\"kind\": \"rugged_mueller\"}", "{\"kind\": \"double_well\"}", "{\"kind\": \"skew\", \"dim\": 7}",
        "{\"kind\": \"mueller\", \"dim\": 5, \"dynamics\": \"underdamped\"}", "{\"kind\": \"duffing\"}"};
    for (int which = 0; which < 5; which++) {
        for (int k = 0; k < kr_integrator_count(); k++) {
            kr_problem *p = NULL;
            kr_mover *m = NULL;
            kr_walkers *w[2] = {0};
            const kr_integrator *kind = kr_integrator_at(k);
            kr_assert_ok(ctx, kr_problem_parse(ctx, problems[which], &p));
            if (kind->underdamped == (p->dynamics == KR_UNDERDAMPED)) {
                kr_mover_options options = {.integrator = kind->name, .dt = 1e-5, .stream = {5, 1}};
                kr_assert_ok(ctx, kr_mover_create(ctx, p, &options, &m));
                for (int s = 0; s < 2; s++) kr_assert_ok(ctx, kr_walkers_create(ctx, m, 70, &w[s]));
                kr_context_set_threads(ctx, 1);
                kr_assert_ok(ctx, kr_walkers_run(ctx, m, w[0], 50, 1, NULL, NULL));
                kr_context_set_threads(ctx, 3);
                kr_assert_ok(ctx, kr_walkers_run(ctx, m, w[1], 19, 1, NULL, NULL));
                for (long i = 0; i < 70; i++) kr_walkers_set(w[1], i, w[1]->x + i * p->dim, w[1]->entity[i], 19);
                kr_assert_ok(ctx, kr_walkers_run(ctx, m, w[1], 31, 1, NULL, NULL));
                assert_memory_equal(w[0]->x, w[1]->x, 70 * sizeof(double) * (size_t)p->dim);
                assert_true(kind->noises == 0 || w[0]->x[0] != w[0]->x[p->dim]);
            }
            for (int s = 0; s < 2; s++) kr_walkers_destroy(&w[s]);
            kr_mover_destroy(&m);
            kr_problem_destroy(&p);
        }
    }
}

/* Every walker, step, vector and coordinate has a normal of its own: which one is fixed by the counters. */
static void test_noise(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *problem, *integrator;
        int n, vectors;
    } cases[] = {{"{\"kind\": \"skew\", \"dim\": 10}", "euler", 10, 1},
                 {"{\"kind\": \"mueller\", \"dim\": 5, \"dynamics\": \"underdamped\"}", "obabo", 5, 2},
                 {"{\"kind\": \"mueller\"}", "euler", 2, 1},
                 {"{\"kind\": \"duffing\"}", "obabo", 1, 2},
                 {"{\"kind\": \"duffing\"}", "baoab", 1, 1}};
    enum { WALKERS = 40, STEPS = 6 };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        kr_problem *p = NULL;
        kr_mover *m = NULL;
        kr_walkers *w = NULL;
        double r[WALKERS * 10], four[4];
        int n = cases[c].n, total = n * cases[c].vectors, per = total == 1 ? 4 : total == 2 ? 2 : 1;
        kr_assert_ok(ctx, kr_problem_parse(ctx, cases[c].problem, &p));
        kr_mover_options options = {.integrator = cases[c].integrator, .dt = 1e-5, .stream = {5, 1}};
        kr_assert_ok(ctx, kr_mover_create(ctx, p, &options, &m));
        kr_assert_ok(ctx, kr_walkers_create(ctx, m, WALKERS + 2, &w));
        for (uint64_t step = 0; step < STEPS; step++)
            for (int which = 0; which < cases[c].vectors; which++) {
                for (long i = 0; i < WALKERS; i++) w->step[2 + i] = step + (uint64_t)i / 7;
                kr_walkers_noise(m, w, 2, WALKERS, which, n, r);
                for (int i = 0; i < WALKERS * n; i++) {
                    uint64_t at = step + (uint64_t)(i / n) / 7;
                    int k = per > 1 ? (int)(at % (uint64_t)per) * total + which * n + i % n : i % n;
                    uint64_t draw = per > 1 ? 0 : (uint64_t)(which * ((n + 3) / 4) + k / 4);
                    kr_random_normal(m->stream, at / (uint64_t)per, w->entity[2 + i / n], draw, four);
                    kr_assert_near(r[i], four[k % 4], 1e-13, 0);
                }
            }
        kr_walkers_destroy(&w);
        kr_mover_destroy(&m);
        kr_problem_destroy(&p);
    }
}

static void test_mistakes(void **state) {
    kr_context *ctx = *state;
    kr_problem *p = NULL;
    kr_mover *m = NULL;
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\": \"expression\", \"drift\": [\"log(x) - x\"]}", &p));
    assert_int_equal(kr_mover_create(ctx, p, &(kr_mover_options){.integrator = "eular", .dt = 1}, &m), KR_ERR_ARGUMENT);
    assert_string_equal(kr_context_hint(ctx), "did you mean 'euler'?");
    assert_int_equal(kr_mover_create(ctx, p, &(kr_mover_options){.integrator = "baoab", .dt = 1}, &m), KR_ERR_ARGUMENT);
    assert_int_equal(kr_mover_create(ctx, p, &(kr_mover_options){.dt = 0}, &m), KR_ERR_ARGUMENT);
    kr_walkers *w = NULL;
    kr_assert_ok(ctx, kr_mover_create(ctx, p, &(kr_mover_options){.dt = 1}, &m));
    kr_assert_ok(ctx, kr_walkers_create(ctx, m, 1, &w));
    assert_int_equal(kr_walkers_run(ctx, m, w, 10, 1, NULL, NULL), KR_ERR_NUMERIC);
    assert_string_equal(kr_context_message(ctx),
                        "problem: the drift of problem 'expression' is not finite at (0) (line 1, column 34)");
    kr_walkers_destroy(&w);
    kr_mover_destroy(&m);
    kr_problem_destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_harmonic, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_order, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_bias, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_energy, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_restart, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_noise, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
