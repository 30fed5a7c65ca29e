/* Quasipotentials: Lyapunov equation, gradients of the losses, ordered line integrals against exact solutions.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/linalg.h"
#include "core/memory.h"
#include "kr_test.h"
#include "sampling/quasipotential.h"

static kr_context *ctx;
static const kr_stream STREAM = {5, 1};

static double uniform(uint64_t i, uint64_t k) { return 2 * kr_random_uniform(STREAM, 9, i, k) - 1; }

static void test_lyapunov(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    double h[4], origin[2] = {0, 0}, exact[4] = {4.0 / 29, -10.0 / 29, -10.0 / 29, 54.0 / 29};
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"linear\",\"matrix\":[[-1,5],[0,-1]]}", &problem));
    kr_assert_ok(ctx, kr_lyapunov_hessian(ctx, problem, origin, h));
    kr_assert_close(4, h, exact, 1e-12, 0);
    kr_problem_destroy(&problem);
    for (int n = 10; n <= 50; n += 40) {
        size_t count = (size_t)n * (size_t)n;
        double *a = malloc(count * 8), *q = calloc(count, 8), *x = malloc(count * 8), worst = 0;
        for (size_t i = 0; i < count; i++) a[i] = uniform(i, 1) - (i / (size_t)n == i % (size_t)n ? n : 0);
        for (int i = 0; i < n; i++) q[i * n + i] = 1 + 0.5 * uniform((uint64_t)i, 2);
        kr_assert_ok(ctx, kr_lyapunov(ctx, n, a, q, x));
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                double sum = q[i * n + j];
                for (int k = 0; k < n; k++) sum += a[i * n + k] * x[k * n + j] + x[i * n + k] * a[j * n + k];
                worst = fmax(worst, fabs(sum));
            }
        assert_true(worst < 1e-12);
        a[0] += 3 * n;
        assert_int_equal(kr_lyapunov(ctx, n, a, q, x), KR_ERR_NUMERIC);
        free(a);
        free(q);
        free(x);
    }
}

/* Every loss against central differences. */
static void test_gradients(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    enum { N = 150 };
    static const int hidden[2] = {6, 5};
    double x[2 * N], f[2 * N], terms[2];
    kr_assert_ok(ctx,
                 kr_problem_parse(ctx, "{\"kind\":\"olim\",\"type\":\"d\",\"k\":2,\"mobility\":[1,0.4]}", &problem));
    for (int i = 0; i < 2 * N; i++) x[i] = 1.5 * uniform((uint64_t)i, 3);
    kr_assert_ok(ctx, kr_problem_drift(ctx, problem, N, x, f));
    for (int c = 0; c < 5; c++) {
        kr_quasi_net *m = NULL;
        /* The first thirty points know ∇V, twenty of them less well. */
        kr_quasi_training how = {.loss = c < 4 ? (kr_quasi_loss)c : KR_QUASI_COSINE,
                                 .weight = 0.3,
                                 .matched = c % 2 ? 30 : 0,
                                 .inexact = c % 2 ? 20 : 0,
                                 .share = 0.3};
        int warm = c == 4;
        kr_assert_ok(ctx, kr_quasi_net_create(ctx, problem, 2, hidden, "tanh", STREAM, &m));
        kr_quasi_net_fit_scales(m, N, x, f);
        double *g = malloc(m->nparams * 8), *scratch = malloc(m->nparams * 8), loss, side[2];
        kr_assert_ok(ctx, kr_quasi_net_loss(ctx, m, &how, warm, m->theta, N, x, f, g, &loss, terms));
        for (size_t p = 0; p < m->nparams; p += 2) {
            double keep = m->theta[p];
            for (int s = 0; s < 2; s++) {
                m->theta[p] = keep + (s ? 1e-5 : -1e-5);
                kr_assert_ok(ctx, kr_quasi_net_loss(ctx, m, &how, warm, m->theta, N, x, f, scratch, &side[s], terms));
            }
            m->theta[p] = keep;
            kr_assert_near(g[p], (side[1] - side[0]) / 2e-5, 1e-7, 2e-5);
        }
        double v[2], grad[2], point[4] = {0.4, -0.3 - 1e-5, 0.4, -0.3 + 1e-5}, at[2] = {0.4, -0.3};
        kr_assert_ok(ctx, kr_quasi_net_evaluate(ctx, m, m->theta, 1, at, NULL, grad));
        kr_assert_ok(ctx, kr_quasi_net_evaluate(ctx, m, m->theta, 2, point, v, NULL));
        kr_assert_near(grad[1], (v[1] - v[0]) / 2e-5, 1e-7, 1e-6);
        free(g);
        free(scratch);
        kr_quasi_net_destroy(&m);
    }
    kr_problem_destroy(&problem);
}

