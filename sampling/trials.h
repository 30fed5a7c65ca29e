/* Trials: trajectories that each run until something happens to them.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The building block of first-passage times, forward flux, splitting and shooting. Trials run in parallel; the noise of
 * trial i is that of entity `entity + i`, so results do not depend on threads or on how trials share the work. */
#ifndef KR_SAMPLING_TRIALS_H
#define KR_SAMPLING_TRIALS_H

#include "sampling/dynamics.h"

/* A scalar function of x that tells how far from A to B it is (a reaction coordinate, a committor, a network).
 * value [n] at x [n][dim]; called from several threads. */
typedef struct kr_coordinate {
    kr_status (*values)(void *payload, kr_context *ctx, int n, const double *x, double *value);
    void *payload;
} kr_coordinate;

/* Called once after every step with all trials that one thread is moving: code [n] starts as 0, anything else ends the
 * trial. step counts from 1; 0 with `look_first`. Trials of one call belong to this thread alone. */
typedef kr_status (*kr_event_fn)(void *payload, kr_context *ctx, int n, const long *trial,
                                 const double *x /* [n][dim] */, const long *step, int *code);

typedef struct kr_trials {
    long n;
    const double *start; /* [n][dim]; with `one_start` [dim] for all */
    int one_start;
    uint64_t entity; /* of trial 0 */
    long most_steps; /* a trial that is still running then ends with code 0 */
    int look_first;  /* the event looks at the starts, too: trials may end there */
    kr_event_fn event;
    void *payload;
    double *end; /* [n][dim] last states, or NULL */
    long *steps; /* [n] or NULL */
    int *code;   /* [n] */
} kr_trials;

kr_status kr_trials_run(kr_context *ctx, const kr_mover *mover, const kr_trials *trials);

/* Ends trials in A (code 1) and in B (code 2): event with payload = a kr_problem with states. `margin_a`, `margin_b`
 * move the edges outwards: a trajectory of discrete steps misses visits between the steps, as if the set were smaller
 * by 0.5826 sqrt(2 ε a dt) (Broadie, Glasserman, Kou 1997; 0.5826 = −ζ(1/2)/sqrt(2π)). */
typedef struct kr_states {
    const kr_problem *problem;
    double margin_a, margin_b;
    int ignore_a;
} kr_states;
kr_status kr_event_states(void *payload, kr_context *ctx, int n, const long *trial, const double *x, const long *step,
                          int *code);
/* The margin for a mover: 0 when underdamped (momenta make positions smooth). */
double kr_first_passage_margin(const kr_mover *mover);

#endif
