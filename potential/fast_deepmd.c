/* DeePMD-kit's tables of the embedding, for comparison with its compressed models: same knots, same rule, plain loops.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The variable is the net's input x = (s − davg)/dstd. Knots: stride 0.01 from `lower` to `upper`, 0.1 from there to
 * 5·upper, lower = ⌊−davg/dstd⌋, upper = ⌈(s_max − davg)/dstd⌉, s_max = w(d_min)/d_min, over the centre types that use
 * the net. Between knots the quintic with value, slope and second derivative of both ends; outside linear
 * continuation. Source: DeePMD-kit's documentation of model compression; Lu et al., JCTC 2022. */
#include "core/error.h"
#include "potential/fast_internal.h"
#include <math.h>
#include <string.h>

static const double FINE = 0.01, COARSE = 0.1, EXTRAPOLATE = 5;

typedef struct table {
    double lower, upper, last; /* last = EXTRAPOLATE·upper */
    int nfine, n;
    double *a; /* [n][ng][6] */
} table;

struct kr_fast_tables {
    int ntables;
    table *table;   /* [nembedding] */
    double d_min;   /* Å */
    double *factor; /* strip: [ntypes][ntypes][ng] of (centre, neighbour) */
};

void kr_fast_tables_free(kr_fast_tables **tables) {
    if (!*tables) return;
    for (int e = 0; (*tables)->table && e < (*tables)->ntables; e++) kr_free((*tables)->table[e].a);
    kr_free((*tables)->table);
    kr_free((*tables)->factor);
    kr_free(*tables);
    *tables = NULL;
}

/* Value, slope and second derivative of a net with one input at x: y [3][out]; work [8][widest]. */
static void net_jet(const kr_net *net, const double *theta, double x, int widest, double *work, double *y) {
    double *in = work, *z = work + 3 * widest, *s1 = z + 3 * widest, *s2 = s1 + widest;
    in[0] = x, in[widest] = 1, in[2 * widest] = 0;
    for (int l = 0; l < net->nlayers; l++) {
        const kr_layer *layer = &net->layer[l];
        const double *w = theta + layer->w;
        int n = layer->out, skip = kr_layer_skip(layer);
        for (int order = 0; order < 3; order++)
            for (int o = 0; o < n; o++) {
                double sum = order == 0 && layer->b != KR_NO_BLOCK ? theta[layer->b + (size_t)o] : 0;
                for (int i = 0; i < layer->in; i++) sum += in[order * widest + i] * w[i * n + o];
                z[order * widest + o] = sum;
            }
        kr_activation_apply(&layer->activation, (size_t)n, z, z, s1, s2);
        for (int o = 0; o < n; o++) {
            double z1 = z[widest + o], z2 = z[2 * widest + o];
            z[widest + o] = s1[o] * z1;
            z[2 * widest + o] = s2[o] * z1 * z1 + s1[o] * z2;
        }
        for (int order = 0; order < 3; order++)
            for (int o = 0; o < n; o++) {
                double *to = &z[order * widest + o];
                if (layer->idt != KR_NO_BLOCK) *to *= theta[layer->idt + (size_t)o];
                if (skip) *to += in[order * widest + o % layer->in];
            }
        memcpy(in, z, 3 * (size_t)widest * sizeof *in);
    }
    for (int order = 0; order < 3; order++)
        memcpy(y + order * net->out, in + order * widest, (size_t)net->out * sizeof *y);
}

static double knot(const table *t, int k) {
    return k <= t->nfine ? (k == t->nfine ? t->upper : t->lower + k * FINE) : t->upper + (k - t->nfine) * COARSE;
}

