/* The rows of DPA-1: environment rows, type vectors, embedding (concat or strip), attention; adjoint and tangent.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Buffers of the workspace: 0 ints, 1 runs of empty slots, 2 rows, 3 G of all layers, 4 adjoints, 5 types;
 * 6 and 7 belong to the attention, 8 to the kind. */
#include "core/error.h"
#include "potential/descriptor_dpa1.h"
#include "potential/econf.h"
#include "potential/harmonics.h"
#include <math.h>
#include <string.h>

/* Shorter directions are not brought to length 1. */
static double shortest(const kr_descriptor *d) { return d->tensorflow ? 1e-6 : 1e-12; }

/* Type vectors: the type net on one-hot vectors or on electron configurations. */
static kr_status make_type_vectors(kr_context *ctx, const kr_model *model, kr_dpa1_rows *rows,
                                   kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t nt = (size_t)model->ntypes, in = (size_t)d->type_embedding->in, dim = (size_t)d->tebd_dim;
    if (in != (d->use_econf_tebd ? (size_t)KR_ECONF_DIM : nt))
        KR_FAIL(ctx, KR_ERR_FORMAT, "the type embedding takes %zu inputs for %zu types", in, nt);
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[5], nt * in + (nt + 1) * dim, sizeof(double)));
    double *x = ws->buffer[5].data;
    rows->type_rows = x;
    rows->type_vector = x + nt * in;
    memset(x, 0, (nt * in + (nt + 1) * dim) * sizeof *x);
    for (size_t t = 0; t < nt; t++)
        if (!d->use_econf_tebd)
            x[t * in + t] = 1;
        else if (!kr_econf_row(model->type_map[t], x + t * in))
            KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "type %s is no element: use_econf_tebd needs its electron configuration",
                    model->type_map[t]);
    KR_TRY(kr_net_value(ctx, d->type_embedding, model->theta, (int)nt, x, rows->type_vector, &ws->net));
done:
    return status;
}

/* Runs of equal empty slots of the centre types that occur; those with −davg/dstd = 0 contribute nothing. */
static kr_status find_padding(kr_context *ctx, const kr_descriptor *d, const kr_env *env, kr_dpa1_rows *rows,
                              int *padding_first, kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    int nt = env->ntypes, nrun = 0, here = 0;
    memset(padding_first, 0, ((size_t)nt + 1) * sizeof *padding_first);
    for (int i = 0; i < env->natoms; i++) padding_first[env->center_type[i]] = 1;
    for (int t = 0; t < nt; t++) here += padding_first[t];
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[1], (size_t)here * (size_t)d->nnei, sizeof(kr_padding)));
    kr_padding *run = ws->buffer[1].data;
    for (int t = 0; t < nt; t++) {
        int occurs = padding_first[t], previous = 0; /* previous: the slot before is in the last run */
        padding_first[t] = nrun;
        for (int k = 0; occurs && k < d->nnei; k++) {
            double row[4];
            kr_env_padding(d, t, k, row);
            int counts = row[0] != 0 || row[1] != 0 || row[2] != 0 || row[3] != 0;
            if (counts && previous && kr_env_same_slots(d, t, k - 1, k))
                run[nrun - 1].end = k + 1;
            else if (counts)
                run[nrun++] = (kr_padding){k, k + 1, -1};
            previous = counts;
        }
    }
    padding_first[nt] = nrun;
    rows->padding = run;
    rows->padding_first = padding_first;
done:
    return status;
}

/* Which pairs are rows, and the types of all rows. */
static kr_status find_rows(kr_context *ctx, const kr_descriptor *d, const kr_env *env, kr_dpa1_rows *rows,
                           kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    size_t nt = (size_t)env->ntypes, natoms = (size_t)env->natoms;
    size_t npairs = (size_t)(env->first[natoms * nt] - env->first[0]);
    size_t most = npairs + nt * (size_t)d->nnei;
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[0], nt + 1 + natoms + 1 + npairs + 2 * most, sizeof(int)));
    int *padding_first = ws->buffer[0].data, *first = padding_first + nt + 1, *pair = first + natoms + 1;
    int *center = pair + npairs, *partner = center + most, n = 0;
    KR_TRY(find_padding(ctx, d, env, rows, padding_first, ws));
    for (size_t i = 0; i < natoms; i++) {
        first[i] = n;
        for (size_t t = 0; t < nt; t++) {
            if (d->excluded && d->excluded[(size_t)env->center_type[i] * nt + t]) continue;
            for (int p = env->first[i * nt + t]; p < env->first[i * nt + t + 1]; p++) {
                pair[n] = p;
                center[n] = env->center_type[i];
                partner[n++] = (int)t;
            }
        }
    }
    first[natoms] = rows->npairs = n;
    for (int t = 0; t < env->ntypes; t++)
        for (int k = padding_first[t]; k < padding_first[t + 1]; k++) {
            ((kr_padding *)rows->padding)[k].row = n;
            center[n] = t;
            partner[n++] = d->tensorflow ? env->ntypes : env->pad_type;
        }
    rows->n = n;
    rows->first = first;
    rows->pair = pair;
    rows->center = center;
    rows->partner = partner;
