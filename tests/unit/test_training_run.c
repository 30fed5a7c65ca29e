/* Whole runs: lcurve.out against DeePMD-kit, interruption and restart with the same bits, averages, early stopping.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/memory.h"
#include "run_case.h"
#include "training/training_impl.h"

#define CASES KR_TEST_DATA "/deepmd_kit/training"

typedef kr_run_case fixture;

/* The rows of DeePMD-kit's own run from the same start, as text. */
static void test_lcurve(void **state) {
    fixture *f = *state;
    static const char *const cases[] = {"se_a_efv_batch4", "se_a_ef_ae", "se_a_mae", "se_a_huber", "se_r_efv"};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char path[256], start[256], folder[256];
        snprintf(path, sizeof path, CASES "/%s", cases[c]);
        char *raw = kr_run_case_read(f->ctx, path, "input.json"), *input = strdup(raw), *want, *got;
        kr_free(raw);
        input = kr_run_case_replaced(input, "../data", CASES "/data");
        input = kr_run_case_replaced(input, "\"save_freq\": 1,", "\"save_freq\": 1000,");
        input = kr_run_case_replaced(input, "\"training\": {", "\"kramers\": {\"engine\": \"exact\"}, \"training\": {");
        want = kr_run_case_read(f->ctx, path, "lcurve_pt.out");
        snprintf(start, sizeof start, CASES "/%s/start.dp", cases[c]);
        snprintf(path, sizeof path, "%s/input.json", f->folder);
        snprintf(folder, sizeof folder, "%s/%s", f->folder, cases[c]);
        kr_run_case_write(path, input);
        kr_training_options o = KR_TRAINING_OPTIONS_DEFAULT;
        kr_training *t = NULL;
        o.init_model = start;
        o.folder = folder;
        kr_assert_ok(f->ctx, kr_training_create(f->ctx, path, &o, &t));
        kr_assert_ok(f->ctx, kr_training_run(f->ctx, t, NULL, NULL));
        kr_training_destroy(&t);
        got = kr_run_case_read(f->ctx, folder, "lcurve.out");
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

/* Steps at which splines were refined are those at which this log line comes. */
static void count_refined(kr_log_level level, const char *line, void *payload) {
    (void)level;
    *(int *)payload += strstr(line, "nodes") != NULL || strstr(line, "knots") != NULL;
}

static void test_restart(void **state) {
    fixture *f = *state;
    char input[256], whole[128], parts[128];
    static const char *const models[] = {"model.dp", "model-ema.dp", "model.ckpt-40.dp", NULL};
    kr_run_case_input(f, "exact", ", \"enable_ema\": true, \"disp_avg\": true", ", \"average_tail\": 0.5", input);
    snprintf(whole, sizeof whole, "%s/whole", f->folder);
    snprintf(parts, sizeof parts, "%s/parts", f->folder);
    kr_run_case_restarts(f, input, whole, parts, models);
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
    kr_run_case_input(f, "moment", "", ", \"spline_knots\": 24, \"spline_tolerance\": 1e-6, \"spline_check_freq\": 6",
                      input);
    snprintf(whole, sizeof whole, "%s/whole", f->folder);
    snprintf(parts, sizeof parts, "%s/parts", f->folder);
    kr_context_set_log(f->ctx, count_refined, &refined);
    kr_run_case_restarts(f, input, whole, parts, models);
    kr_context_set_log(f->ctx, NULL, NULL);
    assert_true(refined > 0);
}

static void test_ensemble(void **state) {
    fixture *f = *state;
    char input[256], whole[128], parts[160], a[160], b[160];
    static const char *const models[] = {"model.dp", NULL};
    kr_run_case_input(f, "exact", "", "", input);
    snprintf(whole, sizeof whole, "%s/whole", f->folder);
    assert_int_equal(kr_run_case_train(f, input, whole, NULL, -1, 2), KR_OK);
    snprintf(a, sizeof a, "%s/0/model.dp", whole);
    snprintf(b, sizeof b, "%s/1/model.dp", whole);
    kr_model *m[2];
    kr_assert_ok(f->ctx, kr_model_load(f->ctx, a, &m[0]));
    kr_assert_ok(f->ctx, kr_model_load(f->ctx, b, &m[1]));
    assert_true(memcmp(m[0]->theta, m[1]->theta, m[0]->ntheta * sizeof(double)) != 0);
    for (int k = 0; k < 2; k++) kr_model_destroy(&m[k]);
    /* the first member is what a single run gives */
    snprintf(parts, sizeof parts, "%s/single", f->folder);
    assert_int_equal(kr_run_case_train(f, input, parts, NULL, -1, 1), KR_OK);
    snprintf(a, sizeof a, "%s/0", whole);
    kr_run_case_same(f, a, parts, models);
}

/* With a rate that makes things worse the run stops, and keeps the best model. */
static void test_patience(void **state) {
    fixture *f = *state;
    char input[256], folder[128];
    kr_run_case_input(f, "exact", ", \"gradient_max_norm\": 5.0", ", \"patience\": 3, \"valid_freq\": 1", input);
    char *raw = kr_run_case_read(f->ctx, "", input), *text = kr_run_case_replaced(strdup(raw), "0.003", "0.9");
    kr_free(raw);
    kr_run_case_write(input, text);
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
    kr_run_case_input(f, "exact", "", "", input);
    snprintf(whole, sizeof whole, "%s/whole", f->folder);
    snprintf(tuned, sizeof tuned, "%s/tuned", f->folder);
    snprintf(model, sizeof model, "%s/model.dp", whole);
    assert_int_equal(kr_run_case_train(f, input, whole, NULL, -1, 1), KR_OK);
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

/* change_bias_after_training, for averaged weights as well: another change of the bias finds nothing left to change. */
static void test_bias_after(void **state) {
    fixture *f = *state;
    static const char *const models[] = {"model.dp", "model-ema.dp"};
    char input[256], whole[128], model[256];
    kr_run_case_input(f, "exact", ", \"enable_ema\": true, \"change_bias_after_training\": true", "", input);
    snprintf(whole, sizeof whole, "%s/whole", f->folder);
    assert_int_equal(kr_run_case_train(f, input, whole, NULL, -1, 1), KR_OK);
    for (int k = 0; k < 2; k++) {
        kr_training_options o = KR_TRAINING_OPTIONS_DEFAULT;
        kr_training *t = NULL;
        kr_model *before = NULL;
        snprintf(model, sizeof model, "%s/%s", whole, models[k]);
        kr_assert_ok(f->ctx, kr_model_load(f->ctx, model, &before));
        o.finetune = model;
        kr_assert_ok(f->ctx, kr_training_create(f->ctx, input, &o, &t));
        for (int i = 0; i < 2; i++)
            if (!(fabs(t->member[0].model->out_bias[i] - before->out_bias[i]) < 1e-8))
                fail_msg("%s: bias of type %d %.10g eV, changed again %.10g eV", models[k], i, before->out_bias[i],
                         t->member[0].model->out_bias[i]);
        kr_training_destroy(&t);
        kr_model_destroy(&before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lcurve, kr_run_case_setup, kr_run_case_teardown),
        cmocka_unit_test_setup_teardown(test_restart, kr_run_case_setup, kr_run_case_teardown),
        cmocka_unit_test_setup_teardown(test_restart_moment, kr_run_case_setup, kr_run_case_teardown),
        cmocka_unit_test_setup_teardown(test_ensemble, kr_run_case_setup, kr_run_case_teardown),
        cmocka_unit_test_setup_teardown(test_patience, kr_run_case_setup, kr_run_case_teardown),
        cmocka_unit_test_setup_teardown(test_bias, kr_run_case_setup, kr_run_case_teardown),
        cmocka_unit_test_setup_teardown(test_bias_after, kr_run_case_setup, kr_run_case_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
