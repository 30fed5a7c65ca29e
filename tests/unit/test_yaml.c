/* YAML: what PyYAML writes, block and flow style, arrays, aliases; errors with their place; writing.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/memory.h"
#include "core/yaml.h"
#include "kr_test.h"
#include <unistd.h>

static kr_context *ctx;

static kr_tree *parse(const char *text) {
    kr_tree *tree = NULL;
    kr_assert_ok(ctx, kr_yaml_parse(ctx, text, strlen(text), "test", &tree));
    return tree;
}

static void expect_kind(const kr_tree *tree, const char *path, kr_tree_kind kind) {
    const kr_tree *node = kr_tree_at(tree, path);
    if (!node || node->kind != kind) print_error("%s has kind %d\n", path, node ? (int)node->kind : -1);
    assert_true(node && node->kind == kind);
}

static void scalars_are_typed_like_pyyaml(void **state) {
    (void)state;
    kr_tree *t = parse("# a comment\n"
                       "a: 1\nb: -2.5\nc: 1.0e-05   # tail\nd: true\ne: No\nf: 'No'\ng: \"x\\ty\"\nh: null\ni: ~\nj:\n"
                       "k: plain text\nl: 010\nm: 1e-3\nn: .inf\no: N\np: '1'\nq: 3.2.0\nr: 2026-11-20 21:31:34\n"
                       "s: 12345678901234567\n'@class': Model\n");
    static const struct {
        const char *key;
        kr_tree_kind kind;
    } expected[] = {{"a", KR_TREE_INT},    {"b", KR_TREE_REAL},   {"c", KR_TREE_REAL},   {"d", KR_TREE_BOOL},
                    {"e", KR_TREE_BOOL},   {"f", KR_TREE_STRING}, {"g", KR_TREE_STRING}, {"h", KR_TREE_NULL},
                    {"i", KR_TREE_NULL},   {"j", KR_TREE_NULL},   {"k", KR_TREE_STRING}, {"l", KR_TREE_INT},
                    {"m", KR_TREE_REAL},   {"n", KR_TREE_REAL},   {"o", KR_TREE_STRING}, {"p", KR_TREE_STRING},
                    {"q", KR_TREE_STRING}, {"r", KR_TREE_STRING}, {"s", KR_TREE_INT},    {"@class", KR_TREE_STRING}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) expect_kind(t, expected[i].key, expected[i].kind);
    assert_int_equal(kr_tree_get(t, "l")->integer, 8);
    assert_true(kr_tree_get(t, "b")->real == -2.5 && kr_tree_get(t, "c")->real == 1e-5);
    assert_true(kr_tree_get(t, "s")->integer == 12345678901234567);
    assert_true(isinf(kr_tree_get(t, "n")->real));
    assert_string_equal(kr_tree_get(t, "g")->string, "x\ty");
    assert_string_equal(kr_tree_get(t, "k")->string, "plain text");
    assert_int_equal(kr_tree_get(t, "c")->line, 4);
    assert_int_equal(kr_tree_get(t, "c")->column, 4);
    kr_tree_destroy(&t);
}

static void collections_and_aliases(void **state) {
    (void)state;
    kr_tree *t =
        parse("list:\n- 1\n- - 2\n  - 3\n- {a: [4, 5], b: x}\nmap:\n  inner:\n    deep: 6\nempty: []\nnone: {}\n"
              "one: &id001\n- O\n- H\ntwo: *id001\n");
    assert_int_equal(kr_tree_at(t, "list[1][1]")->integer, 3);
    assert_int_equal(kr_tree_at(t, "list[2].a[1]")->integer, 5);
    assert_int_equal(kr_tree_at(t, "map.inner.deep")->integer, 6);
    assert_int_equal(kr_tree_get(t, "empty")->count, 0);
    expect_kind(t, "none", KR_TREE_MAP);
    assert_string_equal(kr_tree_at(t, "two[1]")->string, "H");
    kr_tree_destroy(&t);
}

static void variables_become_arrays(void **state) {
    (void)state;
    kr_tree *t = parse("w:\n  '@class': np.ndarray\n  '@is_variable': true\n  '@version': 1\n  dtype: float32\n"
                       "  value:\n  - - 1.0\n    - 2\n    - 3.5\n  - [4.0, 5.0, -6.0e-3]\n"
                       "s: {'@is_variable': true, dtype: float64, value: 0.25}\n"
                       "z: {'@is_variable': true, dtype: int64, value: [[], []]}\n");
    const kr_tree *w = kr_tree_get(t, "w"), *s = kr_tree_get(t, "s"), *z = kr_tree_get(t, "z");
    static const double expected[] = {1, 2, 3.5, 4, 5, -6e-3};
    assert_true(w->kind == KR_TREE_ARRAY && w->ndim == 2 && w->shape[0] == 2 && w->shape[1] == 3);
    assert_int_equal(w->dtype, KR_FLOAT32);
    kr_assert_close(6, w->data, expected, 0, 0);
    assert_true(s->kind == KR_TREE_ARRAY && s->ndim == 0 && s->data[0] == 0.25);
    assert_true(z->kind == KR_TREE_ARRAY && z->ndim == 2 && z->shape[1] == 0 && z->dtype == KR_INT64);
    kr_tree_destroy(&t);
}

static void errors_name_the_place(void **state) {
    (void)state;
    static const struct {
        const char *text, *words;
    } bad[] = {{"a: [1, 2", "line 2, column 1"},
               {"a: 1\n b: 2\n", "line 2"},
               {"a: 1\na: 2\n", "line 2, column 1: this key is given twice"},
               {"a: *nobody\n", "line 1, column 4: an alias without its anchor"},
               {"", "empty"},
               {"--- 1\n--- 2\n", "second document"},
               {"[1, 2]: 3\n", "a key must be a text"},
               {"a: \"x\\0y\"\n", "zero byte"},
               {"w:\n  '@is_variable': true\n  dtype: float64\n  value: [[1, 2], [3]]\n", "line 4, column 19"},
               {"w:\n  '@is_variable': true\n  dtype: float64\n  value: [1, x]\n", "line 4, column 14"},
               {"w:\n  '@is_variable': true\n  dtype: complex128\n  value: [1]\n", "known 'dtype'"},
               {"a: \xff\xfe\x01", "line 1"}};
    long live = kr_memory_live();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kr_tree *t = NULL;
        assert_int_equal(kr_yaml_parse(ctx, bad[i].text, strlen(bad[i].text), "test", &t), KR_ERR_FORMAT);
        if (!strstr(kr_context_message(ctx), bad[i].words))
            print_error("'%s' has no '%s'\n", kr_context_message(ctx), bad[i].words);
        assert_non_null(strstr(kr_context_message(ctx), bad[i].words));
        assert_null(t);
    }
    assert_int_equal(kr_memory_live(), live);
}

/* Depth and alias bombs end with a message, not with the stack or the memory. */
static void bombs_are_refused(void **state) {
    (void)state;
    enum { N = 5000 };
    char *deep = malloc(N + 1), laughs[1000] = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
    kr_tree *t = NULL;
    memset(deep, '[', N);
    deep[N] = 0;
    assert_int_equal(kr_yaml_parse(ctx, deep, N, "test", &t), KR_ERR_FORMAT);
    free(deep);
    for (char c = 'b'; c < 'k'; c++)
        snprintf(laughs + strlen(laughs), sizeof laughs - strlen(laughs),
                 "%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1,
                 c - 1);
    assert_int_equal(kr_yaml_parse(ctx, laughs, strlen(laughs), "test", &t), KR_ERR_FORMAT);
    assert_non_null(strstr(kr_context_message(ctx), "too many values"));
}

