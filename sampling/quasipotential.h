/* Quasipotentials: where a drift without detailed balance has its landscape.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   dx = f dt + sqrt(2 ε) σ dW,  a = σσᵀ:  ρ ∝ e^{−V/ε} as ε → 0,  f = −a∇V + g,  ∇V·g = 0,  U = 2V
 * V is zero at the attractor it is measured from. At an attractor x* with A = ∂f/∂x the Hessian of V is Σ⁻¹ with
 * A Σ + Σ Aᵀ + 2 a = 0: the check that a learned V has not collapsed onto another solution of the same equation (0 is
 * one, and every part of a separable V). */
#ifndef KR_SAMPLING_QUASIPOTENTIAL_H
#define KR_SAMPLING_QUASIPOTENTIAL_H

#include "core/net.h"
#include "core/random.h"
#include "sampling/problem.h"

/* ---- attractors and the Lyapunov solution (quasipotential_lyapunov.c) ---- */

typedef struct kr_attractors {
    int n, dim;
    double *x;       /* [n][dim] stable fixed points */
    double *hessian; /* [n][dim][dim] of V, from the Lyapunov equation */
} kr_attractors;
/* Flows `starts` random points of the box along f, polishes the ends by Newton, keeps the stable ones that differ. */
kr_status kr_attractors_find(kr_context *ctx, const kr_problem *problem, int starts, kr_stream stream,
                             kr_attractors *found);
void kr_attractors_free(kr_attractors *found);
/* Hessian [dim][dim] of V at a fixed point. KR_ERR_NUMERIC when it is not stable. */
kr_status kr_lyapunov_hessian(kr_context *ctx, const kr_problem *problem, const double *x, double *hessian);
/* One step of length dt along f (classical Runge–Kutta); work [5][dim]. */
kr_status kr_flow_step(kr_context *ctx, const kr_problem *problem, double dt, double *x, double *work);

/* ---- characteristics (quasipotential_characteristics.c) ---- */

/* The attractor that the drift leads to from x [dim], −1: none; work [7][dim]. */
kr_status kr_attractors_reached(kr_context *ctx, const kr_problem *problem, const kr_attractors *attractors,
                                const double *x, double *work, int *which);

/* n points x [n][dim] with the gradient p [n][dim] of V there, along paths from the attractors to the edge of the box
 * enlarged by a factor. */
kr_status kr_characteristics_trace(kr_context *ctx, const kr_problem *problem, const kr_attractors *attractors,
                                   double enlarge, kr_stream stream, long n, double *x, double *p);

/* ---- neural decomposition (quasipotential_net.c) ---- */

typedef enum kr_quasi_loss {
    KR_QUASI_COSINE,     /* (∇V·g)²/(|∇V|²|g|²), obtuse angles count `weight` */
    KR_QUASI_NORMALIZED, /* (∇V·g)²/(|∇V|² + |g|²)²: also where g vanishes; the default */
    KR_QUASI_HJ,         /* (∇V·g)²/|f|²: collapses; for comparison */
    KR_QUASI_EPR         /* |f + a∇V|² over stationary samples: finite noise, convex in V */
} kr_quasi_loss;

typedef struct kr_quasi_net {
    const kr_problem *problem;
    int dim;
    kr_net *v;
    size_t nparams;
    double *theta;
    double *mean, *scale;       /* [dim] of the inputs */
    double *linear, *quadratic; /* [dim], [dim][dim] of the polynomial under the network */
    double factor_v;
    int threads;
    double *scratch, *slots;
    size_t scratch_size;
    kr_net_workspace *workspace;
} kr_quasi_net;

typedef struct kr_quasi_training {
    kr_quasi_loss loss;
    double weight; /* of obtuse angles */
    long matched; /* that many first points of a batch know ∇V: f is −a∇V there, and |f + a∇V|² is their loss … */
    long inexact; /* … the last so many of them count `share` */
    double share;
} kr_quasi_training;

kr_status kr_quasi_net_create(kr_context *ctx, const kr_problem *problem, int nhidden, const int *hidden,
                              const char *activation, kr_stream stream, kr_quasi_net **model);
