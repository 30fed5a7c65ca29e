/* The command committor: validation, always done and always reported.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/run_committor.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* One line of the table; `value` is within [low, high] or the check fails. */
static kr_status check(kr_context *ctx, kr_sampling *run, kr_tree *map, const char *key, const char *name, double value,
                       double low, double high, int *passed) {
    kr_status status = KR_OK;
    int good = value >= low && value <= high;
    char allowed[64];
    if (low == -INFINITY)
        snprintf(allowed, sizeof allowed, "<= %.4g", high);
    else if (high == INFINITY)
        snprintf(allowed, sizeof allowed, ">= %.4g", low);
    else
        snprintf(allowed, sizeof allowed, "%.4g to %.4g", low, high);
    if (!good) *passed = 0;
    KR_TRY(kr_run_line(ctx, run, "  %-44s %12.5g  %-18s %s", name, value, allowed, good ? "pass" : "FAIL"));
    KR_TRY(kr_run_set_real(ctx, map, key, value));
done:
    return status;
}

/* Points where q is near ½, at most `wanted`, drawn with their weights (at equal steps of the summed weight): the
 * transition states of the problem, not of the bias. q of them in expected. */
static int choose(const kr_committor_set *set, const double *q, int dim, int wanted, double *x, double *expected) {
    double all = 0, sum = 0;
    int n = 0;
    for (long i = 0; i < set->outside; i++) all += fabs(q[i] - 0.5) < 0.05 ? set->w[i] : 0;
    for (long i = 0; i < set->outside && n < wanted; i++) {
        if (!(fabs(q[i] - 0.5) < 0.05)) continue;
        double before = floor(sum / all * wanted + 0.5);
        sum += set->w[i];
        if (floor(sum / all * wanted + 0.5) <= before) continue;
        memcpy(x + (size_t)n * (size_t)dim, set->x + (size_t)i * (size_t)dim, (size_t)dim * sizeof *x);
        expected[n++] = q[i];
    }
    return n;
}

static kr_status histogram(kr_context *ctx, kr_sampling *run, const kr_committor_set *test, const double *q,
                           kr_tree *map, int *passed) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    int dim = run->problem->dim, n;
    double *x = NULL, *expected = NULL, *hits = NULL;
    long lost = 0;
    KR_NEW(ctx, x, (size_t)s->check.points * (size_t)dim);
    KR_NEW(ctx, expected, (size_t)s->check.points);
    KR_NEW(ctx, hits, (size_t)s->check.points);
    n = choose(test, q, dim, s->check.points, x, expected);
    KR_TRY(
        check(ctx, run, map, "points", "points with |q - 1/2| < 0.05", n, fmin(20, s->check.points), INFINITY, passed));
    if (n > 0) {
        kr_shooting how = {.shots = s->check.shots, .dt = s->check.dt, .stream = {run->seed, 0xc0a1}};
        KR_TRY(kr_committor_shoot(ctx, run->problem, &how, n, x, hits, NULL, &lost));
        kr_histogram_test t = kr_committor_histogram(n, s->check.shots, hits, expected);
        KR_TRY(check(ctx, run, map, "hit_mean", "shots that reach B first, mean", t.mean, 0.5 - s->check.mean,
                     0.5 + s->check.mean, passed));
        KR_TRY(check(ctx, run, map, "hit_intrinsic_sd", "  their spread beyond the binomial one", t.intrinsic,
                     -INFINITY, s->check.intrinsic, passed));
        KR_TRY(kr_run_set_real(ctx, map, "hit_mean_error", t.standard_error));
        KR_TRY(kr_run_set_real(ctx, map, "hit_sd", t.sd));
        KR_TRY(kr_run_set_reals(ctx, map, "hits", n, hits));
        KR_TRY(kr_run_set_reals(ctx, map, "expected", n, expected));
        KR_TRY(check(ctx, run, map, "lost", "shots that ended nowhere", (double)lost, -INFINITY, 0, passed));
    }
done:
    kr_free(x);
    kr_free(expected);
    kr_free(hits);
    return status;
}

