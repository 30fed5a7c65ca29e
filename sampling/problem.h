/* Problems: diffusions with states A and B.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   dx = f(x) dt + sqrt(2 ε) σ dW,   a = σ σᵀ constant, diagonal       (one convention for all of sampling/)
 * Overdamped gradient dynamics: f = −a ∇V, ε = kT. Underdamped (q, p): f = (p/m, −∇V − γ p), noise on p only.
 * Quasipotential papers write dX = f dt + sqrt(ε') dW: ε' = 2 ε; their U is −2 ε ln ρ = 2 V_here at small noise;
 * results of this library say which of the two they print.
 * A kind is one const record at the bottom of problem_<kind>.c and one line of problem_kinds.def. */
#ifndef KR_SAMPLING_PROBLEM_H
#define KR_SAMPLING_PROBLEM_H

#include "core/tree.h"

typedef struct kr_problem kr_problem;

typedef enum kr_dynamics { KR_OVERDAMPED, KR_UNDERDAMPED, KR_DIFFUSION } kr_dynamics;

/* A state: inside where the level function is ≤ 0 (about a distance near the edge). */
typedef struct kr_region kr_region;

typedef struct kr_problem_kind {
    const char *name, *summary, *reference;
    /* params: the problem's JSON object, strict keys. Fills the problem's dimension, ε, box, default states. */
    kr_status (*create)(kr_context *ctx, const kr_tree *params, kr_problem *problem);
    void (*destroy)(kr_problem *problem);
    /* V [n] and ∇V [n][d] (either may be NULL); absent when the drift is no gradient. x [n][d]. */
    kr_status (*potential)(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *v, double *grad);
    /* f [n][d]; NULL = −a ∇V (or the underdamped form) from `potential`. */
    kr_status (*drift)(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f);
} kr_problem_kind;

struct kr_problem {
    const kr_problem_kind *kind;
    void *state; /* of the kind */
    int dim;     /* length of x; underdamped: 2 × positions, all positions first */
    kr_dynamics dynamics;
    double epsilon;      /* noise, see above */
    double gamma;        /* underdamped friction, 1/time */
    double *mass;        /* [dim/2] underdamped; NULL = 1 */
    double *mobility;    /* [dim] diagonal of a; NULL = 1 (0 on positions when underdamped) */
    double *low, *high;  /* [dim] box for grids and uniform samples; infinite where open */
    unsigned char *wrap; /* [dim] 1 = periodic with period high − low; NULL = none */
    kr_region *a, *b;    /* states, NULL = not given */
};

int kr_problem_count(void);
const kr_problem_kind *kr_problem_at(int index);
const kr_problem_kind *kr_problem_find(const char *name);

/* From the "problem" object of a run file: {"kind": "mueller", …, "A": {"ball": …}, "B": …}. `where` names the file. */
kr_status kr_problem_create(kr_context *ctx, const kr_tree *object, const char *where, kr_problem **problem);
void kr_problem_destroy(kr_problem **problem);

/* Row-wise over x [n][dim]; the calling thread only; safe to call from several threads. */
kr_status kr_problem_potential(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *v,
                               double *grad);
int kr_problem_has_potential(const kr_problem *problem);
/* KR_ERR_NUMERIC names the first point whose drift is not finite. */
kr_status kr_problem_drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f);
/* ∂f_i/∂x_j at one point [dim][dim], from the kind or by central differences. */
kr_status kr_problem_jacobian(kr_context *ctx, const kr_problem *problem, const double *x, double *jacobian);
/* ≤ 0 inside; gradient [dim] may be NULL. Regions may use the first coordinates only (cylinders). */
double kr_region_level(const kr_region *region, const double *x, double *gradient);

#endif
