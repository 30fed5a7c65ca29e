/* Neural committors: gradients against finite differences, threads, training that goes on, exact sampling, a 1-D run.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"
#include "sampling/committor_check.h"
#include "sampling/committor_grid.h"
#include "sampling/committor_net.h"

static kr_context *ctx;
static const kr_stream STREAM = {7, 1};

static double uniform(uint64_t i, uint64_t k) { return 2 * kr_random_uniform(STREAM, 9, i, k) - 1; }

/* A loss with every term on, for the plain and the constructed boundary, periodic and user features. */
static void check_gradient(const char *json, double width, const char *const *formula, int nformulas) {
    kr_problem *problem = NULL;
    kr_committor_net *m = NULL;
    kr_expression *expression = NULL;
    enum { N = 200, EDGE = 30 };
    double x[N * 3], w[N], xa[EDGE * 3], xb[EDGE * 3];
    long batch[N], edge[EDGE];
    int hidden[2] = {7, 5};
    kr_assert_ok(ctx, kr_problem_parse(ctx, json, &problem));
    int d = problem->dim;
    if (nformulas) {
        kr_assert_ok(ctx, kr_expression_create(ctx, d, NULL, &expression));
        for (int f = 0; f < nformulas; f++) kr_assert_ok(ctx, kr_expression_output(ctx, expression, formula[f], NULL));
    }
    kr_assert_ok(ctx, kr_committor_net_create(ctx, problem, 2, hidden, "tanh", width, &expression, STREAM, &m));
    for (int i = 0; i < N * d; i++) x[i] = 1.2 * uniform((uint64_t)i, 0);
    for (int i = 0; i < EDGE * d; i++) {
        xa[i] = -1 + 0.2 * uniform((uint64_t)i, 1);
        xb[i] = 1 + 0.2 * uniform((uint64_t)i, 2);
    }
    for (int i = 0; i < N; i++) {
        w[i] = 1 + 0.5 * uniform((uint64_t)i, 3);
        batch[i] = (i * 7) % N;
    }
    for (int i = 0; i < EDGE; i++) edge[i] = EDGE - 1 - i;
    for (size_t i = 0; i < m->nparams; i++) m->theta[i] += 0.1 * uniform(i, 4);
    kr_committor_net_standardize(m, N, x);
    kr_committor_data data = {N, x, w, 0.9, EDGE, EDGE, xa, xb};
    kr_committor_loss loss = {30, 2, 0.3, 1, 0.7};
    kr_committor_terms t;
    double *g = malloc(m->nparams * sizeof *g), *scratch = malloc(m->nparams * sizeof *g);
    kr_assert_ok(ctx, kr_committor_net_loss(ctx, m, &data, &loss, m->theta, N, batch, NULL, EDGE, edge, edge, g, &t));
    for (size_t p = 0; p < m->nparams; p += 3) {
        double side[2], keep = m->theta[p], h = 1e-5;
        for (int s = 0; s < 2; s++) {
            m->theta[p] = keep + (s ? h : -h);
            kr_assert_ok(ctx, kr_committor_net_loss(ctx, m, &data, &loss, m->theta, N, batch, NULL, EDGE, edge, edge,
                                                    scratch, &t));
            side[s] = t.functional / loss.scale + loss.penalty * t.boundary + loss.hinge * t.hinge;
        }
        m->theta[p] = keep;
        kr_assert_near(g[p], (side[1] - side[0]) / (2 * h), 2e-6, 1e-5);
    }
    /* ∇q of the evaluation. */
    double q[2], grad[3], point[6];
    for (int k = 0; k < d; k++) {
        for (int j = 0; j < d; j++) point[j] = point[d + j] = 0.3 + 0.1 * j;
        kr_assert_ok(ctx, kr_committor_net_evaluate(ctx, m, m->theta, 1, point, q, NULL, grad));
        point[k] -= 1e-5;
        point[d + k] += 1e-5;
        kr_assert_ok(ctx, kr_committor_net_evaluate(ctx, m, m->theta, 2, point, q, NULL, NULL));
        kr_assert_near(grad[k], (q[1] - q[0]) / 2e-5, 1e-8, 1e-6);
    }
    free(g);
    free(scratch);
    kr_committor_net_destroy(&m);
    kr_problem_destroy(&problem);
}

