/* A drift from data: a network for f, and a problem that has it in place of its own.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   f(x) = P(u) + s N(u),  u = (x − mean)/scale;   loss ⟨|f(x_i) − f_i|²/(|f_i|² + ⟨|f|²⟩)⟩
 * P is a polynomial, fitted by least squares, s the rms of what it leaves over. Term t of it is the term parent[t] < t
 * times u[factor[t]]. */
#include "core/error.h"
#include "core/linalg.h"
#include "core/parallel.h"
#include "sampling/network.h"
#include "sampling/quasipotential_net_parts.h"
#include <math.h>
#include <string.h>

enum { ROWS = KR_QUASI_ROWS };

static double norm2(int d, const double *f) {
    double sum = 0;
    for (int k = 0; k < d; k++) sum += f[k] * f[k];
    return sum;
}

/* Terms [nterms] of the polynomial at u [dim] and (NULL: not wanted) their slopes [nterms][dim]. */
static void terms(const kr_drift_net *m, const double *u, double *term, double *slope) {
    size_t d = (size_t)m->problem.dim;
    term[0] = 1;
    for (size_t j = 0; j < d && slope; j++) slope[j] = 0;
    for (size_t t = 1; t < (size_t)m->nterms; t++) {
        size_t parent = (size_t)m->parent[t], k = (size_t)m->factor[t];
        term[t] = term[parent] * u[k];
        if (!slope) continue;
        for (size_t j = 0; j < d; j++) slope[t * d + j] = slope[parent * d + j] * u[k];
        slope[t * d + k] += term[parent];
    }
}

/* f [n][dim] of at most ROWS rows. */
static kr_status rows(kr_context *ctx, const kr_drift_net *m, const double *theta, int thread, int n, const double *x,
                      double *f) {
    kr_status status = KR_OK;
    size_t d = (size_t)m->problem.dim;
    double *u = m->scratch + (size_t)thread * m->scratch_size, *term = u + ROWS * 2 * d;
    for (size_t i = 0; i < (size_t)n * d; i++) u[i] = (x[i] - m->mean[i % d]) / m->scale[i % d];
    KR_TRY(kr_net_value(ctx, m->net, theta, n, u, f, &m->workspace[thread]));
    for (size_t i = 0; i < (size_t)n; i++) {
        for (size_t k = 0; k < d; k++) f[i * d + k] *= m->size[k];
        terms(m, u + i * d, term, NULL);
        for (size_t t = 0; t < (size_t)m->nterms; t++)
            for (size_t k = 0; k < d; k++) f[i * d + k] += term[t] * m->coefficient[t * d + k];
    }
done:
    return status;
}

/* ---- the problem ---- */

static kr_status drift(kr_context *ctx, const kr_problem *problem, int n, const double *x, double *f) {
    const kr_drift_net *m = problem->state;
    kr_status status = KR_OK;
    for (int i = 0; i < n && status == KR_OK; i += ROWS) {
        size_t at = (size_t)i * (size_t)problem->dim;
        status = rows(ctx, m, m->theta, 0, n - i < ROWS ? n - i : ROWS, x + at, f + at);
    }
    return status;
}

static void jacobian(const kr_problem *problem, const double *x, double *out) {
    const kr_drift_net *m = problem->state;
    size_t d = (size_t)problem->dim;
    double *u = m->scratch, *term = u + ROWS * 2 * d, *slope = term + m->nterms;
    for (size_t k = 0; k < d; k++) u[k] = (x[k] - m->mean[k]) / m->scale[k];
    terms(m, u, term, slope);
    int good =
        kr_net_tangent(m->ctx, m->net, m->theta, 1, (int)d, u, m->directions, NULL, m->tangent, m->workspace) == KR_OK;
    for (size_t k = 0; k < d; k++)
        for (size_t j = 0; j < d; j++) {
            double sum = good ? m->size[k] * m->tangent[j * d + k] : NAN;
            for (size_t t = 1; t < (size_t)m->nterms; t++)
                sum += slope[t * d + j] / m->scale[j] * m->coefficient[t * d + k];
            out[k * d + j] = sum;
        }
}

static double exact(const kr_problem *problem, const double *x) {
    const kr_drift_net *m = problem->state;
    return m->original->kind->exact(m->original, x);
}

/* Every product of at most `degree` coordinates: a term of degree n is one of degree n − 1 times a coordinate that is
 * not before its last one. */
