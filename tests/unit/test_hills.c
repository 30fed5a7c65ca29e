/* Metadynamics: the bias fills the wells of a known potential; the force is its derivative; exact restart.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"
#include "sampling/dynamics_hills.h"

static kr_status first(void *payload, kr_context *ctx, const double *x, double *s, double *gradient) {
    (void)payload;
    (void)ctx;
    *s = x[0];
    if (gradient) {
        gradient[0] = 1;
        gradient[1] = 0;
    }
    return KR_OK;
}

static const kr_hills_options grid = {-1.6, 1.6, 101, 0.02, 0.1, 8};

static void test_fill(void **state) {
    kr_context *ctx = *state;
    kr_problem *p = NULL;
    kr_mover *m = NULL;
    kr_walkers *w = NULL;
    kr_hills *h = NULL, *again = NULL;
    kr_tree *tree = NULL;
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\": \"double_well\", \"dim\": 2, \"epsilon\": 0.1}", &p));
    kr_assert_ok(ctx, kr_hills_create(ctx, &grid, 2, (kr_collective){first, NULL}, 0.1, &h));
    kr_mover_options options = {.dt = 0.01, .stream = {3, 9}, .bias = kr_hills_bias, .payload = h};
    kr_assert_ok(ctx, kr_mover_create(ctx, p, &options, &m));
    kr_assert_ok(ctx, kr_walkers_create(ctx, m, 64, &w));
    for (long i = 0; i < 64; i++) kr_walkers_set(w, i, (double[]){-1, 0}, (uint64_t)i, 0);
    kr_assert_ok(ctx, kr_hills_run(ctx, m, w, h, 100, 20000, NULL, NULL));
    /* V(0) − V(±1) = 1 = 10 ε, seen through the bias. */
    double scale = grid.factor / (grid.factor - 1);
    double left = kr_hills_value(h, -1, NULL) * scale, right = kr_hills_value(h, 1, NULL) * scale;
    double top = kr_hills_value(h, 0, NULL) * scale;
    kr_assert_near(left - top, 1, 0.08, 0);
    kr_assert_near(right - top, 1, 0.08, 0);
    assert_int_equal(h->count, 64 * 200);
    for (double s = -1.7; s < 1.7; s += 0.0137) {
        double slope, plus = kr_hills_value(h, s + 1e-6, NULL), minus = kr_hills_value(h, s - 1e-6, NULL);
        kr_hills_value(h, s, &slope);
        if (fabs(fabs(s) - 1.6) > 1e-5) kr_assert_near(slope, (plus - minus) / 2e-6, 1e-6, 1e-6);
    }
    kr_assert_ok(ctx, kr_hills_save(ctx, h, &tree));
    kr_assert_ok(ctx, kr_hills_create(ctx, &grid, 2, (kr_collective){first, NULL}, 0.1, &again));
    kr_assert_ok(ctx, kr_hills_load(ctx, again, tree));
    kr_assert_close(grid.nodes, again->v, h->v, 0, 0);
    kr_tree_destroy(&tree);
    kr_hills_destroy(&again);
    kr_hills_destroy(&h);
    kr_walkers_destroy(&w);
    kr_mover_destroy(&m);
    kr_problem_destroy(&p);
}

/* The same bits for any number of threads. */
static void test_threads(void **state) {
    kr_context *ctx = *state;
    double reference[101];
    for (int threads = 1; threads <= 3; threads++) {
        kr_problem *p = NULL;
        kr_mover *m = NULL;
        kr_walkers *w = NULL;
        kr_hills *h = NULL;
        kr_context_set_threads(ctx, threads);
        kr_assert_ok(
            ctx, kr_problem_parse(ctx, "{\"kind\": \"double_well\", \"dim\": 1, \"dynamics\": \"underdamped\"}", &p));
        kr_assert_ok(ctx, kr_hills_create(ctx, &grid, 2, (kr_collective){first, NULL}, 0.2, &h));
        kr_mover_options options = {.dt = 0.05, .stream = {3, 9}, .bias = kr_hills_bias, .payload = h};
        kr_assert_ok(ctx, kr_mover_create(ctx, p, &options, &m));
        kr_assert_ok(ctx, kr_walkers_create(ctx, m, 100, &w));
        kr_assert_ok(ctx, kr_hills_run(ctx, m, w, h, 10, 200, NULL, NULL));
        if (threads == 1) memcpy(reference, h->v, sizeof reference);
        assert_memory_equal(reference, h->v, sizeof reference);
        kr_hills_destroy(&h);
        kr_walkers_destroy(&w);
        kr_mover_destroy(&m);
        kr_problem_destroy(&p);
    }
}

static void test_mistakes(void **state) {
    kr_context *ctx = *state;
    kr_hills *h = NULL;
    kr_hills_options coarse = grid;
    coarse.nodes = 20;
    assert_int_equal(kr_hills_create(ctx, &coarse, 2, (kr_collective){first, NULL}, 0.2, &h), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "65 nodes are needed"));
    coarse = grid;
    coarse.factor = 1;
    assert_int_equal(kr_hills_create(ctx, &coarse, 2, (kr_collective){first, NULL}, 0.2, &h), KR_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fill, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_threads, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