/* Points that know ∇V less well count as much as is said. */
static void test_inexact(void **unused) {
    (void)unused;
    enum { N = 30 };
    kr_problem *problem = NULL;
    kr_quasi_net *m = NULL;
    static const int hidden[1] = {5};
    double x[2 * N], f[2 * N], loss[3], terms[2];
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"olim\",\"type\":\"d\",\"k\":2}", &problem));
    for (int i = 0; i < 2 * N; i++) x[i] = 1.5 * uniform((uint64_t)i, 3);
    kr_assert_ok(ctx, kr_problem_drift(ctx, problem, N, x, f));
    kr_assert_ok(ctx, kr_quasi_net_create(ctx, problem, 1, hidden, "tanh", STREAM, &m));
    kr_quasi_net_fit_scales(m, N, x, f);
    double *g = malloc(m->nparams * 8);
    for (int s = 0; s < 3; s++) {
        kr_quasi_training how = {.loss = KR_QUASI_COSINE, .weight = 0.3, .matched = N, .inexact = 20, .share = 0.5 * s};
        kr_assert_ok(ctx, kr_quasi_net_loss(ctx, m, &how, 0, m->theta, N, x, f, g, &loss[s], terms));
    }
    assert_true(loss[0] > 0.01 && loss[2] > 1.2 * loss[0]);
    kr_assert_near(loss[1], 0.5 * (loss[0] + loss[2]), 1e-12, 0);
    free(g);
    kr_quasi_net_destroy(&m);
    kr_problem_destroy(&problem);
}

/* Held differences of V: the loss is that of the definition, its gradient that of central differences. */
static void depths(kr_quasi_net *m, const double *x, double *g, double *scratch) {
    static const double depth[3] = {0, 0.3, -0.2};
    double v[3], loss, side[2], expected = 0;
    memset(g, 0, m->nparams * sizeof *g);
    kr_assert_ok(ctx, kr_quasi_net_evaluate(ctx, m, m->theta, 3, x, v, NULL));
    kr_assert_ok(ctx, kr_quasi_net_depths(ctx, m, m->theta, 1, 3, x, depth, g, &loss));
    for (int i = 1; i < 3; i++) expected += pow((v[i] - v[0] - depth[i]) / 0.3, 2) / 2;
    kr_assert_near(loss, expected, 0, 1e-12);
    for (size_t p = 0; p < m->nparams; p++) {
        double keep = m->theta[p];
        for (int s = 0; s < 2; s++) {
            m->theta[p] = keep + (s ? 1e-5 : -1e-5);
            kr_assert_ok(ctx, kr_quasi_net_depths(ctx, m, m->theta, 1, 3, x, depth, scratch, &side[s]));
        }
        m->theta[p] = keep;
        kr_assert_near(g[p], (side[1] - side[0]) / 2e-5, 1e-7, 2e-5);
    }
}

