/* model_devi.out: what the fixtures hold, written again, is the same to the byte.
 * SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <kramers/devi_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_BYTES 200000
#define MAX_ATOMS 256

static char made[] = "/tmp/kramers-devi-XXXXXX";

static char *read_all(const char *path) {
    char *text = malloc(MAX_BYTES);
    assert_non_null(text);
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    text[fread(text, 1, MAX_BYTES - 1, stream)] = '\0';
    fclose(stream);
    return text;
}

/* Reads the rows of a file and hands them to the writer. */
static void copy_rows(kr_context *ctx, kr_devi_file *file, const char *text, int cli, int atomic) {
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        if (*line == '#') continue;
        char *at;
        const long step = strtol(line, &at, 10);
        kr_deviation d;
        double *const field[] = {&d.max_v, &d.min_v, &d.avg_v, &d.max_f, &d.min_f, &d.avg_f, &d.devi_e};
        for (int k = 0; k < (cli ? 7 : 6); k++) *field[k] = strtod(at, &at);
        double epsilon[MAX_ATOMS];
        int n = 0;
        while (atomic && *at != '\n') epsilon[n++] = strtod(at, &at);
        assert_int_equal(kr_devi_file_write(ctx, file, step, &d, n, epsilon), KR_OK);
    }
}

static void same_bytes(const char *fixture, kr_devi_layout layout, int atomic) {
    kr_context *ctx;
    kr_devi_file *file;
    char path[1024];
    snprintf(path, sizeof path, "%s/deepmd_kit/model_devi/%s", KR_TEST_DATA, fixture);
    char *expected = read_all(path);
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    assert_int_equal(kr_devi_file_open(ctx, made, layout, atomic, 0, &file), KR_OK);
    if (layout == KR_DEVI_CLI) assert_int_equal(kr_devi_file_system(ctx, file, "sys"), KR_OK);
    copy_rows(ctx, file, expected, layout == KR_DEVI_CLI, atomic);
    kr_devi_file_close(&file);
    assert_null(file);
    char *text = read_all(made);
    assert_string_equal(text, expected);
    free(text);
    free(expected);
    kr_context_destroy(&ctx);
}

static void test_lammps_layout(void **state) {
    (void)state;
    same_bytes("md_plain.out", KR_DEVI_LAMMPS, 0);
    same_bytes("md_atomic.out", KR_DEVI_LAMMPS, 1);
    same_bytes("md_all.out", KR_DEVI_LAMMPS, 1);
}

static void test_cli_layout(void **state) {
    (void)state;
    same_bytes("cli_plain.out", KR_DEVI_CLI, 0);
}

/* Continuing writes no second header, unless there is nothing to continue. */
static void test_append(void **state) {
    (void)state;
    kr_context *ctx;
    kr_devi_file *file;
    const kr_deviation d = {1, 2, 3, 4, 5, 6, 7};
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    unlink(made);
    for (int run = 0; run < 2; run++) {
        assert_int_equal(kr_devi_file_open(ctx, made, KR_DEVI_LAMMPS, 0, 1, &file), KR_OK);
        assert_int_equal(kr_devi_file_write(ctx, file, run, &d, 0, NULL), KR_OK);
        kr_devi_file_close(&file);
    }
    char *text = read_all(made);
    assert_int_equal(text[0], '#');
    assert_null(strchr(text + 1, '#'));
    assert_non_null(strstr(text, "\n           0 "));
    assert_non_null(strstr(text, "\n           1 "));
    free(text);
    kr_context_destroy(&ctx);
}

static void test_errors(void **state) {
    (void)state;
    kr_context *ctx;
    kr_devi_file *file = NULL;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    assert_int_equal(kr_devi_file_open(ctx, "/no/such/folder/x", KR_DEVI_LAMMPS, 0, 0, &file), KR_ERR_IO);
    assert_null(file);
    assert_non_null(strstr(kr_context_message(ctx), "/no/such/folder/x"));
    assert_int_equal(kr_devi_file_open(ctx, "/dev/full", KR_DEVI_LAMMPS, 0, 0, &file), KR_ERR_IO);
    assert_null(file);
    kr_context_destroy(&ctx);
}

int main(void) {
    const int handle = mkstemp(made);
    if (handle < 0) return 1;
    close(handle);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lammps_layout), cmocka_unit_test(test_cli_layout),
                                       cmocka_unit_test(test_append), cmocka_unit_test(test_errors)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(made);
    return failed;
}
