/* Quasipotential: V as a network; the losses that select the right solution.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   V = c_V N(u) + b·(x − mean) + (x − mean)ᵀQ(x − mean)/2,  u = (x − mean)/scale;   g = f + a∇V
 * With p = ∇V, s = p·g, D = (|p|² + δ)(|g|² + δ), δ = 1e-6 |f|²:
 *   cosine       s²/D, times `weight` < 1 where s < 0. The asymmetry and the division select V; weight 1 or no division
 *                (hj) have V = 0 and other collapsed solutions
 *   normalized   s²/(|p|² + |g|²)²        where g may vanish (gradient drifts)
 *   epr          |f + a p|² over stationary samples
 * Points of characteristics (quasipotential_characteristics.c): |p − p_exact|², relative. Warm-up: |f + a p|²/⟨|f|²⟩,
 * the best gradient. Each is a function of p: its derivative is the v of the third sweep (core/net.h).
 * Sources: Lin, Li, Ren, PMLR 145, 652 (2022); Zhao, Zhang, Li, Commun. Phys. 2024 (EPR). */
#include "core/error.h"
#include "core/linalg.h"
#include "core/parallel.h"
#include "sampling/network.h"
#include "sampling/quasipotential_net_parts.h"
#include <math.h>
#include <string.h>

enum { ROWS = KR_QUASI_ROWS };

kr_status kr_quasi_make_net(kr_context *ctx, int dim, int nhidden, const int *hidden, int out, const char *activation,
                            size_t *nparams, kr_net **net) {
    kr_activation act;
    int width[16];
    if (nhidden < 1 || nhidden > 14)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "a network of %d hidden layers; 1 to 14 are possible", nhidden);
    kr_status status = kr_activation_parse(ctx, activation, &act);
    width[0] = dim;
    for (int l = 0; l < nhidden; l++) width[l + 1] = hidden[l];
    width[nhidden + 1] = out;
    return status < 0 ? status : kr_net_create(ctx, nhidden + 1, width, &act, 0, 1, 0, 1, nparams, net);
}

kr_status kr_quasi_net_create(kr_context *ctx, const kr_problem *problem, int nhidden, const int *hidden,
                              const char *activation, kr_stream stream, kr_quasi_net **model) {
    kr_status status = KR_OK;
    kr_quasi_net *m = NULL;
    *model = NULL;
    KR_NEW(ctx, m, 1);
    size_t d = (size_t)problem->dim;
    m->problem = problem;
    m->dim = problem->dim;
    KR_TRY(kr_quasi_make_net(ctx, m->dim, nhidden, hidden, 1, activation, &m->nparams, &m->v));
    KR_NEW(ctx, m->theta, m->nparams);
    KR_NEW(ctx, m->mean, d);
    KR_NEW(ctx, m->scale, d);
    KR_NEW(ctx, m->linear, d);
    KR_NEW(ctx, m->quadratic, d * d);
    m->threads = kr_parallel_threads(ctx);
    m->scratch_size = ROWS * (8 * d + 4);
    KR_NEW(ctx, m->scratch, (size_t)m->threads * m->scratch_size);
    KR_NEW(ctx, m->slots, ((size_t)m->threads + 1) * (m->nparams + 3));
    KR_NEW(ctx, m->workspace, (size_t)m->threads);
    kr_network_initialize(m->v, m->theta, stream, 0);
    for (size_t k = 0; k < d; k++) m->scale[k] = m->quadratic[k * d + k] = 1;
    m->factor_v = 1;
    *model = m;
    m = NULL;
done:
    kr_quasi_net_destroy(&m);
    return status;
}

void kr_quasi_net_destroy(kr_quasi_net **model) {
    kr_quasi_net *m = model ? *model : NULL;
    if (!m) return;
    for (int t = 0; t < m->threads && m->workspace; t++) kr_net_workspace_free(&m->workspace[t]);
    kr_free(m->workspace);
    kr_net_destroy(&m->v);
    kr_free(m->theta);
    kr_free(m->mean);
    kr_free(m->scale);
    kr_free(m->linear);
    kr_free(m->quadratic);
    kr_free(m->scratch);
    kr_free(m->slots);
    kr_free(m);
    *model = NULL;
}

