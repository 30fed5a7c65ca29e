/* Every optimizer through whole runs: interrupted and restarted it ends with the same bits, and it makes the model
 * better; the measurements of the Kalman filter against finite differences and over two processes.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "core/random.h"
#include "run_case.h"
#include "training/training_impl.h"

/* Learning rates. Prefactors follow them: with a steady rate the objective stays the same. */
static const char adaptive[] = "\"start_lr\": 0.003, \"stop_lr\": 1e-5";
static const char steady[] = "\"start_lr\": 1, \"stop_lr\": 1";

/* The input of run_case with an optimizer section and rates. */
static void optimizer_input(kr_run_case *f, const char *optimizer, const char *rate, char path[256]) {
    char section[256];
    kr_run_case_input(f, "exact", ", \"disp_avg\": true", "", path);
    char *raw = kr_run_case_read(f->ctx, "", path), *text = strdup(raw);
    kr_free(raw);
    snprintf(section, sizeof section, "\"loss\": {}, \"optimizer\": {%s}", optimizer);
    text = kr_run_case_replaced(text, "\"loss\": {}", section);
    text = kr_run_case_replaced(text, adaptive, rate);
    kr_run_case_write(path, text);
    free(text);
}

/* Errors over all training frames, with the prefactors of the start, of the input's first model or of a model file. */
static kr_loss_report errors_of(kr_run_case *f, const char *input, const char *model) {
    kr_training_options o = KR_TRAINING_OPTIONS_DEFAULT;
    kr_training *t = NULL;
    kr_loss_report report;
    char folder[128];
    snprintf(folder, sizeof folder, "%s/errors", f->folder);
    o.folder = folder;
    o.init_model = model;
    kr_assert_ok(f->ctx, kr_training_create(f->ctx, input, &o, &t));
    kr_assert_ok(f->ctx, kr_member_evaluate(f->ctx, t, &t->member[0], t->data, 1, &report));
    kr_training_destroy(&t);
    return report;
}

static void test_restart(void **state) {
    kr_run_case *f = *state;
    static const char *const models[] = {"model.dp", "model.ckpt-40.dp", NULL};
    static const struct {
        const char *name, *options, *rate;
    } cases[] = {
        {"adam", "\"type\": \"Adam\"", adaptive},
        {"adamw", "\"type\": \"AdamW\", \"weight_decay\": 0.01", adaptive},
        {"soap", "\"type\": \"SOAP\", \"precondition_frequency\": 4", adaptive},
        {"muon", "\"type\": \"Muon\"", adaptive},
        {"lkf", "\"type\": \"LKF\", \"kf_blocksize\": 64", steady},
        {"lbfgs", "\"type\": \"LBFGS\"", steady},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char input[256], whole[128], parts[128], model[160];
        optimizer_input(f, cases[c].options, cases[c].rate, input);
        snprintf(whole, sizeof whole, "%s/%s", f->folder, cases[c].name);
        snprintf(parts, sizeof parts, "%s/%s-parts", f->folder, cases[c].name);
        snprintf(model, sizeof model, "%s/model.dp", whole);
        kr_run_case_restarts(f, input, whole, parts, models);
        /* the labels of these frames are drawn: energies that no model has lead the filter astray (see below) */
        double before = errors_of(f, input, NULL).loss, after = errors_of(f, input, model).loss;
        if (strcmp(cases[c].name, "lkf") && !(after < 0.9 * before))
            fail_msg("%s: loss %g after %g", cases[c].name, after, before);
    }
}

/* Calculated frames: 40 measured steps bring the forces far ahead. */
static void test_filter(void **state) {
    kr_run_case *f = *state;
    char input[256], folder[128], model[160];
    optimizer_input(f, "\"type\": \"LKF\", \"kf_blocksize\": 128", steady, input);
    char *raw = kr_run_case_read(f->ctx, "", input), *text = strdup(raw);
    kr_free(raw);
    text = kr_run_case_replaced(text, "\"O\", \"H\"", "\"Si\"");
    text = kr_run_case_replaced(text, "\"" KR_TEST_DATA "/deepmd_kit/formats/npy\"",
                                "\"" KR_SOURCE_DIR "/examples/silicon_dft/data/validation\"");
    text = kr_run_case_replaced(text, ", \"" KR_TEST_DATA "/deepmd_kit/formats/npy_nopbc\"", "");
    text = kr_run_case_replaced(text, ", \"sys_probs\": [0.7, 0.3]", "");
    text = kr_run_case_replaced(text, KR_TEST_DATA "/deepmd_kit/formats/npy_type_map_swapped",
                                KR_SOURCE_DIR "/examples/silicon_dft/data/test");
    kr_run_case_write(input, text);
    free(text);
    snprintf(folder, sizeof folder, "%s/filter", f->folder);
    snprintf(model, sizeof model, "%s/model.dp", folder);
    assert_int_equal(kr_run_case_train(f, input, folder, NULL, -1, 1), KR_OK);
    double before = errors_of(f, input, NULL).rmse[KR_LOSS_F], after = errors_of(f, input, model).rmse[KR_LOSS_F];
    print_message("forces: RMSE %.3f after %.3f eV/A\n", after, before);
    if (!(after < 0.5 * before)) fail_msg("force RMSE %g after %g eV/A", after, before);
}

