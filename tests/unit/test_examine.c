/* Classes by both rules against a table made by hand, shares by cell, adaptive and calibrated levels, model_devi.out.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "core/random.h"
#include "kr_test.h"

/* ---- classes: f levels 0.10 and 0.30 eV/Å, v levels 0.02 and 0.08 eV ---- */

static const kr_levels levels = {0.10, 0.30, 0.02, 0.08, INFINITY, INFINITY};

typedef struct case_row {
    double f, v;
    int insane;
    kr_class ours, dpgen;
} case_row;
#define A KR_CLASS_ACCURATE
#define C KR_CLASS_CANDIDATE
#define F KR_CLASS_FAILED
#define S KR_CLASS_SKIPPED
static const case_row table[] = {
    {0.05, 0.01, 0, A, A},     {0.0999, 0.0199, 0, A, A}, {0.10, 0.01, 0, C, C},    {0.2999, 0.01, 0, C, C},
    {0.30, 0.01, 0, F, F},     {5, 0.01, 0, F, F},        {0.05, 0.02, 0, C, C},    {0.05, 0.0799, 0, C, C},
    {0.05, 0.08, 0, F, F},     {0.2, 0.05, 0, C, C},      {0.5, 0.5, 0, F, F},      {0, 0, 0, A, A},
    {0.2, 9, 0, F, C}, /* their candidate: force inside the window, virial far above */
    {9, 0.05, 0, F, C},        {NAN, 0.01, 0, F, S},      {0.05, NAN, 0, F, S},     {NAN, NAN, 0, F, S},
    {NAN, 0.05, 0, F, C},      {NAN, 0.5, 0, F, F},       {0.2, NAN, 0, F, C},      {0.5, NAN, 0, F, F},
    {INFINITY, 0.01, 0, F, F}, {0.05, INFINITY, 0, F, F}, {0.2, INFINITY, 0, F, C}, {0.05, 0.01, 1, F, A},
    {0.2, 0.01, 1, F, C},
};
enum { CASES = sizeof table / sizeof table[0] };

static void test_classes(void **state) {
    kr_sample samples[CASES + 1] = {{0}};
    kr_class ours[CASES + 1], dpgen[CASES + 1];
    for (int i = 0; i < CASES; i++) samples[i] = (kr_sample){100 + i, table[i].f, table[i].v, 0, 0, 0, table[i].insane};
    samples[CASES] = (kr_sample){.step = 99, .dev_f = 0.2};
    kr_assert_ok(*state, kr_classify(*state, KR_CLASS_RULE_DEFAULT, &levels, 100, CASES + 1, samples, ours));
    kr_assert_ok(*state, kr_classify(*state, KR_CLASS_RULE_DPGEN, &levels, 100, CASES + 1, samples, dpgen));
    for (int i = 0; i < CASES; i++) {
        if (ours[i] != table[i].ours || dpgen[i] != table[i].dpgen)
            print_error("case %d, f %g v %g: ours %s, dpgen %s\n", i, table[i].f, table[i].v, kr_class_word(ours[i]),
                        kr_class_word(dpgen[i]));
        assert_int_equal(ours[i], table[i].ours);
        assert_int_equal(dpgen[i], table[i].dpgen);
    }
    assert_int_equal(ours[CASES], S); /* the step is compared, not the number of structures */
    assert_int_equal(dpgen[CASES], S);
    /* levels that are off: an infinite deviation still fails, the grade counts when it is there */
    kr_levels off = kr_levels_off;
    kr_sample s = {.dev_f = 1e9};
    kr_assert_ok(*state, kr_classify(*state, KR_CLASS_RULE_DEFAULT, &off, 0, 1, &s, ours));
    assert_int_equal(ours[0], A);
    s.dev_f = INFINITY;
    kr_assert_ok(*state, kr_classify(*state, KR_CLASS_RULE_DEFAULT, &off, 0, 1, &s, ours));
    assert_int_equal(ours[0], F);
    s = (kr_sample){.gamma = 3};
    off.gamma_lo = 2;
    off.gamma_hi = 10;
    kr_assert_ok(*state, kr_classify(*state, KR_CLASS_RULE_DEFAULT, &off, 0, 1, &s, ours));
    assert_int_equal(ours[0], C);
    off.gamma_lo = 11;
    assert_int_equal(kr_classify(*state, KR_CLASS_RULE_DEFAULT, &off, 0, 1, &s, ours), KR_ERR_ARGUMENT);
    assert_string_equal(kr_context_message(*state),
                        "trust levels gamma_lo 11 and gamma_hi 10: lo must not be above hi");
}

