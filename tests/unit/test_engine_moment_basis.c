/* The moment engine on fewer channels: as near to all channels as the tolerance says, the same bits for any number of
 * threads, every instruction set; the same channels in all parts of a batch.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/isa.h"
#include "kr_test.h"
#include "random_model.h"
#include "training/engine.h"

enum { MOLECULES = 64, ATOMS = 3 * MOLECULES };

typedef struct fixture {
    kr_context *ctx;
    kr_model *model;
    kr_training_frame *frame;
    kr_batch batch;
    double ebar[ATOMS], fbar[3 * ATOMS], wbar[9];
} fixture;

typedef struct outcome {
    double energy[ATOMS], force[3 * ATOMS], virial[9], *gtheta;
} outcome;

/* The trained water model; molecules on a shaken lattice. */
static void open_water(fixture *f) {
    kr_system *system;
    kr_test_random r = {3};
    *f = (fixture){0};
    assert_int_equal(kr_context_create(&f->ctx), KR_OK);
    kr_context_set_threads(f->ctx, 1);
    kr_assert_ok(f->ctx, kr_model_load(f->ctx, KR_SOURCE_DIR "/examples/models/water_se_e2_a.dp", &f->model));
    kr_assert_ok(f->ctx, kr_system_create(f->ctx, "water", ATOMS, 1, 0, NULL, 0, &system));
    for (int m = 0; m < MOLECULES; m++)
        for (int a = 0; a < 3; a++) {
            double *x = system->coord + 3 * (3 * m + a), d[3], norm = 0;
            system->type[3 * m + a] = a > 0;
            for (int c = 0; c < 3; c++) {
                d[c] = kr_test_normal(&r);
                norm += d[c] * d[c];
            }
            for (int c = 0; c < 3; c++)
                x[c] = a ? system->coord[9 * m + c] + 0.97 * d[c] / sqrt(norm)
                         : 3.1 * (m /
                                  (c == 0   ? 16
                                   : c == 1 ? 4
                                            : 1) %
                                  4) +
                               0.1 * d[c];
        }
    for (int k = 0; k < 9; k++) system->box[k] = k % 4 ? 0 : 12.4;
    for (int k = 0; k < 3; k++) system->pbc[k] = 1;
    kr_assert_ok(f->ctx, kr_training_frame_create(f->ctx, f->model, system, 0, 0, 0.1, NULL, &f->frame));
    kr_system_destroy(&system);
    f->batch = (kr_batch){.nframes = 1, .frame = &f->frame, .natoms = ATOMS, .npairs = f->frame->env.npairs};
    for (int k = 0; k < ATOMS; k++) f->ebar[k] = 0.1;
    for (int k = 0; k < 3 * ATOMS; k++) f->fbar[k] = kr_test_normal(&r);
    for (int k = 0; k < 9; k++) f->wbar[k] = 0.1 * kr_test_normal(&r);
}

static void close_water(fixture *f) {
    kr_training_frame_destroy(&f->frame);
    kr_model_destroy(&f->model);
    kr_context_destroy(&f->ctx);
}

static outcome outcome_of(fixture *f, const kr_engine_options *options, int set) {
    size_t n = f->model->ntheta;
    outcome o = {.gtheta = malloc(n * sizeof(double))};
    kr_engine *e;
    kr_assert_ok(f->ctx, kr_engine_create(f->ctx, kr_engine_find("moment"), f->model, options, &e));
    kr_assert_ok(f->ctx, kr_engine_value(f->ctx, e, &f->batch, o.energy, o.force, o.virial));
    for (size_t k = 0; k < n; k++) o.gtheta[k] = set ? NAN : 0;
    kr_assert_ok(f->ctx, (set ? kr_engine_set_gradient : kr_engine_gradient)(f->ctx, e, &f->batch, f->ebar, f->fbar,
                                                                             f->wbar, o.gtheta));
    kr_engine_destroy(&e);
    return o;
}

