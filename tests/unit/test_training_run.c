/* Whole runs: lcurve.out against DeePMD-kit, interruption and restart with the same bits, averages, early stopping.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/memory.h"
#include "kr_test.h"
#include "potential/model.h"
#include "training/training_impl.h"
#include <sys/stat.h>
#include <unistd.h>

#define CASES KR_TEST_DATA "/deepmd_kit/training"
#define FORMATS KR_TEST_DATA "/deepmd_kit/formats"

typedef struct fixture {
    kr_context *ctx;
    char folder[64];
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/kr-test-run-XXXXXX");
    *state = f;
    return !mkdtemp(f->folder) || kr_context_create(&f->ctx) != KR_OK;
}

static int teardown(void **state) {
    fixture *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->folder);
    int failed = system(command);
    kr_context_destroy(&f->ctx);
    free(f);
    return failed || kr_memory_live() != 0;
}

static void write_text(const char *path, const char *text) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static char *read_text(kr_context *ctx, const char *folder, const char *name) {
    char path[256], *text;
    size_t length;
    snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name);
    kr_assert_ok(ctx, kr_file_read(ctx, path, &text, &length));
    return text;
}

/* text with every `from` replaced. */
static char *replaced(char *text, const char *from, const char *to) {
    char *out = calloc(strlen(text) * 4 + 1, 1), *at = out;
    for (const char *c = text; *c;)
        if (!strncmp(c, from, strlen(from))) {
            at += sprintf(at, "%s", to);
            c += strlen(from);
        } else {
            *at++ = *c++;
        }
    free(text);
    return out;
}

/* The rows of DeePMD-kit's own run from the same start, as text. */
static void test_lcurve(void **state) {
    fixture *f = *state;
    static const char *const cases[] = {"se_a_efv_batch4", "se_a_ef_ae", "se_a_mae", "se_a_huber", "se_r_efv"};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char path[256], start[256], folder[256];
        snprintf(path, sizeof path, CASES "/%s", cases[c]);
        char *raw = read_text(f->ctx, path, "input.json"), *input = strdup(raw), *want, *got;
        kr_free(raw);
        input = replaced(input, "../data", CASES "/data");
        input = replaced(input, "\"save_freq\": 1,", "\"save_freq\": 1000,");
        input = replaced(input, "\"training\": {", "\"kramers\": {\"engine\": \"exact\"}, \"training\": {");
        want = read_text(f->ctx, path, "lcurve_pt.out");
        snprintf(start, sizeof start, CASES "/%s/start.dp", cases[c]);
        snprintf(path, sizeof path, "%s/input.json", f->folder);
        snprintf(folder, sizeof folder, "%s/%s", f->folder, cases[c]);
        write_text(path, input);
        kr_training_options o = KR_TRAINING_OPTIONS_DEFAULT;
        kr_training *t = NULL;
        o.init_model = start;
        o.folder = folder;
        kr_assert_ok(f->ctx, kr_training_create(f->ctx, path, &o, &t));
        kr_assert_ok(f->ctx, kr_training_run(f->ctx, t, NULL, NULL));
        kr_training_destroy(&t);
        got = read_text(f->ctx, folder, "lcurve.out");
        if (strcmp(got, want)) {
            const char *a = got, *b = want;
            while (*a && *a == *b) a++, b++;
            fail_msg("%s: lcurve.out differs at \"%.80s\", expected \"%.80s\"", cases[c], a, b);
        }
        kr_free(got);
        kr_free(want);
        free(input);
    }
}

/* Two systems with probabilities, all averages, validation: as much state as a run can have. */
static void write_input_for(const fixture *f, const char *engine, const char *extra, const char *own, char path[256]) {
    char text[4096];
    snprintf(path, 256, "%s/run.json", f->folder);
    snprintf(
        text, sizeof text,
        "{\"model\": {\"type_map\": [\"O\", \"H\"], \"descriptor\": {\"type\": \"se_e2_a\", \"rcut\": 3.5, "
        "\"rcut_smth\": 1.0, \"neuron\": [4, 8], \"axis_neuron\": 2, \"type_one_side\": true}, \"fitting_net\": "
        "{\"neuron\": [8, 8]}},\n\"learning_rate\": {\"start_lr\": 0.003, \"stop_lr\": 1e-5, \"decay_steps\": 5},\n"
        "\"loss\": {},\n\"kramers\": {\"engine\": \"%s\"%s},\n\"training\": {\"training_data\": {\"systems\": "
        "[\"" FORMATS "/npy\", \"" FORMATS "/npy_nopbc\"], \"batch_size\": 2, \"sys_probs\": [0.7, 0.3]},\n"
        "\"validation_data\": {\"systems\": [\"" FORMATS "/npy_type_map_swapped\"], \"numb_btch\": 2},\n"
        "\"numb_steps\": 40, \"disp_freq\": 4, \"save_freq\": 10, \"max_ckpt_keep\": 2, \"seed\": 7%s}}",
        engine, own, extra);
    write_text(path, text);
}
static void write_input(const fixture *f, const char *extra, const char *own, char path[256]) {
    write_input_for(f, "exact", extra, own, path);
}

