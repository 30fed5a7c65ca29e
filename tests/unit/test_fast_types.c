/* Splines for some types of a model only: used_types of kr_potential_options.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "kr_test.h"
#include "potential/fast_internal.h"
#include "potential/potential_impl.h"
#include "random_model.h"

enum { ATOMS = 14, TYPES = 9 };

typedef struct fixture {
    kr_context *ctx;
    kr_model *model;
    kr_potential *exact, *fast;
    kr_workspace *exact_workspace, *fast_workspace;
    kr_random_frame frame;
    unsigned char used[TYPES];
} fixture;

static void open_case(fixture *f, const char *descriptor, uint64_t seed, kr_precision precision) {
    kr_random_model_options options = {.descriptor = descriptor, .seed = seed, .ntypes = TYPES, .plain = 1};
    kr_potential_options off = KR_POTENTIAL_OPTIONS_INIT, some = KR_POTENTIAL_OPTIONS_INIT;
    *f = (fixture){.used = {[2] = 1, [5] = 1, [6] = 1}};
    off.table = KR_TABLE_OFF;
    some.used_types = f->used;
    some.precision = precision;
    assert_int_equal(kr_context_create(&f->ctx), KR_OK);
    kr_assert_ok(f->ctx, kr_random_model(f->ctx, &options, &f->model));
    kr_assert_ok(f->ctx, kr_potential_create(f->ctx, 1, (const kr_model *const *)&f->model, &off, &f->exact));
    kr_assert_ok(f->ctx, kr_potential_create(f->ctx, 1, (const kr_model *const *)&f->model, &some, &f->fast));
    memset(f->used, 1, sizeof f->used); /* it was copied */
    kr_assert_ok(f->ctx, kr_workspace_create(f->ctx, f->exact, &f->exact_workspace));
    kr_assert_ok(f->ctx, kr_workspace_create(f->ctx, f->fast, &f->fast_workspace));
    kr_assert_ok(f->ctx, kr_random_frame_make(f->ctx, f->model, ATOMS, (int)(seed % 2), seed, &f->frame));
}

static void close_case(fixture *f) {
    kr_random_frame_free(&f->frame);
    kr_workspace_destroy(&f->exact_workspace);
    kr_workspace_destroy(&f->fast_workspace);
    kr_potential_destroy(&f->exact);
    kr_potential_destroy(&f->fast);
    kr_model_destroy(&f->model);
    kr_context_destroy(&f->ctx);
}

/* Energies and forces of the frame with the given types; the largest difference of a force. */
static double compare(fixture *f, const int *type, double tolerance) {
    double e[2], ei[2][ATOMS], force[2][3 * ATOMS], most = 0;
    const kr_random_frame *r = &f->frame;
    for (int which = 0; which < 2; which++) {
        kr_result result = {.energy = &e[which], .atom_energy = ei[which], .force = force[which]};
        kr_assert_ok(f->ctx, kr_potential_compute_frame(
                                 which ? f->fast : f->exact, which ? f->fast_workspace : f->exact_workspace, r->n, r->x,
                                 type, r->periodic ? r->box : NULL, NULL, r->fparam, r->aparam, &result));
    }
    kr_assert_close(ATOMS, ei[1], ei[0], 2 * tolerance, 0);
    for (int k = 0; k < 3 * ATOMS; k++) {
        double error = fabs(force[1][k] - force[0][k]);
        if (!(error <= most)) most = error;
    }
    assert_true(most <= tolerance);
    return most;
}

static const char *const kinds[] = {"se_e2_a", "se_r", "dpa1", "se_atten_v2"};

/* Tables for the types in use only; the same numbers for them, for all others and for mixtures. */
static void same_numbers(void **state) {
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int run = 0, seed = 11; run < 3; seed++) {
            fixture f;
            assert_true(seed < 30);
            kr_precision precision = run == 2 ? KR_PRECISION_MIXED : KR_PRECISION_DOUBLE;
            double tolerance = run == 2 ? 5e-5 : 1e-6;
            static const int in_use[3] = {2, 5, 6}, others[3] = {0, 4, 8};
            int type[ATOMS];
            open_case(&f, kinds[k], (uint64_t)seed, precision);
            if (!f.fast->fast[0]) { /* a model that no splines can stand for */
                close_case(&f);
                continue;
            }
            for (int t = 0; t < TYPES; t++)
                assert_int_equal(f.fast->fast[0]->center[t].present, t == 2 || t == 5 || t == 6);
            for (int i = 0; i < ATOMS; i++) type[i] = in_use[i % 3];
            double within = compare(&f, type, tolerance);
            assert_true(within > 0); /* by splines */
            for (int i = 0; i < ATOMS; i++) type[i] = others[i % 3];
            assert_true(compare(&f, type, 0) == 0); /* by the reference path */
            for (int i = 0; i < ATOMS; i++) type[i] = i % TYPES;
            compare(&f, type, tolerance);
            for (int i = 0; i < ATOMS; i++) type[i] = i ? in_use[i % 3] : 7;
            double one = compare(&f, type, tolerance);
            print_message("%s: %.1e, with one atom of another type %.1e eV/A\n", kinds[k], within, one);
            close_case(&f);
            run++;
        }
}

static void refused(const kr_model *model, kr_context *ctx, const unsigned char *used, const char *why) {
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    kr_potential *p = NULL;
    options.used_types = used;
    kr_assert_ok(ctx, kr_potential_create(ctx, 1, &model, &options, &p));
    assert_null(p->fast[0]);
    assert_non_null(strstr(p->reason[0], why));
    kr_potential_destroy(&p);
}

/* Many types without a word about which occur: no minutes of waiting. */
static void many_types(void **state) {
    (void)state;
    kr_random_model_options options = {.descriptor = "dpa1", .seed = 3, .ntypes = 60, .sel = 1, .plain = 1};
    kr_potential_options some = KR_POTENTIAL_OPTIONS_INIT;
    kr_context *ctx = NULL;
    kr_model *model = NULL;
    kr_potential *p = NULL;
    unsigned char used[60] = {0};
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    kr_assert_ok(ctx, kr_random_model(ctx, &options, &model));
    refused(model, ctx, NULL, "used_types");
    refused(model, ctx, used, "none of its types");
    used[17] = used[59] = 1;
    some.used_types = used;
    kr_assert_ok(ctx, kr_potential_create(ctx, 1, (const kr_model *const *)&model, &some, &p));
    assert_non_null(p->fast[0]);
    print_message("2 of 60 types in %.0f ms\n", p->fast[0]->build_ms);
    kr_potential_destroy(&p);
    kr_model_destroy(&model);
    kr_context_destroy(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_numbers), cmocka_unit_test(many_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
