/* Every optimizer: exact restart, frozen entries, the same bits for any number of threads, failing allocations, strict
 * options, gradients that are not finite. Adam against its formulas.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/json.h"
#include "core/memory.h"
#include "core/optimizer.h"
#include "kr_test.h"

static kr_context *ctx;

/* ---- a problem with matrices and vectors: r_s(θ) = c_s·θ + ½ Σ θ_i² cos(i + s) − y_s over a few samples s, the batch
 * of a step is one half of them. θ is large enough to need several pieces. ---- */

enum { ROWS = 160, COLUMNS = 110, NTHETA = ROWS * COLUMNS + COLUMNS + 40 * 7 + 7, SAMPLES = 8 };
static const kr_block BLOCKS[] = {{"a.w", 0, ROWS *COLUMNS, ROWS, COLUMNS},
                                  {"a.b", ROWS *COLUMNS, COLUMNS, 1, COLUMNS},
                                  {"b.w", ROWS *COLUMNS + COLUMNS, 40 * 7, 40, 7},
                                  {"b.b", ROWS *COLUMNS + COLUMNS + 40 * 7, 7, 1, 7}};
enum { NBLOCKS = sizeof BLOCKS / sizeof *BLOCKS };

static double coefficient[SAMPLES][NTHETA], curvature[SAMPLES][NTHETA];
static void fill(void) {
    for (int s = 0; s < SAMPLES; s++)
        for (int i = 0; i < NTHETA; i++) {
            coefficient[s][i] = sin(0.37 * (i + 1) * (s + 1)) / 30;
            curvature[s][i] = 0.02 * cos(i + s);
        }
}

typedef struct problem {
    int batch; /* 0, 1, or −1 = all samples */
    int bad;   /* gradient entry bad − 1 is NaN */
    long calls;
} problem;

static double residual(int s, const double *theta) {
    double sum = -1.5 * cos(s);
    for (size_t i = 0; i < NTHETA; i++) sum += (coefficient[s][i] + 0.5 * curvature[s][i] * theta[i]) * theta[i];
    return sum;
}

/* Set: every point at which the objective is asked for must have these values where the mask is 0. */
static const unsigned char *frozen;
static const double *frozen_at;

static kr_status evaluate(kr_context *c, void *payload, const double *theta, double *loss, double *gradient) {
    (void)c;
    for (size_t i = 0; frozen && i < NTHETA; i++) assert_true(frozen[i] || theta[i] == frozen_at[i]);
    problem *p = payload;
    p->calls++;
    *loss = 0;
    if (gradient) memset(gradient, 0, NTHETA * sizeof *gradient);
    for (int s = 0; s < SAMPLES; s++) {
        if (p->batch >= 0 && s % 2 != p->batch) continue;
        double r = residual(s, theta);
        *loss += 0.5 * r * r;
        for (size_t i = 0; gradient && i < NTHETA; i++)
            gradient[i] += r * (coefficient[s][i] + curvature[s][i] * theta[i]);
    }
    if (gradient && p->bad) gradient[p->bad - 1] = NAN;
    return KR_OK;
}

static kr_status measure(kr_context *c, void *payload, int group, const double *theta, double *innovation,
                         double *gradient) {
    (void)c;
    problem *p = payload;
    p->calls++;
    double r = residual(group, theta);
    *innovation = fabs(r);
    for (size_t i = 0; i < NTHETA; i++)
        gradient[i] = (r > 0 ? -1 : 1) * (coefficient[group][i] + curvature[group][i] * theta[i]);
    if (p->bad) gradient[p->bad - 1] = NAN;
    return KR_OK;
}

static void start(double *theta) {
    for (size_t i = 0; i < NTHETA; i++) theta[i] = 0.3 * sin(1.0 + (double)i);
}

static kr_tree *options_of(const char *text) {
    kr_tree *tree = NULL;
    kr_assert_ok(ctx, kr_json_parse(ctx, text, strlen(text), "options", &tree));
    return tree;
}

/* Options that make every kind show all it has within a few steps of the problem above. */
static kr_tree *options_for(const kr_optimizer_kind *kind) {
    if (!strcmp(kind->name, "LKF")) return options_of("{\"kf_blocksize\": 100}");
    return NULL;
}

