/* Reading model files: every reference model, and files that are broken in one way each.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/hdf5.h"
#include "core/memory.h"
#include "model_equal.h"
#include <unistd.h>

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
    assert_int_equal(load_all(KR_TEST_DATA "/deepmd", ".dp"), 11);
    assert_int_equal(load_all(KR_SOURCE_DIR "/examples/models", ".dp"), 4);
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

/* ---- broken models: a good tree with one thing changed --------------------------------------------------------- */

static kr_tree *good_tree(kr_context *ctx, const char *name) {
    char path[512];
    kr_model *model;
    kr_tree *root;
    snprintf(path, sizeof path, "%s/deepmd_kit/models/%s.dp", KR_TEST_DATA, name);
    kr_assert_ok(ctx, kr_model_load(ctx, path, &model));
    kr_assert_ok(ctx, kr_model_to_tree(ctx, model, &root));
    kr_model_destroy(&model);
    return root;
}

/* Sets `path`.`key` to the JSON-like value: number, word, "null", "[]", or removes it with "-". */
static void change(kr_context *ctx, kr_tree *root, const char *path, const char *key, const char *value) {
    kr_tree *map = (kr_tree *)kr_tree_at(root, path), *node = NULL;
    assert_true(map && map->kind == KR_TREE_MAP && kr_tree_get(map, key));
    char *end;
    double real = strtod(value, &end);
    if (!strcmp(value, "null") || !strcmp(value, "-"))
        kr_assert_ok(ctx, kr_tree_new(ctx, KR_TREE_NULL, &node));
    else if (!strcmp(value, "[]"))
        kr_assert_ok(ctx, kr_tree_new(ctx, KR_TREE_LIST, &node));
    else if (!strcmp(value, "true"))
        kr_assert_ok(ctx, kr_tree_new_bool(ctx, 1, &node));
    else if (*end == 0 && !strchr(value, '.'))
        kr_assert_ok(ctx, kr_tree_new_int(ctx, (int64_t)real, &node));
    else if (*end == 0)
        kr_assert_ok(ctx, kr_tree_new_real(ctx, real, &node));
    else
        kr_assert_ok(ctx, kr_tree_new_string(ctx, value, &node));
    kr_assert_ok(ctx, kr_tree_set(ctx, map, key, &node));
}

