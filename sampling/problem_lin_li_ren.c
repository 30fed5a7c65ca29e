/* Three-dimensional bistable drift with known quasipotential.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   w = 2(x³ − x):  f = (−w − (y + z), −y + w, −z + w)        U = 2V = (x² − 1)² + y² + z² */
#include "core/error.h"
#include "sampling/problem.h"

typedef struct lin_li_ren {
    int unused;
} lin_li_ren;

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    (void)where;
    kr_status status = KR_OK;
    KR_TRY(kr_problem_resize(ctx, problem, 3));
    problem->epsilon = 0.05;
    for (int i = 0; i < 3; i++) {
        problem->low[i] = i ? -1.5 : -2;
        problem->high[i] = i ? 1.5 : 2;
    }
    problem->default_a = "{\"ball\": {\"center\": [-1, 0, 0], \"radius\": 0.3}}";
    problem->default_b = "{\"ball\": {\"center\": [1, 0, 0], \"radius\": 0.3}}";
done:
    return status;
}

static kr_status drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f) {
    (void)ctx;
    (void)problem;
    for (long i = 0; i < n; i++, x += 3, f += 3) {
        double w = 2 * (x[0] * x[0] * x[0] - x[0]);
        f[0] = -w - (x[1] + x[2]);
        f[1] = -x[1] + w;
        f[2] = -x[2] + w;
    }
    return KR_OK;
}

static double exact(const kr_problem *problem, const double *x) {
    (void)problem;
    double w = x[0] * x[0] - 1;
    return 0.5 * (w * w + x[1] * x[1] + x[2] * x[2]);
}

const kr_problem_kind kr_problem_lin_li_ren = {
    .name = "lin_li_ren",
    .summary = "bistable drift with known quasipotential, three dimensions",
    .reference = "Lin, Li, Ren, MSML 2021, arXiv:2012.09111",
    .size = sizeof(lin_li_ren),
    .create = create,
    .drift = drift,
    .exact = exact,
};
