/* Muon and SOAP: orthogonalised matrices against singular values, bases against eigenvectors, steps against formulas.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/linalg.h"
#include "core/optimizer.h"
#include "core/optimizer_matrix.h"
#include "core/optimizer_soap.h"
#include "kr_test.h"

static kr_context *ctx;

static double polynomial(double s) {
    for (int k = 0; k < 5; k++) s = s * (3.4445 + s * s * (-4.775 + s * s * 2.0315));
    return s;
}

/* u f(s) vᵀ of a with the singular values divided by the Frobenius norm. */
static void by_svd(int m, int n, const double *a, double *out) {
    enum { MOST = 80 };
    static double copy[MOST * MOST], u[MOST * MOST], vt[MOST * MOST], s[MOST];
    int k = m < n ? m : n;
    double norm = 0;
    for (int i = 0; i < m * n; i++) norm += a[i] * a[i];
    memcpy(copy, a, (size_t)(m * n) * sizeof *a);
    kr_assert_ok(ctx, kr_svd(ctx, m, n, copy, u, s, vt));
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            out[i * n + j] = 0;
            for (int l = 0; l < k; l++) out[i * n + j] += u[i * k + l] * polynomial(s[l] / sqrt(norm)) * vt[l * n + j];
        }
}

static void test_orthogonalize(void **unused) {
    (void)unused;
    static const int shape[][2] = {{30, 12}, {12, 30}, {50, 50}, {2, 70}, {64, 3}, {1, 1}};
    static double a[80 * 80], expected[80 * 80], got[80 * 80];
    static float x[80 * 80], scratch[3 * 80 * 80];
    for (size_t c = 0; c < sizeof shape / sizeof *shape; c++) {
        int m = shape[c][0], n = shape[c][1];
        for (int i = 0; i < m * n; i++) x[i] = (float)(a[i] = sin(1.0 + 0.7 * i + 0.01 * i * i) * 1e-3);
        by_svd(m, n, a, expected);
        kr_assert_ok(ctx, kr_matrix_orthogonalize(ctx, m, n, x, scratch));
        for (int i = 0; i < m * n; i++) got[i] = (double)x[i];
        kr_assert_close(m * n, got, expected, 3e-5, 0);
    }
    memset(x, 0, sizeof x);
    kr_assert_ok(ctx, kr_matrix_orthogonalize(ctx, 4, 5, x, scratch));
    for (int i = 0; i < 20; i++) assert_true(x[i] == 0);
}

/* ---- a matrix W [R][C] and a vector b [C]: f = ½ |A W B − T|² + ½ Σ i b_i² ---- */

enum { R = 18, C = 11, N = R * C + C };
static const kr_block BLOCKS[] = {{"w", 0, R *C, R, C}, {"b", R *C, C, 1, C}};
static double A[R][R], B[C][C], T[R][C];

static void fill(void) { /* condition numbers 100 and 30, no axis is special */
    for (int i = 0; i < R; i++)
        for (int j = 0; j < R; j++) A[i][j] = sin(3.1 * i * j + i) / 3 + (i == j ? 0.2 * i : 0);
    for (int i = 0; i < C; i++)
        for (int j = 0; j < C; j++) B[i][j] = cos(1.7 * i * j + j) / 3 + (i == j ? 0.2 * i : 0);
    for (int i = 0; i < R; i++)
        for (int j = 0; j < C; j++) T[i][j] = sin(i - 2 * j);
}

static kr_status evaluate(kr_context *c, void *payload, const double *theta, double *loss, double *gradient) {
    (void)c;
    (void)payload;
    double aw[R][C], residual[R][C], back[R][C];
    *loss = 0;
    for (int i = 0; i < R; i++)
        for (int j = 0; j < C; j++) {
            aw[i][j] = 0;
            for (int k = 0; k < R; k++) aw[i][j] += A[i][k] * theta[k * C + j];
        }
    for (int i = 0; i < R; i++)
        for (int j = 0; j < C; j++) {
            residual[i][j] = -T[i][j];
            for (int k = 0; k < C; k++) residual[i][j] += aw[i][k] * B[k][j];
            *loss += 0.5 * residual[i][j] * residual[i][j];
        }
    for (int i = 0; i < R; i++)
        for (int j = 0; j < C; j++) {
            back[i][j] = 0;
            for (int k = 0; k < C; k++) back[i][j] += residual[i][k] * B[j][k];
        }
    for (int i = 0; i < R; i++)
        for (int j = 0; j < C; j++) {
            gradient[i * C + j] = 0;
            for (int k = 0; k < R; k++) gradient[i * C + j] += A[k][i] * back[k][j];
        }
    for (int i = 0; i < C; i++) {
        *loss += 0.5 * i * theta[R * C + i] * theta[R * C + i];
        gradient[R * C + i] = i * theta[R * C + i];
    }
    return KR_OK;
}

