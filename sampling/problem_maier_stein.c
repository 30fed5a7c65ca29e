/* Maier–Stein drift: bistable, no gradient unless β = 1.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   f = (x − x³ − β x y², −(1 + x²) y)      attractors (∓1, 0), saddle (0, 0)
 * V (U/2) of the saddle over (−1, 0): 1/4 for β ≤ 4, less above, where the path bends away from the axis. */
#include "core/error.h"
#include "sampling/problem.h"

typedef struct maier_stein {
    double beta;
} maier_stein;

static const kr_parameter parameters[] = {{.name = "beta",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(maier_stein, beta),
                                           .initial = "10",
                                           .range = "> 0",
                                           .help = "strength of the coupling"},
                                          {0}};

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    (void)where;
    kr_status status = KR_OK;
    KR_TRY(kr_problem_resize(ctx, problem, 2));
    problem->epsilon = 0.05;
    for (int i = 0; i < 2; i++) {
        problem->low[i] = i ? -1 : -1.5;
        problem->high[i] = i ? 1 : 1.5;
    }
    problem->default_a = "{\"ball\": {\"center\": [-1, 0], \"radius\": 0.2}}";
    problem->default_b = "{\"ball\": {\"center\": [1, 0], \"radius\": 0.2}}";
done:
    return status;
}

static kr_status drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f) {
    (void)ctx;
    double beta = ((const maier_stein *)problem->state)->beta;
    for (long i = 0; i < n; i++) {
        double u = x[2 * i], y = x[2 * i + 1];
        f[2 * i] = u - u * u * u - beta * u * y * y;
        f[2 * i + 1] = -(1 + u * u) * y;
    }
    return KR_OK;
}

static void jacobian(const kr_problem *problem, const double *x, double *j) {
    double beta = ((const maier_stein *)problem->state)->beta, u = x[0], y = x[1];
    j[0] = 1 - 3 * u * u - beta * y * y;
    j[1] = -2 * beta * u * y;
    j[2] = -2 * u * y;
    j[3] = -(1 + u * u);
}

const kr_problem_kind kr_problem_maier_stein = {
    .name = "maier_stein",
    .summary = "bistable drift without detailed balance, two dimensions",
    .reference = "Maier, Stein, J. Stat. Phys. 83, 291 (1996)",
    .parameters = parameters,
    .size = sizeof(maier_stein),
    .create = create,
    .drift = drift,
    .jacobian = jacobian,
};
