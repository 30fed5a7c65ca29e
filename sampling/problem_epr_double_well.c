/* Plane double well with a rotation, in a box: the density is known at every noise.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   V = ((x − 3/2)² − 1)² + (y − 3/2)²/2,  f = −∇V + c (−∂V/∂y, ∂V/∂x)        U = 2V, ρ ∝ exp(−V/ε) */
#include "core/error.h"
#include "sampling/problem.h"

typedef struct epr_double_well {
    double rotation;
} epr_double_well;

static const kr_parameter parameters[] = {{.name = "rotation",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(epr_double_well, rotation),
                                           .initial = "0.5",
                                           .help = "c"},
                                          {0}};

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    (void)where;
    kr_status status = KR_OK;
    KR_TRY(kr_problem_resize(ctx, problem, 2));
    problem->epsilon = 0.1;
    problem->low[0] = problem->low[1] = 0;
    problem->high[0] = problem->high[1] = 3;
    problem->default_a = "{\"ball\": {\"center\": [0.5, 1.5], \"radius\": 0.25}}";
    problem->default_b = "{\"ball\": {\"center\": [2.5, 1.5], \"radius\": 0.25}}";
done:
    return status;
}

static kr_status drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f) {
    (void)ctx;
    double c = ((const epr_double_well *)problem->state)->rotation;
    for (long i = 0; i < n; i++) {
        double u = x[2 * i] - 1.5, vx = 4 * u * (u * u - 1), vy = x[2 * i + 1] - 1.5;
        f[2 * i] = -vx - c * vy;
        f[2 * i + 1] = -vy + c * vx;
    }
    return KR_OK;
}

static double exact(const kr_problem *problem, const double *x) {
    (void)problem;
    double u = x[0] - 1.5, w = u * u - 1, y = x[1] - 1.5;
    return w * w + 0.5 * y * y;
}

const kr_problem_kind kr_problem_epr_double_well = {
    .name = "epr_double_well",
    .summary = "plane double well with a rotation, known density",
    .reference = "Zhao, Zhang, Li, arXiv:2211.00822",
    .parameters = parameters,
    .size = sizeof(epr_double_well),
    .create = create,
    .drift = drift,
    .exact = exact,
};
