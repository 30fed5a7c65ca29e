/* The pipeline of the selection: every step on frames made for it, quotas, rules, repeatability.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/frames.h"
#include "core/random.h"
#include "kr_test.h"

/* A lattice of 8 Al in a cube of 8 Å, moved by up to 0.2 Å; frames differ by `which`. */
enum { ATOMS = 8 };
static void make_frame(int which, double x[3 * ATOMS]) {
    kr_stream stream = {9, 1};
    for (int i = 0; i < ATOMS; i++)
        for (int c = 0; c < 3; c++)
            x[3 * i + c] =
                4.0 * ((i >> c) & 1) + 0.4 * kr_random_uniform(stream, (uint64_t)which, (uint64_t)i, (uint64_t)c);
}

static kr_dataset *make_dataset(kr_context *ctx, int nframes) {
    kr_dataset *dataset = NULL;
    kr_system *system = NULL;
    const char *names[] = {"Al"};
    kr_assert_ok(ctx, kr_dataset_create(ctx, &dataset));
    kr_assert_ok(ctx, kr_system_create(ctx, "made", ATOMS, nframes, 1, names, 0, &system));
    memset(system->pbc, 1, 3);
    for (int f = 0; f < nframes; f++) {
        make_frame(f, system->coord + (size_t)f * 3 * ATOMS);
        for (int c = 0; c < 3; c++) system->box[9 * f + 4 * c] = 8;
    }
    kr_assert_ok(ctx, kr_dataset_append(ctx, dataset, &system));
    return dataset;
}

static void unknown(int n, kr_candidate *meta) {
    for (int i = 0; i < n; i++) meta[i] = kr_candidate_unknown;
}

static void test_sane(void **state) {
    enum { N = 7 };
    kr_context *ctx = *state;
    kr_dataset *d = make_dataset(ctx, N);
    kr_candidate meta[N];
    kr_selection *s = NULL;
    kr_select_options o = kr_select_defaults;
    o.rule = "random";
    unknown(N, meta);
    double *x = d->system[0]->coord, *box = d->system[0]->box;
    x[1 * 24 + 3] = x[1 * 24] + 1.4; /* 0.6 · 2 · 1.21 = 1.452 Å */
    x[1 * 24 + 4] = x[1 * 24 + 1];
    x[1 * 24 + 5] = x[1 * 24 + 2];
    x[2 * 24 + 7] = NAN;
    box[9 * 3 + 8] = 1.9;
    meta[4].start_volume = 8 * 8 * 8 / 8.0 / 3.1;
    meta[5].f_max = 101;
    box[9 * 6 + 3] = 8 * 5; /* a large tilt describes the same lattice */
    kr_assert_ok(ctx, kr_select(ctx, &o, NULL, d, meta, NULL, &s));
    const char *word[N] = {"chosen", "insane", "insane", "insane", "insane", "insane", "chosen"};
    const char *reason[N] = {"",
                             "1.400 A apart, at least 1.452",
                             "not finite",
                             "1.900 A apart, at least 2.000",
                             "factor 3.1, at most 3",
                             "101 eV/A, at most 100",
                             ""};
    for (int i = 0; i < N; i++) {
        if (strcmp(kr_decision_word(s->choice[i].decision), word[i]) || !strstr(s->choice[i].reason, reason[i]))
            print_error("frame %d: %s, %s\n", i, kr_decision_word(s->choice[i].decision), s->choice[i].reason);
        assert_string_equal(kr_decision_word(s->choice[i].decision), word[i]);
        assert_non_null(strstr(s->choice[i].reason, reason[i]));
    }
    assert_true(s->step[0].before == N && s->step[0].removed == 5 && !strcmp(s->step[0].name, "sane"));
    kr_selection_destroy(&s);
    const kr_sane_pair pair[] = {{"Mg", "Al", 9}, {"Al", "Al", 1.39}}; /* a distance of its own */
    o.sane.npairs = 2;
    o.sane.pair = pair;
    kr_assert_ok(ctx, kr_select(ctx, &o, NULL, d, meta, NULL, &s));
    assert_int_equal(s->choice[1].decision, KR_DECISION_CHOSEN);
    kr_selection_destroy(&s);
    kr_dataset_destroy(&d);
}