static void steps(kr_context *c, kr_optimizer *o, int from, int to, double *theta, double *last) {
    problem p = {0};
    kr_objective objective = {.payload = &p, .evaluate = evaluate, .ngroups = SAMPLES, .measure = measure};
    for (int s = from; s < to; s++) {
        p.batch = kr_optimizer_get_kind(o)->full_batch ? -1 : s % 2;
        kr_status status = kr_optimizer_step(c, o, s, 1e-2 / (1 + s), &objective, theta, last);
        assert_true(status == KR_OK || status == KR_NOT_CONVERGED);
    }
}

static void make(const kr_optimizer_kind *kind, const unsigned char *mask, kr_optimizer **o) {
    kr_tree *options = options_for(kind);
    kr_assert_ok(ctx, kr_optimizer_create(ctx, kind, options, NTHETA, NBLOCKS, BLOCKS, mask, o));
    kr_tree_destroy(&options);
}

/* ---- all kinds ---- */

static void test_restart(void **unused) {
    (void)unused;
    static double a[NTHETA], b[NTHETA];
    for (int k = 0; k < kr_optimizer_count(); k++) {
        kr_optimizer *o = NULL, *half = NULL;
        kr_tree *tree = NULL;
        double first = 0, last = 0;
        make(kr_optimizer_at(k), NULL, &o);
        start(a);
        steps(ctx, o, 0, 1, a, &first);
        steps(ctx, o, 1, 7, a, &last);
        memcpy(b, a, sizeof a);
        kr_assert_ok(ctx, kr_optimizer_save(ctx, o, &tree));
        steps(ctx, o, 7, 12, a, &last);
        assert_true(last < first);
        /* a new one that has gone elsewhere first */
        make(kr_optimizer_at(k), NULL, &half);
        static double elsewhere[NTHETA];
        start(elsewhere);
        steps(ctx, half, 0, 3, elsewhere, NULL);
        kr_assert_ok(ctx, kr_optimizer_load(ctx, half, tree));
        steps(ctx, half, 7, 12, b, &last);
        assert_memory_equal(a, b, sizeof a);
        kr_optimizer_destroy(&o);
        kr_optimizer_destroy(&half);
        kr_tree_destroy(&tree);
    }
}

static void test_threads(void **unused) {
    (void)unused;
    static double a[NTHETA], b[NTHETA];
    for (int k = 0; k < kr_optimizer_count(); k++)
        for (int t = 1; t <= 3; t++) {
            kr_optimizer *o = NULL;
            kr_context_set_threads(ctx, t);
            make(kr_optimizer_at(k), NULL, &o);
            start(b);
            steps(ctx, o, 0, 5, b, NULL);
            if (t == 1)
                memcpy(a, b, sizeof a);
            else
                assert_memory_equal(a, b, sizeof a);
            kr_optimizer_destroy(&o);
        }
    kr_context_set_threads(ctx, 1);
}

static void test_frozen(void **unused) {
    (void)unused;
    static double a[NTHETA], b[NTHETA];
    static unsigned char mask[NTHETA];
    for (int k = 0; k < kr_optimizer_count(); k++)
        for (int pattern = 0; pattern < 3; pattern++) {
            /* all frozen; a whole block; every third entry and a long run */
            for (size_t i = 0; i < NTHETA; i++)
                mask[i] = pattern == 0 ? 0 : pattern == 1 ? i >= ROWS * COLUMNS : i % 3 != 1 && (i < 500 || i > 9000);
            kr_optimizer *o = NULL;
            make(kr_optimizer_at(k), mask, &o);
            start(a);
            start(b);
            frozen = mask;
            frozen_at = a;
            steps(ctx, o, 0, 3, b, NULL);
            frozen = NULL;
            size_t moved = 0;
            for (size_t i = 0; i < NTHETA; i++) {
                if (!mask[i]) assert_true(a[i] == b[i]);
                moved += a[i] != b[i];
            }
            assert_true(pattern == 0 ? moved == 0 : moved > 100);
            kr_optimizer_destroy(&o);
        }
}