static void test_gradients(void **unused) {
    (void)unused;
    static const char *const formulas[] = {"x1*x2", "sin(x1) + x2^2", "x1"};
    check_gradient("{\"kind\":\"double_well\",\"dim\":3}", 0, NULL, 0);
    check_gradient("{\"kind\":\"double_well\",\"dim\":2,\"mobility\":[1,0.3]}", 0, NULL, 0);
    check_gradient("{\"kind\":\"double_well\",\"dim\":2}", 0.7, NULL, 0);
    check_gradient("{\"kind\":\"double_well\",\"dim\":2}", 0, formulas, 3);
    check_gradient("{\"kind\":\"double_well\",\"dim\":2,\"periodic\":[2]}", 0, NULL, 0);
}

/* Samples of a heated double well: ⟨x²⟩ at the temperature of the problem, by quadrature. */
static void test_samples(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    kr_samples s;
    int one = 0;
    double start[4] = {-1, 0, 1, 0}, z = 0, exact = 0, sum = 0, mean = 0, other = 0;
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"double_well\",\"dim\":2,\"epsilon\":0.1}", &problem));
    for (int i = -2000; i <= 2000; i++) {
        double x = i * 1e-3, w = exp(-(x * x - 1) * (x * x - 1) / 0.1);
        z += w;
        exact += w * x * x;
    }
    kr_assert_ok(ctx, kr_samples_draw(ctx, problem,
                                      &(kr_sample_options){.count = 40000,
                                                           .walkers = 64,
                                                           .stride = 5,
                                                           .burn = 500,
                                                           .heating = {1, 1, &one, NULL},
                                                           .start = start,
                                                           .nstart = 2,
                                                           .stream = STREAM},
                                      &s));
    for (long i = 0; i < s.n; i++) {
        double w = exp(s.log_weight[i]);
        sum += w;
        mean += w * s.x[2 * i] * s.x[2 * i];
        other += w * s.x[2 * i + 1] * s.x[2 * i + 1];
    }
    kr_assert_near(mean / sum, exact / z, 0.01, 0);
    kr_assert_near(other / sum, 0.1 / 0.6, 0, 0.05);
    assert_true(s.acceptance > 0.45 && s.acceptance < 0.75);
    assert_true(kr_samples_effective(&s) > 5000);
    kr_samples_free(&s);
    kr_problem_destroy(&problem);
}

typedef struct fixture {
    kr_problem *problem;
    kr_committor_net *model;
    double x[2000], w[2000], xa[100], xb[100];
    kr_committor_data data;
} fixture;

/* V = (x² − 1)² at ε = 0.2, uniform points. */
static void fixture_open(fixture *f) {
    int hidden[1] = {20}, n = 0;
    double sum = 0;
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"double_well\",\"epsilon\":0.2}", &f->problem));
    kr_assert_ok(ctx, kr_committor_net_create(ctx, f->problem, 1, hidden, "tanh", 0, NULL, STREAM, &f->model));
    for (int i = 0; i < 2000; i++) {
        double x = -1 + 2 * (i + 0.5) / 2000;
        f->x[n] = x;
        f->w[n++] = exp(-(x * x - 1) * (x * x - 1) / 0.2);
        sum += f->w[n - 1];
    }
    for (int i = 0; i < n; i++) f->w[i] *= n / sum;
    for (int i = 0; i < 100; i++) {
        f->xa[i] = -1 - 0.002 * i;
        f->xb[i] = 1 + 0.002 * i;
    }
    f->data = (kr_committor_data){n, f->x, f->w, 1, 100, 100, f->xa, f->xb};
    kr_committor_net_standardize(f->model, n, f->x);
}

