/* Writing models: load → save → load gives the same bits, in both formats, for every reference model.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Whether DeePMD-kit reads these files is checked by tests/peers/check_written_models.py, which needs it. */
#include "core/file.h"
#include "core/hdf5.h"
#include "core/memory.h"
#include "model_equal.h"
#include "random_model.h"
#include <sys/stat.h>
#include <unistd.h>

static kr_context *ctx;
static char folder[64];

static const char *at(const char *name) {
    static char path[2][128];
    static int which;
    which = !which;
    snprintf(path[which], sizeof path[which], "%s/%s", folder, name);
    return path[which];
}

static void round_trip(const char *source) {
    kr_model *a, *b, *c;
    kr_assert_ok(ctx, kr_model_load(ctx, source, &a));
    kr_assert_ok(ctx, kr_model_save(ctx, a, at("one.dp")));
    kr_assert_ok(ctx, kr_model_save(ctx, a, at("one.yaml")));
    kr_assert_ok(ctx, kr_model_load(ctx, at("one.dp"), &b));
    kr_assert_ok(ctx, kr_model_load(ctx, at("one.yaml"), &c));
    assert_same_model(a, b);
    assert_same_model(a, c);
    kr_model_destroy(&a);
    kr_model_destroy(&b);
    kr_model_destroy(&c);
}

static void every_model_survives_a_round_trip(void **state) {
    (void)state;
    static const char *const folders[] = {KR_TEST_DATA "/deepmd_kit/models", KR_TEST_DATA "/deepmd_kit/models_tf",
                                          KR_TEST_DATA "/deepmd", KR_TEST_DATA "/deepmd_kit/overflow"};
    long live = kr_memory_live();
    int done = 0;
    for (size_t f = 0; f < sizeof folders / sizeof *folders; f++) {
        char **names, path[600];
        int n;
        kr_assert_ok(ctx, kr_folder_list(ctx, folders[f], &n, &names));
        for (int i = 0; i < n; i++) {
            size_t length = strlen(names[i]);
            if (length < 4 || strcmp(names[i] + length - 3, ".dp")) continue;
            snprintf(path, sizeof path, "%s/%s", folders[f], names[i]);
            round_trip(path);
            done++;
        }
        kr_names_free(n, names);
    }
    assert_int_equal(done, 61);
    assert_int_equal(kr_memory_live(), live);
}

/* What no reference model has: separate degrees, an option of our own. */
static void separate_degrees_survive_a_round_trip(void **state) {
    (void)state;
    kr_random_model_options options = {.descriptor = "dpa1/3s", .seed = 7, .plain = 1};
    kr_model *a, *b;
    kr_assert_ok(ctx, kr_random_model(ctx, &options, &a));
    kr_assert_ok(ctx, kr_model_save(ctx, a, at("apart.dp")));
    kr_assert_ok(ctx, kr_model_load(ctx, at("apart.dp"), &b));
    assert_true(b->descriptor.separate_degrees && b->descriptor.lmax == 3);
    kr_model_destroy(&a);
    kr_model_destroy(&b);
    char source[128];
    snprintf(source, sizeof source, "%s", at("apart.dp"));
    round_trip(source);
    kr_assert_ok(ctx, kr_model_load(ctx, KR_TEST_DATA "/deepmd/dpa1_lmax4.dp", &a)); /* two columns, five degrees */
    a->descriptor.separate_degrees = 1;
    kr_assert_ok(ctx, kr_model_save(ctx, a, source));
    assert_int_equal(kr_model_load(ctx, source, &b), KR_ERR_FORMAT);
    assert_non_null(strstr(kr_context_message(ctx), "lmax 4 and axis_neuron 2"));
    kr_model_destroy(&a);
    remove(source);
}

