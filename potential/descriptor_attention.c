/* Gated self-attention over the neighbours of a centre (DPA-1).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * One layer on G [n][ng] of a centre, hidden width d, w = switch, h = direction:
 *   [q, k, v] = G W_in + b_in (each scaled to length 1 when `normalize`)     A_ij = scale q_i·k_j
 *   smooth:  B_ij = (A_ij + 20) w_i w_j − 20,  P = softmax over all slots,  C_ij = P_ij w_i w_j
 *   else:    B = A,  P = softmax over the neighbours,  C = P
 *   dotr:    C_ij *= h_i·h_j
 *   o_i = Σ_j C_ij v_j     G ← LayerNorm(G + o W_out + b_out)
 * Every empty slot adds e^(−20) to the smooth softmax's sums (its key has w = 0) and nothing else.
 * Source: Zhang et al., npj Comput. Mater. 10, 94 (2024). */
#include "potential/descriptor_attention.h"
#include "core/error.h"
#include <math.h>
#include <string.h>

static const double SHIFT = 20;

/* Arrays of one layer over all rows (buffer 6). */
typedef struct layer_rows {
    double *qkv, *out, *y; /* [n][3 d], [n][d], [n][ng] */
    double *bar, *outbar;  /* their adjoints or tangents: [n][3 d], [n][d] */
    double *ybar;          /* [n][ng] */
} layer_rows;

/* Arrays of one centre (buffer 7); primes are adjoints or tangents. */
typedef struct center_rows {
    int n, d;
    double *u[3], *ubar[3]; /* q, k, v after normalisation: [n][d] */
    double *length[3];      /* [n] */
    double *a, *p;          /* [n][n] */
    double *row;            /* [n] */
} center_rows;

static double scale_of(const kr_attention *layer) {
    return layer->has_temperature ? layer->temperature : 1 / sqrt(layer->hidden * layer->scaling_factor);
}

static kr_status reserve(kr_context *ctx, const kr_attention *layer, int ng, const kr_attention_rows *rows,
                         layer_rows *l, center_rows *c, kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    size_t n = (size_t)rows->n, d = (size_t)layer->hidden, most = 0;
    for (int i = 0; i < rows->natoms; i++) {
        size_t count = (size_t)(rows->first[i + 1] - rows->first[i]);
        if (count > most) most = count;
    }
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[6], n * (8 * d + 2 * (size_t)ng), sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[7], most * (6 * d + 4 + 2 * most), sizeof(double)));
    double *at = ws->buffer[6].data;
    l->qkv = at, at += n * 3 * d;
    l->out = at, at += n * d;
    l->bar = at, at += n * 3 * d;
    l->outbar = at, at += n * d;
    l->y = at, at += n * (size_t)ng;
    l->ybar = at;
    at = ws->buffer[7].data;
    for (int k = 0; k < 3; k++) {
        c->u[k] = at, at += most * d;
        c->ubar[k] = at, at += most * d;
        c->length[k] = at, at += most;
    }
    c->row = at, at += most;
    c->a = at, at += most * most;
    c->p = at;
    c->d = layer->hidden;
done:
    return status;
}

static double dot(int n, const double *a, const double *b) {
    double sum = 0;
    for (int k = 0; k < n; k++) sum += a[k] * b[k];
    return sum;
}

static void add(int n, double scale, const double *a, double *b) {
    for (int k = 0; k < n; k++) b[k] += scale * a[k];
}

/* q, k, v of a centre from its rows of qkv, scaled to unit length when asked. */
static void load_center(const kr_attention *layer, const double *qkv, int n, center_rows *c) {
    c->n = n;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < n; i++) {
            const double *from = qkv + ((size_t)i * 3 + (size_t)k) * (size_t)c->d;
            double *u = c->u[k] + (size_t)i * (size_t)c->d, length = 1;
            if (layer->normalize) length = sqrt(dot(c->d, from, from));
            if (length < layer->shortest) length = layer->shortest;
            c->length[k][i] = length;
            for (int x = 0; x < c->d; x++) u[x] = from[x] / length;
        }
}