static kr_committor_training HOW = {.steps = 1500,
                                    .boundary_steps = 300,
                                    .batch = 300,
                                    .boundary_batch = 40,
                                    .lr_start = 5e-3,
                                    .lr_stop = 1e-4,
                                    .clip = 10,
                                    .average = 0.1,
                                    .loss = {1000, 1, 5, 0, 0},
                                    .fade = 0.5,
                                    .focus = 0.75,
                                    .stream = {7, 2}};

static void train(fixture *f, long from, long to, const kr_tree *load, kr_tree *save) {
    kr_committor_trainer *t = NULL;
    kr_assert_ok(ctx, kr_committor_trainer_create(ctx, f->model, &HOW, &f->data, &t));
    if (load) kr_assert_ok(ctx, kr_committor_trainer_load(ctx, t, load));
    assert_int_equal(t->step, from);
    while (t->step < to) kr_assert_ok(ctx, kr_committor_trainer_step(ctx, t));
    if (save) kr_assert_ok(ctx, kr_committor_trainer_save(ctx, t, save));
    kr_committor_trainer_destroy(&t);
}

/* Stopped at 1100, with rows drawn by their part of the functional, and loaded: the same bits as in one go, on 1 and 3
 * threads. And the result is the committor. */
static void test_training(void **unused) {
    (void)unused;
    fixture one = {0}, two = {0};
    kr_tree *saved = NULL;
    kr_context_set_threads(ctx, 3);
    fixture_open(&one);
    train(&one, 0, 1800, NULL, NULL);
    kr_context_set_threads(ctx, 1);
    fixture_open(&two);
    kr_assert_ok(ctx, kr_tree_new(ctx, KR_TREE_MAP, &saved));
    train(&two, 0, 1100, NULL, saved);
    memset(two.model->theta, 0, two.model->nparams * sizeof(double));
    train(&two, 1100, 1800, saved, NULL);
    kr_context_set_threads(ctx, 0);
    assert_memory_equal(one.model->theta, two.model->theta, one.model->nparams * sizeof(double));
    static const double x[3] = {-0.5, -0.25, 0.25}, exact[3] = {0.025518, 0.148795, 1 - 0.148795};
    double q[3];
    kr_assert_ok(ctx, kr_committor_net_evaluate(ctx, one.model, one.model->theta, 3, x, q, NULL, NULL));
    print_message("q(-1/2), q(-1/4), q(1/4) = %.4f %.4f %.4f\n", q[0], q[1], q[2]);
    for (int i = 0; i < 3; i++) kr_assert_near(q[i], exact[i], 0.01, 0);
    kr_tree_destroy(&saved);
    kr_committor_net_destroy(&one.model);
    kr_committor_net_destroy(&two.model);
    kr_problem_destroy(&one.problem);
    kr_problem_destroy(&two.problem);
}

/* Rows drawn with their part of the functional, each counted 1/(n p), give the mean over all of them: of 1, and of the
 * functional itself, there with a quarter of the variance of even rows. */
static void test_focus(void **unused) {
    (void)unused;
    enum { DRAWS = 100000 };
    fixture f = {0};
    kr_committor_trainer *t = NULL;
    fixture_open(&f);
    long n = f.data.n, *index = malloc(DRAWS * sizeof *index);
    double *factor = malloc(DRAWS * sizeof *factor), *grad = malloc((size_t)n * sizeof *grad), mean[2] = {0}, all = 0;
    double square[2] = {0}, most = 0;
    kr_assert_ok(ctx, kr_committor_trainer_create(ctx, f.model, &HOW, &f.data, &t));
    for (size_t i = 0; i < f.model->nparams; i++) f.model->theta[i] *= 3;
    kr_assert_ok(ctx, kr_committor_focus_set(ctx, t, f.model->theta));
    kr_assert_ok(ctx, kr_committor_net_evaluate(ctx, f.model, f.model->theta, n, f.x, NULL, NULL, grad));
    for (long i = 0; i < n; i++) all += f.w[i] * grad[i] * grad[i] / (double)n;
    kr_committor_focus_draw(t, 5, DRAWS, index, factor);
    for (long i = 0; i < DRAWS; i++) {
        double part = f.w[index[i]] * grad[index[i]] * grad[index[i]] * factor[i];
        mean[0] += factor[i] / DRAWS;
        mean[1] += part / DRAWS;
        square[0] += part * part / DRAWS;
        most = fmax(most, factor[i]);
    }
    for (long i = 0; i < n; i++) square[1] += pow(f.w[i] * grad[i] * grad[i], 2) / (double)n;
    double less = (square[0] - mean[1] * mean[1]) / (square[1] - all * all);
    print_message("means %.4f and %.4f of 1, variance %.3f of that of even rows\n", mean[0], mean[1] / all, less);
    kr_assert_near(mean[0], 1, 0.01, 0);
    kr_assert_near(mean[1] / all, 1, 0.01, 0);
    assert_true(most <= 4 && less < 0.25);
    kr_committor_trainer_destroy(&t);
    kr_committor_net_destroy(&f.model);
    kr_problem_destroy(&f.problem);
    free(index);
    free(factor);
    free(grad);
}

