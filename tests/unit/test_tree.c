/* Trees: makers, look-up, typed access and its messages, suggestions, failing allocations.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "core/suggest.h"
#include "core/tree.h"
#include "kr_test.h"

static kr_tree *parse(kr_context *ctx, const char *text) {
    kr_tree *tree = NULL;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "t.json", &tree));
    return tree;
}

static void test_make(void **state) {
    kr_context *ctx = *state;
    kr_tree *map = NULL, *list = NULL, *child = NULL, *copy = NULL;
    kr_assert_ok(ctx, kr_tree_new(ctx, KR_TREE_MAP, &map));
    kr_assert_ok(ctx, kr_tree_new(ctx, KR_TREE_LIST, &list));
    for (int i = 0; i < 100; i++) {
        kr_assert_ok(ctx, kr_tree_new_int(ctx, i * i, &child));
        kr_assert_ok(ctx, kr_tree_append(ctx, list, &child));
        assert_null(child);
    }
    kr_assert_ok(ctx, kr_tree_set(ctx, map, "squares", &list));
    kr_assert_ok(ctx, kr_tree_new_string(ctx, "old", &child));
    kr_assert_ok(ctx, kr_tree_set(ctx, map, "name", &child));
    kr_assert_ok(ctx, kr_tree_new_string(ctx, "new", &child));
    kr_assert_ok(ctx, kr_tree_set(ctx, map, "name", &child));
    size_t shape[2] = {2, 3};
    double data[6] = {1, 2, 3, 4, 5, 6};
    kr_assert_ok(ctx, kr_tree_new_array(ctx, KR_FLOAT32, 2, shape, data, &child));
    kr_assert_ok(ctx, kr_tree_set(ctx, map, "array", &child));
    assert_int_equal(map->count, 3);
    kr_assert_ok(ctx, kr_tree_copy(ctx, map, &copy));
    kr_tree_destroy(&map);
    assert_string_equal(kr_tree_get(copy, "name")->string, "new");
    assert_int_equal(kr_tree_at(copy, "squares[99]")->integer, 99 * 99);
    assert_null(kr_tree_at(copy, "squares[100]"));
    assert_null(kr_tree_at(copy, "squares[-1]"));
    assert_null(kr_tree_at(copy, "squares[x]"));
    assert_null(kr_tree_at(copy, "name.x"));
    const kr_tree *array = kr_tree_get(copy, "array");
    assert_int_equal(kr_tree_array_size(array), 6);
    kr_assert_close(6, array->data, data, 0, 0);
    kr_tree_destroy(&copy);
    size_t huge[2] = {(size_t)1 << 40, (size_t)1 << 40};
    assert_int_equal(kr_tree_new_array(ctx, KR_FLOAT64, 2, huge, data, &child), KR_ERR_FORMAT);
    assert_null(child);
}

static void fails(kr_context *ctx, kr_status status, const char *message, const char *hint) {
    assert_int_equal(status, KR_ERR_FORMAT);
    assert_string_equal(kr_context_message(ctx), message);
    assert_string_equal(kr_context_hint(ctx), hint);
}

static void test_access(void **state) {
    kr_context *ctx = *state;
    kr_tree *map = parse(ctx, "{\"rcut\": 6, \"name\": \"six\",\n \"sel\": [46, 92], \"none\": null, \"flag\": true,\n"
                              "  \"big\": 3000000000, \"half\": 0.5}");
    int i;
    double x;
    const char *text;
    kr_assert_ok(ctx, kr_tree_get_int(ctx, map, "rcut", 1, 10, &i));
    assert_int_equal(i, 6);
    kr_assert_ok(ctx, kr_tree_get_real(ctx, map, "rcut", &x));
    assert_true(x == 6);
    kr_assert_ok(ctx, kr_tree_get_int_or(ctx, map, "none", 1, 10, 7, &i));
    assert_int_equal(i, 7);
    kr_assert_ok(ctx, kr_tree_get_bool_or(ctx, map, "flag", 0, &i));
    assert_int_equal(i, 1);
    kr_assert_ok(ctx, kr_tree_get_string_or(ctx, map, "absent", "default", &text));
    assert_string_equal(text, "default");
    fails(ctx, kr_tree_get_int(ctx, map, "rcut", 7, 10, &i),
          "'rcut' is 6, expected an integer from 7 to 10 (line 1, column 10)", "");
    fails(ctx, kr_tree_get_real(ctx, map, "name", &x),
          "'name' is \"six\", expected a finite number (line 1, column 21)", "");
    fails(ctx, kr_tree_get_int(ctx, map, "big", INT64_MIN, INT64_MAX, &i),
          "'big' is 3000000000, expected an integer from -2147483648 to 2147483647 (line 3, column 10)", "");
    fails(ctx, kr_tree_get_int(ctx, map, "half", 0, 9, &i),
          "'half' is 0.5, expected an integer from 0 to 9 (line 3, column 30)", "");
    fails(ctx, kr_tree_get_string(ctx, map, "sel", &text), "'sel' is a list of 2, expected a string (line 2, column 9)",
          "");
    fails(ctx, kr_tree_get_bool_or(ctx, map, "rcut", 0, &i), "'rcut' is 6, expected true or false (line 1, column 10)",
          "");
    fails(ctx, kr_tree_get_string(ctx, map, "nam", &text), "key 'nam' is missing (line 1, column 1)",
          "there is a key 'name'");
    fails(ctx, kr_tree_get_real(ctx, kr_tree_get(map, "sel"), "x", &x),
          "key 'x' is wanted of a list of 2, expected a map (line 2, column 9)", "");
    const char *known[] = {"rcut", "name", "sell", "none", "flag", "big", "half"};
    fails(ctx, kr_tree_check_keys(ctx, map, 7, known), "unknown key 'sel' (line 2, column 9)", "did you mean 'sell'?");
    fails(ctx, kr_tree_check_keys(ctx, map, 2, (const char *const[]){"alpha", "beta_gamma"}),
          "unknown key 'rcut' (line 1, column 10)", "there are alpha, beta_gamma");
    known[2] = "sel";
    kr_assert_ok(ctx, kr_tree_check_keys(ctx, map, 7, known));
    kr_tree_destroy(&map);
}

static void test_suggest(void **state) {
    (void)state;
    assert_int_equal(kr_edit_distance("", ""), 0);
    assert_int_equal(kr_edit_distance("abc", ""), 3);
    assert_int_equal(kr_edit_distance("kitten", "sitting"), 3);
    assert_int_equal(kr_edit_distance("rcut", "rctu"), 1);
    assert_int_equal(kr_edit_distance("RCUT", "rcut"), 0);
    char longer[200];
    memset(longer, 'a', sizeof longer);
    longer[199] = 0;
    assert_int_equal(kr_edit_distance(longer, "a"), 62);
    const char *names[] = {"rcut", "rcut_smth", "neuron", NULL, "axis_neuron"};
    assert_string_equal(kr_suggest("ructt", 5, names), "rcut");
    assert_string_equal(kr_suggest("rcut_smooth", 5, names), "rcut_smth");
    assert_string_equal(kr_suggest("neurons", 5, names), "neuron");
    assert_null(kr_suggest("temperature", 5, names));
}

static void test_memory(void **state) {
    kr_context *ctx = *state;
    const char *text =
        "{\"a\": [1, 2.5, \"x\", null, true, {\"b\": []}], \"c\": {\"d\": 1, \"e\": 2, \"f\": 3, \"g\": 4, \"h\": 5}}";
    long before = kr_memory_live();
    int failed = 0;
    for (long n = 1;; n++) {
        kr_tree *tree = NULL, *copy = NULL;
        kr_memory_fail_at(n);
        kr_status status = kr_json_parse(ctx, text, strlen(text), "t", &tree);
        if (status == KR_OK) status = kr_tree_copy(ctx, tree, &copy);
        kr_memory_fail_at(0);
        kr_tree_destroy(&tree);
        kr_tree_destroy(&copy);
        assert_int_equal(kr_memory_live(), before);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
        failed++;
    }
    assert_true(failed > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_make), cmocka_unit_test(test_access),
                                       cmocka_unit_test(test_suggest), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, kr_test_setup, kr_test_teardown);
}
