/* Explorers: runs, what they keep, and that an interrupted run ends with the same bits.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "eelt/explorer.h"
#include "kr_test.h"
#include "test_folder.h"
#include <kramers/eelt.h>
#include <kramers/potential.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODEL(k) KR_TEST_DATA "/deepmd_kit/model_devi/m" #k ".dp"
static const char *const models[] = {MODEL(0), MODEL(1), MODEL(2), MODEL(3)};
static const char *const elements[] = {"O", "H"};

typedef struct water {
    kr_dataset *data;
    kr_frames frames;
} water;

static char *below(kr_context *ctx, const char *name) {
    char *path = kr_path_join(ctx, kr_test_folder, name);
    kr_assert_ok(ctx, kr_folder_make(ctx, path));
    return path;
}

static void spec_of_water(kr_context *ctx, water *w, kr_explore_spec *s) {
    kr_explore_defaults(s);
    kr_assert_ok(ctx,
                 kr_dataset_read(ctx, KR_TEST_DATA "/deepmd_kit/lammps/water_tri.lmp", NULL, 2, elements, &w->data));
    kr_assert_ok(ctx, kr_frames_begin(ctx, w->data, &w->frames));
    kr_assert_ok(ctx, kr_frames_get(ctx, &w->frames, 0, 0, &s->frame));
    s->nmodels = 4;
    s->models = models;
    s->ntypes = 2;
    s->names = elements;
    s->T_K[0] = s->T_K[1] = 300;
    s->dt_fs = 0.5;
    s->seed = 20;
    s->sample_every = 2;
    s->steps = 12;
    s->reservoir = 3;
    s->correlation_ps = 0.002;
    s->f_lo = 0.6;
    s->f_hi = 5;
}
static void water_free(water *w) {
    kr_frames_clear(&w->frames);
    kr_dataset_destroy(&w->data);
}

static kr_explorer *make(kr_context *ctx, const char *text) {
    kr_tree *tree;
    kr_explorer *explorer;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "test", &tree));
    kr_assert_ok(ctx, kr_explorer_create(ctx, tree, ".", "kramers", &explorer));
    kr_tree_destroy(&tree);
    return explorer;
}

static void prepare(kr_context *ctx, const char *options, const kr_explore_spec *spec, const char *place) {
    kr_explorer *e = make(ctx, options);
    kr_string command = {0};
    kr_assert_ok(ctx, kr_explorer_prepare(ctx, e, spec, place, &command));
    assert_string_equal(command.data, "'kramers' eelt explore .");
    kr_free(command.data);
    kr_explorer_destroy(&e);
}

static void read_result(kr_context *ctx, const char *place, int exit_status, kr_explore_result *r) {
    kr_explorer *e = make(ctx, "{\"engine\": \"builtin\"}");
    const kr_usage usage = {.outcome = KR_OUTCOME_DONE, .exit_status = exit_status};
    kr_assert_ok(ctx, kr_explorer_read(ctx, e, place, &usage, r));
    kr_explorer_destroy(&e);
}

#define EXACT "{\"engine\": \"builtin\", \"tolerance\": 0}"

/* The deviation in a file is that of the library at the positions in the file. */
static void check_deviation(kr_context *ctx, const char *place, const char *name, int expected) {
    kr_dataset *data;
    kr_explored *info;
    kr_frames frames;
    kr_frame frame;
    kr_potential *potential;
    kr_workspace *scratch;
    kr_potential_options o = KR_POTENTIAL_OPTIONS_INIT;
    int n;
    o.table = KR_TABLE_OFF;
    kr_assert_ok(ctx, kr_explored_read(ctx, place, name, &data, &n, &info));
    assert_int_equal(n, expected);
    kr_assert_ok(ctx, kr_potential_load(ctx, 4, models, &o, &potential));
    kr_assert_ok(ctx, kr_workspace_create(ctx, potential, &scratch));
    kr_assert_ok(ctx, kr_frames_begin(ctx, data, &frames));
    double *force = calloc(4 * 192 * 3, sizeof *force), epsilon[192], max, min, mean;
    for (int k = 0; k < n; k++) {
        kr_assert_ok(ctx, kr_frames_get(ctx, &frames, 0, k, &frame));
        const kr_result result = {.force = force};
        const double *each[4] = {force, force + 576, force + 1152, force + 1728};
        kr_assert_ok(ctx, kr_potential_compute_frame(potential, scratch, 192, frame.coord, frame.type, frame.box, NULL,
                                                     NULL, NULL, &result));
        kr_deviation_force(4, 192, each, -1, epsilon);
        kr_deviation_summary(192, epsilon, &max, &min, &mean);
        kr_assert_near(info[k].deviation.max_f, max, 1e-10, 0);
        kr_assert_near(info[k].deviation.avg_f, mean, 1e-10, 0);
        if (k) assert_true(info[k].step > info[k - 1].step);
    }
    free(force);
    kr_frames_clear(&frames);
    kr_workspace_destroy(&scratch);
    kr_potential_destroy(&potential);
    kr_dataset_destroy(&data);
    kr_free(info);
}

