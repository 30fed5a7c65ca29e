/* Learning rates step by step against those of DeePMD-kit 3.2.0 (deepmd.dpmodel.utils.learning_rate), also where its
 * decay_steps of 5000 is more than the run has.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "kr_test.h"
#include "training/schedule.h"

static void test_rates(void **state) {
    (void)state;
    enum { POINTS = 8 };
    static const struct {
        const char *rate;
        long steps, at[POINTS];
        double want[POINTS];
    } cases[] = {
        {"{\"type\": \"exp\", \"start_lr\": 0.001, \"stop_lr\": 3.5e-08, \"decay_steps\": 5000}",
         1000000,
         {0, 1, 70000, 130000, 500001, 850000, 970000, 999999},
         {0.001, 0.001, 0.00048762365240242415, 0.00026346858910428222, 5.9160797830995806e-06, 1.6310145589151849e-07,
          4.761524277701157e-08, 3.6842382246639519e-08}},
        {"{\"type\": \"exp\", \"start_lr\": 0.001, \"stop_lr\": 3.5e-08, \"decay_steps\": 5000}",
         5000,
         {0, 1, 350, 650, 2501, 4250, 4850, 4999},
         {0.001, 0.001, 0.00054031134012106545, 0.00029193634426342166, 5.916079783099606e-06, 1.8072455217105816e-07,
          5.2760065079462743e-08, 4.2972110464593083e-08}},
        {"{\"type\": \"exp\", \"start_lr\": 0.001, \"stop_lr\": 1e-05, \"decay_steps\": 5000}",
         400,
         {0, 1, 28, 52, 201, 340, 388, 399},
         {0.001, 0.001, 0.00074989420933245586, 0.00056234132519034921, 0.00010000000000000003, 1.995262314968881e-05,
          1.1885022274370193e-05, 1.0592537251772897e-05}},
        {"{\"type\": \"exp\", \"start_lr\": 0.001, \"stop_lr\": 1e-05, \"decay_steps\": 5000}",
         1200,
         {0, 1, 84, 156, 601, 1020, 1164, 1199},
         {0.001, 0.001, 0.001, 0.00068129206905796129, 9.9999999999999964e-05, 2.1544346900318827e-05,
          1.4677992676220687e-05, 1.4677992676220687e-05}},
        {"{\"type\": \"exp\", \"start_lr\": 0.001, \"stop_lr\": 1e-05, \"decay_steps\": 5000, \"decay_rate\": 0.5}",
         4000,
         {0, 1, 280, 520, 2001, 3400, 3880, 3999},
         {0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001}},
        {"{\"type\": \"exp\", \"start_lr\": 0.001, \"stop_lr\": 1e-05, \"decay_steps\": 100, \"smooth\": true}",
         1000,
         {0, 1, 70, 130, 501, 850, 970, 999},
         {0.001, 0.00099540541735152702, 0.00072443596007499016, 0.00054954087385762455, 9.9540541735152694e-05,
          1.9952623149688796e-05, 1.1481536214968832e-05, 1.0046157902783951e-05}},
        {"{\"type\": \"exp\", \"start_lr\": 0.001, \"stop_lr\": 0.0, \"decay_steps\": 50}",
         1000,
         {0, 1, 70, 130, 501, 850, 970, 999},
         {0.001, 0.001, 0.0004466835921509631, 0.00019952623149688796, 3.1622776601683776e-07, 1.1220184543019624e-09,
          2.2387211385683372e-10, 2.2387211385683372e-10}},
        {"{\"type\": \"exp\", \"start_lr\": 0.001, \"stop_lr\": 1e-05, \"decay_steps\": 100, \"warmup_steps\": 150, "
         "\"warmup_start_factor\": 0.1}",
         1000,
         {0, 1, 70, 130, 501, 850, 970, 999},
         {0.0001, 0.000106, 0.00052000000000000006, 0.00088000000000000003, 0.00019684194472866125,
          2.2539339047347911e-05, 1.3111339374215649e-05, 1.3111339374215649e-05}},
        {"{\"type\": \"cosine\", \"start_lr\": 0.001, \"stop_lr\": 1e-05}",
         1000,
         {0, 1, 70, 130, 501, 850, 970, 999},
         {0.001, 0.00099999755727491987, 0.00098807879715967994, 0.00095928853971357069, 0.00050344491419448956,
          6.3951770526757943e-05, 1.2196827521475402e-05, 1.0002442725080185e-05}},
        {"{\"type\": \"cosine\", \"start_lr\": 0.001, \"stop_lr\": 1e-05, \"warmup_ratio\": 0.2}",
         1000,
         {0, 1, 70, 130, 501, 850, 970, 999},
         {0, 5.0000000000000004e-06, 0.00035, 0.00065000000000000008, 0.00069263095013929825, 9.3422541910240044e-05,
          1.3431113807311484e-05, 1.0003816756172075e-05}},
        {"{\"type\": \"wsd\", \"start_lr\": 0.001, \"stop_lr\": 1e-05}",
         1000,
         {0, 1, 70, 130, 501, 850, 970, 999},
         {0.001, 0.001, 0.001, 0.001, 0.001, 0.001, 1.4224751066856333e-05, 1.0099989900010101e-05}},
        {"{\"type\": \"wsd\", \"start_lr\": 0.001, \"stop_lr\": 1e-05, \"decay_phase_ratio\": 0.4, \"decay_type\": "
         "\"cosine\", \"warmup_steps\": 100}",
         1000,
         {0, 1, 70, 130, 501, 850, 970, 999},
         {0, 1.0000000000000001e-05, 0.00069999999999999999, 0.001, 0.001, 0.00031557170097928059,
          2.3676889403150105e-05, 1.0015266965829117e-05}},
        {"{\"type\": \"wsd\", \"start_lr\": 0.001, \"stop_lr\": 1e-05, \"decay_phase_ratio\": 0.4, \"decay_type\": "
         "\"linear\"}",
         1000,
         {0, 1, 70, 130, 501, 850, 970, 999},
         {0.001, 0.001, 0.001, 0.001, 0.001, 0.00038125000000000008, 8.4250000000000015e-05, 1.2475000000000073e-05}},
    };
    kr_context *ctx = NULL;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        char text[1024];
        kr_tree *tree = NULL;
        kr_input *input = NULL;
        kr_schedule s;
        snprintf(text, sizeof text,
                 "{\"model\": {\"type_map\": [\"O\"], \"descriptor\": {\"type\": \"se_e2_a\"}, \"fitting_net\": {}}, "
                 "\"learning_rate\": %s, \"loss\": {}, \"training\": {\"training_data\": {\"systems\": \"a\"}, "
                 "\"numb_steps\": %ld}}",
                 cases[c].rate, cases[c].steps);
        kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "t", &tree));
        kr_assert_ok(ctx, kr_input_from_tree(ctx, tree, "t", &input));
        kr_assert_ok(ctx, kr_schedule_set(ctx, &input->rate, cases[c].steps, &s));
        for (int k = 0; k < POINTS; k++) {
            double got = kr_schedule_at(&s, cases[c].at[k]), want = cases[c].want[k];
            if (!(fabs(got - want) <= 1e-12 * want))
                fail_msg("%s, step %ld: %.17g, expected %.17g", cases[c].rate, cases[c].at[k], got, want);
        }
        kr_tree_destroy(&tree);
        kr_input_destroy(&input);
    }
    kr_context_destroy(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
