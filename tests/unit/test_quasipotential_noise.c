/* Quasipotentials at finite noise: V against the density of a grid and the counts of walks.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/memory.h"
#include "kr_test.h"
#include "sampling/network.h"
#include "sampling/quasipotential.h"

static kr_context *ctx;
static const kr_stream STREAM = {11, 3};

/* The functions below are shifted: V has no zero of its own. payload: the stiffness of V, or NULL for 1. */
static kr_status spherical_v(kr_context *c, const void *payload, long n, const double *x, double *v) {
    (void)c;
    double stiffness = payload ? *(const double *)payload : 1;
    for (long i = 0; i < n; i++)
        v[i] = 7 + 0.5 * stiffness * (x[3 * i] * x[3 * i] + x[3 * i + 1] * x[3 * i + 1] + x[3 * i + 2] * x[3 * i + 2]);
    return KR_OK;
}

/* The loss of counted cells: that of its definition at constant V, zero for the counts of the density itself but for
 * the points of a cell; its gradient against central differences. */
static void test_counted(void **unused) {
    (void)unused;
    kr_problem *p = NULL;
    kr_quasi_net *m = NULL;
    kr_quasi_cells cells = {0};
    static const int hidden[2] = {5, 4};
    double side[2], loss, error, share[KR_QUASI_CELL];
    long count;
    kr_assert_ok(ctx, kr_problem_parse(ctx,
                                       "{\"kind\":\"expression\",\"drift\":[\"-x1+2*x2\",\"-x2-2*x1\",\"-x3\"],"
                                       "\"epsilon\":0.01,\"low\":[-1.5,-1.5,-1.5],\"high\":[1.5,1.5,1.5]}",
                                       &p));
    kr_assert_ok(ctx, kr_quasi_walk(ctx, p, 0.02, 1000000, STREAM, &cells));
    assert_true(cells.n >= 40);
    kr_assert_ok(ctx, kr_quasi_net_create(ctx, p, 2, hidden, "tanh", STREAM, &m));
    double *g = calloc(m->nparams, 8), *scratch = calloc(m->nparams, 8);
    kr_assert_ok(ctx, kr_quasi_net_cells(ctx, m, m->theta, 1, 40, cells.x, cells.v, g, &loss));
    for (size_t k = 0; k < m->nparams; k++) {
        double keep = m->theta[k];
        for (int s = 0; s < 2; s++) {
            m->theta[k] = keep + (s ? 1e-5 : -1e-5);
            kr_assert_ok(ctx, kr_quasi_net_cells(ctx, m, m->theta, 1, 40, cells.x, cells.v, scratch, &side[s]));
        }
        m->theta[k] = keep;
        kr_assert_near(g[k], (side[1] - side[0]) / 2e-5, 1e-6, 2e-5);
    }
    const double v[KR_QUASI_CELL] = {0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3};
    kr_assert_near(kr_quasi_cell_value(0.1, v, share), 0.3, 0, 1e-14);
    kr_assert_near(share[3], 0.125, 0, 1e-14);
    kr_assert_ok(ctx, kr_quasi_compare_walks(ctx, p, 0.02, 3000000, STREAM, spherical_v, NULL, &error, &count));
    print_message("walks against x^2/2: %.4f in %ld cells\n", error, count);
    assert_true(error < 0.1);
    kr_quasi_cells_free(&cells);
    kr_quasi_net_destroy(&m);
    kr_problem_destroy(&p);
    free(g);
    free(scratch);
}

/* Steps a fifth as long as the drift's own time: those of Euler make V softer by 10 %. */
static void test_long_steps(void **unused) {
    (void)unused;
    kr_problem *p = NULL;
    const double stiffness = 10;
    double error;
    long count;
    kr_assert_ok(ctx, kr_problem_parse(ctx,
                                       "{\"kind\":\"expression\",\"drift\":[\"-10*x1\",\"-10*x2\",\"-10*x3\"],"
                                       "\"epsilon\":0.01,\"low\":[-0.2,-0.2,-0.2],\"high\":[0.2,0.2,0.2]}",
                                       &p));
    kr_assert_ok(ctx, kr_quasi_compare_walks(ctx, p, 0.02, 7000000, STREAM, spherical_v, &stiffness, &error, &count));
    print_message("long steps: %.4f in %ld cells\n", error, count);
    assert_true(error < 0.07);
    kr_problem_destroy(&p);
}