static void test_allocations(void **unused) {
    (void)unused;
    static double theta[NTHETA];
    for (int k = 0; k < kr_optimizer_count(); k++) {
        long n = 1;
        kr_status status = KR_ERR_MEMORY;
        kr_tree *options = options_for(kr_optimizer_at(k));
        for (; status == KR_ERR_MEMORY && n < 500; n++) {
            kr_optimizer *o = NULL;
            kr_tree *tree = NULL;
            problem p = {.batch = -1};
            kr_objective objective = {.payload = &p, .evaluate = evaluate, .ngroups = SAMPLES, .measure = measure};
            start(theta);
            long live = kr_memory_live();
            kr_memory_fail_at(n);
            status = kr_optimizer_create(ctx, kr_optimizer_at(k), options, NTHETA, NBLOCKS, BLOCKS, NULL, &o);
            if (status >= 0) status = kr_optimizer_step(ctx, o, 0, 1e-3, &objective, theta, NULL);
            if (status >= 0) status = kr_optimizer_save(ctx, o, &tree);
            if (status >= 0) status = kr_optimizer_load(ctx, o, tree);
            kr_memory_fail_at(0);
            kr_tree_destroy(&tree);
            kr_optimizer_destroy(&o);
            assert_int_equal(kr_memory_live(), live);
        }
        assert_true(status >= 0 && n > 5);
        kr_tree_destroy(&options);
    }
}

/* After the first steps nothing is allocated any more. */
static void test_no_allocation(void **unused) {
    (void)unused;
    static double theta[NTHETA];
    for (int k = 0; k < kr_optimizer_count(); k++) {
        kr_optimizer *o = NULL;
        make(kr_optimizer_at(k), NULL, &o);
        start(theta);
        steps(ctx, o, 0, 2, theta, NULL);
        kr_memory_fail_at(1);
        steps(ctx, o, 2, 4, theta, NULL);
        kr_memory_fail_at(0);
        kr_optimizer_destroy(&o);
    }
}

static void test_errors(void **unused) {
    (void)unused;
    static double theta[NTHETA];
    for (int k = 0; k < kr_optimizer_count(); k++) {
        const kr_optimizer_kind *kind = kr_optimizer_at(k);
        kr_optimizer *o = NULL;
        kr_tree *options = options_of("{\n  \"adam_beat1\": 0.5}");
        assert_int_equal(kr_optimizer_create(ctx, kind, options, NTHETA, NBLOCKS, BLOCKS, NULL, &o), KR_ERR_FORMAT);
        assert_null(o);
        assert_non_null(strstr(kr_context_message(ctx), "adam_beat1"));
        assert_non_null(strstr(kr_context_message(ctx), "line 2"));
        kr_tree_destroy(&options);

        make(kind, NULL, &o);
        problem p = {.batch = -1, .bad = ROWS * COLUMNS + 4};
        kr_objective objective = {.payload = &p, .evaluate = evaluate, .ngroups = SAMPLES, .measure = measure};
        start(theta);
        assert_int_equal(kr_optimizer_step(ctx, o, 0, 1e-3, &objective, theta, NULL), KR_ERR_NUMERIC);
        assert_non_null(strstr(kr_context_message(ctx), "a.b[3]"));
        assert_int_equal(kr_optimizer_step(ctx, o, 0, NAN, &objective, theta, NULL), KR_ERR_ARGUMENT);
        assert_int_equal(kr_optimizer_step(ctx, o, 0, -1, &objective, theta, NULL), KR_ERR_ARGUMENT);
        kr_objective none = {.payload = &p};
        assert_int_equal(kr_optimizer_step(ctx, o, 0, 1e-3, &none, theta, NULL), KR_ERR_ARGUMENT);

        /* state of another kind, of another network */
        kr_tree *tree = NULL;
        kr_optimizer *other = NULL;
        kr_assert_ok(ctx, kr_optimizer_save(ctx, o, &tree));
        make(kr_optimizer_at((k + 1) % kr_optimizer_count()), NULL, &other);
        assert_int_equal(kr_optimizer_load(ctx, other, tree), KR_ERR_FORMAT);
        kr_optimizer_destroy(&other);
        kr_assert_ok(ctx, kr_optimizer_create(ctx, kind, NULL, 7, 0, NULL, NULL, &other));
        assert_int_equal(kr_optimizer_load(ctx, other, tree), KR_ERR_FORMAT);
        kr_optimizer_destroy(&other);
        kr_optimizer_destroy(&o);
        kr_tree_destroy(&tree);
        assert_ptr_equal(kr_optimizer_find(kind->name), kind);
    }
    assert_null(kr_optimizer_find("adamm"));
    assert_null(kr_optimizer_find(NULL));
    assert_string_equal(kr_optimizer_find("ADAMw")->name, "AdamW");
}