/* Largest difference, of the largest entry. */
static double deviation(size_t n, const double *a, const double *b) {
    double most = 0, largest = 0;
    for (size_t k = 0; k < n; k++) {
        most = fabs(a[k] - b[k]) > most || isnan(a[k]) ? fabs(a[k] - b[k]) : most;
        largest = fmax(largest, fabs(b[k]));
    }
    return most / largest;
}

static double worst(const fixture *f, const outcome *a, const outcome *b) {
    double force = deviation(3 * ATOMS, a->force, b->force),
           gradient = deviation(f->model->ntheta, a->gtheta, b->gtheta);
    return fmax(force, gradient);
}

static void test_tolerance(void **state) {
    (void)state;
    static const double tolerances[] = {1e-3, 1e-5, 1e-7};
    fixture f;
    open_water(&f);
    kr_engine_options options = {.knots = 96};
    outcome all = outcome_of(&f, &options, 0);
    for (int k = 0; k < 3; k++) {
        options.tolerance = tolerances[k];
        outcome fewer = outcome_of(&f, &options, 1);
        double error = worst(&f, &fewer, &all);
        print_message("tolerance %.0e: %.1e\n", tolerances[k], error);
        assert_true(error <= tolerances[k] && error > 1e-6 * tolerances[k]); /* channels are left out */
        free(fewer.gtheta);
    }
    free(all.gtheta);
    close_water(&f);
}

static void test_threads_and_kernels(void **state) {
    (void)state;
    fixture f;
    open_water(&f);
    kr_engine_options options = {.knots = 64, .tolerance = 1e-5};
    outcome one = outcome_of(&f, &options, 0);
    kr_context_set_threads(f.ctx, 3);
    outcome three = outcome_of(&f, &options, 1);
    assert_memory_equal(one.force, three.force, sizeof one.force);
    assert_memory_equal(one.gtheta, three.gtheta, f.model->ntheta * sizeof(double));
    free(three.gtheta);
    for (int isa = 0; isa < KR_ISA_COUNT; isa++)
        for (options.single = 0; options.single < 2 && kr_isa_available((kr_isa)isa); options.single++) {
            options.isa = kr_isa_name((kr_isa)isa);
            outcome o = outcome_of(&f, &options, 1);
            assert_true(worst(&f, &o, &one) <= (options.single ? 1e-3 : 1e-6));
            free(o.gtheta);
        }
    free(one.gtheta);
    close_water(&f);
}

/* A molecule of hydrogen: no oxygen, one pair of types. */
static kr_training_frame *hydrogen(fixture *f) {
    kr_system *system;
    kr_training_frame *frame;
    kr_assert_ok(f->ctx, kr_system_create(f->ctx, "hydrogen", 2, 1, 0, NULL, 0, &system));
    system->type[0] = system->type[1] = 1;
    system->coord[3] = 1.4;
    for (int k = 0; k < 9; k++) system->box[k] = k % 4 ? 0 : 12.4;
    for (int k = 0; k < 3; k++) system->pbc[k] = 1;
    kr_assert_ok(f->ctx, kr_training_frame_create(f->ctx, f->model, system, 0, 0, 0.1, NULL, &frame));
    kr_system_destroy(&system);
    return frame;
}

/* Adds the gradient of one frame to gtheta; as a part of `whole` when that is not NULL. */
static void add_part(fixture *f, kr_engine *e, kr_training_frame *frame, const kr_batch *whole, const double *fbar,
                     double *gtheta) {
    kr_batch part = {.nframes = 1, .frame = &frame, .natoms = frame->natoms, .npairs = frame->env.npairs};
    double energy[ATOMS], force[3 * ATOMS];
    part.whole = whole;
    kr_assert_ok(f->ctx, kr_engine_value(f->ctx, e, &part, energy, force, NULL));
    kr_assert_ok(f->ctx, kr_engine_gradient(f->ctx, e, &part, f->ebar, fbar, NULL, gtheta));
}

