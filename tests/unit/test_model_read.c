/* Reading model files: every reference model, and files that are broken in one way each.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/memory.h"
#include "model_equal.h"

/* All files with this suffix in a folder of the test data are loaded; returns their number. */
static int load_all(const char *folder, const char *suffix) {
    kr_context *ctx;
    char **names, path[600];
    int n, loaded = 0;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    kr_assert_ok(ctx, kr_folder_list(ctx, folder, &n, &names));
    for (int i = 0; i < n; i++) {
        size_t length = strlen(names[i]), tail = strlen(suffix);
        if (length < tail || strcmp(names[i] + length - tail, suffix)) continue;
        kr_model *model;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        kr_assert_ok(ctx, kr_model_load(ctx, path, &model));
        assert_true(kr_model_ntypes(model) >= 1 && kr_model_nparameters(model) > 0 && kr_model_rcut(model) > 0);
        size_t total = 0;
        for (int b = 0; b < model->nblocks; b++) {
            assert_int_equal(model->block[b].offset, total); /* θ is its blocks, no gaps */
            total += model->block[b].count;
        }
        assert_int_equal(total, model->ntheta);
        kr_model_destroy(&model);
        loaded++;
    }
    kr_names_free(n, names);
    kr_context_destroy(&ctx);
    return loaded;
}

static void every_reference_model_loads(void **state) {
    (void)state;
    long live = kr_memory_live();
    assert_int_equal(load_all(KR_TEST_DATA "/deepmd_kit/models", ".dp"), 39);
    assert_int_equal(load_all(KR_TEST_DATA "/deepmd_kit/models_tf", ".dp"), 7);
    assert_int_equal(load_all(KR_TEST_DATA "/deepmd_kit/overflow", ".dp"), 4);
    assert_int_equal(load_all(KR_TEST_DATA "/deepmd_kit/model_devi", ".dp"), 4);
    assert_int_equal(load_all(KR_TEST_DATA "/deepmd", ".dp"), 8);
    assert_int_equal(load_all(KR_SOURCE_DIR "/examples/models", ".dp"), 2);
    assert_int_equal(kr_memory_live(), live);
}

static void yaml_and_dp_are_the_same_model(void **state) {
    (void)state;
    static const char *const names[] = {"se_e2_a_twoside",  "se_e2_a_excl_dt_gelu",     "se_e2_a_fpap",
                                        "se_e2_r_oneside",  "dpa1_concat_attn2_smooth", "dpa1_concat_attn2",
                                        "dpa1_strip_attn0", "se_atten_v2_attn0"};
    kr_context *ctx;
    kr_model *a, *b;
    char path[600];
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/deepmd/%s.dp", KR_TEST_DATA, names[i]);
        kr_assert_ok(ctx, kr_model_load(ctx, path, &a));
        snprintf(path, sizeof path, "%s/deepmd/%s.yaml", KR_TEST_DATA, names[i]);
        kr_assert_ok(ctx, kr_model_load(ctx, path, &b));
        assert_same_model(a, b);
        kr_model_destroy(&a);
        kr_model_destroy(&b);
    }
    kr_assert_ok(ctx, kr_model_load(ctx, KR_TEST_DATA "/deeppot_sea/deeppot_sea.yaml", &a));
    assert_int_equal(kr_model_ntypes(a), 2);
    kr_model_destroy(&a);
    kr_context_destroy(&ctx);
}

static void collect(const char *line, void *payload) {
    strcat(payload, line);
    strcat(payload, "\n");
}

static void a_model_describes_itself(void **state) {
    (void)state;
    kr_context *ctx;
    kr_model *model;
    char text[4096] = "";
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    kr_assert_ok(ctx, kr_model_load(ctx, KR_SOURCE_DIR "/examples/models/water_se_e2_a.dp", &model));
    kr_model_describe(model, collect, text);
    assert_non_null(strstr(text, "\nsel: O 46, H 92 (138 in all)\n"));
    assert_non_null(strstr(text, "\nembedding: 25-50-100, tanh, axis 16\n"));
    assert_non_null(strstr(text, "\ncutoff: 6 Å, smooth from 0.5 Å\n"));
    kr_model_destroy(&model);
    kr_context_destroy(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_reference_model_loads),
                                       cmocka_unit_test(a_model_describes_itself),
                                       cmocka_unit_test(yaml_and_dp_are_the_same_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
