/* Methods that give transition rates, as kinds.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A method splits its work into independent pieces (batches, replicas); piece i depends on the seed and i alone. The
 * command runs the pieces, keeps their numbers, writes a checkpoint between them and lets the method combine them: a
 * resumed run has the same bits. A kind is one record in rate_<name>.c and one line of rate_kinds.def. */
#ifndef KR_SAMPLING_RATE_H
#define KR_SAMPLING_RATE_H

#include "sampling/coordinate.h"
#include "sampling/run.h"

typedef struct kr_rate kr_rate;

typedef struct kr_rate_kind {
    const char *name, *summary, *reference;
    const kr_parameter *parameters; /* keys of the method's object besides "kind", "label", "dt", "integrator" */
    size_t size;
    kr_status (*prepare)(kr_context *ctx, kr_rate *rate); /* sets rate->pieces and rate->width; checks */
    kr_status (*begin)(kr_context *ctx, kr_rate *rate);   /* work before the pieces (levels …), or NULL */
    kr_status (*piece)(kr_context *ctx, kr_rate *rate, int piece, double *out /* [width] */);
    kr_status (*combine)(kr_context *ctx, kr_rate *rate);
    void (*destroy)(kr_rate *rate); /* may be NULL */
} kr_rate_kind;

/* A number with its standard error; NaN where the method does not give it. */
typedef struct kr_estimate {
    double value, error;
} kr_estimate;

struct kr_rate {
    const kr_rate_kind *kind;
    void *state;
    kr_sampling *run;
    const kr_problem *problem;
    kr_own_coordinate coordinate;
    const char *label; /* for people; the kind's name unless the file says more */
    int index;         /* place in the list of methods: part of the random streams */
    const char *integrator;
    double dt, margin; /* margin: first-passage correction of the edges of A and B at this dt (trials.h) */
    int pieces, width;
    double *out;      /* [pieces][width] */
    kr_tree *results; /* MAP of this method, borrowed: more numbers go here */
    /* What combine fills in. */
    kr_estimate k_ab, k_ba, nu;
    const char *error_from; /* what the error is made of, in words */
    int converged;          /* 0: the method itself says that its number is not to be trusted … */
    char why[256];          /* … because */
    kr_tree *complete;
    void *block;
};

int kr_rate_count(void);
const kr_rate_kind *kr_rate_at(int index);

/* Noise of this method and piece: apart from every other one. */
kr_stream kr_rate_stream(const kr_rate *rate, int piece, int use);
kr_status kr_rate_mover(kr_context *ctx, const kr_rate *rate, int piece, int use, double dt, kr_mover **mover);
/* A point inside A (or B): the centre, else one found by projection. */
kr_status kr_rate_start(kr_context *ctx, const kr_rate *rate, int in_b, double *x);
/* Mean and its standard error of column `c` over the pieces. */
kr_estimate kr_rate_mean(const kr_rate *rate, int c);
/* Ratio Σ a / Σ b over the pieces with its jackknife error. */
kr_estimate kr_rate_ratio(const kr_rate *rate, int a, int b);
kr_status kr_rate_set(kr_context *ctx, kr_tree *map, const char *key, kr_estimate estimate); /* key, key_error */
/* Rates and their errors from results of the command committor; 0 when they are of something else. */
int kr_committor_rates(const kr_tree *results, kr_estimate *k_ab, kr_estimate *k_ba, kr_estimate *nu);
/* Compares the routes of a results map {"name": {"k_ab", "k_ab_error"} …}: lines into the report, numbers into the
 * results. KR_NOT_CONVERGED when two differ by more than `allowed` standard errors. */
kr_status kr_rates_agree(kr_context *ctx, kr_sampling *run, const kr_tree *methods, double allowed);
/* Marks the method as not converged. */
void kr_rate_doubt(kr_rate *rate, const char *format, ...) KR_PRINTF(2, 3);

/* ---- the basin of A: what forward flux and splitting start from ----------------------------------------------------
 */

/* Keys of methods that start there; fields of their state. */
#define KR_RATE_BASIN_PARAMETERS(state_type)                                                                      \
    {.name = "replicas",                                                                                          \
     .type = KR_PARAMETER_INT,                                                                                    \
     .offset = offsetof(state_type, replicas),                                                                    \
     .initial = "16",                                                                                             \
     .range = "[2, 10000]",                                                                                       \
     .help = "independent repetitions, for the error bar"},                                                       \
        {.name = "basin_time",                                                                                    \
         .type = KR_PARAMETER_REAL,                                                                               \
         .offset = offsetof(state_type, basin_time),                                                              \
         .range = "> 0",                                                                                          \
         .unit = "time",                                                                                          \
         .help = "that each of 64 walkers spends around A in every replica, to get the flux"},                    \
    {                                                                                                             \
        .name = "warm_up", .type = KR_PARAMETER_REAL, .offset = offsetof(state_type, warm_up), .initial = "null", \
        .range = ">= 0", .unit = "time", .help = "before that; null: a fifth of basin_time"                       \
    }

/* Trajectories around A: first crossings of the level λ0 after each visit to A. */
typedef struct kr_basin {
    double time; /* spent with A as the last state visited */
    long crossings;
    long room;     /* states kept */
    double *state; /* [room][dim] at the crossings, min(crossings, room) of them */
    long to_b;     /* walkers that reached B; they were put back to where they left A */
} kr_basin;
/* 64 walkers for `time` each after `warm_up`; `margin` as in trials.h. */
kr_status kr_basin_run(kr_context *ctx, const kr_rate *rate, const kr_mover *mover, double lambda0, double warm_up,
                       double time, kr_basin *basin);
/* Combines replicas whose numbers begin with k, flux, probability: means, their errors, doubts; `more` ("trials") is
 * what replicas that died out need. */
kr_status kr_basin_combine(kr_context *ctx, kr_rate *rate, const char *more);
/* The first level: the 0.9-quantile of the coordinate around A. */
kr_status kr_basin_first_level(kr_context *ctx, const kr_rate *rate, const kr_mover *mover, double warm_up, double time,
                               double *level);
/* Quantile of the coordinate over trajectories around A, for choosing λ0. */
kr_status kr_basin_quantile(kr_context *ctx, const kr_rate *rate, const kr_mover *mover, double warm_up, double time,
                            double quantile, double *value);

#endif
