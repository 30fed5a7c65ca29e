/* .npy files: every dtype, both byte orders, Fortran order, versions, and files that are broken.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/memory.h"
#include "core/npy.h"
#include "kr_test.h"
#include <unistd.h>

/* An npy file in memory: header text as given, data appended. Returns its length. */
static size_t make(char *file, int version, const char *header, const void *data, size_t bytes) {
    size_t n = strlen(header);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (char)version;
    file[7] = 0;
    file[8] = (char)(n & 255);
    file[9] = (char)(n >> 8);
    size_t at = 10;
    if (version > 1) file[10] = file[11] = 0, at = 12;
    memcpy(file + at, header, n);
    memcpy(file + at + n, data, bytes);
    return at + n + bytes;
}

static void test_dtypes(void **state) {
    kr_context *ctx = *state;
    const struct {
        const char *descr, *bytes;
        size_t n;
        double first, second;
    } cases[] = {
        {"<f8", "\0\0\0\0\0\0\xF8\x3F\0\0\0\0\0\0\0\xC0", 16, 1.5, -2},
        {">f8", "\x3F\xF8\0\0\0\0\0\0\xC0\0\0\0\0\0\0\0", 16, 1.5, -2},
        {"<f4", "\0\0\xC0\x3F\0\0\0\xC0", 8, 1.5, -2},
        {">f4", "\x3F\xC0\0\0\xC0\0\0\0", 8, 1.5, -2},
        {"<f2", "\0\x3E\x01\x80", 4, 1.5, -5.9604644775390625e-8}, /* smallest subnormal */
        {"<f2", "\xFF\x7B\0\xBC", 4, 65504, -1},
        {"|b1", "\1\0", 2, 1, 0},
        {"|i1", "\x7F\x80", 2, 127, -128},
        {"|u1", "\x7F\x80", 2, 127, 128},
        {"<i2", "\1\0\xFE\xFF", 4, 1, -2},
        {">u2", "\1\0\xFF\xFE", 4, 256, 65534},
        {"<i4", "\1\0\0\0\xFE\xFF\xFF\xFF", 8, 1, -2},
        {">i4", "\0\0\0\1\xFF\xFF\xFF\xFE", 8, 1, -2},
        {"<u4", "\1\0\0\0\xFE\xFF\xFF\xFF", 8, 1, 4294967294.0},
        {"<i8", "\1\0\0\0\0\0\0\0\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 16, 1, -2},
        {"<u8", "\1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 16, 1, 4294967296.0},
        {"=f4", "\0\0\xC0\x3F\0\0\0\xC0", 8, 1.5, -2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int version = 1; version <= 3; version++) {
            char header[128], file[256];
            snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }\n",
                     cases[i].descr);
            size_t n = make(file, version, header, cases[i].bytes, cases[i].n);
            kr_tree *array = NULL;
            kr_assert_ok(ctx, kr_npy_parse(ctx, file, n, cases[i].descr, &array));
            assert_int_equal(array->ndim, 1);
            assert_int_equal(array->shape[0], 2);
            const double expected[2] = {cases[i].first, cases[i].second};
            kr_assert_close(2, array->data, expected, 0, 0);
            kr_tree_destroy(&array);
        }
}

static void test_layout(void **state) {
    kr_context *ctx = *state;
    char file[512];
    kr_tree *array = NULL;
    const unsigned char bytes[] = {1, 2, 3, 4, 5, 6};
    /* Fortran order: the first index runs fastest: columns (1 2) (3 4) (5 6) of a 2 × 3 array */
    size_t n = make(file, 1, "{'shape': (2, 3), 'fortran_order': True, 'descr': '|u1'}", bytes, 6);
    kr_assert_ok(ctx, kr_npy_parse(ctx, file, n, "f", &array));
    const double expected[6] = {1, 3, 5, 2, 4, 6};
    kr_assert_close(6, array->data, expected, 0, 0);
    kr_tree_destroy(&array);
    n = make(file, 1, "{\"descr\": \"|u1\", \"fortran_order\": False, \"shape\": ()}", bytes, 1);
    kr_assert_ok(ctx, kr_npy_parse(ctx, file, n, "scalar", &array));
    assert_int_equal(array->ndim, 0);
    kr_tree_destroy(&array);
    n = make(file, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 5)}", bytes, 0);
    kr_assert_ok(ctx, kr_npy_parse(ctx, file, n, "empty", &array));
    assert_int_equal(kr_tree_array_size(array), 0);
    kr_tree_destroy(&array);
    n = make(file, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 3L)}", bytes, 6);
    kr_assert_ok(ctx, kr_npy_parse(ctx, file, n, "python 2", &array));
    kr_tree_destroy(&array);
}

