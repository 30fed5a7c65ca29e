/* Linear drift f = A x with any stable matrix A.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * V = xᵀ Σ⁻¹ x / 2 at every noise, A Σ + Σ Aᵀ + 2 a = 0 (the Lyapunov equation). In two dimensions with a = 1 and
 * A = [[a, b], [c, d]]: t = a + d, s = c − b, al = t²/(t² + s²), be = st/(t² + s²),
 * V = −((al a + be c) x² + 2 (al b + be d) x y + (al d − be b) y²)/2. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/problem.h"

typedef struct linear {
    const kr_tree *matrix;
    int dim;
    double *a; /* [dim][dim] */
} linear;

static const kr_parameter parameters[] = {{.name = "matrix",
                                           .type = KR_PARAMETER_TREE,
                                           .offset = offsetof(linear, matrix),
                                           .initial = "[[-1, 5], [0, -1]]",
                                           .help = "A, a list of rows"},
                                          {0}};

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    (void)where;
    kr_status status = KR_OK;
    linear *s = problem->state;
    const kr_tree *m = s->matrix;
    if (kr_tree_is_null(m) || m->kind != KR_TREE_LIST || m->count < 1)
        return kr_parameter_fail(ctx, "problem", "matrix", m, "a list of rows expected, [[a, b], [c, d]]");
    s->dim = m->count;
    KR_NEW(ctx, s->a, (size_t)s->dim * (size_t)s->dim);
    for (int i = 0; i < s->dim; i++) {
        const kr_tree *row = m->child[i];
        if (row->kind != KR_TREE_LIST || row->count != s->dim)
            KR_TRY(kr_parameter_fail(ctx, "problem", "matrix", row, "row %d: a list of %d numbers expected", i + 1,
                                     s->dim));
        for (int k = 0; k < s->dim; k++) {
            if (row->child[k]->kind != KR_TREE_INT && row->child[k]->kind != KR_TREE_REAL)
                KR_TRY(kr_parameter_fail(ctx, "problem", "matrix", row->child[k], "a number expected"));
            s->a[i * s->dim + k] = row->child[k]->real;
        }
    }
    KR_TRY(kr_problem_resize(ctx, problem, s->dim));
    problem->epsilon = 0.5;
    for (int i = 0; i < s->dim; i++) {
        problem->low[i] = -1;
        problem->high[i] = 1;
    }
done:
    return status;
}

static void destroy(kr_problem *problem) { kr_free(((linear *)problem->state)->a); }

static kr_status drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f) {
    (void)ctx;
    const linear *s = problem->state;
    long d = s->dim;
    for (long i = 0; i < n; i++)
        for (long k = 0; k < d; k++) {
            double sum = 0;
            for (long j = 0; j < d; j++) sum += s->a[k * d + j] * x[i * d + j];
            f[i * d + k] = sum;
        }
    return KR_OK;
}

static void jacobian(const kr_problem *problem, const double *x, double *j) {
    (void)x;
    const linear *s = problem->state;
    for (long k = 0; k < (long)s->dim * s->dim; k++) j[k] = s->a[k];
}

const kr_problem_kind kr_problem_linear = {
    .name = "linear",
    .summary = "linear drift",
    .reference = "Lyapunov equation",
    .parameters = parameters,
    .size = sizeof(linear),
    .create = create,
    .destroy = destroy,
    .drift = drift,
    .jacobian = jacobian,
};