/* The equation at finite noise: zero for the exact V of a linear drift; its gradient against central differences. */
static void test_residual(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    kr_quasi_net *m = NULL;
    enum { N = 90 };
    static const int hidden[2] = {5, 4};
    double x[2 * N], f[2 * N], loss, side[2];
    kr_assert_ok(ctx, kr_problem_parse(ctx,
                                       "{\"kind\":\"linear\",\"matrix\":[[-1,2],[0,-1]],\"epsilon\":0.3,"
                                       "\"mobility\":[1,0.4]}",
                                       &problem));
    for (int i = 0; i < 2 * N; i++) x[i] = 1.5 * uniform((uint64_t)i, 3);
    kr_assert_ok(ctx, kr_problem_drift(ctx, problem, N, x, f));
    kr_assert_ok(ctx, kr_quasi_net_create(ctx, problem, 2, hidden, "tanh", STREAM, &m));
    kr_quasi_net_fit_scales(m, N, x, f);
    double *g = calloc(m->nparams, 8), *scratch = calloc(m->nparams, 8), h[4], origin[2] = {0};
    kr_assert_ok(ctx, kr_quasi_net_residual(ctx, m, m->theta, 1, 2, N, x, g, &loss));
    assert_true(loss > 1e-3);
    for (size_t p = 0; p < m->nparams; p++) {
        double keep = m->theta[p];
        for (int s = 0; s < 2; s++) {
            m->theta[p] = keep + (s ? 1e-5 : -1e-5);
            kr_assert_ok(ctx, kr_quasi_net_residual(ctx, m, m->theta, 1, 2, N, x, scratch, &side[s]));
        }
        m->theta[p] = keep;
        kr_assert_near(g[p], (side[1] - side[0]) / 2e-5, 1e-7, 2e-5);
    }
    depths(m, x, g, scratch);
    kr_assert_ok(ctx, kr_lyapunov_hessian(ctx, problem, origin, h));
    m->factor_v = 0;
    memcpy(m->quadratic, h, sizeof h);
    for (int k = 0; k < 2; k++) m->linear[k] = h[2 * k] * m->mean[0] + h[2 * k + 1] * m->mean[1];
    kr_assert_ok(ctx, kr_quasi_net_residual(ctx, m, m->theta, 1, 2, N, x, scratch, &loss));
    assert_true(loss < 1e-15);
    free(g);
    free(scratch);
    kr_quasi_net_destroy(&m);
    kr_problem_destroy(&problem);
}

/* A drift from data: the polynomial alone is that of a cubic drift; gradient of the loss and Jacobian by differences.
 */
