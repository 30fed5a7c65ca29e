/* Reading model files: every reference model, and files that are broken in one way each.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/memory.h"
#include "kr_test.h"
#include "potential/model.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_reference_model_loads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
