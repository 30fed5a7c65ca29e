/* Reaction coordinates from level functions or formulas.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/coordinate.h"
#include "core/error.h"
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

kr_status kr_coordinate_create(kr_context *ctx, const kr_problem *problem, const kr_tree *text, kr_own_coordinate *c) {
    kr_status status = KR_OK;
    *c = (kr_own_coordinate){.problem = problem, .coordinate = {from_levels, c}};
    if (kr_tree_is_null(text)) return KR_OK;
    if (text->kind != KR_TREE_STRING)
        return kr_parameter_fail(ctx, "rate", "coordinate", text, "a formula in quotation marks expected");
    KR_TRY(kr_expression_create(ctx, problem->dim, NULL, &c->expression));
    KR_TRY(kr_expression_output(ctx, c->expression, text->string, text));
    c->coordinate.values = from_formula;
done:
    if (status < 0) {
        kr_error_prefix(ctx, "coordinate");
        kr_coordinate_destroy(c);
    }
    return status;
}

void kr_coordinate_destroy(kr_own_coordinate *c) { kr_expression_destroy(&c->expression); }