/* Inputs of unit variance; c_V so that the confining part alone has the mean square of f. */
void kr_quasi_net_fit_scales(kr_quasi_net *m, long n, const double *x, const double *f) {
    double drift = 0, slope = 0;
    size_t d = (size_t)m->dim;
    for (size_t k = 0; k < d; k++) {
        double mean = 0, square = 0;
        for (long i = 0; i < n; i++) mean += x[(size_t)i * d + k] / (double)n;
        for (long i = 0; i < n; i++) square += pow(x[(size_t)i * d + k] - mean, 2) / (double)n;
        m->mean[k] = mean;
        m->scale[k] = square > 0 ? sqrt(square) : 1;
    }
    for (size_t i = 0; i < (size_t)n * d; i++) {
        size_t k = i % d;
        drift += f[i] * f[i];
        slope += pow((x[i] - m->mean[k]) / (m->scale[k] * m->scale[k]), 2);
    }
    m->factor_v = sqrt(drift / slope);
    memset(m->linear, 0, d * sizeof *m->linear);
    memset(m->quadratic, 0, d * d * sizeof *m->quadratic);
    for (size_t k = 0; k < d; k++) m->quadratic[k * d + k] = m->factor_v / (m->scale[k] * m->scale[k]);
}

/* Least squares of −f/a against (1, x − mean), then the symmetric part. */
kr_status kr_quasi_net_fit_polynomial(kr_context *ctx, kr_quasi_net *m, long n, const double *x, const double *f) {
    kr_status status = KR_OK;
    size_t d = (size_t)m->dim, rows = (size_t)n;
    double *a = NULL, *b = NULL;
    KR_NEW(ctx, a, rows * (d + 1));
    KR_NEW(ctx, b, rows * d);
    for (size_t i = 0; i < rows; i++) {
        a[i * (d + 1)] = 1;
        for (size_t k = 0; k < d; k++) {
            a[i * (d + 1) + 1 + k] = x[i * d + k] - m->mean[k];
            b[i * d + k] = -f[i * d + k] / (m->problem->mobility ? m->problem->mobility[k] : 1);
        }
    }
    KR_TRY(kr_least_squares(ctx, (int)n, (int)d + 1, (int)d, a, b, -1, NULL));
    for (size_t k = 0; k < d; k++) {
        m->linear[k] = b[k];
        for (size_t j = 0; j < d; j++) m->quadratic[k * d + j] = 0.5 * (b[(1 + k) * d + j] + b[(1 + j) * d + k]);
    }
done:
    kr_free(a);
    kr_free(b);
    return status;
}

kr_status kr_quasi_rows(kr_context *ctx, const kr_quasi_net *m, const double *theta, int thread, int n, const double *x,
                        double *u, double *gu, double *v, double *p) {
    kr_status status = KR_OK;
    size_t d = (size_t)m->dim;
    double value[ROWS];
    for (size_t i = 0; i < (size_t)n * d; i++) u[i] = (x[i] - m->mean[i % d]) / m->scale[i % d];
    KR_TRY(kr_net_gradient(ctx, m->v, theta, n, u, NULL, value, gu, &m->workspace[thread]));
    for (size_t i = 0; i < (size_t)n; i++) {
        double sum = m->factor_v * value[i];
        for (size_t k = 0; k < d; k++) {
            double slope = 0;
            for (size_t j = 0; j < d; j++) slope += m->quadratic[k * d + j] * (x[i * d + j] - m->mean[j]);
            p[i * d + k] = m->factor_v * gu[i * d + k] / m->scale[k] + m->linear[k] + slope;
            sum += (x[i * d + k] - m->mean[k]) * (m->linear[k] + 0.5 * slope);
        }
        if (v) v[i] = sum;
    }
done:
    return status;
}

typedef struct evaluation {
    const kr_quasi_net *model;
    const double *theta, *x;
    long n;
    double *v, *grad;
} evaluation;

