/* Neural committor: features, evaluation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/committor_net.h"
#include "core/error.h"
#include "core/parallel.h"
#include "sampling/committor_net_parts.h"
#include "sampling/network.h"
#include <math.h>
#include <string.h>

static int count_features(const kr_problem *problem) {
    int n = problem->dim;
    for (int k = 0; k < problem->dim; k++) n += problem->wrap && problem->wrap[k];
    return n;
}

kr_status kr_committor_net_create(kr_context *ctx, const kr_problem *problem, int nhidden, const int *hidden,
                                  const char *activation, double width, kr_expression **expression, kr_stream stream,
                                  kr_committor_net **model) {
    kr_status status = KR_OK;
    kr_committor_net *m = NULL;
    int widths[16], widest = 1;
    kr_activation act;
    *model = NULL;
    if (nhidden < 1 || nhidden > 14)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "a network of %d hidden layers; 1 to 14 are possible", nhidden);
    KR_TRY(kr_activation_parse(ctx, activation, &act));
    KR_NEW(ctx, m, 1);
    m->problem = problem;
    m->dim = problem->dim;
    m->width = width;
    m->nfeatures = expression && *expression ? kr_expression_outputs(*expression) : count_features(problem);
    m->plain = m->nfeatures == m->dim && !(expression && *expression);
    widths[0] = m->nfeatures;
    for (int l = 0; l < nhidden; l++) widths[l + 1] = hidden[l];
    widths[nhidden + 1] = 1;
    for (int l = 0; l <= nhidden + 1; l++) widest = widths[l] > widest ? widths[l] : widest;
    KR_TRY(kr_net_create(ctx, nhidden + 1, widths, &act, 0, 1, 0, 1, &m->nparams, &m->net));
    KR_NEW(ctx, m->theta, m->nparams);
    KR_NEW(ctx, m->mean, (size_t)m->nfeatures);
    KR_NEW(ctx, m->scale, (size_t)m->nfeatures);
    for (int f = 0; f < m->nfeatures; f++) m->scale[f] = 1;
    m->threads = kr_parallel_threads(ctx);
    size_t dim = (size_t)m->dim, nf = (size_t)m->nfeatures;
    m->scratch_size = KR_COMMITTOR_ROWS * (nf * dim + 3 * nf + 4 * dim + 8);
    KR_NEW(ctx, m->scratch, (size_t)m->threads * m->scratch_size);
    KR_NEW(ctx, m->slots, ((size_t)m->threads + 1) * (m->nparams + 3));
    KR_NEW(ctx, m->workspace, (size_t)m->threads);
    kr_network_initialize(m->net, m->theta, stream, 0);
    if (expression) {
        m->expression = *expression;
        *expression = NULL;
    }
    *model = m;
    m = NULL;
done:
    kr_committor_net_destroy(&m);
    return status;
}

void kr_committor_net_destroy(kr_committor_net **model) {
    kr_committor_net *m = model ? *model : NULL;
    if (!m) return;
    for (int t = 0; t < m->threads && m->workspace; t++) kr_net_workspace_free(&m->workspace[t]);
    kr_free(m->workspace);
    kr_net_destroy(&m->net);
    kr_expression_destroy(&m->expression);
    kr_free(m->theta);
    kr_free(m->mean);
    kr_free(m->scale);
    kr_free(m->scratch);
    kr_free(m->slots);
    kr_free(m);
    *model = NULL;
}

/* φ [nfeatures], not standardized, and its derivative [nfeatures][dim] (NULL: not wanted) at one point. */
static void features(const kr_committor_net *m, const double *x, double *phi, double *derivative) {
    size_t dim = (size_t)m->dim;
    if (m->expression) {
        if (!derivative) {
            kr_expression_values(m->expression, x, phi);
            return;
        }
        for (int f = 0; f < m->nfeatures; f++)
            phi[f] = kr_expression_gradient(m->expression, f, x, derivative + (size_t)f * dim);
        return;
    }
    if (derivative) memset(derivative, 0, (size_t)m->nfeatures * dim * sizeof *derivative);
    for (int k = 0, f = 0; k < m->dim; k++, f++) {
        if (!(m->problem->wrap && m->problem->wrap[k])) {
            phi[f] = x[k];
            if (derivative) derivative[(size_t)f * dim + (size_t)k] = 1;
            continue;
        }
        double turn = 2 * M_PI / (m->problem->high[k] - m->problem->low[k]), angle = turn * (x[k] - m->problem->low[k]);
        phi[f] = cos(angle);
        phi[f + 1] = sin(angle);
        if (derivative) {
            derivative[(size_t)f * dim + (size_t)k] = -turn * sin(angle);
            derivative[(size_t)(f + 1) * dim + (size_t)k] = turn * cos(angle);
        }
        f++;
    }
}

