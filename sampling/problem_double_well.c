/* Double well along x1, harmonic in the other d − 1 coordinates.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   V = h (x1² − 1)² + k/2 Σ_{i≥2} x_i²         A = {x1 ≤ −1}, B = {x1 ≥ 1}
 * q depends on x1 alone, ν and k_AB are those of one dimension: exact by quadrature in every d. */
#include "core/error.h"
#include "sampling/problem.h"

typedef struct double_well {
    int dim;
    double height, stiffness;
} double_well;

static const kr_parameter parameters[] = {{.name = "dim",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(double_well, dim),
                                           .initial = "1",
                                           .range = "[1, 10000]",
                                           .help = "dimensions"},
                                          {.name = "height",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(double_well, height),
                                           .initial = "1",
                                           .range = "> 0",
                                           .help = "barrier h"},
                                          {.name = "stiffness",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(double_well, stiffness),
                                           .initial = "0.6",
                                           .range = "> 0",
                                           .help = "k of the other coordinates"},
                                          {0}};

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    (void)where;
    kr_status status = KR_OK;
    const double_well *s = problem->state;
    KR_TRY(kr_problem_resize(ctx, problem, s->dim));
    problem->epsilon = 0.2;
    for (int i = 0; i < s->dim; i++) {
        problem->low[i] = -2;
        problem->high[i] = 2;
    }
    problem->default_a = "{\"half_space\": {\"normal\": [1], \"offset\": -1}}";
    problem->default_b = "{\"half_space\": {\"normal\": [-1], \"offset\": -1}}";
done:
    return status;
}

static kr_status potential(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *v,
                           double *grad) {
    (void)ctx;
    const double_well *s = problem->state;
    int d = s->dim;
    for (int i = 0; i < n; i++, x += d) {
        double w = x[0] * x[0] - 1, square = 0;
        for (int k = 1; k < d; k++) square += x[k] * x[k];
        if (v) v[i] = s->height * w * w + 0.5 * s->stiffness * square;
        if (!grad) continue;
        double *g = grad + (long)i * d;
        g[0] = 4 * s->height * x[0] * w;
        for (int k = 1; k < d; k++) g[k] = s->stiffness * x[k];
    }
    return KR_OK;
}

static double exact(const kr_problem *problem, const double *x) {
    double v;
    potential(NULL, problem, 1, x, &v, NULL);
    return v;
}

const kr_problem_kind kr_problem_double_well = {
    .name = "double_well",
    .summary = "(x1^2 - 1)^2 and harmonic in the other coordinates",
    .reference = "Khoo, Lu, Ying, Res. Math. Sci. 6, 1 (2019)",
    .parameters = parameters,
    .size = sizeof(double_well),
    .create = create,
    .potential = potential,
    .exact = exact,
};
