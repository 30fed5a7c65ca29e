/* davg, dstd and the energy bias against DeePMD-kit; bias with several compositions, presets, missing types.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "kr_test.h"
#include "training/init.h"
#include "training/statistics.h"

/* A model and its data, from a descriptor section and a list of systems. */
typedef struct trial {
    kr_input *input;
    kr_data_set *set;
    kr_model *model;
} trial;

static void make(kr_context *ctx, const char *model, const char *systems, int nsel, const int *sel, trial *t) {
    char text[4096];
    kr_tree *tree = NULL;
    snprintf(
        text, sizeof text,
        "{\"model\": {%s}, \"learning_rate\": {\"start_lr\": 0.001}, \"loss\": {}, \"training\": {\"numb_steps\": 1, "
        "\"seed\": 3, \"training_data\": {\"systems\": [%s], \"batch_size\": 1}}}",
        model, systems);
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "t", &tree));
    kr_assert_ok(ctx, kr_input_from_tree(ctx, tree, "t", &t->input));
    kr_tree_destroy(&tree);
    const kr_input_data *d = &t->input->training.data;
    kr_assert_ok(ctx, kr_data_read(ctx, d, "data", &t->set));
    kr_assert_ok(ctx, kr_training_model(ctx, t->input, nsel, sel, 0, &t->model));
    kr_assert_ok(ctx, kr_data_prepare(ctx, t->set, t->model, d, "data", &t->input->own, 3));
}

static void drop(trial *t) {
    kr_data_destroy(&t->set);
    kr_model_destroy(&t->model);
    kr_input_destroy(&t->input);
}

/* All cases of the fixture that need data_0 only; every frame is used. */
static void test_deepmd_kit(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *name, *descriptor;
        int nsel, sel[2];
    } cases[] = {
        {"se_a_data_0", "\"type\": \"se_e2_a\", \"sel\": [46, 92]", 2, {46, 92}},
        {"se_a_data_0_excl", "\"type\": \"se_e2_a\", \"sel\": [46, 92], \"exclude_types\": [[0, 0]]", 2, {46, 92}},
        {"se_r_data_0", "\"type\": \"se_e2_r\", \"sel\": [46, 92], \"type_one_side\": true", 2, {46, 92}},
        {"dpa1_data_0", "\"type\": \"se_atten\", \"sel\": 120, \"set_davg_zero\": false, \"attn_layer\": 0", 1, {120}},
    };
    kr_tree *all = NULL;
    kr_assert_ok(ctx, kr_json_read(ctx, KR_TEST_DATA "/deepmd_kit/statistics/statistics.json", &all));
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        trial t = {0};
        char model[1024], path[128];
        double spread;
        snprintf(model, sizeof model,
                 "\"type_map\": [\"O\", \"H\"], \"data_stat_nbatch\": 80, \"descriptor\": {%s, \"neuron\": [2, 4]%s}, "
                 "\"fitting_net\": {\"neuron\": [4]}",
                 cases[c].descriptor, strstr(cases[c].name, "se_r") ? "" : ", \"axis_neuron\": 2");
        make(ctx, model, "\"" KR_TEST_DATA "/water/data_0\"", cases[c].nsel, cases[c].sel, &t);
        kr_assert_ok(ctx, kr_statistics_apply(ctx, t.input, t.set, t.model, &spread));
        snprintf(path, sizeof path, "cases.%s.pt", cases[c].name);
        const kr_tree *want = kr_tree_at(all, path);
        assert_non_null(want);
        const kr_descriptor *d = &t.model->descriptor;
        for (int i = 0; i < 2; i++)
            for (int k = 0; k < d->ncolumns; k++)
                for (int slot = 0; slot < d->nnei; slot++) {
                    size_t at = ((size_t)i * (size_t)d->nnei + (size_t)slot) * (size_t)d->ncolumns + (size_t)k;
                    kr_assert_near(d->davg[at], kr_tree_get(want, "davg")->child[i]->child[k]->real, 0, 1e-10);
                    kr_assert_near(d->dstd[at], kr_tree_get(want, "dstd")->child[i]->child[k]->real, 0, 1e-10);
                }
        for (int i = 0; i < 2; i++) {
            kr_assert_near(t.model->out_bias[i], kr_tree_get(want, "out_bias")->child[i]->real, 0, 1e-8);
            kr_assert_near(spread, kr_tree_get(want, "out_std")->child[i]->real, 0, 1e-8);
            assert_true(t.model->out_std[i] == 1.0);
        }
        drop(&t);
    }
    kr_tree_destroy(&all);
}

/* Energies that are exactly a sum over atoms come back as the bias, whatever is preset. */
static void test_compositions(void **state) {
    kr_context *ctx = *state;
    static const double exact[3] = {-3.0, -1.5, 0.25}, preset[3] = {NAN, -1.5, NAN};
    const int sel[3] = {20, 20, 20};
    trial t = {0};
    double bias[3], spread;
    make(ctx,
         "\"type_map\": [\"O\", \"H\", \"Na\"], \"descriptor\": {\"type\": \"se_e2_a\", \"rcut\": 3.0}, "
         "\"fitting_net\": "
         "{\"neuron\": [4]}",
         "\"" KR_TEST_DATA "/deepmd_kit/formats/npy\", \"" KR_TEST_DATA "/deepmd_kit/formats/npy_nopbc\"", 3, sel, &t);
    int n = t.set->nframes;
    for (int f = 0; f < n; f++) {
        kr_training_frame *frame = t.set->frame[f];
        frame->energy = 0;
        for (int i = 0; i < frame->natoms; i++) frame->energy += exact[frame->type[i]];
    }
    /* the compositions of the two systems decide what can be known: with H given, O always can */
    kr_assert_ok(ctx, kr_statistics_bias(ctx, t.model, n, t.set->frame, NULL, preset, -1, bias, &spread));
    kr_assert_near(bias[0], exact[0], 1e-9, 0);
    kr_assert_near(bias[1], exact[1], 0, 0);
    assert_true(bias[2] == 0.0 && spread < 1e-9);
    drop(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deepmd_kit, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_compositions, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