static kr_status fill_table(kr_context *ctx, const kr_net *net, const double *theta, table *t) {
    kr_status status = KR_OK;
    int ng = net->out, widest = net->in;
    double *work = NULL, *jet = NULL;
    for (int l = 0; l < net->nlayers; l++) widest = net->layer[l].out > widest ? net->layer[l].out : widest;
    t->nfine = (int)((t->upper - t->lower) / FINE + 0.5);
    t->n = t->nfine + (int)((t->last - t->upper) / COARSE + 0.5);
    KR_NEW(ctx, t->a, (size_t)t->n * (size_t)ng * 6);
    KR_NEW(ctx, work, 8 * (size_t)widest);
    KR_NEW(ctx, jet, 6 * (size_t)ng);
    double *here = jet, *next = jet + 3 * ng;
    net_jet(net, theta, knot(t, 0), widest, work, here);
    for (int k = 0; k < t->n; k++) {
        double w = knot(t, k + 1) - knot(t, k), *a = t->a + (size_t)k * (size_t)ng * 6;
        net_jet(net, theta, knot(t, k + 1), widest, work, next);
        for (int m = 0; m < ng; m++, a += 6) {
            double d = here[ng + m], d2 = here[2 * ng + m], e = next[ng + m], e2 = next[2 * ng + m];
            double h = next[m] - here[m];
            a[0] = here[m];
            a[1] = d;
            a[2] = d2 / 2;
            a[3] = (20 * h - (8 * e + 12 * d) * w - (3 * d2 - e2) * w * w) / (2 * w * w * w);
            a[4] = (-30 * h + (14 * e + 16 * d) * w + (3 * d2 - 2 * e2) * w * w) / (2 * w * w * w * w);
            a[5] = (12 * h - 6 * (e + d) * w + (e2 - d2) * w * w) / (2 * w * w * w * w * w);
        }
        double *swap = here;
        here = next;
        next = swap;
    }
done:
    kr_free(work);
    kr_free(jet);
    return status;
}

/* g, g1 [ng]: value and slope at x. */
static void look_up(const table *t, int ng, double x, double *g, double *g1) {
    int row = 0;
    double dx = 0, beyond = 0;
    if (x < t->lower) {
        beyond = x - t->lower;
    } else if (x < t->upper) {
        row = (int)((x - t->lower) / FINE);
        if (row >= t->nfine) row = t->nfine - 1;
        dx = x - knot(t, row);
    } else if (x < t->last) {
        row = t->nfine + (int)((x - t->upper) / COARSE);
        if (row >= t->n) row = t->n - 1;
        dx = x - knot(t, row);
    } else {
        row = t->n - 1;
        dx = t->last - knot(t, row);
        beyond = x - t->last;
    }
    const double *a = t->a + (size_t)row * (size_t)ng * 6;
    for (int m = 0; m < ng; m++, a += 6) {
        double slope = a[1] + dx * (2 * a[2] + dx * (3 * a[3] + dx * (4 * a[4] + dx * 5 * a[5])));
        g[m] = a[0] + dx * (a[1] + dx * (a[2] + dx * (a[3] + dx * (a[4] + dx * a[5])))) + slope * beyond;
        g1[m] = slope;
    }
}

static int net_index(const kr_fast *fast, int ti, int tj) {
    const kr_descriptor *d = &fast->model->descriptor;
    if (d->mixed_types) return 0;
    return !d->type_one_side && d->nembedding == fast->ntypes * fast->ntypes ? ti + fast->ntypes * tj : tj;
}

/* Ranges over the pairs of types that share a net. */
static void set_ranges(const kr_fast *fast, kr_fast_tables *tables) {
    const kr_descriptor *d = &fast->model->descriptor;
    double s_max = kr_switch(tables->d_min, d->rcut_smth, d->rcut, NULL) / tables->d_min;
    for (int ti = 0; ti < fast->ntypes; ti++)
        for (int tj = 0; tj < fast->ntypes; tj++) {
            table *t = &tables->table[net_index(fast, ti, tj)];
            size_t at = ((size_t)ti * (size_t)d->nnei + (size_t)kr_fast_slot(d, tj)) * (size_t)d->ncolumns;
            double low = floor(-d->davg[at] / d->dstd[at]), high = ceil((s_max - d->davg[at]) / d->dstd[at]);
            int used = d->mixed_types || (d->sel[tj] > 0 && !(d->excluded && d->excluded[ti * fast->ntypes + tj]));
            if (!used) continue;
            if (low < t->lower) t->lower = low;
            if (high > t->upper) t->upper = high;
            t->last = EXTRAPOLATE * t->upper;
        }
}

