/* The command quasipotential with networks: what training and its points share.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_SAMPLING_RUN_QUASIPOTENTIAL_NETWORK_H
#define KR_SAMPLING_RUN_QUASIPOTENTIAL_NETWORK_H

#include "sampling/run_quasipotential.h"

typedef struct kr_quasi_run {
    kr_sampling *run;
    const kr_quasi_settings *s;
    const kr_attractors *attractors;
    kr_quasi_net *model;
    kr_quasi_training how;
    kr_optimizer *optimizer, *polisher; /* Adam, then L-BFGS */
    long n;                             /* stored points */
    double *x, *f;                      /* [n + nmatched][dim]; the latter: characteristics, f = −a∇V */
    long nmatched;
    double *guide_x, *guide_f; /* [nguide][dim] of minimum action paths, less exact than characteristics */
    long nguide;
    int warm;                  /* of this batch: losses of the warm-up */
    double *batch_x, *batch_f; /* [larger of the two batches][dim] */
    long batch;                /* rows in use */
    double *box;               /* [nbox][dim] uniform points for the equation at finite noise */
    long nbox;
    double depth[KR_QUASI_DEPTHS]; /* finite noise: V at attractors less that at the first … */
    int depths;                    /* … this many; 0: not held */
    double *sum;                   /* [nparams] Σ θ of the last steps */
    kr_quasi_cells cells;          /* finite noise, no fixed point, three dimensions */
    long step, averaged;
    double terms[2];
} kr_quasi_run;

/* Depths of the attractors, by the minimum action paths from the first to the others and back: finite noise hardly
 * feels them. Not held when no path is found. */
kr_status kr_quasi_measure_depths(kr_context *ctx, kr_quasi_run *r);
/* Fills x and f of the run: points of paths. */
kr_status kr_quasi_make_points(kr_context *ctx, kr_quasi_run *r);
/* n new points of characteristics; f = −a∇V. */
kr_status kr_quasi_make_characteristics(kr_context *ctx, const kr_quasi_run *r, uint64_t purpose, long n, double **x,
                                        double **f);
/* Uniform points [n][dim] of the box enlarged by a factor, those of step r->step. */
void kr_quasi_uniform_points(const kr_quasi_run *r, uint64_t purpose, double enlarge, long n, double *x);
/* The batch of step r->step: points of paths first, then uniform ones. */
kr_status kr_quasi_fill_batch(kr_context *ctx, kr_quasi_run *r);
/* V at n points x [n][dim]; payload: the run (a kr_quasi_function). */
kr_status kr_quasi_run_evaluate(kr_context *ctx, const void *payload, long n, const double *x, double *v);
/* Checks V and reports: Hessians at attractors, gradients and actions along paths; at finite noise the stationary
 * equation and the density. *passed is cleared by each that fails. */
kr_status kr_quasi_validate(kr_context *ctx, kr_quasi_run *r, int *passed);

#endif