/* ---- adaptive levels: 12 frames, one failed, one NaN, one insane, one too early ---- */

static const kr_sample explored[] = {
    {0, 9, 9, 0, 0, 0, 0},        {10, 0.05, 0.5, 0, 0, 0, 0},  {20, 0.11, 0.1, 0, 0, 0, 0},
    {30, 0.26, 0.2, 0, 0, 0, 0},  {40, 0.9, 0.3, 0, 0, 0, 0},   {50, NAN, 0.3, 0, 0, 0, 0},
    {60, 0.2, 0.4, 0, 0, 0, 1},   {70, 0.3, 0.01, 0, 0, 0, 0},  {80, 0.17, 0.6, 0, 0, 0, 0},
    {90, 0.17, 0.02, 0, 0, 0, 0}, {100, 0.5, 0.03, 0, 0, 0, 0}, {110, 0.01, 0.04, 0, 0, 0, 0},
};
enum { EXPLORED = sizeof explored / sizeof explored[0] };

static void expect(kr_context *ctx, kr_adapt_options o, double f_lo, double v_lo, const kr_class *wanted) {
    kr_levels l = {0, 0.5, 0, INFINITY, INFINITY, INFINITY};
    kr_class got[EXPLORED];
    kr_assert_ok(ctx, kr_levels_adapt(ctx, &o, 10, EXPLORED, explored, &l, got));
    kr_assert_near(l.f_lo, f_lo, 0, 0);
    if (isinf(v_lo))
        assert_true(isinf(l.v_lo));
    else
        kr_assert_near(l.v_lo, v_lo, 0, 0);
    for (int i = 0; i < EXPLORED; i++) {
        if (got[i] != wanted[i]) print_error("frame %d\n", i);
        assert_int_equal(got[i], wanted[i]);
    }
}

static void test_adaptive(void **state) {
    /* Left are 8 frames, f 0.01 0.05 0.11 0.17 0.17 0.26 0.3 0.5 (0.5 = hi is not above it), v of the same frames. */
    const kr_class three[] = {S, A, A, C, F, F, F, C, A, A, C, A};
    expect(*state, (kr_adapt_options){3, 0, 0, 0}, 0.26, INFINITY, three);
    const kr_class half[] = {S, A, A, C, F, F, F, C, A, C, C, A}; /* int(0.5·8) = 4: of the two 0.17 the later one */
    expect(*state, (kr_adapt_options){3, 0, 50, 0}, 0.17, INFINITY, half);
    const kr_class both[] = {S, C, A, A, F, F, F, A, C, A, C, A}; /* union of the top 1 by f and the top 2 by v */
    expect(*state, (kr_adapt_options){1, 2, 0, 0}, 0.5, 0.5, both);
    const kr_class all[] = {S, C, C, C, F, F, F, C, C, C, C, C};
    expect(*state, kr_adapt_dpgen, 0.01, INFINITY, all); /* ten wanted, eight there */
    expect(*state, kr_adapt_dpgen2, 0.01, INFINITY, all);
    const kr_class none[] = {S, A, A, A, F, F, F, A, A, A, A, A};
    expect(*state, (kr_adapt_options){0, 0, 0, 0}, 0.5, INFINITY, none);
    const double lo[] = {0.4, 0.2, 0.16, 0.149};
    assert_int_equal(kr_levels_settled(4, lo, 2, 0.05), 1);
    assert_int_equal(kr_levels_settled(2, lo, 2, 0.05), 0);
    assert_int_equal(kr_levels_settled(4, lo, 3, 0.05), 1);
    assert_int_equal(kr_levels_settled(4, lo, 4, 0.05), 0);
    assert_int_equal(kr_levels_settled(1, lo, 2, 0.05), 0);
}

/* ---- shares ---- */

