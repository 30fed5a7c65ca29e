/* The watch of a run: classes, what is kept and how often, the state of restarts.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/random.h"
#include "eelt/explore_held.h"
#include "eelt/explorer.h"
#include "kr_test.h"
#include "test_folder.h"
#include <unistd.h>

static const char *const names[] = {"Al"};
static const int type[2] = {0, 0};
static double place[6] = {0, 0, 0, 2.8, 0, 0}, box[9] = {10, 0, 0, 0, 10, 0, 0, 0, 10};

static kr_watch_sample sample_of(int64_t step, double f, double v) {
    return (kr_watch_sample){.step = step,
                             .natoms = 2,
                             .type = type,
                             .x = place,
                             .box = box,
                             .deviation = {.max_f = f, .max_v = v},
                             .temperature = 300};
}

static kr_watch *make(kr_context *ctx, void (*change)(kr_watch_options *)) {
    kr_watch_options o;
    kr_watch *w;
    kr_watch_defaults(&o);
    o.folder = kr_test_folder;
    o.f_lo = 0.1;
    o.f_hi = 0.4;
    o.v_lo = 0.01;
    o.v_hi = 0.05;
    o.stop = 3;
    o.temperature_hi = 3000;
    if (change) change(&o);
    kr_assert_ok(ctx, kr_watch_create(ctx, &o, 1, names, &w));
    kr_assert_ok(ctx, kr_watch_begin(ctx, w));
    return w;
}

static kr_watch_verdict take(kr_context *ctx, kr_watch *w, const kr_watch_sample *s) {
    kr_watch_verdict v;
    kr_assert_ok(ctx, kr_watch_take(ctx, w, s, &v));
    return v;
}

static void test_classes(void **state) {
    kr_context *ctx = *state;
    kr_watch *w = make(ctx, NULL);
    kr_watch_counts counts;
    static const struct {
        double f, v;
        kr_class expected;
    } cases[] = {{0.05, 0.001, KR_CLASS_ACCURATE}, {0.1, 0.001, KR_CLASS_CANDIDATE},
                 {0.05, 0.01, KR_CLASS_CANDIDATE}, {0.4, 0.001, KR_CLASS_FAILED},
                 {0.2, 0.06, KR_CLASS_FAILED},     {0.2, 0.02, KR_CLASS_CANDIDATE},
                 {0.05, 0.05, KR_CLASS_FAILED},    {0.3999, 0.0499, KR_CLASS_CANDIDATE}};
    for (int k = 0; k < 8; k++) {
        kr_watch_sample s = sample_of(k, cases[k].f, cases[k].v);
        kr_watch_verdict v = take(ctx, w, &s);
        assert_int_equal(v.sample_class, cases[k].expected);
        assert_int_equal(v.stop, 0);
        if (v.sample_class == KR_CLASS_FAILED) assert_int_equal(v.reason, KR_END_DEVIATION);
    }
    kr_watch_get_counts(w, &counts);
    assert_int_equal(counts.by_class[KR_CLASS_FAILED], 3);
    assert_int_equal(counts.by_class[KR_CLASS_CANDIDATE], 4);
    /* 0.05: 10 · log10(500) = 26.99; 0.1: 30 */
    assert_int_equal(counts.histogram[26], 3);
    assert_int_equal(counts.histogram[30], 1);
    kr_watch_sample late = sample_of(5, 0.3, 0); /* known already */
    assert_int_equal(take(ctx, w, &late).sample_class, KR_CLASS_ACCURATE);
    kr_watch_get_counts(w, &counts);
    assert_int_equal(counts.sampled, 8);
    kr_watch_destroy(&w);
}

static void test_failures(void **state) {
    kr_context *ctx = *state;
    double broken[6] = {0, 0, 0, NAN, 0, 0}, close[6] = {0, 0, 0, 9, 0, 0}, large[9] = {20, 0, 0, 0, 20, 0, 0, 0, 20};
    for (int k = 0; k < 8; k++) {
        kr_watch *w = make(ctx, NULL);
        kr_watch_sample s = sample_of(0, 0.05, 0);
        take(ctx, w, &s);
        s.step = 1;
        kr_end expected = KR_END_NAN;
        int stop = 1;
        if (k == 0) s.deviation.max_f = NAN;
        if (k == 1) s.x = broken;
        if (k == 2) s.temperature = INFINITY;
        if (k == 3) s.temperature = 3001, expected = KR_END_TEMPERATURE;
        if (k == 4) s.x = NULL, s.lost = 1, expected = KR_END_LOST;
        if (k == 5) s.box = large, expected = KR_END_VOLUME;
        if (k == 6) s.x = close, expected = KR_END_CLOSE, stop = 0; /* 1 Å across the boundary */
        if (k == 7) s.deviation.max_v = NAN;
        kr_watch_verdict v = take(ctx, w, &s);
        assert_int_equal(v.sample_class, KR_CLASS_FAILED);
        assert_int_equal(v.reason, expected);
        assert_int_equal(v.stop, stop);
        kr_watch_destroy(&w);
    }
}