typedef struct stopper {
    long at, steps;
} stopper;

static int stop_at(const char *what, long done, long total, void *payload) {
    stopper *s = payload;
    (void)what;
    (void)total;
    s->steps++;
    return done == s->at;
}

static kr_status run(fixture *f, const char *input, const char *folder, const char *restart, long stop, int ensemble) {
    kr_training_options o = KR_TRAINING_OPTIONS_DEFAULT;
    kr_training *t = NULL;
    stopper s = {stop, 0};
    o.folder = folder;
    o.restart = restart;
    o.ensemble = ensemble;
    kr_assert_ok(f->ctx, kr_training_create(f->ctx, input, &o, &t));
    kr_context_set_progress(f->ctx, stop_at, &s);
    kr_status status = kr_training_run(f->ctx, t, NULL, NULL);
    kr_context_set_progress(f->ctx, NULL, NULL);
    kr_training_destroy(&t);
    return status;
}

/* Steps at which splines were refined are those at which this log line comes. */
static void count_refined(kr_log_level level, const char *line, void *payload) {
    (void)level;
    *(int *)payload += strstr(line, "nodes") != NULL || strstr(line, "knots") != NULL;
}

/* Parameters of a model file, bit by bit, and the text of lcurve.out. */
static void same_results(fixture *f, const char *a, const char *b, const char *const *models) {
    for (; *models; models++) {
        char path[2][256];
        kr_model *m[2];
        snprintf(path[0], 256, "%s/%s", a, *models);
        snprintf(path[1], 256, "%s/%s", b, *models);
        for (int k = 0; k < 2; k++) kr_assert_ok(f->ctx, kr_model_load(f->ctx, path[k], &m[k]));
        assert_int_equal(m[0]->ntheta, m[1]->ntheta);
        if (memcmp(m[0]->theta, m[1]->theta, m[0]->ntheta * sizeof(double))) fail_msg("%s differs", *models);
        for (int k = 0; k < 2; k++) kr_model_destroy(&m[k]);
    }
    char *x = read_text(f->ctx, a, "lcurve.out"), *y = read_text(f->ctx, b, "lcurve.out");
    assert_string_equal(x, y);
    kr_free(x);
    kr_free(y);
}

static void test_restart(void **state) {
    fixture *f = *state;
    char input[256], whole[128], parts[128];
    static const char *const models[] = {"model.dp", "model-ema.dp", "model.ckpt-40.dp", NULL};
    write_input(f, ", \"enable_ema\": true, \"disp_avg\": true", ", \"average_tail\": 0.5", input);
    snprintf(whole, sizeof whole, "%s/whole", f->folder);
    snprintf(parts, sizeof parts, "%s/parts", f->folder);
    kr_context_set_threads(f->ctx, 1);
    assert_int_equal(run(f, input, whole, NULL, -1, 1), KR_OK);
    kr_context_set_threads(f->ctx, 3);
    assert_int_equal(run(f, input, parts, NULL, 7, 1), KR_CANCELLED);
    assert_int_equal(run(f, input, parts, "", 26, 1), KR_CANCELLED);
    assert_int_equal(run(f, input, parts, "", -1, 1), KR_OK);
    same_results(f, whole, parts, models);
    /* max_ckpt_keep 2: only the last two are there */
    int count;
    char **names;
    kr_assert_ok(f->ctx, kr_folder_list(f->ctx, whole, &count, &names));
    int checkpoints = 0;
    for (int i = 0; i < count; i++) checkpoints += !strncmp(names[i], "model.ckpt-", 11);
    assert_int_equal(checkpoints, 2);
    kr_names_free(count, names);
    /* a final model goes on from nothing */
    kr_training_options o = KR_TRAINING_OPTIONS_DEFAULT;
    kr_training *t = NULL;
    char path[256];
    snprintf(path, sizeof path, "%s/model.dp", whole);
    o.folder = whole;
    o.restart = path;
    kr_assert_ok(f->ctx, kr_training_create(f->ctx, input, &o, &t));
    assert_int_equal(kr_training_run(f->ctx, t, NULL, NULL), KR_ERR_FORMAT);
    kr_training_destroy(&t);
}