static void start(double *theta) {
    for (int i = 0; i < N; i++) theta[i] = 0.3 * cos(i);
}

static double run(const char *kind, const char *text, int nsteps, double lr, double *theta) {
    kr_tree *options = NULL;
    kr_optimizer *o = NULL;
    kr_objective objective = {.evaluate = evaluate};
    double loss = 0;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "options", &options));
    kr_assert_ok(ctx, kr_optimizer_create(ctx, kr_optimizer_find(kind), options, N, 2, BLOCKS, NULL, &o));
    start(theta);
    for (int s = 0; s < nsteps; s++) kr_assert_ok(ctx, kr_optimizer_step(ctx, o, s, lr, &objective, theta, &loss));
    kr_optimizer_destroy(&o);
    kr_tree_destroy(&options);
    return loss;
}

static void adam_reference(int from, double beta1, double beta2, int nsteps, double lr, double *theta) {
    double m[N] = {0}, v[N] = {0}, g[N], loss;
    for (int t = 1; t <= nsteps; t++) {
        evaluate(ctx, NULL, theta, &loss, g);
        for (int i = from; i < N; i++) {
            m[i] = beta1 * m[i] + (1 - beta1) * g[i];
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
            theta[i] -= lr * m[i] / (1 - pow(beta1, t)) / (sqrt(v[i] / (1 - pow(beta2, t))) + 1e-8);
        }
    }
}

static void test_muon(void **unused) {
    (void)unused;
    static const struct {
        const char *options;
        double momentum, decay, scale, divisor;
    } cases[] = {{"{}", 0.95, 0.001, 0.18 * 4.242640687119285, 1}, /* √18 */
                 {"{\"momentum\": 0.5, \"weight_decay\": 0.3, \"lr_adjust\": 4}", 0.5, 0.3, 1.2792042981336627, 4}};
    for (size_t c = 0; c < 2; c++) {
        double theta[N], expected[N], m[R * C] = {0}, u[R * C], o[R * C], g[N], loss;
        const double lr = 0.02;
        run("muon", cases[c].options, 6, lr, theta);
        start(expected);
        adam_reference(R * C, 0.9, 0.95, 6, lr / cases[c].divisor, expected); /* f separates: b apart from W */
        for (int t = 0; t < 6; t++) {
            evaluate(ctx, NULL, expected, &loss, g);
            for (int i = 0; i < R * C; i++) {
                m[i] += (1 - cases[c].momentum) * (g[i] - m[i]);
                u[i] = cases[c].momentum * m[i] + (1 - cases[c].momentum) * g[i];
            }
            by_svd(R, C, u, o);
            for (int i = 0; i < R * C; i++)
                expected[i] = expected[i] * (1 - lr * cases[c].decay) - lr * cases[c].scale * o[i];
        }
        kr_assert_close(N, theta, expected, 2e-5, 0);
    }
}

/* ---- SOAP ---- */