/* A, and P = softmax. w, h of the centre's rows. */
static void scores(const kr_attention *layer, int nempty, const double *w, center_rows *c) {
    size_t n = (size_t)c->n, d = (size_t)c->d;
    double scale = scale_of(layer);
    for (size_t i = 0; i < n; i++) {
        double most = layer->smooth && nempty ? -SHIFT : -INFINITY, sum = 0, *a = c->a + i * n, *p = c->p + i * n;
        for (size_t j = 0; j < n; j++) {
            a[j] = scale * dot(c->d, c->u[0] + i * d, c->u[1] + j * d);
            p[j] = layer->smooth ? (a[j] + SHIFT) * w[i] * w[j] - SHIFT : a[j];
            if (p[j] > most) most = p[j];
        }
        for (size_t j = 0; j < n; j++) sum += p[j] = exp(p[j] - most);
        if (layer->smooth) sum += nempty * exp(-SHIFT - most);
        for (size_t j = 0; j < n; j++) p[j] /= sum;
    }
}

/* Factors of C_ij besides P_ij. */
static double switch_factor(const kr_attention *layer, const double *w, size_t i, size_t j) {
    return layer->smooth ? w[i] * w[j] : 1;
}
static double angle_factor(const kr_attention *layer, const double *h, size_t i, size_t j) {
    return layer->dotr ? dot(3, h + 3 * i, h + 3 * j) : 1;
}

static void center_value(const kr_attention *layer, const double *w, const double *h, const center_rows *c,
                         double *out) {
    size_t n = (size_t)c->n, d = (size_t)c->d;
    memset(out, 0, n * d * sizeof *out);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            add(c->d, c->p[i * n + j] * switch_factor(layer, w, i, j) * angle_factor(layer, h, i, j), c->u[2] + j * d,
                out + i * d);
}

/* From outbar [n][d] to ubar, wbar, hbar of the centre. */
static void center_adjoint(const kr_attention *layer, const double *w, const double *h, center_rows *c,
                           const double *outbar, double *wbar, double *hbar) {
    size_t n = (size_t)c->n, d = (size_t)c->d;
    double scale = scale_of(layer);
    for (int k = 0; k < 3; k++) memset(c->ubar[k], 0, n * d * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        const double *p = c->p + i * n, *ob = outbar + i * d;
        double *pbar = c->row, mean = 0;
        for (size_t j = 0; j < n; j++) {
            double ww = switch_factor(layer, w, i, j), hh = angle_factor(layer, h, i, j);
            double cbar = dot(c->d, ob, c->u[2] + j * d);
            add(c->d, p[j] * ww * hh, ob, c->ubar[2] + j * d);
            pbar[j] = cbar * ww * hh;
            mean += p[j] * pbar[j];
            if (layer->smooth) {
                wbar[i] += cbar * p[j] * hh * w[j];
                wbar[j] += cbar * p[j] * hh * w[i];
            }
            if (layer->dotr) {
                add(3, cbar * p[j] * ww, h + 3 * j, hbar + 3 * i);
                add(3, cbar * p[j] * ww, h + 3 * i, hbar + 3 * j);
            }
        }
        for (size_t j = 0; j < n; j++) {
            double bbar = p[j] * (pbar[j] - mean), abar = bbar * switch_factor(layer, w, i, j);
            if (layer->smooth) {
                double wwbar = bbar * (c->a[i * n + j] + SHIFT);
                wbar[i] += wwbar * w[j];
                wbar[j] += wwbar * w[i];
            }
            add(c->d, scale * abar, c->u[1] + j * d, c->ubar[0] + i * d);
            add(c->d, scale * abar, c->u[0] + i * d, c->ubar[1] + j * d);
        }
    }
}

