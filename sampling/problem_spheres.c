/* Concentric spheres: A inside, B outside, V a function of the radius.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   V = k r²/2      A = {r ≤ a}, B = {r ≥ b}      q = ∫_a^r s^{1−d} e^{V/ε} ds / ∫_a^b (same)        exact in every d
 */
#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"
#include "sampling/problem.h"
#include <stdio.h>

typedef struct spheres {
    int dim;
    double stiffness, inner, outer;
    char *a, *b; /* the states as JSON */
} spheres;

static const kr_parameter parameters[] = {{.name = "dim",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(spheres, dim),
                                           .initial = "10",
                                           .range = "[1, 10000]",
                                           .help = "dimensions"},
                                          {.name = "stiffness",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(spheres, stiffness),
                                           .initial = "10",
                                           .range = ">= 0",
                                           .help = "k"},
                                          {.name = "inner",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(spheres, inner),
                                           .initial = "1",
                                           .range = "> 0",
                                           .help = "radius of A"},
                                          {.name = "outer",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(spheres, outer),
                                           .initial = "2",
                                           .range = "> 0",
                                           .help = "radius of B"},
                                          {0}};

static kr_status write_state(kr_context *ctx, int d, double radius, int outside, char **json) {
    kr_status status = KR_OK;
    kr_string text = {0};
    char number[32], end[96];
    KR_TRY(kr_string_puts(ctx, &text,
                          outside ? "{\"outside\": {\"ball\": {\"center\": [0" : "{\"ball\": {\"center\": [0"));
    for (int i = 1; i < d; i++) KR_TRY(kr_string_puts(ctx, &text, ",0"));
    snprintf(end, sizeof end, "], \"radius\": %s}}%s", kr_format_real(radius, number), outside ? "}" : "");
    KR_TRY(kr_string_puts(ctx, &text, end));
    *json = text.data;
    text.data = NULL;
done:
    kr_free(text.data);
    return status;
}

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    kr_status status = KR_OK;
    spheres *s = problem->state;
    if (!(s->outer > s->inner))
        return kr_parameter_fail(ctx, "problem", "outer", kr_tree_get(where, "outer"), "%g is not above inner, %g",
                                 s->outer, s->inner);
    KR_TRY(kr_problem_resize(ctx, problem, s->dim));
    problem->epsilon = 2;
    for (int i = 0; i < s->dim; i++) {
        problem->low[i] = -1.25 * s->outer;
        problem->high[i] = 1.25 * s->outer;
    }
    KR_TRY(write_state(ctx, s->dim, s->inner, 0, &s->a));
    KR_TRY(write_state(ctx, s->dim, s->outer, 1, &s->b));
    problem->default_a = s->a;
    problem->default_b = s->b;
done:
    return status;
}

static void destroy(kr_problem *problem) {
    spheres *s = problem->state;
    kr_free(s->a);
    kr_free(s->b);
}

static kr_status potential(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *v,
                           double *grad) {
    (void)ctx;
    const spheres *s = problem->state;
    int d = s->dim;
    for (long i = 0; i < n; i++) {
        double square = 0;
        for (int k = 0; k < d; k++) square += x[i * d + k] * x[i * d + k];
        if (v) v[i] = 0.5 * s->stiffness * square;
        for (int k = 0; grad && k < d; k++) grad[i * d + k] = s->stiffness * x[i * d + k];
    }
    return KR_OK;
}

const kr_problem_kind kr_problem_spheres = {
    .name = "spheres",
    .summary = "harmonic between concentric spheres",
    .reference = "radial quadrature",
    .parameters = parameters,
    .size = sizeof(spheres),
    .create = create,
    .destroy = destroy,
    .potential = potential,
};
