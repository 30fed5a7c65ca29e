/* ctest: full. The n-th allocation of a whole run fails: an error, no leak, no torn file; n grows by a tenth.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"
#include <unistd.h>

#define FORMATS KR_TEST_DATA "/deepmd_kit/formats"

static kr_status run(kr_context *ctx, const char *input, const char *folder, const char *restart) {
    kr_training_options o = KR_TRAINING_OPTIONS_DEFAULT;
    kr_training *t = NULL;
    o.folder = folder;
    o.restart = restart;
    kr_status status = kr_training_create(ctx, input, &o, &t);
    if (status >= 0) status = kr_training_run(ctx, t, NULL, NULL);
    kr_training_destroy(&t);
    return status;
}

static void test_run(void **state) {
    (void)state;
    static const char *const engines[] = {"exact", "auto"};
    char folder[] = "/tmp/kr-test-memory-XXXXXX", input[64], command[64];
    kr_context *ctx = NULL;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    kr_context_set_threads(ctx, 2);
    snprintf(input, sizeof input, "%s/input.json", folder);
    for (int e = 0; e < 2; e++) {
        FILE *out = fopen(input, "w");
        assert_non_null(out);
        fprintf(
            out,
            "{\"model\": {\"type_map\": [\"O\", \"H\"], \"descriptor\": {\"type\": \"se_e2_a\", \"rcut\": 3.0, "
            "\"neuron\": [2, 4], \"axis_neuron\": 2}, \"fitting_net\": {\"neuron\": [4]}}, \"learning_rate\": "
            "{\"start_lr\": 0.001}, \"loss\": {}, \"kramers\": {\"engine\": \"%s\", \"average_tail\": 0.5, "
            "\"patience\": 5}, \"training\": {\"numb_steps\": 2, \"save_freq\": 1, \"disp_freq\": 1, \"enable_ema\": "
            "true, \"training_data\": {\"systems\": \"" FORMATS "/npy\"}, \"validation_data\": {\"systems\": \"" FORMATS
            "/npy_type_map_swapped\"}}}",
            engines[e]);
        fclose(out);
        for (int restart = 0; restart < 2; restart++)
            for (long n = 1;; n += 1 + n / 10) {
                long live = kr_memory_live();
                kr_memory_fail_at(n);
                kr_status status = run(ctx, input, folder, restart ? "" : NULL);
                kr_memory_fail_at(0);
                kr_context_clear(ctx);
                if (kr_memory_live() > live + 8) fail_msg("allocation %ld: %ld leak", n, kr_memory_live() - live);
                if (status >= 0) break;
                if (status != KR_ERR_MEMORY) fail_msg("allocation %ld: status %d", n, (int)status);
            }
    }
    kr_context_destroy(&ctx);
    assert_int_equal(kr_memory_live(), 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_run)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
