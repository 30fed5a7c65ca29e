/* Reaction coordinates from level functions, formulas or learned committors.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/coordinate.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>

static kr_status from_levels(void *payload, kr_context *ctx, int n, const double *x, double *value) {
    (void)ctx;
    const kr_own_coordinate *c = payload;
    for (int i = 0; i < n; i++) {
        const double *row = x + (long)i * c->problem->dim;
        double a = kr_region_level(c->problem->a, row, NULL), b = kr_region_level(c->problem->b, row, NULL);
        double sum = fmax(a, 0) + fmax(b, 0);
        value[i] = a <= 0 ? a : b <= 0 ? 1 - b : a / sum;
    }
    return KR_OK;
}

static kr_status from_formula(void *payload, kr_context *ctx, int n, const double *x, double *value) {
    const kr_own_coordinate *c = payload;
    for (int i = 0; i < n; i++) {
        kr_expression_values(c->expression, x + (long)i * c->problem->dim, &value[i]);
        if (!isfinite(value[i]))
            return KR_ERROR(ctx, KR_ERR_NUMERIC, "the coordinate is not finite at x1 = %.9g",
                            x[(long)i * c->problem->dim]);
    }
    return KR_OK;
}

static kr_status from_committor(void *payload, kr_context *ctx, int n, const double *x, double *value) {
    const kr_own_coordinate *c = payload;
    return kr_committor_model_logit(ctx, &c->model, n, x, value);
}

static kr_status load_committor(kr_context *ctx, kr_own_coordinate *c, const kr_tree *what) {
    const kr_tree *folder = kr_tree_get(what, "committor");
    if (what->count != 1 || !folder || folder->kind != KR_TREE_STRING)
        return kr_parameter_fail(ctx, "rate", "coordinate", what, "{\"committor\": \"FOLDER\"} expected");
    if (c->problem->dynamics == KR_UNDERDAMPED)
        return kr_parameter_fail(ctx, "rate", "coordinate", what, "learned committors are of overdamped dynamics");
    c->coordinate.values = from_committor;
    return kr_committor_model_load(ctx, c->problem, folder->string, &c->model);
}

/* It must grow from A to B: at a point inside of each, where there is one. */
static kr_status check_sense(kr_context *ctx, kr_own_coordinate *c, const kr_tree *what) {
    kr_status status = KR_OK;
    const kr_problem *p = c->problem;
    double *x = NULL, value[2];
    KR_NEW(ctx, x, 2 * (size_t)p->dim);
    if (!p->a || !p->b || !kr_problem_inner_point(p, 0, x) || !kr_problem_inner_point(p, 1, x + p->dim)) goto done;
    KR_TRY(c->coordinate.values(c->coordinate.payload, ctx, 2, x, value));
    if (value[0] < value[1]) goto done;
    char place[48];
    status = KR_ERROR(ctx, KR_ERR_FORMAT, "%g inside of A and %g inside of B, it must grow%s", value[0], value[1],
                      kr_tree_place(what, place));
    if (value[0] > value[1]) kr_error_hint(ctx, "put a minus sign before it");
done:
    kr_free(x);
    return status;
}

kr_status kr_coordinate_create(kr_context *ctx, const kr_problem *problem, const kr_tree *what, kr_own_coordinate *c) {
    kr_status status = KR_OK;
    *c = (kr_own_coordinate){.problem = problem, .coordinate = {from_levels, c}};
    c->from_levels = kr_tree_is_null(what);
    if (c->from_levels) return KR_OK;
    if (what->kind == KR_TREE_MAP) {
        KR_TRY(load_committor(ctx, c, what));
        KR_TRY(check_sense(ctx, c, what));
        goto done;
    }
    if (what->kind != KR_TREE_STRING)
        return kr_parameter_fail(ctx, "rate", "coordinate", what, "a formula in quotation marks expected");
    KR_TRY(kr_expression_create(ctx, problem->dim, NULL, &c->expression));
    KR_TRY(kr_expression_output(ctx, c->expression, what->string, what));
    c->coordinate.values = from_formula;
    KR_TRY(check_sense(ctx, c, what));
done:
    if (status < 0) {
        kr_error_prefix(ctx, "coordinate");
        kr_coordinate_destroy(c);
    }
    return status;
}

void kr_coordinate_destroy(kr_own_coordinate *c) {
    kr_expression_destroy(&c->expression);
    kr_committor_model_free(&c->model);
}
