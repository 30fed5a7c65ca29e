/* Data sets for training: formats, batch rules, probabilities, order, refusals.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "kr_test.h"
#include "training/data.h"
#include "training/init.h"
#include <unistd.h>

#define FORMATS KR_TEST_DATA "/deepmd_kit/formats"

typedef struct trial {
    kr_input *input;
    kr_data_set *set;
    kr_model *model;
} trial;

static void drop(trial *t) {
    kr_data_destroy(&t->set);
    kr_model_destroy(&t->model);
    kr_input_destroy(&t->input);
}

/* data: keys of training_data; own: keys of "kramers". */
static kr_status make(kr_context *ctx, const char *types, const char *data, const char *own, uint64_t seed, trial *t) {
    char text[4096];
    const int sel[3] = {20, 40, 20};
    kr_tree *tree = NULL;
    kr_status status;
    memset(t, 0, sizeof *t);
    snprintf(
        text, sizeof text,
        "{\"model\": {\"type_map\": [%s], \"descriptor\": {\"type\": \"se_e2_a\", \"rcut\": 3.0, \"neuron\": [2, 4], "
        "\"axis_neuron\": 2}, \"fitting_net\": {\"neuron\": [4]}}, \"learning_rate\": {\"start_lr\": 0.001}, "
        "\"loss\": {}, \"kramers\": {%s}, \"training\": {\"numb_steps\": 1, \"training_data\": {%s}}}",
        types, own, data);
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "t", &tree));
    kr_assert_ok(ctx, kr_input_from_tree(ctx, tree, "t", &t->input));
    kr_tree_destroy(&tree);
    const kr_input_data *d = &t->input->training.data;
    status = kr_data_read(ctx, d, "data", &t->set);
    if (status == KR_OK) status = kr_training_model(ctx, t->input, t->input->model.type_map->count, sel, 0, &t->model);
    if (status == KR_OK) status = kr_data_prepare(ctx, t->set, t->model, d, "data", &t->input->own, seed);
    return status;
}

/* Index of the frame in the set. */
static int place(const kr_data_set *set, const kr_training_frame *frame) {
    for (int i = 0; i < set->nframes; i++)
        if (set->frame[i] == frame) return i;
    fail_msg("a batch has a frame that the set has not");
    return -1;
}

static void test_formats(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *systems, *types;
        int nsystems, nframes, natoms;
    } cases[] = {
        {"\"" FORMATS "/npy\"", "\"O\", \"H\"", 1, 0, 0},
        {"\"" FORMATS "/raw\"", "\"O\", \"H\"", 1, 0, 0},
        {"[\"" FORMATS "/npy\", \"" FORMATS "/npy_nopbc\"]", "\"O\", \"H\"", 2, 0, 0},
        {"\"" FORMATS "/mixed\"", "\"O\", \"H\", \"Na\"", 1, 0, 0},
        {"[\"" FORMATS "/two_systems.hdf5#/water/npy\", \"" FORMATS "/two_systems.hdf5#/npy_nopbc\"]", "\"O\", \"H\"",
         2, 0, 0},
        {"\"" KR_TEST_DATA "/zuo2020/Cu_test.xyz\"", "\"Cu\"", 0, 0, 0},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        trial t;
        char data[512];
        snprintf(data, sizeof data, "\"systems\": %s, \"batch_size\": 1", cases[c].systems);
        kr_assert_ok(ctx, make(ctx, cases[c].types, data, "", 1, &t));
        if (cases[c].nsystems) assert_int_equal(t.set->nsystems, cases[c].nsystems);
        assert_true(t.set->nframes > 0 && t.set->npass > 0 && t.set->shortest > 0.4);
        for (int i = 0; i < t.set->nframes; i++) {
            assert_true(t.set->frame[i]->natoms > 0);
            assert_true(t.set->frame[i]->has & 1u << KR_LABEL_ENERGY);
        }
        drop(&t);
    }
}

