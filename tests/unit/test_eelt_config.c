/* The input of a campaign: ramps, cells and their order, the training input that is made of it.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/campaign.h"
#include "eelt/config_training.h"
#include "kr_test.h"
#include <math.h>
#include <unistd.h>

static char path[64];

static int setup(void **state) {
    snprintf(path, sizeof path, "/tmp/kr_test_config_XXXXXX");
    int file = mkstemp(path);
    if (file >= 0) close(file);
    return file < 0 || kr_context_create((kr_context **)state) != KR_OK;
}
static int teardown(void **state) {
    unlink(path);
    kr_context_destroy((kr_context **)state);
    return kr_memory_live() != 0;
}

static const char input[] =
    "{\"campaign\": {\"elements\": [\"Al\", \"Mg\"], \"seed\": 3},"
    " \"model\": {\"training\": {\"model\": {\"descriptor\": {\"type\": \"se_e2_a\", \"seed\": 9, \"rcut\": 5},"
    "   \"fitting_net\": {}}, \"training\": {\"numb_steps\": 1000, \"seed\": 9}, \"learning_rate\": {\"start_lr\": "
    "0.01}}},"
    " \"explore\": {\"engine\": \"builtin\", \"systems\": [\"fcc.xyz\", \"x/slab_1.xyz\", \"x/slab_2.xyz\"], "
    "\"stages\": ["
    "   {\"systems\": [\"slab*\"], \"T_K\": [300, [300, 900]], \"ensemble\": \"nvt\", \"steps\": 10, \"open\": "
    "\"one_by_one\"},"
    "   {\"systems\": [\"fcc*\"], \"T_K\": 600, \"P_GPa\": [0, 2.5], \"steps\": 10, \"iterations\": 2}]},"
    " \"label\": {\"engine\": \"command\", \"command\": \"true\", \"identity\": \"x\"}}";

static void read_input(kr_context *ctx, const char *text, kr_config *config) {
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    kr_assert_ok(ctx, kr_config_read(ctx, path, config));
}

/* Seven start structures, two runs in each of four cells: the first iteration uses all of them, a cell in the course
 * of time, too, and replicas of one cell differ. */
static void test_starts(void **state) {
    kr_context *ctx = *state;
    kr_campaign m = {0};
    int here[7] = {0}, cell[7] = {0};
    read_input(ctx, input, &m.config);
    kr_assert_ok(ctx, kr_plan_cells(ctx, &m));
    m.config.stage[1].replicas = 2;
    m.config.system[0].nstarts = 7; /* fcc.xyz, cells 4 and 5 */
    m.cell[2] = m.cell[3] = m.cell[4];
    for (int k = 2; k < 6; k++)
        for (int r = 0; r < 2; r++) here[kr_plan_start(&m, k, r)]++;
    for (m.iteration = 0; m.iteration < 7; m.iteration++) {
        assert_int_not_equal(kr_plan_start(&m, 5, 0), kr_plan_start(&m, 5, 1));
        for (int r = 0; r < 2; r++) cell[kr_plan_start(&m, 5, r)]++;
    }
    for (int s = 0; s < 7; s++) {
        assert_true(here[s] == 1 || here[s] == 2);
        assert_int_equal(cell[s], 2);
    }
    /* another system's cells do not count */
    m.iteration = 3;
    m.config.system[1].nstarts = m.config.system[2].nstarts = 5;
    assert_int_equal(kr_plan_start(&m, 0, 0), 3);
    assert_int_equal(kr_plan_start(&m, 1, 0), 3);
    kr_free(m.cell);
    kr_config_free(&m.config);
}

