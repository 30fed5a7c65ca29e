/* Cells: inverse, faces, wrapping, partial periodicity, singular boxes, reduction.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/cell.h"
#include "core/memory.h"
#include "kr_test.h"

static kr_context *ctx;
static uint64_t seed = 7;
static double uniform(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) * (2.0 / 9007199254740992.0) - 1;
}

static void test_definition(void **state) {
    (void)state;
    const double box[9] = {2, 0, 0, 1, 3, 0, -1, 0.5, 4};
    const double x[3] = {0.3, -0.2, 0.7};
    kr_cell cell;
    double s[3], back[3];
    kr_assert_ok(ctx, kr_cell_set(ctx, box, NULL, &cell));
    assert_true(cell.pbc[0] && cell.pbc[1] && cell.pbc[2]);
    kr_assert_near(cell.volume, 24, 0, 1e-15);
    kr_assert_near(cell.face[2], 4, 0, 1e-15);                                      /* c_z over the xy plane */
    kr_assert_near(cell.face[0], 24 / sqrt(12 * 12 + 4 * 4 + 3.5 * 3.5), 0, 1e-15); /* b × c = (12, 4, 3.5) */
    kr_cell_to_fractional(&cell, x, s);
    kr_cell_to_cartesian(&cell, s, back);
    kr_assert_close(3, back, x, 1e-15, 0);
    for (int i = 0; i < 3; i++) kr_assert_near(s[0] * box[i] + s[1] * box[3 + i] + s[2] * box[6 + i], x[i], 1e-15, 0);
}

static void test_wrap(void **state) {
    (void)state;
    for (int n = 0; n < 2000; n++) {
        double box[9], x[3], start[3], s[3];
        int shift[3];
        unsigned char pbc[3];
        kr_cell cell;
        for (int i = 0; i < 9; i++) box[i] = 5 * uniform() + (i % 4 == 0 ? (n % 2 ? 9 : -9) : 0);
        for (int k = 0; k < 3; k++) pbc[k] = uniform() > -0.5;
        kr_assert_ok(ctx, kr_cell_set(ctx, box, pbc, &cell));
        for (int i = 0; i < 3; i++) start[i] = x[i] = 200 * uniform();
        kr_cell_wrap(&cell, x, shift);
        kr_cell_to_fractional(&cell, x, s);
        for (int k = 0; k < 3; k++) {
            assert_true(!pbc[k] || (s[k] > -1e-12 && s[k] < 1 + 1e-12));
            assert_true(pbc[k] || shift[k] == 0);
            kr_assert_near(x[k] + shift[0] * box[k] + shift[1] * box[3 + k] + shift[2] * box[6 + k], start[k], 1e-11,
                           0);
        }
    }
    /* Just below a face: the sum rounds to the face itself, which is outside. */
    const double cube[9] = {10, 0, 0, 0, 10, 0, 0, 0, 10};
    double x[3] = {-1e-18, 10, -10};
    int shift[3];
    kr_cell cell;
    kr_assert_ok(ctx, kr_cell_set(ctx, cube, NULL, &cell));
    kr_cell_wrap(&cell, x, shift);
    for (int k = 0; k < 3; k++) assert_true(x[k] >= 0 && x[k] < 10);
    assert_true(shift[0] == 0 && shift[1] == 1 && shift[2] == -1);
    kr_cell_wrap(&cell, x, NULL);
}

static void test_open(void **state) {
    (void)state;
    kr_cell cell;
    double x[3] = {-3, 400, 7}, same[3] = {-3, 400, 7};
    int shift[3];
    kr_assert_ok(ctx, kr_cell_set(ctx, NULL, NULL, &cell));
    assert_true(!cell.pbc[0] && !cell.pbc[1] && !cell.pbc[2]);
    kr_cell_wrap(&cell, x, shift);
    assert_memory_equal(x, same, sizeof x);
    /* Open directions may have zero vectors: slabs, wires, and a box of zeros. */
    for (int mask = 0; mask < 8; mask++) {
        double box[9] = {3, 1, 0, -1, 4, 0.5, 0.2, 0.1, 5};
        unsigned char pbc[3];
        for (int k = 0; k < 3; k++) {
            pbc[k] = mask >> k & 1;
            for (int i = 0; i < 3 && !pbc[k]; i++) box[3 * k + i] = 0;
        }
        kr_assert_ok(ctx, kr_cell_set(ctx, box, pbc, &cell));
        for (int k = 0; k < 3; k++) {
            if (pbc[k]) continue;
            for (int l = 0; l < 3; l++) {
                double d = 0;
                for (int i = 0; i < 3; i++) d += cell.box[3 * k + i] * cell.box[3 * l + i];
                kr_assert_near(d, k == l, 1e-15, 0);
            }
        }
    }
}

