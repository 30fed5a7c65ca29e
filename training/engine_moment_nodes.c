/* The embedding nets at the spline nodes: values to coefficients, and the gradient back into the nets.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With s(r) = (w/(r+p) − avg)/dstd of a pair of types (fast_embedding.c has the same table):
 *     se_e2_a, se_e2_r   G = net_{ti,tj}(s)
 *     dpa1 concat        G = net([s, E(tj), E(ti)])
 *     dpa1 strip         G = f(r) net(s),  f = 1 + strip([E(tj), E(ti)])·{w(r) | 1}
 * Coefficients C = scale · A⁻¹ G(r_q), scale = 1/nnei (se_e2_r: 0.2/nnei); Ḡ = scale · A⁻ᵀ C̄ goes back through the
 * nets. In double: n rows per pair of types are little work. */
#include "core/error.h"
#include "core/parallel.h"
#include "potential/descriptor_rows.h"
#include "potential/econf.h"
#include "training/engine_moment.h"
#include <math.h>
#include <string.h>

/* One pair of types. */
typedef struct node_pair {
    double *memory;
    const kr_net *net; /* NULL: left out of the file */
    double *s;         /* [n] net inputs at the nodes */
    double *rows;      /* [n][in] inputs of this step: s, or [s, type vectors] */
    double *tape;      /* of this step */
    const double *g;   /* [n][ng] net outputs, in the tape */
    double *factor;    /* [ng] strip net of this step */
    double *c, *bar;   /* [n][ng] values, then coefficients; C̄, then Ḡ */
} node_pair;

/* Scratch of a thread. */
typedef struct node_scratch {
    kr_net_workspace ws;
    kr_buffer row, rbar;
} node_scratch;

struct kr_moment_nodes {
    node_pair *pair;    /* [nt][nt] */
    double *w;          /* [n] switch function at the nodes */
    double *type_input; /* [nt][in of the type embedding]: one-hot rows or electron configurations */
    double *tebd_bar;
    node_scratch *scratch; /* [nscratch] */
    int nscratch;
    double scale;
};

typedef struct node_run {
    kr_moment *m;
    double *error; /* by pair of types, every stride-th one */
    int stride;
} node_run;

void kr_moment_nodes_free(kr_moment *m) {
    kr_moment_nodes *nodes = m->nodes;
    if (!nodes) return;
    for (int p = 0; nodes->pair && p < m->nt * m->nt; p++) kr_free(nodes->pair[p].memory);
    for (int t = 0; nodes->scratch && t < nodes->nscratch; t++) {
        kr_net_workspace_free(&nodes->scratch[t].ws);
        kr_buffer_free(&nodes->scratch[t].row);
        kr_buffer_free(&nodes->scratch[t].rbar);
    }
    kr_free(nodes->pair);
    kr_free(nodes->w);
    kr_free(nodes->type_input);
    kr_free(nodes->tebd_bar);
    kr_free(nodes->scratch);
    kr_free(nodes);
    m->nodes = NULL;
}

kr_status kr_moment_nodes_create(kr_context *ctx, kr_moment *m) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &m->model->descriptor;
    size_t nt = (size_t)m->nt;
    KR_NEW(ctx, m->nodes, 1);
    kr_moment_nodes *nodes = m->nodes;
    nodes->scale = (m->radial ? 0.2 : 1.0) / d->nnei;
    KR_NEW(ctx, nodes->pair, nt * nt);
    KR_NEW(ctx, nodes->w, (size_t)m->grid.n);
    for (int q = 0; q < m->grid.n; q++) nodes->w[q] = kr_switch(m->grid.node[q], d->rcut_smth, d->rcut, NULL);
    if (!m->tebd) goto done;
    size_t in = (size_t)d->type_embedding->in;
    KR_NEW(ctx, nodes->type_input, nt * in);
    KR_NEW(ctx, nodes->tebd_bar, nt * (size_t)d->tebd_dim);
    for (size_t t = 0; t < nt; t++)
        if (!d->use_econf_tebd)
            nodes->type_input[t * in + t] = 1;
        else if (!kr_econf_row(m->model->type_map[t], nodes->type_input + t * in))
            KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "type %s is no element: use_econf_tebd needs its electron configuration",
                    m->model->type_map[t]);