static kr_status make_terms(kr_context *ctx, kr_drift_net *m, int degree) {
    kr_status status = KR_OK;
    long d = m->problem.dim, n = 1, all = 1, at = 1;
    for (int g = 1; g <= degree; g++) {
        n = n * (d + g - 1) / g;
        all += n;
        if (all > 5000) KR_FAIL(ctx, KR_ERR_ARGUMENT, "degree %d in %ld dimensions are too many terms", degree, d);
    }
    m->nterms = (int)all;
    KR_NEW(ctx, m->parent, (size_t)all);
    KR_NEW(ctx, m->factor, (size_t)all);
    KR_NEW(ctx, m->coefficient, (size_t)(all * d));
    for (long from = 0, to = 1; at < all; from = to, to = at)
        for (long t = from; t < to; t++)
            for (int k = m->factor[t]; k < d; k++, at++) {
                m->parent[at] = (int)t;
                m->factor[at] = k;
            }
done:
    return status;
}

kr_status kr_drift_net_create(kr_context *ctx, const kr_problem *problem, int degree, int nhidden, const int *hidden,
                              const char *activation, kr_stream stream, kr_drift_net **model) {
    kr_status status = KR_OK;
    kr_drift_net *m = NULL;
    *model = NULL;
    KR_NEW(ctx, m, 1);
    size_t d = (size_t)problem->dim;
    m->ctx = ctx;
    m->original = problem;
    m->kind = (kr_problem_kind){.name = problem->kind->name,
                                .summary = "learned drift",
                                .reference = problem->kind->reference,
                                .drift = drift,
                                .jacobian = jacobian,
                                .exact = problem->kind->exact ? exact : NULL};
    m->problem = *problem;
    m->problem.kind = &m->kind;
    m->problem.state = m;
    m->problem.dynamics = KR_DIFFUSION;
    m->problem.no_potential = 1;
    KR_TRY(kr_quasi_make_net(ctx, problem->dim, nhidden, hidden, problem->dim, activation, &m->nparams, &m->net));
    m->threads = kr_parallel_threads(ctx);
    KR_NEW(ctx, m->theta, m->nparams);
    KR_NEW(ctx, m->mean, d);
    KR_NEW(ctx, m->scale, d);
    KR_NEW(ctx, m->size, d);
    KR_TRY(make_terms(ctx, m, degree));
    KR_NEW(ctx, m->directions, d * d);
    KR_NEW(ctx, m->tangent, d * d);
    m->scratch_size = ROWS * 2 * d + (size_t)m->nterms * (d + 1);
    KR_NEW(ctx, m->scratch, (size_t)m->threads * m->scratch_size);
    KR_NEW(ctx, m->slots, ((size_t)m->threads + 1) * (m->nparams + 1));
    KR_NEW(ctx, m->workspace, (size_t)m->threads);
    kr_network_initialize(m->net, m->theta, stream, 0);
    kr_network_sharpen(m->net, m->theta, 2, stream); /* else errors of 0.01 to 0.06 where 0.003 are possible */
    /* It begins as nothing: where the polynomial is enough it stays so. */
    const kr_layer *last = &m->net->layer[m->net->nlayers - 1];
    memset(m->theta + last->w, 0, (size_t)last->in * (size_t)last->out * sizeof *m->theta);
    *model = m;
    m = NULL;
done:
    kr_drift_net_destroy(&m);
    return status;
}

void kr_drift_net_destroy(kr_drift_net **model) {
    kr_drift_net *m = model ? *model : NULL;
    if (!m) return;
    for (int t = 0; t < m->threads && m->workspace; t++) kr_net_workspace_free(&m->workspace[t]);
    kr_net_destroy(&m->net);
    double *const arrays[] = {m->theta,      m->mean,    m->scale,   m->size, m->coefficient,
                              m->directions, m->tangent, m->scratch, m->slots};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) kr_free(arrays[i]);
    kr_free(m->parent);
    kr_free(m->factor);
    kr_free(m->workspace);
    kr_free(m);
    *model = NULL;
}

/* ---- fitting ---- */