/* The same model makes the same file: no time stamps, no order that depends on memory. */
static void a_file_is_reproducible(void **state) {
    (void)state;
    kr_model *a, *b;
    char *text[2];
    size_t length[2];
    kr_assert_ok(ctx, kr_model_load(ctx, KR_TEST_DATA "/deepmd_kit/models/dpa1_strip_attn2_one.dp", &a));
    kr_assert_ok(ctx, kr_model_save(ctx, a, at("one.dp")));
    kr_assert_ok(ctx, kr_model_load(ctx, at("one.dp"), &b));
    kr_assert_ok(ctx, kr_model_save(ctx, b, at("two.dp")));
    kr_assert_ok(ctx, kr_file_read(ctx, at("one.dp"), &text[0], &length[0]));
    kr_assert_ok(ctx, kr_file_read(ctx, at("two.dp"), &text[1], &length[1]));
    assert_int_equal(length[0], length[1]);
    assert_memory_equal(text[0], text[1], length[0]);
    kr_free(text[0]);
    kr_free(text[1]);
    kr_model_destroy(&a);
    kr_model_destroy(&b);
}

static void top_level_keys_are_kept(void **state) {
    (void)state;
    kr_model *a, *b;
    kr_tree *child = NULL;
    kr_assert_ok(ctx, kr_model_load(ctx, KR_TEST_DATA "/deepmd_kit/models/se_a_one_tanh.dp", &a));
    assert_true(a->has_min_nbor_dist);
    kr_assert_ok(ctx, kr_tree_new_string(ctx, "water at 300 K", &child));
    kr_assert_ok(ctx, kr_tree_set(ctx, a->header, "note", &child));
    kr_assert_ok(ctx, kr_model_save(ctx, a, at("one.dp")));
    kr_assert_ok(ctx, kr_model_load(ctx, at("one.dp"), &b));
    assert_string_equal(kr_tree_at(b->header, "note")->string, "water at 300 K");
    assert_string_equal(kr_tree_at(b->header, "software")->string, "kramers");
    assert_string_equal(kr_tree_at(b->header, "backend")->string, "PyTorch");
    assert_non_null(kr_tree_at(b->header, "model_def_script.descriptor.sel[1]"));
    kr_model_destroy(&a);
    kr_model_destroy(&b);
}

/* A model in bfloat16 and one in float16: rounding on reading, no change afterwards. */
static void short_precisions_round_once(void **state) {
    (void)state;
    static const kr_dtype dtypes[] = {KR_FLOAT16, KR_BFLOAT16, KR_FLOAT32};
    kr_model *a, *b;
    kr_assert_ok(ctx, kr_model_load(ctx, KR_TEST_DATA "/deepmd_kit/models/se_a_one_tanh.dp", &a));
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        a->descriptor.precision = a->fitting.precision = dtypes[i];
        kr_assert_ok(ctx, kr_model_save(ctx, a, at("one.dp")));
        kr_assert_ok(ctx, kr_model_load(ctx, at("one.dp"), &b));
        assert_int_equal(b->descriptor.precision, dtypes[i]);
        double worst = 0;
        for (size_t k = 0; k < a->ntheta; k++) {
            double error = fabs(b->theta[k] - a->theta[k]) / fmax(fabs(a->theta[k]), 1e-3);
            if (error > worst) worst = error;
        }
        double unit = i == 0 ? 0x1p-11 : i == 1 ? 0x1p-8 : 0x1p-24; /* half a unit in the last place */
        assert_true(worst > unit / 4 && worst <= unit * 1.001);
        kr_assert_ok(ctx, kr_model_save(ctx, b, at("two.yaml")));
        kr_model *c;
        kr_assert_ok(ctx, kr_model_load(ctx, at("two.yaml"), &c));
        assert_same_model(b, c);
        kr_model_destroy(&b);
        kr_model_destroy(&c);
    }
    kr_model_destroy(&a);
}