done:
    return status;
}

/* TensorFlow's smooth forms weight with 1 − clip(1 − rcut_smth s)³ of the row's s = w(r)/r, which is made from the
 * first column; between 0 and 1. *slope: its derivative by the first column. Slot 0 has the statistics of all slots. */
static double switch_of_column(const kr_descriptor *d, int center_type, double t, double *slope) {
    size_t at = (size_t)center_type * (size_t)d->nnei * (size_t)d->ncolumns;
    double u = 1 - d->rcut_smth * (t * d->dstd[at] + d->davg[at]);
    *slope = u > 0 && u < 1 ? 3 * u * u * d->rcut_smth * d->dstd[at] : 0;
    return u >= 1 ? 0 : u <= 0 ? 1 : 1 - u * u * u;
}

/* T, w and the direction of every row. */
static void fill_rows(const kr_descriptor *d, const kr_env *env, kr_dpa1_rows *rows) {
    const size_t nm = (size_t)d->nmoment;
    for (int k = 0; k < rows->npairs; k++) {
        double slope;
        double *t = rows->t + (size_t)k * nm;
        rows->w[k] = kr_env_row(d, env, rows->center[k], rows->pair[k], t);
        kr_moments_row(d, env, rows->center[k], rows->pair[k], t);
        if (d->tensorflow) rows->w[k] = switch_of_column(d, rows->center[k], t[0], &slope);
    }
    for (int t = 0; t < env->ntypes; t++)
        for (int k = rows->padding_first[t]; k < rows->padding_first[t + 1]; k++) {
            size_t row = (size_t)rows->padding[k].row;
            memset(rows->t + row * nm, 0, nm * sizeof *rows->t);
            kr_env_padding(d, t, rows->padding[k].begin, rows->t + row * nm);
            rows->w[row] = 0;
        }
    for (size_t k = 0; k < (size_t)rows->n; k++) {
        const double *u = rows->t + k * nm + 1;
        double length = sqrt(u[0] * u[0] + u[1] * u[1] + u[2] * u[2]);
        rows->norm[k] = length > shortest(d) ? length : shortest(d);
        for (size_t c = 0; c < 3; c++) rows->h[k * 3 + c] = u[c] / rows->norm[k];
    }
}

double *kr_dpa1_type_input(const kr_descriptor *d, const kr_dpa1_rows *rows, size_t k, const double *first, double *x) {
    size_t dim = (size_t)d->tebd_dim;
    if (first) *x++ = *first;
    memcpy(x, rows->type_vector + (size_t)rows->partner[k] * dim, dim * sizeof *x);
    x += dim;
    if (d->type_one_side) return x;
    memcpy(x, rows->type_vector + (size_t)rows->center[k] * dim, dim * sizeof *x);
    return x + dim;
}

/* stripnet once per pair of types that occurs (buffer 9), copied to the rows. */
static kr_status strip_types(kr_context *ctx, const kr_model *model, kr_dpa1_rows *rows, kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t nt1 = (size_t)model->ntypes + 1, in = (size_t)d->embedding_strip->in, ng = (size_t)d->ng;
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[10], nt1 * nt1, sizeof(int)));
    int *index = ws->buffer[10].data, n = 0;
    for (size_t k = 0; k < nt1 * nt1; k++) index[k] = -1;
    for (size_t k = 0; k < (size_t)rows->n; k++) {
        int *at = &index[(size_t)rows->center[k] * nt1 + (size_t)rows->partner[k]];
        if (*at < 0) *at = n++;
    }
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[9], (size_t)n * (in + ng), sizeof(double)));
    double *x = ws->buffer[9].data, *y = x + (size_t)n * in;
    for (size_t k = 0; k < (size_t)rows->n; k++)
        kr_dpa1_type_input(d, rows, k, NULL,
                           x + (size_t)index[(size_t)rows->center[k] * nt1 + (size_t)rows->partner[k]] * in);
    if (n) KR_TRY(kr_net_value(ctx, d->embedding_strip, model->theta, n, x, y, &ws->net));
    for (size_t k = 0; k < (size_t)rows->n; k++)
        memcpy(rows->gt + k * ng, y + (size_t)index[(size_t)rows->center[k] * nt1 + (size_t)rows->partner[k]] * ng,
               ng * sizeof *y);