kr_status kr_drift_net_fit_scales(kr_context *ctx, kr_drift_net *m, long n, const double *x, const double *f) {
    kr_status status = KR_OK;
    size_t d = (size_t)m->problem.dim, count = (size_t)n;
    double *a = NULL, *b = NULL, *u = m->scratch;
    size_t nterms = (size_t)m->nterms;
    if (n < m->nterms) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%ld points for %d terms", n, m->nterms);
    KR_NEW(ctx, a, count * nterms);
    KR_NEW(ctx, b, count * d);
    for (size_t k = 0; k < d; k++) {
        double mean = 0, square = 0;
        for (size_t i = 0; i < count; i++) mean += x[i * d + k] / (double)n;
        for (size_t i = 0; i < count; i++) square += pow(x[i * d + k] - mean, 2) / (double)n;
        m->mean[k] = mean;
        m->scale[k] = square > 0 ? sqrt(square) : 1;
        for (size_t j = 0; j < d; j++) m->directions[k * d + j] = j == k ? 1 / m->scale[k] : 0;
    }
    memset(m->coefficient, 0, nterms * d * sizeof *m->coefficient);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < d; k++) u[k] = (x[i * d + k] - m->mean[k]) / m->scale[k];
        terms(m, u, a + i * nterms, NULL);
    }
    memcpy(b, f, count * d * sizeof *b);
    KR_TRY(kr_least_squares(ctx, (int)n, m->nterms, (int)d, a, b, -1, NULL));
    memcpy(m->coefficient, b, nterms * d * sizeof *b);
    m->mean_f = 0;
    memset(m->size, 0, d * sizeof *m->size);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < d; k++) u[k] = (x[i * d + k] - m->mean[k]) / m->scale[k];
        terms(m, u, a, NULL);
        for (size_t k = 0; k < d; k++) {
            double left = f[i * d + k];
            for (size_t t = 0; t < nterms; t++) left -= a[t] * m->coefficient[t * d + k];
            m->size[k] += left * left / (double)n;
            m->mean_f += f[i * d + k] * f[i * d + k] / (double)n;
        }
    }
    for (size_t k = 0; k < d; k++) m->size[k] = sqrt(m->size[k] + 1e-12 * m->mean_f);
done:
    kr_free(a);
    kr_free(b);
    return status;
}

typedef struct job {
    const kr_drift_net *model;
    const double *theta, *x, *f;
    long n;
    double *total;
    int noisy;
} job;

static kr_status block(void *payload, kr_context *ctx, long number, int thread) {
    kr_status status = KR_OK;
    const job *j = payload;
    const kr_drift_net *m = j->model;
    size_t d = (size_t)m->problem.dim;
    long first = number * ROWS;
    int n = (int)(j->n - first < ROWS ? j->n - first : ROWS);
    const double *x = j->x + (size_t)first * d, *f = j->f + (size_t)first * d;
    double *slot = m->slots + (size_t)thread * (m->nparams + 1), *u = m->scratch + (size_t)thread * m->scratch_size;
    double *out = u + ROWS * d;
    memset(slot, 0, (m->nparams + 1) * sizeof *slot);
    KR_TRY(rows(ctx, m, j->theta, thread, n, x, out));
    for (size_t i = 0; i < (size_t)n; i++) {
        /* Noise in f would be weighted by itself: then all points count alike. */
        double square = j->noisy ? m->mean_f : norm2((int)d, f + i * d) + m->mean_f;
        for (size_t k = 0; k < d; k++) {
            double miss = out[i * d + k] - f[i * d + k];
            slot[m->nparams] += miss * miss / (square * (double)j->n);
            out[i * d + k] = 2 * miss * m->size[k] / (square * (double)j->n);
        }
    }
    KR_TRY(kr_net_backprop(ctx, m->net, j->theta, n, u, out, NULL, NULL, slot, NULL, &m->workspace[thread]));
done:
    return status;
}

static void add(void *payload, long number, int thread) {
    (void)number;
    job *j = payload;
    size_t size = j->model->nparams + 1;
    for (size_t i = 0; i < size; i++) j->total[i] += j->model->slots[(size_t)thread * size + i];
}

kr_status kr_drift_net_loss(kr_context *ctx, const kr_drift_net *m, int noisy, const double *theta, long n,
                            const double *x, const double *f, double *gradient, double *loss) {
    size_t size = m->nparams + 1;
    job j = {m, theta, x, f, n, m->slots + (size_t)m->threads * size, noisy};
    memset(j.total, 0, size * sizeof *j.total);
    kr_status status = kr_parallel_blocks(ctx, (n + ROWS - 1) / ROWS, block, add, &j);
    if (gradient) memcpy(gradient, j.total, m->nparams * sizeof *gradient);
    *loss = j.total[m->nparams];
    return status;
}