static void test_basis(void **unused) {
    (void)unused;
    enum { D = 24 };
    static double c[D * D], values[D], eigen[D];
    static float basis[D * D], image[D * D];
    int order[D];
    /* C = Σ_k 0.6^k w_k w_kᵀ with orthonormal w (columns of a reflection); the last four values are zero */
    double u[D], uu = 0;
    for (int i = 0; i < D; i++) {
        u[i] = sin(1 + 2 * i);
        uu += u[i] * u[i];
    }
    for (int i = 0; i < D; i++)
        for (int j = 0; j < D; j++)
            for (int k = 0; k < D - 4; k++)
                c[i * D + j] +=
                    pow(0.6, (k * 7) % 20) * ((i == k) - 2 * u[i] * u[k] / uu) * ((j == k) - 2 * u[j] * u[k] / uu);
    for (int i = 0; i < D; i++) basis[i * D + i] = 1;
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < D; i++)
            for (int j = 0; j < D; j++) {
                double sum = 0;
                for (int k = 0; k < D; k++) sum += (double)basis[i * D + k] * c[k * D + j];
                image[i * D + j] = (float)sum;
            }
        kr_soap_order(D, basis, image, values, order);
        if (round < 59) kr_soap_turn(D, order, basis, image);
        for (int i = 0; i < D; i++)
            for (int j = 0; j <= i; j++) {
                double sum = 0;
                for (int k = 0; k < D; k++) sum += (double)basis[i * D + k] * (double)basis[j * D + k];
                kr_assert_near(sum, i == j, 1e-5, 0);
            }
    }
    kr_assert_ok(ctx, kr_eigen_symmetric(ctx, D, c, eigen));
    for (int i = 0; i < D; i++) kr_assert_near(values[order[i]], eigen[D - 1 - i], 1e-6, 1e-4);
    /* Nothing at all to go by: the basis stays one. */
    memset(image, 0, sizeof image);
    for (int i = 0; i < D; i++) order[i] = D - 1 - i;
    static float before[D * D];
    memcpy(before, basis, sizeof before);
    kr_soap_turn(D, order, basis, image);
    for (int i = 0; i < D * D; i++)
        kr_assert_near((double)basis[i], (double)before[(D - 1 - i / D) * D + i % D], 1e-5, 0);
    /* Permutations, in place and with scratch, rows and columns. */
    static const int cycle[] = {2, 0, 3, 1, 4};
    float x[5 * 3], y[5 * 3], scratch[15];
    for (int i = 0; i < 15; i++) x[i] = y[i] = (float)i;
    kr_soap_permute(0, 5, 3, cycle, x, NULL);
    kr_soap_permute(0, 5, 3, cycle, y, scratch);
    for (int i = 0; i < 15; i++) assert_true(x[i] == (float)(cycle[i / 3] * 3 + i % 3) && x[i] == y[i]);
    kr_soap_permute(1, 3, 5, cycle, x, scratch);
    for (int i = 0; i < 15; i++) assert_true(x[i] == y[i / 5 * 5 + cycle[i % 5]]);
}

static void test_soap(void **unused) {
    (void)unused;
    double theta[N], expected[N];
    /* Without turned sides it is Adam. */
    run("soap", "{\"max_precond_dim\": 1}", 20, 0.01, theta);
    start(expected);
    adam_reference(0, 0.95, 0.95, 20, 0.01, expected);
    kr_assert_close(N, theta, expected, 2e-5, 0);
    /* Turned, it goes further in as many steps: the curvature is aligned with no axis of W. */
    double adam = run("adam", "{}", 800, 0.1, theta);
    double one = run("soap", "{\"max_precond_dim\": 12}", 800, 0.1, theta);
    double both = run("soap", "{}", 800, 0.1, theta);
    assert_true(one < 0.8 * adam && both < 0.8 * adam);
}

/* c ← alpha G Gᵀ or alpha Gᵀ G + beta c on and right of the diagonal, in more than one slice. */
static void test_gram(void **unused) {
    (void)unused;
    enum { M = 110, K = 70 };
    static float g[M * K], c[M * M];
    for (int i = 0; i < M * K; i++) g[i] = (float)sin(0.3 * i + 1e-3 * i * i);
    for (int side = 0; side < 2; side++) {
        int d = side ? K : M, n = side ? M : K;
        for (int i = 0; i < d * d; i++) c[i] = (float)cos(i);
        kr_assert_ok(ctx, kr_matrix_gram(ctx, side, M, K, 0.25f, g, 0.5f, c));
        for (int i = 0; i < d; i++)
            for (int j = i; j < d; j++) {
                double sum = 0;
                for (int k = 0; k < n; k++)
                    sum += side ? (double)g[k * K + i] * (double)g[k * K + j]
                                : (double)g[i * K + k] * (double)g[j * K + k];
                kr_assert_near((double)c[i * d + j], 0.25 * sum + 0.5 * cos(i * d + j), 2e-5, 0);
            }
    }
}

