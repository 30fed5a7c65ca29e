/* input.json: completed as DeePMD-kit completes it, mistakes are named with their place.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "kr_test.h"
#include "training/input.h"

/* Every key of `want` is in `got` with the same value; keys of got that want lacks are reported too. */
static void same(const kr_tree *got, const kr_tree *want, const char *at) {
    int numbers = (got->kind == KR_TREE_INT || got->kind == KR_TREE_REAL) &&
                  (want->kind == KR_TREE_INT || want->kind == KR_TREE_REAL);
    if (numbers && got->real == want->real) return;
    if (got->kind != want->kind || got->count != want->count || got->integer != want->integer)
        fail_msg("%s: kind %d, count %d, not kind %d, count %d", at, got->kind, got->count, want->kind, want->count);
    if (got->kind == KR_TREE_STRING) assert_string_equal(got->string, want->string);
    for (int i = 0; i < want->count; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s.%s", at, want->key ? want->key[i] : "[]");
        const kr_tree *child = want->key ? kr_tree_get(got, want->key[i]) : got->child[i];
        if (!child) fail_msg("%s is missing", path);
        same(child, want->child[i], path);
    }
}

/* What DeePMD-kit 3.2 makes of the same file. */
static void test_completed(void **state) {
    kr_context *ctx = *state;
    kr_input *input;
    kr_tree *want = NULL;
    const char *sections[] = {"model", "learning_rate", "loss", "training", "optimizer"};
    kr_assert_ok(ctx, kr_input_read(ctx, KR_TEST_DATA "/deepmd_kit/formats/train_input.json", &input));
    kr_assert_ok(ctx, kr_json_read(ctx, KR_TEST_DATA "/deepmd_kit/formats/train_out_pt.json", &want));
    for (int i = 0; i < 5; i++)
        same(kr_tree_get(input->complete, sections[i]), kr_tree_get(want, sections[i]), sections[i]);
    assert_true(input->training.numb_steps == 20 && input->training.data.present && input->training.validation.present);
    assert_true(input->training.validation.numb_btch == 2 && input->rate.decay_steps == 10);
    assert_true(input->loss.start[KR_LOSS_V] == 0.02 && input->loss.limit[KR_LOSS_V] == 1.0);
    assert_true(input->model.descriptor.type_one_side && input->model.fitting.seed == 7);
    kr_tree_destroy(&want);
    kr_input_destroy(&input);
}

#define MODEL_HEAD "{\"model\": {\"type_map\": [\"O\", \"H\"], \"fitting_net\": {}, \"descriptor\": "
#define REST                                                                                      \
    "}, \"learning_rate\": {\"start_lr\": 0.001}, \"loss\": {}, \"training\": {\"num_steps\": 5," \
    " \"training_data\": {\"systems\": [\"a\"]}}}"

