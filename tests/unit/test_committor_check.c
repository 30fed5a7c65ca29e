/* Committor checks: the flux through isosurfaces and what is said of its error.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "kr_test.h"
#include "sampling/committor_check.h"

static kr_context *ctx;

enum { N = 6000, GROUPS = 32, SETS = 150 };

/* Points uniform in q with a slope that makes the flux 1 + 0.4 q: the spread is 0.32/1.2 but for noise, and the
 * jackknife error of one set is the scatter of the spreads of many. */
static void test_flux(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    static double q[N], grad[N], w[N];
    static int group[N];
    double mean[2] = {0}, square[2] = {0}, error[2] = {0};
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"double_well\",\"epsilon\":0.5}", &problem));
    for (int set = 0; set < SETS; set++) {
        kr_flux_test t;
        for (int i = 0; i < N; i++) {
            q[i] = kr_random_uniform((kr_stream){3, (uint64_t)set}, 0, (uint64_t)i, 0);
            grad[i] = sqrt(2 * (1 + 0.4 * q[i]));
            w[i] = 1;
            group[i] = i % GROUPS;
        }
        kr_assert_ok(ctx, kr_committor_flux(ctx, problem, N, q, grad, w, group, GROUPS, N, &t));
        if (!set) kr_assert_near(t.flux[4], 1.2, 4 * t.error[4], 0);
        const double value[2] = {t.spread, t.ratio}, said[2] = {t.spread_error, t.ratio_error};
        for (int k = 0; k < 2; k++) {
            mean[k] += value[k] / SETS;
            square[k] += value[k] * value[k] / SETS;
            error[k] += said[k] / SETS;
        }
    }
    kr_assert_near(mean[0], 0.32 / 1.2, 0.05, 0); /* noise makes it larger */
    kr_assert_near(mean[1], (1 + 0.4 * 0.275) / (1 + 0.4 * 0.725), 0.005, 0);
    for (int k = 0; k < 2; k++) {
        double scatter = sqrt(square[k] - mean[k] * mean[k]);
        print_message("error %.4f, scatter %.4f\n", error[k], scatter);
        assert_true(error[k] > 0.75 * scatter && error[k] < 1.5 * scatter);
    }
    kr_problem_destroy(&problem);
}

int main(void) {
    if (kr_context_create(&ctx) != KR_OK) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_flux)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
