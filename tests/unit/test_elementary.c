/* Elementary functions of arrays against the C library's in long double, on every instruction set: accuracy, edges,
 * and the same bits for every set, length and place.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/elementary.h"
#include "core/random.h"
#include "kr_test.h"

enum { N = 40000 };
static double x[N], y[N], z[N], u[N], v[N];
static uint64_t a[N], b[N];

/* |value − exact| in units in the last place of exact; below `least` in those of `least`. */
static double places(double value, long double exact, double least) {
    int exponent;
    if (value == (double)exact) return 0;
    frexp(fmax(fabs((double)exact), least), &exponent);
    return (double)fabsl((long double)value - exact) / ldexp(1, exponent - 53);
}

/* Random numbers of all sizes up to `most`, and their neighbours of interest. */
static void arguments(double most, double special) {
    for (uint64_t i = 0; i < N; i++) {
        double r = 2 * kr_random_uniform((kr_stream){1, 2}, i, 0, 0) - 1;
        x[i] = i % 4 == 0   ? most * r
               : i % 4 == 1 ? r
               : i % 4 == 2 ? ldexp(r, -(int)(i % 200))
                            : special * nearbyint(most / special * r);
    }
}

static void test_exp(void **state) {
    (void)state;
    arguments(706.5, 0.5 * M_LN2);
    for (int isa = 0; isa < KR_ISA_COUNT && kr_isa_available((kr_isa)isa); isa++) {
        const kr_elementary *f = kr_elementary_of((kr_isa)isa);
        f->exp(N, x, y);
        for (int i = 0; i < N; i++) assert_true(places(y[i], expl(x[i]), 0) < 2);
        const double at[] = {0, -0.0, 709.78, 709.79, INFINITY, 5000, -707.1, -1e9, -INFINITY, NAN, 1};
        double value[11];
        f->exp(11, at, value);
        assert_true(value[0] == 1 && value[1] == 1 && isinf(value[3]) && isinf(value[4]) && isinf(value[5]));
        assert_true(places(value[2], expl(709.78L), 0) < 2000); /* of the argument's own rounding */
        assert_true(value[6] == 0 && value[7] == 0 && value[8] == 0 && isnan(value[9]));
        assert_true(places(value[10], expl(1), 0) < 2);
    }
}

static void test_sincos(void **state) {
    (void)state;
    for (int isa = 0; isa < KR_ISA_COUNT && kr_isa_available((kr_isa)isa); isa++) {
        const kr_elementary *f = kr_elementary_of((kr_isa)isa);
        arguments(1e5, 0.5 * M_PI);
        f->sincos(N, x, y, z);
        for (int i = 0; i < N; i++) {
            /* Near a zero the error is that of π in long double. */
            assert_true(places(y[i], sinl(x[i]), 1e-6) < 3);
            assert_true(places(z[i], cosl(x[i]), 1e-6) < 3);
        }
        const double far[] = {1, 1e5 + 1, -3e17, INFINITY, NAN, -2};
        f->sincos(6, far, y, z);
        assert_true(y[1] == sin(far[1]) && z[2] == cos(far[2]) && isnan(y[3]) && isnan(z[4]));
        assert_true(places(y[0], sinl(1), 0) < 2 && places(z[5], cosl(-2), 0) < 2);
    }
}

static void test_normals(void **state) {
    (void)state;
    for (uint64_t i = 0; i < N; i += 4) {
        uint64_t word[4];
        kr_random_words((kr_stream){3, 4}, i, 0, 0, word);
        for (uint64_t k = 0; k < 4; k++) {
            a[i + k] = k == 1 ? word[1] >> i % 60 : k == 2 ? ~(word[1] >> i % 60) : word[0];
            b[i + k] = k == 3 ? word[2] << i % 60 : word[3];
        }
    }
    a[0] = b[1] = 0;
    a[1] = b[0] = UINT64_MAX;
    for (int isa = 0; isa < KR_ISA_COUNT && kr_isa_available((kr_isa)isa); isa++) {
        kr_elementary_of((kr_isa)isa)->normals(N, a, b, y, z);
        for (int i = 0; i < N; i++) {
            long double radius = sqrtl(-2 * logl(((long double)(a[i] >> 12) + 0.5L) * 0x1p-52L));
            long double angle = 2 * acosl(-1) * ((long double)(b[i] >> 12) + 0.5L) * 0x1p-52L;
            assert_true(places(y[i], radius * cosl(angle), 0.01) < 5);
            assert_true(places(z[i], radius * sinl(angle), 0.01) < 5);
        }
    }
}

/* All lengths from 0 to 40, in place, on every set: the bits of the longest array on the baseline. */
static void test_same_bits(void **state) {
    (void)state;
    const kr_elementary *base = kr_elementary_of(KR_ISA_BASELINE);
    arguments(40, 1);
    x[17] = 1e300;
    for (int isa = 0; isa < KR_ISA_COUNT && kr_isa_available((kr_isa)isa); isa++) {
        const kr_elementary *f = kr_elementary_of((kr_isa)isa);
        for (int which = 0; which < 3; which++)
            for (size_t n = 0; n <= 40; n++) {
                memcpy(u, x, sizeof u);
                if (which == 0) base->exp(N, x, y), f->exp(n, u, u);
                if (which == 1) base->sincos(N, x, y, z), f->sincos(n, u, u, v);
                if (which == 2) base->normals(N, a, b, y, z), f->normals(n, a, b, u, v);
                assert_memory_equal(u, y, n * sizeof *u);
                if (which) assert_memory_equal(v, z, n * sizeof *u);
                if (which < 2) assert_memory_equal(u + n, x + n, sizeof *u); /* nothing beyond the end */
                n += n > 18 ? 6 : 0;
            }
    }
}

/* Draws of a batch are those of one at a time. */
static void test_draws(void **state) {
    (void)state;
    enum { M = 77 };
    const kr_stream stream = {9, 8};
    uint64_t counter[M][4] = {{0}};
    double all[M][4], one[4], four[4];
    for (uint64_t i = 0; i < M; i++) counter[i][0] = i / 5, counter[i][1] = i * i, counter[i][2] = i % 3;
    kr_random_normals(stream, M, (const uint64_t(*)[4])counter, all[0]);
    for (int i = 0; i < M; i++) {
        kr_random_normal(stream, counter[i][0], counter[i][1], counter[i][2], four);
        kr_random_normals(stream, 1, (const uint64_t(*)[4])counter + i, one);
        assert_memory_equal(one, all[i], sizeof one);
        for (int k = 0; k < 4; k++) kr_assert_near(one[k], four[k], 1e-14, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exp), cmocka_unit_test(test_sincos),
                                       cmocka_unit_test(test_normals), cmocka_unit_test(test_same_bits),
                                       cmocka_unit_test(test_draws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