static kr_status edges(kr_context *ctx, kr_sampling *run, const kr_committor_function *f, const double *xa,
                       const double *xb, long n, kr_tree *map, int *passed) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    double *q = NULL;
    static const char *const key[] = {"rms_a", "rms_b", "edge_a", "edge_b"};
    static const char *const name[] = {"rms of q in A", "rms of 1 - q in B", "rms of q on the edge of A",
                                       "rms of 1 - q on the edge of B"};
    KR_NEW(ctx, q, (size_t)n);
    for (int c = 0; c < (run->problem->nsamples ? 2 : 4); c++) {
        int state = c % 2, edge = c / 2;
        long first = edge ? kr_committor_state_part(KR_COMMITTOR_EDGE, n) : 0;
        long last = edge ? kr_committor_state_part(KR_COMMITTOR_EDGE + 1, n) : n;
        double square = 0;
        KR_TRY(f->evaluate(ctx, f->payload, n, state ? xb : xa, q, NULL));
        for (long i = first; i < last; i++) square += (q[i] - state) * (q[i] - state) / (double)(last - first);
        KR_TRY(check(ctx, run, map, key[c], name[c], sqrt(square), -INFINITY, s->check.boundary, passed));
    }
done:
    kr_free(q);
    return status;
}

/* First passage times from A to B, when 100 of them cost no more than 2e8 steps. */
static kr_status direct(kr_context *ctx, kr_sampling *run, double k_ab, const double *xa, kr_tree *map, int *passed) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    double cost = s->check.direct / (k_ab * s->check.dt), *time = NULL, mean = 0, variance = 0;
    long lost = 0;
    if (s->check.direct < 2) return KR_OK;
    if (!(cost < 2e8))
        return kr_run_line(ctx, run, "  %-44s %12s  (%.1e steps are too many)", "direct simulation", "-", cost);
    KR_NEW(ctx, time, (size_t)s->check.direct);
    kr_shooting how = {.shots = 1, .dt = s->check.dt, .only_b = 1, .most = 2000000000, .stream = {run->seed, 0xc0d1}};
    KR_TRY(kr_committor_shoot(ctx, run->problem, &how, s->check.direct, xa, NULL, time, &lost));
    for (int i = 0; i < s->check.direct; i++) mean += time[i] / s->check.direct;
    for (int i = 0; i < s->check.direct; i++) variance += pow(time[i] - mean, 2) / (s->check.direct - 1);
    double error = sqrt(variance / s->check.direct) / mean, ratio = mean * k_ab;
    KR_TRY(kr_run_set_real(ctx, map, "direct_time", mean));
    KR_TRY(kr_run_set_real(ctx, map, "direct_error", error * mean));
    KR_TRY(check(ctx, run, map, "direct_ratio", "k_AB times mean passage time of simulations", ratio,
                 1 - 3 * error - 0.05, 1 + 3 * error + s->check.spread, passed));
done:
    kr_free(time);
    return status;
}

/* What is read off q besides the flux. q(1 − q) in the middle of A and B is not known: the functional does not feel it,
 * only the margin of the hinge keeps q small there. So the time on transitions is between the sum over points with a
 * logit 2 within the margin and the sum over all. */
typedef struct populations {
    double rho_a, p_least, p_most;
} populations;

static populations populate(const kr_sampling *run, const kr_committor_set *test, const double *q) {
    const kr_committor_settings *s = run->state;
    populations sum = {0};
    double edge = 1 / (1 + exp(fmax(s->train.margin - 2, 0)));
    for (long i = 0; i < test->n; i++) {
        int outside = i < test->outside;
        int in_b = !outside && kr_region_level(run->problem->b, test->x + i * run->problem->dim, NULL) <= 0;
        double value = outside ? fmin(fmax(q[i], 0), 1) : in_b, w = test->w[i] / (double)test->n;
        sum.rho_a += w * (1 - value);
        sum.p_most += w * value * (1 - value);
        if (value > edge && value < 1 - edge) sum.p_least += w * value * (1 - value);
    }
    return sum;
}

static kr_status print_rates(kr_context *ctx, kr_sampling *run, const kr_flux_test *t, const populations *p) {
    kr_status status = KR_OK;
    const double value[] = {t->nu,      t->nu_error, t->nu / p->rho_a,   t->nu / (1 - p->rho_a), p->rho_a,
                            p->p_least, p->p_most,   p->p_least / t->nu, p->p_most / t->nu};
    const char *const key[] = {
        "nu", "nu_error", "k_AB", "k_BA", "rho_A", "p_react", "p_react_most", "path_duration", "path_duration_most"};
    const char *const text[] = {"nu (A to B per time; upper bound)",
                                "  its sampling error",
                                "k_AB",
                                "k_BA",
                                "rho_A",
                                "probability of being on a transition, at least",
                                "  at most",
                                "mean length of a transition, at least",
                                "  at most"};
    KR_TRY(kr_run_line(ctx, run, "result"));
    for (int i = 0; i < 9; i++) {
        KR_TRY(kr_run_line(ctx, run, "  %-46s %12.6g", text[i], value[i]));
        KR_TRY(kr_run_set_real(ctx, run->results, key[i], value[i]));
    }
done:
    return status;
}

