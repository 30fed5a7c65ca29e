/* θ-gradient of gated self-attention.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * One layer of one centre (potential/descriptor_attention.c), dots for tangents; W_ij = w_i w_j, H_ij = h_i·h_j:
 *   u = z/|z| of q, k, v (normalize)             u̇ = (ż − u (u·ż))/|z|
 *   A = scale q kᵀ                               Ȧ = scale (q̇ kᵀ + q k̇ᵀ)
 *   B = (A + 20) W − 20   (smooth; else A)       Ḃ = Ȧ W + (A + 20) Ẇ
 *   P = softmax B                                Ṗ = P (Ḃ − Σ P Ḃ)
 *   C = P F,  F = W H (factors that there are)   Ċ = Ṗ F + P Ḟ
 *   o = C v                                      ȯ = Ċ v + C v̇
 *   y = G + o W_out + b,  G⁺ = γ x̂ + β           Ġ⁺ = γ N[ẏ],  N[z] = (z − <z> − x̂ <x̂ z>)/σ,  x̂ = (y − <y>)/σ
 * W, H and their tangents do not depend on θ. Adjoints (bars), with S = Ṗ̄:
 *   C̄ = ō vᵀ + ȱ v̇ᵀ,  Ċ̄ = ȱ vᵀ;   P̄ = C̄ F + Ċ̄ Ḟ + S (Ḃ − Σ P Ḃ) − (Σ P S) Ḃ,  S = Ċ̄ F
 *   B̄ = P (P̄ − Σ P P̄),  Ḃ̄ = P (S − Σ P S);   Ā = B̄ W + Ḃ̄ Ẇ,  Ǡ = Ḃ̄ W
 *   ż̄ = (u̇̄ − u (u·u̇̄))/|z|,  z̄ = (x − u (u·x) − u (u̇̄·u̇))/|z|  with  x = ū − ((u·ż) u̇̄ + (u·u̇̄) ż)/|z|
 *   ẏ̄ = N[b],  ȳ = N[a] − (f/σ) x̂/ng − N[q b + p ẏ]/σ
 *   with a = γ Ḡ⁺, b = γ Ġ̄⁺, p = <b x̂>, q = <x̂ ẏ>, f = b·N[ẏ] */
#include "training/attention_gradient.h"
#include "core/error.h"
#include "core/linalg.h"
#include <math.h>
#include <string.h>

static const double SHIFT = 20;

/* Arrays over all rows; `d` before a name: tangent, `bar` after it: adjoint. */
typedef struct layer_rows {
    double *qkv, *dqkv, *qkvbar, *dqkvbar; /* [n][3 d] */
    double *out, *dout, *outbar, *doutbar; /* [n][d] */
    double *y, *dy, *ybar, *dybar;         /* [n][ng] */
} layer_rows;

/* Arrays of one centre of m rows. */
typedef struct center_rows {
    int m, d;
    double *u[3], *du[3], *ubar[3], *dubar[3]; /* q, k, v after normalisation: [m][d] */
    double *length[3];                         /* [m] */
    double *a, *p, *db, *dp, *f, *df, *c, *dc; /* [m][m] */
} center_rows;

void kr_attention_gradient_workspace_free(kr_attention_gradient_workspace *ws) {
    if (!ws) return;
    kr_buffer_free(&ws->rows);
    kr_buffer_free(&ws->center);
    kr_net_workspace_free(&ws->net);
}

static double scale_of(const kr_attention *layer) {
    return layer->has_temperature ? layer->temperature : 1 / sqrt(layer->hidden * layer->scaling_factor);
}

static double *take(double **at, size_t count) {
    double *begin = *at;
    *at += count;
    return begin;
}

