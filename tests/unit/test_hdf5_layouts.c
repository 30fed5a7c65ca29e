/* Both readers of HDF5 files (our own for the first layout, the library for others) give the same, and what is damaged
 * is an error: never a crash, never an endless loop.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/hdf5.h"
#include "core/memory.h"
#include "kr_test.h"
#include <unistd.h>

static const char *const layouts[] = {KR_TEST_DATA "/hdf5/layout_first.h5", KR_TEST_DATA "/hdf5/layout_latest.h5"};
static kr_context *ctx;
static char path[64];

static void numbers_of_every_kind_are_read(void **state) {
    (void)state;
    static const struct {
        const char *name;
        kr_dtype dtype;
        int ndim;
        size_t count;
        double first, sum;
    } expected[] = {
        {"big", KR_FLOAT64, 2, 4, 1.5, 4e300},    {"big_f4", KR_FLOAT32, 1, 2, 1.5, -0.5},
        {"/big_i2", KR_INT32, 1, 2, -300, 0},     {"compact", KR_FLOAT64, 1, 2, 1, 3},
        {"empty", KR_FLOAT64, 2, 0, 0, 0},        {"half", KR_FLOAT16, 1, 4, 0.5, 65504.5 + 0x1p-24},
        {"scalar", KR_FLOAT32, 0, 1, 2.25, 2.25}, {"u1", KR_INT32, 1, 3, 0, 262},
        {"u8", KR_INT64, 1, 1, 0x1p53, 0x1p53},   {"/many/m255", KR_INT32, 1, 3, 0, 262},
        {"link", KR_INT32, 1, 3, 0, 262},         {"//deep/./er/x", KR_INT64, 1, 3, 0, 3},
        {"zip", KR_FLOAT64, 2, 2000, 0, 5995}, /* chunks, deflate, shuffle */
    };
    for (int l = 0; l < 2; l++) {
        kr_h5 *file;
        kr_assert_ok(ctx, kr_h5_open(ctx, layouts[l], &file));
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
            kr_tree *array;
            double sum = 0;
            kr_assert_ok(ctx, kr_h5_read_array(ctx, file, expected[i].name, &array));
            assert_int_equal(array->dtype, expected[i].dtype);
            assert_int_equal(array->ndim, expected[i].ndim);
            assert_int_equal(kr_tree_array_size(array), expected[i].count);
            for (size_t k = 0; k < expected[i].count; k++) sum += array->data[k];
            if (expected[i].count) assert_true(array->data[0] == expected[i].first);
            assert_true(sum == expected[i].sum);
            kr_tree_destroy(&array);
        }
        kr_assert_ok(ctx, kr_h5_close(ctx, &file));
    }
}

static void strings_groups_and_attributes_are_read(void **state) {
    (void)state;
    for (int l = 0; l < 2; l++) {
        kr_h5 *file;
        char **names, *text;
        int n;
        kr_tree *array;
        kr_assert_ok(ctx, kr_h5_open(ctx, layouts[l], &file));
        kr_assert_ok(ctx, kr_h5_read_strings(ctx, file, "words", &n, &names));
        assert_int_equal(n, 3);
        assert_string_equal(names[1], "");
        assert_string_equal(names[2], "\xc3\x85ngstr\xc3\xb6m");
        kr_h5_free_names(n, names);
        kr_assert_ok(ctx, kr_h5_read_strings(ctx, file, "padded", &n, &names));
        assert_string_equal(names[1], "Hf");
        assert_string_equal(names[2], "abc");
        kr_h5_free_names(n, names);
        kr_assert_ok(ctx, kr_h5_read_attribute(ctx, file, "json", &text));
        assert_string_equal(text, "{\"a\": \"\xc3\x85\"}");
        kr_free(text);
        kr_assert_ok(ctx, kr_h5_read_attribute(ctx, file, "fixed", &text));
        assert_string_equal(text, "fixed text");
        kr_free(text);
        assert_int_equal(kr_h5_read_attribute(ctx, file, "more1", &text), KR_ERR_FORMAT); /* a number */
        assert_int_equal(kr_h5_read_attribute(ctx, file, "nothing", &text), KR_ERR_FORMAT);
        kr_assert_ok(ctx, kr_h5_list(ctx, file, "/many", &n, &names));
        assert_int_equal(n, 300);
        assert_string_equal(names[0], "m000");
        assert_string_equal(names[299], "m299");
        kr_h5_free_names(n, names);
        assert_true(kr_h5_is_group(file, "/deep/er") && kr_h5_exists(file, "/many/m150"));
        assert_false(kr_h5_is_group(file, "u1") || kr_h5_exists(file, "/many/m300") || kr_h5_exists(file, "/u1/x"));
        assert_int_equal(kr_h5_read_array(ctx, file, "/many", &array), KR_ERR_FORMAT);
        assert_int_equal(kr_h5_read_array(ctx, file, "/many/m300", &array), KR_ERR_FORMAT);
        assert_int_equal(kr_h5_list(ctx, file, "/u1", &n, &names), KR_ERR_FORMAT);
        kr_assert_ok(ctx, kr_h5_close(ctx, &file));
    }
}

