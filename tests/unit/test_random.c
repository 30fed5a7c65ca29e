/* Random streams: the published known answers, the mapping of arguments, moments and independence of the draws.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/random.h"
#include "kr_test.h"

/* Known-answer vectors of Random123 (kat_vectors, philox4x64 with 10 rounds). */
static void test_known_answers(void **state) {
    (void)state;
    const uint64_t all = UINT64_MAX;
    const struct {
        uint64_t counter[4], key[2], word[4];
    } kat[] = {{{0, 0, 0, 0}, {0, 0}, {0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b}},
               {{all, all, all, all},
                {all, all},
                {0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0}},
               {{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89},
                {0x452821e638d01377, 0xbe5466cf34e90c6c},
                {0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}}};
    for (int i = 0; i < 3; i++) {
        uint64_t word[4];
        kr_random_block(kat[i].counter, kat[i].key, word);
        assert_memory_equal(word, kat[i].word, sizeof word);
    }
}

static void test_mapping(void **state) {
    (void)state;
    const kr_stream stream = {11, 22};
    const uint64_t counter[4] = {33, 44, 55, 0}, key[2] = {11, 22};
    uint64_t expected[4], word[4];
    kr_random_block(counter, key, expected);
    kr_random_words(stream, 33, 44, 55, word);
    assert_memory_equal(word, expected, sizeof word);
    kr_assert_near(kr_random_uniform(stream, 33, 44, 55), (double)word[0] * 0x1p-64, 2e-16, 0);
    assert_int_equal(kr_random_below(stream, 33, 44, 55, 1000), word[0] % 1000);
}

/* Each of five numbers separates draws: uniforms of neighbours are uncorrelated. |r| < 5/√n. */
static void test_independence(void **state) {
    (void)state;
    enum { N = 100000 };
    for (int which = 0; which < 5; which++) {
        double sum = 0;
        for (uint64_t i = 0; i < N; i++) {
            uint64_t a[5] = {1, 2, i, 4, 5}, b[5] = {1, 2, i, 4, 5};
            b[which]++;
            kr_stream sa = {a[0], a[1]}, sb = {b[0], b[1]};
            sum += (kr_random_uniform(sa, a[2], a[3], a[4]) - 0.5) * (kr_random_uniform(sb, b[2], b[3], b[4]) - 0.5);
        }
        assert_true(fabs(12 * sum / N) < 5 / sqrt(N));
    }
}

static void test_uniform(void **state) {
    (void)state;
    enum { N = 400000, BINS = 100 };
    const kr_stream stream = {2024, 1};
    long count[BINS] = {0};
    double mean = 0, square = 0, chi2 = 0;
    for (uint64_t i = 0; i < N; i++) {
        double u = kr_random_uniform(stream, i, 0, 0);
        assert_true(u > 0 && u < 1);
        count[(int)(u * BINS)]++;
        mean += u / N;
        square += u * u / N;
    }
    for (int i = 0; i < BINS; i++) chi2 += pow((double)count[i] - (double)N / BINS, 2) / ((double)N / BINS);
    kr_assert_near(mean, 0.5, 5 * sqrt(1.0 / 12 / N), 0);
    kr_assert_near(square, 1.0 / 3, 5 * sqrt(4.0 / 45 / N), 0);
    kr_assert_near(chi2, BINS - 1, 5 * sqrt(2.0 * (BINS - 1)), 0);
}

static void test_normal(void **state) {
    (void)state;
    enum { N = 100000 };
    const kr_stream stream = {7, 3};
    double moment[5] = {0}, mixed[4][4] = {{0}}, tail = 0;
    for (uint64_t i = 0; i < N; i++) {
        double g[4];
        kr_random_normal(stream, 0, i, 0, g);
        for (int a = 0; a < 4; a++) {
            for (int p = 1; p < 5; p++) moment[p] += pow(g[a], p) / (4.0 * N);
            for (int b = 0; b < 4; b++) mixed[a][b] += g[a] * g[b] / N;
            tail += fabs(g[a]) > 3;
        }
    }
    const double expected[5] = {0, 0, 1, 0, 3}, spread[5] = {0, 1, 2, 15, 96}; /* variances of x^p */
    for (int p = 1; p < 5; p++) kr_assert_near(moment[p], expected[p], 5 * sqrt(spread[p] / (4.0 * N)), 0);
    for (int a = 0; a < 4; a++)
        for (int b = 0; b < a; b++) kr_assert_near(mixed[a][b], 0, 5 / sqrt(N), 0);
    kr_assert_near(tail, 4.0 * N * 0.0026998, 5 * sqrt(4.0 * N * 0.0027), 0);
}

static void test_below(void **state) {
    (void)state;
    const kr_stream stream = {5, 6};
    enum { N = 60000 };
    long count[6] = {0};
    for (uint64_t i = 0; i < N; i++) count[kr_random_below(stream, i, 0, 0, 6)]++;
    for (int k = 0; k < 6; k++) kr_assert_near((double)count[k], N / 6.0, 5 * sqrt(N / 6.0), 0);
    assert_int_equal(kr_random_below(stream, 0, 0, 0, 1), 0);
    assert_int_equal(kr_random_below(stream, 0, 0, 0, 0), 0);
    /* n = 3·2^62: a quarter of the words must be refused. Without that the lowest third of the range would be hit
     * half of the time. */
    long low = 0;
    const uint64_t n = (uint64_t)3 << 62;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t r = kr_random_below(stream, i, 1, 0, n);
        assert_true(r < n);
        low += r < n / 3;
    }
    kr_assert_near((double)low, N / 3.0, 5 * sqrt(N * 2.0 / 9), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_answers), cmocka_unit_test(test_mapping),
                                       cmocka_unit_test(test_independence),  cmocka_unit_test(test_uniform),
                                       cmocka_unit_test(test_normal),        cmocka_unit_test(test_below)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
