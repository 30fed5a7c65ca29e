/* Frozen TensorFlow graphs: each equals its .dp counterpart, and its energies are TensorFlow's.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "model_equal.h"
#include "potential/graph.h"
#include <unistd.h>

#define KIT KR_TEST_DATA "/deepmd_kit/"
#define FOLDER KIT "models_tf/"
static kr_context *ctx;
static char log_line[1024];

static void keep_log(kr_log_level level, const char *line, void *payload) {
    (void)level;
    (void)payload;
    snprintf(log_line, sizeof log_line, "%s", line);
}

static void every_graph_equals_its_dp(void **state) {
    (void)state;
    static const char *const names[] = {"tf_se_a_two", "tf_se_a_f32", "tf_se_r_one", "tf_se_r_two",
                                        "tf_se_atten_strip"};
    long live = kr_memory_live();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        kr_model *graph, *file;
        snprintf(path, sizeof path, FOLDER "%s.pb", names[i]);
        kr_assert_ok(ctx, kr_model_load(ctx, path, &graph));
        snprintf(path, sizeof path, FOLDER "%s.dp", names[i]);
        kr_assert_ok(ctx, kr_model_load(ctx, path, &file));
        assert_true(graph->from_tensorflow && file->from_tensorflow);
        assert_same_model(graph, file);
        kr_model_destroy(&graph);
        kr_model_destroy(&file);
    }
    assert_int_equal(kr_memory_live(), live);
}

static double number(const kr_tree *node) { return node->kind == KR_TREE_INT ? (double)node->integer : node->real; }

/* n numbers of a list, nested or not. */
static void take(const kr_tree *list, double **next) {
    if (list->kind != KR_TREE_LIST) *(*next)++ = number(list);
    for (int i = 0; i < list->count; i++) take(list->child[i], next);
}

/* Atomic energies and forces of every frame of NAME.json, exact path; float32 cutoffs as in TensorFlow's operator. */
static void compare_energies(const char *name, double tolerance) {
    char path[512];
    kr_tree *reference;
    kr_model *model;
    kr_potential *potential;
    kr_workspace *workspace;
    kr_potential_options options = KR_POTENTIAL_OPTIONS_INIT;
    options.table = KR_TABLE_OFF;
    options.float32_cutoff = 1;
    snprintf(path, sizeof path, KIT "%s.json", name);
    kr_assert_ok(ctx, kr_json_read(ctx, path, &reference));
    snprintf(path, sizeof path, KIT "%s.pb", name);
    kr_assert_ok(ctx, kr_model_load(ctx, path, &model));
    const kr_model *const models[] = {model};
    kr_assert_ok(ctx, kr_potential_create(ctx, 1, models, &options, &potential));
    kr_assert_ok(ctx, kr_workspace_create(ctx, potential, &workspace));
    const kr_tree *frames = kr_tree_get(reference, "frames");
    assert_true(frames->count >= 2);
    for (int f = 0; f < frames->count; f++) {
        const kr_tree *frame = frames->child[f], *box = kr_tree_get(frame, "box");
        enum { MAX = 64 };
        double x[3 * MAX], cell[9], energy[MAX], force[3 * MAX], want_e[MAX], want_f[3 * MAX], *next = x;
        int type[MAX], n = kr_tree_get(frame, "atype")->count;
        assert_true(n <= MAX);
        take(kr_tree_get(frame, "coord"), &next);
        for (int i = 0; i < n; i++) type[i] = (int)kr_tree_get(frame, "atype")->child[i]->integer;
        if (!kr_tree_is_null(box)) take(box, (next = cell, &next));
        take(kr_tree_get(frame, "atomic_energy"), (next = want_e, &next));
        take(kr_tree_get(frame, "force"), (next = want_f, &next));
        kr_result result = {.atom_energy = energy, .force = force};
        kr_assert_ok(ctx, kr_potential_compute_frame(potential, workspace, n, x, type,
                                                     kr_tree_is_null(box) ? NULL : cell, NULL, NULL, NULL, &result));
        kr_assert_close(n, energy, want_e, tolerance, 0);
        kr_assert_close(3 * n, force, want_f, tolerance, 0);
    }
    kr_workspace_destroy(&workspace);
    kr_potential_destroy(&potential);
    kr_model_destroy(&model);
    kr_tree_destroy(&reference);
}