static kr_status reserve(kr_context *ctx, const kr_attention *layer, int ng, const kr_attention_rows *rows,
                         layer_rows *l, center_rows *c, kr_attention_gradient_workspace *ws) {
    kr_status status = KR_OK;
    size_t n = (size_t)rows->n, d = (size_t)layer->hidden, m = 0, w = (size_t)ng;
    for (int i = 0; i < rows->natoms; i++) {
        size_t count = (size_t)(rows->first[i + 1] - rows->first[i]);
        if (count > m) m = count;
    }
    KR_TRY(kr_buffer_reserve(ctx, &ws->rows, n * (16 * d + 4 * w), sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->center, m * (12 * d + 3 + 8 * m), sizeof(double)));
    double *at = ws->rows.data;
    l->qkv = take(&at, 3 * n * d), l->dqkv = take(&at, 3 * n * d);
    l->qkvbar = take(&at, 3 * n * d), l->dqkvbar = take(&at, 3 * n * d);
    l->out = take(&at, n * d), l->dout = take(&at, n * d);
    l->outbar = take(&at, n * d), l->doutbar = take(&at, n * d);
    l->y = take(&at, n * w), l->dy = take(&at, n * w), l->ybar = take(&at, n * w), l->dybar = take(&at, n * w);
    at = ws->center.data;
    for (int k = 0; k < 3; k++) {
        c->u[k] = take(&at, m * d), c->du[k] = take(&at, m * d);
        c->ubar[k] = take(&at, m * d), c->dubar[k] = take(&at, m * d);
        c->length[k] = take(&at, m);
    }
    c->a = take(&at, m * m), c->p = take(&at, m * m), c->db = take(&at, m * m), c->dp = take(&at, m * m);
    c->f = take(&at, m * m), c->df = take(&at, m * m), c->c = take(&at, m * m), c->dc = take(&at, m * m);
    c->d = layer->hidden;
    /* Empty slots have no attention. */
    size_t pairs = (size_t)rows->first[rows->natoms], empty = (n - pairs) * d * sizeof(double);
    memset(l->out + pairs * d, 0, empty);
    memset(l->dout + pairs * d, 0, empty);
    memset(l->qkvbar + 3 * pairs * d, 0, 3 * empty);
    memset(l->dqkvbar + 3 * pairs * d, 0, 3 * empty);
done:
    return status;
}

static double dot(int n, const double *a, const double *b) {
    double sum = 0;
    for (int k = 0; k < n; k++) sum += a[k] * b[k];
    return sum;
}

/* ---- one centre ---- */

/* Is the length of vector k of row i what its normalisation divides by? */
static int normalized(const kr_attention *layer, const center_rows *c, int k, int i) {
    return layer->normalize && c->length[k][i] > layer->shortest;
}

static void load_center(const kr_attention *layer, const double *qkv, const double *dqkv, int m, center_rows *c) {
    c->m = m;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < m; i++) {
            size_t from = ((size_t)i * 3 + (size_t)k) * (size_t)c->d, to = (size_t)i * (size_t)c->d;
            const double *z = qkv + from, *dz = dqkv + from;
            double *u = c->u[k] + to, *du = c->du[k] + to, length = layer->normalize ? sqrt(dot(c->d, z, z)) : 1;
            c->length[k][i] = length < layer->shortest ? layer->shortest : length;
            for (int x = 0; x < c->d; x++) u[x] = z[x] / c->length[k][i];
            double along = normalized(layer, c, k, i) ? dot(c->d, u, dz) : 0;
            for (int x = 0; x < c->d; x++) du[x] = (dz[x] - u[x] * along) / c->length[k][i];
        }
}

/* W_ij and Ẇ_ij; 1 and 0 when the layer is not smooth. */
static double switches(const kr_attention *layer, const double *w, const double *dw, int i, int j, double *tangent) {
    *tangent = layer->smooth ? dw[i] * w[j] + w[i] * dw[j] : 0;
    return layer->smooth ? w[i] * w[j] : 1;
}

