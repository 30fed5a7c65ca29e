/* Committor on a grid in 1 to 3 dimensions: the reference for everything else.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   L q = f·∇q + ε a:∇∇q = 0 outside A and B,  q = 0 on A, 1 on B,  walls of the box reflect or are periodic
 *
 * Unknowns sit on nodes low + i h, cells at walls are halves. Edges that cross ∂A or ∂B end there (root of the level
 * function), which makes curved states second order. Two discretisations:
 *   reversible  f = −a ∇V: finite volumes, conductance ε a e^{−V/ε} of an edge from the harmonic mean of e^{−V/ε}
 *               (Simpson) or from its midpoint; symmetric. Energy Σ c (Δq)² is the rate.
 *   general     jump rates of exponential fitting (Scharfetter–Gummel) where there is noise; where there is none
 *               upwind (order 1) or central differences (order 2). Stationary density from Lᵀπ = 0, or e^{−H/ε} of
 *               underdamped dynamics; backward committor from the reversed drift −f + 2 ε a ∇log π. */
#ifndef KR_SAMPLING_COMMITTOR_GRID_H
#define KR_SAMPLING_COMMITTOR_GRID_H

#include "sampling/committor_stencil.h"
#include "sampling/problem.h"

typedef struct kr_grid {
    int dim, n[KR_GRID_MOST];
    double low[KR_GRID_MOST], step[KR_GRID_MOST];
    unsigned char wrap[KR_GRID_MOST];
    long count, stride[KR_GRID_MOST]; /* nodes; dimension 0 varies slowest */
} kr_grid;

/* automatic: harmonic (exact for q) in 1-D, else midpoint, whose errors in the rate are smaller */
typedef enum kr_face_rule { KR_FACE_AUTOMATIC, KR_FACE_HARMONIC, KR_FACE_MIDPOINT } kr_face_rule;
typedef enum kr_advection { KR_ADVECTION_CENTRAL, KR_ADVECTION_UPWIND } kr_advection;

typedef struct kr_grid_options {
    double spacing[KR_GRID_MOST]; /* wanted distance of nodes; 0 = 1/200 of the side (1/60 in 3-D, 1/4000 in 1-D) */
    const double *low, *high;     /* [dim] box; NULL = that of the problem */
    kr_face_rule face;
    kr_advection advection; /* where there is no noise */
    int general;            /* 1 = use the general discretisation for gradient dynamics too */
    double tolerance;       /* of the linear solver; 0 = 1e-10 */
    int iterations;         /* most; 0 = 20000 */
    const double *start;    /* [dim] mean first passage time to B from here; NULL = not wanted */
} kr_grid_options;

typedef struct kr_grid_committor {
    kr_grid grid;
    double *q;        /* [count] forward committor */
    double *backward; /* [count] */
    double *mass;     /* [count] stationary probability of the cells, sum 1 */
    double nu;        /* transitions A → B per time */
    double k_ab, k_ba, rho_a, p_react, duration /* mean length of a transition path */, mfpt /* NaN: not wanted */;
    double flux_a, flux_b; /* rate through ∂A and ∂B, reversible only, else NaN */
    int iterations, reversible;
} kr_grid_committor;

kr_status kr_grid_committor_solve(kr_context *ctx, const kr_problem *problem, const kr_grid_options *options,
                                  kr_grid_committor *result);
void kr_grid_committor_free(kr_grid_committor *result);
/* field [count] at x [dim] by cubic interpolation (linear near walls); x outside the grid is clamped. */
double kr_grid_interpolate(const kr_grid *grid, const double *field, const double *x);
/* Coordinates [dim] of a node. */
void kr_grid_node(const kr_grid *grid, long index, double *x);
/* ln of the stationary density (new array [count], 0 at its top) of any drift between walls that reflect, in one or two
 * dimensions: there it has full relative accuracy, however small it is. */
kr_status kr_grid_density(kr_context *ctx, const kr_problem *problem, const kr_grid_options *options, kr_grid *grid,
                          double **log_density);
kr_status kr_grid_create(kr_context *ctx, const kr_problem *problem, const kr_grid_options *options, kr_grid *grid);

/* ---- inside of the solver ---- */

/* What the assembly needs at nodes and edges. */
typedef struct kr_grid_fields {
    const kr_problem *problem;
    const kr_grid_options *options;
    kr_grid grid;
    double noise[KR_GRID_MOST]; /* ε a_k */
    unsigned char *state;       /* [count] 0 free, 1 in A, 2 in B */
    double *log_mass;           /* [count] −V/ε, log π …: up to a constant */
    double *edge[KR_GRID_MOST] /* [count] edge i → i+1: log of its weight (reversible), drift along it (general) */;
    double *to_a, *to_b; /* [count] couplings of free nodes to A and B */
    kr_face_rule face;
    int reversible;
    int density; /* 1: the stationary density alone is wanted, states are not needed */
    int fixed_a; /* 1: A is a boundary; 0: ordinary points (MFPT) */
    int fixed_b;
} kr_grid_fields;
kr_status kr_grid_fields_begin(kr_context *ctx, kr_grid_fields *fields);
void kr_grid_fields_free(kr_grid_fields *fields);
/* Node beyond node i in direction k (side −1, +1); −1 at a wall. coordinate = place of i along k. */
long kr_grid_neighbor(const kr_grid *grid, long i, int k, int coordinate, int side, int *wraps);
int kr_grid_coordinate(const kr_grid *grid, long i, int k);
/* Share of a full cell that belongs to node i, without direction `skip` (−1 = none). */
double kr_grid_share(const kr_grid *grid, long i, int skip);
/* Fraction of the edge from free node i in direction k at which the state of its other end begins. */
double kr_grid_cut_fraction(const kr_grid_fields *fields, long i, int k, int side);
/* Matrix −L (times the weights, when reversible) for the given boundaries; fills to_a and to_b. */
kr_status kr_grid_assemble_reversible(kr_context *ctx, kr_grid_fields *fields, kr_stencil *matrix);
kr_status kr_grid_assemble_general(kr_context *ctx, kr_grid_fields *fields, kr_stencil *matrix);
/* Sets log_mass of general dynamics. */
kr_status kr_grid_stationary(kr_context *ctx, kr_grid_fields *fields);

#endif
