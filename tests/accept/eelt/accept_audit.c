/* Coverage of the audit's 95 % bound on synthetic campaigns whose rate is known: prints "coverage_<scenario> share",
 * "worst share", "mean_excess" (bound over truth, so that a bound of 1 everywhere would be seen).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A campaign: cells of different populations; runs with a level of their own, μ_r ~ N(μ_c, ρ); within a run log e is a
 * stationary AR(1) about it with variance 1 − ρ, so frames near in time are alike beyond the run. A reservoir of every
 * run is offered, the audit draws, the bound is compared with the true share of e > e_target over all runs there could
 * be, Σ w_c Φ(μ_c − log e_target). */
#include "core/random.h"
#include "measure.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 5, RESERVOIR = 20, MOST_RUNS = 40 };

typedef struct scenario {
    const char *name;
    int runs;     /* of a cell */
    long frames;  /* audited */
    double rate;  /* of the worst cell; the others have less */
    double alike; /* ρ */
    double decay; /* correlation of neighbouring frames of the reservoir, beyond ρ */
} scenario;

static const double population[CELLS] = {5, 3, 1, 1, 0.2};
/* rates of the cells in units of the scenario's */
static const double relative[CELLS] = {0.1, 0.4, 1, 0.05, 0.7};

/* x with Φ(x) = p, by bisection: no code shared with what is measured. */
static double quantile(double p) {
    double low = -10, high = 10;
    for (int i = 0; i < 80; i++) {
        double x = 0.5 * (low + high);
        if (0.5 * erfc(-x / sqrt(2)) < p)
            low = x;
        else
            high = x;
    }
    return low;
}

static uint64_t draws;
static double normal(void) {
    double x[4];
    kr_random_normal((kr_stream){20, 31}, draws++, 0, 0, x);
    return x[0];
}

static double campaign(kr_context *ctx, const scenario *s, uint64_t seed, double *truth) {
    int nruns = CELLS * s->runs;
    long n = (long)nruns * RESERVOIR, nchosen, *chosen;
    kr_audit_offer *offers = must_allocate((size_t)n, sizeof *offers);
    double *y = must_allocate((size_t)n, sizeof *y), weight = 0;
    *truth = 0;
    for (int c = 0, at = 0; c < CELLS; c++) {
        double p = s->rate * relative[c], mean = quantile(p);
        *truth += population[c] * p;
        weight += population[c];
        for (int r = 0; r < s->runs; r++) {
            double level = mean + sqrt(s->alike) * normal(), x = normal();
            for (int t = 0; t < RESERVOIR; t++, at++) {
                x = t ? s->decay * x + sqrt(1 - s->decay * s->decay) * normal() : x;
                offers[at] = (kr_audit_offer){c * s->runs + r, c, 0.1 * t, 1};
                y[at] = level + sqrt(1 - s->alike) * x;
            }
        }
    }
    *truth /= weight;
    must(ctx, kr_audit_sample(ctx, seed, 0, s->frames, 0.1, CELLS, population, n, offers, &nchosen, &chosen), "sample");
    kr_scored *scored = must_allocate((size_t)nchosen, sizeof *scored);
    for (long k = 0; k < nchosen; k++)
        scored[k] = (kr_scored){
            offers[chosen[k]].run, offers[chosen[k]].cell, 1, NAN, 0.15 * exp(y[chosen[k]]), NAN, 0, 0, NAN, NAN};
    kr_audit_options o = kr_audit_defaults;
    kr_audit_report *report;
    o.resamples = 0;
    must(ctx, kr_audit_evaluate(ctx, &o, CELLS, population, nchosen, scored, &report), "evaluate");
    double bound = report->all.bound;
    kr_audit_report_destroy(&report);
    kr_audit_free(&chosen);
    free(scored);
    free(offers);
    free(y);
    return bound;
}

int main(int argc, char **argv) {
    static const scenario scenarios[] = {
        {"independent", 40, 300, 0.05, 0, 0},        {"rare", 40, 300, 0.01, 0, 0},
        {"runs_alike", 10, 300, 0.05, 0.3, 0.3},     {"few_runs_alike", 4, 100, 0.1, 0.3, 0.5},
        {"runs_much_alike", 10, 300, 0.1, 0.7, 0.5}, {"small_audit", 10, 60, 0.1, 0.2, 0},
        {"frequent", 20, 100, 0.5, 0.3, 0.3},        {"rare_alike", 20, 300, 0.02, 0.5, 0.5},
    };
    int trials = argc > 1 && !strcmp(argv[1], "quick") ? 300 : 1000;
    kr_context *ctx = NULL;
    double least = 1;
    must(NULL, kr_context_create(&ctx), "context");
    for (size_t k = 0; k < sizeof scenarios / sizeof scenarios[0]; k++) {
        int covered = 0;
        double excess = 0, truth;
        for (int t = 0; t < trials; t++) {
            double bound = campaign(ctx, &scenarios[k], (uint64_t)t, &truth);
            covered += bound >= truth;
            excess += bound / truth / trials;
        }
        printf("coverage_%s %.4f\nexcess_%s %.2f\n", scenarios[k].name, (double)covered / trials, scenarios[k].name,
               excess);
        least = fmin(least, (double)covered / trials);
    }
    printf("worst %.4f\n", least);
    kr_context_destroy(&ctx);
    return 0;
}
