/* A problem that is known by its trajectories alone: pairs of points one time step apart. Data for quasipotentials.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   {"kind": "pairs", "points": "pairs.npy", "dt": 0.01}
 * points [n][2 d] (.npy, or text with one pair per line): d coordinates, then the same a time dt later. "noisy": the
 * trajectories have noise, so that only averages over many pairs tell the drift. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/problem.h"
#include <math.h>

typedef struct pairs {
    const char *points;
    double dt;
    int noisy;
    long n;
    double *x; /* [n][2][dim] */
} pairs;

static const kr_parameter parameters[] = {{.name = "points",
                                           .type = KR_PARAMETER_TEXT,
                                           .offset = offsetof(pairs, points),
                                           .help = "file of pairs: .npy [n][2 d], or text with one pair per line"},
                                          {.name = "dt",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(pairs, dt),
                                           .range = "> 0",
                                           .help = "time between the points of a pair"},
                                          {.name = "noisy",
                                           .type = KR_PARAMETER_FLAG,
                                           .offset = offsetof(pairs, noisy),
                                           .initial = "false",
                                           .help = "trajectories with noise"},
                                          {0}};

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    kr_status status = KR_OK;
    pairs *s = problem->state;
    int columns;
    KR_TRY(kr_points_read(ctx, s->points, &s->n, &columns, &s->x));
    if (columns % 2)
        KR_TRY(kr_parameter_fail(ctx, "problem", "points", kr_tree_get(where, "points"),
                                 "%s has %d numbers per pair, an even number expected: two points", s->points,
                                 columns));
    KR_TRY(kr_problem_resize(ctx, problem, columns / 2));
    for (long i = 0; i < s->n * columns; i++) {
        long k = i % problem->dim;
        problem->low[k] = i < problem->dim ? s->x[i] : fmin(problem->low[k], s->x[i]);
        problem->high[k] = i < problem->dim ? s->x[i] : fmax(problem->high[k], s->x[i]);
    }
    for (int k = 0; k < problem->dim; k++)
        if (!(problem->low[k] < problem->high[k]))
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s: coordinate %d is %g in all pairs", s->points, k + 1, problem->low[k]);
    problem->dynamics = KR_DIFFUSION;
    problem->epsilon = 1;
done:
    return status;
}

static void destroy(kr_problem *problem) {
    pairs *s = problem->state;
    kr_free(s->x);
}

extern const kr_problem_kind kr_problem_pairs;

kr_pairs kr_problem_pairs_of(const kr_problem *problem) {
    const pairs *s = problem->state;
    return problem->kind == &kr_problem_pairs ? (kr_pairs){s->n, s->x, s->dt, s->noisy} : (kr_pairs){0};
}

const kr_problem_kind kr_problem_pairs = {
    .name = "pairs",
    .summary = "trajectories instead of a drift",
    .reference = "the file",
    .parameters = parameters,
    .size = sizeof(pairs),
    .create = create,
    .destroy = destroy,
};