static void factors(const kr_attention *layer, const double *w, const double *h, const double *dw, const double *dh,
                    center_rows *c) {
    for (int i = 0; i < c->m; i++)
        for (int j = 0; j < c->m; j++) {
            size_t x = (size_t)i * (size_t)c->m + (size_t)j;
            double dww, ww = switches(layer, w, dw, i, j, &dww), hh = 1, dhh = 0;
            if (layer->dotr) {
                hh = dot(3, h + 3 * (size_t)i, h + 3 * (size_t)j);
                dhh = dot(3, dh + 3 * (size_t)i, h + 3 * (size_t)j) + dot(3, h + 3 * (size_t)i, dh + 3 * (size_t)j);
            }
            c->f[x] = ww * hh;
            c->df[x] = dww * hh + ww * dhh;
        }
}

/* From A in a and Ȧ in db: P, Ḃ, Ṗ, C, Ċ of row i. */
static void softmax_row(const kr_attention *layer, int nempty, const double *w, const double *dw, int i,
                        center_rows *c) {
    size_t m = (size_t)c->m, at = (size_t)i * m;
    double *a = c->a + at, *p = c->p + at, *db = c->db + at;
    double most = layer->smooth && nempty ? -SHIFT : -INFINITY, sum = 0, mean = 0;
    for (size_t j = 0; j < m; j++) {
        double dww, ww = switches(layer, w, dw, i, (int)j, &dww);
        p[j] = layer->smooth ? (a[j] + SHIFT) * ww - SHIFT : a[j];
        if (layer->smooth) db[j] = db[j] * ww + (a[j] + SHIFT) * dww;
        if (p[j] > most) most = p[j];
    }
    for (size_t j = 0; j < m; j++) sum += p[j] = exp(p[j] - most);
    if (layer->smooth) sum += nempty * exp(-SHIFT - most); /* one term per empty slot, a constant */
    for (size_t j = 0; j < m; j++) mean += (p[j] /= sum) * db[j];
    for (size_t j = 0; j < m; j++) {
        c->dp[at + j] = p[j] * (db[j] - mean);
        c->c[at + j] = p[j] * c->f[at + j];
        c->dc[at + j] = c->dp[at + j] * c->f[at + j] + p[j] * c->df[at + j];
    }
}

static void center_forward(const kr_attention *layer, int nempty, const double *w, const double *h, const double *dw,
                           const double *dh, center_rows *c, double *out, double *dout) {
    int m = c->m, d = c->d;
    double scale = scale_of(layer);
    kr_gemm(0, 1, m, m, d, scale, c->u[0], d, c->u[1], d, 0, c->a, m);
    kr_gemm(0, 1, m, m, d, scale, c->du[0], d, c->u[1], d, 0, c->db, m);
    kr_gemm(0, 1, m, m, d, scale, c->u[0], d, c->du[1], d, 1, c->db, m);
    factors(layer, w, h, dw, dh, c);
    for (int i = 0; i < m; i++) softmax_row(layer, nempty, w, dw, i, c);
    kr_gemm(0, 0, m, d, m, 1, c->c, m, c->u[2], d, 0, out, d);
    kr_gemm(0, 0, m, d, m, 1, c->dc, m, c->u[2], d, 0, dout, d);
    kr_gemm(0, 0, m, d, m, 1, c->c, m, c->du[2], d, 1, dout, d);
}