/* A sharper network: first weights times the factor, the middle of every unit, −b/w, within the box. */
static void test_sharpness(void **unused) {
    (void)unused;
    enum { UNITS = 8 };
    static const int hidden[2] = {UNITS, 3};
    kr_problem *p = NULL;
    kr_quasi_net *m[2] = {0};
    int moved = 0;
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"expression\",\"drift\":[\"-x\"]}", &p));
    for (int i = 0; i < 2; i++) kr_assert_ok(ctx, kr_quasi_net_create(ctx, p, 2, hidden, "tanh", STREAM, &m[i]));
    kr_network_sharpen(m[0]->v, m[0]->theta, 0, STREAM);
    assert_memory_equal(m[0]->theta, m[1]->theta, m[0]->nparams * sizeof(double));
    kr_network_sharpen(m[0]->v, m[0]->theta, 4, STREAM);
    const kr_layer *first = &m[0]->v->layer[0];
    for (int k = 0; k < UNITS; k++) {
        double w = m[0]->theta[first->w + (size_t)k], middle = -m[0]->theta[first->b + (size_t)k] / w;
        kr_assert_near(w, 4 * m[1]->theta[first->w + (size_t)k], 1e-15, 0);
        assert_true(fabs(middle) <= 1.5);
        moved += fabs(middle) > 0.1;
    }
    assert_true(moved > UNITS / 2);
    const double *rest = m[0]->theta + m[0]->v->layer[1].w, *old = m[1]->theta + m[1]->v->layer[1].w;
    assert_memory_equal(rest, old, 3 * UNITS * sizeof(double));
    for (int i = 0; i < 2; i++) kr_quasi_net_destroy(&m[i]);
    kr_problem_destroy(&p);
}

/* V of a problem with a known one, and that of another stationary density of the same drift: in front of the walls
 * x = high a source, so that e^{-V'/eps} = e^{-V/eps} (1 + c int e^{x^2/2 eps}) carries a current through the box. */
typedef struct planted {
    const kr_problem *problem;
    double source;
} planted;

static kr_status planted_v(kr_context *c, const void *payload, long n, const double *x, double *v) {
    const planted *s = payload;
    (void)c;
    for (long i = 0; i < n; i++) {
        double sum = 0, low = s->problem->low[0], h = (x[2 * i] - low) / 400, epsilon = s->problem->epsilon;
        for (int k = 0; k < 400 && s->source > 0; k++) sum += h * exp(pow(low + (k + 0.5) * h, 2) / (2 * epsilon));
        v[i] = 7 + 0.5 * (x[2 * i] * x[2 * i] + x[2 * i + 1] * x[2 * i + 1]) - epsilon * log(1 + s->source * sum);
    }
    return KR_OK;
}

static kr_status exact_v(kr_context *c, const void *payload, long n, const double *x, double *v) {
    (void)c;
    const kr_problem *p = payload;
    for (long i = 0; i < n; i++) v[i] = p->kind->exact(p, x + i * p->dim);
    return KR_OK;
}

/* The density of the grid agrees with the known V with and without rotation, and tells the false one. */
static void test_cells(void **unused) {
    (void)unused;
    kr_problem *p = NULL;
    double error;
    kr_assert_ok(ctx, kr_problem_parse(ctx, "{\"kind\":\"epr_double_well\"}", &p));
    kr_assert_ok(ctx, kr_quasi_compare_cells(ctx, p, 1.2, 2, exact_v, p, &error));
    print_message("double well %.5f\n", error);
    assert_true(error < 0.004);
    kr_problem_destroy(&p);
    kr_assert_ok(ctx, kr_problem_parse(ctx,
                                       "{\"kind\":\"expression\",\"drift\":[\"-x1\",\"-x2\"],\"epsilon\":0.1,"
                                       "\"low\":[-1,-1.5],\"high\":[2,1.5]}",
                                       &p));
    kr_assert_ok(ctx, kr_quasi_compare_cells(ctx, p, 1.2, 2, planted_v, &(planted){p, 0}, &error));
    print_message("linear %.5f\n", error);
    assert_true(error < 0.004);
    kr_assert_ok(ctx, kr_quasi_compare_cells(ctx, p, 1.2, 2, planted_v, &(planted){p, 1e-3}, &error));
    print_message("planted %.5f\n", error);
    assert_true(error > 0.1);
    kr_problem_destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cells), cmocka_unit_test(test_counted),
                                       cmocka_unit_test(test_long_steps), cmocka_unit_test(test_sharpness)};
    if (kr_context_create(&ctx) != KR_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    kr_context_destroy(&ctx);
    return failed;
}