/* Masked entries stay, the others make Adam's step, in a matrix of more than one chunk. */
enum { LONG_R = 130, LONG_C = 100 };
static kr_status rising(kr_context *c, void *payload, const double *theta, double *loss, double *gradient) {
    (void)c, (void)payload, (void)theta;
    *loss = 0;
    for (int i = 0; i < LONG_R * LONG_C; i++) gradient[i] = i % 7 - 3;
    return KR_OK;
}

static void test_soap_chunks(void **unused) {
    (void)unused;
    static const char text[] = "{\"max_precond_dim\": 1, \"weight_decay\": 0.5}";
    static const kr_block block = {"w", 0, LONG_R * LONG_C, LONG_R, LONG_C};
    static double theta[LONG_R * LONG_C];
    static unsigned char mask[LONG_R * LONG_C];
    kr_tree *options = NULL;
    kr_objective objective = {.evaluate = rising};
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "options", &options));
    for (int masked = 0; masked < 2; masked++) {
        kr_optimizer *o = NULL;
        for (int i = 0; i < LONG_R * LONG_C; i++) {
            theta[i] = 0.5 + 1e-4 * i;
            mask[i] = i % 5 != 2;
        }
        kr_assert_ok(ctx, kr_optimizer_create(ctx, kr_optimizer_find("soap"), options, LONG_R * LONG_C, 1, &block,
                                              masked ? mask : NULL, &o));
        kr_assert_ok(ctx, kr_optimizer_step(ctx, o, 0, 0.01, &objective, theta, NULL));
        for (int i = 0; i < LONG_R * LONG_C; i++) {
            double before = 0.5 + 1e-4 * i, sign = (i % 7 > 3) - (i % 7 < 3);
            kr_assert_near(theta[i], masked && !mask[i] ? before : (1 - 0.01 * 0.5) * before - 0.01 * sign, 1e-8, 0);
        }
        kr_optimizer_destroy(&o);
    }
    kr_tree_destroy(&options);
}

/* x ← U x Vᵀ, or Uᵀ x V when back. */
static void turned(const float *u, const float *v, int back, const double *x, double *out) {
    double half[R * C];
    for (int i = 0; i < R; i++)
        for (int j = 0; j < C; j++) {
            half[i * C + j] = 0;
            for (int k = 0; k < R; k++) half[i * C + j] += (double)(back ? u[k * R + i] : u[i * R + k]) * x[k * C + j];
        }
    for (int i = 0; i < R; i++)
        for (int j = 0; j < C; j++) {
            out[i * C + j] = 0;
            for (int k = 0; k < C; k++)
                out[i * C + j] += half[i * C + k] * (double)(back ? v[k * C + j] : v[j * C + k]);
        }
}

static void turn_reference(int d, const double *covariance, float *basis, int *order) {
    float image[R * R];
    double values[R];
    for (int i = 0; i < d; i++)
        for (int j = 0; j < d; j++) {
            double sum = 0;
            for (int k = 0; k < d; k++) sum += (double)basis[i * d + k] * covariance[k * d + j];
            image[i * d + j] = (float)sum;
        }
    kr_soap_order(d, basis, image, values, order);
    kr_soap_turn(d, order, basis, image);
}

/* As published, with the mean in the axes of W: only the bases are made by the program. */
static void soap_reference(int nsteps, int frequency, double lr, double *theta) {
    double mean[R * C] = {0}, square[R * C] = {0}, left[R * R] = {0}, right[C * C] = {0};
    double g[N], t[R * C], m[R * C], old[R * C], loss;
    float u[R * R] = {0}, v[C * C] = {0};
    int order[2][R];
    for (int i = 0; i < R; i++) u[i * R + i] = 1;
    for (int i = 0; i < C; i++) v[i * C + i] = 1;
    for (int s = 1; s <= nsteps; s++) {
        evaluate(ctx, NULL, theta, &loss, g);
        for (int i = 0; i < R * C; i++) mean[i] = 0.95 * mean[i] + 0.05 * g[i];
        turned(u, v, 0, g, t);
        turned(u, v, 0, mean, m);
        for (int i = 0; i < R * C; i++) {
            square[i] = 0.95 * square[i] + 0.05 * t[i] * t[i];
            m[i] /= (1 - pow(0.95, s)) * (sqrt(square[i] / (1 - pow(0.95, s))) + 0.5);
        }
        turned(u, v, 1, m, t);
        for (int i = 0; i < R * C; i++) theta[i] -= lr * t[i];
        for (int i = 0; i < R; i++)
            for (int j = 0; j < R; j++) {
                left[i * R + j] *= 0.95;
                for (int k = 0; k < C; k++) left[i * R + j] += 0.05 * g[i * C + k] * g[j * C + k];
            }
        for (int i = 0; i < C; i++)
            for (int j = 0; j < C; j++) {
                right[i * C + j] *= 0.95;
                for (int k = 0; k < R; k++) right[i * C + j] += 0.05 * g[k * C + i] * g[k * C + j];
            }
        if (s % frequency && s != 1 && s != 2 && s != 4 && s != 8) continue;
        turn_reference(R, left, u, order[0]);
        turn_reference(C, right, v, order[1]);
        memcpy(old, square, sizeof old);
        for (int i = 0; i < R; i++)
            for (int j = 0; j < C; j++) square[i * C + j] = old[order[0][i] * C + order[1][j]];
    }
}

