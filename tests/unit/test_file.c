/* Files and folders: reading, writing through a temporary name, replacing, abandoning.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/memory.h"
#include "kr_test.h"
#include "test_folder.h"
#include <sys/stat.h>
#include <unistd.h>

static int entries(kr_context *ctx) {
    int n;
    char **names;
    kr_assert_ok(ctx, kr_folder_list(ctx, kr_test_folder, &n, &names));
    kr_names_free(n, names);
    return n;
}

static void expect_text(kr_context *ctx, const char *path, const char *expected) {
    char *text;
    size_t n;
    kr_assert_ok(ctx, kr_file_read(ctx, path, &text, &n));
    assert_int_equal(n, strlen(expected));
    assert_string_equal(text, expected);
    kr_free(text);
}

static void write_text(kr_context *ctx, const char *path, const char *text) {
    kr_file_writer writer;
    kr_assert_ok(ctx, kr_file_begin(ctx, path, &writer));
    fputs(text, writer.stream);
    kr_assert_ok(ctx, kr_file_commit(ctx, &writer));
}

static void test_file(void **state) {
    kr_context *ctx = *state;
    char *path = kr_path_join(ctx, kr_test_folder, "a.txt");
    int before = entries(ctx);
    write_text(ctx, path, "first");
    expect_text(ctx, path, "first");
    kr_file_writer writer;
    kr_assert_ok(ctx, kr_file_begin(ctx, path, &writer));
    fputs("half", writer.stream);
    assert_int_equal(entries(ctx), before + 2);
    kr_file_abandon(&writer);
    expect_text(ctx, path, "first");
    assert_int_equal(entries(ctx), before + 1);
    write_text(ctx, path, "");
    expect_text(ctx, path, "");
    kr_assert_ok(ctx, kr_file_reserve(ctx, path, &writer));
    assert_null(writer.stream);
    FILE *other = fopen(writer.temporary, "w");
    assert_non_null(other);
    fputs("by another library", other);
    fclose(other);
    kr_assert_ok(ctx, kr_file_commit(ctx, &writer));
    expect_text(ctx, path, "by another library");
    kr_file_abandon(&writer);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(info.st_mode & 0777, 0666 & ~mask);
    kr_free(path);
}

static void test_file_errors(void **state) {
    kr_context *ctx = *state;
    char *text;
    size_t n;
    kr_file_writer writer;
    assert_int_equal(kr_file_read(ctx, "/nonexistent/x", &text, &n), KR_ERR_IO);
    assert_string_equal(kr_context_message(ctx), "cannot open '/nonexistent/x': No such file or directory");
    assert_int_equal(kr_file_read(ctx, kr_test_folder, &text, &n), KR_ERR_IO);
    assert_non_null(strstr(kr_context_message(ctx), "is a folder, expected a file"));
    assert_int_equal(kr_file_begin(ctx, kr_test_folder, &writer), KR_ERR_IO);
    assert_int_equal(kr_file_begin(ctx, "/nonexistent/x", &writer), KR_ERR_IO);
    assert_string_equal(kr_context_message(ctx), "cannot write '/nonexistent/x': No such file or directory");
    assert_int_equal(kr_file_read(ctx, "/dev/null", &text, &n), KR_OK);
    assert_int_equal(n, 0);
    kr_free(text);
    /* a pipe has no size */
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char name[64], data[10000];
    memset(data, 'z', sizeof data);
    assert_int_equal(write(ends[1], data, sizeof data), sizeof data);
    close(ends[1]);
    snprintf(name, sizeof name, "/dev/fd/%d", ends[0]);
    kr_assert_ok(ctx, kr_file_read(ctx, name, &text, &n));
    assert_int_equal(n, sizeof data);
    assert_memory_equal(text, data, n);
    kr_free(text);
    close(ends[0]);
}

static void test_folder(void **state) {
    kr_context *ctx = *state;
    char *path = kr_path_join(ctx, kr_test_folder, "data");
    int before = entries(ctx);
    kr_folder_writer writer;
    kr_assert_ok(ctx, kr_folder_begin(ctx, path, 0, &writer));
    char *set = kr_path_join(ctx, writer.temporary, "set.000");
    kr_assert_ok(ctx, kr_folder_make(ctx, set));
    char *file = kr_path_join(ctx, set, "x");
    write_text(ctx, file, "one");
    assert_false(kr_file_exists(path));
    kr_assert_ok(ctx, kr_folder_commit(ctx, &writer));
    assert_int_equal(entries(ctx), before + 1);
    kr_free(set);
    kr_free(file);
    file = kr_path_join(ctx, path, "set.000/x");
    expect_text(ctx, file, "one");
    assert_int_equal(kr_folder_begin(ctx, path, 0, &writer), KR_ERR_IO);
    assert_non_null(strstr(kr_context_message(ctx), "exists already"));
    kr_assert_ok(ctx, kr_folder_begin(ctx, path, 1, &writer));
    kr_folder_abandon(&writer);
    expect_text(ctx, file, "one");
    kr_assert_ok(ctx, kr_folder_begin(ctx, path, 1, &writer));
    char *fresh = kr_path_join(ctx, writer.temporary, "y");
    write_text(ctx, fresh, "two");
    kr_free(fresh);
    kr_assert_ok(ctx, kr_folder_commit(ctx, &writer));
    assert_false(kr_file_exists(file));
    kr_free(file);
    file = kr_path_join(ctx, path, "y");
    expect_text(ctx, file, "two");
    assert_int_equal(entries(ctx), before + 1);
    kr_free(file);
    kr_free(path);
}

static void test_memory(void **state) {
    kr_context *ctx = *state;
    char *path = kr_path_join(ctx, kr_test_folder, "m");
    long before = kr_memory_live();
    int present = entries(ctx);
    for (long n = 1;; n++) {
        kr_folder_writer writer = {NULL, NULL};
        int count = 0;
        char **names = NULL;
        kr_memory_fail_at(n);
        kr_status status = kr_folder_begin(ctx, path, 1, &writer);
        if (status == KR_OK) status = kr_folder_commit(ctx, &writer);
        if (status == KR_OK) status = kr_folder_list(ctx, kr_test_folder, &count, &names);
        kr_memory_fail_at(0);
        kr_folder_abandon(&writer);
        kr_names_free(count, names);
        assert_int_equal(kr_memory_live(), before);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
    }
    assert_int_equal(entries(ctx), present + 1);
    kr_free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_file), cmocka_unit_test(test_file_errors),
                                       cmocka_unit_test(test_folder), cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, kr_test_folder_setup, kr_test_folder_teardown);
}