done:
    return status;
}

static double input_at(const kr_moment *m, const kr_moment_pair *pair, double r) {
    const kr_descriptor *d = &m->model->descriptor;
    return pair->inv_std[0] * (kr_switch(r, d->rcut_smth, d->rcut, NULL) / (r + d->env_protection) - pair->average);
}

static kr_status reserve_scratch(kr_context *ctx, kr_moment_nodes *nodes) {
    int nthreads = kr_parallel_threads(ctx);
    if (nthreads > nodes->nscratch) {
        node_scratch *more = kr_calloc(ctx, (size_t)nthreads, sizeof *more);
        if (!more) return KR_ERR_MEMORY;
        if (nodes->scratch) memcpy(more, nodes->scratch, (size_t)nodes->nscratch * sizeof *more);
        kr_free(nodes->scratch);
        nodes->scratch = more;
        nodes->nscratch = nthreads;
    }
    return KR_OK;
}

kr_status kr_moment_nodes_prepare(kr_context *ctx, kr_moment *m) {
    kr_status status = KR_OK;
    kr_moment_nodes *nodes = m->nodes;
    size_t n = (size_t)m->grid.n, ng = (size_t)m->ng;
    const kr_descriptor *d = &m->model->descriptor;
    for (int p = 0; p < m->nt * m->nt; p++) {
        node_pair *np = &nodes->pair[p];
        if (!m->pair[p].seen || np->memory) continue;
        np->net = d->embedding[m->tebd ? 0 : kr_embedding_index(d, m->nt, p / m->nt, p % m->nt)];
        size_t in = m->tebd && !d->strip ? (size_t)d->embedding[0]->in : 0; /* rows of their own */
        size_t tape = np->net ? kr_moment_tape_doubles(np->net, m->grid.n) : 0;
        if (!m->pair[p].c.data) KR_TRY(kr_moment_matrix_create(ctx, m, m->grid.n, m->ng, &m->pair[p].c));
        KR_NEW(ctx, np->memory, n + n * in + 2 * n * ng + ng + tape);
        np->s = np->memory;
        np->rows = in ? np->s + n : np->s;
        np->c = np->s + n + n * in;
        np->bar = np->c + n * ng;
        np->factor = np->bar + n * ng;
        np->tape = np->factor + ng;
        for (size_t q = 0; q < n; q++) np->s[q] = input_at(m, &m->pair[p], m->grid.node[q]);
    }
    KR_TRY(reserve_scratch(ctx, nodes));
done:
    return status;
}

double *kr_moment_nodes_bar(const kr_moment *m, int ti, int tj) { return m->nodes->pair[ti * m->nt + tj].bar; }

/* ---- values ---- */

/* [E(tj), E(ti)], or E(tj) alone: returns its length. */
static int type_row(const kr_moment *m, int ti, int tj, double *row) {
    const kr_descriptor *d = &m->model->descriptor;
    size_t dim = (size_t)d->tebd_dim;
    memcpy(row, m->tebd + (size_t)tj * dim, dim * sizeof *row);
    if (!d->type_one_side) memcpy(row + dim, m->tebd + (size_t)ti * dim, dim * sizeof *row);
    return (int)(d->type_one_side ? dim : 2 * dim);
}

/* Net inputs of n nodes: s itself, or [s, type vectors] in scratch. */
static kr_status net_rows(kr_context *ctx, const kr_moment *m, int ti, int tj, int n, const double *s,
                          node_scratch *scratch, const double **rows) {
    const kr_descriptor *d = &m->model->descriptor;
    *rows = s;
    if (!m->tebd || d->strip) return KR_OK;
    size_t width = (size_t)d->embedding[0]->in;
    kr_status status = kr_buffer_reserve(ctx, &scratch->row, (size_t)n * width, sizeof(double));
    if (status < 0) return status;
    double *row = scratch->row.data;
    for (int q = 0; q < n; q++, row += width) {
        row[0] = s[q];
        type_row(m, ti, tj, row + 1);
    }
    *rows = scratch->row.data;
    return KR_OK;
}

