/* POSCAR: dialects, round trip, each way to be broken.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/formats.h"
#include "core/frames.h"
#include "core/memory.h"
#include "kr_test.h"
#include <unistd.h>

static kr_status parse(kr_context *ctx, const char *text, kr_dataset **data) {
    static const char *const elements[] = {"Na", "Cl"};
    const kr_read_options options = {2, elements};
    kr_assert_ok(ctx, kr_dataset_create(ctx, data));
    return kr_poscar_parse(ctx, text, strlen(text), "POSCAR", &options, *data);
}

#define CELL "4.0 0 0\n0 4.0 0\n0.0 1.0 5.0\n"

static void expect(kr_context *ctx, const char *text, int n, const char *first, const double *x) {
    kr_dataset *data;
    kr_assert_ok(ctx, parse(ctx, text, &data));
    const kr_system *s = data->system[0];
    assert_int_equal(s->natoms, n);
    assert_string_equal(s->type_map[s->type[0]], first);
    assert_true(s->pbc[0] && s->pbc[1] && s->pbc[2]);
    kr_assert_close(3, s->coord + 3 * (n - 1), x, 1e-12, 0);
    kr_dataset_destroy(&data);
}

static void test_dialects(void **state) {
    kr_context *ctx = *state;
    const double last[3] = {2, 2.5, 2.5}, cartesian[3] = {2, 4, 6}, volume[3] = {4, 5, 5}, flags[3] = {1, 1.5, 2.5};
    expect(ctx, "rock salt\n1.0\n" CELL "Na Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n", 2, "Na", last);
    expect(ctx, "rock salt\r\n1.0\r\n4 0 0\r\n0 4 0\r\n0 1 5\r\nK\r\n2\r\ndirect\r\n0 0 0\r\n.5 .5 .5 K\r\n", 2, "K",
           last);
    expect(ctx, "x\n2.0\n" CELL "Fe_pv H.5\n1 2\nCartesian\n0 0 0\n0 0 0\n1 2 3\n\n 0.1 0.1 0.1\n", 3, "Fe", cartesian);
    expect(ctx, "x\n-640\n" CELL "Na Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n", 2, "Na", volume); /* 80 · 8 Å³ */
    expect(ctx, "old file\n1\n" CELL "1 1\nD\n0 0 0\n0.5 0.5 0.5\n", 2, "Na", last);           /* names of the caller */
    expect(ctx, "x\n1\n" CELL "Na Cl\n1 1\nSelective dynamics\nDirect\n0 0 0 T T F\n0.25 0.25 0.5 F F F\n", 2, "Na",
           flags);
}

static void test_errors(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *text, *message;
    } cases[] = {{"x\n", "where the scale should be"},
                 {"x\n0\n" CELL "Na\n1\nDirect\n0 0 0\n", "no volume"},
                 {"x\n1\n4 0\n", "expected 3 numbers for a cell vector"},
                 {"x\n1\n" CELL "Na Cl\n1\nDirect\n0 0 0\n", "1 numbers of atoms for 2 symbols"},
                 {"x\n1\n" CELL "Na\n-1\nDirect\n", "numbers of atoms"},
                 {"x\n1\n" CELL "Na\n99999999\nDirect\n0 0 0\n", "too short for 99999999 atoms"},
                 {"x\n1\n" CELL "Na\n2\nDirect\n0 0 0\n0 0 z\n", "POSCAR:10: '0 0 z', expected 3 numbers"},
                 {"x\n1\n" CELL "1 1 1\nDirect\n0 0 0\n", "names no elements"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        kr_dataset *data;
        assert_int_equal(parse(ctx, cases[k].text, &data), KR_ERR_FORMAT);
        if (!strstr(kr_context_message(ctx), cases[k].message)) {
            print_error("message: %s\nexpected: %s\n", kr_context_message(ctx), cases[k].message);
            fail();
        }
        kr_dataset_destroy(&data);
    }
}

/* Written and read again by its name alone: sorted by element, the same bits. */
static void test_round_trip(void **state) {
    kr_context *ctx = *state;
    static const char text[] = "x\n1.0\n" CELL "Na Cl Na\n1 1 1\nCartesian\n0.1 0.2 0.3\n1.1 1.2 1.3\n2.1 2.2 2.3\n";
    char folder[] = "/tmp/kr_test_poscar_XXXXXX";
    kr_dataset *data, *again;
    assert_non_null(mkdtemp(folder));
    for (int k = 0; k < 2; k++) {
        char *path = kr_path_join(ctx, folder, k ? "CONTCAR" : "a.poscar");
        kr_assert_ok(ctx, parse(ctx, text, &data));
        kr_assert_ok(ctx, kr_dataset_write(ctx, data, path, "poscar", 1));
        kr_assert_ok(ctx, kr_dataset_read(ctx, path, NULL, 0, NULL, &again));
        const double x[9] = {0.1, 0.2, 0.3, 2.1, 2.2, 2.3, 1.1, 1.2, 1.3};
        assert_memory_equal(again->system[0]->coord, x, sizeof x);
        assert_memory_equal(again->system[0]->box, data->system[0]->box, 9 * sizeof(double));
        assert_string_equal(again->system[0]->type_map[again->system[0]->type[2]], "Cl");
        kr_dataset_destroy(&data);
        kr_dataset_destroy(&again);
        unlink(path);
        kr_free(path);
    }
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dialects, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_errors, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
