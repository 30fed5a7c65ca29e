/* The Kalman filter: on a linear model it is recursive least squares with forgetting; with blocks it equals dense
 * matrices worked element by element.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/linalg.h"
#include "core/optimizer.h"
#include "kr_test.h"

static kr_context *ctx;
enum { N = 61, MEASUREMENTS = 150 };
static double H[MEASUREMENTS][N], Y[MEASUREMENTS];

static void fill(void) {
    for (int m = 0; m < MEASUREMENTS; m++) {
        Y[m] = cos(0.3 * m) + 0.1 * sin(17.0 * m);
        for (int i = 0; i < N; i++) H[m][i] = sin(1.0 + 0.7 * m * (i + 1) + i * i) / (1 + 0.05 * i);
    }
}

/* y = h·θ; the error is folded to be positive, the gradient carries its sign. */
static kr_status measure(kr_context *c, void *payload, int group, const double *theta, double *innovation,
                         double *gradient) {
    (void)c;
    int m = *(int *)payload * 3 + group;
    double error = Y[m];
    for (int i = 0; i < N; i++) error -= H[m][i] * theta[i];
    *innovation = fabs(error);
    for (int i = 0; i < N; i++) gradient[i] = error > 0 ? H[m][i] : -H[m][i];
    return KR_OK;
}

static void run(const char *text, const unsigned char *mask, int nblocks, const kr_block *blocks, double *theta) {
    kr_tree *options = NULL;
    kr_optimizer *o = NULL;
    int s = 0;
    kr_objective objective = {.payload = &s, .ngroups = 3, .measure = measure};
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "options", &options));
    kr_assert_ok(ctx, kr_optimizer_create(ctx, kr_optimizer_find("lkf"), options, N, nblocks, blocks, mask, &o));
    for (int i = 0; i < N; i++) theta[i] = 0.01 * i;
    for (; s < MEASUREMENTS / 3; s++) kr_assert_ok(ctx, kr_optimizer_step(ctx, o, s, 1, &objective, theta, NULL));
    kr_optimizer_destroy(&o);
    kr_tree_destroy(&options);
}

/* One block: θ minimises  w_0 |θ − θ0|²/p0 + Σ_m w_m (y_m − h_m·θ)²  with w_m the product of the later λ. */
static void test_least_squares(void **unused) {
    (void)unused;
    for (int variant = 0; variant < 3; variant++) {
        double lambda0 = variant == 0 ? 1 : 0.97, nu = variant == 2 ? 0.9 : 0.995, p0 = variant == 1 ? 0.01 : 1;
        static double a[(MEASUREMENTS + N) * N], b[MEASUREMENTS + N], lambda[MEASUREMENTS], theta[N];
        char text[160];
        snprintf(text, sizeof text, "{\"kf_lambda\": %g, \"kf_nue\": %g, \"kf_p0\": %g, \"kf_blocksize\": 61}", lambda0,
                 nu, p0);
        lambda[0] = lambda0;
        for (int m = 1; m < MEASUREMENTS; m++) lambda[m] = nu * lambda[m - 1] + 1 - nu;
        double weight = 1;
        for (int m = MEASUREMENTS - 1; m >= 0; m--) { /* from the last, whose weight is 1, backwards */
            for (int i = 0; i < N; i++) a[m * N + i] = sqrt(weight) * H[m][i];
            b[m] = sqrt(weight) * Y[m];
            weight *= lambda[m];
        }
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) a[(MEASUREMENTS + i) * N + j] = i == j ? sqrt(weight / p0) : 0;
            b[MEASUREMENTS + i] = sqrt(weight / p0) * 0.01 * i;
        }
        int rank;
        kr_assert_ok(ctx, kr_least_squares(ctx, MEASUREMENTS + N, N, 1, a, b, -1, &rank));
        run(text, NULL, 0, NULL, theta);
        kr_assert_close(N, theta, b, 1e-9, 1e-9);
    }
}

/* The formulas with full matrices, one block after the other. */
static void reference(int nblocks, const int *size, const int *entry, double *theta) {
    static long double p[N][N];
    long double lambda = 0.98L;
    memset(p, 0, sizeof p);
    for (int i = 0; i < N; i++) p[i][i] = 1;
    for (int i = 0; i < N; i++) theta[i] = 0.01 * i;
    for (int m = 0; m < MEASUREMENTS; m++) {
        int s = m / 3, begin = 0;
        double innovation, h[N];
        long double k[N], sum = 0;
        measure(NULL, &s, m % 3, theta, &innovation, h);
        for (int b = 0; b < nblocks; begin += size[b++]) {
            sum += lambda;
            for (int i = begin; i < begin + size[b]; i++) {
                k[i] = 0;
                for (int j = begin; j < begin + size[b]; j++) k[i] += p[i][j] * h[entry[j]];
                sum += k[i] * h[entry[i]];
            }
        }
        begin = 0;
        for (int b = 0; b < nblocks; begin += size[b++])
            for (int i = begin; i < begin + size[b]; i++) {
                theta[entry[i]] += (double)(innovation / sum * k[i]);
                for (int j = begin; j < begin + size[b]; j++) p[i][j] = (p[i][j] - k[i] * k[j] / sum) / lambda;
            }
        lambda = 0.9987L * lambda + 1 - 0.9987L;
    }
}

static void test_blocks(void **unused) {
    (void)unused;
    /* named blocks of 10, 4, 5, 40 entries, two entries without a name at the end; blocks hold 20 */
    static const kr_block blocks[] = {{"a", 0, 10, 1, 10}, {"b", 10, 4, 1, 4}, {"c", 14, 5, 1, 5}, {"d", 19, 40, 8, 5}};
    static const int sizes[] = {19, 20, 20, 2};
    int entry[N];
    double theta[N], expected[N];
    for (int i = 0; i < N; i++) entry[i] = i;
    run("{\"kf_blocksize\": 20}", NULL, 4, blocks, theta);
    reference(4, sizes, entry, expected);
    kr_assert_close(N, theta, expected, 1e-12, 1e-12);
    run("{\"kf_blocksize\": 20, \"single\": true}", NULL, 4, blocks, theta);
    kr_assert_close(N, theta, expected, 1e-3, 0);
    assert_true(fabs(theta[7] - expected[7]) > 1e-12); /* it was single */

    /* frozen entries leave the blocks: a 10 − 3, b 4, c 5 together, then d − 8 = 32 in pieces of 20 and 12 + the rest
     */
    unsigned char mask[N];
    static const int fewer[] = {16, 20, 14};
    int n = 0;
    for (int i = 0; i < N; i++) {
        mask[i] = !(i % 5 == 3 && i < 10) && i != 9 && !(i >= 30 && i < 38);
        if (mask[i]) entry[n++] = i;
    }
    assert_int_equal(n, 50);
    run("{\"kf_blocksize\": 20}", mask, 4, blocks, theta);
    reference(3, fewer, entry, expected);
    kr_assert_close(N, theta, expected, 1e-12, 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_least_squares), cmocka_unit_test(test_blocks)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    kr_context_set_threads(ctx, 1);
    fill();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