/* Fluxes through isosurfaces. Noise only makes the spread larger (the largest of nine less the smallest), so a pass is
 * one with any number of samples; a failure near the limit may be noise, and is said to be. */
static kr_status fluxes(kr_context *ctx, kr_sampling *run, const kr_flux_test *t, kr_tree *map, int *passed) {
    kr_status status = KR_OK;
    double limit = ((const kr_committor_settings *)run->state)->check.spread;
    char text[80];
    KR_TRY(kr_run_set_real(ctx, map, "flux_spread_error", t->spread_error));
    KR_TRY(kr_run_set_real(ctx, map, "flux_ratio_error", t->ratio_error));
    snprintf(text, sizeof text, "spread of the flux over isosurfaces, +- %.2g", t->spread_error);
    KR_TRY(check(ctx, run, map, "flux_spread", text, t->spread, -INFINITY, limit, passed));
    if (fabs(t->spread - limit) < 2 * t->spread_error)
        KR_TRY(
            kr_run_line(ctx, run, "  the limit %g is within two standard errors: a larger flux_count decides", limit));
    snprintf(text, sizeof text, "flux near A over flux near B, +- %.2g", t->ratio_error);
    KR_TRY(check(ctx, run, map, "flux_ratio", text, t->ratio, 1 - limit, 1 + limit, passed));
done:
    return status;
}

kr_status kr_committor_validate(kr_context *ctx, kr_sampling *run, const kr_committor_function *f,
                                const kr_committor_set *test, const double *xa, const double *xb, long nedge,
                                int *passed) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    double *q = NULL, *grad = NULL;
    kr_flux_test t;
    kr_tree *map;
    *passed = 1;
    KR_TRY(kr_run_set_map(ctx, run->results, "validation", &map));
    KR_NEW(ctx, q, (size_t)test->n);
    KR_NEW(ctx, grad, (size_t)test->outside * (size_t)run->problem->dim);
    KR_TRY(f->evaluate(ctx, f->payload, test->outside, test->x, q, grad));
    populations p = populate(run, test, q);
    KR_TRY(kr_committor_flux(ctx, run->problem, test->outside, q, grad, test->w, test->group, test->groups,
                             (double)test->n, &t));
    KR_TRY(kr_committor_isosurfaces(ctx, run, f, test, q, grad, &t));
    KR_TRY(print_rates(ctx, run, &t, &p));
    KR_TRY(kr_run_line(ctx, run, "validation"));
    KR_TRY(check(ctx, run, map, "effective_samples", "effective number of samples", test->effective, 100, INFINITY,
                 passed));
    KR_TRY(check(ctx, run, map, "rate_error", "relative sampling error of the rate", t.nu_error / t.nu, -INFINITY,
                 s->check.error, passed));
    /* Walkers that begin in A and in B must agree on how much of the time is spent in B. */
    KR_TRY(check(ctx, run, map, "start_ratio", "weight of B, walkers from A over walkers from B",
                 test->from_a / test->from_b, 1 / 1.5, 1.5, passed));
    KR_TRY(edges(ctx, run, f, xa, xb, nedge, map, passed));
    KR_TRY(fluxes(ctx, run, &t, map, passed));
    KR_TRY(kr_run_set_reals(ctx, map, "flux", KR_FLUX_BINS, t.flux));
    KR_TRY(kr_run_set_reals(ctx, map, "flux_error", KR_FLUX_BINS, t.error));
    if (run->problem->nsamples) {
        *passed = 0;
        KR_TRY(kr_run_line(ctx, run, "  points of a file bring no dynamics: no shots, so no proof of the function"));
    } else {
        KR_TRY(histogram(ctx, run, test, q, map, passed));
        KR_TRY(direct(ctx, run, t.nu / p.rho_a, xa, map, passed));
    }
    KR_TRY(kr_run_line(ctx, run, *passed ? "validated" : "NOT VALIDATED"));
    KR_TRY(kr_run_set_bool(ctx, run->results, "validated", *passed));
done:
    kr_free(q);
    kr_free(grad);
    return status;
}