void kr_quasi_net_destroy(kr_quasi_net **model);
/* The polynomial from points [n][dim] with −a∇V, or what is near it, in f [n][dim]: the network learns the rest. */
kr_status kr_quasi_net_fit_polynomial(kr_context *ctx, kr_quasi_net *model, long n, const double *x, const double *f);
/* Inputs and size of V from points [n][dim] and drifts [n][dim] there; the polynomial is c_V |u|²/2. */
void kr_quasi_net_fit_scales(kr_quasi_net *model, long n, const double *x, const double *f);
/* V [n] (up to a constant), ∇V [n][dim], either may be NULL. */
kr_status kr_quasi_net_evaluate(kr_context *ctx, const kr_quasi_net *model, const double *theta, long n,
                                const double *x, double *v, double *grad);
/* Loss of points with drifts, and its gradient [nparams] (overwritten). warm: |f + a∇V|² instead. terms [2]: dynamics,
 * orthogonality. */
kr_status kr_quasi_net_loss(kr_context *ctx, const kr_quasi_net *model, const kr_quasi_training *how, int warm,
                            const double *theta, long n, const double *x, const double *f, double *gradient,
                            double *loss, double terms[2]);

/* Mean of R²/(|f|² + 0.1 mean_f)² over points x [n][dim], R the residual of the stationary equation at the noise of the
 * problem (quasipotential_residual.c); `weight` times its gradient is added. */
kr_status kr_quasi_net_residual(kr_context *ctx, const kr_quasi_net *model, const double *theta, double weight,
                                double mean_f, long n, const double *x, double *gradient, double *loss);

/* Mean of (V(x_i) − V(x_0) − depth_i)²/ε² over i ≥ 1 of n ≤ KR_QUASI_DEPTHS points; `weight` times its gradient is
 * added. */
enum { KR_QUASI_DEPTHS = 64 };
kr_status kr_quasi_net_depths(kr_context *ctx, const kr_quasi_net *model, const double *theta, double weight, int n,
                              const double *x, const double *depth, double *gradient, double *loss);

/* ---- a drift from data (quasipotential_drift.c) ---- */

/* A network for f, and `problem`: the original one with this drift in place of its own (one thread at a time). */
typedef struct kr_drift_net {
    kr_problem problem;
    kr_problem_kind kind; /* of it */
    const kr_problem *original;
    kr_context *ctx;
    kr_net *net;
    size_t nparams;
    double *theta, *mean, *scale; /* [nparams]; [dim] of the inputs */
    int nterms, *parent, *factor; /* of the polynomial [nterms] */
    double *coefficient, *size;   /* [nterms][dim] of them; [dim] of the network's outputs */
    double mean_f;                /* ⟨|f|²⟩ */
    double *directions, *tangent; /* [dim][dim] */
    int threads;
    double *scratch, *slots;
    size_t scratch_size;
    kr_net_workspace *workspace;
} kr_drift_net;
kr_status kr_drift_net_create(kr_context *ctx, const kr_problem *problem, int degree, int nhidden, const int *hidden,
                              const char *activation, kr_stream stream, kr_drift_net **model);
void kr_drift_net_destroy(kr_drift_net **model);
/* Inputs, outputs and the polynomial from points x [n][dim] with drifts f [n][dim]. */
kr_status kr_drift_net_fit_scales(kr_context *ctx, kr_drift_net *model, long n, const double *x, const double *f);
/* Mean squared relative error (noisy: in units of ⟨|f|²⟩), gradient [nparams] overwritten, NULL: not wanted. */
kr_status kr_drift_net_loss(kr_context *ctx, const kr_drift_net *model, int noisy, const double *theta, long n,
                            const double *x, const double *f, double *gradient, double *loss);

/* ---- actions along paths (quasipotential_actions.c) ---- */

/* Follows the optimal paths of V backwards, ẋ = −(f + 2a∇V), from x [n][dim] until they come near an attractor, leave
 * the box enlarged by a factor, or never end. home [n]: the attractor, −1: none; ends [n][dim]; action [n] of the way.
 */