void kr_committor_net_standardize(kr_committor_net *m, long n, const double *x) {
    double *phi = m->scratch;
    for (int f = 0; f < m->nfeatures; f++) m->mean[f] = m->scale[f] = 0;
    for (long i = 0; i < n; i++) {
        features(m, x + i * m->dim, phi, NULL);
        for (int f = 0; f < m->nfeatures; f++) m->mean[f] += phi[f] / (double)n;
    }
    for (long i = 0; i < n; i++) {
        features(m, x + i * m->dim, phi, NULL);
        for (int f = 0; f < m->nfeatures; f++) m->scale[f] += pow(phi[f] - m->mean[f], 2) / (double)n;
    }
    for (int f = 0; f < m->nfeatures; f++) m->scale[f] = m->scale[f] > 0 ? sqrt(m->scale[f]) : 1;
}

/* u and its derivative when the features are the coordinates: the latter is the diagonal 1/scale [dim], which pull and
 * push take from the model. */
static void plain_inputs(const kr_committor_net *m, int n, const double *x, double *u) {
    size_t dim = (size_t)m->dim;
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t k = 0; k < dim; k++) u[i * dim + k] = (x[i * dim + k] - m->mean[k]) / m->scale[k];
}

static void plain_chain(const kr_committor_net *m, int n, const double *from, double *to) {
    size_t dim = (size_t)m->dim;
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t k = 0; k < dim; k++) to[i * dim + k] = from[i * dim + k] * (1 / m->scale[k]);
}

void kr_committor_inputs(const kr_committor_net *m, int n, const double *x, double *u, double *derivative) {
    size_t nf = (size_t)m->nfeatures, dim = (size_t)m->dim;
    if (m->plain) {
        plain_inputs(m, n, x, u);
        return;
    }
    for (int i = 0; i < n; i++) {
        double *phi = u + (size_t)i * nf, *d = derivative ? derivative + (size_t)i * nf * dim : NULL;
        features(m, x + (size_t)i * dim, phi, d);
        for (size_t f = 0; f < nf; f++) {
            phi[f] = (phi[f] - m->mean[f]) / m->scale[f];
            for (size_t k = 0; k < dim && d; k++) d[f * dim + k] /= m->scale[f];
        }
    }
}

void kr_committor_pull(const kr_committor_net *m, int n, const double *derivative, const double *gu, double *gx) {
    size_t nf = (size_t)m->nfeatures, dim = (size_t)m->dim;
    if (m->plain) {
        plain_chain(m, n, gu, gx);
        return;
    }
    memset(gx, 0, (size_t)n * dim * sizeof *gx);
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t f = 0; f < nf; f++)
            for (size_t k = 0; k < dim; k++) gx[i * dim + k] += gu[i * nf + f] * derivative[(i * nf + f) * dim + k];
}

void kr_committor_push(const kr_committor_net *m, int n, const double *derivative, const double *vx, double *vu) {
    size_t nf = (size_t)m->nfeatures, dim = (size_t)m->dim;
    if (m->plain) {
        plain_chain(m, n, vx, vu);
        return;
    }
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t f = 0; f < nf; f++) {
            double sum = 0;
            for (size_t k = 0; k < dim; k++) sum += derivative[(i * nf + f) * dim + k] * vx[i * dim + k];
            vu[i * nf + f] = sum;
        }
}

/* χ and its gradient (added times factor … into place). */
static double indicator(const kr_region *region, double width, const double *x, double *gradient, int dim) {
    double t = tanh(kr_region_level(region, x, gradient) / width);
    for (int k = 0; k < dim; k++) gradient[k] *= -0.5 * (1 - t * t) / width;
    return 0.5 - 0.5 * t;
}