/* From C̄ in cbar and Ċ̄ in dcbar of row i to Ā and Ǡ in their places. */
static void softmax_row_adjoint(const kr_attention *layer, const double *w, const double *dw, int i,
                                const center_rows *c, double *cbar, double *dcbar) {
    size_t m = (size_t)c->m, at = (size_t)i * m;
    const double *p = c->p + at, *db = c->db + at, *f = c->f + at, *df = c->df + at;
    double mean = 0, ps = 0, pp = 0;
    for (size_t j = 0; j < m; j++) {
        mean += p[j] * db[j];
        ps += p[j] * dcbar[j] * f[j];
    }
    for (size_t j = 0; j < m; j++) {
        double s = dcbar[j] * f[j];
        cbar[j] = cbar[j] * f[j] + dcbar[j] * df[j] + s * (db[j] - mean) - ps * db[j]; /* P̄ */
        dcbar[j] = p[j] * (s - ps);                                                    /* Ḃ̄ */
        pp += p[j] * cbar[j];
    }
    for (size_t j = 0; j < m; j++) {
        double dww, ww = switches(layer, w, dw, i, (int)j, &dww), bbar = p[j] * (cbar[j] - pp);
        cbar[j] = bbar * ww + dcbar[j] * dww;
        dcbar[j] *= ww;
    }
}

/* From ubar, dubar to the adjoints of qkv and its tangent; dz is that tangent. */
static void unload_center(const kr_attention *layer, const center_rows *c, const double *dqkv, double *qkvbar,
                          double *dqkvbar) {
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < c->m; i++) {
            size_t to = ((size_t)i * 3 + (size_t)k) * (size_t)c->d, from = (size_t)i * (size_t)c->d;
            const double *u = c->u[k] + from, *du = c->du[k] + from, *dz = dqkv + to;
            const double *ubar = c->ubar[k] + from, *dubar = c->dubar[k] + from;
            double *zbar = qkvbar + to, *dzbar = dqkvbar + to, length = c->length[k][i];
            if (!normalized(layer, c, k, i)) {
                for (int x = 0; x < c->d; x++) zbar[x] = ubar[x] / length, dzbar[x] = dubar[x] / length;
                continue;
            }
            double u_dz = dot(c->d, u, dz), u_dubar = dot(c->d, u, dubar), dubar_du = dot(c->d, dubar, du), along = 0;
            for (int x = 0; x < c->d; x++) {
                dzbar[x] = (dubar[x] - u[x] * u_dubar) / length;
                zbar[x] = ubar[x] - (u_dz * dubar[x] + u_dubar * dz[x]) / length;
                along += u[x] * zbar[x];
            }
            for (int x = 0; x < c->d; x++) zbar[x] = (zbar[x] - u[x] * (along + dubar_du)) / length;
        }
}

/* After center_forward: from outbar, doutbar to ubar, dubar. a and dp are overwritten. */
static void center_adjoint(const kr_attention *layer, const double *w, const double *dw, center_rows *c,
                           const double *outbar, const double *doutbar) {
    int m = c->m, d = c->d;
    double scale = scale_of(layer), *abar = c->a, *dabar = c->dp;
    kr_gemm(1, 0, m, d, m, 1, c->c, m, outbar, d, 0, c->ubar[2], d);
    kr_gemm(1, 0, m, d, m, 1, c->dc, m, doutbar, d, 1, c->ubar[2], d);
    kr_gemm(1, 0, m, d, m, 1, c->c, m, doutbar, d, 0, c->dubar[2], d);
    kr_gemm(0, 1, m, m, d, 1, outbar, d, c->u[2], d, 0, abar, m);
    kr_gemm(0, 1, m, m, d, 1, doutbar, d, c->du[2], d, 1, abar, m);
    kr_gemm(0, 1, m, m, d, 1, doutbar, d, c->u[2], d, 0, dabar, m);
    for (int i = 0; i < m; i++)
        softmax_row_adjoint(layer, w, dw, i, c, abar + (size_t)i * (size_t)m, dabar + (size_t)i * (size_t)m);
    kr_gemm(0, 0, m, d, m, scale, abar, m, c->u[1], d, 0, c->ubar[0], d);
    kr_gemm(0, 0, m, d, m, scale, dabar, m, c->du[1], d, 1, c->ubar[0], d);
    kr_gemm(0, 0, m, d, m, scale, dabar, m, c->u[1], d, 0, c->dubar[0], d);
    kr_gemm(1, 0, m, d, m, scale, abar, m, c->u[0], d, 0, c->ubar[1], d);
    kr_gemm(1, 0, m, d, m, scale, dabar, m, c->du[0], d, 1, c->ubar[1], d);
    kr_gemm(1, 0, m, d, m, scale, dabar, m, c->u[0], d, 0, c->dubar[1], d);
}

