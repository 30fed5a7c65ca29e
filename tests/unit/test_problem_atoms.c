/* Atoms with a Deep Potential as a problem: energy, gradient, masses, motion; what is refused.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"
#include "sampling/dynamics.h"
#include "sampling/problem.h"
#include <string.h>

static kr_context *ctx;

/* Three copper atoms without a cell. */
static const char *write_structure(const char *element) {
    static char path[64];
    snprintf(path, sizeof path, "atoms_%s.xyz", element);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "3\nProperties=species:S:1:pos:R:3 pbc=\"F F F\"\n%s 0 0 0\n%s 2.4 0.1 0\n%s 1.1 2.2 0.3\n", element,
            element, element);
    fclose(file);
    return path;
}

static kr_status make(const char *element, const char *more, kr_problem **problem) {
    char json[512];
    snprintf(json, sizeof json,
             "{\"kind\": \"atoms\", \"model\": \"%s/examples/models/copper_se_e2_a.dp\", "
             "\"structure\": \"%s\", \"T_K\": 600%s}",
             KR_SOURCE_DIR, write_structure(element), more);
    kr_status status = kr_problem_parse(ctx, json, problem);
    remove(write_structure(element));
    return status;
}

static const double START[9] = {0, 0, 0, 2.4, 0.1, 0, 1.1, 2.2, 0.3};

static void test_energy(void **unused) {
    (void)unused;
    kr_problem *p = NULL;
    double x[18], v, grad[9], side[2], f[18];
    kr_assert_ok(ctx, make("Cu", "", &p));
    assert_int_equal(p->dim, 18);
    assert_int_equal(p->positions, 9);
    assert_int_equal(p->dynamics, KR_UNDERDAMPED);
    kr_assert_near(p->epsilon, 600 * 8.617333262e-5, 0, 1e-12);
    kr_assert_near(p->mass[4], 63.546 * 1.0364269656e-4, 0, 1e-3);
    memcpy(x, START, sizeof START);
    kr_assert_ok(ctx, kr_problem_potential(ctx, p, 1, x, &v, grad));
    for (int k = 0; k < 9; k++) {
        for (int s = 0; s < 2; s++) {
            x[k] = START[k] + (s ? 1e-4 : -1e-4);
            kr_assert_ok(ctx, kr_problem_potential(ctx, p, 1, x, &side[s], NULL));
        }
        x[k] = START[k];
        kr_assert_near(grad[k], (side[1] - side[0]) / 2e-4, 1e-5, 1e-5);
    }
    /* Shifted atoms have the same energy; f = (p/m, −∇V − γ p). */
    for (int k = 0; k < 9; k++) {
        x[k] = START[k] + 0.7;
        x[9 + k] = 0.01 * (k + 1);
    }
    kr_assert_ok(ctx, kr_problem_potential(ctx, p, 1, x, side, NULL));
    kr_assert_near(side[0], v, 1e-9, 1e-9);
    kr_assert_ok(ctx, kr_problem_drift(ctx, p, 1, x, f));
    for (int k = 0; k < 9; k++) {
        kr_assert_near(f[k], x[9 + k] / p->mass[k], 0, 1e-12);
        kr_assert_near(f[9 + k], -grad[k] - p->gamma * x[9 + k], 1e-7, 1e-7);
    }
    kr_problem_destroy(&p);
}

/* Hardly any friction: H = V + p²/2m stays. */
static void test_motion(void **unused) {
    (void)unused;
    kr_problem *p = NULL;
    kr_mover *mover = NULL;
    kr_walkers *w = NULL;
    double x[18] = {0}, before, after;
    kr_assert_ok(ctx, make("Cu", ", \"friction\": 1e-9", &p));
    kr_mover_options how = {.integrator = "baoab", .dt = 5e-4, .stream = {3, 4}};
    kr_assert_ok(ctx, kr_mover_create(ctx, p, &how, &mover));
    memcpy(x, START, sizeof START);
    x[9] = 0.03;
    kr_assert_ok(ctx, kr_walkers_create(ctx, mover, 1, &w));
    kr_walkers_set(w, 0, x, 0, 0);
    kr_assert_ok(ctx, kr_problem_energy(ctx, p, 1, w->x, &before, NULL));
    kr_assert_ok(ctx, kr_walkers_run(ctx, mover, w, 400, 400, NULL, NULL));
    kr_assert_ok(ctx, kr_problem_energy(ctx, p, 1, w->x, &after, NULL));
    kr_assert_near(after, before, 2e-3, 0);
    assert_true(fabs(w->x[3] - START[3]) > 1e-3);
    kr_walkers_destroy(&w);
    kr_mover_destroy(&mover);
    kr_problem_destroy(&p);
}

static void test_refused(void **unused) {
    (void)unused;
    kr_problem *p = NULL;
    assert_int_equal(make("Au", "", &p), KR_ERR_FORMAT);
    assert_non_null(strstr(kr_context_message(ctx), "does not know"));
    assert_null(p);
    assert_true(
        kr_problem_parse(ctx, "{\"kind\": \"atoms\", \"model\": \"none.dp\", \"structure\": \"none.xyz\"}", &p) < 0);
    assert_null(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_energy), cmocka_unit_test(test_motion),
                                       cmocka_unit_test(test_refused)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
