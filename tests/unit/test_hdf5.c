/* The HDF5 wrapper: every number type, strings, groups, limits, and that the host's settings survive.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/hdf5.h"
#include "core/memory.h"
#include "kr_test.h"
#include <fcntl.h>
#include <unistd.h>

static kr_context *ctx;
static char path[64];

static void arrays_of_every_type_read_back(void **state) {
    (void)state;
    static const kr_dtype dtypes[] = {KR_FLOAT64, KR_FLOAT32, KR_FLOAT16, KR_INT64, KR_INT32};
    static const double values[] = {0, 1, -2, 3, 65504, -1024}; /* exact in all of them */
    size_t shape[8] = {2, 3};
    kr_h5 *file;
    char name[32];
    kr_assert_ok(ctx, kr_h5_create(ctx, path, &file));
    for (int i = 0; i < 5; i++) {
        kr_tree *array;
        kr_assert_ok(ctx, kr_tree_new_array(ctx, dtypes[i], 2, shape, values, &array));
        snprintf(name, sizeof name, "/folder/inside/a%d", i);
        kr_assert_ok(ctx, kr_h5_write_array(ctx, file, name, array));
        kr_tree_destroy(&array);
    }
    kr_assert_ok(ctx, kr_h5_close(ctx, &file));
    kr_assert_ok(ctx, kr_h5_open(ctx, path, &file));
    for (int i = 0; i < 5; i++) {
        kr_tree *array;
        snprintf(name, sizeof name, "/folder/inside/a%d", i);
        kr_assert_ok(ctx, kr_h5_read_array(ctx, file, name, &array));
        assert_int_equal(array->dtype, dtypes[i]);
        assert_true(array->ndim == 2 && array->shape[0] == 2 && array->shape[1] == 3);
        kr_assert_close(6, array->data, values, 0, 0);
        kr_tree_destroy(&array);
    }
    kr_assert_ok(ctx, kr_h5_close(ctx, &file));
}

/* bfloat16 is written as float32; scalars and empty arrays keep their shapes. */
static void odd_arrays_read_back(void **state) {
    (void)state;
    kr_h5 *file;
    kr_tree *array;
    double pi = 3.140625, small = 0x1p-24 * 3;
    size_t empty[2] = {0, 4};
    kr_assert_ok(ctx, kr_h5_create(ctx, path, &file));
    kr_assert_ok(ctx, kr_tree_new_array(ctx, KR_BFLOAT16, 0, NULL, &pi, &array));
    kr_assert_ok(ctx, kr_h5_write_array(ctx, file, "/b", array));
    kr_tree_destroy(&array);
    kr_assert_ok(ctx, kr_tree_new_array(ctx, KR_FLOAT16, 0, NULL, &small, &array)); /* subnormal */
    kr_assert_ok(ctx, kr_h5_write_array(ctx, file, "/h", array));
    kr_tree_destroy(&array);
    kr_assert_ok(ctx, kr_tree_new_array(ctx, KR_FLOAT64, 2, empty, NULL, &array));
    kr_assert_ok(ctx, kr_h5_write_array(ctx, file, "/e", array));
    assert_int_equal(kr_h5_write_array(ctx, file, "/e", array), KR_ERR_IO); /* is there already */
    kr_tree_destroy(&array);
    kr_assert_ok(ctx, kr_h5_close(ctx, &file));
    kr_assert_ok(ctx, kr_h5_open(ctx, path, &file));
    kr_assert_ok(ctx, kr_h5_read_array(ctx, file, "/b", &array));
    assert_true(array->ndim == 0 && array->dtype == KR_FLOAT32 && array->data[0] == pi);
    kr_tree_destroy(&array);
    kr_assert_ok(ctx, kr_h5_read_array(ctx, file, "/h", &array));
    assert_true(array->data[0] == small);
    kr_tree_destroy(&array);
    kr_assert_ok(ctx, kr_h5_read_array(ctx, file, "/e", &array));
    assert_true(array->ndim == 2 && array->shape[0] == 0 && array->shape[1] == 4);
    kr_tree_destroy(&array);
    kr_assert_ok(ctx, kr_h5_close(ctx, &file));
}