kr_status kr_quasi_follow_back(kr_context *ctx, const kr_quasi_net *model, const double *theta,
                               const kr_attractors *attractors, double enlarge, int n, const double *x, int *home,
                               double *ends, double *action);
/* V of the minimum action path between two points that begins as the straight line. KR_NOT_CONVERGED: none found, or
 * not to 1 % with so many images.
 * x, p [images − 1][dim] (both NULL: not wanted): points of the path, ∇V there. */
kr_status kr_quasi_least_action(kr_context *ctx, const kr_problem *problem, int images, const double *from,
                                const double *to, double *v, double *x, double *p);

/* ---- ordered line integral method (quasipotential_olim.c) ---- */

typedef struct kr_olim {
    int dim, n[3], radius; /* nodes; updates reach `radius` of them */
    double low[3], high[3];
    double *u;      /* [n0][n1]([n2]) U = 2V from the attractor; infinite where not reached */
    double largest; /* up to this U the result does not depend on the box */
    long accepted;
} kr_olim;
/* 2 or 3 dimensions, from attractor x [dim], nodes [dim]. radius 0 = chosen by the number of nodes. */
kr_status kr_olim_solve(kr_context *ctx, const kr_problem *problem, const double *x, const int *nodes, int radius,
                        kr_olim *result);
/* U at x [dim], linear between the nodes; infinite where not reached. */
double kr_olim_value(const kr_olim *result, const double *x);
void kr_olim_free(kr_olim *result);

/* V [n] up to a constant at x [n][dim]. */
typedef kr_status (*kr_quasi_function)(kr_context *ctx, const void *payload, long n, const double *x, double *v);
/* Finite noise, one or two dimensions: relative rms difference of V and of −ε ln of the density of a grid whose box is
 * larger by `enlarge`, over its cells where the latter is at most `most`. */
kr_status kr_quasi_compare_cells(kr_context *ctx, const kr_problem *problem, double enlarge, double most,
                                 kr_quasi_function f, const void *payload, double *error);

/* Cells of a histogram in three dimensions: eight Gauss points of each, and −ε ln of its counts. */
enum { KR_QUASI_CELL = 8 };
typedef struct kr_quasi_cells {
    long n;
    double *x; /* [n][KR_QUASI_CELL][3] */
    double *v; /* [n] up to a constant */
} kr_quasi_cells;
/* One step of n ≤ 32 walks x [n][dim] between the walls of the box, by Heun; work [3][n][dim]. The noise is that of
 * entities first … first + n − 1. */
kr_status kr_quasi_walk_step(kr_context *ctx, const kr_problem *problem, double dt, kr_stream stream, uint64_t step,
                             uint64_t first, int n, double *x, double *work);
/* The cells with counts enough (KR_ERR_NUMERIC: fewer than ten) of `steps` steps of length dt in all, a fifth more
 * before them, begun evenly in the box; the same for any number of threads. */
kr_status kr_quasi_walk(kr_context *ctx, const kr_problem *problem, double dt, long steps, kr_stream stream,
                        kr_quasi_cells *cells);
void kr_quasi_cells_free(kr_quasi_cells *cells);
/* −ε ln of the mean of e^{−v/ε} over the points of a cell, v [KR_QUASI_CELL]; share: derivatives by them. */
double kr_quasi_cell_value(double epsilon, const double *v, double *share);
/* Mean of ((V_c − v_c − their mean difference)/ε)² over n cells; `weight` times its gradient is added. */
kr_status kr_quasi_net_cells(kr_context *ctx, const kr_quasi_net *model, const double *theta, double weight, long n,
                             const double *x, const double *v, double *gradient, double *loss);
/* Finite noise, three dimensions: the same against a histogram of walks of that many steps; cells [1]: how many. */
kr_status kr_quasi_compare_walks(kr_context *ctx, const kr_problem *problem, double dt, long steps, kr_stream stream,
                                 kr_quasi_function f, const void *payload, double *error, long *cells);

#endif
