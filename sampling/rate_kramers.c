/* Rates of small noise: Eyring–Kramers (overdamped) and Kramers–Langer (underdamped), critical points found by itself.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   k = λ₊/2π sqrt(det H_min/|det H_saddle|) exp(−(V_saddle − V_min)/ε)
 * λ₊ is the rate at which the deterministic dynamics leaves the saddle: −μ overdamped, μ the lowest eigenvalue of
 * a^{1/2} H a^{1/2}; −γ/2 + sqrt(γ²/4 + ω²) underdamped, −ω² the lowest eigenvalue of m^{−1/2} H m^{−1/2}.
 * Steps: minima from the middles of A and B; a string between them; the highest image, polished to the saddle; a second
 * look along the string for minima that lie lower than A's. The error of the formula is of order ε, not of statistics:
 * there is no error bar, and the result takes no part in the test of agreement. */
#include "core/error.h"
#include "core/linalg.h"
#include "core/memory.h"
#include "sampling/path.h"
#include "sampling/rate.h"
#include <math.h>
#include <string.h>

typedef struct asymptotic {
    int images, rounds;
    const kr_tree *start;
    kr_critical minimum[2], saddle;
    kr_path path;
} asymptotic;

static const kr_parameter parameters[] = {{.name = "images",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(asymptotic, images),
                                           .initial = "101",
                                           .range = "[5, 10000]",
                                           .help = "of the string between the minima"},
                                          {.name = "rounds",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(asymptotic, rounds),
                                           .initial = "20000",
                                           .range = ">= 1",
                                           .help = "most iterations of the string"},
                                          {0}};

static kr_status prepare(kr_context *ctx, kr_rate *rate) {
    rate->pieces = 1;
    rate->width = 6; /* k_ab, k_ba, barrier, λ₊, index of the saddle, converged */
    if (!kr_problem_has_potential(rate->problem))
        return kr_parameter_fail(ctx, "kramers", "kind", kr_tree_get(rate->complete, "kind"),
                                 "problem '%s' has no potential, the formula needs one", rate->problem->kind->name);
    if (rate->problem->positions > 2000)
        return kr_parameter_fail(ctx, "kramers", "kind", kr_tree_get(rate->complete, "kind"),
                                 "%d dimensions, allowed 2000", rate->problem->positions);
    return KR_OK;
}

/* Escape rate of the dynamics linearised at the saddle. */
static kr_status escape(kr_context *ctx, const kr_problem *p, const double *x, double *lambda) {
    kr_status status = KR_OK;
    int d = p->positions;
    double *h = NULL, *values = NULL;
    KR_NEW(ctx, h, (size_t)d * (size_t)d);
    KR_NEW(ctx, values, (size_t)d);
    KR_TRY(kr_problem_hessian(ctx, p, x, h));
    for (int i = 0; i < d; i++)
        for (int k = 0; k < d; k++) {
            double scale = 1;
            if (p->dynamics == KR_UNDERDAMPED)
                scale = p->mass ? 1 / sqrt(p->mass[i] * p->mass[k]) : 1;
            else if (p->mobility)
                scale = sqrt(p->mobility[i] * p->mobility[k]);
            h[(long)i * d + k] *= scale;
        }
    KR_TRY(kr_eigen_symmetric(ctx, d, h, values));
    double half = 0.5 * p->gamma;
    *lambda = p->dynamics == KR_UNDERDAMPED ? -half + sqrt(half * half - values[0]) : -values[0];
done:
    kr_free(h);
    kr_free(values);
    return status;
}

/* ln of the product of |eigenvalues|. */
static double log_det(const kr_critical *c, int d) {
    double sum = 0;
    for (int i = 0; i < d; i++) sum += log(fabs(c->eigenvalue[i]));
    return sum;
}

static kr_status find_minima(kr_context *ctx, kr_rate *rate, asymptotic *s) {
    kr_status status = KR_OK;
    const kr_problem *p = rate->problem;
    double *x = NULL, *both = NULL;
    size_t d = (size_t)p->positions;
    KR_NEW(ctx, x, (size_t)p->dim);
    KR_NEW(ctx, both, 2 * d);
    for (int k = 0; k < 2; k++) {
        KR_TRY(kr_rate_start(ctx, rate, k, x));
        KR_TRY(kr_critical_minimum(ctx, p, x, &s->minimum[k]));
        if (status == KR_NOT_CONVERGED) KR_FAIL(ctx, KR_ERR_NUMERIC, "kramers: no minimum of V near state %c", 'A' + k);
        memcpy(both + (size_t)k * d, s->minimum[k].x, d * sizeof *both);
    }
    KR_TRY(kr_path_line(ctx, (int)d, 2, both, s->images, &s->path));
done:
    kr_free(x);
    kr_free(both);
    return status;
}