/* ---- layer norm ---- */

/* x̂ of y, and σ. */
static double normal_form(const kr_attention *layer, int ng, const double *y, double *x) {
    double mean = 0, variance = 0;
    for (int a = 0; a < ng; a++) mean += y[a] / ng;
    for (int a = 0; a < ng; a++) variance += (y[a] - mean) * (y[a] - mean) / ng;
    double sigma = sqrt(variance + layer->ln_eps);
    for (int a = 0; a < ng; a++) x[a] = (y[a] - mean) / sigma;
    return sigma;
}

/* z ← N[z] */
static void project(int ng, const double *x, double sigma, double *z) {
    double mean = 0, along = 0;
    for (int a = 0; a < ng; a++) mean += z[a] / ng, along += x[a] * z[a] / ng;
    for (int a = 0; a < ng; a++) z[a] = (z[a] - mean - x[a] * along) / sigma;
}

/* Adjoints of y and ẏ from those of G⁺ and Ġ⁺ (gbar, dgbar). y ← x̂ and dy ← N[ẏ] on the way. */
static void norm_adjoint(const kr_attention *layer, const double *theta, int ng, double *y, double *dy,
                         const double *gbar, const double *dgbar, double *ybar, double *dybar, double *gtheta) {
    const double *weight = theta + layer->ln_w;
    double *weightbar = gtheta + layer->ln_w, *biasbar = gtheta + layer->ln_b;
    double sigma = normal_form(layer, ng, y, y), p = 0, q = 0, f = 0;
    for (int a = 0; a < ng; a++) {
        dybar[a] = weight[a] * dgbar[a];
        p += dybar[a] * y[a] / ng;
        q += dy[a] * y[a] / ng;
    }
    for (int a = 0; a < ng; a++) ybar[a] = weight[a] * gbar[a] - (q * dybar[a] + p * dy[a]) / sigma;
    project(ng, y, sigma, ybar);
    project(ng, y, sigma, dy);
    for (int a = 0; a < ng; a++) f += dybar[a] * dy[a];
    project(ng, y, sigma, dybar);
    for (int a = 0; a < ng; a++) {
        ybar[a] -= f / sigma * y[a] / ng;
        weightbar[a] += gbar[a] * y[a] + dgbar[a] * dy[a];
        biasbar[a] += gbar[a];
    }
}

/* ---- the layer ---- */

/* qkv, out, y and their tangents. */
static kr_status forward(kr_context *ctx, const kr_model *model, const kr_attention *layer,
                         const kr_attention_rows *rows, const double *g, const kr_attention_tangents *t, layer_rows *l,
                         center_rows *c, kr_attention_gradient_workspace *ws) {
    kr_status status = KR_OK;
    size_t ng = (size_t)model->descriptor.ng, d = (size_t)layer->hidden, count = (size_t)rows->n * ng;
    KR_TRY(reserve(ctx, layer, model->descriptor.ng, rows, l, c, ws));
    KR_TRY(kr_net_tangent(ctx, layer->in_proj, model->theta, rows->n, 1, g, t->dg, l->qkv, l->dqkv, &ws->net));
    for (int i = 0; i < rows->natoms; i++) {
        size_t at = (size_t)rows->first[i];
        int m = rows->first[i + 1] - rows->first[i];
        if (!m) continue;
        load_center(layer, l->qkv + 3 * d * at, l->dqkv + 3 * d * at, m, c);
        center_forward(layer, rows->nnei - m, rows->w + at, rows->h + 3 * at, t->dw + at, t->dh + 3 * at, c,
                       l->out + d * at, l->dout + d * at);
    }
    KR_TRY(kr_net_tangent(ctx, layer->out_proj, model->theta, rows->n, 1, l->out, l->dout, l->y, l->dy, &ws->net));
    for (size_t x = 0; x < count; x++) l->y[x] += g[x], l->dy[x] += t->dg[x];
done:
    return status;
}