static kr_status strip_factor(kr_context *ctx, const kr_moment *m, int ti, int tj, double *factor,
                              node_scratch *scratch) {
    const kr_descriptor *d = &m->model->descriptor;
    kr_status status = kr_buffer_reserve(ctx, &scratch->row, 2 * (size_t)d->tebd_dim, sizeof(double));
    if (status < 0) return status;
    type_row(m, ti, tj, scratch->row.data);
    return kr_net_value(ctx, d->embedding_strip, m->model->theta, 1, scratch->row.data, factor, &scratch->ws);
}

/* g [n][ng] at inputs s [n]; strip: before the factor, which goes to factor [ng]. */
static kr_status net_values(kr_context *ctx, const kr_moment *m, int ti, int tj, int n, const double *s, double *g,
                            double *factor, node_scratch *scratch) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &m->model->descriptor;
    const kr_net *net = d->embedding[m->tebd ? 0 : kr_embedding_index(d, m->nt, ti, tj)];
    const double *rows;
    if (!net) { /* left out of the file: excluded or never used */
        memset(g, 0, (size_t)n * (size_t)m->ng * sizeof *g);
        return KR_OK;
    }
    KR_TRY(net_rows(ctx, m, ti, tj, n, s, scratch, &rows));
    KR_TRY(kr_net_value(ctx, net, m->model->theta, n, rows, g, &scratch->ws));
    if (m->tebd && d->strip) KR_TRY(strip_factor(ctx, m, ti, tj, factor, scratch));
done:
    return status;
}

static double strip_weight(const kr_moment *m, double w) { return m->model->descriptor.smooth_type_embedding ? w : 1; }

kr_status kr_moment_nodes_pair(kr_context *ctx, kr_moment *m, int p, int thread) {
    kr_status status = KR_OK;
    if (!m->pair[p].seen) return KR_OK;
    const kr_descriptor *d = &m->model->descriptor;
    node_scratch *scratch = &m->nodes->scratch[thread];
    node_pair *np = &m->nodes->pair[p];
    size_t n = (size_t)m->grid.n, ng = (size_t)m->ng, in = np->net ? (size_t)np->net->in : 0;
    int ti = p / m->nt, tj = p % m->nt, strip = m->tebd && d->strip;
    for (size_t q = 0; np->rows != np->s && q < n; q++) {
        np->rows[q * in] = np->s[q];
        type_row(m, ti, tj, np->rows + q * in + 1);
    }
    np->g = np->net ? kr_moment_tape_value(m, np->net, m->grid.n, np->rows, np->tape) : NULL;
    if (strip) KR_TRY(strip_factor(ctx, m, ti, tj, np->factor, scratch));
    for (size_t q = 0; q < n; q++)
        for (size_t k = 0; k < ng; k++) {
            double g = np->g ? m->nodes->scale * np->g[q * ng + k] : 0;
            np->c[q * ng + k] = strip ? g * (1 + np->factor[k] * strip_weight(m, m->nodes->w[q])) : g;
        }
    kr_moment_grid_solve(&m->grid, m->ng, np->c);
    m->kernels->pack(np->c, 0, m->grid.n, &m->pair[p].c);
done:
    return status;
}

kr_status kr_moment_nodes_types(kr_context *ctx, kr_moment *m) {
    if (!m->tebd) return KR_OK;
    return kr_net_value(ctx, m->model->descriptor.type_embedding, m->model->theta, m->nt, m->nodes->type_input, m->tebd,
                        &m->nodes->scratch[0].ws);
}

/* ---- gradients ---- */

/* gx [n][1 + types] of [s, E(tj), E(ti)] → tebd_bar. */
static void add_type_bar(kr_moment *m, int ti, int tj, int n, int width, int skip, const double *gx) {
    size_t dim = (size_t)m->model->descriptor.tebd_dim;
    int types = width - skip;
    for (int q = 0; q < n; q++)
        for (int k = 0; k < types; k++) {
            size_t of = k < (int)dim ? (size_t)tj * dim + (size_t)k : (size_t)ti * dim + (size_t)k - dim;
            m->nodes->tebd_bar[of] += gx[(size_t)q * (size_t)width + (size_t)(skip + k)];
        }
}

