/* Neural committor: the loss of a batch and its gradient in θ.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With g = ∇z, r = ∇q = ∇c0 + σ∇c1 + c1 σ' g and L = w Σ a r²:
 *   ∂L/∂z = 2 w Σ a r (σ'∇c1 + c1 σ'' g),   ∂L/∂g = 2 w a r c1 σ'
 * which are ȳ and, pushed forward to the inputs of the network, v of the third sweep. Blocks of rows, ordered sums. */
#include "core/error.h"
#include "core/parallel.h"
#include "sampling/committor_net_parts.h"
#include <math.h>
#include <string.h>

typedef struct job {
    const kr_committor_net *model;
    const kr_committor_data *data;
    const kr_committor_loss *loss;
    const double *theta;
    long nbatch, nboundary;
    const long *batch, *a, *b;
    const double *factor;
    long inner; /* blocks of the variational term; then those of A, then of B */
    long edge;
    double *slot; /* [threads][nparams + 3] gradient and terms of a block */
    double *total;
} job;

/* Rows of the variational term. */
static kr_status inner_block(const job *j, kr_context *ctx, long first, int n, int thread, double *gradient,
                             double *terms) {
    kr_status status = KR_OK;
    const kr_committor_net *m = j->model;
    size_t dim = (size_t)m->dim, nf = (size_t)m->nfeatures, R = KR_COMMITTOR_ROWS;
    double *u = m->scratch + (size_t)thread * m->scratch_size, *gu = u + R * nf, *vu = gu + R * nf;
    double *x = vu + R * nf, *gx = x + R * dim, *vx = gx + R * dim, *z = vx + R * dim, *zbar = z + R;
    double *c = zbar + R, *derivative = c + 2 * dim;
    kr_net_workspace *ws = &m->workspace[thread];
    for (int i = 0; i < n; i++)
        memcpy(x + (size_t)i * dim, j->data->x + (size_t)j->batch[first + i] * dim, dim * sizeof *x);
    kr_committor_inputs(m, n, x, u, derivative);
    KR_TRY(kr_net_gradient(ctx, m->net, j->theta, n, u, NULL, z, gu, ws));
    kr_committor_pull(m, n, derivative, gu, gx);
    double factor = j->data->share / ((double)j->nbatch * j->loss->scale);
    for (int i = 0; i < n; i++) {
        double c0, c1, slope, s = kr_committor_sigmoid(z[i], &slope), second = slope * (1 - 2 * s);
        double w = j->data->w[j->batch[first + i]] * (j->factor ? j->factor[first + i] : 1), value = 0, bar = 0;
        kr_committor_ansatz(m, x + (size_t)i * dim, &c0, &c1, c, c + dim);
        for (size_t k = 0; k < dim; k++) {
            double a = m->problem->mobility ? m->problem->mobility[k] : 1, g = gx[(size_t)i * dim + k];
            double r = c[k] + s * c[dim + k] + c1 * slope * g;
            value += a * r * r;
            bar += 2 * a * r * (slope * c[dim + k] + c1 * second * g);
            vx[(size_t)i * dim + k] = factor * w * 2 * a * r * c1 * slope;
        }
        terms[0] += w * value * j->data->share / (double)j->nbatch;
        zbar[i] = factor * w * bar;
    }
    kr_committor_push(m, n, derivative, vx, vu);
    KR_TRY(kr_net_backprop(ctx, m->net, j->theta, n, u, zbar, vu, NULL, gradient, NULL, ws));
done:
    return status;
}

/* Rows of A (target 0) or B (target 1). By construction the values are right and only the hinge is left. */
static kr_status edge_block(const job *j, kr_context *ctx, int target, long first, int n, int thread, double *gradient,
                            double *terms) {
    kr_status status = KR_OK;
    const kr_committor_net *m = j->model;
    size_t dim = (size_t)m->dim, nf = (size_t)m->nfeatures, R = KR_COMMITTOR_ROWS;
    double *u = m->scratch + (size_t)thread * m->scratch_size, *x = u + R * nf, *z = x + R * dim, *zbar = z + R;
    kr_net_workspace *ws = &m->workspace[thread];
    const double *from = target ? j->data->xb : j->data->xa, sign = target ? -1 : 1;
    const long *index = target ? j->b : j->a;
    for (int i = 0; i < n; i++) memcpy(x + (size_t)i * dim, from + (size_t)index[first + i] * dim, dim * sizeof *x);
    kr_committor_inputs(m, n, x, u, NULL);
    KR_TRY(kr_net_value(ctx, m->net, j->theta, n, u, z, ws));
    for (int i = 0; i < n; i++) {
        double slope, s = kr_committor_sigmoid(z[i], &slope), miss = s - target;
        double over = fmax(sign * z[i] + j->loss->margin, 0);
        terms[1] += miss * miss / (double)j->nboundary;
        terms[2] += over * over / (double)j->nboundary;
        zbar[i] = (j->loss->penalty * 2 * miss * slope + j->loss->hinge * 2 * over * sign) / (double)j->nboundary;
    }
    KR_TRY(kr_net_backprop(ctx, m->net, j->theta, n, u, zbar, NULL, NULL, gradient, NULL, ws));
done:
    return status;
}

static kr_status loss_block(void *payload, kr_context *ctx, long block, int thread) {
    const job *j = payload;
    size_t size = j->model->nparams + 3;
    double *slot = j->slot + (size_t)thread * size;
    memset(slot, 0, size * sizeof *slot);
    double *terms = slot + j->model->nparams;
    long rows = KR_COMMITTOR_ROWS;
    if (block < j->inner) {
        long first = block * rows, n = j->nbatch - first < rows ? j->nbatch - first : rows;
        return inner_block(j, ctx, first, (int)n, thread, slot, terms);
    }
    long local = (block - j->inner) % j->edge, first = local * rows;
    long n = j->nboundary - first < rows ? j->nboundary - first : rows;
    return edge_block(j, ctx, block - j->inner >= j->edge, first, (int)n, thread, slot, terms);
}

static void add_block(void *payload, long block, int thread) {
    (void)block;
    job *j = payload;
    size_t size = j->model->nparams + 3;
    for (size_t i = 0; i < size; i++) j->total[i] += j->slot[(size_t)thread * size + i];
}

kr_status kr_committor_net_loss(kr_context *ctx, const kr_committor_net *m, const kr_committor_data *data,
                                const kr_committor_loss *loss, const double *theta, long nbatch, const long *batch,
                                const double *factor, long nboundary, const long *a, const long *b, double *gradient,
                                kr_committor_terms *terms) {
    job j = {m, data, loss, theta, nbatch, nboundary, batch, a, b, factor, 0, 0, m->slots, NULL};
    size_t size = m->nparams + 3;
    j.total = m->slots + (size_t)m->threads * size;
    long rows = KR_COMMITTOR_ROWS;
    j.inner = loss->variational ? (nbatch + rows - 1) / rows : 0;
    j.edge = (nboundary + rows - 1) / rows;
    memset(j.total, 0, size * sizeof *j.total);
    kr_status status = kr_parallel_blocks(ctx, j.inner + 2 * j.edge, loss_block, add_block, &j);
    memcpy(gradient, j.total, m->nparams * sizeof *gradient);
    *terms = (kr_committor_terms){j.total[m->nparams], j.total[m->nparams + 1], j.total[m->nparams + 2]};
    return status;
}