static void test_equal(void **state) {
    kr_context *ctx = *state;
    kr_dataset *d = make_dataset(ctx, 5), *known = make_dataset(ctx, 1);
    kr_selection *s = NULL;
    double *x = d->system[0]->coord;
    for (int i = 0; i < ATOMS; i++) /* frame 3: frame 2 with its atoms in another order, moved by cell vectors */
        for (int c = 0; c < 3; c++) x[3 * 24 + 3 * i + c] = x[2 * 24 + 3 * (ATOMS - 1 - i) + c] + 8 * (i - 3);
    kr_select_options o = kr_select_defaults;
    o.rule = "random";
    kr_assert_ok(ctx, kr_select(ctx, &o, NULL, d, NULL, known, &s));
    assert_int_equal(s->choice[0].decision, KR_DECISION_KNOWN);
    assert_int_equal(s->choice[2].decision, KR_DECISION_CHOSEN);
    assert_int_equal(s->choice[3].decision, KR_DECISION_DUPLICATE);
    assert_int_equal(s->choice[3].other, 2);
    assert_int_equal(s->nchosen, 3);
    kr_selection_destroy(&s);
    kr_dataset_destroy(&d);
    kr_dataset_destroy(&known);
}

static void test_decorrelate(void **state) {
    enum { N = 8 };
    kr_context *ctx = *state;
    kr_dataset *d = make_dataset(ctx, N);
    kr_candidate meta[N];
    kr_selection *s = NULL;
    kr_select_options o = kr_select_defaults;
    const double time[N] = {0, 0.05, 0.1, 0.15, 0.2, 0.05, NAN, 0.1}, u[N] = {1, 5, 2, 4, 1, 1, 1, 1};
    o.rule = "topdev";
    unknown(N, meta);
    for (int i = 0; i < N; i++) {
        meta[i].run = i == 5 ? 1 : i == 7 ? -1 : 0;
        meta[i].time_ps = time[i];
        meta[i].u = u[i];
    }
    kr_assert_ok(ctx, kr_select(ctx, &o, NULL, d, meta, NULL, &s));
    /* 1 (largest) drops 0 and 2; 3 is exactly 0.1 ps away and drops 4; 5 is another run, 6 and 7 are not known */
    const int kept[N] = {0, 1, 0, 1, 0, 1, 1, 1};
    for (int i = 0; i < N; i++)
        assert_int_equal(s->choice[i].decision, kept[i] ? KR_DECISION_CHOSEN : KR_DECISION_CORRELATED);
    assert_int_equal(s->chosen[0], 1);
    assert_int_equal(s->chosen[1], 3);
    kr_selection_destroy(&s);
    kr_dataset_destroy(&d);
}

