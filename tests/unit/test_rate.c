/* Rates: every method against the exact value of the double well, stop and resume, threads, doubts, mistakes.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * ctest: full */
#include "core/json.h"
#include "core/memory.h"
#include "kr_test.h"
#include <kramers/sampling.h>
#include <unistd.h>

static char folder[64], path[128];

static int setup(void **state) {
    snprintf(folder, sizeof folder, "/tmp/kramers-rate-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    snprintf(path, sizeof path, "%s/run.json", folder);
    return kr_context_create((kr_context **)state) != KR_OK;
}
static int teardown(void **state) {
    char command[128];
    kr_context_destroy((kr_context **)state);
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0 || kr_memory_live() != 0;
}

static void write_input(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Runs the file; *results is NULL unless it came to an end. */
static kr_status run(kr_context *ctx, int resume, kr_tree **results) {
    char out[128];
    kr_sampling *r = NULL;
    snprintf(out, sizeof out, "%s/out", folder);
    kr_sampling_options options = {.output = out, .resume = resume, .overwrite = 1};
    if (results) *results = NULL;
    kr_status status = kr_sampling_create(ctx, "rate", path, &options, &r);
    if (status == KR_OK) status = kr_sampling_run(ctx, r);
    const char *json = kr_sampling_results(r);
    if (results && *json) kr_assert_ok(ctx, kr_json_parse(ctx, json, strlen(json), "results", results));
    kr_sampling_destroy(&r);
    return status;
}

static double number(const kr_tree *results, const char *at) {
    const kr_tree *node = kr_tree_at(results, at);
    assert_non_null(node);
    return node->kind == KR_TREE_NULL ? NAN : node->real;
}

/* ε = 1/2: k = 0.097479473, ν half of it; ε = 0.2: k = 0.0054819. */
static void test_exact(void **state) {
    kr_context *ctx = *state;
    kr_tree *r;
    write_input(
        "{\"problem\": {\"kind\": \"double_well\", \"dim\": 2, \"epsilon\": 0.5}, \"dt\": 0.005, \"methods\": [\n"
        "{\"kind\": \"direct\", \"time\": 10000, \"walkers\": 128},\n"
        "{\"kind\": \"ffs\", \"basin_time\": 5, \"trials\": 300, \"replicas\": 16},\n"
        "{\"kind\": \"ams\", \"basin_time\": 5, \"walkers\": 150, \"replicas\": 16},\n"
        "{\"kind\": \"kramers\"}]}");
    kr_assert_ok(ctx, run(ctx, 0, &r));
    static const char *const methods[] = {"methods.direct.", "methods.ffs.", "methods.ams."};
    for (int k = 0; k < 3; k++) {
        char value[64], error[64];
        snprintf(value, sizeof value, "%sk_ab", methods[k]);
        snprintf(error, sizeof error, "%sk_ab_error", methods[k]);
        assert_true(number(r, error) < 0.12 * 0.0975);
        kr_assert_near(number(r, value), 0.097479473, 3.5 * number(r, error), 0.01);
    }
    kr_assert_near(number(r, "methods.direct.nu"), 0.048739736, 3.5 * number(r, "methods.direct.nu_error"), 0.01);
    kr_assert_near(number(r, "methods.kramers.k_ab"), sqrt(32) / (2 * M_PI) * exp(-2), 1e-9, 1e-7);
    kr_assert_near(number(r, "agreement.routes"), 3, 0, 0);
    kr_tree_destroy(&r);
}

/* Steps longer than bins, and than from level to level: a state that lies beyond the next level has passed it (without
 * that, −12 % by forward flux here). Brute force makes the same errors of its large step, so routes agree with each
 * other, not with the formula. */
static void test_long_steps(void **state) {
    enum { LEVELS = 60 };
    kr_context *ctx = *state;
    kr_tree *r;
    char text[1200], levels[LEVELS * 6 + 1] = "";
    for (int k = 0; k < LEVELS; k++) snprintf(levels + 6 * k, 7, ",%.3f", 0.1 + 0.01 * k);
    snprintf(text, sizeof text,
             "{\"problem\": {\"kind\": \"double_well\", \"epsilon\": 0.5}, \"dt\": 0.03, \"methods\": [\n"
             "{\"kind\": \"direct\", \"time\": 600000, \"walkers\": 1024},\n"
             "{\"kind\": \"ffs\", \"basin_time\": 20, \"trials\": 300, \"replicas\": 128, \"levels\": [%s]},\n"
             "{\"kind\": \"ams\", \"basin_time\": 20, \"walkers\": 100, \"bins\": 5000, \"replicas\": 128}]}",
             levels + 1);
    write_input(text);
    kr_assert_ok(ctx, run(ctx, 0, &r));
    double exact = number(r, "methods.direct.k_ab"), error = number(r, "methods.direct.k_ab_error");
    static const char *const methods[] = {"methods.ffs.", "methods.ams."};
    for (int k = 0; k < 2; k++) {
        char value[64], bar[64];
        snprintf(value, sizeof value, "%sk_ab", methods[k]);
        snprintf(bar, sizeof bar, "%sk_ab_error", methods[k]);
        double both = hypot(error, number(r, bar));
        assert_true(both < 0.03 * exact);
        kr_assert_near(number(r, value), exact, 3.5 * both, 0);
    }
    kr_tree_destroy(&r);
}

/* A few replicas that lie close together by chance (seed 2: eight times too close) do not make an error bar smaller
 * than possible. */
static void test_few_replicas(void **state) {
    kr_context *ctx = *state;
    kr_tree *r;
    write_input(
        "{\"problem\": {\"kind\": \"double_well\", \"epsilon\": 0.5}, \"dt\": 0.01, \"seed\": 2, \"methods\": [\n"
        "{\"kind\": \"ams\", \"basin_time\": 1, \"walkers\": 50, \"replicas\": 2}]}");
    assert_true(run(ctx, 0, &r) >= 0);
    double least = number(r, "methods.ams.ideal_relative_error") * number(r, "methods.ams.k_ab");
    kr_assert_near(number(r, "methods.ams.k_ab_error"), least, 0, 1e-12);
    kr_tree_destroy(&r);
}

/* Mean first-passage time over a flat stretch, exact: T = L²/2ε from a reflecting wall; here from the middle of V = 0
 * between two absorbing ends (B): L²/8ε with L = 2 is 1 at ε = 1/2. */
static void test_first_passage(void **state) {
    kr_context *ctx = *state;
    kr_tree *r;
    write_input("{\"problem\": {\"kind\": \"expression\", \"dim\": 1, \"potential\": \"0*x\", \"epsilon\": 0.5,\n"
                "\"A\": {\"ball\": {\"center\": [0], \"radius\": 0.1}}, \"B\": {\"level\": \"1 - abs(x)\"}},\n"
                "\"dt\": 0.01, \"methods\": [{\"kind\": \"mfpt\", \"runs\": 4000},\n"
                "{\"kind\": \"mfpt\", \"label\": \"bare\", \"runs\": 4000, \"correct_boundary\": false}]}");
    assert_true(run(ctx, 0, &r) >= 0);
    double error = number(r, "methods.mfpt.mfpt_error");
    kr_assert_near(error, sqrt(2. / 3 / 4000), 0, 0.1); /* variance of the exit time: 2/3 */
    kr_assert_near(number(r, "methods.mfpt.mfpt"), 1, 3 * error, 0);
    assert_true(number(r, "methods.bare.mfpt") > 1.05); /* what the correction is for */
    kr_tree_destroy(&r);
}

static int stop_at;
static int stop(const char *what, long done, long total, void *payload) {
    (void)what;
    (void)done;
    (void)total;
    (void)payload;
    return stop_at-- == 0;
}

static void test_resume(void **state) {
    kr_context *ctx = *state;
    kr_tree *whole, *resumed;
    write_input("{\"problem\": {\"kind\": \"double_well\", \"epsilon\": 0.5}, \"dt\": 0.01, \"methods\": [\n"
                "{\"kind\": \"direct\", \"time\": 1000, \"walkers\": 64},\n"
                "{\"kind\": \"ffs\", \"basin_time\": 1, \"trials\": 50, \"replicas\": 4},\n"
                "{\"kind\": \"ams\", \"basin_time\": 1, \"walkers\": 50, \"replicas\": 4}]}");
    kr_context_set_threads(ctx, 1);
    assert_true(run(ctx, 0, &whole) >= 0);
    for (int at = 3; at < 60; at += 23) {
        kr_context_set_threads(ctx, 1 + at % 3);
        stop_at = at;
        kr_context_set_progress(ctx, stop, NULL);
        kr_status status = run(ctx, 0, NULL);
        kr_context_set_progress(ctx, NULL, NULL);
        assert_true(status == KR_CANCELLED);
        assert_true(run(ctx, 1, &resumed) >= 0);
        static const char *const keys[] = {"methods.direct.nu", "methods.direct.path_duration", "methods.ffs.k_ab",
                                           "methods.ams.k_ab_error"};
        for (int k = 0; k < 4; k++) kr_assert_near(number(resumed, keys[k]), number(whole, keys[k]), 0, 0);
        kr_tree_destroy(&resumed);
    }
    kr_tree_destroy(&whole);
}

/* Results that must not be believed are said to be so. */
static void test_doubts(void **state) {
    kr_context *ctx = *state;
    kr_tree *r;
    write_input("{\"problem\": {\"kind\": \"double_well\", \"epsilon\": 0.05}, \"dt\": 0.01, \"methods\": [\n"
                "{\"kind\": \"mfpt\", \"runs\": 16, \"most_time\": 1},\n"
                "{\"kind\": \"ffs\", \"basin_time\": 4, \"trials\": 10, \"replicas\": 2, \"levels\": [0.05, 0.9]}]}");
    assert_int_equal(run(ctx, 0, &r), KR_NOT_CONVERGED);
    assert_int_equal(kr_tree_at(r, "methods.mfpt.converged")->integer, 0);
    assert_int_equal(kr_tree_at(r, "methods.ffs.converged")->integer, 0);
    kr_tree_destroy(&r);
    write_input(
        "{\"problem\": {\"kind\": \"double_well\", \"epsilon\": 0.02, \"B\": {\"level\": \"3 - x\"}}, \"dt\": 0.01,\n"
        "\"methods\": [{\"kind\": \"direct\", \"time\": 100, \"walkers\": 32, \"warm_up\": 10}]}");
    assert_int_equal(run(ctx, 0, &r), KR_NOT_CONVERGED);
    assert_non_null(strstr(kr_tree_at(r, "methods.direct.doubt")->string, "state B was never reached from A"));
    kr_tree_destroy(&r);
}

static void test_mistakes(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{\"problem\": {\"kind\": \"olim\", \"type\": \"l\"}, \"dt\": 1, \"methods\": [{\"kind\": \"ffs\"}]}",
         "problem.A is missing"},
        {"{\"problem\": {\"kind\": \"double_well\"}, \"dt\": 1,\n \"methods\": [{\"kind\": \"fss\"}]}",
         "there is no method 'fss' (line 2, column 23)"},
        {"{\"problem\": {\"kind\": \"double_well\"}, \"dt\": 1,\n \"methods\": [{\"kind\": \"ffs\", \"basintime\": "
         "2}]}",
         "unknown key \"basintime\" (line 2, column 43)"},
        {"{\"problem\": {\"kind\": \"double_well\"}, \"dt\": -1, \"methods\": []}", "dt: found -1"},
        {"{\"problem\": {\"kind\": \"double_well\"}, \"dt\": 1, \"methods\": [{\"kind\": \"kramers\", \"coordinate\": "
         "\"y\"}]}",
         "coordinate: unknown name 'y' in \"y\" (line 1, column 94)"},
        {"{\"problem\": {\"kind\": \"maier_stein\"}, \"dt\": 1, \"methods\": [{\"kind\": \"kramers\"}]}",
         "has no potential"},
        {"{\"problem\": {\"kind\": \"double_well\", \"B\": {\"level\": \"x - 5\"}}, \"dt\": 1, \"methods\": "
         "[{\"kind\": \"kramers\"}]}",
         "overlap"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        write_input(cases[k].json);
        assert_true(run(ctx, 0, NULL) < 0);
        if (!strstr(kr_context_message(ctx), cases[k].message)) print_error("%s\n", kr_context_message(ctx));
        assert_non_null(strstr(kr_context_message(ctx), cases[k].message));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exact, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_few_replicas, setup, teardown),
        cmocka_unit_test_setup_teardown(test_first_passage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume, setup, teardown),
        cmocka_unit_test_setup_teardown(test_doubts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