/* Samples in a row end the run; one good one in between does not. */
static void test_stop(void **state) {
    kr_context *ctx = *state;
    kr_watch *w = make(ctx, NULL);
    static const double f[] = {0.5, 0.5, 0.2, 0.5, 0.5, 0.5};
    kr_explored *info;
    kr_dataset *data;
    int n;
    for (int k = 0; k < 6; k++) {
        kr_watch_sample s = sample_of(10 * k, f[k], 0);
        assert_int_equal(take(ctx, w, &s).stop, k == 5);
    }
    kr_assert_ok(ctx, kr_watch_end(ctx, w, 50, KR_END_FINISHED));
    kr_watch_destroy(&w);
    kr_assert_ok(ctx, kr_explored_read(ctx, kr_test_folder, KR_EXPLORE_FAILED, &data, &n, &info));
    assert_int_equal(n, 2); /* the first of each row */
    assert_true(info[0].step == 0 && info[1].step == 30 && info[1].reason == KR_END_DEVIATION);
    kr_free(info);
    kr_dataset_destroy(&data);
    kr_assert_ok(ctx, kr_explored_read(ctx, kr_test_folder, KR_EXPLORE_LAST_GOOD, &data, &n, &info));
    assert_true(n == 1 && info[0].step == 20 && info[0].frame_class == KR_CLASS_CANDIDATE);
    kr_free(info);
    kr_dataset_destroy(&data);
}

/* ---- the random sample ---- */

/* Over many seeds: weighted means over the sample are means over all accurate frames, though some stretches hold few
 * of them; never two frames of one stretch; all frames come equally often, weighted. */
static void test_reservoir(void **state) {
    kr_context *ctx = *state;
    enum { STRETCHES = 30, ROOM = 6, SEEDS = 4000 };
    int members[STRETCHES];
    double total = 0, estimate = 0, square = 0, exact = 0, sizes = 0;
    kr_reservoir r;
    kr_assert_ok(ctx, kr_reservoir_create(ctx, ROOM, &r));
    for (int b = 0; b < STRETCHES; b++) {
        members[b] = b % 3 == 0 ? 1 : b % 3 == 1 ? 4 : 9;
        total += members[b];
        for (int k = 0; k < members[b]; k++) exact += b * b + k;
    }
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const kr_stream stream = {seed, 1};
        const kr_watch_verdict v = {KR_CLASS_ACCURATE, KR_END_FINISHED, 0};
        double sum = 0, weights = 0;
        kr_string text = {0};
        kr_reservoir_clear(&r);
        for (int b = 0; b < STRETCHES; b++)
            for (int k = 0; k < members[b]; k++) {
                kr_watch_sample s = sample_of(10 * b + k, b * b + k, 0);
                kr_assert_ok(ctx,
                             kr_reservoir_offer(ctx, &r, b, kr_random_uniform(stream, (uint64_t)s.step, 0, 0), &s, &v));
            }
        kr_assert_ok(ctx, kr_reservoir_print(ctx, &r, names, &text));
        int n = 0, last = -1;
        for (const char *c = text.data; (c = strstr(c, " step=")); c++, n++) {
            int step = atoi(c + 6);
            assert_true(step / 10 > last);
            last = step / 10;
            double weight = atof(strstr(c, " weight=") + 8);
            weights += weight;
            sum += weight * (last * last + step % 10);
        }
        assert_int_equal(n, ROOM);
        estimate += sum / SEEDS;
        square += sum * sum / SEEDS;
        sizes += weights / SEEDS;
        kr_free(text.data);
    }
    double error = sqrt((square - estimate * estimate) / SEEDS);
    assert_true(error < 0.02 * exact);
    kr_assert_near(estimate, exact, 4 * error, 0);
    kr_assert_near(sizes, total, 0, 0.02);
    kr_reservoir_free(&r);
}

/* ---- restart ---- */

static char *text_of(kr_context *ctx, const char *name) {
    char *text, *path = kr_path_join(ctx, kr_test_folder, name);
    size_t n;
    kr_assert_ok(ctx, kr_file_read(ctx, path, &text, &n));
    kr_free(path);
    return text;
}

