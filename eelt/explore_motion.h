/* The atoms of a built-in run: state, forces of the driving model, deviations of all models.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Units: Å, ps, eV, amu, K. Positions are not wrapped. All that a step needs is in the state, so that a run that goes
 * on from a checkpoint makes the same bits. */
#ifndef KR_EELT_EXPLORE_MOTION_H
#define KR_EELT_EXPLORE_MOTION_H

#include "core/random.h"
#include "eelt/explore_input.h"
#include "eelt/explore_watch.h"
#include <kramers/potential.h>

#define KR_BOLTZMANN 8.617333262e-5  /* eV/K */
#define KR_AMU 1.0364269652680506e-4 /* eV ps²/Å² per amu: m v² → eV */
#define KR_GPA (1 / 160.21766208)    /* eV/Å³ per GPa */

/* Kinds of Monte Carlo moves. */
enum { KR_MOVE_ATOMS, KR_MOVE_SWAP, KR_MOVE_CELL, KR_MOVES };

typedef struct kr_motion {
    const kr_explore_input *input;
    int n;
    int64_t step;
    double *x, *v, *f; /* [n][3] */
    double *mass;      /* [n] eV ps²/Å² */
    double box[9];
    int has_box;
    double energy, virial[9]; /* of the driving model at x */
    int *model_type;          /* [n] type in the models */
    /* Monte Carlo: size of the moves, tried and accepted ones. */
    double size[KR_MOVES];
    int64_t tried[KR_MOVES], accepted[KR_MOVES];
    double *x_new, *f_new; /* [n][3] */
    /* The driving model is prepared alone, the others together: forces do not depend on who watches. */
    kr_potential *driver, *others;
    kr_workspace *driver_scratch, *others_scratch;
    struct kr_novelty *novelty;                /* examines when the driver is alone; NULL = nothing does */
    double *all_force;                         /* [nmodels − 1][n][3] */
    double *all_energy, *all_virial, *epsilon; /* [nmodels], [nmodels][9], [n] */
    const double **force_of;                   /* [nmodels] */
} kr_motion;

kr_status kr_motion_create(kr_context *ctx, const kr_explore_input *input, kr_motion *motion);
void kr_motion_free(kr_motion *motion);
/* Velocities of the start: those of the frame, or Maxwell's at T without total momentum. */
void kr_motion_begin(kr_motion *motion);
/* Energy, forces, virial of the driving model at any place; results NULL = not wanted. */
kr_status kr_motion_evaluate(kr_context *ctx, kr_motion *motion, const double *x, const double *box, double *energy,
                             double *force, double *virial);
/* At the present place: sets f, energy, virial. */
kr_status kr_motion_forces(kr_context *ctx, kr_motion *motion);
kr_status kr_motion_deviation(kr_context *ctx, kr_motion *motion, kr_deviation *deviation);

double kr_motion_target(const kr_motion *motion, const double ends[2]); /* T or P of the ramp at this step */
double kr_motion_kinetic(const kr_motion *motion);                      /* eV */
double kr_motion_temperature(const kr_motion *motion);
/* (Σ m v v + W) / V, eV/Å³; the symmetric part. */
void kr_motion_pressure(const kr_motion *motion, double p[9]);
kr_stream kr_motion_stream(const kr_motion *motion, uint64_t purpose);

/* One step of dynamics (explore_dynamics.c) or of Monte Carlo (explore_monte_carlo.c): f, energy and virial are those
 * of x before and after. */
kr_status kr_motion_step(kr_context *ctx, kr_motion *motion);
kr_status kr_motion_try(kr_context *ctx, kr_motion *motion);
/* Metropolis exchange of two atoms of different elements; `draw` tells several of a step apart. */
kr_status kr_motion_swap(kr_context *ctx, kr_motion *motion, uint64_t draw);
/* exp of a symmetric matrix times a small number. */
void kr_strain_exp(const double e[9], double out[9]);
/* out = m · row vectors: each of n vectors r ← m r. */
void kr_strain_apply(const double m[9], int n, const double *r, double *out);

#endif