static void energies_are_those_of_tensorflow(void **state) {
    (void)state;
    compare_energies("models_tf/tf_se_a_two", 1e-10);
    compare_energies("models_tf/tf_se_a_f32", 5e-5);
    compare_energies("models_tf/tf_se_r_one", 1e-10);
    compare_energies("models_tf/tf_se_r_two", 1e-10);
    compare_energies("models_tf/tf_se_atten_strip", 1e-10);
    log_line[0] = 0;
    compare_energies("models_tf/tf_se_a_one_rs18_excl", 1e-10);
    assert_non_null(strstr(log_line, "two-side"));
    compare_energies("graphs/tf_se_r_one_excl", 1e-10);
    compare_energies("graphs/tf_se_atten_section", 1e-10);
}

/* TensorFlow's own form of DPA-1: unscaled scores, ε 1e-3, switch of s, floor of lengths, types of empty slots. What is
 * written and read again is the same model. */
static void attention_is_that_of_tensorflow(void **state) {
    (void)state;
    static const char *const names[] = {"tf_attn_concat", "tf_v2_attn", "tf_attn_strip_excl", "tf_v2_excl",
                                        "tf_se_atten_pad"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        kr_model *graph, *file;
        snprintf(path, sizeof path, "graphs/%s", names[i]);
        compare_energies(path, 1e-10);
        snprintf(path, sizeof path, KIT "graphs/%s.pb", names[i]);
        kr_assert_ok(ctx, kr_model_load(ctx, path, &graph));
        assert_true(graph->descriptor.tensorflow && (graph->descriptor.attn_layer > 0) == (i < 4));
        snprintf(path, sizeof path, "/tmp/kramers-test-graph-%d.dp", (int)getpid());
        kr_assert_ok(ctx, kr_model_save(ctx, graph, path));
        kr_assert_ok(ctx, kr_model_load(ctx, path, &file));
        remove(path);
        assert_same_model(graph, file);
        kr_model_destroy(&graph);
        kr_model_destroy(&file);
    }
}

/* Loads FOLDER/NAME.pb after `from` was replaced by `to` (same length) everywhere, or cut to `keep` bytes. */
static kr_status load_changed(const char *name, const char *from, const char *to, size_t keep, kr_model **model) {
    char path[512], *text;
    size_t length, n = from ? strlen(from) : 0;
    snprintf(path, sizeof path, FOLDER "%s.pb", name);
    kr_assert_ok(ctx, kr_file_read(ctx, path, &text, &length));
    for (size_t i = 0; n && i + n <= length; i++)
        if (!memcmp(text + i, from, n)) memcpy(text + i, to, n);
    snprintf(path, sizeof path, "/tmp/kramers-test-graph-%d.pb", (int)getpid());
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(text, 1, keep < length ? keep : length, file), keep < length ? keep : length);
    fclose(file);
    kr_free(text);
    kr_status status = kr_model_load(ctx, path, model);
    remove(path);
    return status;
}

/* Series 1.x has no training script: the operations and shapes say the same. */
static void a_graph_without_script_is_the_same_model(void **state) {
    (void)state;
    static const char *const names[] = {"tf_se_a_two", "tf_se_r_one", "tf_se_r_two"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        kr_model *without, *with;
        kr_assert_ok(ctx, load_changed(names[i], "training_script", "training_scripX", SIZE_MAX, &without));
        snprintf(path, sizeof path, FOLDER "%s.pb", names[i]);
        kr_assert_ok(ctx, kr_model_load(ctx, path, &with));
        without->descriptor.resnet_dt = with->descriptor.resnet_dt; /* only a hint for new networks */
        assert_same_model(without, with);
        kr_model_destroy(&without);
        kr_model_destroy(&with);
    }
}

/* Series 1.x also had graphs without element names, and no bias beside that of the last layer. */
static void types_without_names_are_numbered(void **state) {
    (void)state;
    kr_model *model;
    log_line[0] = 0;
    kr_assert_ok(ctx, load_changed("tf_se_a_two", "model_attr/tmap", "model_attr/xmap", SIZE_MAX, &model));
    assert_int_equal(model->ntypes, 2);
    assert_string_equal(model->type_map[1], "type_1");
    assert_non_null(strstr(log_line, "no element names"));
    kr_model_destroy(&model);
    kr_assert_ok(ctx, load_changed("tf_se_a_two", "fitting_attr/t_bias", "fitting_attr/x_bias", SIZE_MAX, &model));
    assert_true(!model->fitting.bias_atom_e || model->fitting.bias_atom_e[0] == 0);
    kr_model_destroy(&model);
}