static void test_drift(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    enum { N = 400 };
    static const int hidden[2] = {6, 5};
    static double x[3 * N], f[3 * N];
    double loss, side[2], point[3] = {0.7, -0.3, 1.1}, jacobian[9], exact[9], up[3], down[3];
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"lin_li_ren\"}", &problem));
    for (int i = 0; i < 3 * N; i++) x[i] = 1.5 * uniform((uint64_t)i, 4);
    kr_assert_ok(ctx, kr_problem_drift(ctx, problem, N, x, f));
    kr_assert_ok(ctx, kr_problem_jacobian(ctx, problem, point, exact));
    for (int degree = 1; degree <= 3; degree++) {
        kr_drift_net *m = NULL;
        kr_assert_ok(ctx, kr_drift_net_create(ctx, problem, degree, 2, hidden, "tanh", STREAM, &m));
        assert_int_equal(m->nterms, degree == 1 ? 4 : degree == 2 ? 10 : 20);
        kr_assert_ok(ctx, kr_drift_net_fit_scales(ctx, m, N, x, f));
        double *g = malloc(m->nparams * 8);
        for (int noisy = 0; noisy < 2; noisy++) {
            kr_assert_ok(ctx, kr_drift_net_loss(ctx, m, noisy, m->theta, N, x, f, g, &loss));
            if (!noisy) assert_true(degree == 3 ? loss < 1e-20 : loss > 1e-3);
            for (size_t p = 0; p < m->nparams; p++) m->theta[p] += 0.2 * uniform(p, 6);
            kr_assert_ok(ctx, kr_drift_net_loss(ctx, m, noisy, m->theta, N, x, f, g, &loss));
            for (size_t p = 0; p < m->nparams && degree < 3; p += 3) {
                double keep = m->theta[p];
                for (int s = 0; s < 2; s++) {
                    m->theta[p] = keep + (s ? 1e-5 : -1e-5);
                    kr_assert_ok(ctx, kr_drift_net_loss(ctx, m, noisy, m->theta, N, x, f, NULL, &side[s]));
                }
                m->theta[p] = keep;
                kr_assert_near(g[p], (side[1] - side[0]) / 2e-5, 1e-7, 2e-5);
            }
        }
        kr_assert_ok(ctx, kr_problem_jacobian(ctx, &m->problem, point, jacobian));
        if (degree == 3) kr_assert_close(9, jacobian, exact, 1e-4, 0);
        for (int k = 0; k < 3; k++) {
            double keep = point[k];
            point[k] = keep + 1e-5;
            kr_assert_ok(ctx, kr_problem_drift(ctx, &m->problem, 1, point, up));
            point[k] = keep - 1e-5;
            kr_assert_ok(ctx, kr_problem_drift(ctx, &m->problem, 1, point, down));
            point[k] = keep;
            for (int i = 0; i < 3; i++) kr_assert_near(jacobian[3 * i + k], (up[i] - down[i]) / 2e-5, 1e-6, 1e-6);
        }
        free(g);
        kr_drift_net_destroy(&m);
    }
    kr_problem_destroy(&problem);
}

/* Gradients along characteristics against those of the exact V, on both sides of the saddle. */
static void test_characteristics(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    kr_attractors found;
    enum { N = 400 };
    double *x = malloc(3 * N * 8), *p = malloc(3 * N * 8), worst = 0;
    int right = 0;
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"lin_li_ren\"}", &problem));
    kr_assert_ok(ctx, kr_attractors_find(ctx, problem, 20, STREAM, &found));
    kr_assert_ok(ctx, kr_characteristics_trace(ctx, problem, &found, 1.1, STREAM, N, x, p));
    for (int i = 0; i < N; i++) {
        double *at = x + 3 * i, exact[3] = {2 * at[0] * (at[0] * at[0] - 1), at[1], at[2]}, miss = 0, size = 0;
        for (int k = 0; k < 3; k++) {
            miss += (p[3 * i + k] - exact[k]) * (p[3 * i + k] - exact[k]);
            size += exact[k] * exact[k];
        }
        worst = fmax(worst, sqrt(miss / (size + 1e-2)));
        right += at[0] > 0;
    }
    print_message("gradients along characteristics: largest error %.1e\n", worst);
    assert_true(worst < 5e-3);
    assert_true(right > N / 5 && right < 4 * N / 5);
    kr_attractors_free(&found);
    kr_problem_destroy(&problem);
    free(x);
    free(p);
}

/* The exact V of a linear drift is the action along its own paths backwards and the least action; V = 0, which solves
 * the equation too, has paths that lead away. */