/* What h5py makes of ml_dtypes' bfloat16 (opaque bytes) and of numpy's float16. */
static void short_floats_of_h5py_are_read(void **state) {
    (void)state;
    static const double bfloat16[] = {1.5, 2.25, -3.09375}, float16[] = {1.5, 2.25, -3.099609375};
    kr_h5 *file;
    kr_tree *array;
    kr_assert_ok(ctx, kr_h5_open(ctx, KR_TEST_DATA "/hdf5/short_floats.h5", &file));
    kr_assert_ok(ctx, kr_h5_read_array(ctx, file, "/a", &array));
    assert_int_equal(array->dtype, KR_BFLOAT16);
    kr_assert_close(3, array->data, bfloat16, 0, 0);
    kr_tree_destroy(&array);
    kr_assert_ok(ctx, kr_h5_read_array(ctx, file, "/h", &array));
    assert_int_equal(array->dtype, KR_FLOAT16);
    kr_assert_close(3, array->data, float16, 0, 0);
    kr_tree_destroy(&array);
    kr_assert_ok(ctx, kr_h5_close(ctx, &file));
}

static void strings_and_groups(void **state) {
    (void)state;
    static const char *const words[] = {"O", "", "\xc3\x85ngstr\xc3\xb6m"};
    kr_h5 *file;
    char **names, *text;
    int n;
    kr_assert_ok(ctx, kr_h5_create(ctx, path, &file));
    kr_assert_ok(ctx, kr_h5_write_strings(ctx, file, "/b/type_map.raw", 3, words));
    kr_assert_ok(ctx, kr_h5_make_group(ctx, file, "/a/deep/group"));
    kr_assert_ok(ctx, kr_h5_make_group(ctx, file, "/a/deep/group")); /* again is fine */
    kr_assert_ok(ctx, kr_h5_write_attribute(ctx, file, "json", "{\"a\": 1}"));
    kr_assert_ok(ctx, kr_h5_close(ctx, &file));
    kr_assert_ok(ctx, kr_h5_open(ctx, path, &file));
    kr_assert_ok(ctx, kr_h5_list(ctx, file, "/", &n, &names));
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    kr_h5_free_names(n, names);
    kr_assert_ok(ctx, kr_h5_read_strings(ctx, file, "/b/type_map.raw", &n, &names));
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++) assert_string_equal(names[i], words[i]);
    kr_h5_free_names(n, names);
    kr_assert_ok(ctx, kr_h5_read_attribute(ctx, file, "json", &text));
    assert_string_equal(text, "{\"a\": 1}");
    kr_free(text);
    assert_true(kr_h5_exists(file, "/") && kr_h5_exists(file, "/a/deep") && kr_h5_is_group(file, "/a/deep/group"));
    assert_false(kr_h5_exists(file, "/nothing/here") || kr_h5_is_group(file, "/b/type_map.raw"));
    kr_tree *array;
    assert_int_equal(kr_h5_read_array(ctx, file, "/b/type_map.raw", &array), KR_ERR_FORMAT);
    assert_int_equal(kr_h5_read_array(ctx, file, "/nothing", &array), KR_ERR_FORMAT);
    assert_int_equal(kr_h5_read_strings(ctx, file, "/a", &n, &names), KR_ERR_FORMAT);
    assert_int_equal(kr_h5_list(ctx, file, "/nothing", &n, &names), KR_ERR_FORMAT);
    assert_int_equal(kr_h5_read_attribute(ctx, file, "yaml", &text), KR_ERR_FORMAT);
    kr_assert_ok(ctx, kr_h5_close(ctx, &file));
}

/* A dataset whose header claims 2^40 rows is refused before anything is allocated. */
static void sizes_are_checked_against_the_file(void **state) {
    (void)state;
    kr_h5 *file;
    kr_tree *array;
    size_t shape[3] = {7, 11, 13}, length;
    double *zero = calloc(7 * 11 * 13, sizeof *zero);
    char *content;
    kr_assert_ok(ctx, kr_h5_create(ctx, path, &file));
    kr_assert_ok(ctx, kr_tree_new_array(ctx, KR_FLOAT64, 3, shape, zero, &array));
    kr_assert_ok(ctx, kr_h5_write_array(ctx, file, "/a", array));
    kr_tree_destroy(&array);
    kr_assert_ok(ctx, kr_h5_close(ctx, &file));
    free(zero);
    kr_assert_ok(ctx, kr_file_read(ctx, path, &content, &length));
    static const unsigned char dims[17] = {7, 0, 0, 0, 0, 0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0, 13};
    int patched = 0;
    for (size_t i = 0; i + sizeof dims < length; i++)
        if (!memcmp(content + i, dims, sizeof dims)) {
            content[i + 5] = 1;
            patched++;
        }
    assert_true(patched >= 1);
    FILE *stream = fopen(path, "wb");
    assert_int_equal(fwrite(content, 1, length, stream), length);
    fclose(stream);
    kr_free(content);
    kr_assert_ok(ctx, kr_h5_open(ctx, path, &file));
    assert_int_equal(kr_h5_read_array(ctx, file, "/a", &array), KR_ERR_FORMAT);
    kr_assert_ok(ctx, kr_h5_close(ctx, &file));
}