static void what_cannot_be_imported_is_named(void **state) {
    (void)state;
    static const struct {
        const char *name, *from, *to, *words;
        kr_status status;
    } cases[] = {
        {"tf_se_a_two", "BroadcastGradientArgs", "TabulateFusionSeAGrad", "compressed", KR_ERR_UNSUPPORTED},
        {"tf_se_a_two", "\"se_e2_a\"", "\"se_e3  \"", "se_e3", KR_ERR_UNSUPPORTED},
        {"tf_se_a_two", "\"fitting_net\"", "\"fitting_nes\"", "single descriptor", KR_ERR_UNSUPPORTED},
        {"tf_se_a_two", "\"sel\":[12,22],", "\"sel\":[12,22]]", "training script", KR_ERR_FORMAT},
        {"tf_se_a_two", "BroadcastGradientArgs", "TabInterGradientArgs_", "short-range table", KR_ERR_UNSUPPORTED},
        {"tf_se_a_two", "BroadcastGradientArgs", "ProdEnvMatANvnmdGrads", "NVNMD", KR_ERR_UNSUPPORTED},
        {"tf_se_a_two", "descrpt_attr/t_avg", "descrpt_attr/x_avg", "t_avg", KR_ERR_FORMAT},
        {"tf_se_a_two", "descrpt_attr/rcut", "descrpt_attr/xcut", "no Deep Potential", KR_ERR_FORMAT},
        {"tf_se_a_two", "layer_0_type_1/matrix", "layer_0_type_1/xatrix", "layers[0]", KR_ERR_FORMAT},
        {"tf_se_a_two", "final_layer_type_1/matrix", "final_layer_type_1/xatrix", "type 1", KR_ERR_UNSUPPORTED},
        {"tf_se_a_two", "filter_type_1/matrix_2_0", "filter_type_1/xatrix_2_0", "networks[1]", KR_ERR_FORMAT},
        {"tf_se_atten_strip", "\"attn_layer\":0", "\"attn_layer\":2", "attention_layer_0/c_query", KR_ERR_FORMAT},
        {"tf_se_atten_strip", "type_embed_net/matrix_1", "type_embed_net/xatrix_1", "type embedding", KR_ERR_FORMAT}};
    long live = kr_memory_live();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kr_model *model = NULL;
        kr_status status = load_changed(cases[i].name, cases[i].from, cases[i].to, SIZE_MAX, &model);
        if (status != cases[i].status || !strstr(kr_context_message(ctx), cases[i].words))
            print_error("%s → %s: %d '%s'\n", cases[i].from, cases[i].to, (int)status, kr_context_message(ctx));
        assert_int_equal(status, cases[i].status);
        assert_non_null(strstr(kr_context_message(ctx), cases[i].words));
        assert_null(model);
    }
    assert_int_equal(kr_memory_live(), live);
}

/* Every length that a torn copy may have. */
static void a_torn_graph_is_refused(void **state) {
    (void)state;
    long live = kr_memory_live();
    for (size_t keep = 1; keep < 92000; keep += keep < 300 ? 7 : 4099) {
        kr_model *model = NULL;
        kr_status status = load_changed("tf_se_atten_strip", NULL, NULL, keep, &model);
        if (status >= 0) print_error("%zu bytes are accepted\n", keep);
        assert_true(status == KR_ERR_FORMAT || status == KR_ERR_UNSUPPORTED);
        assert_null(model);
    }
    assert_int_equal(kr_memory_live(), live);
}