static void test_singular(void **state) {
    (void)state;
    const double bad[][9] = {{1, 0, 0, 2, 0, 0, 0, 0, 1},        {0, 0, 0, 0, 1, 0, 0, 0, 1},
                             {1, 2, 3, 4, 5, 6, 7, 8, 9},        {1, 0, 0, 0, 1, 0, 0, 0, NAN},
                             {1, 0, 0, 0, INFINITY, 0, 0, 0, 1}, {1e200, 0, 0, 0, 1e200, 0, 0, 0, 1e200}};
    kr_cell cell;
    for (int i = 0; i < 6; i++) assert_int_equal(kr_cell_set(ctx, bad[i], NULL, &cell), KR_ERR_ARGUMENT);
    assert_int_equal(kr_cell_set(ctx, bad[0], NULL, &cell), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "(1 0 0) (2 0 0) (0 0 1)"));
    const double flat[9] = {1, 0, 0, 1, 1e-4, 0, 0, 0, 1}; /* strongly skewed is fine */
    kr_assert_ok(ctx, kr_cell_set(ctx, flat, NULL, &cell));
}

/* A sheared lattice comes back to its short vectors; the transform is unimodular and exact. */
static void test_reduce(void **state) {
    (void)state;
    for (int n = 0; n < 500; n++) {
        double base[9], box[9];
        int t[9];
        unsigned char pbc[3] = {1, 1, 1};
        kr_cell cell, reduced, original;
        for (int i = 0; i < 9; i++) base[i] = 0.8 * uniform() + (i % 4 == 0 ? 4 : 0);
        memcpy(box, base, sizeof box);
        for (int k = 0; k < 6; k++) { /* shears keep the lattice */
            int a = (int)(seed >> 33) % 3, b = (a + 1 + (k & 1)) % 3;
            double f = rint(6 * uniform());
            for (int i = 0; i < 3; i++) box[3 * a + i] += f * box[3 * b + i];
        }
        if (n % 5 == 0) pbc[n % 3] = 0;
        kr_assert_ok(ctx, kr_cell_set(ctx, base, NULL, &original));
        if (kr_cell_set(ctx, box, pbc, &cell) != KR_OK) continue;
        kr_cell_reduce(&cell, &reduced, t);
        int det = t[0] * (t[4] * t[8] - t[5] * t[7]) - t[1] * (t[3] * t[8] - t[5] * t[6]) +
                  t[2] * (t[3] * t[7] - t[4] * t[6]);
        assert_true(det == 1 || det == -1);
        for (int k = 0; k < 3; k++)
            for (int i = 0; i < 3 && pbc[k]; i++) {
                double v = t[3 * k] * box[i] + t[3 * k + 1] * box[3 + i] + t[3 * k + 2] * box[6 + i];
                kr_assert_near(reduced.box[3 * k + i], v, 1e-9, 0);
            }
        if (n % 5 == 0) continue;
        kr_assert_near(reduced.volume, cell.volume, 0, 1e-9);
        for (int k = 0; k < 3; k++)
            if (reduced.face[k] < 2) fail_msg("draw %d: faces %g Å apart", n, reduced.face[k]);
    }
    const double cube[9] = {10, 0, 0, 0, 11, 0, 0, 0, 12};
    const int identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    kr_cell cell, reduced;
    int t[9];
    kr_assert_ok(ctx, kr_cell_set(ctx, cube, NULL, &cell));
    kr_cell_reduce(&cell, &reduced, t);
    assert_memory_equal(t, identity, sizeof t);
    assert_memory_equal(&cell, &reduced, sizeof cell);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_definition), cmocka_unit_test(test_wrap),
                                       cmocka_unit_test(test_open), cmocka_unit_test(test_singular),
                                       cmocka_unit_test(test_reduce)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