/* Every frame once per pass; any step can be asked for at any time. */
static void test_epochs(void **state) {
    kr_context *ctx = *state;
    trial t, u;
    kr_training_frame *frames[8], *again[8];
    kr_batch batch, other;
    const char *data = "\"systems\": [\"" FORMATS "/npy\", \"" FORMATS "/npy_nopbc\"], \"batch_size\": 1";
    kr_assert_ok(ctx, make(ctx, "\"O\", \"H\"", data, "", 5, &t));
    kr_assert_ok(ctx, make(ctx, "\"O\", \"H\"", data, "", 6, &u));
    int n = t.set->npass, order[64], differs = 0, moved = 0;
    assert_true(n == t.set->nframes && n <= 64 && n > 3);
    for (int pass = 0; pass < 3; pass++) {
        int seen[64] = {0};
        for (int k = 0; k < n; k++) {
            kr_assert_ok(ctx, kr_data_batch(ctx, t.set, pass * n + k, frames, &batch));
            assert_int_equal(batch.nframes, 1);
            int p = place(t.set, batch.frame[0]);
            assert_false(seen[p]++);
            if (pass == 0) order[k] = p;
            moved += pass > 0 && order[k] != p;
            kr_assert_ok(ctx, kr_data_batch(ctx, u.set, pass * n + k, again, &other));
            differs += place(u.set, other.frame[0]) != p;
        }
    }
    assert_true(differs > 0 && moved > 0);
    for (int k = n - 1; k >= 0; k--) { /* backwards, as after a restart */
        kr_assert_ok(ctx, kr_data_batch(ctx, t.set, k, frames, &batch));
        assert_int_equal(place(t.set, batch.frame[0]), order[k]);
    }
    drop(&t);
    drop(&u);
}

static void test_batch_sizes(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *size;
        int batch, largest;
    } cases[] = {{"2", 2, 2},           {"\"auto\"", 1, 1},       {"\"auto:400\"", 3, 3},
                 {"\"max:400\"", 2, 2}, {"\"max:10\"", 1, 1},     {"[3]", 3, 3},
                 {"\"mixed:7\"", 7, 7}, {"\"filter:200\"", 1, 1}, {"1000000", 80, 80}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        trial t;
        char data[512];
        snprintf(data, sizeof data, "\"systems\": \"" KR_TEST_DATA "/water/data_0\", \"batch_size\": %s",
                 cases[c].size);
        kr_assert_ok(ctx, make(ctx, "\"O\", \"H\"", data, "", 1, &t));
        if (t.set->system[0].batch != cases[c].batch)
            fail_msg("batch_size %s: %d, expected %d", cases[c].size, t.set->system[0].batch, cases[c].batch);
        assert_int_equal(kr_data_largest_batch(t.set), cases[c].largest);
        drop(&t);
    }
}

/* A batch that does not divide the number of frames: all frames equally often in the long run. */
static void test_remainders(void **state) {
    kr_context *ctx = *state;
    trial t;
    kr_training_frame *frames[8];
    kr_batch batch;
    int seen[80] = {0};
    kr_assert_ok(
        ctx, make(ctx, "\"O\", \"H\"", "\"systems\": \"" KR_TEST_DATA "/water/data_0\", \"batch_size\": 7", "", 1, &t));
    for (int step = 0; step < 80; step++) {
        kr_assert_ok(ctx, kr_data_batch(ctx, t.set, step, frames, &batch));
        for (int i = 0; i < batch.nframes; i++) seen[place(t.set, batch.frame[i])]++;
    }
    for (int i = 0; i < 80; i++) assert_int_equal(seen[i], 7);
    drop(&t);
}