static void many(kr_watch_options *o) {
    o->reservoir = 4;
    o->correlation = 6;
    o->stop = 0;
}

static void run(kr_context *ctx, kr_watch *w, int from, int to) {
    for (int k = from; k < to; k++) {
        double u = kr_random_uniform((kr_stream){3, 4}, (uint64_t)k, 0, 0);
        place[3] = 2.8 + 0.1 * u;
        kr_watch_sample s = sample_of(k, u < 0.6 ? 0.05 : u < 0.9 ? 0.2 : 0.7, 0);
        take(ctx, w, &s);
    }
}

static void test_restart(void **state) {
    kr_context *ctx = *state;
    static const char *const files[] = {KR_EXPLORE_CANDIDATES, KR_EXPLORE_ACCURATE, KR_EXPLORE_FAILED,
                                        KR_EXPLORE_LAST_GOOD, KR_EXPLORE_SUMMARY};
    char *expected[5];
    void *packed;
    size_t bytes;
    kr_watch *w = make(ctx, many);
    run(ctx, w, 0, 60);
    kr_assert_ok(ctx, kr_watch_end(ctx, w, 60, KR_END_FINISHED));
    kr_watch_destroy(&w);
    for (int k = 0; k < 5; k++) expected[k] = text_of(ctx, files[k]);
    for (int at = 0; at <= 60; at += 7) {
        w = make(ctx, many);
        run(ctx, w, 0, at);
        kr_assert_ok(ctx, kr_watch_pack(ctx, w, &packed, &bytes));
        run(ctx, w, at, at + 11); /* killed later than its last restart file */
        kr_watch_destroy(&w);
        kr_watch_options o;
        kr_watch_defaults(&o);
        o.folder = kr_test_folder;
        o.f_lo = 0.1, o.f_hi = 0.4, o.v_lo = 0.01, o.v_hi = 0.05, o.temperature_hi = 3000;
        many(&o);
        kr_assert_ok(ctx, kr_watch_create(ctx, &o, 1, names, &w));
        for (size_t cut = 1; cut < bytes; cut += 97) assert_true(kr_watch_unpack(ctx, w, packed, bytes - cut) < 0);
        kr_assert_ok(ctx, kr_watch_unpack(ctx, w, packed, bytes));
        run(ctx, w, at, 60);
        kr_assert_ok(ctx, kr_watch_end(ctx, w, 60, KR_END_FINISHED));
        kr_watch_destroy(&w);
        kr_watch_free_state(packed);
        for (int k = 0; k < 5; k++) {
            char *text = text_of(ctx, files[k]);
            assert_string_equal(text, expected[k]);
            kr_free(text);
        }
    }
    for (int k = 0; k < 5; k++) kr_free(expected[k]);
}

static void test_memory(void **state) {
    kr_context *ctx = *state;
    for (long n = 1;; n++) {
        kr_watch_options o;
        kr_watch *w = NULL;
        kr_watch_verdict v;
        kr_watch_defaults(&o);
        o.folder = kr_test_folder;
        o.f_lo = 0.1;
        kr_memory_fail_at(n);
        kr_status status = kr_watch_create(ctx, &o, 1, names, &w);
        if (status == KR_OK) status = kr_watch_begin(ctx, w);
        for (int k = 0; k < 3 && status == KR_OK; k++) {
            kr_watch_sample s = sample_of(k, 0.06 * k, 0);
            status = kr_watch_take(ctx, w, &s, &v);
        }
        if (status == KR_OK) status = kr_watch_end(ctx, w, 3, KR_END_FINISHED);
        kr_memory_fail_at(0);
        kr_watch_destroy(&w);
        if (status == KR_OK) break;
        assert_int_equal(status, KR_ERR_MEMORY);
        assert_true(n < 2000);
    }
}

static void test_errors(void **state) {
    kr_context *ctx = *state;
    kr_watch_options o;
    kr_watch *w;
    kr_watch_defaults(&o);
    o.f_lo = 2, o.f_hi = 1;
    assert_int_equal(kr_watch_create(ctx, &o, 1, names, &w), KR_ERR_ARGUMENT);
    assert_non_null(strstr(kr_context_message(ctx), "expected 0 <= lo <= hi"));
    kr_watch_defaults(&o);
    static const char *const twice[] = {"Al", "Al"};
    assert_int_equal(kr_watch_create(ctx, &o, 2, twice, &w), KR_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_classes, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_failures, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_stop, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_reservoir, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_restart, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_memory, kr_test_folder_setup, kr_test_folder_teardown),
        cmocka_unit_test_setup_teardown(test_errors, kr_test_folder_setup, kr_test_folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
