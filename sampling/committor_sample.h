/* Samples with weights: Metropolis-adjusted Langevin walkers on V + bias.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Density sampled ∝ e^{−(V + b)/ε}, weight of a sample ∝ e^{b/ε}. The Metropolis test makes the density exact for any
 * step, so stiff ripples need no short time step, and the bias needs no gradient: proposals follow V (and the bias
 * where it has a gradient), the test does the rest. Raised temperature is the bias b = −(1 − ε/ε') V; where only some
 * coordinates are heated, V is taken along them with the others held at a reference point: exact for any V. */
#ifndef KR_SAMPLING_COMMITTOR_SAMPLE_H
#define KR_SAMPLING_COMMITTOR_SAMPLE_H

#include "core/random.h"
#include "sampling/problem.h"

/* Adds to b [n] and, when grad is not NULL, to grad [n][dim]; thread < kr_parallel_threads. */
typedef kr_status (*kr_sample_bias_fn)(void *payload, kr_context *ctx, int thread, int n, const double *x, double *b,
                                       double *grad);

typedef struct kr_heating {
    double epsilon;          /* ε' of the heated coordinates; 0 = no heating */
    int ncoordinates;        /* 0 = all */
    const int *coordinate;   /* [ncoordinates], from 0 */
    const double *reference; /* [dim] the others while V is looked up; NULL = 0 */
} kr_heating;

typedef struct kr_sample_options {
    long count;          /* samples */
    int walkers, stride; /* steps between samples of a walker; 0 = 128, 20 */
    long burn;           /* steps before the first sample, in which the step length is found; 0 = 2000 */
    kr_heating heating;
    kr_sample_bias_fn bias; /* in addition; may be NULL */
    void *payload;
    const kr_region *inside; /* only points of this region; NULL = everywhere */
    const double *start;     /* [nstart][dim] walkers begin at these in turn */
    int nstart;
    kr_stream stream;
    uint64_t round; /* one more number of the random streams */
} kr_sample_options;

typedef struct kr_samples {
    long n;
    int dim;
    double *x;          /* [n][dim] */
    double *log_weight; /* [n] b/ε */
    double acceptance;
} kr_samples;

/* Uses the box of the problem: points outside are not visited, periodic coordinates are wrapped. */
kr_status kr_samples_draw(kr_context *ctx, const kr_problem *problem, const kr_sample_options *options,
                          kr_samples *samples);
void kr_samples_free(kr_samples *samples);
/* (Σw)²/Σw² */
double kr_samples_effective(const kr_samples *samples);

#endif