/* From tangents in ubar (of q, k, v after normalisation), dw, dh to dout [n][d]. */
static void center_tangent(const kr_attention *layer, const double *w, const double *h, const center_rows *c,
                           const double *dw, const double *dh, double *dout) {
    size_t n = (size_t)c->n, d = (size_t)c->d;
    double scale = scale_of(layer);
    memset(dout, 0, n * d * sizeof *dout);
    for (size_t i = 0; i < n; i++) {
        const double *p = c->p + i * n;
        double *db = c->row, mean = 0;
        for (size_t j = 0; j < n; j++) {
            double da = scale * (dot(c->d, c->ubar[0] + i * d, c->u[1] + j * d) +
                                 dot(c->d, c->u[0] + i * d, c->ubar[1] + j * d));
            db[j] = da;
            if (layer->smooth) db[j] = da * w[i] * w[j] + (c->a[i * n + j] + SHIFT) * (dw[i] * w[j] + w[i] * dw[j]);
            mean += p[j] * db[j];
        }
        for (size_t j = 0; j < n; j++) {
            double ww = switch_factor(layer, w, i, j), hh = angle_factor(layer, h, i, j);
            double dcij = p[j] * (db[j] - mean) * ww * hh;
            if (layer->smooth) dcij += p[j] * hh * (dw[i] * w[j] + w[i] * dw[j]);
            if (layer->dotr) dcij += p[j] * ww * (dot(3, dh + 3 * i, h + 3 * j) + dot(3, h + 3 * i, dh + 3 * j));
            add(c->d, dcij, c->u[2] + j * d, dout + i * d);
            add(c->d, p[j] * ww * hh, c->ubar[2] + j * d, dout + i * d);
        }
    }
}

/* (v − u (u·v))/length, the derivative of scaling to unit length, from ubar to qkvbar or the other way round. */
static void project(const kr_attention *layer, const center_rows *c, double *qkv, int into_center) {
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < c->n; i++) {
            double *flat = qkv + ((size_t)i * 3 + (size_t)k) * (size_t)c->d;
            double *own = c->ubar[k] + (size_t)i * (size_t)c->d;
            const double *u = c->u[k] + (size_t)i * (size_t)c->d;
            double *from = into_center ? flat : own, *to = into_center ? own : flat;
            double along = layer->normalize && c->length[k][i] > layer->shortest ? dot(c->d, u, from) : 0;
            for (int x = 0; x < c->d; x++) to[x] = (from[x] - u[x] * along) / c->length[k][i];
        }
}

/* y = LayerNorm(x) in place; v (NULL: none) is replaced by the tangent along v, or by the adjoint of v: the operator
 * is symmetric but for the weights, which stand after it in a tangent and before it in an adjoint. */
static void layer_norm(const kr_attention *layer, const double *theta, int n, int ng, double *x, double *v,
                       int adjoint) {
    const double *weight = theta + layer->ln_w, *bias = theta + layer->ln_b;
    for (int i = 0; i < n; i++, x += ng, v = v ? v + ng : NULL) {
        double mean = 0, variance = 0, vmean = 0, vx = 0;
        for (int a = 0; a < ng; a++) mean += x[a] / ng;
        for (int a = 0; a < ng; a++) variance += (x[a] - mean) * (x[a] - mean) / ng;
        double sigma = sqrt(variance + layer->ln_eps);
        for (int a = 0; a < ng; a++) x[a] = (x[a] - mean) / sigma;
        for (int a = 0; v && a < ng; a++) {
            if (adjoint) v[a] *= weight[a];
            vmean += v[a] / ng;
            vx += v[a] * x[a] / ng;
        }
        for (int a = 0; v && a < ng; a++) v[a] = (v[a] - vmean - x[a] * vx) / sigma * (adjoint ? 1 : weight[a]);
        for (int a = 0; a < ng; a++) x[a] = x[a] * weight[a] + bias[a];
    }
}

/* Fills qkv, out and x = G + y (in l->y) of a layer. */
static kr_status layer_forward(kr_context *ctx, const kr_model *model, const kr_attention *layer,
                               const kr_attention_rows *rows, const double *g, layer_rows *l, center_rows *c,
                               kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    size_t ng = (size_t)model->descriptor.ng, d = (size_t)layer->hidden;
    KR_TRY(reserve(ctx, layer, model->descriptor.ng, rows, l, c, ws));
    KR_TRY(kr_net_value(ctx, layer->in_proj, model->theta, rows->n, g, l->qkv, &ws->net));
    memset(l->out, 0, (size_t)rows->n * d * sizeof(double));
    for (int i = 0; i < rows->natoms; i++) {
        size_t first = (size_t)rows->first[i];
        int n = rows->first[i + 1] - rows->first[i];
        load_center(layer, l->qkv + first * 3 * d, n, c);
        scores(layer, rows->nnei - n, rows->w + first, c);
        center_value(layer, rows->w + first, rows->h + 3 * first, c, l->out + first * d);
    }
    KR_TRY(kr_net_value(ctx, layer->out_proj, model->theta, rows->n, l->out, l->y, &ws->net));
    for (size_t k = 0; k < (size_t)rows->n * ng; k++) l->y[k] += g[k];
done:
    return status;
}

