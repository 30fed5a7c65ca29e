/* Three plane drifts with known quasipotential, used to test ordered line integral methods.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   d  f = (−2(x³ − x) − k y, −y + 2k(x³ − x))          U = 2V = (x² − 1)² + y²
 *   l  f = (−2x − k y, 2k x − y)                        U = 2x² + y²
 *   y  f = (k y − x(1 − r²), −k x − y(1 − r²))          U = r²(1 − r²/2) inside the unstable cycle r = 1, 1/2 on it */
#include "core/error.h"
#include "sampling/problem.h"
#include <math.h>

typedef struct olim {
    int type;
    double k;
} olim;

static const kr_parameter parameters[] = {
    {.name = "type",
     .type = KR_PARAMETER_CHOICE,
     .offset = offsetof(olim, type),
     .initial = "\"d\"",
     .allowed = "d|l|y",
     .help = "double well, linear, unstable cycle"},
    {.name = "k", .type = KR_PARAMETER_REAL, .offset = offsetof(olim, k), .initial = "10", .help = "rotation"},
    {0}};

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    (void)where;
    kr_status status = KR_OK;
    const olim *s = problem->state;
    KR_TRY(kr_problem_resize(ctx, problem, 2));
    problem->epsilon = 0.05;
    double half = s->type == 0 ? 2 : s->type == 1 ? 1 : 0.99;
    for (int i = 0; i < 2; i++) {
        problem->low[i] = -half;
        problem->high[i] = half;
    }
    if (s->type == 0) {
        problem->default_a = "{\"ball\": {\"center\": [-1, 0], \"radius\": 0.2}}";
        problem->default_b = "{\"ball\": {\"center\": [1, 0], \"radius\": 0.2}}";
    }
done:
    return status;
}

static kr_status drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f) {
    (void)ctx;
    const olim *s = problem->state;
    for (long i = 0; i < n; i++) {
        double u = x[2 * i], y = x[2 * i + 1], w = u * u * u - u, r = 1 - u * u - y * y;
        f[2 * i] = s->type == 0 ? -2 * w - s->k * y : s->type == 1 ? -2 * u - s->k * y : s->k * y - u * r;
        f[2 * i + 1] = s->type == 0 ? -y + 2 * s->k * w : s->type == 1 ? 2 * s->k * u - y : -s->k * u - y * r;
    }
    return KR_OK;
}

static double exact(const kr_problem *problem, const double *x) {
    const olim *s = problem->state;
    double w = x[0] * x[0] - 1, r = x[0] * x[0] + x[1] * x[1];
    if (s->type == 0) return 0.5 * (w * w + x[1] * x[1]);
    if (s->type == 1) return x[0] * x[0] + 0.5 * x[1] * x[1];
    return r < 1 ? 0.5 * r * (1 - 0.5 * r) : NAN;
}

const kr_problem_kind kr_problem_olim = {
    .name = "olim",
    .summary = "plane drifts with known quasipotential",
    .reference = "Dahiya, Cameron, J. Sci. Comput. 75, 1351 (2018)",
    .parameters = parameters,
    .size = sizeof(olim),
    .create = create,
    .drift = drift,
    .exact = exact,
};