/* Processes with few atoms and few types leave out what the whole batch leaves out, so their parts add up to it. */
static void test_parts(void **state) {
    (void)state;
    enum { ALL = ATOMS + 2 };
    fixture f;
    open_water(&f);
    kr_training_frame *frame[] = {f.frame, hydrogen(&f)};
    kr_batch both = {
        .nframes = 2, .frame = frame, .natoms = ALL, .npairs = frame[0]->env.npairs + frame[1]->env.npairs};
    kr_engine_options options = {.knots = 64, .tolerance = 1e-3};
    size_t n = f.model->ntheta;
    double energy[ALL], force[3 * ALL], ebar[ALL], fbar[3 * ALL], error[2];
    double *sum = malloc(n * sizeof *sum), *parts = malloc(n * sizeof *parts);
    for (int k = 0; k < ALL; k++) ebar[k] = 0.1;
    for (int k = 0; k < 3 * ALL; k++) fbar[k] = k < 3 * ATOMS ? f.fbar[k] : 100;
    kr_engine *e;
    kr_assert_ok(f.ctx, kr_engine_create(f.ctx, kr_engine_find("moment"), f.model, &options, &e));
    kr_assert_ok(f.ctx, kr_engine_value(f.ctx, e, &both, energy, force, NULL));
    kr_assert_ok(f.ctx, kr_engine_set_gradient(f.ctx, e, &both, ebar, fbar, NULL, sum));
    for (int apart = 0; apart < 2; apart++) {
        memset(parts, 0, n * sizeof *parts);
        add_part(&f, e, frame[0], apart ? NULL : &both, fbar, parts);
        add_part(&f, e, frame[1], apart ? NULL : &both, fbar + 3 * (ptrdiff_t)ATOMS, parts);
        error[apart] = deviation(n, parts, sum);
    }
    print_message("parts of a batch: %.1e, each by itself: %.1e\n", error[0], error[1]);
    assert_true(error[0] <= 1e-12 && error[1] > 1e3 * error[0]);
    kr_engine_destroy(&e);
    kr_training_frame_destroy(&frame[1]);
    free(sum);
    free(parts);
    close_water(&f);
}

/* Counts of distances: all pairs are there; with them the error of the splines is that of pairs, not of gaps between
 * them, and forces stay what they are with all channels. */
static void test_distances(void **state) {
    (void)state;
    fixture f;
    open_water(&f);
    float distances[2 * 2 * KR_ENGINE_BINS] = {0};
    double count = 0, error[2];
    kr_batch_distances(&f.batch, 2, distances);
    for (int k = 0; k < 2 * 2 * KR_ENGINE_BINS; k++) count += (double)distances[k];
    assert_true(count == f.batch.npairs);
    assert_true(fabs(kr_engine_bin(0.5) - 32) < 1e-9 && kr_engine_bin(1e-3) == 0);
    kr_engine_options options = {.knots = 96};
    outcome all = outcome_of(&f, &options, 0);
    options.tolerance = 1e-5;
    for (int known = 0; known < 2; known++) {
        kr_engine *e;
        options.distances = known ? distances : NULL;
        options.knots = 32;
        kr_assert_ok(f.ctx, kr_engine_create(f.ctx, kr_engine_find("moment"), f.model, &options, &e));
        kr_assert_ok(f.ctx, kr_engine_check(f.ctx, e, &error[known]));
        assert_true(kr_engine_knots(e) > 32);
        kr_engine_destroy(&e);
    }
    print_message("32 nodes: error %.1e anywhere, %.1e where pairs are\n", error[0], error[1]);
    assert_true(error[1] > 0 && error[1] < 0.5 * error[0]);
    options.knots = 96;
    outcome fewer = outcome_of(&f, &options, 1);
    assert_true(worst(&f, &fewer, &all) <= 1e-5);
    free(fewer.gtheta);
    free(all.gtheta);
    close_water(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_threads_and_kernels),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
