/* Problems: diffusions with states A and B.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   dx = f(x) dt + sqrt(2 ε) σ dW,   a = σ σᵀ constant, diagonal       (one convention for all of sampling/)
 * Overdamped gradient dynamics: f = −a ∇V, ε = kT. Underdamped x = (q, p): f = (p/m, −∇V − γ p), ε = kT and a = γ m on
 * the momenta, 0 on the positions. Diffusion: any f.
 * Quasipotential papers write dX = f dt + sqrt(ε') dW: ε' = 2 ε; their U is −2 ε ln ρ = 2 V_here at small noise;
 * results of this library say which of the two they print.
 * A kind is one const record at the bottom of problem_<kind>.c and one line of problem_kinds.def. */
#ifndef KR_SAMPLING_PROBLEM_H
#define KR_SAMPLING_PROBLEM_H

#include "core/parameters.h"
#include "core/tree.h"
#include "sampling/region.h"
#include <kramers/sampling.h>

typedef struct kr_problem kr_problem;

typedef enum kr_dynamics { KR_OVERDAMPED, KR_UNDERDAMPED, KR_DIFFUSION } kr_dynamics;

typedef struct kr_problem_kind {
    const char *name, *summary, *reference;
    const kr_parameter *parameters; /* besides the common ones of problem.c; offsets into the state */
    size_t size;                    /* of the state, which is zeroed and filled from the table before create */
    /* Calls kr_problem_resize, then sets defaults: ε, box, states (default_a, default_b), dynamics. May be followed by
     * the user's overrides. `where` is the problem object of the file (for messages). */
    kr_status (*create)(kr_context *ctx, kr_problem *problem, const kr_tree *where);
    void (*destroy)(kr_problem *problem); /* what create made inside the state; may be NULL */
    /* V [n] and ∇V [n][positions] (either may be NULL) at x [n][positions]; NULL when the drift is no gradient. */
    kr_status (*potential)(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *v, double *grad);
    /* f [n][dim] at x [n][dim]; NULL = −a ∇V or the underdamped form, from `potential`. */
    kr_status (*drift)(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f);
    /* ∂f_i/∂x_j [dim][dim] at one point; NULL = central differences. */
    void (*jacobian)(const kr_problem *problem, const double *x, double *jacobian);
    /* The exact V with ρ ∝ exp(−V/ε) as ε → 0, up to a constant (0 at the attractor): U = 2V. NULL = not known. */
    double (*exact)(const kr_problem *problem, const double *x);
} kr_problem_kind;

struct kr_problem {
    const kr_problem_kind *kind;
    void *state;   /* of the kind */
    int dim;       /* length of x; underdamped: 2 × positions, all positions first */
    int positions; /* arguments of V: dim, or dim/2 when underdamped */
    kr_dynamics dynamics;
    double epsilon;      /* noise, see above */
    double gamma;        /* underdamped friction, 1/time */
    double *mass;        /* [positions] underdamped; NULL = 1 */
    double *mobility;    /* [dim] diagonal of a; NULL = 1 when not underdamped (always set there) */
    double *low, *high;  /* [dim] box for grids and uniform samples; infinite where open */
    unsigned char *wrap; /* [dim] 1 = periodic with period high − low; NULL = none */
    kr_region *a, *b;    /* states, NULL = not given */
    int no_potential;    /* set by kinds that have V for some inputs only */
    /* Points with weights, for problems that are nothing else (kind "samples"): [nsamples][dim], [nsamples]. */
    long nsamples;
    double *samples, *weights;
    const char *default_a, *default_b; /* JSON of the kind's states, or NULL */
    char *where;                       /* name of the file */
    char place[48];                    /* " (line, column)" of the object in it, or "" */
    int nplaces;                       /* the same for formulas of components of the drift, or of the potential: … */
    char (*places)[48];                /* … [nplaces], the last one for what is left; NULL = none */
    kr_loader_fn load;                 /* opens shared objects for kind "plugin", or NULL */
    void *load_payload;
    kr_tree *complete; /* the problem object with all defaults: for results and checkpoints */
    void *block;
};

int kr_problem_count(void);
const kr_problem_kind *kr_problem_at(int index);
const kr_problem_kind *kr_problem_find(const char *name);

/* From the "problem" object of a run file: {"kind": "mueller", …, "A": {"ball": …}, "B": …}. `where` names the file. */
kr_status kr_problem_create(kr_context *ctx, const kr_tree *object, const char *where, kr_problem **problem);
/* The same with a loader of shared objects. */
kr_status kr_problem_create_with(kr_context *ctx, const kr_tree *object, const char *where, kr_loader_fn load,
                                 void *payload, kr_problem **problem);
/* The same from JSON text, for tests. */
kr_status kr_problem_parse(kr_context *ctx, const char *json, kr_problem **problem);
void kr_problem_destroy(kr_problem **problem);
/* The keys of a kind, or (NULL) of every kind, one line each. */
void kr_problem_describe(const kr_problem_kind *kind, void (*line)(const char *text, void *payload), void *payload);
/* KR_ERR_FORMAT when a state is missing; KR_ERR_ARGUMENT when A and B overlap (a point in both is named, searched for
 * along the line between inner points of the two). */
kr_status kr_problem_need_states(kr_context *ctx, const kr_problem *problem);
/* A point x [dim] of A (or of B): its centre, or one that Newton steps reach; 0 when there is none. */
int kr_problem_inner_point(const kr_problem *problem, int in_b, double *x);

/* Pairs of points one time step apart, of kind "pairs" (problem_pairs.c); n = 0 for every other kind. */
typedef struct kr_pairs {
    long n;
    const double *x; /* [n][2][dim] before and after */
    double dt;
    int noisy; /* 1: trajectories with noise */
} kr_pairs;
kr_pairs kr_problem_pairs_of(const kr_problem *problem);

/* Numbers [n][d] of a file, .npy or text with one row per line; all finite. */
kr_status kr_points_read(kr_context *ctx, const char *path, long *n, int *d, double **values);

/* For kinds: sets dim = positions = d and allocates low, high (infinite). */
kr_status kr_problem_resize(kr_context *ctx, kr_problem *problem, int d);

/* Row-wise; the calling thread only; safe to call from several threads; no allocation.
 * V [n] and its gradient at positions x [n][positions]. */
kr_status kr_problem_potential(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *v,
                               double *grad);
int kr_problem_has_potential(const kr_problem *problem);
/* −ε ln of the unnormalised stationary density, [n] and [n][dim]: V, or V + p²/2m when underdamped, at x [n][dim]. */
kr_status kr_problem_energy(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *h,
                            double *grad);
/* KR_ERR_NUMERIC names the first point whose drift is not finite. */
kr_status kr_problem_drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f);
/* ∂f_i/∂x_j at one point [dim][dim], from the kind or by central differences. */
kr_status kr_problem_jacobian(kr_context *ctx, const kr_problem *problem, const double *x, double *jacobian);
/* ∂²V/∂x_i∂x_j [positions][positions] at one point, by central differences of the gradient, symmetrised. */
kr_status kr_problem_hessian(kr_context *ctx, const kr_problem *problem, const double *x, double *hessian);
/* Moves periodic coordinates of x [dim] into the box. */
void kr_problem_wrap(const kr_problem *problem, double *x);

#endif