/* A layer whose precision is not that of its section keeps it. */
static void layers_keep_their_precision(void **state) {
    (void)state;
    kr_model *a, *b;
    kr_assert_ok(ctx, kr_model_load(ctx, KR_TEST_DATA "/deepmd_kit/models/se_a_one_tanh.dp", &a));
    a->fitting.precision = KR_FLOAT32;
    kr_layer *layer = &a->fitting.net[0]->layer[1];
    layer->stored = 1 + KR_FLOAT64;
    kr_assert_ok(ctx, kr_model_save(ctx, a, at("one.dp")));
    kr_assert_ok(ctx, kr_model_load(ctx, at("one.dp"), &b));
    const kr_layer *first = &b->fitting.net[0]->layer[0], *own = &b->fitting.net[0]->layer[1];
    assert_true(first->stored == 0 && own->stored == 1 + KR_FLOAT64);
    assert_memory_equal(a->theta + own->w, b->theta + own->w, (size_t)own->in * (size_t)own->out * sizeof(double));
    assert_true(a->theta[first->w] != b->theta[first->w]);
    kr_model_destroy(&a);
    kr_model_destroy(&b);
}

static void what_cannot_be_written_is_refused(void **state) {
    (void)state;
    kr_model *model;
    kr_assert_ok(ctx, kr_model_load(ctx, KR_TEST_DATA "/deepmd_kit/models/se_r_tanh.dp", &model));
    assert_int_equal(kr_model_save(ctx, model, at("model.pb")), KR_ERR_ARGUMENT);
    assert_int_equal(kr_model_save(ctx, NULL, at("model.dp")), KR_ERR_ARGUMENT);
    assert_int_equal(kr_model_save(ctx, model, "/nonexistent/folder/model.dp"), KR_ERR_IO);
    assert_int_equal(kr_model_save(ctx, model, "/nonexistent/folder/model.yaml"), KR_ERR_IO);
    model->theta[model->block[3].offset] = NAN;
    assert_int_equal(kr_model_save(ctx, model, at("nan.dp")), KR_ERR_NUMERIC);
    assert_non_null(strstr(kr_context_message(ctx), model->block[3].name));
    assert_false(kr_file_exists(at("nan.dp")));
    kr_model_destroy(&model);
}

/* A failed write leaves the old file and no temporary one. */
static void failing_allocations_leave_nothing(void **state) {
    (void)state;
    kr_model *model;
    char **names;
    int n;
    kr_assert_ok(ctx, kr_model_load(ctx, KR_TEST_DATA "/deepmd_kit/models/dpa1_concat_attn1.dp", &model));
    remove(at("one.dp"));
    remove(at("two.dp"));
    remove(at("one.yaml"));
    remove(at("two.yaml"));
    for (int pass = 0; pass < 2; pass++) {
        const char *target = pass ? "all.yaml" : "all.dp";
        long live = kr_memory_live();
        /* every allocation of the first hundred, then in growing steps: the middle is much the same again and again */
        for (long k = 1;; k += 1 + k / 50) {
            kr_memory_fail_at(k);
            kr_status status = kr_model_save(ctx, model, at(target));
            kr_memory_fail_at(0);
            assert_int_equal(kr_memory_live(), live);
            if (status == KR_OK) break;
            assert_int_equal(status, KR_ERR_MEMORY);
            kr_assert_ok(ctx, kr_folder_list(ctx, folder, &n, &names));
            assert_int_equal(n, pass);
            kr_names_free(n, names);
        }
    }
    kr_model_destroy(&model);
    remove(at("all.dp"));
    remove(at("all.yaml"));
}

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/kramers-test-write-XXXXXX");
    return mkdtemp(folder) && kr_context_create(&ctx) == KR_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    static const char *const names[] = {"one.dp", "two.dp", "one.yaml", "two.yaml"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) remove(at(names[i]));
    kr_context_destroy(&ctx);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_model_survives_a_round_trip),
                                       cmocka_unit_test(separate_degrees_survive_a_round_trip),
                                       cmocka_unit_test(a_file_is_reproducible),
                                       cmocka_unit_test(top_level_keys_are_kept),
                                       cmocka_unit_test(short_precisions_round_once),
                                       cmocka_unit_test(layers_keep_their_precision),
                                       cmocka_unit_test(what_cannot_be_written_is_refused),
                                       cmocka_unit_test(failing_allocations_leave_nothing)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
