/* Duffing oscillator without driving: a double well with inertia.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   dq = p dt,  dp = (q − q³ − γ p) dt + sqrt(2 γ ε) dW        V = q⁴/4 − q²/2, barrier 1/4
 * A, B: ellipses with half-axes 0.3 and 0.4 around (∓1, 0). */
#include "core/error.h"
#include "sampling/problem.h"

typedef struct duffing {
    int unused; /* a state of zero bytes would have no address of its own */
} duffing;

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    (void)where;
    kr_status status = KR_OK;
    KR_TRY(kr_problem_resize(ctx, problem, 1));
    problem->dynamics = KR_UNDERDAMPED;
    problem->epsilon = 0.05;
    problem->gamma = 0.5;
    problem->low[0] = -2;
    problem->high[0] = 2;
    problem->default_a = "{\"ellipsoid\": {\"center\": [-1, 0], \"radii\": [0.3, 0.4]}}";
    problem->default_b = "{\"ellipsoid\": {\"center\": [1, 0], \"radii\": [0.3, 0.4]}}";
done:
    return status;
}

static kr_status potential(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *v,
                           double *grad) {
    (void)ctx;
    (void)problem;
    for (int i = 0; i < n; i++) {
        double square = x[i] * x[i];
        if (v) v[i] = square * (0.25 * square - 0.5);
        if (grad) grad[i] = x[i] * (square - 1);
    }
    return KR_OK;
}

const kr_problem_kind kr_problem_duffing = {
    .name = "duffing",
    .summary = "double well x^4/4 - x^2/2 with inertia and friction",
    .reference = "Yuan, Shah, Bentz, Cameron, Comm. Nonlin. Sci. (2024), arXiv:2305.17112",
    .size = sizeof(duffing),
    .create = create,
    .potential = potential,
};
