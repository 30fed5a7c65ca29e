/* Is a committor right? Checks that need no reference.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Rates alone prove nothing: a wrong function can give the right number. So the function itself is tested, by shooting
 * from where it says ½, by the flux through its isosurfaces (equal for the true one), by its values in A and B. */
#ifndef KR_SAMPLING_COMMITTOR_CHECK_H
#define KR_SAMPLING_COMMITTOR_CHECK_H

#include "sampling/committor_sample.h"

/* Shots: Euler–Maruyama from points x [npoints][dim], `shots` each, until A or B or `most` steps are reached.
 * hits [npoints] = fraction that reaches B first; lost [1] = shots that reached neither (not counted in hits). */
typedef struct kr_shooting {
    int shots;
    double dt;
    long most;  /* steps of a shot; 0 = 10 million */
    int only_b; /* 1: A is no end: first passage times to B; times [npoints] is their mean */
    kr_stream stream;
} kr_shooting;
kr_status kr_committor_shoot(kr_context *ctx, const kr_problem *problem, const kr_shooting *how, int npoints,
                             const double *x, double *hits, double *times, long *lost);

/* Histogram test at points where q should be `expected` [npoints]: mean of hits − expected, spread of hits beyond the
 * binomial one. */
typedef struct kr_histogram_test {
    double mean, expected, sd, intrinsic, standard_error; /* of hits; of the expected values; of hits; …; of the mean */
} kr_histogram_test;
kr_histogram_test kr_committor_histogram(int npoints, int shots, const double *hits, const double *expected);

/* Flux ε⟨Σ a (∂q)² δ(q − c)⟩ through isosurfaces, in bins of q: equal to ν for the committor. Weighted samples outside
 * of A and B; total = Σ of the weights of all samples. error [nbins] by the spread over `groups` groups of samples (i
 * mod groups; groups = walkers or a multiple). */
enum { KR_FLUX_BINS = 9 };              /* at 0.1 … 0.9, width 0.1 */
static const double KR_FLUX_LOW = 0.05; /* where the first begins; the last ends at 1 less that */
typedef struct kr_flux_test {
    double flux[KR_FLUX_BINS], error[KR_FLUX_BINS];
    double mean, spread, spread_error; /* (largest − smallest)/mean; standard error by jackknife over the groups */
    double ratio, ratio_error;         /* flux through 0.05 < q < 0.5 over that through 0.5 < q < 0.95 */
    double nu, nu_error;               /* the functional: an upper bound but for the sampling error */
} kr_flux_test;
kr_status kr_committor_flux(kr_context *ctx, const kr_problem *problem, long n, const double *q, const double *grad,
                            const double *w, const int *group, int groups, double total, kr_flux_test *test);

#endif