static kr_status piece(kr_context *ctx, kr_rate *rate, int i, double *out) {
    (void)i;
    kr_status status = KR_OK, found = KR_OK;
    asymptotic *s = rate->state;
    const kr_problem *p = rate->problem;
    int d = p->positions, top = 0;
    double lambda;
    KR_TRY(find_minima(ctx, rate, s));
    found = kr_path_string(ctx, p, s->images, s->rounds, 0, &s->path);
    KR_TRY(found);
    for (int k = 0; k < s->images; k++)
        if (s->path.action[k] > s->path.action[top]) top = k;
    if (top == 0 || top == s->images - 1)
        KR_FAIL(ctx, KR_ERR_NUMERIC, "kramers: there is no barrier between A and B on the string");
    KR_TRY(kr_critical_saddle(ctx, p, s->path.x + (long)top * d, &s->saddle));
    if (status == KR_NOT_CONVERGED)
        KR_FAIL(ctx, KR_ERR_NUMERIC, "kramers: the highest image of the string leads to no saddle of index 1");
    KR_TRY(escape(ctx, p, s->saddle.x, &lambda));
    for (int k = 0; k < 2; k++)
        out[k] = lambda / (2 * M_PI) * exp(0.5 * (log_det(&s->minimum[k], d) - log_det(&s->saddle, d))) *
                 exp(-(s->saddle.v - s->minimum[k].v) / p->epsilon);
    out[2] = s->saddle.v - s->minimum[0].v;
    out[3] = lambda;
    out[4] = s->saddle.index;
    out[5] = found == KR_OK;
    /* A lower minimum on the way, before the saddle, is where A's probability really is. */
    for (int k = 0; k < top; k++)
        if (s->path.action[k] < s->minimum[0].v - 0.1 * p->epsilon) out[5] = -1;
done:
    return status < 0 ? status : KR_OK;
}

static kr_status combine(kr_context *ctx, kr_rate *rate) {
    kr_status status = KR_OK;
    const asymptotic *s = rate->state;
    const double *out = rate->out;
    double ab = out[0], ba = out[1];
    rate->k_ab = (kr_estimate){ab, NAN};
    rate->k_ba = (kr_estimate){ba, NAN};
    rate->nu = (kr_estimate){ab * ba / (ab + ba), NAN};
    rate->error_from = "none: asymptotic formula, error of order epsilon";
    KR_TRY(kr_run_set_real(ctx, rate->results, "barrier", out[2]));
    KR_TRY(kr_run_set_real(ctx, rate->results, "escape_rate", out[3]));
    KR_TRY(kr_run_set_real(ctx, rate->results, "barrier_over_epsilon", out[2] / rate->problem->epsilon));
    if (s->saddle.x) {
        KR_TRY(kr_run_set_reals(ctx, rate->results, "saddle", rate->problem->positions, s->saddle.x));
        KR_TRY(kr_run_set_reals(ctx, rate->results, "minimum_a", rate->problem->positions, s->minimum[0].x));
        KR_TRY(kr_run_set_reals(ctx, rate->results, "minimum_b", rate->problem->positions, s->minimum[1].x));
    }
    if (out[5] < 0) kr_rate_doubt(rate, "V has a lower minimum between state A and the saddle");
    if (out[5] == 0) kr_log(ctx, KR_LOG_INFO, "the string still moved after %d rounds; its saddle is exact", s->rounds);
    if (out[2] < 2 * rate->problem->epsilon)
        kr_rate_doubt(rate, "the barrier is only %.2g times epsilon", out[2] / rate->problem->epsilon);
done:
    return status;
}

static void destroy(kr_rate *rate) {
    asymptotic *s = rate->state;
    kr_critical_destroy(&s->minimum[0]);
    kr_critical_destroy(&s->minimum[1]);
    kr_critical_destroy(&s->saddle);
    kr_path_destroy(&s->path);
}

const kr_rate_kind kr_rate_kramers = {
    .name = "kramers",
    .summary = "Eyring-Kramers or Kramers-Langer formula at critical points found by itself",
    .reference = "Kramers, Physica 7, 284 (1940); Langer, Ann. Phys. 54, 258 (1969)",
    .parameters = parameters,
    .size = sizeof(asymptotic),
    .prepare = prepare,
    .piece = piece,
    .combine = combine,
    .destroy = destroy,
};