kr_status kr_attention_value(kr_context *ctx, const kr_model *model, const kr_attention_rows *rows, double *g,
                             kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t count = (size_t)rows->n * (size_t)d->ng;
    for (int k = 0; k < d->attn_layer; k++, g += count) {
        layer_rows l;
        center_rows c;
        KR_TRY(layer_forward(ctx, model, &d->attention[k], rows, g, &l, &c, ws));
        memcpy(g + count, l.y, count * sizeof *g);
        layer_norm(&d->attention[k], model->theta, rows->n, d->ng, g + count, NULL, 0);
    }
done:
    return status;
}

kr_status kr_attention_adjoint(kr_context *ctx, const kr_model *model, const kr_attention_rows *rows, const double *g,
                               double *gbar, double *wbar, double *hbar, kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t count = (size_t)rows->n * (size_t)d->ng;
    for (int k = d->attn_layer - 1; k >= 0; k--) {
        const kr_attention *layer = &d->attention[k];
        const double *gk = g + (size_t)k * count;
        size_t hidden = (size_t)layer->hidden;
        layer_rows l;
        center_rows c;
        KR_TRY(layer_forward(ctx, model, layer, rows, gk, &l, &c, ws));
        layer_norm(layer, model->theta, rows->n, d->ng, l.y, gbar, 1);
        KR_TRY(kr_net_gradient(ctx, layer->out_proj, model->theta, rows->n, l.out, gbar, NULL, l.outbar, &ws->net));
        memset(l.bar, 0, (size_t)rows->n * 3 * hidden * sizeof(double));
        for (int i = 0; i < rows->natoms; i++) {
            size_t first = (size_t)rows->first[i];
            int n = rows->first[i + 1] - rows->first[i];
            load_center(layer, l.qkv + first * 3 * hidden, n, &c);
            scores(layer, rows->nnei - n, rows->w + first, &c);
            center_adjoint(layer, rows->w + first, rows->h + 3 * first, &c, l.outbar + first * hidden, wbar + first,
                           hbar + 3 * first);
            project(layer, &c, l.bar + first * 3 * hidden, 0);
        }
        KR_TRY(kr_net_gradient(ctx, layer->in_proj, model->theta, rows->n, gk, l.bar, NULL, l.ybar, &ws->net));
        for (size_t x = 0; x < count; x++) gbar[x] += l.ybar[x];
    }
done:
    return status;
}

kr_status kr_attention_tangent(kr_context *ctx, const kr_model *model, const kr_attention_rows *rows, const double *g,
                               double *dg, const double *dw, const double *dh, kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t count = (size_t)rows->n * (size_t)d->ng;
    for (int k = 0; k < d->attn_layer; k++) {
        const kr_attention *layer = &d->attention[k];
        const double *gk = g + (size_t)k * count;
        size_t hidden = (size_t)layer->hidden;
        layer_rows l;
        center_rows c;
        KR_TRY(layer_forward(ctx, model, layer, rows, gk, &l, &c, ws));
        KR_TRY(kr_net_tangent(ctx, layer->in_proj, model->theta, rows->n, 1, gk, dg, NULL, l.bar, &ws->net));
        memset(l.outbar, 0, (size_t)rows->n * hidden * sizeof(double));
        for (int i = 0; i < rows->natoms; i++) {
            size_t first = (size_t)rows->first[i];
            int n = rows->first[i + 1] - rows->first[i];
            load_center(layer, l.qkv + first * 3 * hidden, n, &c);
            scores(layer, rows->nnei - n, rows->w + first, &c);
            project(layer, &c, l.bar + first * 3 * hidden, 1);
            center_tangent(layer, rows->w + first, rows->h + 3 * first, &c, dw + first, dh + 3 * first,
                           l.outbar + first * hidden);
        }
        KR_TRY(kr_net_tangent(ctx, layer->out_proj, model->theta, rows->n, 1, l.out, l.outbar, NULL, l.ybar, &ws->net));
        for (size_t x = 0; x < count; x++) dg[x] += l.ybar[x];
        layer_norm(layer, model->theta, rows->n, d->ng, l.y, dg, 0);
    }
done:
    return status;
}