static void other_files_are_no_hdf5(void **state) {
    (void)state;
    kr_h5 *file;
    FILE *stream = fopen(path, "wb");
    fputs("\x89HDF\r\n\x1a\n but nothing else", stream);
    fclose(stream);
    assert_true(kr_h5_is_hdf5(path));
    assert_int_equal(kr_h5_open(ctx, path, &file), KR_ERR_FORMAT);
    assert_null(file);
    assert_false(kr_h5_is_hdf5(KR_TEST_DATA "/README.md"));
    assert_int_equal(kr_h5_open(ctx, KR_TEST_DATA "/README.md", &file), KR_ERR_FORMAT);
    assert_int_equal(kr_h5_open(ctx, "/nonexistent", &file), KR_ERR_IO);
    assert_int_equal(kr_h5_open(ctx, "/tmp", &file), KR_ERR_IO);
    assert_int_equal(kr_h5_create(ctx, "/nonexistent/file.h5", &file), KR_ERR_IO);
}

/* Nothing is printed: HDF5 would write its error stack to standard error. */
static void failures_are_silent(void **state) {
    (void)state;
    char name[80], *text;
    size_t length;
    kr_h5 *file;
    kr_tree *array;
    snprintf(name, sizeof name, "%s.err", path);
    fflush(stderr);
    int keep = dup(2), log = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    dup2(log, 2);
    kr_status opened = kr_h5_open(ctx, KR_TEST_DATA "/deepmd_kit/models/se_r_tanh.dp", &file);
    kr_status read = opened == KR_OK ? kr_h5_read_array(ctx, file, "/nothing", &array) : KR_OK;
    kr_h5_close(ctx, &file);
    kr_h5_open(ctx, KR_TEST_DATA "/README.md", &file);
    fflush(stderr);
    dup2(keep, 2);
    close(keep);
    close(log);
    assert_true(opened == KR_OK && read == KR_ERR_FORMAT);
    kr_assert_ok(ctx, kr_file_read(ctx, name, &text, &length));
    remove(name);
    assert_int_equal(length, 0);
    kr_free(text);
}

static void failing_allocations_leave_nothing(void **state) {
    (void)state;
    long live = kr_memory_live();
    for (int n = 1;; n++) {
        kr_h5 *file = NULL;
        kr_tree *array = NULL;
        char *text = NULL, **names = NULL;
        int count = 0;
        kr_memory_fail_at(n);
        kr_status status = kr_h5_open(ctx, KR_TEST_DATA "/deepmd_kit/models/se_r_tanh.dp", &file);
        if (status == KR_OK) status = kr_h5_read_attribute(ctx, file, "json", &text);
        if (status == KR_OK) status = kr_h5_read_array(ctx, file, "/variable_0003", &array);
        if (status == KR_OK) status = kr_h5_list(ctx, file, "/", &count, &names);
        kr_memory_fail_at(0);
        kr_h5_free_names(count, names);
        kr_tree_destroy(&array);
        kr_free(text);
        kr_h5_close(ctx, &file);
        assert_int_equal(kr_memory_live(), live);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
    }
}

static int setup(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/kramers-test-hdf5-%d.h5", (int)getpid());
    return kr_context_create(&ctx) == KR_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    remove(path);
    kr_context_destroy(&ctx);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(arrays_of_every_type_read_back),
                                       cmocka_unit_test(odd_arrays_read_back),
                                       cmocka_unit_test(short_floats_of_h5py_are_read),
                                       cmocka_unit_test(strings_and_groups),
                                       cmocka_unit_test(sizes_are_checked_against_the_file),
                                       cmocka_unit_test(other_files_are_no_hdf5),
                                       cmocka_unit_test(failures_are_silent),
                                       cmocka_unit_test(failing_allocations_leave_nothing)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