static kr_status pair_gradient(kr_context *ctx, kr_moment *m, int ti, int tj, double *gtheta, node_scratch *scratch) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &m->model->descriptor;
    node_pair *np = &m->nodes->pair[ti * m->nt + tj];
    size_t n = (size_t)m->grid.n, ng = (size_t)m->ng;
    double *gx = NULL;
    for (size_t k = 0; k < n * ng; k++) np->bar[k] *= m->nodes->scale;
    kr_moment_grid_solve_transposed(&m->grid, m->ng, np->bar);
    if (m->tebd && d->strip) {
        size_t width = (size_t)d->embedding_strip->in;
        KR_TRY(kr_buffer_reserve(ctx, &scratch->row, 2 * width + ng, sizeof(double)));
        double *row = scratch->row.data, *fbar = row + 2 * width;
        gx = row + width;
        memset(row, 0, (2 * width + ng) * sizeof *row);
        type_row(m, ti, tj, row);
        for (size_t q = 0; q < n; q++)
            for (size_t k = 0; k < ng; k++) {
                double w = strip_weight(m, m->nodes->w[q]);
                fbar[k] += np->bar[q * ng + k] * np->g[q * ng + k] * w;
                np->bar[q * ng + k] *= 1 + np->factor[k] * w;
            }
        KR_TRY(kr_net_backprop(ctx, d->embedding_strip, m->model->theta, 1, row, fbar, NULL, NULL, gtheta, gx,
                               &scratch->ws));
        add_type_bar(m, ti, tj, 1, (int)width, 0, gx);
        gx = NULL;
    }
    if (np->rows != np->s) {
        KR_TRY(kr_buffer_reserve(ctx, &scratch->rbar, n * (size_t)np->net->in, sizeof(double)));
        gx = scratch->rbar.data;
        memset(gx, 0, n * (size_t)np->net->in * sizeof *gx);
    }
    kr_moment_tape_gradient(m, np->net, m->grid.n, np->rows, np->bar, np->tape, gtheta, gx);
    if (gx) add_type_bar(m, ti, tj, m->grid.n, np->net->in, 1, gx);
done:
    return status;
}

kr_status kr_moment_nodes_net(kr_context *ctx, kr_moment *m, int e, double *gtheta, int thread) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &m->model->descriptor;
    const kr_net *net = d->embedding[e];
    for (int p = 0; net && p < m->nt * m->nt; p++) {
        int ti = p / m->nt, tj = p % m->nt;
        if (!m->pair[p].present || (!m->tebd && kr_embedding_index(d, m->nt, ti, tj) != e)) continue;
        KR_TRY(pair_gradient(ctx, m, ti, tj, gtheta, &m->nodes->scratch[thread]));
    }
done:
    return status;
}

void kr_moment_nodes_clear(kr_moment *m) {
    if (m->tebd) memset(m->nodes->tebd_bar, 0, (size_t)m->nt * (size_t)m->model->descriptor.tebd_dim * sizeof(double));
}

kr_status kr_moment_nodes_types_gradient(kr_context *ctx, kr_moment *m, double *gtheta) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &m->model->descriptor;
    size_t dim = (size_t)d->tebd_dim;
    if (!m->tebd) return KR_OK;
    for (int b = 0; b < m->nblocks; b++)
        for (int k = 0; k < m->ntebd; k++)
            m->nodes->tebd_bar[(size_t)m->block[b].type * dim + (size_t)k] += m->tebd_bar[b * m->ntebd + k];
    KR_TRY(kr_net_backprop(ctx, d->type_embedding, m->model->theta, m->nt, m->nodes->type_input, m->nodes->tebd_bar,
                           NULL, NULL, gtheta, NULL, &m->nodes->scratch[0].ws));
done:
    return status;
}

/* ---- between the nodes ---- */

/* G of a pair of types at n distances, times scale. s [n] is scratch. */
static kr_status exact_values(kr_context *ctx, const kr_moment *m, int p, int n, const double *r, double *s, double *g,
                              double *factor, node_scratch *scratch) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &m->model->descriptor;
    size_t ng = (size_t)m->ng;
    for (int q = 0; q < n; q++) s[q] = input_at(m, &m->pair[p], r[q]);
    KR_TRY(net_values(ctx, m, p / m->nt, p % m->nt, n, s, g, factor, scratch));
    for (size_t q = 0; q < (size_t)n; q++) {
        double w = m->tebd && d->strip ? strip_weight(m, kr_switch(r[q], d->rcut_smth, d->rcut, NULL)) : 0;
        for (size_t k = 0; k < ng; k++) g[q * ng + k] *= m->nodes->scale * (w != 0 ? 1 + factor[k] * w : 1);
    }