static void test_shares(void **state) {
    /* cell 0: 4 runs of 50 frames with 5 candidates each: independent. Cell 1: the candidates are all in one run. */
    enum { N = 400 };
    kr_sample s[N] = {{0}};
    kr_class c[N];
    kr_cell_count count[4];
    for (int i = 0; i < N; i++) {
        s[i].run = i / 50;
        s[i].cell = i / 200;
        c[i] = i < 200 ? (i % 10 == 0 ? C : A) : i < 220 ? C : A;
    }
    c[1] = F;
    c[399] = S;
    kr_assert_ok(*state, kr_count_classes(*state, N, s, c, 3, count));
    assert_int_equal(count[0].n[C], 20);
    assert_int_equal(count[0].n[F], 1);
    assert_int_equal(count[0].total, 200);
    assert_int_equal(count[1].total, 199);
    assert_int_equal(count[1].n[S], 1);
    assert_int_equal(count[0].runs, 4);
    assert_int_equal(count[3].total, 399);
    kr_assert_near(count[0].fraction[C], 0.1, 1e-15, 0);
    double z = 1.959963984540054, p = 0.1;
    kr_assert_near(p - count[0].low[C], z * sqrt(count[0].low[C] * (1 - count[0].low[C]) / 200), 1e-12, 0);
    /* one run of four holds all: about four independent observations */
    assert_true(count[1].high[C] > 0.4 && count[0].high[C] < 0.16);
    assert_true(count[1].low[C] < 0.02);
    assert_true(isnan(count[2].fraction[C]) && count[2].low[C] == 0 && count[2].high[C] == 1);
    s[7].cell = 3;
    assert_int_equal(kr_count_classes(*state, N, s, c, 3, count), KR_ERR_ARGUMENT);
}

/* ---- calibration ---- */

/* Pairs with P(e > 0.15 | u) = u²: independent draws. */
static void make_pairs(uint64_t seed, int n, kr_error_pair *pairs) {
    kr_stream stream = {seed, 11};
    for (int i = 0; i < n; i++) {
        double u = kr_random_uniform(stream, 0, (uint64_t)i, 0);
        int above = kr_random_uniform(stream, 0, (uint64_t)i, 1) < u * u;
        pairs[i] = (kr_error_pair){u, above ? 0.3 : 0.1 * u, 0, 0};
    }
}

static void test_calibration(void **state) {
    enum { N = 600 };
    kr_error_pair pairs[N];
    kr_levels l = {0.05, 0.9, INFINITY, INFINITY, INFINITY, INFINITY};
    kr_calibration c;
    make_pairs(3, N, pairs);
    kr_assert_ok(*state, kr_levels_calibrate(*state, NULL, 39, pairs, &l, &c));
    assert_false(c.lo_changed || c.hi_changed);
    assert_true(l.f_lo == 0.05 && strstr(c.note, "39 labelled frames, at least 40"));
    kr_calibration_clear(&c);
    kr_assert_ok(*state, kr_levels_calibrate(*state, NULL, N, pairs, &l, &c));
    assert_true(c.lo_changed && !c.hi_changed);
    assert_true(c.npoints == N && c.high_below <= 0.05 && c.rate_below <= c.high_below);
    assert_true(c.spearman > 0.7 && c.spearman <= 1);
    for (long i = 1; i < c.npoints; i++) assert_true(c.point[i].rate >= c.point[i - 1].rate);
    assert_true(l.f_lo > 0.1 && l.f_lo < 0.5);
    kr_calibration_clear(&c);
    for (int i = 0; i < N; i++) /* every calculation above 0.7 fails */
        if (pairs[i].u > 0.7) pairs[i].e = NAN;
    kr_assert_ok(*state, kr_levels_calibrate(*state, NULL, N, pairs, &l, &c));
    assert_true(c.hi_changed && l.f_hi > 0.7 && l.f_hi < 0.71);
    kr_calibration_clear(&c);
}

/* Campaigns whose law is known, e = 2.5 u exp(N/2): how often the promise of the new lo is kept. */
static double share_above(double u) { return 0.5 * erfc((log(0.15) - log(2.5 * u)) / 0.5 / sqrt(2)); }

