/* Gene networks with Hill functions: who activates and who represses whom is a matrix of 1, −1 and 0.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   f_i = Σ_j [ a x_jⁿ/(Sⁿ + x_jⁿ) where M_ij = 1;  b Sⁿ/(Sⁿ + x_jⁿ) where M_ij = −1 ] − k x_i
 * The default, [[1, −1], [−1, 1]], is the two-gene switch of cell fate: three stable states. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/problem.h"
#include <math.h>

typedef struct hill {
    const kr_tree *matrix;
    double a, b, s, k;
    int n, dim;
    signed char *m; /* [dim][dim] */
} hill;

#define REAL(field, value, text)                                                                        \
    {                                                                                                   \
        .name = #field, .type = KR_PARAMETER_REAL, .offset = offsetof(hill, field), .initial = (value), \
        .range = "> 0", .help = (text)                                                                  \
    }
static const kr_parameter parameters[] = {{.name = "matrix",
                                           .type = KR_PARAMETER_TREE,
                                           .offset = offsetof(hill, matrix),
                                           .initial = "[[1, -1], [-1, 1]]",
                                           .help = "rows of 1 (column activates row), -1 (represses), 0"},
                                          REAL(a, "1", "strength of activation"),
                                          REAL(b, "1", "strength of repression"),
                                          REAL(s, "0.5", "threshold S"),
                                          REAL(k, "1", "decay"),
                                          {.name = "n",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(hill, n),
                                           .initial = "4",
                                           .range = "[1, 16]",
                                           .help = "Hill exponent"},
                                          {0}};

static kr_status read_matrix(kr_context *ctx, hill *s) {
    kr_status status = KR_OK;
    const kr_tree *m = s->matrix;
    if (kr_tree_is_null(m) || m->kind != KR_TREE_LIST || m->count < 1)
        return kr_parameter_fail(ctx, "problem", "matrix", m, "a list of rows of 1, -1 and 0 expected");
    s->dim = m->count;
    KR_NEW(ctx, s->m, (size_t)s->dim * (size_t)s->dim);
    for (int i = 0; i < s->dim; i++) {
        const kr_tree *row = m->child[i];
        if (row->kind != KR_TREE_LIST || row->count != s->dim)
            KR_TRY(kr_parameter_fail(ctx, "problem", "matrix", row, "row %d: a list of %d numbers expected", i + 1,
                                     s->dim));
        for (int k = 0; k < s->dim; k++) {
            const kr_tree *c = row->child[k];
            if (c->kind != KR_TREE_INT || c->integer < -1 || c->integer > 1)
                KR_TRY(kr_parameter_fail(ctx, "problem", "matrix", c, "1, -1 or 0 expected"));
            s->m[i * s->dim + k] = (signed char)c->integer;
        }
    }
done:
    return status;
}

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    (void)where;
    kr_status status = KR_OK;
    hill *s = problem->state;
    KR_TRY(read_matrix(ctx, s));
    KR_TRY(kr_problem_resize(ctx, problem, s->dim));
    problem->epsilon = 0.01;
    for (int i = 0; i < s->dim; i++) {
        problem->low[i] = 0;
        problem->high[i] = 3;
    }
    if (s->dim == 2) {
        problem->default_a = "{\"ball\": {\"center\": [2, 0], \"radius\": 0.25}}";
        problem->default_b = "{\"ball\": {\"center\": [0, 2], \"radius\": 0.25}}";
    }
done:
    return status;
}

static void destroy(kr_problem *problem) { kr_free(((hill *)problem->state)->m); }

static kr_status drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f) {
    (void)ctx;
    const hill *s = problem->state;
    int d = s->dim;
    double threshold = pow(s->s, s->n);
    for (int i = 0; i < n; i++, x += d, f += d) {
        for (int k = 0; k < d; k++) f[k] = -s->k * x[k];
        for (int j = 0; j < d; j++) {
            double power = 1;
            for (int e = 0; e < s->n; e++) power *= x[j];
            double act = s->a * power / (threshold + power), res = s->b * threshold / (threshold + power);
            for (int k = 0; k < d; k++) f[k] += s->m[k * d + j] > 0 ? act : s->m[k * d + j] < 0 ? res : 0;
        }
    }
    return KR_OK;
}

const kr_problem_kind kr_problem_hill = {
    .name = "hill",
    .summary = "gene network with Hill functions",
    .reference = "Wang, Xu, Wang, PNAS 108, 8257 (2011); Zhao, Zhang, Li, arXiv:2211.00822",
    .parameters = parameters,
    .size = sizeof(hill),
    .create = create,
    .destroy = destroy,
    .drift = drift,
};