/* A copy of a layout with `n` bytes replaced at `offset` after the first place where `mark` stands. */
static void damage(int layout, const char *mark, size_t length, long offset, const void *bytes, size_t n) {
    char *content;
    size_t size, at = 0;
    kr_assert_ok(ctx, kr_file_read(ctx, layouts[layout], &content, &size));
    while (at + length < size && memcmp(content + at, mark, length)) at++;
    assert_true(at + length < size);
    memcpy(content + at + offset, bytes, n);
    FILE *stream = fopen(path, "wb");
    assert_int_equal(fwrite(content, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
    kr_free(content);
}

static kr_status read_all(void) {
    kr_h5 *file = NULL;
    kr_tree *array = NULL;
    char *text = NULL, **names = NULL;
    int n = 0;
    kr_status status = kr_h5_open(ctx, path, &file);
    if (status == KR_OK) status = kr_h5_read_attribute(ctx, file, "json", &text);
    if (status == KR_OK) status = kr_h5_read_array(ctx, file, "/many/m007", &array);
    if (status == KR_OK) status = kr_h5_read_strings(ctx, file, "/words", &n, &names);
    kr_h5_free_names(n, names);
    kr_tree_destroy(&array);
    kr_free(text);
    kr_h5_close(NULL, &file);
    return status;
}

/* The heap of strings: "GCOL", version, size; its first object has its index at 16 and its size at 24. */
static void damaged_heaps_end(void **state) {
    (void)state;
    static const char nothing[16] = {0}, huge[8] = "\xf0\xff\xff\xff\xff\xff\xff\xff", large[8] = "\0\0\x10";
    for (int l = 0; l < 2; l++) {
        damage(l, "GCOL", 4, 24, "\x0b", 1); /* nothing changes: the first string has eleven bytes */
        kr_assert_ok(ctx, read_all());
        damage(l, "GCOL", 4, 16, nothing, 16); /* free space of size 0: the library alone loops for ever */
        assert_int_equal(read_all(), KR_ERR_FORMAT);
        damage(l, "GCOL", 4, 24, huge, 8); /* the next object would be this one */
        assert_int_equal(read_all(), KR_ERR_FORMAT);
        damage(l, "GCOL", 4, 24, large, 8); /* beyond the collection */
        assert_int_equal(read_all(), KR_ERR_FORMAT);
        damage(l, "GCOL", 4, 8, nothing, 8); /* a collection without bytes */
        assert_int_equal(read_all(), KR_ERR_FORMAT);
    }
}

static void damaged_headers_and_groups_end(void **state) {
    (void)state;
    static const char ones[8] = "\xff\xff\xff\xff\xff\xff\xff\xff";
    static const struct {
        const char *mark;
        long offset;
        size_t n;
    } places[] = {{"\x89HDF", 64, 8}, {"\x89HDF", 40, 8}, {"TREE", 6, 2}, {"TREE", 32, 8}, {"TREE", 5, 1},
                  {"HEAP", 8, 8},     {"HEAP", 24, 8},    {"SNOD", 6, 2}, {"SNOD", 8, 8}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        damage(0, places[i].mark, 4, places[i].offset, ones, places[i].n);
        assert_int_equal(read_all(), KR_ERR_FORMAT);
    }
}

static void failing_allocations_leave_nothing(void **state) {
    (void)state;
    long live = kr_memory_live();
    damage(0, "GCOL", 4, 24, "\x0b", 1);
    for (int n = 1;; n++) {
        kr_memory_fail_at(n);
        kr_status status = read_all();
        kr_memory_fail_at(0);
        assert_int_equal(kr_memory_live(), live);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
    }
}

static int setup(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/kramers-test-hdf5-layouts-%d.h5", (int)getpid());
    return kr_context_create(&ctx) == KR_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    remove(path);
    kr_context_destroy(&ctx);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_every_kind_are_read), cmocka_unit_test(strings_groups_and_attributes_are_read),
        cmocka_unit_test(damaged_heaps_end), cmocka_unit_test(damaged_headers_and_groups_end),
        cmocka_unit_test(failing_allocations_leave_nothing)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