void kr_committor_ansatz(const kr_committor_net *m, const double *x, double *c0, double *c1, double *g0, double *g1) {
    int dim = m->dim;
    memset(g0, 0, (size_t)dim * sizeof *g0);
    memset(g1, 0, (size_t)dim * sizeof *g1);
    *c0 = 0;
    *c1 = 1;
    if (m->width <= 0) return;
    double a = indicator(m->problem->a, m->width, x, g0, dim), b = indicator(m->problem->b, m->width, x, g1, dim);
    *c0 = (1 - a) * b;
    *c1 = (1 - a) * (1 - b);
    for (int k = 0; k < dim; k++) {
        double ga = g0[k], gb = g1[k];
        g0[k] = -ga * b + (1 - a) * gb;
        g1[k] = -ga * (1 - b) - (1 - a) * gb;
    }
}

double kr_committor_sigmoid(double z, double *slope) {
    double e = exp(-fabs(z)), large = 1 / (1 + e), small = e * large;
    *slope = large * small;
    return z >= 0 ? large : small;
}

/* One block. */
static kr_status rows(kr_context *ctx, const kr_committor_net *m, const double *theta, int thread, int n,
                      const double *x, double *q, double *z, double *grad) {
    kr_status status = KR_OK;
    size_t dim = (size_t)m->dim, nf = (size_t)m->nfeatures;
    double *u = m->scratch + (size_t)thread * m->scratch_size, *gu = u + KR_COMMITTOR_ROWS * nf;
    double *zs = gu + KR_COMMITTOR_ROWS * nf, *c = zs + KR_COMMITTOR_ROWS, *derivative = c + 2 * dim;
    kr_net_workspace *ws = &m->workspace[thread];
    kr_committor_inputs(m, n, x, u, grad ? derivative : NULL);
    if (!grad)
        KR_TRY(kr_net_value(ctx, m->net, theta, n, u, zs, ws));
    else
        KR_TRY(kr_net_gradient(ctx, m->net, theta, n, u, NULL, zs, gu, ws));
    if (grad) kr_committor_pull(m, n, derivative, gu, grad);
    for (int i = 0; i < n; i++) {
        double c0, c1, slope, s = kr_committor_sigmoid(zs[i], &slope);
        kr_committor_ansatz(m, x + (size_t)i * dim, &c0, &c1, c, c + dim);
        if (q) q[i] = c0 + c1 * s;
        if (z) z[i] = zs[i];
        for (size_t k = 0; k < dim && grad; k++)
            grad[(size_t)i * dim + k] = c[k] + s * c[dim + k] + c1 * slope * grad[(size_t)i * dim + k];
    }
done:
    return status;
}

kr_status kr_committor_net_rows(kr_context *ctx, const kr_committor_net *m, const double *theta, int thread, int n,
                                const double *x, double *q, double *z, double *grad) {
    kr_status status = KR_OK;
    for (int first = 0; first < n && status == KR_OK; first += KR_COMMITTOR_ROWS) {
        int count = n - first < KR_COMMITTOR_ROWS ? n - first : KR_COMMITTOR_ROWS;
        size_t at = (size_t)first * (size_t)m->dim;
        status = rows(ctx, m, theta, thread, count, x + at, q ? q + first : NULL, z ? z + first : NULL,
                      grad ? grad + at : NULL);
    }
    return status;
}

typedef struct evaluation {
    const kr_committor_net *model;
    const double *theta, *x;
    long n;
    double *q, *z, *grad;
} evaluation;

static kr_status evaluate_block(void *payload, kr_context *ctx, long block, int thread) {
    const evaluation *e = payload;
    long first = block * KR_COMMITTOR_ROWS;
    int n = (int)(e->n - first < KR_COMMITTOR_ROWS ? e->n - first : KR_COMMITTOR_ROWS);
    size_t at = (size_t)first * (size_t)e->model->dim;
    return rows(ctx, e->model, e->theta, thread, n, e->x + at, e->q ? e->q + first : NULL, e->z ? e->z + first : NULL,
                e->grad ? e->grad + at : NULL);
}

kr_status kr_committor_net_evaluate(kr_context *ctx, const kr_committor_net *m, const double *theta, long n,
                                    const double *x, double *q, double *z, double *grad) {
    evaluation e = {m, theta, x, n, q, z, grad};
    return kr_parallel_blocks(ctx, (n + KR_COMMITTOR_ROWS - 1) / KR_COMMITTOR_ROWS, evaluate_block, NULL, &e);
}