kr_status kr_attention_layer_tangent(kr_context *ctx, const kr_model *model, int index, const kr_attention_rows *rows,
                                     const double *g, const kr_attention_tangents *t, double *dnext,
                                     kr_attention_gradient_workspace *ws) {
    kr_status status = KR_OK;
    const kr_attention *layer = &model->descriptor.attention[index];
    int ng = model->descriptor.ng;
    layer_rows l;
    center_rows c;
    KR_TRY(forward(ctx, model, layer, rows, g, t, &l, &c, ws));
    for (size_t k = 0; k < (size_t)rows->n; k++) {
        double *y = l.y + k * (size_t)ng, *dy = l.dy + k * (size_t)ng, sigma = normal_form(layer, ng, y, y);
        project(ng, y, sigma, dy);
        for (int a = 0; a < ng; a++) dnext[k * (size_t)ng + (size_t)a] = model->theta[layer->ln_w + (size_t)a] * dy[a];
    }
done:
    return status;
}

kr_status kr_attention_layer_backprop(kr_context *ctx, const kr_model *model, int index, const kr_attention_rows *rows,
                                      const double *g, const kr_attention_tangents *t, double *gbar, double *dgbar,
                                      double *gtheta, kr_attention_gradient_workspace *ws) {
    kr_status status = KR_OK;
    const kr_attention *layer = &model->descriptor.attention[index];
    size_t ng = (size_t)model->descriptor.ng, d = (size_t)layer->hidden, count = (size_t)rows->n * ng;
    layer_rows l;
    center_rows c;
    KR_TRY(forward(ctx, model, layer, rows, g, t, &l, &c, ws));
    for (size_t x = 0; x < count; x += ng)
        norm_adjoint(layer, model->theta, (int)ng, l.y + x, l.dy + x, gbar + x, dgbar + x, l.ybar + x, l.dybar + x,
                     gtheta);
    memset(l.outbar, 0, (size_t)rows->n * d * sizeof *l.outbar);
    memset(l.doutbar, 0, (size_t)rows->n * d * sizeof *l.doutbar);
    KR_TRY(kr_net_backprop_both(ctx, layer->out_proj, model->theta, rows->n, l.out, l.ybar, l.dout, l.dybar, gtheta,
                                l.outbar, l.doutbar, &ws->net));
    for (int i = 0; i < rows->natoms; i++) {
        size_t at = (size_t)rows->first[i];
        int m = rows->first[i + 1] - rows->first[i];
        if (!m) continue;
        load_center(layer, l.qkv + 3 * d * at, l.dqkv + 3 * d * at, m, &c);
        center_forward(layer, rows->nnei - m, rows->w + at, rows->h + 3 * at, t->dw + at, t->dh + 3 * at, &c,
                       l.out + d * at, l.dout + d * at);
        center_adjoint(layer, rows->w + at, t->dw + at, &c, l.outbar + d * at, l.doutbar + d * at);
        unload_center(layer, &c, l.dqkv + 3 * d * at, l.qkvbar + 3 * d * at, l.dqkvbar + 3 * d * at);
    }
    memcpy(gbar, l.ybar, count * sizeof *gbar); /* the skip around the attention */
    memcpy(dgbar, l.dybar, count * sizeof *dgbar);
    KR_TRY(kr_net_backprop_both(ctx, layer->in_proj, model->theta, rows->n, g, l.qkvbar, t->dg, l.dqkvbar, gtheta, gbar,
                                dgbar, &ws->net));
done:
    return status;
}