static void test_run(void **state) {
    kr_context *ctx = *state;
    water w;
    kr_explore_spec s;
    kr_explore_result r;
    spec_of_water(ctx, &w, &s);
    char *place = below(ctx, "run");
    prepare(ctx, EXACT, &s, place);
    kr_assert_ok(ctx, kr_explore_execute(ctx, place));
    read_result(ctx, place, 0, &r);
    assert_int_equal(r.outcome, KR_OUTCOME_DONE);
    assert_int_equal(r.end, KR_END_FINISHED);
    assert_int_equal(r.steps, 12);
    assert_int_equal(r.counts.sampled, 7);
    assert_true(r.counts.by_class[KR_CLASS_CANDIDATE] > 0);
    int64_t sum = 0;
    for (int b = 0; b < KR_WATCH_BINS; b++) sum += r.counts.histogram[b];
    assert_int_equal(sum, 7);
    check_deviation(ctx, place, KR_EXPLORE_CANDIDATES, (int)r.counts.by_class[KR_CLASS_CANDIDATE]);
    kr_free(place);
    water_free(&w);
}

/* ---- an interrupted run ---- */

typedef struct stopper {
    long at;
} stopper;
static int stop_at(const char *what, long done, long total, void *payload) {
    (void)what, (void)total;
    return done == ((stopper *)payload)->at;
}

static void same_file(kr_context *ctx, const char *a, const char *b, const char *name) {
    char *text[2], *path[2] = {kr_path_join(ctx, a, name), kr_path_join(ctx, b, name)};
    size_t n[2];
    for (int k = 0; k < 2; k++) kr_assert_ok(ctx, kr_file_read(ctx, path[k], &text[k], &n[k]));
    if (n[0] != n[1] || memcmp(text[0], text[1], n[0]) != 0) {
        print_error("%s and %s differ\n", path[0], path[1]);
        fail();
    }
    for (int k = 0; k < 2; k++) {
        kr_free(text[k]);
        kr_free(path[k]);
    }
}

static void interrupted(kr_context *ctx, const char *options, const kr_explore_spec *given) {
    kr_explore_spec s = *given;
    kr_explore_result r;
    static int number;
    char name[3][16];
    snprintf(name[0], 16, "whole%d", number);
    snprintf(name[1], 16, "part%d", number);
    snprintf(name[2], 16, "next%d", number++);
    char *whole = below(ctx, name[0]), *part = below(ctx, name[1]), *next = below(ctx, name[2]);
    prepare(ctx, options, &s, whole);
    kr_assert_ok(ctx, kr_explore_execute(ctx, whole));
    prepare(ctx, options, &s, part);
    stopper stop = {5};
    kr_context_set_progress(ctx, stop_at, &stop);
    assert_int_equal(kr_explore_execute(ctx, part), KR_CANCELLED);
    read_result(ctx, part, 3, &r);
    assert_int_equal(r.outcome, KR_OUTCOME_CANCELLED);
    s.previous = part;
    prepare(ctx, options, &s, next); /* the next attempt has a folder of its own … */
    stop.at = 9;
    assert_int_equal(kr_explore_execute(ctx, next), KR_CANCELLED);
    kr_context_set_progress(ctx, NULL, NULL);
    kr_assert_ok(ctx, kr_explore_execute(ctx, next)); /* … or the same one */
    static const char *const files[] = {KR_EXPLORE_CANDIDATES, KR_EXPLORE_ACCURATE,   KR_EXPLORE_LAST_GOOD,
                                        KR_EXPLORE_SUMMARY,    KR_EXPLORE_DEVIATIONS, "thermo.out"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) same_file(ctx, whole, next, files[i]);
    kr_free(whole);
    kr_free(part);
    kr_free(next);
}