static void test_probabilities(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *keys;
        double first;
    } cases[] = {{"\"sys_probs\": [0.2, 0.8]", 0.2},
                 {"\"sys_probs\": [0.3, -1]", 0.3},
                 {"\"auto_prob\": \"prob_uniform\"", 0.5},
                 {"\"auto_prob\": \"prob_sys_size;0:1:0.9;1:2:0.1\"", 0.9}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        trial t;
        char data[512];
        kr_training_frame *frames[8];
        kr_batch batch;
        int first = 0, systems[2000];
        snprintf(data, sizeof data,
                 "\"systems\": [\"" FORMATS "/npy\", \"" FORMATS "/npy_nopbc\"], \"batch_size\": 1, %s", cases[c].keys);
        kr_assert_ok(ctx, make(ctx, "\"O\", \"H\"", data, "", 1, &t));
        for (int step = 0; step < 2000; step++) {
            kr_assert_ok(ctx, kr_data_batch(ctx, t.set, step, frames, &batch));
            systems[step] = batch.frame[0]->system;
            first += systems[step] == 0;
        }
        /* four standard deviations of a binomial */
        kr_assert_near(first / 2000.0, cases[c].first, 4 * sqrt(cases[c].first * (1 - cases[c].first) / 2000), 0);
        kr_assert_near(t.set->system[0].probability, cases[c].first, 1e-12, 0);
        kr_assert_ok(ctx, kr_data_batch(ctx, t.set, 1234, frames, &batch));
        assert_int_equal(batch.frame[0]->system, systems[1234]);
        drop(&t);
    }
}

