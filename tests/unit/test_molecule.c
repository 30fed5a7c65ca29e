/* Whole molecules: the few blocks of one thread, held and computed in alternate order, give the same bits in every
 * call and as two threads, which hold nothing; failures name the same atom.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "kr_test.h"
#include <kramers/kramers.h>
#include <stdio.h>
#include <string.h>

enum { ATOMS = 7 };

typedef struct values {
    double energy, atom_energy[ATOMS], force[3 * ATOMS], virial[9], atom_virial[9 * ATOMS];
} values;

/* Two waters and a hydrogen, Å. */
static const double molecule[3 * ATOMS] = {0.03, 0.05, 0,    2.35, 0.02, 0.1, 1.19, 0.06, 0,    0.50, 0.87,
                                           0,    1.91, 0.86, 0,    2.9,  1.0, 0.9,  -0.8, -0.5, 0.3};
static const int types[ATOMS] = {0, 0, 1, 1, 1, 1, 1};

static kr_status compute(const kr_potential *p, kr_workspace *w, const double *x, values *v) {
    const kr_result result = {&v->energy, v->atom_energy, v->force, v->virial, v->atom_virial};
    memset(v, 0, sizeof *v);
    return kr_potential_compute_frame(p, w, ATOMS, x, types, NULL, NULL, NULL, NULL, &result);
}

static void load(int precision, int exact, kr_context **ctx, kr_potential **p, kr_workspace **w) {
    const char *path = KR_SOURCE_DIR "/examples/models/water_se_e2_a.dp";
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    options.precision = precision;
    options.table = exact ? KR_TABLE_OFF : KR_TABLE_SPLINE;
    options.tolerance = 1e-4;
    assert_int_equal(kr_context_create(ctx), KR_OK);
    kr_assert_ok(*ctx, kr_potential_load(*ctx, 1, &path, &options, p));
    kr_assert_ok(*ctx, kr_workspace_create(*ctx, *p, w));
}

static void same_bits(void **state) {
    (void)state;
    for (int precision = 0; precision < 3; precision++) { /* double, mixed, exact network */
        kr_context *ctx;
        kr_potential *p;
        kr_workspace *w;
        values first, other;
        load(precision == 1, precision == 2, &ctx, &p, &w);
        kr_context_set_threads(ctx, 2);
        kr_assert_ok(ctx, compute(p, w, molecule, &first));
        static const int threads[] = {1, 1, 1, 2, 1, 3, 8, 1};
        for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
            kr_context_set_threads(ctx, threads[k]);
            kr_assert_ok(ctx, compute(p, w, molecule, &other));
            assert_memory_equal(&first, &other, sizeof first);
        }
        kr_workspace_destroy(&w);
        kr_potential_destroy(&p);
        kr_context_destroy(&ctx);
    }
}

/* A place that is no number for an oxygen and a hydrogen, so in both blocks: the oxygen is named, in every call. */
static void failures(void **state) {
    (void)state;
    kr_context *ctx;
    kr_potential *p;
    kr_workspace *w;
    values v;
    double x[3 * ATOMS];
    char told[512];
    load(0, 0, &ctx, &p, &w);
    memcpy(x, molecule, sizeof x);
    for (int k = 0; k < 3; k++) x[15 + k] = x[3 + k]; /* atoms 1 and 5 in one place */
    kr_context_set_threads(ctx, 2);
    assert_int_equal(compute(p, w, x, &v), KR_ERR_NUMERIC);
    snprintf(told, sizeof told, "%s", kr_context_message(ctx));
    assert_non_null(strstr(told, "atom 1 (O)"));
    kr_context_set_threads(ctx, 1);
    for (int k = 0; k < 4; k++) {
        assert_int_equal(compute(p, w, x, &v), KR_ERR_NUMERIC);
        assert_string_equal(kr_context_message(ctx), told);
    }
    kr_assert_ok(ctx, compute(p, w, molecule, &v)); /* and it goes on */
    kr_workspace_destroy(&w);
    kr_potential_destroy(&p);
    kr_context_destroy(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits), cmocka_unit_test(failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
