/* First parameters: what kramers.embedding_sharpness changes, and what it leaves alone; gains of angular degrees.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "kr_test.h"
#include "training/init.h"
#include <math.h>

static kr_model *make(kr_context *ctx, const char *descriptor, const char *own) {
    char text[1024];
    const int sel[2] = {8, 8};
    kr_tree *tree = NULL;
    kr_input *input = NULL;
    kr_model *model = NULL;
    snprintf(
        text, sizeof text,
        "{\"model\": {\"type_map\": [\"O\", \"H\"], \"descriptor\": {%s, \"neuron\": [3, 6]}, \"fitting_net\": "
        "{\"neuron\": [5]}}, \"learning_rate\": {\"start_lr\": 0.001}, \"training\": {\"numb_steps\": 1, \"seed\": "
        "3, \"training_data\": {\"systems\": [\"none\"]}}, \"kramers\": {%s}}",
        descriptor, own);
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "t", &tree));
    kr_assert_ok(ctx, kr_input_from_tree(ctx, tree, "t", &input));
    kr_assert_ok(ctx, kr_training_model(ctx, input, strstr(descriptor, "atten") ? 1 : 2, sel, 0, &model));
    kr_tree_destroy(&tree);
    kr_input_destroy(&input);
    return model;
}

/* Weights of s in the first layer of every embedding net are multiplied; type vectors, biases, other layers, type nets
 * and fitting nets stay. */
static void test_sharpness(void **state) {
    kr_context *ctx = *state;
    static const char *const descriptors[] = {"\"type\": \"se_e2_a\"", "\"type\": \"se_e2_r\", \"type_one_side\": true",
                                              "\"type\": \"se_atten\"", "\"type\": \"se_atten_v2\""};
    for (size_t c = 0; c < sizeof descriptors / sizeof *descriptors; c++) {
        kr_model *usual = make(ctx, descriptors[c], ""),
                 *sharp = make(ctx, descriptors[c], "\"embedding_sharpness\": 2.5");
        const kr_descriptor *d = &usual->descriptor;
        unsigned char *of_s = kr_calloc(ctx, usual->ntheta, 1);
        size_t wanted = 0, found = 0;
        assert_int_equal(usual->ntheta, sharp->ntheta);
        for (int e = 0; e < d->nembedding; e++) {
            if (!d->embedding[e]) continue;
            memset(of_s + d->embedding[e]->layer[0].w, 1, 3);
            wanted += 3;
        }
        for (size_t i = 0; i < usual->ntheta; i++) {
            assert_true(sharp->theta[i] == (of_s[i] ? 2.5 : 1.0) * usual->theta[i]);
            found += of_s[i] && usual->theta[i] != 0;
        }
        assert_true(found == wanted && found > 0);
        kr_free(of_s);
        kr_model_destroy(&usual);
        kr_model_destroy(&sharp);
    }
}

/* With lmax there is one gain for every degree above 1, random, trained unless the descriptor is not; all else stays.
 */
static void test_gains(void **state) {
    kr_context *ctx = *state;
    static const char *const usual = "\"type\": \"se_atten\"";
    kr_model *plain = make(ctx, usual, "");
    for (int trainable = 0; trainable < 2; trainable++) {
        char text[96];
        unsigned char *mask = NULL;
        snprintf(text, sizeof text, "%s, \"lmax\": 3, \"trainable\": %s", usual, trainable ? "true" : "false");
        kr_model *model = make(ctx, text, "");
        const double *gain = model->theta + model->descriptor.degree_gain;
        assert_int_equal(model->ntheta, plain->ntheta + 2);
        assert_true(gain[0] != 0 && gain[1] != 0 && gain[0] != gain[1] && fabs(gain[0]) < 0.5 && fabs(gain[1]) < 0.5);
        assert_memory_equal(model->theta, plain->theta, model->descriptor.degree_gain * sizeof *gain);
        kr_assert_ok(ctx, kr_training_mask(ctx, model, &mask));
        for (int k = 0; k < 2; k++) assert_int_equal(mask[model->descriptor.degree_gain + (size_t)k], trainable);
        kr_model *large = make(ctx, text, "\"degree_gain\": 1");
        for (int k = 0; k < 2; k++)
            assert_float_equal(large->theta[large->descriptor.degree_gain + (size_t)k], gain[k] + 1, 1e-12);
        kr_model_destroy(&large);
        kr_model *apart = make(ctx, text, "\"separate_degrees\": true");
        assert_true(apart->descriptor.separate_degrees && !model->descriptor.separate_degrees);
        assert_memory_equal(apart->theta, model->theta, model->ntheta * sizeof *gain);
        kr_model_destroy(&apart);
        kr_free(mask);
        kr_model_destroy(&model);
    }
    kr_model_destroy(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sharpness, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_gains, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