/* 1 + net_strip(types)·{…} needs the type factors once. */
static kr_status strip_factors(kr_context *ctx, const kr_fast *fast, kr_fast_tables *tables) {
    kr_status status = KR_OK;
    const kr_model *model = fast->model;
    const kr_descriptor *d = &model->descriptor;
    const size_t dim = (size_t)d->tebd_dim, nt = (size_t)fast->ntypes;
    kr_net_workspace ws = {0};
    double *e = NULL, *row = NULL;
    KR_NEW(ctx, e, nt * dim);
    KR_NEW(ctx, row, 2 * dim);
    KR_NEW(ctx, tables->factor, nt * nt * (size_t)d->ng);
    KR_TRY(kr_fast_type_embedding(ctx, model, e));
    for (size_t ti = 0; ti < nt; ti++)
        for (size_t tj = 0; tj < nt; tj++) {
            memcpy(row, e + tj * dim, dim * sizeof *row);
            if (!d->type_one_side) memcpy(row + dim, e + ti * dim, dim * sizeof *row);
            KR_TRY(kr_net_value(ctx, d->embedding_strip, model->theta, 1, row,
                                tables->factor + (ti * nt + tj) * (size_t)d->ng, &ws));
        }
done:
    kr_free(e);
    kr_free(row);
    kr_net_workspace_free(&ws);
    return status;
}

const char *kr_fast_tables_unsupported(const kr_model *model) {
    const kr_descriptor *d = &model->descriptor;
    if (d->ncolumns != 4) return "DeePMD-kit's tables are built in for descriptors with angles only";
    if (d->lmax > 1) return "DeePMD-kit's tables are built in for lmax 1 only";
    if (d->mixed_types && !d->strip) return "DeePMD-kit's tables need tebd_input_mode strip";
    return NULL;
}

kr_status kr_fast_tables_create(kr_context *ctx, kr_fast *fast) {
    kr_status status = KR_OK;
    const kr_model *model = fast->model;
    const kr_descriptor *d = &model->descriptor;
    kr_fast_tables *tables = NULL;
    KR_NEW(ctx, tables, 1);
    tables->ntables = d->nembedding;
    tables->d_min =
        model->has_min_nbor_dist && model->min_nbor_dist > 0 ? model->min_nbor_dist : kr_fast_closest(model) / 0.75;
    KR_NEW(ctx, tables->table, (size_t)d->nembedding);
    set_ranges(fast, tables);
    for (int e = 0; e < d->nembedding; e++)
        if (d->embedding[e] && tables->table[e].upper > tables->table[e].lower)
            KR_TRY(fill_table(ctx, d->embedding[e], model->theta, &tables->table[e]));
    if (d->mixed_types) KR_TRY(strip_factors(ctx, fast, tables));
    for (int e = 0; e < d->nembedding; e++)
        fast->bytes += (size_t)tables->table[e].n * (size_t)d->ng * 6 * sizeof(double);
    fast->tables = tables;
    tables = NULL;
done:
    kr_fast_tables_free(&tables);
    return status;
}

double kr_fast_tables_closest(const kr_fast *fast) { return fast->tables->d_min; }

/* G and its derivatives with respect to x and w. */
static void embed(const kr_fast *fast, int ti, int tj, double x, double w, double *g, double *g1, double *gw) {
    const kr_descriptor *d = &fast->model->descriptor;
    const table *t = &fast->tables->table[net_index(fast, ti, tj)];
    const int ng = d->ng;
    memset(gw, 0, (size_t)ng * sizeof *gw);
    if (!t->a) {
        memset(g, 0, (size_t)ng * sizeof *g);
        memset(g1, 0, (size_t)ng * sizeof *g1);
        return;
    }
    look_up(t, ng, x, g, g1);
    if (!fast->tables->factor) return;
    const double *factor = fast->tables->factor + ((size_t)ti * (size_t)fast->ntypes + (size_t)tj) * (size_t)ng;
    for (int m = 0; m < ng; m++) {
        double scale = 1 + factor[m] * (d->smooth_type_embedding ? w : 1);
        gw[m] = d->smooth_type_embedding ? g[m] * factor[m] : 0;
        g[m] *= scale;
        g1[m] *= scale;
    }
}

/* T [ng][4] of centre i; g [3][ng] is scratch. */
static void moments(const kr_fast *fast, const kr_env *env, int i, double *t, double *g) {
    const kr_descriptor *d = &fast->model->descriptor;
    const int ng = d->ng, nt = env->ntypes, ti = env->center_type[i];
    const int *first = env->first + (size_t)i * (size_t)nt;
    double row[4];
    memset(t, 0, 4 * (size_t)ng * sizeof *t);
    for (int tj = 0; tj < nt; tj++) {
        if (!(d->excluded && d->excluded[ti * nt + tj]))
            for (int p = first[tj]; p < first[tj + 1]; p++) {
                double w = kr_env_row(d, env, ti, p, row);
                embed(fast, ti, tj, row[0], w, g, g + ng, g + 2 * ng);
                for (int m = 0; m < ng; m++)
                    for (int c = 0; c < 4; c++) t[4 * m + c] += g[m] * row[c] / d->nnei;
            }
        int empty = d->mixed_types ? (tj == env->pad_type ? d->nnei - (first[nt] - first[0]) : 0)
                                   : d->sel[tj] - (first[tj + 1] - first[tj]);
        if (empty <= 0) continue;
        kr_env_padding(d, ti, kr_fast_slot(d, tj), row);
        embed(fast, ti, tj, row[0], 0, g, g + ng, g + 2 * ng);
        for (int m = 0; m < ng; m++) t[4 * m] += g[m] * row[0] * empty / d->nnei;
    }
}