static void test_refusals(void **state) {
    kr_context *ctx = *state;
    static const struct {
        const char *types, *data, *own, *message;
    } bad[] = {
        {"\"O\", \"H\"", "\"systems\": [\"/no/such/folder\"]", "", "/no/such/folder"},
        {"\"O\"", "\"systems\": [\"" FORMATS "/npy\"]", "", "none of the 1 types of the model"},
        {"\"O\", \"H\"", "\"systems\": [\"" FORMATS "/npy\"], \"batch_size\": \"autos\"", "",
         "data.batch_size: found \"autos\""},
        {"\"O\", \"H\"", "\"systems\": [\"" FORMATS "/npy\"], \"batch_size\": [1, 2]", "", "data.batch_size: expected"},
        {"\"O\", \"H\"", "\"systems\": [\"" FORMATS "/npy\"], \"batch_size\": 0", "", "data.batch_size: expected"},
        {"\"O\", \"H\"", "\"systems\": [\"" FORMATS "/npy\"], \"sys_probs\": [0.5]", "",
         "the probabilities add up to 0.5"},
        {"\"O\", \"H\"", "\"systems\": [\"" FORMATS "/npy\"], \"sys_probs\": [0.5, 0.5]", "", "found 2 numbers for 1"},
        {"\"O\", \"H\"", "\"systems\": [\"" FORMATS "/npy\"], \"auto_prob\": \"uniform\"", "", "found \"uniform\""},
        {"\"O\", \"H\"", "\"systems\": [\"" FORMATS "/npy\"], \"auto_prob\": \"prob_sys_size;0:1:x\"", "",
         "expected blocks first:last+1:weight"},
        {"\"O\", \"H\"", "\"systems\": [\"" FORMATS "/npy\"], \"auto_prob\": \"prob_sys_size;0:1:1,5\"", "",
         "expected blocks first:last+1:weight"},
        {"\"O\", \"H\"", "\"systems\": [\"" FORMATS "/npy\"], \"auto_prob\": \"prob_sys_size;0:1\"", "",
         "expected blocks first:last+1:weight"},
        {"\"O\", \"H\"", "\"systems\": [\"" FORMATS "/npy\"], \"batch_size\": \"filter:2\"", "", "no frame is left"},
        {"\"O\", \"H\"", "\"systems\": [\"" FORMATS "/npy\"]", "\"min_distance\": 5", "A apart, at least 5 A allowed"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        trial t;
        kr_status status = make(ctx, bad[i].types, bad[i].data, bad[i].own, 1, &t);
        if (status >= 0 || !strstr(kr_context_message(ctx), bad[i].message))
            fail_msg("%s: status %d, %s", bad[i].data, (int)status, kr_context_message(ctx));
        kr_context_clear(ctx);
        drop(&t);
    }
}

/* A label that is no number: file and frame are named. */
static void test_nan(void **state) {
    kr_context *ctx = *state;
    kr_dataset *dataset = NULL;
    char folder[] = "/tmp/kr-test-data-XXXXXX", path[64], data[256];
    trial t;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/bad", folder);
    kr_assert_ok(ctx, kr_dataset_read(ctx, FORMATS "/npy", NULL, 0, NULL, &dataset));
    kr_system *s = dataset->system[0];
    s->label[KR_LABEL_FORCE][((size_t)3 * (size_t)s->natoms + 5) * 3 + 1] = NAN;
    kr_assert_ok(ctx, kr_dataset_write(ctx, dataset, path, "npy", 1));
    snprintf(data, sizeof data, "\"systems\": \"%s\"", path);
    assert_true(make(ctx, "\"O\", \"H\"", data, "", 1, &t) < 0);
    if (!strstr(kr_context_message(ctx), "force.npy: nan at frame 0, entry 16"))
        fail_msg("%s", kr_context_message(ctx));
    drop(&t);
    kr_dataset_destroy(&dataset);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* The same frames for any number of threads. */
static void test_threads(void **state) {
    kr_context *ctx = *state;
    trial one, many;
    const char *data = "\"systems\": \"" KR_TEST_DATA "/water/data_0\"";
    kr_context_set_threads(ctx, 1);
    kr_assert_ok(ctx, make(ctx, "\"O\", \"H\"", data, "", 1, &one));
    kr_context_set_threads(ctx, 3);
    kr_assert_ok(ctx, make(ctx, "\"O\", \"H\"", data, "", 1, &many));
    assert_int_equal(one.set->nframes, many.set->nframes);
    for (int i = 0; i < one.set->nframes; i += 13) {
        const kr_training_frame *a = one.set->frame[i], *b = many.set->frame[i];
        assert_int_equal(a->env.npairs, b->env.npairs);
        assert_memory_equal(a->env.r, b->env.r, (size_t)a->env.npairs * sizeof(double));
        assert_memory_equal(a->env.neighbor, b->env.neighbor, (size_t)a->env.npairs * sizeof(int));
    }
    drop(&one);
    drop(&many);
}

static void test_neighbors(void **state) {
    kr_context *ctx = *state;
    trial t = {0};
    const char *const names[2] = {"O", "H"};
    int most[2], total;
    double shortest;
    kr_tree *tree = NULL;
    const char *text =
        "{\"model\": {\"type_map\": [\"O\", \"H\"], \"descriptor\": {\"type\": \"se_e2_a\"}, \"fitting_net\": "
        "{}}, \"learning_rate\": {\"start_lr\": 0.001}, \"loss\": {}, \"training\": {\"numb_steps\": 1, "
        "\"training_data\": {\"systems\": \"" KR_TEST_DATA "/water/data_0\"}}}";
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "t", &tree));
    kr_assert_ok(ctx, kr_input_from_tree(ctx, tree, "t", &t.input));
    kr_assert_ok(ctx, kr_data_read(ctx, &t.input->training.data, "data", &t.set));
    kr_assert_ok(ctx, kr_data_neighbors(ctx, t.set, 2, names, 6.0, most, &total, &shortest));
    /* all pairs by minimum image in NumPy; the distance also by dp neighbor-stat */
    if (most[0] != 38 || most[1] != 72) fail_msg("%d O and %d H, expected 38 and 72", most[0], most[1]);
    assert_true(total >= most[1] && total <= most[0] + most[1]);
    kr_assert_near(shortest, 0.892452, 1e-6, 0);
    kr_tree_destroy(&tree);
    drop(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_formats, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_epochs, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_batch_sizes, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_remainders, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_probabilities, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_nan, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_threads, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_neighbors, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
