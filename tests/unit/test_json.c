/* JSON: positions, errors, round trips.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "kr_test.h"

static void at(const kr_tree *tree, const char *path, int line, int column) {
    const kr_tree *node = kr_tree_at(tree, path);
    assert_non_null(node);
    if (node->line != line || node->column != column)
        fail_msg("%s: at %d:%d, expected %d:%d", path, node->line, node->column, line, column);
}

static void test_positions(void **state) {
    kr_context *ctx = *state;
    const char *text =
        "\xEF\xBB\xBF{\n  \"a\\\"b\" : [1, -2.5e3 ,{\"x\":null}],\n"
        "\t\"\xC3\xA4\xC3\xB6\": \"\xC3\xBC,]}\", \"t\":true,\r\n \"deep\": [[[ [7]]]],\"e\":{} ,\"l\":[ ]}  \n";
    kr_tree *tree = NULL;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "p.json", &tree));
    at(tree, "", 1, 1);
    at(tree, "a\"b", 2, 12);
    at(tree, "a\"b[0]", 2, 13);
    at(tree, "a\"b[1]", 2, 16);
    at(tree, "a\"b[2]", 2, 24);
    at(tree, "a\"b[2].x", 2, 29);
    at(tree, "\xC3\xA4\xC3\xB6", 3, 8);
    at(tree, "t", 3, 20);
    at(tree, "deep[0][0][0][0]", 4, 15);
    at(tree, "e", 4, 25);
    at(tree, "l", 4, 33);
    assert_string_equal(kr_tree_get(tree, "\xC3\xA4\xC3\xB6")->string, "\xC3\xBC,]}");
    kr_tree_destroy(&tree);
}

static void test_errors(void **state) {
    kr_context *ctx = *state;
    const struct {
        const char *text, *fragment;
    } bad[] = {
        {"", "e.json:1:0: "},
        {"{\"a\": 1,\n \"a\": 2}", "e.json:2:4: duplicate object key near '\"a\"'"},
        {"{\"a\": NaN}", "e.json:1:"},
        {"{\"a\": 1} x", "e.json:1:10: end of file expected"},
        {"[1, 2\n, 3", "e.json:2:3: "},
        {"[1e999]", "real number overflow"},
        {"[123456789012345678901234567890]", "too big integer"},
        {"[\"\\u0000\"]", "e.json:1:"},
        {"[\"\xFF\"]", "e.json:1:"},
        {"{\"a\": \"x\ny\"}", "unexpected newline"},
        {"{'a': 1}", "string or '}' expected"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kr_tree *tree = NULL;
        assert_int_equal(kr_json_parse(ctx, bad[i].text, strlen(bad[i].text), "e.json", &tree), KR_ERR_FORMAT);
        assert_null(tree);
        if (!strstr(kr_context_message(ctx), bad[i].fragment))
            fail_msg("'%s' has no '%s'", kr_context_message(ctx), bad[i].fragment);
    }
    kr_tree *tree = NULL;
    char *deep = malloc(200001);
    assert_non_null(deep);
    memset(deep, '[', 200000);
    assert_int_equal(kr_json_parse(ctx, deep, 200000, "deep", &tree), KR_ERR_FORMAT);
    free(deep);
    assert_int_equal(kr_json_read(ctx, "/nonexistent/file.json", &tree), KR_ERR_IO);
}

static void test_round_trip(void **state) {
    kr_context *ctx = *state;
    const char *text = "{\"i\":-9223372036854775808,\"r\":[0.1,1e-300,-0.0,3.0,0.30000000000000004,1e22],"
                       "\"s\":\"a\\\"\\\\\\n\\u0001\xC3\xBC\",\"n\":null,\"b\":[true,false],\"e\":[],\"m\":{}}";
    kr_tree *tree = NULL, *again = NULL;
    char *out = NULL, *indented = NULL;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "r", &tree));
    kr_assert_ok(ctx, kr_json_format(ctx, tree, 0, &out));
    assert_string_equal(out, "{\"i\":-9223372036854775808,\"r\":[0.1,1e-300,-0.0,3.0,0.30000000000000004,1e+22],"
                             "\"s\":\"a\\\"\\\\\\n\\u0001\xC3\xBC\",\"n\":null,\"b\":[true,false],\"e\":[],\"m\":{}}");
    kr_assert_ok(ctx, kr_json_format(ctx, tree, 4, &indented));
    kr_assert_ok(ctx, kr_json_parse(ctx, indented, strlen(indented), "r", &again));
    kr_free(out);
    kr_assert_ok(ctx, kr_json_format(ctx, again, 0, &out));
    assert_int_equal(kr_tree_at(again, "r[1]")->line, 5);
    assert_true(kr_tree_at(again, "r[4]")->real == 0.1 + 0.2);
    kr_free(out);
    kr_free(indented);
    kr_tree_destroy(&tree);
    kr_tree_destroy(&again);
    size_t shape[2] = {2, 2};
    double data[4] = {1, 2, 3.5, NAN};
    kr_assert_ok(ctx, kr_tree_new_array(ctx, KR_FLOAT64, 2, shape, data, &tree));
    assert_int_equal(kr_json_format(ctx, tree, 0, &out), KR_ERR_NUMERIC);
    assert_null(out);
    tree->data[3] = 4;
    kr_assert_ok(ctx, kr_json_format(ctx, tree, 0, &out));
    assert_string_equal(out, "[[1.0,2.0],[3.5,4.0]]");
    kr_free(out);
    kr_tree_destroy(&tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_positions), cmocka_unit_test(test_errors),
                                       cmocka_unit_test(test_round_trip)};
    return cmocka_run_group_tests(tests, kr_test_setup, kr_test_teardown);
}