/* A hinge that stays drives the edge of A as far as its margin, one that fades lets it come back. */
static void test_fade(void **unused) {
    (void)unused;
    const kr_committor_training how = HOW;
    kr_context_set_threads(ctx, 1);
    static const double edge[1] = {-1};
    double z[2];
    HOW.loss.margin = 9;
    for (int stays = 0; stays < 2; stays++) {
        fixture f = {0};
        fixture_open(&f);
        HOW.fade = stays ? 0 : 0.5;
        train(&f, 0, 1800, NULL, NULL);
        kr_assert_ok(ctx, kr_committor_net_evaluate(ctx, f.model, f.model->theta, 1, edge, NULL, &z[stays], NULL));
        kr_committor_net_destroy(&f.model);
        kr_problem_destroy(&f.problem);
    }
    HOW = how;
    kr_context_set_threads(ctx, 0);
    print_message("logit on the edge of A: %.2f with a hinge that fades, %.2f with one that stays\n", z[0], z[1]);
    assert_true(z[1] < -8.5 && z[0] > z[1] + 0.5);
}

/* Shots from −1/4 hit B with the exact probability; the same for any threads. The histogram test sees a wrong q. */
static void test_shooting(void **unused) {
    (void)unused;
    kr_problem *problem = NULL;
    enum { POINTS = 10 };
    double x[POINTS], hits[POINTS], again[POINTS], expected[POINTS], mean = 0;
    long lost;
    kr_shooting how = {.shots = 100, .dt = 1e-3, .stream = STREAM};
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"double_well\",\"epsilon\":0.2}", &problem));
    for (int i = 0; i < POINTS; i++) {
        x[i] = -0.25;
        expected[i] = 0.148795;
    }
    kr_context_set_threads(ctx, 1);
    kr_assert_ok(ctx, kr_committor_shoot(ctx, problem, &how, POINTS, x, hits, NULL, &lost));
    kr_context_set_threads(ctx, 3);
    kr_assert_ok(ctx, kr_committor_shoot(ctx, problem, &how, POINTS, x, again, NULL, &lost));
    kr_context_set_threads(ctx, 0);
    assert_memory_equal(hits, again, sizeof hits);
    for (int i = 0; i < POINTS; i++) mean += hits[i] / POINTS;
    kr_assert_near(mean, 0.148795, 0.04, 0);
    assert_int_equal(lost, 0);
    kr_histogram_test t = kr_committor_histogram(POINTS, how.shots, hits, expected);
    assert_true(fabs(t.mean - t.expected) < 0.05 && t.intrinsic < 0.04);
    for (int i = 0; i < POINTS; i++) hits[i] = i % 2;
    t = kr_committor_histogram(POINTS, how.shots, hits, expected);
    assert_true(t.intrinsic > 0.4);
    kr_problem_destroy(&problem);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients), cmocka_unit_test(test_samples),
                                       cmocka_unit_test(test_training),  cmocka_unit_test(test_fade),
                                       cmocka_unit_test(test_focus),     cmocka_unit_test(test_shooting)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