static void test_actions(void **unused) {
    (void)unused;
    enum { N = 40 };
    static const int hidden[1] = {3};
    kr_problem *problem = NULL;
    kr_quasi_net *m = NULL;
    kr_attractors found;
    double x[2 * N], ends[2 * N], v[N], there[N], action[N], path[2 * 99], slope[2 * 99], exact[2 * 99], least,
        worst = 0;
    int home[N];
    kr_assert_ok(
        ctx, kr_problem_parse(ctx, "{\"kind\":\"linear\",\"matrix\":[[-1,5],[0,-1]],\"mobility\":[1,0.4]}", &problem));
    kr_assert_ok(ctx, kr_attractors_find(ctx, problem, 5, STREAM, &found));
    kr_assert_ok(ctx, kr_quasi_net_create(ctx, problem, 1, hidden, "tanh", STREAM, &m));
    memset(m->theta, 0, m->nparams * sizeof *m->theta);
    memcpy(m->quadratic, found.hessian, 4 * sizeof *m->quadratic);
    for (int i = 0; i < 2 * N; i++)
        x[i] =
            problem->low[i % 2] + (problem->high[i % 2] - problem->low[i % 2]) * (0.5 + 0.5 * uniform((uint64_t)i, 7));
    kr_assert_ok(ctx, kr_quasi_follow_back(ctx, m, m->theta, &found, 3, N, x, home, ends, action));
    kr_assert_ok(ctx, kr_quasi_net_evaluate(ctx, m, m->theta, N, x, v, NULL));
    kr_assert_ok(ctx, kr_quasi_net_evaluate(ctx, m, m->theta, N, ends, there, NULL));
    for (int i = 0; i < N; i++) {
        assert_int_equal(home[i], 0);
        worst = fmax(worst, fabs(v[i] - there[i] - action[i]) / v[i]);
    }
    kr_assert_ok(ctx, kr_quasi_least_action(ctx, problem, 100, found.x, x, &least, path, slope));
    print_message("V against actions: %.1e along its paths, %.1e the least\n", worst, fabs(least / v[0] - 1));
    assert_true(worst < 2e-2); /* steps of a hundredth of the box, second order */
    assert_true(fabs(least / v[0] - 1) < 2e-3);
    kr_assert_ok(ctx, kr_quasi_net_evaluate(ctx, m, m->theta, 99, path, NULL, exact));
    kr_assert_close(2 * 99, slope, exact, 0.01 * fabs(exact[2 * 98 + 1]), 0);
    memset(m->quadratic, 0, 4 * sizeof *m->quadratic);
    kr_assert_ok(ctx, kr_quasi_follow_back(ctx, m, m->theta, &found, 3, N, x, home, ends, action));
    for (int i = 0; i < N; i++) assert_int_equal(home[i], -1);
    kr_quasi_net_destroy(&m);
    kr_attractors_free(&found);
    kr_problem_destroy(&problem);
}

static void test_attractors(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    kr_attractors found;
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"lin_li_ren\"}", &problem));
    kr_assert_ok(ctx, kr_attractors_find(ctx, problem, 20, STREAM, &found));
    assert_int_equal(found.n, 2);
    /* V = ((x² − 1)² + y² + z²)/2: Hessian diag(4, 1, 1). */
    for (int a = 0; a < 2; a++)
        for (int i = 0; i < 9; i++) {
            double exact = i == 0 ? 4 : i % 4 == 0;
            kr_assert_near(found.hessian[9 * a + i], exact, 1e-6, 0);
        }
    kr_attractors_free(&found);
    kr_problem_destroy(&problem);
}

/* U against the exact one, below its value at the edge; smaller on a finer grid. */
static void test_olim(void **unused) {
    (void)unused;
    static const char *const types[] = {"l", "y"};
    for (int t = 0; t < 2; t++) {
        double worst[2] = {0, 0};
        for (int level = 0; level < 2; level++) {
            char json[96];
            kr_problem *problem = NULL;
            kr_olim r;
            double origin[2] = {0, 0};
            int n = level ? 129 : 65;
            snprintf(json, sizeof json, "{\"kind\":\"olim\",\"type\":\"%s\",\"k\":2}", types[t]);
            kr_assert_ok(ctx, kr_problem_parse(ctx, json, &problem));
            kr_assert_ok(ctx, kr_olim_solve(ctx, problem, origin, (int[]){n, n}, 0, &r));
            for (int i = 0; i < n * n; i++) {
                double x[2] = {r.low[0] + (r.high[0] - r.low[0]) * (i / n) / (n - 1),
                               r.low[1] + (r.high[1] - r.low[1]) * (i % n) / (n - 1)};
                double exact = 2 * problem->kind->exact(problem, x);
                if (r.u[i] < 0.95 * r.largest) worst[level] = fmax(worst[level], fabs(r.u[i] - exact));
            }
            kr_olim_free(&r);
            kr_problem_destroy(&problem);
        }
        print_message("%s: largest error of U %.1e, %.1e\n", types[t], worst[0], worst[1]);
        assert_true(worst[1] < 4e-4 && worst[1] < 0.5 * worst[0]);
    }
    /* Maier–Stein, β = 10: the instanton leaves the axis. The value at the saddle from minimum action paths. */
    kr_problem *problem = NULL;
    kr_olim r;
    double from[2] = {1, 0};
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"maier_stein\"}", &problem));
    kr_assert_ok(ctx, kr_olim_solve(ctx, problem, from, (int[]){129, 129}, 0, &r));
    long i = lround((0 - r.low[0]) / (r.high[0] - r.low[0]) * 128),
         j = lround((0 - r.low[1]) / (r.high[1] - r.low[1]) * 128);
    kr_assert_near(r.u[i * 129 + j], 0.340041, 2e-3, 0);
    kr_olim_free(&r);
    kr_problem_destroy(&problem);
}

