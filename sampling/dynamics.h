/* Dynamics of many walkers: integrators as kinds, counter-based noise, bias, raised temperature.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The noise of a walker is a function of (seed, purpose, its number, its step) alone: any number of threads, any order
 * and any restart give the same bits. A kind is one record in dynamics_<family>.c and one line of dynamics_kinds.def.
 */
#ifndef KR_SAMPLING_DYNAMICS_H
#define KR_SAMPLING_DYNAMICS_H

#include "core/random.h"
#include "sampling/problem.h"

typedef struct kr_mover kr_mover;
typedef struct kr_walkers kr_walkers;

typedef struct kr_integrator {
    const char *name, *summary, *reference;
    int underdamped; /* 1: needs positions and momenta; 0: needs a drift */
    int noises;      /* normal vectors per step */
    /* Moves walkers first … first + count − 1 by one step. */
    kr_status (*step)(kr_context *ctx, const kr_mover *mover, kr_walkers *walkers, long first, int count);
} kr_integrator;

int kr_integrator_count(void);
const kr_integrator *kr_integrator_at(int index);
const kr_integrator *kr_integrator_find(const char *name);

/* A potential added to the problem's: V [n] and ∇V [n][dim] (either may be NULL) at x [n][dim]. Called from several
 * threads. */
typedef kr_status (*kr_bias_fn)(void *payload, kr_context *ctx, int n, const double *x, double *v, double *grad);

typedef struct kr_mover_options {
    const char *integrator;   /* NULL: leimkuhler_matthews, euler (no gradient) or baoab (underdamped) */
    double dt;                /* time */
    double epsilon;           /* 0 = the problem's; larger = raised temperature */
    const double *epsilon_of; /* [dim] noise of each coordinate, overdamped only; NULL = epsilon. Copied */
    kr_stream stream;
    kr_bias_fn bias; /* may be NULL */
    void *payload;
} kr_mover_options;

struct kr_mover {
    const kr_problem *problem;
    const kr_integrator *integrator;
    double dt, epsilon;
    double *kick; /* [dim] overdamped: sqrt(2 ε a dt); underdamped: sqrt(ε m) on the momenta */
    kr_stream stream;
    kr_bias_fn bias;
    void *payload;
};

/* Borrows the problem. KR_ERR_ARGUMENT: an integrator that does not fit the problem, dt ≤ 0 … */
kr_status kr_mover_create(kr_context *ctx, const kr_problem *problem, const kr_mover_options *options,
                          kr_mover **mover);
void kr_mover_destroy(kr_mover **mover);

struct kr_walkers {
    long n;
    int dim;
    double *x;               /* [n][dim] the Markov state */
    double *observed;        /* [n][dim] where averages are taken: x but for leimkuhler_matthews */
    uint64_t *entity, *step; /* [n] number of the walker, steps done: the counters of its noise */
    double *force;           /* [n][dim] scratch; underdamped: −∇V at x, when `fresh` */
    unsigned char *fresh;    /* [n] */
    double *work;            /* [n][dim] scratch */
    double *noise;           /* [n][4] normals of a block of steps … */
    uint64_t *noise_block;   /* [n] … which one + 1; 0 = none */
};

/* n walkers at rest at 0 with entities 0 … n−1. */
kr_status kr_walkers_create(kr_context *ctx, const kr_mover *mover, long n, kr_walkers **walkers);
void kr_walkers_destroy(kr_walkers **walkers);
/* Puts walker i at x [dim] with counters entity, step. */
void kr_walkers_set(kr_walkers *walkers, long i, const double *x, uint64_t entity, uint64_t step);
/* Walker i → walker j, everything. */
void kr_walkers_copy(kr_walkers *walkers, long i, long j);
/* Momenta of walker i from the Maxwell distribution of its entity (draws of their own). */
void kr_walkers_thermalize(const kr_mover *mover, kr_walkers *walkers, long i);

/* One step of walkers first … first + count − 1. The calling thread only; disjoint ranges may run at the same time. */
kr_status kr_mover_step(kr_context *ctx, const kr_mover *mover, kr_walkers *walkers, long first, int count);

/* After every `every` steps of a block of walkers, on its thread: may read and set the block's walkers and its own
 * data (block = first / KR_WALKER_BLOCK). A positive status ends this block early. */
enum { KR_WALKER_BLOCK = 32 };
typedef kr_status (*kr_walkers_fn)(void *payload, kr_context *ctx, kr_walkers *walkers, long first, int count);
/* nsteps steps of all walkers, in parallel over blocks. observe may be NULL. */
kr_status kr_walkers_run(kr_context *ctx, const kr_mover *mover, kr_walkers *walkers, long nsteps, long every,
                         kr_walkers_fn observe, void *payload);

/* For integrators: r [count][n] normals of walkers first … first + count − 1, the which-th vector of this step. */
void kr_walkers_noise(const kr_mover *mover, kr_walkers *walkers, long first, int count, int which, int n, double *r);
/* Drift with bias [count][dim] at x [count][dim] (overdamped), or force −∇V (underdamped, positions of walkers). */
kr_status kr_mover_drift(kr_context *ctx, const kr_mover *mover, int count, const double *x, double *f, double *work);
kr_status kr_mover_force(kr_context *ctx, const kr_mover *mover, const double *x, double *force, double *work);

#endif
