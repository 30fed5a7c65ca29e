/* The ensembles of the built-in explorer: conserved energy, temperature, and volumes by two methods that share nothing
 * but the potential.     ctest: full
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "eelt/explore_motion.h"
#include "eelt/generate.h"
#include "kr_test.h"

static const char *const models[] = {KR_SOURCE_DIR "/examples/models/copper_se_e2_a.dp"};
static const char *const names[] = {"Cu"};

typedef struct copper {
    kr_dataset *data;
    kr_frames frames;
    kr_explore_input input;
    kr_motion motion;
} copper;

static void begin(kr_context *ctx, copper *c, kr_ensemble ensemble, kr_explore_mode mode, double T, double P,
                  uint64_t seed) {
    static const char spec[] =
        "{\"kind\": \"bulk\", \"lattice\": \"fcc\", \"element\": \"Cu\", \"a_A\": 3.66, \"supercell\": [2, 2, 2]}";
    kr_tree *tree;
    kr_explore_spec *s = &c->input.spec;
    *c = (copper){0};
    kr_assert_ok(ctx, kr_json_parse(ctx, spec, strlen(spec), "test", &tree));
    kr_assert_ok(ctx, kr_dataset_create(ctx, &c->data));
    kr_assert_ok(ctx, kr_generate(ctx, tree, ".", "test", c->data));
    kr_tree_destroy(&tree);
    kr_assert_ok(ctx, kr_frames_begin(ctx, c->data, &c->frames));
    kr_explore_defaults(s);
    kr_assert_ok(ctx, kr_frames_get(ctx, &c->frames, 0, 0, &s->frame));
    s->nmodels = 1;
    s->models = models;
    s->ntypes = 1;
    s->names = names;
    s->ensemble = ensemble;
    s->T_K[0] = s->T_K[1] = T;
    s->P_GPa[0] = s->P_GPa[1] = P;
    s->dt_fs = 4;
    s->seed = seed;
    c->input.options = (kr_builtin_options){mode, 0.1, 0.2, 0.01, KR_PRECISION_DOUBLE, 1e-4};
    kr_assert_ok(ctx, kr_motion_create(ctx, &c->input, &c->motion));
    kr_assert_ok(ctx, kr_motion_forces(ctx, &c->motion));
}

static void end(copper *c) {
    kr_motion_free(&c->motion);
    kr_frames_clear(&c->frames);
    kr_dataset_destroy(&c->data);
}

/* Energy is conserved to second order: four times better with half the step. */
static void test_nve(void **state) {
    kr_context *ctx = *state;
    double error[2];
    for (int k = 0; k < 2; k++) {
        copper c;
        begin(ctx, &c, KR_ENSEMBLE_NVE, KR_EXPLORE_MD, 600, 0, 3);
        c.input.spec.dt_fs = k ? 2 : 4;
        kr_motion *m = &c.motion;
        double start = m->energy + kr_motion_kinetic(m), square = 0;
        int steps = k ? 400 : 200;
        for (int i = 0; i < steps; i++) {
            kr_assert_ok(ctx, kr_motion_step(ctx, m));
            double e = m->energy + kr_motion_kinetic(m) - start;
            square += e * e / steps;
        }
        error[k] = sqrt(square);
        end(&c);
    }
    print_message("NVE: energy moves by %.2e and %.2e eV\n", error[0], error[1]);
    assert_true(error[0] < 0.02 && error[0] / error[1] > 3 && error[0] / error[1] < 5);
}

typedef struct average {
    double mean, error, width; /* standard error from ten blocks, standard deviation */
} average;

static average average_of(int n, const double *value) {
    average a = {0};
    double block[10] = {0}, square = 0, blocks = 0;
    for (int i = 0; i < n; i++) {
        a.mean += value[i] / n;
        block[10 * i / n] += value[i] / (n / 10.0);
    }
    for (int i = 0; i < n; i++) square += (value[i] - a.mean) * (value[i] - a.mean) / n;
    for (int b = 0; b < 10; b++) blocks += (block[b] - a.mean) * (block[b] - a.mean) / 90;
    a.error = sqrt(blocks);
    a.width = sqrt(square);
    return a;
}

enum { SKIP = 300, STEPS = 2000 };

static void sample(kr_context *ctx, kr_ensemble ensemble, kr_explore_mode mode, int each, average *volume,
                   average *energy, average *T) {
    copper c;
    double *v = calloc(3 * STEPS, sizeof *v);
    begin(ctx, &c, ensemble, mode, 600, 2, 11);
    for (int i = -SKIP; i < STEPS; i++) {
        for (int k = 0; k < each; k++)
            kr_assert_ok(ctx, mode == KR_EXPLORE_MD ? kr_motion_step(ctx, &c.motion) : kr_motion_try(ctx, &c.motion));
        if (i < 0) continue;
        v[i] = kr_box_volume(c.motion.box) / c.motion.n;
        v[STEPS + i] = c.motion.energy / c.motion.n;
        v[2 * STEPS + i] = kr_motion_temperature(&c.motion);
    }
    *volume = average_of(STEPS, v);
    *energy = average_of(STEPS, v + STEPS);
    *T = average_of(STEPS, v + 2 * STEPS);
    free(v);
    end(&c);
}

static void same(const char *what, average a, average b, double least) {
    double error = hypot(a.error, b.error);
    print_message("  %-24s %.5f and %.5f, error %.5f, width %.5f and %.5f\n", what, a.mean, b.mean, error, a.width,
                  b.width);
    assert_true(fabs(a.mean - b.mean) < 4 * error + least);
    assert_true(a.width / b.width > 0.8 && a.width / b.width < 1.25);
}

static void compare(kr_context *ctx, kr_ensemble ensemble) {
    average volume[2], energy[2], T[2];
    sample(ctx, ensemble, KR_EXPLORE_MD, 1, &volume[0], &energy[0], &T[0]);
    sample(ctx, ensemble, KR_EXPLORE_MC, 2, &volume[1], &energy[1], &T[1]);
    print_message("%s, dynamics and Monte Carlo:\n", kr_ensemble_word(ensemble));
    if (ensemble != KR_ENSEMBLE_NVT) same("volume per atom, A3", volume[0], volume[1], 0);
    same("energy per atom, eV", energy[0], energy[1], 2e-4); /* the time step's own error */
    kr_assert_near(T[0].mean, 600, 4 * T[0].error + 3, 0);
    kr_assert_near(T[0].width, 600 * sqrt(2. / 96), 0, 0.15);
}

static void test_nvt(void **state) { compare(*state, KR_ENSEMBLE_NVT); }
static void test_iso(void **state) { compare(*state, KR_ENSEMBLE_NPT_ISO); }
static void test_aniso(void **state) { compare(*state, KR_ENSEMBLE_NPT_ANISO); }
static void test_tri(void **state) { compare(*state, KR_ENSEMBLE_NPT_TRI); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nve, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_nvt, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_iso, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_aniso, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_tri, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
