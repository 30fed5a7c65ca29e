/* −(I + J) ∇V with a constant skew J: the stationary density is exp(−V/ε) at every noise, in every dimension.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   V = h (x1² − 1)² + k/2 Σ_{i≥2} x_i²,     J_ij = −J_ji uniform in (−s, s), drawn from `matrix_seed`
 * ∇V·J∇V = 0 and div(J∇V) = 0, so the rotation changes neither the density nor the quasipotential, U = 2V. */
#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include "sampling/problem.h"

typedef struct skew {
    int dim;
    double height, stiffness, strength;
    int64_t seed;
    double *j; /* [dim][dim] */
} skew;

static const kr_parameter parameters[] = {{.name = "dim",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(skew, dim),
                                           .initial = "10",
                                           .range = "[2, 1000]",
                                           .help = "dimensions"},
                                          {.name = "height",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(skew, height),
                                           .initial = "1",
                                           .range = "> 0",
                                           .help = "barrier h of V"},
                                          {.name = "stiffness",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(skew, stiffness),
                                           .initial = "1",
                                           .range = "> 0",
                                           .help = "k"},
                                          {.name = "strength",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(skew, strength),
                                           .initial = "0.5",
                                           .range = ">= 0",
                                           .help = "s, largest element of J"},
                                          {.name = "matrix_seed",
                                           .type = KR_PARAMETER_LONG,
                                           .offset = offsetof(skew, seed),
                                           .initial = "1",
                                           .range = ">= 0",
                                           .help = "of the elements of J"},
                                          {0}};

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    (void)where;
    kr_status status = KR_OK;
    skew *s = problem->state;
    int d = s->dim;
    kr_stream stream = {(uint64_t)s->seed, 0x736b6577};
    KR_TRY(kr_problem_resize(ctx, problem, d));
    KR_NEW(ctx, s->j, (size_t)d * (size_t)d);
    for (int i = 0; i < d; i++)
        for (int k = 0; k < i; k++) {
            s->j[i * d + k] = s->strength * (2 * kr_random_uniform(stream, (uint64_t)i, (uint64_t)k, 0) - 1);
            s->j[k * d + i] = -s->j[i * d + k];
        }
    problem->epsilon = 0.1;
    for (int i = 0; i < d; i++) {
        problem->low[i] = i ? -1.5 : -2;
        problem->high[i] = i ? 1.5 : 2;
    }
    problem->default_a = "{\"cylinder\": {\"center\": [-1], \"radius\": 0.3}}";
    problem->default_b = "{\"cylinder\": {\"center\": [1], \"radius\": 0.3}}";
done:
    return status;
}

static void destroy(kr_problem *problem) { kr_free(((skew *)problem->state)->j); }

static double slope(const skew *s, const double *x, int k) {
    return k ? s->stiffness * x[k] : 4 * s->height * x[0] * (x[0] * x[0] - 1);
}

static kr_status drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f) {
    (void)ctx;
    const skew *s = problem->state;
    int d = s->dim;
    for (int i = 0; i < n; i++, x += d, f += d) {
        for (int k = 0; k < d; k++) f[k] = -slope(s, x, k);
        for (int j = 0; j < d; j++) {
            double g = slope(s, x, j);
            for (int k = 0; k < d; k++) f[k] += s->j[j * d + k] * g; /* −J_kj g = J_jk g */
        }
    }
    return KR_OK;
}

static double exact(const kr_problem *problem, const double *x) {
    const skew *s = problem->state;
    double w = x[0] * x[0] - 1, square = 0;
    for (int k = 1; k < s->dim; k++) square += x[k] * x[k];
    return s->height * w * w + 0.5 * s->stiffness * square;
}

const kr_problem_kind kr_problem_skew = {
    .name = "skew",
    .summary = "double well with a rotation, any dimension, known density",
    .reference = "exact",
    .parameters = parameters,
    .size = sizeof(skew),
    .create = create,
    .destroy = destroy,
    .drift = drift,
    .exact = exact,
};
