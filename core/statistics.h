/* Intervals, ranks and monotone fits for samples.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_STATISTICS_H
#define KR_CORE_STATISTICS_H

#include <kramers/context.h>

/* Regularised incomplete beta function I_x(a, b), a, b > 0, and its inverse in x; |error| < 1e-12. Continued fraction
 * of Lentz (DLMF 8.17.22); the inverse by bisection and Newton. */
double kr_beta_incomplete(double a, double b, double x);
double kr_beta_inverse(double a, double b, double p);
/* Quantile of the standard normal distribution, p in (0, 1). */
double kr_normal_quantile(double p);

/* Two-sided interval of a probability, k successes of n, confidence e.g. 0.95. Clopper and Pearson 1934: coverage never
 * below nominal. n = 0 gives [0, 1]. */
void kr_interval_exact(long k, long n, double confidence, double *low, double *high);
/* One-sided upper limit of the same kind: P(p ≤ high) ≥ confidence. 0 of n: 1 − (1 − confidence)^(1/n). Counts may be
 * effective ones. */
double kr_upper_limit(double k, double n, double confidence);
/* Wilson 1927; counts may be effective ones, so not whole numbers. */
void kr_interval_wilson(double k, double n, double confidence, double *low, double *high);
/* Upper limit of Σ weight[s] p[s], weights sum up to 1, strata with k[s] of n[s]: Wilson's interval at the effective
 * sample size of the stratified estimate (Franco et al. 2019), never below the weighted sum of what the strata exclude.
 * A stratum with n = 0 counts as p = 1. */
double kr_upper_limit_stratified(int nstrata, const double *weight, const double *k, const double *n,
                                 double confidence);

/* Ranks from 1, ties get their mean. rank [n]. */
kr_status kr_ranks(kr_context *ctx, long n, const double *value, double *rank);
/* Spearman's correlation; NaN for n < 2 or a constant. */
kr_status kr_spearman(kr_context *ctx, long n, const double *x, const double *y, double *rho);
/* Isotonic (non-decreasing) least-squares fit: y at ascending x, weights w (NULL = 1) → fit [n]; pool adjacent
 * violators. */
kr_status kr_isotonic(kr_context *ctx, long n, const double *y, const double *w, double *fit);
/* Median and median absolute deviation × 1.4826 (σ of a normal sample). */
kr_status kr_median_mad(kr_context *ctx, long n, const double *value, double *median, double *sigma);

#endif
