/* Adaptive bias along a scalar function s(x): metadynamics hills on a grid.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every `pace` steps every walker leaves a hill w exp(−(s − s_i)²/2σ²) at its s. V_b and its slope are kept at the
 * nodes of a grid and read by cubic Hermite interpolation, so that the force is the exact derivative of the bias.
 * Beyond the grid the bias is constant. Well-tempered: w = height · exp(−V_b(s_i)/((γ − 1) ε)); then the free energy
 * along s is −V_b γ/(γ − 1) in the end (Barducci, Bussi, Parrinello, Phys. Rev. Lett. 100, 020603, 2008). */
#ifndef KR_SAMPLING_DYNAMICS_HILLS_H
#define KR_SAMPLING_DYNAMICS_HILLS_H

#include "sampling/dynamics.h"

/* s at x [dim] and its gradient [dim] (NULL: not wanted). Called from several threads. */
typedef struct kr_collective {
    kr_status (*value)(void *payload, kr_context *ctx, const double *x, double *s, double *gradient);
    void *payload;
} kr_collective;

typedef struct kr_hills_options {
    double low, high;     /* of s */
    int nodes;            /* ≥ 2; spacing at most half a width */
    double height, width; /* of a hill, energy and s */
    double factor;        /* γ > 1: well-tempered; 0: hills keep their height */
} kr_hills_options;

typedef struct kr_hills {
    kr_hills_options options;
    kr_collective collective;
    int dim;
    double epsilon;
    double *v, *slope; /* [nodes] */
    long count;        /* hills so far */
} kr_hills;

/* dim: length of x. epsilon: k_B T of the dynamics, for well-tempered hills. */
kr_status kr_hills_create(kr_context *ctx, const kr_hills_options *options, int dim, kr_collective collective,
                          double epsilon, kr_hills **hills);
void kr_hills_destroy(kr_hills **hills);
double kr_hills_value(const kr_hills *hills, double s, double *slope);
void kr_hills_add(kr_hills *hills, double s);
/* A kr_bias_fn with the hills as payload. */
kr_status kr_hills_bias(void *payload, kr_context *ctx, int n, const double *x, double *v, double *grad);
/* nsteps steps; every `pace` steps all walkers leave a hill, in the order of their numbers. The mover's bias is
 * kr_hills_bias with these hills. observe as in kr_walkers_run, every `pace` steps, before the hills; may be NULL. */
kr_status kr_hills_run(kr_context *ctx, const kr_mover *mover, kr_walkers *walkers, kr_hills *hills, long pace,
                       long nsteps, kr_walkers_fn observe, void *payload);
/* Bias and count as a MAP, exactly; and back into hills with the same grid. */
kr_status kr_hills_save(kr_context *ctx, const kr_hills *hills, kr_tree **tree);
kr_status kr_hills_load(kr_context *ctx, kr_hills *hills, const kr_tree *tree);

#endif
