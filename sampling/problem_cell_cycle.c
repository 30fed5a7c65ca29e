/* Cell cycle of three proteins (CDK1, Plk1, APC): a stable limit cycle without detailed balance.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   h(s) = s⁸/(K⁸ + s⁸), K = 1/2
 *   f = r (α1 − β1 x h(z), α2 (1 − y) h(x) − β2 y, α3 (1 − z) h(y) − β3 z)
 *   α = (0.1, 3, 3), β = (3, 1, 1), r = 10 speeds everything up */
#include "core/error.h"
#include "sampling/problem.h"

typedef struct cell_cycle {
    double speed;
} cell_cycle;

static const kr_parameter parameters[] = {{.name = "speed",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(cell_cycle, speed),
                                           .initial = "10",
                                           .range = "> 0",
                                           .help = "factor before the drift"},
                                          {0}};

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    (void)where;
    kr_status status = KR_OK;
    KR_TRY(kr_problem_resize(ctx, problem, 3));
    problem->epsilon = 0.01;
    for (int i = 0; i < 3; i++) {
        problem->low[i] = 0;
        problem->high[i] = i ? 1 : 1.5;
    }
done:
    return status;
}

/* s⁸/(K⁸ + s⁸); even in s, so that noise across 0 does no harm. */
static double hill(double s) {
    double s2 = s * s, s4 = s2 * s2, s8 = s4 * s4;
    return s8 / (1. / 256 + s8);
}

static kr_status drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f) {
    (void)ctx;
    double r = ((const cell_cycle *)problem->state)->speed;
    for (int i = 0; i < n; i++, x += 3, f += 3) {
        f[0] = r * (0.1 - 3 * x[0] * hill(x[2]));
        f[1] = r * (3 * (1 - x[1]) * hill(x[0]) - x[1]);
        f[2] = r * (3 * (1 - x[2]) * hill(x[1]) - x[2]);
    }
    return KR_OK;
}

const kr_problem_kind kr_problem_cell_cycle = {
    .name = "cell_cycle",
    .summary = "limit cycle of three proteins",
    .reference = "Ferrell, Tsai, Yang, Cell 144, 874 (2011)",
    .parameters = parameters,
    .size = sizeof(cell_cycle),
    .create = create,
    .drift = drift,
};