static void broken_models_are_named(void **state) {
    (void)state;
    static const struct {
        const char *model, *path, *key, *value, *words;
        kr_status status;
    } cases[] = {
        {"se_a_one_tanh", "model", "type", "spin_ener", "model.type: model type 'spin_ener' (spin)",
         KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model", "type", "zbl", "short-range table", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model", "@version", "3", "model.@version: 3", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model", "type_map", "[]", "model.type_map", KR_ERR_FORMAT},
        {"se_a_one_tanh", "model", "descriptor", "-", "model.descriptor", KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.descriptor", "type", "dpa2", "descriptor 'dpa2'", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model.descriptor", "type", "se_e3", "descriptor 'se_e3'", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model.descriptor", "type", "hybrid", "descriptor 'hybrid'", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model.descriptor", "@version", "4", "model.descriptor.@version: 4", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model.descriptor", "rcut", "0.25", "rcut_smth", KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.descriptor", "rcut", "large", "'rcut'", KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.descriptor", "sel", "[]", "model.descriptor.sel", KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.descriptor", "axis_neuron", "17", "'axis_neuron' is 17", KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.descriptor", "precision", "float8", "'float8'", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model.descriptor", "activation_function", "swish", "swish", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model.descriptor", "type_one_side", "null", NULL, KR_OK},
        {"se_a_one_tanh", "model.descriptor", "spin", "true", "model.descriptor.spin", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model.descriptor.env_mat", "use_exp_switch", "true", "exponential", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model.descriptor.@variables", "davg", "null", "@variables.davg: the array is missing",
         KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.descriptor.embeddings", "ndim", "2", "type_one_side", KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.descriptor.embeddings", "networks", "[]", "a list of 2 is needed", KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.descriptor.embeddings.networks[1].layers[2].@variables", "w", "text",
         "model.descriptor.embeddings.networks[1].layers[2].@variables.w", KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.descriptor.embeddings.networks[1].layers[2].@variables", "b", "null", NULL, KR_OK},
        {"se_a_one_tanh", "model.descriptor.embeddings.networks[0].layers[1]", "@version", "9", "layers[1].@version: 9",
         KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model.fitting", "type", "dipole", "fitting 'dipole'", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model.fitting", "@version", "5", "model.fitting.@version: 5", KR_ERR_UNSUPPORTED},
        {"se_a_one_tanh", "model.fitting", "dim_descrpt", "65", "model.fitting.dim_descrpt: 65", KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.fitting", "numb_fparam", "1", "networks[0].layers[0].@variables.w", KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.fitting", "mixed_types", "true", "model.fitting.nets.ndim: 1, expected 0",
         KR_ERR_FORMAT},
        {"se_a_one_tanh", "model.fitting.nets.networks[0]", "layers", "[]", "networks[0].layers", KR_ERR_FORMAT},
        {"dpa1_strip_attn1_smooth", "model.descriptor", "tebd_input_mode", "other", "tebd_input_mode",
         KR_ERR_UNSUPPORTED},
        {"dpa1_strip_attn1_smooth", "model.descriptor", "attn_layer", "2", "attention_layers: 1 entries",
         KR_ERR_FORMAT},
        {"../../deepmd/dpa1_lmax4", "model.descriptor", "lmax", "5", "lmax", KR_ERR_FORMAT},
        {"../../deepmd/dpa1_lmax4", "model.descriptor", "lmax", "3", "degree_gain_raw", KR_ERR_FORMAT},
        {"../../../../examples/models/copper_dpa1_apart", "model.descriptor", "lmax", "1",
         "separate_degrees: found true with lmax 1", KR_ERR_FORMAT},
        {"../../../../examples/models/copper_dpa1_apart", "model.descriptor", "axis_neuron", "3",
         "axis_neuron 3, expected", KR_ERR_FORMAT},
        {"dpa1_strip_attn1_smooth", "model.descriptor", "tebd_dim", "9", "type_embedding.embedding", KR_ERR_FORMAT},
        {"dpa1_strip_attn1_smooth", "model.descriptor", "embeddings_strip", "null", "embeddings_strip", KR_ERR_FORMAT},
        {"dpa1_strip_attn1_smooth", "model.descriptor.attention_layers.attention_layers[0].attention_layer",
         "num_heads", "4", "num_heads: attention with 4 heads", KR_ERR_UNSUPPORTED},
        {"dpa1_strip_attn1_smooth", "model.descriptor.attention_layers.attention_layers[0].attn_layer_norm.@variables",
         "w", "null", "attn_layer_norm.@variables.w", KR_ERR_FORMAT}};
    kr_context *ctx;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    long live = kr_memory_live();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kr_tree *root = good_tree(ctx, cases[i].model);
        kr_model *model = NULL;
        change(ctx, root, cases[i].path, cases[i].key, cases[i].value);
        kr_status status = kr_model_from_tree(ctx, root, "file.dp", &model);
        const char *message = kr_context_message(ctx);
        if (status != cases[i].status || (status < 0 && !strstr(message, cases[i].words)))
            print_error("%s.%s = %s: %d '%s'\n", cases[i].path, cases[i].key, cases[i].value, (int)status, message);
        assert_int_equal(status, cases[i].status);
        if (status < 0) assert_true(strstr(message, cases[i].words) && !strncmp(message, "file.dp: ", 9));
        kr_model_destroy(&model);
        kr_tree_destroy(&root);
    }
    assert_int_equal(kr_memory_live(), live);
    kr_context_destroy(&ctx);
}

/* Numbers inside arrays: shapes and values. */
static void broken_arrays_are_named(void **state) {
    (void)state;
    kr_context *ctx;
    kr_model *model;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    for (int i = 0; i < 5; i++) {
        kr_tree *root = good_tree(ctx, "se_a_one_tanh");
        static const char *const path[] = {"model.descriptor.embeddings.networks[0].layers[1].@variables.w",
                                           "model.descriptor.embeddings.networks[1].layers[0].@variables.b",
                                           "model.descriptor.@variables.dstd", "model.descriptor.@variables.davg",
                                           "model.fitting.nets.networks[1].layers[1].@variables.idt"};
        static const char *const words[] = {"value 5 is nan", "(2, 2), expected (4,)", "value 0 is 0",
                                            "(2, 136), expected (2, 34, 4)", "value 5 is inf"};
        kr_tree *array = (kr_tree *)kr_tree_at(root, path[i]);
        assert_true(array && array->kind == KR_TREE_ARRAY);
        if (i == 0) array->data[5] = NAN;
        if (i == 1) array->shape[0] = array->shape[1] = 2, array->ndim = 2;
        if (i == 2) array->data[0] = 0;
        if (i == 3) array->shape[1] = 136, array->ndim = 2;
        if (i == 4) array->data[5] = INFINITY;
        assert_int_equal(kr_model_from_tree(ctx, root, "file.dp", &model), KR_ERR_FORMAT);
        if (!strstr(kr_context_message(ctx), path[i]) || !strstr(kr_context_message(ctx), words[i]))
            print_error("%s: '%s'\n", path[i], kr_context_message(ctx));
        assert_true(strstr(kr_context_message(ctx), path[i]) && strstr(kr_context_message(ctx), words[i]));
        kr_tree_destroy(&root);
    }
    /* what TensorFlow writes is no mistake: b and idt of shape (1, n) */
    kr_tree *root = good_tree(ctx, "se_a_one_tanh");
    kr_tree *b = (kr_tree *)kr_tree_at(root, "model.descriptor.embeddings.networks[1].layers[0].@variables.b");
    b->ndim = 2;
    b->shape[1] = b->shape[0];
    b->shape[0] = 1;
    kr_assert_ok(ctx, kr_model_from_tree(ctx, root, "file.dp", &model));
    kr_model_destroy(&model);
    kr_tree_destroy(&root);
    kr_context_destroy(&ctx);
}

/* ---- broken files ------------------------------------------------------------------------------------------------ */

static void expect_refusal(kr_context *ctx, const char *path, kr_status status, const char *words) {
    kr_model *model = NULL;
    kr_status got = kr_model_load(ctx, path, &model);
    if (got != status || !strstr(kr_context_message(ctx), words))
        print_error("%s: %d '%s', expected '%s'\n", path, (int)got, kr_context_message(ctx), words);
    assert_int_equal(got, status);
    assert_non_null(strstr(kr_context_message(ctx), words));
    assert_null(strchr(kr_context_message(ctx), '\n'));
    assert_null(model);
}

static void put_file(const char *path, const void *content, size_t n) {
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(content, 1, n, file), n);
    fclose(file);
}

static void broken_files_are_refused(void **state) {
    (void)state;
    kr_context *ctx;
    kr_h5 *file;
    char path[64], *text;
    size_t length;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    long live = kr_memory_live();
    snprintf(path, sizeof path, "/tmp/kramers-test-read-%d.dp", (int)getpid());
    expect_refusal(ctx, "/nonexistent/model.dp", KR_ERR_IO, "no such file");
    expect_refusal(ctx, "/tmp", KR_ERR_FORMAT, "no model file");
    put_file(path, "", 0);
    expect_refusal(ctx, path, KR_ERR_FORMAT, "no model file");
    put_file(path, "PK\3\4 and more", 12);
    expect_refusal(ctx, path, KR_ERR_UNSUPPORTED, "PyTorch");
    put_file(path, "node {\n  name: \"t_box\"\n}\n", 26);
    expect_refusal(ctx, path, KR_ERR_UNSUPPORTED, ".pbtxt");
    put_file(path, "just some text\n", 15);
    expect_refusal(ctx, path, KR_ERR_FORMAT, "no map");
    put_file(path, "backend: x\n", 11);
    expect_refusal(ctx, path, KR_ERR_FORMAT, "'model' is missing");
    static const char *const json[] = {NULL, "{\"model\": ", "[1]",
                                       "{\"model\": {\"@variables\": {\"out_bias\": \"/none\"}}}"};
    static const char *const words[] = {"no root attribute 'json'", "1:10", "no map", "/none"};
    for (int i = 0; i < 4; i++) {
        kr_assert_ok(ctx, kr_h5_create(ctx, path, &file));
        if (json[i]) kr_assert_ok(ctx, kr_h5_write_attribute(ctx, file, "json", json[i]));
        kr_assert_ok(ctx, kr_h5_close(ctx, &file));
        expect_refusal(ctx, path, KR_ERR_FORMAT, words[i]);
    }
    /* torn copies of a good file */
    kr_assert_ok(ctx, kr_file_read(ctx, KR_TEST_DATA "/deepmd_kit/models/se_r_tanh.dp", &text, &length));
    for (size_t keep = 9; keep < length; keep += 997) {
        put_file(path, text, keep);
        expect_refusal(ctx, path, KR_ERR_FORMAT, path);
    }
    kr_free(text);
    remove(path);
    assert_int_equal(kr_memory_live(), live);
    kr_context_destroy(&ctx);
}

static void failing_allocations_leave_nothing(void **state) {
    (void)state;
    static const char *const names[] = {KR_TEST_DATA "/deepmd_kit/models/dpa1_strip_attn1_smooth.dp",
                                        KR_TEST_DATA "/deepmd_kit/models/se_a_fparam_aparam.dp",
                                        KR_TEST_DATA "/deepmd/dpa1_concat_attn2.yaml"};
    kr_context *ctx;
    assert_int_equal(kr_context_create(&ctx), KR_OK);
    long live = kr_memory_live();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (long n = 1;; n += 1 + n / 60) {
            kr_model *model = NULL;
            kr_memory_fail_at(n);
            kr_status status = kr_model_load(ctx, names[i], &model);
            kr_memory_fail_at(0);
            kr_model_destroy(&model);
            assert_int_equal(kr_memory_live(), live);
            if (status == KR_OK) break;
            assert_int_equal(status, KR_ERR_MEMORY);
        }
    kr_context_destroy(&ctx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reference_model_loads),      cmocka_unit_test(a_model_describes_itself),
        cmocka_unit_test(yaml_and_dp_are_the_same_model),   cmocka_unit_test(broken_models_are_named),
        cmocka_unit_test(broken_arrays_are_named),          cmocka_unit_test(broken_files_are_refused),
        cmocka_unit_test(failing_allocations_leave_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
