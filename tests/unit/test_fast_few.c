/* Few centres, few neighbours: blocks of any number of rows give what one long block gives, to rounding.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Long blocks use packed products and moments, short ones integers and pairs (core/twoway.h, isa/fast_few.inl). */
#include "kr_test.h"
#include "potential/fast_internal.h"

enum { CENTERS = 12 };

static void compare(const char *what, int n, const double *a, const double *b, double tolerance) {
    double scale = 0, worst = 0;
    for (int k = 0; k < n; k++) scale = fmax(scale, fabs(a[k]));
    for (int k = 0; k < n; k++) worst = fmax(worst, fabs(a[k] - b[k]));
    if (!(worst <= tolerance * scale)) fail_msg("%s: differs by %.3g of %.3g", what, worst, scale);
}

static void check(kr_context *ctx, const kr_fast *fast, int type, double tolerance) {
    kr_fast_probe probe;
    kr_fast_workspace *ws = NULL;
    kr_assert_ok(ctx,
                 kr_fast_probe_create(ctx, fast->model, NULL, type, fast->grid.segment[0].r_begin, CENTERS, &probe));
    kr_assert_ok(ctx, kr_fast_workspace_create(ctx, fast, &ws));
    const kr_env *all = &probe.env;
    const size_t nt = (size_t)all->ntypes;
    double *energy = kr_calloc(ctx, 2 * (size_t)all->natoms, sizeof *energy), *again = energy + all->natoms;
    double *gr = kr_calloc(ctx, 6 * (size_t)all->npairs, sizeof *gr), *gr_again = gr + 3 * all->npairs;
    static const double zero[4096];
    kr_assert_ok(ctx, kr_fast_block(ctx, fast, all, zero, zero, energy, gr, ws));
    static const int sizes[] = {1, 2, 3, 4, 7, 9};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int rows = sizes[s];
        for (int i = 0, n; i < all->natoms; i += n) {
            n = all->natoms - i < rows ? all->natoms - i : rows;
            kr_env part = *all;
            part.natoms = n;
            part.center_type += i;
            part.first += (size_t)i * nt;
            kr_assert_ok(ctx, kr_fast_block(ctx, fast, &part, zero, zero, again + i, gr_again, ws));
        }
        for (int i = 0; i < all->natoms; i++) { /* energies differ from the isolated atom by little: compare these */
            energy[i] -= fast->center[type].energy;
            again[i] -= fast->center[type].energy;
        }
        compare("energies", all->natoms, energy, again, tolerance);
        compare("gradients", 3 * all->npairs, gr, gr_again, tolerance);
        for (int i = 0; i < all->natoms; i++) energy[i] += fast->center[type].energy;
    }
    kr_fast_workspace_destroy(&ws);
    kr_fast_probe_free(&probe);
    kr_free(energy);
    kr_free(gr);
}

/* every: all instruction sets, otherwise the plainest and the best */
static void one_model(const char *path, double tolerance, int every) {
    kr_context *ctx = NULL;
    kr_model *model = NULL;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    kr_assert_ok(ctx, kr_model_load(ctx, path, &model));
    for (int isa = 0; isa < KR_ISA_COUNT; isa++)
        for (int single = 0; single < 2 && kr_isa_available((kr_isa)isa); single++) {
            if (!every && isa > 0 && isa + 1 < KR_ISA_COUNT && kr_isa_available((kr_isa)(isa + 1))) continue;
            kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
            kr_fast *fast = NULL;
            const char *reason = NULL;
            options.isa = kr_isa_name((kr_isa)isa);
            options.precision = single ? KR_PRECISION_MIXED : KR_PRECISION_DOUBLE;
            options.tolerance = tolerance;
            kr_assert_ok(ctx, kr_fast_create(ctx, model, &options, &fast, &reason));
            assert_non_null(fast);
            assert_int_equal(fast->rounded, !single && tolerance > 1e-8);
            for (int t = 0; t < fast->ntypes; t++) check(ctx, fast, t, single ? 3e-5 : 1e-12);
            kr_fast_destroy(&fast);
        }
    kr_model_destroy(&model);
    kr_context_destroy(&ctx);
}

static void water(void **state) {
    (void)state;
    one_model(KR_SOURCE_DIR "/examples/models/water_se_e2_a.dp", 1e-4, 0);
}
static void copper(void **state) {
    (void)state;
    one_model(KR_SOURCE_DIR "/examples/models/copper_se_e2_a.dp", 1e-4, 0);
}
static void other_kinds(void **state) {
    (void)state;
    static const char *const names[] = {"se_e2_a_excl_dt_gelu", "se_e2_a_fpap",     "se_e2_r_oneside",
                                        "dpa1_strip_attn0",     "dpa1_lmax3_strip", "dpa1_lmax4"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        char path[512];
        snprintf(path, sizeof path, KR_TEST_DATA "/deepmd/%s.dp", names[k]);
        one_model(path, k == 0 ? 1e-9 : 1e-4, 1); /* the first: weights as they are */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(water), cmocka_unit_test(copper),
                                       cmocka_unit_test(other_kinds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