/* Three dimensions: U = xᵀ H x of a linear drift that turns, relative to the value at the edge. */
static void test_olim_space(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    kr_olim r;
    enum { N = 21 };
    double worst = 0, origin[3] = {0, 0, 0}, h[9];
    kr_assert_ok(ctx, kr_problem_parse(ctx,
                                       "{\"kind\":\"linear\",\"matrix\":[[-1,1.5,0],[-1,-1,0.5],[0.3,-0.5,-2]],"
                                       "\"mobility\":[1,0.6,1]}",
                                       &problem));
    kr_assert_ok(ctx, kr_lyapunov_hessian(ctx, problem, origin, h));
    kr_assert_ok(ctx, kr_olim_solve(ctx, problem, origin, (int[]){N, N, N}, 0, &r));
    for (int i = 0; i < N * N * N; i++) {
        double x[3];
        for (int k = 2, rest = i; k >= 0; k--, rest /= N)
            x[k] = r.low[k] + (r.high[k] - r.low[k]) * (rest % N) / (N - 1);
        double exact = 0;
        for (int k = 0; k < 9; k++) exact += h[k] * x[k / 3] * x[k % 3];
        if (r.u[i] < 0.9 * r.largest) worst = fmax(worst, fabs(r.u[i] - exact) / r.largest);
        kr_assert_near(kr_olim_value(&r, x), r.u[i], 1e-12, 1e-12);
    }
    print_message("3-D: largest error of U %.1e of that at the edge\n", worst);
    assert_true(worst < 0.01);
    kr_olim_free(&r);
    kr_problem_destroy(&problem);
}

static void test_memory_failures(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    kr_olim r;
    double origin[2] = {0, 0};
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"olim\",\"type\":\"l\"}", &problem));
    long before = kr_memory_live();
    kr_status status = KR_ERR_MEMORY;
    for (long k = 1; status != KR_OK; k++) {
        assert_true(k < 100);
        kr_memory_fail_at(k);
        status = kr_olim_solve(ctx, problem, origin, (int[]){9, 9}, 2, &r);
        kr_memory_fail_at(0);
        assert_true(status == KR_OK || status == KR_ERR_MEMORY);
        if (status == KR_OK) kr_olim_free(&r);
        assert_int_equal(kr_memory_live(), before);
    }
    kr_problem_destroy(&problem);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lyapunov),       cmocka_unit_test(test_gradients),
                                       cmocka_unit_test(test_residual),       cmocka_unit_test(test_characteristics),
                                       cmocka_unit_test(test_drift),          cmocka_unit_test(test_attractors),
                                       cmocka_unit_test(test_olim),           cmocka_unit_test(test_olim_space),
                                       cmocka_unit_test(test_actions),        cmocka_unit_test(test_inexact),
                                       cmocka_unit_test(test_memory_failures)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
