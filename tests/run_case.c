/* Whole trainings in a folder of their own.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "run_case.h"
#include "core/file.h"
#include "core/memory.h"
#include "potential/model.h"
#include <unistd.h>

int kr_run_case_setup(void **state) {
    kr_run_case *f = calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/kr-test-run-XXXXXX");
    *state = f;
    return !mkdtemp(f->folder) || kr_context_create(&f->ctx) != KR_OK;
}

int kr_run_case_teardown(void **state) {
    kr_run_case *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->folder);
    int failed = system(command);
    kr_context_destroy(&f->ctx);
    free(f);
    return failed || kr_memory_live() != 0;
}

void kr_run_case_write(const char *path, const char *text) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

char *kr_run_case_read(kr_context *ctx, const char *folder, const char *name) {
    char path[256], *text;
    size_t length;
    snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name);
    kr_assert_ok(ctx, kr_file_read(ctx, path, &text, &length));
    return text;
}

char *kr_run_case_replaced(char *text, const char *from, const char *to) {
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

void kr_run_case_input(const kr_run_case *f, const char *engine, const char *extra, const char *own, char path[256]) {
    static const char formats[] = KR_TEST_DATA "/deepmd_kit/formats";
    char text[4096];
    snprintf(path, 256, "%s/run.json", f->folder);
    snprintf(
        text, sizeof text,
        "{\"model\": {\"type_map\": [\"O\", \"H\"], \"descriptor\": {\"type\": \"se_e2_a\", \"rcut\": 3.5, "
        "\"rcut_smth\": 1.0, \"neuron\": [4, 8], \"axis_neuron\": 2, \"type_one_side\": true}, \"fitting_net\": "
        "{\"neuron\": [8, 8]}},\n\"learning_rate\": {\"start_lr\": 0.003, \"stop_lr\": 1e-5, \"decay_steps\": 5},\n"
        "\"loss\": {},\n\"kramers\": {\"engine\": \"%s\"%s},\n\"training\": {\"training_data\": {\"systems\": "
        "[\"%s/npy\", \"%s/npy_nopbc\"], \"batch_size\": 2, \"sys_probs\": [0.7, 0.3]},\n"
        "\"validation_data\": {\"systems\": [\"%s/npy_type_map_swapped\"], \"numb_btch\": 2},\n"
        "\"numb_steps\": 40, \"disp_freq\": 4, \"save_freq\": 10, \"max_ckpt_keep\": 2, \"seed\": 7%s}}",
        engine, own, formats, formats, formats, extra);
    kr_run_case_write(path, text);
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

kr_status kr_run_case_train(kr_run_case *f, const char *input, const char *folder, const char *restart, long stop,
                            int ensemble) {
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

void kr_run_case_same(kr_run_case *f, const char *a, const char *b, const char *const *models) {
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
    char *x = kr_run_case_read(f->ctx, a, "lcurve.out"), *y = kr_run_case_read(f->ctx, b, "lcurve.out");
    assert_string_equal(x, y);
    kr_free(x);
    kr_free(y);
}

void kr_run_case_restarts(kr_run_case *f, const char *input, const char *whole, const char *parts,
                          const char *const *models) {
    kr_context_set_threads(f->ctx, 1);
    assert_int_equal(kr_run_case_train(f, input, whole, NULL, -1, 1), KR_OK);
    kr_context_set_threads(f->ctx, 3);
    assert_int_equal(kr_run_case_train(f, input, parts, NULL, 7, 1), KR_CANCELLED);
    assert_int_equal(kr_run_case_train(f, input, parts, "", 26, 1), KR_CANCELLED);
    assert_int_equal(kr_run_case_train(f, input, parts, "", -1, 1), KR_OK);
    kr_run_case_same(f, whole, parts, models);
}