static void test_quotas(void **state) {
    enum { N = 12 };
    kr_context *ctx = *state;
    kr_dataset *d = make_dataset(ctx, N);
    kr_candidate meta[N];
    kr_selection *s = NULL;
    kr_select_options o = kr_select_defaults;
    o.rule = "topdev";
    o.most = 7;
    o.per_system = 4;
    o.per_cell = 3;
    unknown(N, meta);
    for (int i = 0; i < N; i++) {
        meta[i].u = N - i;
        meta[i].system = i / 6; /* 0 … 5: system 0 */
        meta[i].cell = i / 4;   /* 0 … 3, 4 … 7, 8 … 11 */
    }
    kr_assert_ok(ctx, kr_select(ctx, &o, NULL, d, meta, NULL, &s));
    const long wanted[] = {0, 1, 2, 4, 6, 7, 8};
    assert_int_equal(s->nchosen, 7);
    for (int i = 0; i < 7; i++) assert_int_equal(s->chosen[i], wanted[i]);
    assert_int_equal(s->choice[3].decision, KR_DECISION_OVER_QUOTA);
    assert_string_equal(s->choice[3].reason, "3 frames of cell 0 are chosen, at most 3");
    assert_int_equal(s->choice[5].decision, KR_DECISION_OVER_QUOTA);
    assert_int_equal(s->choice[9].decision, KR_DECISION_NOT_REACHED);
    kr_selection_destroy(&s);
    o.per_system = o.per_cell = 0;
    o.per_element = 5;
    for (int i = 0; i < N; i++) meta[i].atom = i % ATOMS;
    kr_assert_ok(ctx, kr_select(ctx, &o, NULL, d, meta, NULL, &s));
    assert_int_equal(s->nchosen, 5); /* there is one element */
    kr_selection_destroy(&s);
    /* costs: 3 s each but for the second one; 10 s are given */
    o = kr_select_defaults;
    o.rule = "topdev";
    o.most_cost = 10;
    for (int i = 0; i < N; i++) meta[i].cost = i == 1 ? 8 : 3;
    kr_assert_ok(ctx, kr_select(ctx, &o, NULL, d, meta, NULL, &s));
    assert_true(s->nchosen == 3 && s->chosen[0] == 0 && s->chosen[1] == 2 && s->chosen[2] == 3);
    assert_string_equal(s->choice[1].reason, "takes 8 s, 3 of 10 s are spent");
    kr_selection_destroy(&s);
    kr_dataset_destroy(&d);
    /* fp_accurate_soft_threshold 0.9, fp_accurate_threshold 0.95 */
    assert_int_equal(kr_select_taper(300, 0.5, 0.9, 0.95), 300);
    assert_int_equal(kr_select_taper(300, 0.925, 0.9, 0.95), 149); /* int(149.99…), as there */
    assert_int_equal(kr_select_taper(300, 0.95, 0.9, 0.95), 0);
    assert_int_equal(kr_select_taper(300, 0.9999, 0.9999, 0.9999), 0);
    assert_int_equal(kr_select_taper(300, 0.9998, 0.9999, 0.9999), 300);
    assert_int_equal(kr_select_least(4, 5), 0);
    assert_int_equal(kr_select_least(5, 5), 5);
}

/* Frequencies of the rules that draw, over many seeds. */
static void test_draws(void **state) {
    enum { N = 20, RUNS = 400 };
    kr_context *ctx = *state;
    kr_dataset *d = make_dataset(ctx, N);
    kr_candidate meta[N];
    kr_selection *s = NULL;
    kr_select_options o = kr_select_defaults;
    int count[2][N] = {{0}};
    unknown(N, meta);
    for (int i = 0; i < N; i++) meta[i].u = i < 16 ? 0.1 : 1; /* 16 in the lowest bin, 4 in the highest */
    o.most = 4;
    o.dedup = 0;
    for (int rule = 0; rule < 2; rule++)
        for (int r = 0; r < RUNS; r++) {
            o.rule = rule ? "inverse_population" : "random";
            o.seed = (uint64_t)r;
            kr_assert_ok(ctx, kr_select(ctx, &o, NULL, d, meta, NULL, &s));
            assert_int_equal(s->nchosen, 4);
            for (int k = 0; k < 4; k++) count[rule][s->chosen[k]]++;
            kr_selection_destroy(&s);
        }
    int rare[2] = {0, 0};
    for (int i = 16; i < N; i++)
        for (int rule = 0; rule < 2; rule++) rare[rule] += count[rule][i];
    /* random: 4·4/20 = 0.8 a run; by population: the first draw is one half, later ones less */
    assert_true(rare[0] > 250 && rare[0] < 390);
    assert_true(rare[1] > 600 && rare[1] < 800);
    for (int i = 0; i < N; i++) assert_true(count[0][i] > 45 && count[0][i] < 115); /* 80, 4 standard deviations */
    kr_dataset_destroy(&d);
}

static void test_refusals(void **state) {
    kr_context *ctx = *state;
    kr_dataset *d = make_dataset(ctx, 1);
    kr_selection *s = NULL;
    kr_select_options o = kr_select_defaults;
    o.rule = "fsp";
    assert_int_equal(kr_select(ctx, &o, NULL, d, NULL, NULL, &s), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "\"fsp\" is not known"));
    assert_null(s);
    assert_int_equal(kr_select(ctx, NULL, NULL, NULL, NULL, NULL, &s), KR_ERR_ARGUMENT);
    assert_int_equal(kr_select(ctx, NULL, NULL, d, NULL, NULL, &s), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "\"fps\" needs a model"));
    kr_dataset_destroy(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sane, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_equal, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_decorrelate, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_quotas, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_draws, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