static kr_status evaluate_block(void *payload, kr_context *ctx, long block, int thread) {
    const evaluation *e = payload;
    const kr_quasi_net *m = e->model;
    long first = block * ROWS;
    size_t d = (size_t)m->dim, at = (size_t)first * d;
    int n = (int)(e->n - first < ROWS ? e->n - first : ROWS);
    double *u = m->scratch + (size_t)thread * m->scratch_size, *gu = u + ROWS * d, *p = gu + ROWS * d;
    kr_status status = kr_quasi_rows(ctx, m, e->theta, thread, n, e->x + at, u, gu, e->v ? e->v + first : NULL, p);
    if (e->grad && status == KR_OK) memcpy(e->grad + at, p, (size_t)n * d * sizeof *p);
    return status;
}

kr_status kr_quasi_net_evaluate(kr_context *ctx, const kr_quasi_net *m, const double *theta, long n, const double *x,
                                double *v, double *grad) {
    evaluation e = {m, theta, x, n, v, grad};
    return kr_parallel_blocks(ctx, (n + ROWS - 1) / ROWS, evaluate_block, NULL, &e);
}

/* ---- the loss ---- */

typedef struct job {
    kr_quasi_sum sum;
    const kr_quasi_training *how;
    int warm;
    const double *theta, *x, *f;
    long n;
    double mean_f; /* ⟨|f|²⟩ of the batch */
} job;

/* Orthogonality of one point; adds its derivatives to dp, dg [dim]. */
static double orthogonality(const job *j, const double *p, const double *g, const double *f, double factor, double *dp,
                            double *dg) {
    int d = j->sum.model->dim;
    double pp = 0, gg = 0, s = 0, ff = 0, delta = 1e-6 * j->mean_f;
    for (int k = 0; k < d; k++) {
        pp += p[k] * p[k];
        gg += g[k] * g[k];
        ff += f[k] * f[k];
        s += p[k] * g[k];
    }
    double ds, dpp, dgg, value; /* of the loss by s, |p|², |g|² */
    if (j->how->loss == KR_QUASI_HJ) {
        double denominator = ff + 1e-3 * j->mean_f;
        value = s * s / denominator;
        ds = 2 * s / denominator;
        dpp = dgg = 0;
    } else if (j->how->loss == KR_QUASI_NORMALIZED) {
        double sum = pp + gg + delta;
        value = s * s / (sum * sum);
        ds = 2 * s / (sum * sum);
        dpp = dgg = -2 * value / sum;
    } else {
        value = s * s / ((pp + delta) * (gg + delta));
        ds = 2 * s / ((pp + delta) * (gg + delta));
        dpp = -value / (pp + delta);
        dgg = -value / (gg + delta);
    }
    double w = s < 0 && j->how->loss == KR_QUASI_COSINE ? j->how->weight : 1;
    for (int k = 0; k < d; k++) {
        dp[k] += factor * w * (ds * g[k] + 2 * dpp * p[k]);
        dg[k] += factor * w * (ds * p[k] + 2 * dgg * g[k]);
    }
    return w * value;
}

/* A point where ∇V is known: g is the error of a∇V. Relative, but not near zeros. */
static void matched_loss(const job *j, double weight, const double *g, const double *f, double *dp, double *dg,
                         double *terms) {
    size_t d = (size_t)j->sum.model->dim;
    double miss = 0, size = 0;
    for (size_t k = 0; k < d; k++) {
        miss += g[k] * g[k];
        size += f[k] * f[k];
    }
    double scaled = weight / ((double)j->n * (size + 0.01 * j->mean_f));
    memset(dp, 0, d * sizeof *dp);
    for (size_t k = 0; k < d; k++) dg[k] = 2 * scaled * g[k];
    terms[0] += scaled * miss;
}