static int equal(const kr_tree *a, const kr_tree *b) {
    if (a->kind != b->kind || a->count != b->count) return 0;
    switch (a->kind) {
    case KR_TREE_STRING:
        return !strcmp(a->string, b->string);
    case KR_TREE_BOOL:
    case KR_TREE_INT:
        return a->integer == b->integer;
    case KR_TREE_REAL:
        return a->real == b->real || (isnan(a->real) && isnan(b->real));
    case KR_TREE_ARRAY:
        return a->dtype == b->dtype && a->ndim == b->ndim && !memcmp(a->shape, b->shape, sizeof a->shape) &&
               !memcmp(a->data, b->data, kr_tree_array_size(a) * sizeof(double));
    default:
        break;
    }
    for (int i = 0; i < a->count; i++)
        if ((a->kind == KR_TREE_MAP && strcmp(a->key[i], b->key[i])) || !equal(a->child[i], b->child[i])) return 0;
    return 1;
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    kr_tree *t =
        parse("'@class': Model\n'yes': 'no'\n'1': '2'\nempty: ''\ntilde: '~'\ncolon: 'a: b # c'\n"
              "long: 'word word word word word word word word word word word word word word word word word word "
              "word word word word word word word word word'\nunicode: \"\xc3\x85ngstr\xc3\xb6m\\n\"\n"
              "list: [[1, 2.5], [], {a: null}]\nmap: {}\nreal: [1.0e+22, 1.0e-5, 0.1, 3.0, .nan, -.inf, 1e300]\n"
              "w: {'@is_variable': true, dtype: float32, value: [[1.5, 2.0e-7], [3.0, 4.0]]}\n"
              "s: {'@is_variable': true, dtype: float64, value: 0.1}\n"
              "n: {'@is_variable': true, dtype: int64, value: [1, -2]}\n");
    kr_tree *back = NULL;
    char path[64];
    snprintf(path, sizeof path, "/tmp/kramers-test-yaml-%d.yaml", (int)getpid());
    kr_assert_ok(ctx, kr_yaml_write(ctx, t, path));
    kr_assert_ok(ctx, kr_yaml_read(ctx, path, &back));
    assert_true(equal(t, back));
    remove(path);
    kr_tree_destroy(&t);
    kr_tree_destroy(&back);
}

static void failing_allocations_leave_nothing(void **state) {
    (void)state;
    const char *text = "a: &x [1, {b: c}]\nd: *x\nw: {'@is_variable': true, dtype: float32, value: [[1.5, 2]]}\n";
    long live = kr_memory_live();
    for (int n = 1;; n++) {
        kr_tree *t = NULL;
        kr_memory_fail_at(n);
        kr_status status = kr_yaml_parse(ctx, text, strlen(text), "test", &t);
        kr_memory_fail_at(0);
        kr_tree_destroy(&t);
        assert_int_equal(kr_memory_live(), live);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
        assert_true(n < 1000);
    }
}

static int setup(void **state) {
    (void)state;
    return kr_context_create(&ctx) == KR_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    kr_context_destroy(&ctx);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(scalars_are_typed_like_pyyaml),
                                       cmocka_unit_test(collections_and_aliases),
                                       cmocka_unit_test(variables_become_arrays),
                                       cmocka_unit_test(errors_name_the_place),
                                       cmocka_unit_test(bombs_are_refused),
                                       cmocka_unit_test(what_is_written_reads_back),
                                       cmocka_unit_test(failing_allocations_leave_nothing)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
