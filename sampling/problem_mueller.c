/* Müller–Brown potential, smooth and with ripples, in 2 or more dimensions.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   V = s [ Σ_i D_i exp(a_i (x−X_i)² + b_i (x−X_i)(y−Y_i) + c_i (y−Y_i)²) + γ sin(2kπx) sin(2kπy) ]
 *       + Σ_{i≥3} x_i² / (2σ²)
 * The extra coordinates decouple: q in d dimensions is q(x1, x2) of two. A, B: discs (cylinders) of radius 0.1 at the
 * minima. Only minima and saddles of the four terms, ripples and units follow the literature; s scales all of it. */
#include "core/elementary.h"
#include "core/error.h"
#include "sampling/problem.h"
#include <math.h>

typedef struct mueller {
    int dim;
    double ripple, waves, sigma, scale;
} mueller;

static const double D[4] = {-200, -100, -170, 15}, a[4] = {-1, -1, -6.5, 0.7}, b[4] = {0, 0, 11, 0.6},
                    c[4] = {-10, -10, -6.5, 0.7}, X[4] = {1, 0, -0.5, -1}, Y[4] = {0, 0.5, 1.5, 1};

#define COMMON(height)                                                                                  \
    {.name = "dim",                                                                                     \
     .type = KR_PARAMETER_INT,                                                                          \
     .offset = offsetof(mueller, dim),                                                                  \
     .initial = "2",                                                                                    \
     .range = "[2, 10000]",                                                                             \
     .help = "dimensions"},                                                                             \
        {.name = "ripple",                                                                              \
         .type = KR_PARAMETER_REAL,                                                                     \
         .offset = offsetof(mueller, ripple),                                                           \
         .initial = (height),                                                                           \
         .help = "height of the ripples"},                                                              \
        {.name = "waves",                                                                               \
         .type = KR_PARAMETER_REAL,                                                                     \
         .offset = offsetof(mueller, waves),                                                            \
         .initial = "5",                                                                                \
         .help = "ripples per unit length"},                                                            \
        {.name = "sigma",                                                                               \
         .type = KR_PARAMETER_REAL,                                                                     \
         .offset = offsetof(mueller, sigma),                                                            \
         .initial = "0.05",                                                                             \
         .range = "> 0",                                                                                \
         .help = "width of the other coordinates at epsilon = 1"},                                      \
    {                                                                                                   \
        .name = "scale", .type = KR_PARAMETER_REAL, .offset = offsetof(mueller, scale), .initial = "1", \
        .range = "> 0", .help = "factor before the potential in x1, x2"                                 \
    }

static const kr_parameter smooth[] = {COMMON("0"), {0}};
static const kr_parameter rugged[] = {COMMON("9"), {0}};

static kr_status create(kr_context *ctx, kr_problem *problem, const kr_tree *where) {
    (void)where;
    kr_status status = KR_OK;
    const mueller *s = problem->state;
    KR_TRY(kr_problem_resize(ctx, problem, s->dim));
    problem->epsilon = 10 * s->scale;
    problem->low[0] = -1.5;
    problem->high[0] = 1;
    problem->low[1] = -0.5;
    problem->high[1] = 2;
    for (int i = 2; i < s->dim; i++) {
        problem->high[i] = 6 * s->sigma * sqrt(problem->epsilon);
        problem->low[i] = -problem->high[i];
    }
    problem->default_a = "{\"cylinder\": {\"center\": [-0.558, 1.441], \"radius\": 0.1}}";
    problem->default_b = "{\"cylinder\": {\"center\": [0.623, 0.028], \"radius\": 0.1}}";
done:
    return status;
}

/* ROWS points at once, so that exponentials, sines and cosines are those of arrays. */
enum { ROWS = 32 };

/* The four terms: value, gx, gy [n]. */
static void terms(const kr_elementary *functions, int n, int d, const double *x, double *value, double *gx,
                  double *gy) {
    double e[4 * ROWS];
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < n; i++) {
            double u = x[i * d] - X[k], w = x[i * d + 1] - Y[k];
            e[k * n + i] = a[k] * u * u + b[k] * u * w + c[k] * w * w;
        }
    functions->exp(4 * (size_t)n, e, e);
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < n; i++) {
            double u = x[i * d] - X[k], w = x[i * d + 1] - Y[k], height = D[k] * e[k * n + i];
            value[i] += height;
            gx[i] += height * (2 * a[k] * u + b[k] * w);
            gy[i] += height * (b[k] * u + 2 * c[k] * w);
        }
}

static void ripples(const kr_elementary *functions, const mueller *s, int n, const double *x, double *value, double *gx,
                    double *gy) {
    double waves = 2 * M_PI * s->waves, sine[2 * ROWS], cosine[2 * ROWS];
    for (int i = 0; i < n; i++)
        for (int k = 0; k < 2; k++) sine[2 * i + k] = waves * x[i * s->dim + k];
    functions->sincos(2 * (size_t)n, sine, sine, cosine);
    for (int i = 0; i < n; i++) {
        value[i] += s->ripple * sine[2 * i] * sine[2 * i + 1];
        gx[i] += s->ripple * waves * cosine[2 * i] * sine[2 * i + 1];
        gy[i] += s->ripple * waves * sine[2 * i] * cosine[2 * i + 1];
    }
}

static kr_status potential(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *v,
                           double *grad) {
    (void)ctx;
    const mueller *s = problem->state;
    const kr_elementary *functions = kr_elementary_fastest();
    int d = s->dim;
    double stiffness = 1 / (s->sigma * s->sigma);
    for (int from = 0; from < n; from += ROWS, x += (long)ROWS * d) {
        int some = n - from < ROWS ? n - from : ROWS;
        double value[ROWS] = {0}, gx[ROWS] = {0}, gy[ROWS] = {0};
        terms(functions, some, d, x, value, gx, gy);
        if (s->ripple != 0) ripples(functions, s, some, x, value, gx, gy);
        for (int i = 0; v && i < some; i++) {
            double square = 0;
            for (int k = 2; k < d; k++) square += x[i * d + k] * x[i * d + k];
            v[from + i] = s->scale * value[i] + 0.5 * stiffness * square;
        }
        for (int i = 0; grad && i < some; i++) {
            double *g = grad + (long)(from + i) * d;
            g[0] = s->scale * gx[i];
            g[1] = s->scale * gy[i];
            for (int k = 2; k < d; k++) g[k] = stiffness * x[i * d + k];
        }
    }
    return KR_OK;
}

static double exact(const kr_problem *problem, const double *x) {
    double v;
    potential(NULL, problem, 1, x, &v, NULL);
    return v;
}

const kr_problem_kind kr_problem_mueller = {
    .name = "mueller",
    .summary = "Mueller-Brown potential in 2 or more dimensions",
    .reference = "Mueller, Brown, Theor. Chim. Acta 53, 75 (1979)",
    .parameters = smooth,
    .size = sizeof(mueller),
    .create = create,
    .potential = potential,
    .exact = exact,
};

const kr_problem_kind kr_problem_rugged_mueller = {
    .name = "rugged_mueller",
    .summary = "Mueller-Brown potential with ripples",
    .reference = "Li, Lin, Ren, J. Chem. Phys. 151, 054112 (2019)",
    .parameters = rugged,
    .size = sizeof(mueller),
    .create = create,
    .potential = potential,
    .exact = exact,
};
