/* Points of states: inside, and a third of them on the edge, which in ten dimensions no random point meets.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "kr_test.h"
#include "sampling/run_committor.h"
#include "test_folder.h"
#include <kramers/sampling.h>

enum { N = 300 };

static void test_edges(void **state) {
    kr_context *ctx = *state;
    kr_sampling *run = NULL;
    char path[128], out[128];
    const char *text = "{\"problem\": {\"kind\": \"spheres\", \"dim\": 10}, \"sampling\": {\"epsilon\": 4, \"burn\": "
                       "300}, \"validation\": {\"dt\": 1e-4}}";
    kr_assert_ok(ctx, kr_file_write(ctx, kr_test_folder, "run.json", text, strlen(text)));
    snprintf(path, sizeof path, "%s/run.json", kr_test_folder);
    snprintf(out, sizeof out, "%s/out", kr_test_folder);
    kr_sampling_options options = {.output = out};
    kr_assert_ok(ctx, kr_sampling_create(ctx, "committor", path, &options, &run));
    for (int s = 0; s < 2; s++) {
        const kr_region *region = s ? run->problem->b : run->problem->a;
        long first = kr_committor_state_part(KR_COMMITTOR_EDGE, N);
        long last = kr_committor_state_part(KR_COMMITTOR_EDGE + 1, N), near = 0;
        double *x;
        kr_assert_ok(ctx, kr_committor_draw_state(ctx, run, s, N, &x));
        assert_true(3 * (last - first) >= N - 3);
        for (long i = 0; i < N; i++) {
            double level = kr_region_level(region, x + i * run->problem->dim, NULL);
            assert_true(level <= 1e-6);
            if (i >= first && i < last) near += level > -1e-6;
        }
        assert_int_equal(near, last - first);
        kr_free(x);
    }
    kr_sampling_destroy(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_edges, kr_test_folder_setup, kr_test_folder_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