/* ---- Adam against its formulas ---- */

/* Slow, in long double, in the order of the papers. */
static void reference(int decoupled, int hat, double beta1, double beta2, double epsilon, double decay, int nsteps,
                      double *theta) {
    static long double m[NTHETA], v[NTHETA];
    static double g[NTHETA];
    memset(m, 0, sizeof m);
    memset(v, 0, sizeof v);
    for (int t = 1; t <= nsteps; t++) {
        problem p = {.batch = (t - 1) % 2};
        double loss, lr = 1e-2 / t;
        evaluate(ctx, &p, theta, &loss, g);
        long double c1 = 1 - powl(beta1, t), c2 = 1 - powl(beta2, t);
        for (size_t i = 0; i < NTHETA; i++) {
            long double x = theta[i], d = g[i];
            if (decoupled)
                x -= lr * decay * x;
            else
                d += decay * x;
            m[i] = beta1 * m[i] + (1 - beta1) * d;
            v[i] = beta2 * v[i] + (1 - beta2) * d * d;
            if (hat)
                x -= lr * sqrtl(c2) / c1 * m[i] / (sqrtl(v[i]) + epsilon);
            else
                x -= lr * (m[i] / c1) / (sqrtl(v[i] / c2) + epsilon);
            theta[i] = (double)x;
        }
    }
}

static void test_adam(void **unused) {
    (void)unused;
    static const struct {
        const char *kind, *options;
        int decoupled, hat;
        double beta1, beta2, epsilon, decay, tolerance;
    } cases[] = {
        {"Adam", "{}", 0, 0, 0.9, 0.999, 1e-8, 0, 1e-14},
        {"Adam", "{\"epsilon_hat\": true, \"epsilon\": 1e-3}", 0, 1, 0.9, 0.999, 1e-3, 0, 1e-14},
        {"Adam", "{\"adam_beta1\": 0, \"beta2\": 0.5, \"weight_decay\": 0.1, \"epsilon\": 0.01}", 0, 0, 0, 0.5, 0.01,
         0.1, 1e-14},
        {"AdamW", "{\"weight_decay\": 0.7, \"epsilon\": 1e-4}", 1, 0, 0.9, 0.999, 1e-4, 0.7, 1e-14},
        {"AdamW", "{\"weight_decay\": 0.7, \"epsilon\": 1e-4, \"single\": true}", 1, 0, 0.9, 0.999, 1e-4, 0.7, 3e-7},
    };
    static double a[NTHETA], b[NTHETA];
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        kr_optimizer *o = NULL;
        kr_tree *options = options_of(cases[c].options);
        kr_assert_ok(ctx, kr_optimizer_create(ctx, kr_optimizer_find(cases[c].kind), options, NTHETA, NBLOCKS, BLOCKS,
                                              NULL, &o));
        start(a);
        start(b);
        steps(ctx, o, 0, 12, a, NULL);
        reference(cases[c].decoupled, cases[c].hat, cases[c].beta1, cases[c].beta2, cases[c].epsilon, cases[c].decay,
                  12, b);
        kr_assert_close(NTHETA, a, b, cases[c].tolerance, 0);
        kr_tree_destroy(&options);
        kr_optimizer_destroy(&o);
    }
    kr_optimizer *o = NULL;
    kr_tree *options = options_of("{\"adam_beta1\": 1.5}");
    assert_int_equal(kr_optimizer_create(ctx, kr_optimizer_find("adam"), options, 3, 0, NULL, NULL, &o), KR_ERR_FORMAT);
    assert_non_null(strstr(kr_context_message(ctx), "adam_beta1"));
    kr_tree_destroy(&options);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart), cmocka_unit_test(test_threads),     cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_adam),    cmocka_unit_test(test_allocations), cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_errors),
    };
    if (kr_context_create(&ctx) != KR_OK) return 1;
    kr_context_set_threads(ctx, 1);
    fill();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