static void test_restart(void **state) {
    kr_context *ctx = *state;
    water w;
    kr_explore_spec s;
    spec_of_water(ctx, &w, &s);
    s.f_lo = 0.645; /* some of both classes */
    interrupted(ctx, EXACT, &s);
    s.ensemble = KR_ENSEMBLE_NPT_TRI;
    s.mc_swap = 0.3;
    interrupted(ctx, EXACT, &s);
    interrupted(ctx, "{\"engine\": \"builtin\", \"tolerance\": 0, \"mode\": \"mc\"}", &s);
    water_free(&w);
}

/* The n-th allocation fails, for every n: prepare, read and the frames. */
static void test_memory(void **state) {
    kr_context *ctx = *state;
    static const char *const engines[] = {EXACT, "{\"engine\": \"lammps\"}"};
    water w;
    kr_explore_spec s;
    spec_of_water(ctx, &w, &s);
    kr_frame small = s.frame;
    small.natoms = 3;
    s.frame = small;
    s.ensemble = KR_ENSEMBLE_NPT_ISO;
    for (int k = 0; k < 2; k++) {
        char *place = below(ctx, k ? "memory1" : "memory0");
        kr_explorer *e = make(ctx, engines[k]);
        kr_status status = KR_ERR_MEMORY;
        for (long n = 1; status != KR_OK; n++) {
            kr_string command = {0};
            char key[65];
            kr_memory_fail_at(n);
            status = kr_explorer_key(ctx, e, &s, key);
            if (status == KR_OK) status = kr_explorer_prepare(ctx, e, &s, place, &command);
            kr_memory_fail_at(0);
            kr_free(command.data);
            if (status != KR_OK) assert_int_equal(status, KR_ERR_MEMORY);
            assert_true(n < 5000);
        }
        kr_explorer_destroy(&e);
        kr_free(place);
    }
    water_free(&w);
}

/* What cannot be run is refused before anything is started. */
static void test_errors(void **state) {
    kr_context *ctx = *state;
    static const char *const wrong[][2] = {{"{\"engine\": \"lamps\"}", "engine is 'lamps'"},
                                           {"{\"engine\": \"builtin\", \"mod\": \"mc\"}", "unknown key \"mod\""},
                                           {"{\"engine\": \"lammps\", \"plugin\": \"nowhere.so\"}", "cannot find"},
                                           {"{\"engine\": \"lammps\", \"template\": \"nowhere.in\"}", "nowhere.in"}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        kr_tree *tree;
        kr_explorer *e = NULL;
        kr_assert_ok(ctx, kr_json_parse(ctx, wrong[k][0], strlen(wrong[k][0]), "test", &tree));
        assert_true(kr_explorer_create(ctx, tree, ".", "kramers", &e) < 0);
        if (!strstr(kr_context_message(ctx), wrong[k][1])) {
            print_error("message: %s\nexpected: %s\n", kr_context_message(ctx), wrong[k][1]);
            fail();
        }
        kr_tree_destroy(&tree);
    }
    water w;
    kr_explore_spec s;
    kr_string command = {0};
    spec_of_water(ctx, &w, &s);
    kr_explorer *e = make(ctx, EXACT);
    s.driver = 4;
    assert_int_equal(kr_explorer_prepare(ctx, e, &s, kr_test_folder, &command), KR_ERR_ARGUMENT);
    s.driver = 0;
    s.ensemble = KR_ENSEMBLE_NPT_ISO;
    s.frame.pbc[2] = 0;
    assert_int_equal(kr_explorer_prepare(ctx, e, &s, kr_test_folder, &command), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "periodic in all directions"));
    kr_free(command.data);
    kr_explorer_destroy(&e);
    water_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_run, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_restart, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_memory, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_errors, kr_test_folder_setup, kr_test_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