static void test_promise(void **state) {
    enum { TRIALS = 120, MOST = 400 };
    const int sizes[2] = {80, MOST}; /* too few below any level; enough of them */
    kr_error_pair pairs[MOST];
    for (int k = 0; k < 2; k++) {
        int kept = 0, changed = 0;
        for (int t = 0; t < TRIALS; t++) {
            kr_levels l = {0.05, 0.9, INFINITY, INFINITY, INFINITY, INFINITY};
            kr_calibration c;
            double u[MOST], mean = 0;
            int below = 0;
            for (int i = 0; i < sizes[k]; i++) {
                double r[4];
                kr_random_normal((kr_stream){17, (uint64_t)k}, (uint64_t)t, (uint64_t)i, 0, r);
                u[i] = (k ? 0.02 : 0.06) * exp(0.6 * r[0]);
                pairs[i] = (kr_error_pair){u[i], 2.5 * u[i] * exp(0.5 * r[1]), 0, 0};
            }
            kr_assert_ok(*state, kr_levels_calibrate(*state, NULL, sizes[k], pairs, &l, &c));
            for (int i = 0; i < sizes[k]; i++)
                if (u[i] <= l.f_lo) mean += share_above(u[i]), below++;
            changed += c.lo_changed;
            kept += k ? below && mean / below <= 0.05 : share_above(l.f_lo) <= 0.05;
            kr_calibration_clear(&c);
        }
        if (changed < TRIALS || kept < 0.93 * TRIALS)
            print_error("%d pairs: %d changed, %d kept\n", sizes[k], changed, kept);
        assert_true(changed == TRIALS && kept >= 0.93 * TRIALS);
    }
    /* Errors that the deviation does not see: at small u the ratio is much larger. The level must not go down to them.
     */
    for (int i = 0; i < 80; i++) {
        double u = 0.01 * (i + 1);
        pairs[i] = (kr_error_pair){u, i < 30 ? (i % 2 ? 0.3 : 0.01) : 0.5 * u, 0, 0};
    }
    kr_levels l = {0.05, 0.9, INFINITY, INFINITY, INFINITY, INFINITY};
    kr_calibration c;
    kr_assert_ok(*state, kr_levels_calibrate(*state, NULL, 80, pairs, &l, &c));
    assert_true(!c.lo_changed || l.f_lo < 0.02);
    kr_calibration_clear(&c);
    /* a level that rises above hi takes it along */
    for (int i = 0; i < 80; i++) pairs[i] = (kr_error_pair){0.01 * (i + 1), 0.02, 0, 0};
    l = (kr_levels){0.05, 0.2, INFINITY, INFINITY, INFINITY, INFINITY};
    kr_assert_ok(*state, kr_levels_calibrate(*state, NULL, 80, pairs, &l, &c));
    assert_true(c.lo_changed && c.hi_changed && l.f_lo > 0.7);
    kr_assert_near(l.f_hi, 2 * l.f_lo, 1e-15, 0);
    kr_calibration_clear(&c);
}

/* ---- files ---- */

static void test_file(void **state) {
    char path[] = "/tmp/kr_devi_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fprintf(f, "#       step         max_devi_v\n           0  1e-2 0 0 2.5e-1 0 0.1\n\n 500 nan 0 0 -nan 0 0 7 8 9\n"
               " 1000 1e-3 0 0 inf 0 0\n");
    fclose(f);
    long n;
    kr_sample *s;
    kr_assert_ok(*state, kr_devi_samples_read(*state, path, 4, 2, &n, &s));
    assert_int_equal(n, 3);
    assert_true(s[0].dev_v == 1e-2 && s[0].dev_f == 0.25 && s[0].run == 4 && s[0].cell == 2);
    assert_true(s[1].step == 500 && isnan(s[1].dev_v) && isnan(s[1].dev_f) && isinf(s[2].dev_f));
    kr_devi_samples_free(&s);
    f = fopen(path, "w");
    fprintf(f, "# step\n0 1 2 3 4 5 6\n10 1 2 3 oops 5 6\n");
    fclose(f);
    assert_int_equal(kr_devi_samples_read(*state, path, 0, 0, &n, &s), KR_ERR_FORMAT);
    assert_non_null(strstr(kr_context_message(*state), "line 3, column 5: 'oops' is no number"));
    remove(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_classes, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_adaptive, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_shares, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_calibration, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_promise, kr_test_setup, kr_test_teardown),
        cmocka_unit_test_setup_teardown(test_file, kr_test_setup, kr_test_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