/* Each descriptor's defaults, as DeePMD-kit 3.2 prints them. */
static void test_descriptors(void **state) {
    kr_context *ctx = *state;
    const char *const cases[][2] = {
        {"{\"type\": \"se_a\"}",
         "{\"type\": \"se_e2_a\", \"sel\": \"auto\", \"rcut\": 6.0, \"rcut_smth\": 0.5, \"neuron\": [10, 20, 40], "
         "\"axis_neuron\": 4, \"activation_function\": \"tanh\", \"resnet_dt\": false, \"type_one_side\": false, "
         "\"precision\": \"default\", \"trainable\": true, \"exclude_types\": [], \"env_protection\": 0.0, "
         "\"set_davg_zero\": false}"},
        {"{\"type\": \"se_e2_r\", \"type_one_side\": true}",
         "{\"type\": \"se_e2_r\", \"sel\": \"auto\", \"rcut\": 6.0, \"rcut_smth\": 0.5, \"neuron\": [10, 20, 40], "
         "\"activation_function\": \"tanh\", \"resnet_dt\": false, \"type_one_side\": true, \"precision\": "
         "\"default\", \"trainable\": true, \"exclude_types\": [], \"set_davg_zero\": false, \"env_protection\": "
         "0.0}"},
        {"{\"type\": \"dpa1\"}",
         "{\"type\": \"se_atten\", \"sel\": \"auto\", \"rcut\": 6.0, \"rcut_smth\": 0.5, \"neuron\": [10, 20, 40], "
         "\"axis_neuron\": 4, \"activation_function\": \"tanh\", \"resnet_dt\": false, \"type_one_side\": false, "
         "\"precision\": \"default\", \"trainable\": true, \"exclude_types\": [], \"env_protection\": 0.0, \"attn\": "
         "128, \"attn_layer\": 2, \"attn_dotr\": true, \"attn_mask\": false, \"stripped_type_embedding\": null, "
         "\"smooth_type_embedding\": false, \"set_davg_zero\": true, \"trainable_ln\": true, \"ln_eps\": null, "
         "\"tebd_dim\": 8, \"use_econf_tebd\": false, \"use_tebd_bias\": false, \"tebd_input_mode\": \"concat\", "
         "\"scaling_factor\": 1.0, \"normalize\": true, \"concat_output_tebd\": true}"},
        {"{\"type\": \"se_atten_v2\"}",
         "{\"type\": \"se_atten_v2\", \"sel\": \"auto\", \"rcut\": 6.0, \"rcut_smth\": 0.5, \"neuron\": [10, 20, 40], "
         "\"axis_neuron\": 4, \"activation_function\": \"tanh\", \"resnet_dt\": false, \"type_one_side\": false, "
         "\"precision\": \"default\", \"trainable\": true, \"exclude_types\": [], \"env_protection\": 0.0, \"attn\": "
         "128, \"attn_layer\": 2, \"attn_dotr\": true, \"attn_mask\": false, \"set_davg_zero\": false, "
         "\"trainable_ln\": true, \"ln_eps\": null, \"tebd_dim\": 8, \"use_econf_tebd\": false, \"use_tebd_bias\": "
         "false, \"scaling_factor\": 1.0, \"normalize\": true, \"concat_output_tebd\": true}"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        kr_tree *tree = NULL, *want = NULL;
        kr_input *input;
        snprintf(text, sizeof text, MODEL_HEAD "%s" REST, cases[i][0]);
        kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "t", &tree));
        kr_assert_ok(ctx, kr_json_parse(ctx, cases[i][1], strlen(cases[i][1]), "t", &want));
        kr_assert_ok(ctx, kr_input_from_tree(ctx, tree, "t", &input));
        const kr_tree *got = kr_tree_at(input->complete, "model.descriptor");
        for (int k = got->count - 1; k >= 0; k--) /* lmax is newer than the printed ones */
            if (!kr_tree_get(want, got->key[k]) && strcmp(got->key[k], "lmax")) fail_msg("extra key %s", got->key[k]);
        for (int k = 0; k < want->count; k++) {
            const kr_tree *value = kr_tree_get(got, want->key[k]);
            if (!value) fail_msg("%s is missing", want->key[k]);
            same(value, want->child[k], want->key[k]);
        }
        assert_true(input->rate.stop_lr == 5e-8 && input->training.numb_steps == 5);
        kr_tree_destroy(&tree);
        kr_tree_destroy(&want);
        kr_input_destroy(&input);
    }
}