static void test_soap_reference(void **unused) {
    (void)unused;
    double theta[N], expected[N];
    /* the gradient has no more than C rows: what is beside them is rounding, and ε is large beside it */
    run("soap", "{\"precondition_frequency\": 3, \"epsilon\": 0.5}", 14, 0.02, theta);
    start(expected);
    soap_reference(14, 3, 0.02, expected);
    kr_assert_close(R * C, theta, expected, 2e-4, 0);
}

/* A gradient G = Σ u s vᵀ that stays: bases become its singular vectors, and a step is lr Σ u s/(s + ε) vᵀ. */
enum { POLAR_R = 60, POLAR_C = 52 };
static double G[POLAR_R * POLAR_C];
static kr_status linear(kr_context *c, void *payload, const double *theta, double *loss, double *gradient) {
    (void)c, (void)payload;
    *loss = 0;
    for (int i = 0; i < POLAR_R * POLAR_C; i++) {
        gradient[i] = G[i];
        *loss += G[i] * theta[i];
    }
    return KR_OK;
}

static void test_soap_polar(void **unused) {
    (void)unused;
    /* U G Vᵀ has the rounding of single-precision covariances beside its diagonal, up to 1e-5: ε is large beside it */
    static const char text[] = "{\"epsilon\": 0.5, \"precondition_frequency\": 1}";
    static const kr_block block = {"w", 0, POLAR_R * POLAR_C, POLAR_R, POLAR_C};
    enum { SIZE = POLAR_R * POLAR_C, K = POLAR_C };
    static double copy[SIZE], u[SIZE], vt[K * K], s[K], theta[SIZE], before[SIZE], moved[SIZE], expected[SIZE];
    kr_tree *options = NULL;
    kr_optimizer *o = NULL;
    kr_objective objective = {.evaluate = linear};
    for (int i = 0; i < SIZE; i++) copy[i] = G[i] = sin(1 + 2.3 * i) + 0.5 * cos(0.1 * i * i);
    kr_assert_ok(ctx, kr_svd(ctx, POLAR_R, POLAR_C, copy, u, s, vt));
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "options", &options));
    kr_assert_ok(ctx, kr_optimizer_create(ctx, kr_optimizer_find("soap"), options, SIZE, 1, &block, NULL, &o));
    for (int k = 0; k < 600; k++) {
        memcpy(before, theta, sizeof theta);
        kr_assert_ok(ctx, kr_optimizer_step(ctx, o, k, 0.01, &objective, theta, NULL));
    }
    for (int i = 0; i < SIZE; i++) {
        expected[i] = 0;
        moved[i] = before[i] - theta[i];
        for (int k = 0; k < K; k++) expected[i] += 0.01 * u[i / K * K + k] * s[k] / (s[k] + 0.5) * vt[k * K + i % K];
    }
    kr_assert_close(SIZE, moved, expected, 2e-6, 0);
    kr_optimizer_destroy(&o);
    kr_tree_destroy(&options);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_orthogonalize),  cmocka_unit_test(test_muon),
                                       cmocka_unit_test(test_basis),          cmocka_unit_test(test_soap),
                                       cmocka_unit_test(test_gram),           cmocka_unit_test(test_soap_chunks),
                                       cmocka_unit_test(test_soap_reference), cmocka_unit_test(test_soap_polar)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    kr_context_set_threads(ctx, 1);
    fill();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