static void test_cells(void **state) {
    kr_context *ctx = *state;
    static const char *const names[] = {"slab_1.xyz 300 K",     "slab_2.xyz 300 K",    "slab_1.xyz 300-900 K",
                                        "slab_2.xyz 300-900 K", "fcc.xyz 600 K 0 GPa", "fcc.xyz 600 K 2.5 GPa"};
    static const int openings[] = {0, 0, 1, 1, 2, 2};
    kr_campaign m = {0};
    read_input(ctx, input, &m.config);
    kr_assert_ok(ctx, kr_plan_cells(ctx, &m));
    assert_int_equal(m.ncells, 6);
    assert_int_equal(m.nopenings, 3);
    for (int k = 0; k < 6; k++) {
        assert_string_equal(m.cell[k].name, names[k]);
        assert_int_equal(m.cell[k].opening, openings[k]);
    }
    assert_true(m.cell[2].T.value[0] == 300 && m.cell[2].T.value[1] == 900);
    kr_free(m.cell);
    kr_config_free(&m.config);
}

static void test_training(void **state) {
    kr_context *ctx = *state;
    kr_config c;
    kr_tree *tree;
    char *systems[] = {"a", "b"};
    kr_training_fill fill = {.nsystems = 2,
                             .systems = systems,
                             .auto_prob = "prob_sys_size;0:1:0.5;1:2:0.5",
                             .seed = 77,
                             .steps = 0.5,
                             .rate = 0.1};
    read_input(ctx, input, &c);
    kr_assert_ok(ctx, kr_config_training(ctx, &c, &fill, &tree));
    assert_string_equal(kr_tree_at(tree, "model.type_map[1]")->string, "Mg");
    assert_string_equal(kr_tree_at(tree, "training.training_data.systems[1]")->string, "b");
    assert_int_equal(kr_tree_at(tree, "training.numb_steps")->integer, 500);
    assert_true(fabs(kr_tree_at(tree, "learning_rate.start_lr")->real - 0.001) < 1e-15);
    /* members differ in every seed: none of the user's stays */
    assert_int_equal(kr_tree_at(tree, "training.seed")->integer, 77);
    assert_int_not_equal(kr_tree_at(tree, "model.descriptor.seed")->integer, 9);
    assert_int_not_equal(kr_tree_at(tree, "model.fitting_net.seed")->integer,
                         kr_tree_at(tree, "model.descriptor.seed")->integer);
    assert_int_equal(kr_tree_at(tree, "model.descriptor.rcut")->integer, 5);
    kr_tree_destroy(&tree);
    kr_config_free(&c);
}

static int told;
static void count(kr_context *ctx, void *payload) {
    (void)ctx, (void)payload;
    told++;
}

/* Without a collector the first mistake ends the reading; with one all are told. */
static void test_mistakes(void **state) {
    kr_context *ctx = *state;
    static const char wrong[] =
        "{\"campaign\": {\"sed\": 1, \"max_iterations\": 0}, \"models\": {}, \"select\": {\"rul\": 1}}";
    kr_config c;
    FILE *file = fopen(path, "w");
    fputs(wrong, file);
    fclose(file);
    assert_int_equal(kr_config_read(ctx, path, &c), KR_ERR_FORMAT);
    told = 0;
    kr_context_set_mistake(ctx, count, NULL);
    kr_assert_ok(ctx, kr_config_read(ctx, path, &c));
    kr_context_set_mistake(ctx, NULL, NULL);
    /* models; sed, max_iterations, elements; training; systems, stages; rul; label */
    assert_int_equal(told, 9);
    kr_config_free(&c);
}

/* The n-th allocation fails: an error, nothing lost. */
static void test_memory(void **state) {
    kr_context *ctx = *state;
    kr_config c;
    read_input(ctx, input, &c);
    kr_config_free(&c);
    long live = kr_memory_live();
    for (long n = 1; n < 400; n += 7) {
        kr_memory_fail_at(n);
        kr_status status = kr_config_read(ctx, path, &c);
        kr_memory_fail_at(0);
        if (status == KR_OK) {
            kr_config_free(&c);
            break;
        }
        assert_int_equal(kr_memory_live(), live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cells, setup, teardown),
        cmocka_unit_test_setup_teardown(test_starts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_training, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