/* The moment form refines its splines on the way: a restart begins with those of the checkpoint. */
static void test_restart_moment(void **state) {
    fixture *f = *state;
    char input[256], whole[128], parts[128];
    int refined = 0;
    static const char *const models[] = {"model.dp", "model.ckpt-40.dp", NULL};
    write_input_for(f, "moment", "", ", \"spline_knots\": 24, \"spline_tolerance\": 1e-6, \"spline_check_freq\": 6",
                    input);
    snprintf(whole, sizeof whole, "%s/whole", f->folder);
    snprintf(parts, sizeof parts, "%s/parts", f->folder);
    kr_context_set_log(f->ctx, count_refined, &refined);
    assert_int_equal(run(f, input, whole, NULL, -1, 1), KR_OK);
    kr_context_set_log(f->ctx, NULL, NULL);
    assert_true(refined > 0);
    assert_int_equal(run(f, input, parts, NULL, 9, 1), KR_CANCELLED);
    assert_int_equal(run(f, input, parts, "", 26, 1), KR_CANCELLED);
    assert_int_equal(run(f, input, parts, "", -1, 1), KR_OK);
    same_results(f, whole, parts, models);
}

static void test_ensemble(void **state) {
    fixture *f = *state;
    char input[256], whole[128], parts[160], a[160], b[160];
    static const char *const models[] = {"model.dp", NULL};
    write_input(f, "", "", input);
    snprintf(whole, sizeof whole, "%s/whole", f->folder);
    assert_int_equal(run(f, input, whole, NULL, -1, 2), KR_OK);
    snprintf(a, sizeof a, "%s/0/model.dp", whole);
    snprintf(b, sizeof b, "%s/1/model.dp", whole);
    kr_model *m[2];
    kr_assert_ok(f->ctx, kr_model_load(f->ctx, a, &m[0]));
    kr_assert_ok(f->ctx, kr_model_load(f->ctx, b, &m[1]));
    assert_true(memcmp(m[0]->theta, m[1]->theta, m[0]->ntheta * sizeof(double)) != 0);
    for (int k = 0; k < 2; k++) kr_model_destroy(&m[k]);
    /* the first member is what a single run gives */
    snprintf(parts, sizeof parts, "%s/single", f->folder);
    assert_int_equal(run(f, input, parts, NULL, -1, 1), KR_OK);
    snprintf(a, sizeof a, "%s/0", whole);
    same_results(f, a, parts, models);
}

/* With a rate that makes things worse the run stops, and keeps the best model. */
static void test_patience(void **state) {
    fixture *f = *state;
    char input[256], folder[128];
    write_input(f, ", \"gradient_max_norm\": 5.0", ", \"patience\": 3, \"valid_freq\": 1", input);
    char *raw = read_text(f->ctx, "", input), *text = replaced(strdup(raw), "0.003", "0.9");
    kr_free(raw);
    write_text(input, text);
    free(text);
    snprintf(folder, sizeof folder, "%s/wild", f->folder);
    kr_training_options o = KR_TRAINING_OPTIONS_DEFAULT;
    kr_training *t = NULL;
    o.folder = folder;
    kr_assert_ok(f->ctx, kr_training_create(f->ctx, input, &o, &t));
    kr_assert_ok(f->ctx, kr_training_run(f->ctx, t, NULL, NULL));
    kr_member *m = &t->member[0];
    assert_true(m->finished && kr_training_step(t) < 40);
    assert_true(m->best_step > 0 && kr_training_step(t) >= m->best_step + 3);
    assert_memory_equal(m->model->theta, m->best, m->model->ntheta * sizeof(double));
    kr_training_destroy(&t);
}

/* Fine-tuning: a shift of all energies is found by the change of bias, forces stay. */
static void test_bias(void **state) {
    fixture *f = *state;
    char input[256], whole[128], tuned[128], model[256];
    write_input(f, "", "", input);
    snprintf(whole, sizeof whole, "%s/whole", f->folder);
    snprintf(tuned, sizeof tuned, "%s/tuned", f->folder);
    snprintf(model, sizeof model, "%s/model.dp", whole);
    assert_int_equal(run(f, input, whole, NULL, -1, 1), KR_OK);
    kr_model *before = NULL;
    kr_assert_ok(f->ctx, kr_model_load(f->ctx, model, &before));
    for (int i = 0; i < 2; i++) before->out_bias[i] += 100;
    kr_assert_ok(f->ctx, kr_model_save(f->ctx, before, model));
    kr_training_options o = KR_TRAINING_OPTIONS_DEFAULT;
    kr_training *t = NULL;
    o.folder = tuned;
    o.finetune = model;
    kr_assert_ok(f->ctx, kr_training_create(f->ctx, input, &o, &t));
    kr_loss_report report;
    kr_assert_ok(f->ctx, kr_member_evaluate(f->ctx, t, &t->member[0], t->data, 0, &report));
    if (!(report.rmse[KR_LOSS_E] < 3)) /* eV per atom; 100 before, the labels themselves scatter by 1.7 */
        fail_msg("energy error %g eV per atom", report.rmse[KR_LOSS_E]);
    assert_memory_equal(t->member[0].model->theta, before->theta, before->ntheta * sizeof(double));
    kr_training_destroy(&t);
    kr_model_destroy(&before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lcurve, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restart_moment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ensemble, setup, teardown),
        cmocka_unit_test_setup_teardown(test_patience, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bias, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