/* Each way in which TensorFlow writes the values of a constant. */
static void constants_are_decoded(void **state) {
    (void)state;
    static const struct {
        const char *tensor; /* TensorProto, length */
        size_t n;
        kr_dtype dtype;
        size_t count;
        double value[3];
    } cases[] = {
        {"\x08\x01\x12\x04\x12\x02\x08\x02\x22\x08\x00\x00\x80\x3f\x00\x00\x00\xc0", 18, KR_FLOAT32, 2, {1, -2}},
        {"\x08\x01\x12\x04\x12\x02\x08\x03\x2a\x04\x00\x00\x80\x3f", 14, KR_FLOAT32, 3, {1, 1, 1}}, /* fill */
        {"\x08\x01\x12\x00\x2d\x00\x00\x80\x3f", 9, KR_FLOAT32, 1, {1}},                            /* unpacked */
        {"\x08\x02\x12\x00\x32\x08\x00\x00\x00\x00\x00\x00\xf8\x3f", 14, KR_FLOAT64, 1, {1.5}},
        {"\x08\x03\x12\x04\x12\x02\x08\x02\x3a\x0b\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
         21,
         KR_INT32,
         2,
         {5, -1}},
        {"\x08\x13\x12\x04\x12\x02\x08\x03\x6a\x06\x80\x78\x80\x80\x03\x01", 16, KR_FLOAT16, 3, {1, -2, 0x1p-24}},
        {"\x08\x0e\x12\x00\x6a\x03\xc0\x80\x03", 9, KR_BFLOAT16, 1, {-3}},
        {"\x08\x0a\x12\x00\x58\x01", 6, KR_INT32, 1, {1}},
        {"\x08\x02\x12\x04\x12\x02\x08\x02", 8, KR_FLOAT64, 2, {0, 0}}, /* no value at all: zeros */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned char node[256];
        size_t n = cases[i].n;
        /* NodeDef {name "c", op "Const", attr {"value": AttrValue {tensor}}} */
        size_t used = (size_t)snprintf((char *)node, sizeof node,
                                       "\x0a\x01"
                                       "c\x12\x05"
                                       "Const\x2a%c\x0a\x05"
                                       "value\x12%c\x42%c",
                                       (int)(n + 11), (int)(n + 2), (int)n);
        memcpy(node + used, cases[i].tensor, n);
        kr_node item = {{node + 2, 1}, {node + 5, 5}, {node, used + n}};
        kr_graph graph = {.path = (char *)"test", .nnodes = 1, .node = &item};
        kr_tree *array = NULL;
        kr_assert_ok(ctx, kr_graph_array(ctx, &graph, "c", &array));
        assert_int_equal(array->dtype, cases[i].dtype);
        assert_int_equal(kr_tree_array_size(array), cases[i].count);
        kr_assert_close((long)cases[i].count, array->data, cases[i].value, 0, 0);
        kr_tree_destroy(&array);
        /* one byte less in the message: refused or fewer values, never out of bounds (address sanitizer looks) */
        item.message.n--;
        if (kr_graph_array(ctx, &graph, "c", &array) == KR_OK) kr_tree_destroy(&array);
    }
}

/* Shapes that promise more than there is. */
static void huge_constants_are_refused(void **state) {
    (void)state;
    static const unsigned char node[] =
        "\x0a\x01"
        "c\x12\x05"
        "Const\x2a\x24\x0a\x05"
        "value\x12\x1b\x42\x19\x08\x02\x12\x0c\x12\x04\x08\xff\xff\x7f\x12\x04\x08\xff\xff\x7f\x32"
        "\x08\x00\x00\x00\x00\x00\x00\xf0\x3f";
    kr_node item = {{node + 2, 1}, {node + 5, 5}, {node, sizeof node - 1}};
    kr_graph graph = {.path = (char *)"test", .nnodes = 1, .node = &item};
    kr_tree *array = NULL;
    assert_int_equal(kr_graph_array(ctx, &graph, "c", &array), KR_ERR_FORMAT);
    assert_null(array);
}

static void failing_allocations_leave_nothing(void **state) {
    (void)state;
    static const char *const names[] = {"graphs/tf_se_r_one_excl", "models_tf/tf_se_atten_strip", "graphs/tf_v2_excl"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        long live = kr_memory_live();
        snprintf(path, sizeof path, KIT "%s.pb", names[i]);
        for (long n = 1;; n += 1 + n / 100) {
            kr_model *model = NULL;
            kr_memory_fail_at(n);
            kr_status status = kr_model_load(ctx, path, &model);
            kr_memory_fail_at(0);
            kr_model_destroy(&model);
            assert_int_equal(kr_memory_live(), live);
            if (status == KR_OK) break;
            assert_int_equal(status, KR_ERR_MEMORY);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_graph_equals_its_dp),        cmocka_unit_test(energies_are_those_of_tensorflow),
        cmocka_unit_test(attention_is_that_of_tensorflow),  cmocka_unit_test(a_graph_without_script_is_the_same_model),
        cmocka_unit_test(types_without_names_are_numbered), cmocka_unit_test(what_cannot_be_imported_is_named),
        cmocka_unit_test(a_torn_graph_is_refused),          cmocka_unit_test(constants_are_decoded),
        cmocka_unit_test(huge_constants_are_refused),       cmocka_unit_test(failing_allocations_leave_nothing)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    kr_context_set_log(ctx, keep_log, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