done:
    return status;
}

/* How many pairs have a distance between these, in parts of bins; 1 when that is not known. */
static double pairs_between(const kr_moment_pair *pair, double from, double to) {
    double sum = 0, place[2] = {kr_engine_bin(from), kr_engine_bin(to)};
    if (!pair->below) return 1;
    for (int k = 0; k < 2; k++) {
        int bin = (int)place[k] < KR_ENGINE_BINS ? (int)place[k] : KR_ENGINE_BINS - 1;
        double low = (double)pair->below[bin], high = (double)pair->below[bin + 1];
        sum += (k ? 1 : -1) * (low + (place[k] - bin) * (high - low));
    }
    return sum;
}

/* A pair of types by itself: does not depend on the batches that came before, so a restart decides the same. */
static kr_status error_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_status status = KR_OK;
    node_run *run = payload;
    kr_moment *m = run->m;
    int p = (int)block * run->stride, n = m->grid.n;
    size_t ng = (size_t)m->ng, rows = (size_t)n;
    double *memory = NULL, b[6], largest = 0, most = 0, squares = 0, count = 0;
    KR_NEW(ctx, memory, 2 * rows + 2 * rows * ng + ng);
    double *r = memory, *s = r + rows, *c = s + rows, *g = c + rows * ng, *factor = g + rows * ng;
    KR_TRY(exact_values(ctx, m, p, n, m->grid.node, s, c, factor, &m->nodes->scratch[thread]));
    kr_moment_grid_solve(&m->grid, m->ng, c);
    kr_fast_basis(0.5, b);
    for (int k = 0; k < m->grid.knots.nsegments; k++) {
        const kr_fast_segment *seg = &m->grid.knots.segment[k];
        for (int i = 0; i < seg->intervals; i++) r[i] = exp(seg->x_begin + (i + 0.5) / seg->inv_h);
        KR_TRY(exact_values(ctx, m, p, seg->intervals, r, s, g, factor, &m->nodes->scratch[thread]));
        for (int i = 0; i < seg->intervals; i++) {
            double weight = pairs_between(&m->pair[p], r[i] * exp(-0.5 / seg->inv_h), r[i] * exp(0.5 / seg->inv_h));
            double here = 0;
            for (size_t o = 0; o < ng && weight > 0; o++) {
                double exact = g[(size_t)i * ng + o], spline = 0;
                for (size_t j = 0; j < 6; j++) spline += b[j] * c[((size_t)(seg->offset + i) + j) * ng + o];
                here = fmax(here, fabs(spline - exact));
                most = fmax(most, fabs(exact));
            }
            largest = fmax(largest, here);
            squares += weight * here * here;
            count += weight;
        }
    }
    if (m->pair[p].below) largest = count > 0 ? sqrt(squares / count) : 0;
    run->error[block] = most > 0 ? largest / most : 0;
done:
    kr_free(memory);
    return status;
}

kr_status kr_moment_nodes_error(kr_context *ctx, kr_moment *m, double *error) {
    enum { MOST_PAIRS = 256 }; /* with many types a part of the pairs tells enough */
    kr_status status = KR_OK;
    long pairs = (long)m->nt * m->nt;
    node_run run = {.m = m, .stride = (int)((pairs + MOST_PAIRS - 1) / MOST_PAIRS)};
    *error = 0;
    pairs = (pairs + run.stride - 1) / run.stride;
    KR_NEW(ctx, run.error, (size_t)pairs);
    KR_TRY(reserve_scratch(ctx, m->nodes));
    KR_TRY(kr_moment_nodes_types(ctx, m));
    KR_TRY(kr_parallel_blocks(ctx, pairs, error_block, NULL, &run));
    for (long p = 0; p < pairs; p++) *error = fmax(*error, run.error[p]);
done:
    kr_free(run.error);
    return status;
}
