/* Tables of parameters: strict reading, defaults, aliases, places in messages, help, failing allocations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "core/parameters.h"
#include "kr_test.h"

typedef struct settings {
    int flag, count, kind, other;
    int64_t steps;
    double dt, ratio;
    const char *name;
    const kr_tree *widths, *points, *names, *any;
} settings;

static const kr_parameter table[] = {
    {.name = "flag",
     .type = KR_PARAMETER_FLAG,
     .offset = offsetof(settings, flag),
     .initial = "true",
     .help = "a flag"},
    {.name = "count",
     .aliases = "n_count numb_count",
     .type = KR_PARAMETER_INT,
     .offset = offsetof(settings, count),
     .initial = "3",
     .range = "[1, 10]",
     .help = "how many"},
    {.name = "seed", .type = KR_PARAMETER_INT, .offset = offsetof(settings, other), .initial = "", .help = "seed"},
    {.name = "steps", .type = KR_PARAMETER_LONG, .offset = offsetof(settings, steps), .help = "steps", .range = ">= 1"},
    {.name = "dt",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(settings, dt),
     .initial = "0.5",
     .unit = "fs",
     .range = "> 0",
     .help = "time step"},
    {.name = "ratio",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(settings, ratio),
     .initial = "null",
     .range = "[0, 1)",
     .help = "part"},
    {.name = "name", .type = KR_PARAMETER_TEXT, .offset = offsetof(settings, name), .initial = "\"x\"", .help = "name"},
    {.name = "kind",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(settings, kind),
     .initial = "\"exp\"",
     .allowed = "exp|cosine=cos|wsd",
     .help = "shape"},
    {.name = "widths",
     .type = KR_PARAMETER_INTS,
     .offset = offsetof(settings, widths),
     .initial = "[10, 20]",
     .range = ">= 1",
     .help = "widths"},
    {.name = "points", .type = KR_PARAMETER_REALS, .offset = offsetof(settings, points), .initial = "", .help = "x"},
    {.name = "names", .type = KR_PARAMETER_TEXTS, .offset = offsetof(settings, names), .initial = "null", .help = "x"},
    {.name = "any", .type = KR_PARAMETER_TREE, .offset = offsetof(settings, any), .initial = "\"auto\"", .help = "x"},
    {.name = "spin",
     .type = KR_PARAMETER_FLAG,
     .offset = KR_PARAMETER_UNUSED,
     .initial = "false",
     .refusal = "spin models are not supported"},
    {.name = "profiler",
     .type = KR_PARAMETER_FLAG,
     .offset = KR_PARAMETER_UNUSED,
     .initial = "false",
     .refusal = "~there is no profiler"},
    {0}};

static kr_status read(kr_context *ctx, const char *text, settings *s, kr_tree **complete) {
    kr_tree *tree = NULL;
    *complete = NULL;
    kr_status status = kr_json_parse(ctx, text, strlen(text), "t.json", &tree);
    if (status == KR_OK) status = kr_parameters_read(ctx, table, tree, "part", s, complete);
    kr_tree_destroy(&tree);
    return status;
}

static void test_defaults(void **state) {
    kr_context *ctx = *state;
    settings s;
    kr_tree *complete;
    char *text;
    kr_assert_ok(ctx, read(ctx, "{\"steps\": 5000000000, \"_comment\": {\"a\": 1}}", &s, &complete));
    assert_true(s.flag == 1 && s.count == 3 && s.other == KR_PARAMETER_NULL && s.steps == 5000000000 && s.kind == 0);
    assert_true(s.dt == 0.5 && isnan(s.ratio) && !strcmp(s.name, "x") && !s.points && !s.names);
    assert_string_equal(s.any->string, "auto");
    int n, *widths;
    kr_assert_ok(ctx, kr_parameter_ints(ctx, s.widths, &n, &widths));
    assert_true(n == 2 && widths[0] == 10 && widths[1] == 20);
    kr_free(widths);
    kr_assert_ok(ctx, kr_json_format(ctx, complete, 0, &text));
    assert_string_equal(text,
                        "{\"steps\":5000000000,\"flag\":true,\"count\":3,\"dt\":0.5,\"ratio\":null,\"name\":\"x\","
                        "\"kind\":\"exp\",\"widths\":[10,20],\"names\":null,\"any\":\"auto\",\"spin\":false,"
                        "\"profiler\":false}");
    kr_free(text);
    kr_tree_destroy(&complete);
}

static void test_values(void **state) {
    kr_context *ctx = *state;
    settings s;
    kr_tree *complete;
    kr_assert_ok(ctx, read(ctx,
                           "{\"numb_count\": 7, \"steps\": 1, \"dt\": 2, \"ratio\": 0, \"kind\": \"cos\", \"flag\": "
                           "false, \"points\": [1, 2.5], \"names\": [\"a\"], \"any\": [1], \"spin\": false}",
                           &s, &complete));
    assert_true(s.count == 7 && s.dt == 2.0 && s.ratio == 0.0 && s.kind == 1 && s.flag == 0);
    assert_string_equal(kr_tree_get(complete, "kind")->string, "cosine");
    assert_null(kr_tree_get(complete, "numb_count"));
    int n;
    double *points;
    kr_assert_ok(ctx, kr_parameter_reals(ctx, s.points, &n, &points));
    assert_true(n == 2 && points[0] == 1.0 && points[1] == 2.5);
    kr_free(points);
    kr_tree_destroy(&complete);
}

static void test_refusals(void **state) {
    kr_context *ctx = *state;
    const struct {
        const char *text, *message, *hint;
        kr_status status;
    } bad[] = {
        {"{\"steps\": 1,\n \"flga\": true}", "part: unknown key \"flga\" (line 2, column 10)", "\"flag\"",
         KR_ERR_FORMAT},
        {"{\"steps\": 1,\n \"temperature\": 1}", "part: unknown key \"temperature\" (line 2",
         "there are flag, count, seed, ", KR_ERR_FORMAT},
        {"{}", "part: key \"steps\" is missing (line 1, column 1)", "", KR_ERR_FORMAT},
        {"{\"steps\": 0}", "part.steps: found 0, expected an integer >= 1 (line 1, column 11)", "", KR_ERR_FORMAT},
        {"{\"steps\": 1.5}", "part.steps: found 1.5, expected an integer", "", KR_ERR_FORMAT},
        {"{\"steps\": null}", "part.steps: found null", "", KR_ERR_FORMAT},
        {"{\"steps\": 1, \"dt\": 0}", "part.dt: found 0, expected a number > 0 in fs", "", KR_ERR_FORMAT},
        {"{\"steps\": 1, \"ratio\": 1}", "expected a number [0, 1)", "", KR_ERR_FORMAT},
        {"{\"steps\": 1, \"count\": 11}", "expected an integer [1, 10]", "", KR_ERR_FORMAT},
        {"{\"steps\": 1, \"count\": 0}", "expected an integer [1, 10]", "", KR_ERR_FORMAT},
        {"{\"steps\": 1, \"count\": 1, \"n_count\": 1}", "part.count is given twice", "", KR_ERR_FORMAT},
        {"{\"steps\": 1, \"kind\": \"cosin\"}", "part.kind: found \"cosin\", expected one of exp|", "\"cosine\"",
         KR_ERR_FORMAT},
        {"{\"steps\": 1, \"flag\": 1}", "part.flag: found 1, expected true or false", "", KR_ERR_FORMAT},
        {"{\"steps\": 1, \"widths\": [1, 0]}", "part.widths: found [1,0], expected a list of integers >= 1", "",
         KR_ERR_FORMAT},
        {"{\"steps\": 1, \"widths\": 4}", "part.widths: found 4", "", KR_ERR_FORMAT},
        {"{\"steps\": 1, \"points\": [\"a\"]}", "part.points: found [\"a\"]", "", KR_ERR_FORMAT},
        {"{\"steps\": 1, \"names\": [1]}", "part.names: found [1], expected a list of strings", "", KR_ERR_FORMAT},
        {"{\"steps\": 1, \"name\": 1}", "part.name: found 1, expected a string", "", KR_ERR_FORMAT},
        {"{\"steps\": 1, \"spin\": true}", "part.spin = true: spin models are not supported (line 1, column 22)", "",
         KR_ERR_UNSUPPORTED},
        {"[1]", "part: found [1], expected { ... } (line 1, column 1)", "", KR_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        settings s;
        kr_tree *complete;
        kr_status status = read(ctx, bad[i].text, &s, &complete);
        if (status != bad[i].status || !strstr(kr_context_message(ctx), bad[i].message) ||
            !strstr(kr_context_hint(ctx), bad[i].hint))
            fail_msg("%s: %d, %s (%s)", bad[i].text, (int)status, kr_context_message(ctx), kr_context_hint(ctx));
        assert_null(complete);
        kr_context_clear(ctx);
    }
}

static void count_lines(const char *text, void *payload) {
    if (strstr(text, "spin") || strstr(text, "profiler")) fail_msg("described: %s", text);
    if (!strncmp(text, "  dt", 4)) assert_string_equal(text, "  dt  a number > 0 in fs, default 0.5: time step");
    (*(int *)payload)++;
}

static void test_help(void **state) {
    (void)state;
    int lines = 0;
    kr_parameters_describe(table, count_lines, &lines);
    assert_int_equal(lines, 12);
}

static void remember(kr_log_level level, const char *line, void *payload) {
    (void)level;
    snprintf(payload, 256, "%s", line);
}

static void test_warning(void **state) {
    kr_context *ctx = *state;
    settings s;
    kr_tree *complete;
    char line[256] = "";
    kr_context_set_log(ctx, remember, line);
    kr_assert_ok(ctx, read(ctx, "{\"steps\": 1, \"profiler\": true}", &s, &complete));
    assert_string_equal(line, "part.profiler = true has no effect: there is no profiler (line 1, column 26)");
    kr_tree_destroy(&complete);
    kr_context_set_log(ctx, NULL, NULL);
}

static void test_allocations(void **state) {
    kr_context *ctx = *state;
    settings s;
    kr_tree *complete;
    for (long n = 1;; n++) {
        kr_memory_fail_at(n);
        kr_status status = read(ctx, "{\"steps\": 1, \"kind\": \"cos\", \"widths\": [1, 2, 3]}", &s, &complete);
        kr_memory_fail_at(0);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
        assert_null(complete);
        kr_context_clear(ctx);
    }
    kr_tree_destroy(&complete);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_values, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_help, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_warning, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_allocations, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
