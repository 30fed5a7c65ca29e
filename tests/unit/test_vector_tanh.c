/* Vector tanh against long double libm: error below 2.5 ulp everywhere, odd, 1 at infinity, NaN stays NaN.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/dense.h"
#include "kr_test.h"
#include <float.h>

enum { N = 20000 };

/* Arguments over all magnitudes: 10^(−300 … 2.5) in double, 10^(−37 … 2.5) in single, both signs. */
static double argument(int i, int single) {
    double low = single ? -37 : -300, x = pow(10, low + (2.5 - low) * i / (N / 2.0));
    if (i >= N / 2) x = 25.0 * (i - N / 2) / (N / 2.0);
    return i % 2 ? -x : x;
}

static void check_double(const kr_dense *dense) {
    static double z[N], y[N], d[N];
    double worst = 0;
    for (int i = 0; i < N; i++) z[i] = argument(i, 0);
    dense->tanh(N - 3, z, y, d);
    for (int i = 0; i < N - 3; i++) {
        long double exact = tanhl((long double)z[i]);
        double ulp = nextafter(fabs((double)exact), INFINITY) - fabs((double)exact);
        double error = (double)fabsl((long double)y[i] - exact) / ulp;
        if (error > worst) worst = error;
        assert_true(error <= 2.5);
        assert_true(fabs(d[i] - (1 - y[i] * y[i])) <= 2e-16);
    }
    print_message("double, %d lanes: worst error %.2f ulp\n", dense->lanes, worst);
    double special[3] = {NAN, INFINITY, -INFINITY};
    dense->tanh(3, special, special, NULL);
    assert_true(isnan(special[0]) && special[1] == 1 && special[2] == -1);
}

static void check_single(const kr_dense *dense) {
    static float z[N], y[N], d[N];
    double worst = 0;
    for (int i = 0; i < N; i++) z[i] = (float)argument(i, 1);
    dense->tanh(N - 3, z, y, d);
    for (int i = 0; i < N - 3; i++) {
        double exact = tanh((double)z[i]);
        double ulp = nextafterf(fabsf((float)exact), INFINITY) - fabsf((float)exact);
        double error = fabs((double)y[i] - exact) / ulp;
        if (error > worst) worst = error;
        assert_true(error <= 2.5);
        assert_true(fabsf(d[i] - (1 - y[i] * y[i])) <= 1.2e-7f);
    }
    print_message("single, %d lanes: worst error %.2f ulp\n", dense->lanes, worst);
    float special[3] = {NAN, INFINITY, -INFINITY};
    dense->tanh(3, special, special, NULL);
    assert_true(isnan(special[0]) && special[1] == 1 && special[2] == -1);
}

static void accuracy(void **state) {
    (void)state;
    for (int isa = 0; isa < KR_ISA_COUNT; isa++) {
        if (!kr_isa_available((kr_isa)isa)) continue;
        check_double(kr_dense_for((kr_isa)isa, 0));
        check_single(kr_dense_for((kr_isa)isa, 1));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(accuracy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