/* Pair gradients of centre i from gt [ng][4]. */
static void gradients(const kr_fast *fast, const kr_env *env, int i, const double *gt, double *g, double *gr) {
    const kr_descriptor *d = &fast->model->descriptor;
    const int ng = d->ng, nt = env->ntypes, ti = env->center_type[i];
    const int *first = env->first + (size_t)i * (size_t)nt;
    for (int tj = 0; tj < nt; tj++)
        for (int p = first[tj]; p < first[tj + 1]; p++) {
            double row[4], bar[4] = {0, 0, 0, 0}, wbar = 0;
            if (d->excluded && d->excluded[ti * nt + tj]) {
                memset(gr + 3 * (size_t)p, 0, 3 * sizeof *gr);
                continue;
            }
            double w = kr_env_row(d, env, ti, p, row);
            embed(fast, ti, tj, row[0], w, g, g + ng, g + 2 * ng);
            for (int m = 0; m < ng; m++) {
                double along = 0;
                for (int c = 0; c < 4; c++) {
                    along += row[c] * gt[4 * m + c];
                    bar[c] += g[m] * gt[4 * m + c] / d->nnei;
                }
                bar[0] += along * g[ng + m] / d->nnei;
                wbar += along * g[2 * ng + m] / d->nnei;
            }
            kr_env_row_adjoint(d, env, ti, p, bar, wbar, gr + 3 * (size_t)p);
        }
}

kr_status kr_fast_tables_block(kr_context *ctx, const kr_fast *fast, const kr_env *env, const double *fparam,
                               const double *aparam, double *energy, double *gr, kr_fast_workspace *ws) {
    kr_status status = KR_OK;
    const kr_model *model = fast->model;
    const kr_descriptor *d = &model->descriptor;
    const size_t ng = (size_t)d->ng, nd = (size_t)d->dim_out, n = (size_t)env->natoms;
    const size_t axis = (size_t)d->axis_neuron, tail = nd - ng * axis;
    KR_TRY(kr_buffer_reserve(ctx, &ws->table, n * (2 * nd + 4 * ng) + 7 * ng + (size_t)fast->ntypes * tail,
                             sizeof(double)));
    double *dd = ws->table.data, *gd = dd + n * nd, *t = gd + n * nd, *gt = t + n * 4 * ng, *g = gt + 4 * ng;
    double *e = g + 3 * ng;
    if (tail > 0) KR_TRY(kr_fast_type_embedding(ctx, model, e));
    for (size_t i = 0; i < n; i++) {
        const double *ti = t + i * 4 * ng;
        moments(fast, env, (int)i, t + i * 4 * ng, g);
        for (size_t a = 0; a < ng; a++)
            for (size_t b = 0; b < axis; b++) {
                double sum = 0;
                for (size_t c = 0; c < 4; c++) sum += ti[4 * a + c] * ti[4 * b + c];
                dd[i * nd + a * axis + b] = sum;
            }
        memcpy(dd + i * nd + ng * axis, e + (size_t)env->center_type[i] * tail, tail * sizeof *dd);
    }
    KR_TRY(kr_fitting_energy(ctx, model, (int)n, env->center_type, dd, fparam, aparam, energy, gr ? gd : NULL,
                             &ws->reference.fitting));
    for (size_t i = 0; gr && i < n; i++) {
        const double *ti = t + i * 4 * ng;
        memset(gt, 0, 4 * ng * sizeof *gt);
        for (size_t a = 0; a < ng; a++)
            for (size_t b = 0; b < axis; b++)
                for (size_t c = 0; c < 4; c++) {
                    gt[4 * a + c] += gd[i * nd + a * axis + b] * ti[4 * b + c];
                    gt[4 * b + c] += gd[i * nd + a * axis + b] * ti[4 * a + c];
                }
        gradients(fast, env, (int)i, gt, g, gr);
    }
done:
    return status;
}
