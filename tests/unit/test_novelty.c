/* Novelty to a single model: the size that the posterior gives to force errors, grades of the training atoms, files.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/memory.h"
#include "eelt/ensemble.h"
#include "eelt/novelty.h"
#include "kr_test.h"
#include "potential/model_frames.h"
#include "test_folder.h"
#include <kramers/select.h>
#include <unistd.h>

#define MODELS KR_TEST_DATA "/deepmd_kit/models/"

static kr_potential *load(kr_context *ctx, const char *path) {
    kr_potential *p = NULL;
    kr_assert_ok(ctx, kr_potential_load(ctx, 1, &path, NULL, &p));
    return p;
}
static kr_dataset *data_of(kr_context *ctx) {
    kr_dataset *data = NULL;
    kr_assert_ok(ctx, kr_dataset_read(ctx, KR_TEST_DATA "/deepmd_kit/formats/npy", NULL, 0, NULL, &data));
    return data;
}

/* Every atom of labelled frames: u and the square of its force error. */
typedef struct atoms {
    int n;
    double u[4000], e2[4000], largest[200]; /* largest u of a frame */
    int frames;
} atoms;
static void gather(kr_context *ctx, const kr_potential *p, kr_novelty *v, const kr_dataset *data, atoms *a) {
    kr_model_frames frames = {.map = NULL};
    kr_ensemble_work work = {.nmodels = 0};
    kr_frame f;
    a->n = a->frames = 0;
    kr_assert_ok(ctx, kr_ensemble_begin(ctx, p, &work));
    work.novelty = v;
    kr_assert_ok(ctx, kr_model_frames_begin(ctx, kr_potential_model(p, 0), data, &frames));
    for (int s = 0; s < data->nsystems; s++)
        for (int k = 0; k < data->system[s]->nframes; k++) {
            kr_assert_ok(ctx, kr_model_frames_get(ctx, &frames, s, k, &f));
            kr_assert_ok(ctx, kr_ensemble_frame(ctx, &work, &f));
            assert_true(a->n + f.natoms <= 4000 && a->frames < 200);
            a->largest[a->frames++] = work.u;
            for (int i = 0; i < f.natoms; i++, a->n++) {
                a->u[a->n] = work.epsilon[i];
                a->e2[a->n] = 0;
                for (int c = 0; c < 3; c++) {
                    double d = work.force[3 * i + c] - f.label[KR_LABEL_FORCE][3 * i + c];
                    a->e2[a->n] += d * d;
                }
            }
        }
    kr_model_frames_clear(&frames);
    kr_ensemble_end(&work);
}

/* The most likely α makes <|ΔF|²/u²> = 1 over the atoms that decide. */
static void test_posterior(void **state) {
    kr_context *ctx = *state;
    static atoms a, again;
    kr_potential *p = load(ctx, MODELS "se_a_one_tanh.dp"),
                 *other = load(ctx, KR_SOURCE_DIR "/examples/models/copper_se_e2_a.dp");
    kr_dataset *data = data_of(ctx);
    kr_novelty *v = NULL, *copy = NULL;
    kr_assert_ok(ctx, kr_novelty_train(ctx, p, KR_NOVELTY_POSTERIOR, data, data, &v));
    gather(ctx, p, v, data, &a);
    double ratio = 0;
    for (int i = 0; i < a.n; i++) ratio += a.e2[i] / (a.u[i] * a.u[i]) / a.n;
    assert_true(a.n > 10 && a.n < 2000);
    kr_assert_near(ratio, 1, 1e-6, 0);
    /* a file keeps every bit; cut or of another model it is refused */
    kr_assert_ok(ctx, kr_novelty_write(ctx, v, kr_test_folder, "novelty"));
    char path[128], *text;
    size_t n;
    snprintf(path, sizeof path, "%s/novelty", kr_test_folder);
    kr_assert_ok(ctx, kr_novelty_read(ctx, path, p, &copy));
    gather(ctx, p, copy, data, &again);
    assert_memory_equal(a.u, again.u, (size_t)a.n * sizeof(double));
    kr_novelty_destroy(&copy);
    kr_assert_ok(ctx, kr_file_read(ctx, path, &text, &n));
    for (size_t cut = 0; cut < n; cut += 1 + cut / 3) {
        kr_assert_ok(ctx, kr_file_write(ctx, kr_test_folder, "cut", text, cut));
        snprintf(path, sizeof path, "%s/cut", kr_test_folder);
        assert_int_equal(kr_novelty_read(ctx, path, p, &copy), KR_ERR_FORMAT);
    }
    kr_free(text);
    snprintf(path, sizeof path, "%s/novelty", kr_test_folder);
    assert_int_equal(kr_novelty_read(ctx, path, other, &copy), KR_ERR_FORMAT);
    kr_novelty_destroy(&v);
    kr_dataset_destroy(&data);
    kr_potential_destroy(&p);
    kr_potential_destroy(&other);
}

/* Grades of the training atoms are at most 1.001, and those of frames are kr_candidates_grades'. */
static void test_maxvol(void **state) {
    kr_context *ctx = *state;
    static atoms a;
    static double grade[200];
    kr_potential *p = load(ctx, MODELS "se_a_one_tanh.dp");
    kr_dataset *data = data_of(ctx);
    kr_novelty *v = NULL;
    kr_assert_ok(ctx, kr_novelty_train(ctx, p, KR_NOVELTY_MAXVOL, data, data, &v));
    gather(ctx, p, v, data, &a);
    for (int i = 0; i < a.n; i++) assert_true(a.u[i] > 0 && a.u[i] <= 1.001 + 1e-9);
    /* squeezed atoms are new; frames agree with the other way to the same number */
    for (int s = 0; s < data->nsystems; s++)
        for (int i = 0; i < 3 * data->system[s]->natoms; i++) data->system[s]->coord[i] *= 0.7;
    kr_dataset *training = data_of(ctx);
    gather(ctx, p, v, data, &a);
    kr_assert_ok(ctx, kr_candidates_grades(ctx, p, KR_FEATURES_LAST_LAYER, training, data, grade));
    assert_true(a.largest[0] > 1.01);
    kr_assert_close(a.frames, a.largest, grade, 1e-9, 1e-9);
    kr_dataset_destroy(&training);
    kr_novelty_destroy(&v);
    kr_dataset_destroy(&data);
    kr_potential_destroy(&p);
}

static void test_memory(void **state) {
    kr_context *ctx = *state;
    kr_potential *p = load(ctx, MODELS "se_a_one_tanh.dp");
    kr_dataset *data = data_of(ctx);
    kr_novelty *v = NULL;
    for (int method = KR_NOVELTY_POSTERIOR; method < KR_NOVELTY_METHODS; method++)
        for (long at = 1; at < 400; at += 1 + at / 8) {
            kr_memory_fail_at(at);
            kr_status status = kr_novelty_train(ctx, p, (kr_novelty_method)method, data, data, &v);
            kr_memory_fail_at(0);
            if (status == KR_OK) {
                kr_novelty_destroy(&v);
                break;
            }
            assert_int_equal(status, KR_ERR_MEMORY);
        }
    assert_int_equal(kr_novelty_train(ctx, p, KR_NOVELTY_DEVIATION, data, data, &v), KR_ERR_ARGUMENT);
    kr_dataset_destroy(&data);
    kr_potential_destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_posterior, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_maxvol, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_memory, kr_test_folder_setup, kr_test_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