/* The loss of one point as a function of p and g; terms[0] dynamics, terms[1] orthogonality. */
static void point_loss(const job *j, const double *p, const double *g, const double *f, double *dp, double *dg,
                       double *terms) {
    int d = j->sum.model->dim;
    double factor = 1 / (double)j->n;
    memset(dp, 0, (size_t)d * sizeof *dp);
    memset(dg, 0, (size_t)d * sizeof *dg);
    if (j->warm || j->how->loss == KR_QUASI_EPR) {
        for (int k = 0; k < d; k++) {
            double scaled = factor / j->mean_f; /* g = f + a p: the residual of the gradient part alone */
            terms[0] += scaled * g[k] * g[k];
            dg[k] += 2 * scaled * g[k];
        }
        return;
    }
    terms[1] += factor * orthogonality(j, p, g, f, factor, dp, dg);
}

static kr_status loss_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_status status = KR_OK;
    const job *j = payload;
    const kr_quasi_net *m = j->sum.model;
    size_t d = (size_t)m->dim, size = m->nparams + 3, R = ROWS;
    long first = block * ROWS;
    int n = (int)(j->n - first < ROWS ? j->n - first : ROWS);
    const double *x = j->x + (size_t)first * d, *f = j->f + (size_t)first * d;
    double *slot = m->slots + (size_t)thread * size;
    double *u = m->scratch + (size_t)thread * m->scratch_size, *gu = u + R * d, *p = gu + R * d, *g = p + R * d;
    double *dp = g + R * d, *dg = dp + R * d, *zero = dg + R * d;
    memset(slot, 0, size * sizeof *slot);
    KR_TRY(kr_quasi_rows(ctx, m, j->theta, thread, n, x, u, gu, NULL, p));
    for (size_t i = 0; i < (size_t)n * d; i++) {
        double a = m->problem->mobility ? m->problem->mobility[i % d] : 1;
        g[i] = f[i] + a * p[i];
    }
    for (long i = 0; i < n; i++) {
        size_t at = (size_t)i * d;
        if (first + i < j->how->matched)
            matched_loss(j, first + i < j->how->matched - j->how->inexact ? 1 : j->how->share, g + at, f + at, dp + at,
                         dg + at, slot + m->nparams);
        else
            point_loss(j, p + at, g + at, f + at, dp + at, dg + at, slot + m->nparams);
    }
    for (size_t i = 0; i < (size_t)n * d; i++) {
        double a = m->problem->mobility ? m->problem->mobility[i % d] : 1;
        dp[i] = (dp[i] + a * dg[i]) * m->factor_v / m->scale[i % d];
    }
    memset(zero, 0, R * sizeof *zero);
    KR_TRY(kr_net_backprop(ctx, m->v, j->theta, n, u, zero, dp, NULL, slot, NULL, &m->workspace[thread]));
done:
    return status;
}

kr_quasi_sum kr_quasi_sum_begin(const kr_quasi_net *m) {
    size_t size = m->nparams + 3;
    kr_quasi_sum sum = {m, m->slots + (size_t)m->threads * size};
    memset(sum.total, 0, size * sizeof *sum.total);
    return sum;
}

void kr_quasi_sum_add(void *payload, long block, int thread) {
    (void)block;
    const kr_quasi_sum *sum = payload;
    size_t size = sum->model->nparams + 3;
    const double *slot = sum->model->slots + (size_t)thread * size;
    for (size_t i = 0; i < size; i++) sum->total[i] += slot[i];
}

kr_status kr_quasi_net_loss(kr_context *ctx, const kr_quasi_net *m, const kr_quasi_training *how, int warm,
                            const double *theta, long n, const double *x, const double *f, double *gradient,
                            double *loss, double terms[2]) {
    job j = {kr_quasi_sum_begin(m), how, warm, theta, x, f, n, 0};
    for (long i = 0; i < n * m->dim; i++) j.mean_f += f[i] * f[i] / (double)n;
    kr_status status = kr_parallel_blocks(ctx, (n + ROWS - 1) / ROWS, loss_block, kr_quasi_sum_add, &j);
    memcpy(gradient, j.sum.total, m->nparams * sizeof *gradient);
    terms[0] = j.sum.total[m->nparams];
    terms[1] = j.sum.total[m->nparams + 1];
    *loss = terms[0] + terms[1];
    return status;
}