done:
    return status;
}

/* Factor of G_s besides the type part: 1 + w^smooth G_t. */
static double strip_weight(const kr_descriptor *d, const kr_dpa1_rows *rows, size_t k) {
    return d->smooth_type_embedding ? rows->w[k] : 1;
}

static kr_status embed(kr_context *ctx, const kr_model *model, kr_dpa1_rows *rows, kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_net *net = d->embedding[0];
    size_t n = (size_t)rows->n, in = (size_t)net->in, ng = (size_t)d->ng, nm = (size_t)d->nmoment;
    size_t expected = d->strip ? 1 : 1 + (size_t)d->tebd_dim * (d->type_one_side ? 1 : 2);
    if (in != expected) KR_FAIL(ctx, KR_ERR_FORMAT, "the embedding net takes %zu inputs instead of %zu", in, expected);
    for (size_t k = 0; k < n; k++)
        if (d->strip)
            rows->input[k] = rows->t[k * nm];
        else
            kr_dpa1_type_input(d, rows, k, rows->t + k * nm, rows->input + k * in);
    if (!n) goto done;
    KR_TRY(kr_net_value(ctx, net, model->theta, rows->n, rows->input, d->strip ? rows->gs : rows->g, &ws->net));
    if (!d->strip) goto done;
    KR_TRY(strip_types(ctx, model, rows, ws));
    for (size_t k = 0; k < n; k++)
        for (size_t a = 0; a < ng; a++)
            rows->g[k * ng + a] = rows->gs[k * ng + a] * (1 + strip_weight(d, rows, k) * rows->gt[k * ng + a]);
done:
    return status;
}

kr_status kr_dpa1_forward(kr_context *ctx, const kr_model *model, const kr_env *env, kr_dpa1_rows *rows,
                          kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    KR_TRY(make_type_vectors(ctx, model, rows, ws));
    KR_TRY(find_rows(ctx, d, env, rows, ws));
    size_t n = (size_t)rows->n, in = (size_t)d->embedding[0]->in, ng = (size_t)d->ng,
           layers = (size_t)d->attn_layer + 1, nm = (size_t)d->nmoment;
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[2], n * (nm + 5 + in + (d->strip ? 2 * ng : 0)), sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[3], n * ng * layers, sizeof(double)));
    rows->t = ws->buffer[2].data;
    rows->w = rows->t + nm * n;
    rows->h = rows->w + n;
    rows->norm = rows->h + 3 * n;
    rows->input = rows->norm + n;
    rows->gs = rows->input + n * in;
    rows->gt = rows->gs + n * ng;
    rows->g = ws->buffer[3].data;
    rows->last = rows->g + n * ng * (layers - 1);
    fill_rows(d, env, rows);
    KR_TRY(embed(ctx, model, rows, ws));
    rows->attention = (kr_attention_rows){rows->n, env->natoms, d->nnei, rows->first, rows->w, rows->h};
    if (n && d->attn_layer) KR_TRY(kr_attention_value(ctx, model, &rows->attention, rows->g, ws));
done:
    return status;
}

kr_status kr_dpa1_bar_make(kr_context *ctx, const kr_descriptor *d, const kr_dpa1_rows *rows, kr_dpa1_bar *bar,
                           kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    size_t n = (size_t)rows->n, ng = (size_t)d->ng, in = (size_t)d->embedding[0]->in, nm = (size_t)d->nmoment;
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[4], n * (2 * ng + nm + 4 + in), sizeof(double)));
    bar->g = ws->buffer[4].data;
    bar->t = bar->g + n * ng;
    bar->w = bar->t + nm * n;
    bar->h = bar->w + n;
    bar->scratch = bar->h + 3 * n;
    memset(bar->g, 0, n * (2 * ng + nm + 4 + in) * sizeof(double));