static void test_broken(void **state) {
    kr_context *ctx = *state;
    const struct {
        const char *header;
        size_t bytes;
        kr_status status;
        const char *fragment;
    } bad[] = {
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", 23, KR_ERR_FORMAT,
         "shape (3) of 8-byte entries needs more than the 23 bytes"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", 25, KR_ERR_FORMAT, "does not fill the 25 bytes"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 24, KR_ERR_FORMAT,
         "needs more than the 24 bytes"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999999999, 0)}", 24, KR_ERR_FORMAT,
         "does not fill"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999999999999,)}", 24, KR_ERR_FORMAT,
         "a dimension from 0"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (-3,)}", 24, KR_ERR_FORMAT,
         "has '-3,)}', expected a dimension"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,3)}", 24, KR_ERR_UNSUPPORTED,
         "more than 8"},
        {"{'descr': '<c16', 'fortran_order': False, 'shape': (1,)}", 16, KR_ERR_UNSUPPORTED,
         "dtype '<c16', supported f2"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 16, KR_ERR_UNSUPPORTED, "dtype '|O'"},
        {"{'descr': '<U3', 'fortran_order': False, 'shape': (1,)}", 16, KR_ERR_UNSUPPORTED, "dtype '<U3'"},
        {"{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", 16, KR_ERR_UNSUPPORTED, "structured"},
        {"{'descr': '<f8', 'shape': (3,)}", 24, KR_ERR_FORMAT, "lacks"},
        {"{'descr': '<f8', 'descr': '<f8'}", 24, KR_ERR_FORMAT, "once each"},
        {"{'descr': '<f8', 'fortran_order': 1, 'shape': (3,)}", 24, KR_ERR_FORMAT, "True or False"},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3", 24, KR_ERR_FORMAT, "expected"},
        {"", 0, KR_ERR_FORMAT, "expected '{'"},
    };
    char file[512], data[64] = {0};
    kr_tree *array = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t n = make(file, 1, bad[i].header, data, bad[i].bytes);
        assert_int_equal(kr_npy_parse(ctx, file, n, "b.npy", &array), bad[i].status);
        assert_null(array);
        if (strncmp(kr_context_message(ctx), "b.npy: ", 7) != 0 || !strstr(kr_context_message(ctx), bad[i].fragment))
            fail_msg("'%s' has no '%s'", kr_context_message(ctx), bad[i].fragment);
    }
    size_t n = make(file, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", data, 24);
    for (size_t cut = 0; cut < n; cut++) {
        char *copy = malloc(cut + 1); /* exactly as long as it is: the address sanitizer sees reads beyond */
        memcpy(copy, file, cut);
        assert_int_equal(kr_npy_parse(ctx, copy, cut, "cut", &array), KR_ERR_FORMAT);
        free(copy);
    }
    file[6] = 4;
    assert_int_equal(kr_npy_parse(ctx, file, n, "v4", &array), KR_ERR_UNSUPPORTED);
    n = make(file, 2, "{'descr': '|u1', 'fortran_order': False, 'shape': (0,)}", data, 0);
    file[11] = (char)0xFF;
    assert_int_equal(kr_npy_parse(ctx, file, n, "long header", &array), KR_ERR_FORMAT);
}

static void test_write(void **state) {
    kr_context *ctx = *state;
    char path[] = "/tmp/kr_test_npy_XXXXXX";
    assert_true(close(mkstemp(path)) == 0);
    double data[6] = {1, -2, 3e10, 0.1, 5, 1e-300};
    const size_t shape[2] = {2, 3};
    kr_tree *array = NULL;
    kr_assert_ok(ctx, kr_npy_write(ctx, path, KR_FLOAT64, 2, shape, data));
    kr_assert_ok(ctx, kr_npy_read(ctx, path, &array));
    assert_int_equal(array->ndim, 2);
    assert_int_equal(array->dtype, KR_FLOAT64);
    kr_assert_close(6, array->data, data, 0, 0);
    kr_tree_destroy(&array);
    char *text;
    size_t n;
    kr_assert_ok(ctx, kr_file_read(ctx, path, &text, &n));
    assert_int_equal(n, 128 + 48); /* the data begin at a multiple of 64 */
    kr_free(text);
    data[2] = 3;
    data[5] = -6;
    data[3] = 4;
    const size_t flat = 6;
    for (int dtype = KR_FLOAT64; dtype <= KR_INT32; dtype++) {
        kr_assert_ok(ctx, kr_npy_write(ctx, path, dtype, 1, &flat, data));
        kr_assert_ok(ctx, kr_npy_read(ctx, path, &array));
        assert_int_equal(array->ndim, 1);
        kr_assert_close(6, array->data, data, 0, 0);
        kr_tree_destroy(&array);
    }
    double big[1000];
    const size_t many = 1000;
    for (int i = 0; i < 1000; i++) big[i] = i / 7.0;
    kr_assert_ok(ctx, kr_npy_write(ctx, path, KR_FLOAT64, 1, &many, big));
    kr_assert_ok(ctx, kr_npy_read(ctx, path, &array));
    kr_assert_close(1000, array->data, big, 0, 0);
    kr_tree_destroy(&array);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dtypes), cmocka_unit_test(test_layout),
                                       cmocka_unit_test(test_broken), cmocka_unit_test(test_write)};
    return cmocka_run_group_tests(tests, kr_test_setup, kr_test_teardown);
}
