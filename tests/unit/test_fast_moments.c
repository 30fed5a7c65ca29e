/* The fast path with angular moments beyond l = 1 against the reference path: every degree and instruction set, both
 * precisions, one and several types, ghosts of triclinic cells, lone atoms; and what stays refused.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/isa.h"
#include "kr_test.h"
#include "potential/fast_internal.h"
#include "potential/potential_impl.h"
#include "random_model.h"

enum { MOST = 60 };

typedef struct outcome {
    double energy, atom_energy[MOST], force[3 * MOST], virial[9];
} outcome;

static void evaluate(kr_context *ctx, const kr_model *model, const kr_potential_options *options,
                     const kr_random_frame *f, outcome *o, const char **reason) {
    kr_potential *p = NULL;
    kr_workspace *ws = NULL;
    memset(o, 0xff, sizeof *o); /* NaN */
    kr_result result = {.energy = &o->energy, .atom_energy = o->atom_energy, .force = o->force, .virial = o->virial};
    kr_assert_ok(ctx, kr_potential_create(ctx, 1, &model, options, &p));
    kr_assert_ok(ctx, kr_workspace_create(ctx, p, &ws));
    kr_assert_ok(ctx, kr_potential_compute_frame(p, ws, f->n, f->x, f->type, f->periodic ? f->box : NULL, NULL,
                                                 f->fparam, f->aparam, &result));
    *reason = p->fast[0] ? NULL : p->reason[0];
    if (p->fast[0]) {
        assert_int_equal(p->fast[0]->lmax, model->descriptor.lmax);
        assert_true(p->fast[0]->columns >= model->descriptor.nmoment);
    }
    kr_workspace_destroy(&ws);
    kr_potential_destroy(&p);
}

static double largest(int n, const double *a, const double *b) {
    double most = 0;
    for (int i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= most)) most = fabs(a[i] - b[i]);
    return most;
}

/* All instruction sets and precisions; returns 0 when the model has no fast path. */
static int check_frame(kr_context *ctx, const kr_model *model, const kr_random_frame *f, double worst[2]) {
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    outcome exact, fast;
    const char *reason;
    options.table = KR_TABLE_OFF;
    evaluate(ctx, model, &options, f, &exact, &reason);
    options.table = KR_TABLE_SPLINE;
    for (int run = 0; run < 2 * KR_ISA_COUNT; run++) {
        const int mixed = run % 2;
        const double tolerance = mixed ? 5e-5 : 1e-6;
        if (!kr_isa_available((kr_isa)(run / 2))) continue;
        options.isa = kr_isa_name((kr_isa)(run / 2));
        options.precision = mixed ? KR_PRECISION_MIXED : KR_PRECISION_DOUBLE;
        evaluate(ctx, model, &options, f, &fast, &reason);
        if (reason) return 0;
        double error = largest(3 * f->n, fast.force, exact.force);
        worst[mixed] = fmax(worst[mixed], error);
        if (!(error <= tolerance)) fail_msg("%s, %s: %.2g eV/A", options.isa, mixed ? "mixed" : "double", error);
        kr_assert_close(f->n, fast.atom_energy, exact.atom_energy, 2 * tolerance, 0);
        kr_assert_near(fast.energy, exact.energy, 2 * tolerance * f->n, 1e-12);
        kr_assert_close(9, fast.virial, exact.virial, 10 * tolerance * f->n, 0);
    }
    return 1;
}

static void every_degree(void **state) {
    (void)state;
    static const char *const kinds[] = {"dpa1/2", "dpa1/3", "dpa1/4", "dpa1/2s", "dpa1/3s", "dpa1/4s"};
    static const int sizes[] = {1, 2, 5, 14, MOST};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        double worst[2] = {0, 0};
        int runs = 0;
        for (uint64_t seed = 1; runs < 5; seed++) {
            kr_random_model_options wanted = {.descriptor = kinds[k], .seed = seed, .plain = 1};
            kr_context *ctx = NULL;
            kr_model *model = NULL;
            kr_random_frame frame;
            const int n = sizes[runs];
            assert_true(seed < 30);
            assert_int_equal(kr_context_create(&ctx), KR_OK);
            kr_assert_ok(ctx, kr_random_model(ctx, &wanted, &model));
            kr_assert_ok(ctx, kr_random_frame_make(ctx, model, n, n > 2, seed, &frame));
            if (n == 5) frame.periodic = 0; /* open, and the last one out of reach */
            if (n == 5) frame.x[12] += 50;
            runs += check_frame(ctx, model, &frame, worst);
            kr_random_frame_free(&frame);
            kr_model_destroy(&model);
            kr_context_destroy(&ctx);
        }
        print_message("%s: double %.1e, mixed %.1e eV/A\n", kinds[k], worst[0], worst[1]);
    }
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *name, *why;
        kr_table table;
    } cases[] = {{"dpa1_lmax2_attn", "attention", KR_TABLE_SPLINE}, {"dpa1_lmax3_strip", "lmax", KR_TABLE_DEEPMD}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char path[512];
        const char *paths[] = {path};
        kr_context *ctx = NULL;
        kr_potential *p = NULL;
        kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
        options.table = cases[k].table;
        snprintf(path, sizeof path, KR_TEST_DATA "/deepmd/%s.dp", cases[k].name);
        assert_int_equal(kr_context_create(&ctx), KR_OK);
        kr_assert_ok(ctx, kr_potential_load(ctx, 1, paths, &options, &p));
        assert_null(p->fast[0]);
        assert_non_null(strstr(p->reason[0], cases[k].why));
        kr_potential_destroy(&p);
        kr_context_destroy(&ctx);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_degree), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