/* Replaces `from` by `to` in a good input; the message must hold `message` and the hint `hint`. */
static void test_mistakes(void **state) {
    kr_context *ctx = *state;
    static const char good[] =
        "{\n\"_comment\": 1,\n\"model\": {\"type_map\": [\"O\", \"H\"],\n\"descriptor\": {\"type\": \"se_e2_a\", "
        "\"sel\": [46, 92],\n\"rcut\": 6.0, \"rcut_smth\": 0.5},\n\"fitting_net\": {\"neuron\": [24]}},\n"
        "\"learning_rate\": {\"type\": \"exp\", \"start_lr\": 0.001},\n\"loss\": {\"type\": \"ener\"},\n\"training\": "
        "{\"training_data\": {\"systems\": [\"a\"]},\n\"numb_steps\": 10}\n}";
    static const struct {
        const char *from, *to, *message, *hint;
    } bad[] = {
        {"\"rcut\": 6.0", "\"rcutt\": 6.0", "t: model.descriptor: unknown key \"rcutt\" (line 5, column 10)",
         "\"rcut\""},
        {"\"loss\"", "\"lsos\"", "input: unknown key \"lsos\" (line 8, column 9)", "\"loss\""},
        {"[46, 92]", "[46]", "model.descriptor.sel: expected a list with one number of neighbours per type", ""},
        {"[46, 92]", "\"auto:x\"", "model.descriptor.sel", ""},
        {"\"rcut_smth\": 0.5", "\"rcut_smth\": 7", "rcut_smth: found 7 A, expected less than rcut, 6 A (line 5, col",
         ""},
        {"se_e2_a", "se_e3", "descriptor \"se_e3\" is not supported (line 4, column 24)", "se_e2_a, se_e2_r"},
        {"\"H\"]", "\"O\"]", "model.type_map: element O stands there twice (line 3, column 29)", ""},
        {"\"numb_steps\": 10", "\"numb_stps\": 10", "training: unknown key \"numb_stps\" (line 10, column 14)",
         "numb_steps"},
        {"\"numb_steps\": 10", "\"seed\": 1", "training.numb_steps: the number of steps (or numb_epoch) is missing",
         ""},
        {"\"numb_steps\": 10", "\"numb_steps\": \"10\"", "training.numb_steps: found \"10\", expected an integer >= 1",
         ""},
        {"0.001}", "-0.001}", "learning_rate.start_lr: found -0.001, expected a number > 0 (line 7, column 46)", ""},
        {"\"exp\"", "\"expo\"", "learning_rate.type: found \"expo\"", ""},
        {"\"type\": \"ener\"", "\"type\": \"ener\", \"use_huber\": 1",
         "loss.use_huber: found 1, expected true or false", ""},
        {"[\"a\"]", "[1]", "training.training_data.systems: expected a folder or a list", ""},
        {"{\"neuron\": [24]}", "{\"type\": \"dipole\"}",
         "model.fitting_net.type = \"dipole\": only energies are fitted", ""},
        {"{\"neuron\": [24]}", "{\"trainable\": [true]}",
         "model.fitting_net.trainable: expected true, false or a list "
         "of 4 flags",
         ""},
        {"\"_comment\": 1", "\"nvnmd\": {}", "input.nvnmd = {}: NVNMD models are not supported (line 2, column 10)",
         ""},
        {"\"sel\": [46, 92]", "\"sel\": [46, 92], \"exclude_types\": [[0, 2]]",
         "model.descriptor.exclude_types: expected a list of pairs of types from 0 to 1", ""},
        {"\"numb_steps\": 10", "\"numb_steps\": 10, \"stat_file\": \"/dev/null\"",
         "training.stat_file: /dev/null exists and is not read", ""},
        {"\"type\": \"ener\"", "\"type\": \"ener\", \"enable_atom_ener_coeff\": true",
         "loss.enable_atom_ener_coeff = true: coefficients of atomic energies are not supported (line 8", ""},
        {"\"sel\": [46, 92]", "\"sel\": [46, 92], \"precision\": \"float8\"", "model.descriptor.precision", ""},
        {"\"exp\", ", "\"exp\", \"stop_lr\": 1e-8, \"stop_lr_ratio\": 0.1, ", "either stop_lr or stop_lr_ratio", ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[2048];
        const char *at = strstr(good, bad[i].from);
        kr_tree *tree = NULL;
        kr_input *input = NULL;
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, bad[i].to, at + strlen(bad[i].from));
        kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "t", &tree));
        kr_status status = kr_input_from_tree(ctx, tree, "t", &input);
        if (status >= 0 || !strstr(kr_context_message(ctx), bad[i].message) ||
            !strstr(kr_context_hint(ctx), bad[i].hint))
            fail_msg("%s: status %d, %s (%s)", bad[i].to, (int)status, kr_context_message(ctx), kr_context_hint(ctx));
        assert_null(input);
        kr_tree_destroy(&tree);
        kr_context_clear(ctx);
    }
}

static void test_allocations(void **state) {
    kr_context *ctx = *state;
    kr_tree *tree = NULL;
    kr_input *input = NULL;
    kr_assert_ok(ctx, kr_json_read(ctx, KR_TEST_DATA "/deepmd_kit/formats/train_input.json", &tree));
    for (long n = 1;; n++) {
        kr_memory_fail_at(n);
        kr_status status = kr_input_from_tree(ctx, tree, "t", &input);
        kr_memory_fail_at(0);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
        assert_null(input);
        kr_context_clear(ctx);
    }
    kr_input_destroy(&input);
    kr_tree_destroy(&tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_completed, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_descriptors, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_allocations, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