done:
    return status;
}

kr_status kr_dpa1_adjoint(kr_context *ctx, const kr_model *model, const kr_dpa1_rows *rows, kr_dpa1_bar *bar,
                          kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t n = (size_t)rows->n, ng = (size_t)d->ng, in = (size_t)d->embedding[0]->in, nm = (size_t)d->nmoment;
    if (!n) return KR_OK;
    if (d->attn_layer) KR_TRY(kr_attention_adjoint(ctx, model, &rows->attention, rows->g, bar->g, bar->w, bar->h, ws));
    for (size_t k = 0; k < n; k++) { /* direction: h = u/|u| */
        const double *h = rows->h + 3 * k, *hb = bar->h + 3 * k;
        double along = rows->norm[k] > shortest(d) ? h[0] * hb[0] + h[1] * hb[1] + h[2] * hb[2] : 0;
        for (size_t c = 0; c < 3; c++) bar->t[k * nm + c + 1] += (hb[c] - along * h[c]) / rows->norm[k];
    }
    double *gx = bar->scratch;
    for (size_t k = 0; d->strip && k < n; k++)
        for (size_t a = 0; a < ng; a++) {
            size_t x = k * ng + a;
            if (d->smooth_type_embedding) bar->w[k] += bar->g[x] * rows->gs[x] * rows->gt[x];
            bar->g[x] *= 1 + strip_weight(d, rows, k) * rows->gt[x];
        }
    KR_TRY(kr_net_gradient(ctx, d->embedding[0], model->theta, rows->n, rows->input, bar->g, NULL, gx, &ws->net));
    for (size_t k = 0; k < n; k++) bar->t[k * nm] += gx[k * in];
    for (size_t k = 0; d->tensorflow && k < (size_t)rows->npairs; k++) {
        double slope;
        switch_of_column(d, rows->center[k], rows->t[k * nm], &slope);
        bar->t[k * nm] += slope * bar->w[k];
        bar->w[k] = 0;
    }
done:
    return status;
}

kr_status kr_dpa1_tangent_embedding(kr_context *ctx, const kr_model *model, const kr_dpa1_rows *rows, kr_dpa1_bar *dot,
                                    kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t n = (size_t)rows->n, ng = (size_t)d->ng, in = (size_t)d->embedding[0]->in, nm = (size_t)d->nmoment;
    if (!n) return KR_OK;
    double *dx = dot->scratch;
    memset(dx, 0, n * in * sizeof *dx);
    for (size_t k = 0; k < n; k++) {
        const double *h = rows->h + 3 * k, *du = dot->t + k * nm + 1;
        double along = rows->norm[k] > shortest(d) ? h[0] * du[0] + h[1] * du[1] + h[2] * du[2] : 0;
        for (size_t c = 0; c < 3; c++) dot->h[3 * k + c] = (du[c] - along * h[c]) / rows->norm[k];
        dx[k * in] = dot->t[k * nm];
        double slope;
        if (!d->tensorflow || k >= (size_t)rows->npairs) continue;
        switch_of_column(d, rows->center[k], rows->t[k * nm], &slope);
        dot->w[k] = slope * dot->t[k * nm];
    }
    KR_TRY(kr_net_tangent(ctx, d->embedding[0], model->theta, rows->n, 1, rows->input, dx, NULL, dot->g, &ws->net));
    for (size_t k = 0; d->strip && k < n; k++)
        for (size_t a = 0; a < ng; a++) {
            size_t x = k * ng + a;
            dot->g[x] *= 1 + strip_weight(d, rows, k) * rows->gt[x];
            if (d->smooth_type_embedding) dot->g[x] += rows->gs[x] * rows->gt[x] * dot->w[k];
        }
done:
    return status;
}

kr_status kr_dpa1_tangent(kr_context *ctx, const kr_model *model, const kr_dpa1_rows *rows, kr_dpa1_bar *dot,
                          kr_descriptor_workspace *ws) {
    kr_status status = kr_dpa1_tangent_embedding(ctx, model, rows, dot, ws);
    if (status < 0 || !rows->n || !model->descriptor.attn_layer) return status;
    return kr_attention_tangent(ctx, model, &rows->attention, rows->g, dot->g, dot->w, dot->h, ws);
}