/* What one process of two hands over; the sum over both is made by the test. */
typedef struct handed {
    long n;
    double *value;
} handed;

static int hand_over(double *values, long n, void *payload) {
    handed *h = payload;
    h->n = n;
    memcpy(h->value, values, (size_t)n * sizeof *values);
    return 0;
}

/* Innovation ε = √frames · mean |x| and gradient g of the signed mean of the predictions: dε/dθ = −√frames g while no
 * error changes its sign. */
static void test_measure(void **state) {
    kr_run_case *f = *state;
    char input[256], folder[128];
    kr_training *t = NULL;
    kr_batch batch;
    optimizer_input(f, "\"type\": \"LKF\"", steady, input);
    snprintf(folder, sizeof folder, "%s/measure", f->folder);
    kr_training_options o = KR_TRAINING_OPTIONS_DEFAULT;
    o.folder = folder;
    o.nranks = 2; /* room for the sum */
    o.sum = hand_over;
    kr_assert_ok(f->ctx, kr_training_create(f->ctx, input, &o, &t));
    t->options.nranks = 1;
    kr_member *m = &t->member[0];
    size_t n = m->model->ntheta;
    double *theta = calloc(n, sizeof *theta), *along = calloc(n, sizeof *along), *g = calloc(n, sizeof *g),
           *scratch = calloc(n, sizeof *scratch);
    handed half[2] = {{0, calloc(n + 1, sizeof(double))}, {0, calloc(n + 1, sizeof(double))}};
    memcpy(theta, m->theta, n * sizeof *theta);
    for (size_t i = 0; i < n; i++) along[i] = sin(1.0 + 1.7 * (double)i);
    assert_int_equal(kr_member_groups(t), 5);
    for (int group = 0; group < 5; group++) {
        const double h = 1e-6;
        double here, side[2], slope = 0;
        kr_assert_ok(f->ctx, kr_data_batch(f->ctx, t->data, 3, t->frames, &batch));
        kr_member_place(m, theta);
        kr_assert_ok(f->ctx, kr_member_measure(f->ctx, t, m, &batch, group, &here, g));
        assert_true(here > 0);
        for (size_t i = 0; i < n; i++) slope -= sqrt(batch.nframes) * g[i] * along[i];
        for (int k = 0; k < 2; k++) {
            for (size_t i = 0; i < n; i++) scratch[i] = theta[i] + (k ? h : -h) * along[i];
            kr_member_place(m, scratch);
            kr_assert_ok(f->ctx, kr_member_measure(f->ctx, t, m, &batch, group, &side[k], scratch));
        }
        kr_assert_near((side[1] - side[0]) / (2 * h), slope, 1e-8, 1e-6);
        /* two processes: their parts add up */
        kr_member_place(m, theta);
        t->options.nranks = 2;
        for (int rank = 0; rank < 2; rank++) {
            t->options.rank = rank;
            t->options.sum_payload = &half[rank];
            kr_assert_ok(f->ctx, kr_member_measure(f->ctx, t, m, &batch, group, &side[0], scratch));
            assert_int_equal(half[rank].n, n + 1);
        }
        t->options.nranks = 1;
        t->options.rank = 0;
        for (size_t i = 0; i <= n; i++) half[0].value[i] += half[1].value[i];
        kr_assert_close((long)n, half[0].value, g, 1e-13, 1e-10);
        kr_assert_near(sqrt(batch.nframes) * half[0].value[n], here, 0, 1e-13);
    }
    free(theta);
    free(along);
    free(g);
    free(scratch);
    for (int k = 0; k < 2; k++) free(half[k].value);
    kr_training_destroy(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_restart, kr_run_case_setup, kr_run_case_teardown),
        cmocka_unit_test_setup_teardown(test_filter, kr_run_case_setup, kr_run_case_teardown),
        cmocka_unit_test_setup_teardown(test_measure, kr_run_case_setup, kr_run_case_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
