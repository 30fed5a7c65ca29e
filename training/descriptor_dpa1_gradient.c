/* DPA-1 in training.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows as in potential/descriptor_dpa1_rows.c; T, w, h and their tangents do not depend on θ. Per centre, n = nnei:
 *   M = Σ G ⊗ T/n,  Ṁ = Σ (Ġ ⊗ T + G ⊗ Ṫ)/n,  D_ab = M_a · M_b,  Ḋ_ab = Ṁ_a · M_b + M_a · Ṁ_b
 * and back, with A(M, X)_a = Σ_b X_ab M_b,  A(M, X)_b += Σ_a X_ab M_a:
 *   Ṁ̄ = A(M, gd),  M̄ = A(M, D̄) + A(Ṁ, gd),  Ḡ = (M̄ T + Ṁ̄ Ṫ)/n,  Ġ̄ = Ṁ̄ T/n
 * M [ng][nmoment]; with lmax above 1 the scalar products have weights g_c, the squares of gains γ of degrees, and
 *   ḡ_c = Σ_ab D̄_ab M_ac M_bc + gd_ab (Ṁ_ac M_bc + M_ac Ṁ_bc),  γ̄_l = 2 γ_l Σ_(c of l) ḡ_c
 * then the attention layers (attention_gradient.c), then the embedding
 *   concat: G = net(s, t_j, t_i)     strip: G = G_s (1 + w G_t),  Ġ = Ġ_s (1 + w G_t) + G_s G_t ẇ
 * and what type vectors receive (also from the end of D) goes through the type net. Empty slots do not move. */
#include "core/error.h"
#include "potential/harmonics.h"
#include "training/descriptor_gradient.h"
#include <string.h>

/* tape->keep: moments of all centres and tangents of G through the layers. */
typedef struct arrays {
    double *moment, *dmoment; /* [natoms][ng][nmoment] */
    double *dg;               /* [attn_layer + 1][n][ng] */
} arrays;

static kr_status reserve(kr_context *ctx, const kr_descriptor *d, const kr_env *env, kr_descriptor_tape *tape,
                         arrays *a) {
    size_t moments = (size_t)env->natoms * (size_t)d->ng * (size_t)d->nmoment;
    size_t layers = (size_t)tape->dpa1.n * (size_t)d->ng * ((size_t)d->attn_layer + 1);
    kr_status status = kr_buffer_reserve(ctx, &tape->keep, 2 * moments + layers, sizeof(double));
    a->moment = tape->keep.data;
    a->dmoment = a->moment + moments;
    a->dg = a->dmoment + moments;
    return status;
}

static kr_attention_tangents tangents_of(const kr_descriptor *d, const kr_descriptor_tape *tape, const arrays *a,
                                         int layer) {
    size_t count = (size_t)tape->dpa1.n * (size_t)d->ng;
    return (kr_attention_tangents){a->dg + (size_t)layer * count, tape->dot.w, tape->dot.h};
}

/* Tangents of rows and of G in every layer. */
static kr_status row_tangents(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v,
                              kr_descriptor_tape *tape, const arrays *a) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_dpa1_rows *rows = &tape->dpa1;
    size_t count = (size_t)rows->n * (size_t)d->ng;
    KR_TRY(kr_dpa1_bar_make(ctx, d, rows, &tape->dot, &tape->ws));
    kr_dpa1_row_tangents(d, env, rows, v, &tape->dot);
    KR_TRY(kr_dpa1_tangent_embedding(ctx, model, rows, &tape->dot, &tape->ws));
    memcpy(a->dg, tape->dot.g, count * sizeof *a->dg);
    for (int l = 0; l < d->attn_layer; l++) {
        kr_attention_tangents t = tangents_of(d, tape, a, l);
        KR_TRY(kr_attention_layer_tangent(ctx, model, l, &rows->attention, rows->g + (size_t)l * count, &t,
                                          a->dg + ((size_t)l + 1) * count, &tape->attention));
    }
done:
    return status;
}

static kr_status forward(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v, double *out,
                         double *dout, kr_descriptor_tape *tape) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_dpa1_rows *rows = &tape->dpa1;
    size_t size = (size_t)(d->ng * d->nmoment), dim = (size_t)d->dim_out, tail = (size_t)(d->ng * d->axis_neuron);
    arrays a;
    KR_TRY(kr_dpa1_forward(ctx, model, env, &tape->dpa1, &tape->ws));
    KR_TRY(reserve(ctx, d, env, tape, &a));
    if (v) KR_TRY(row_tangents(ctx, model, env, v, tape, &a));
    const double *dlast = a.dg + (size_t)d->attn_layer * (size_t)rows->n * (size_t)d->ng;
    if (v) memset(dout, 0, (size_t)env->natoms * dim * sizeof *dout); /* type vectors do not move */
    for (int i = 0; i < env->natoms; i++) {
        double *m = a.moment + (size_t)i * size, *dm = a.dmoment + (size_t)i * size, scale = 1.0 / d->nnei;
        kr_dpa1_moment(d, env, rows, i, rows->last, m);
        kr_dpa1_square(model, m, NULL, out + (size_t)i * dim);
        if (d->concat_output_tebd)
            memcpy(out + (size_t)i * dim + tail, rows->type_vector + (size_t)env->center_type[i] * (size_t)d->tebd_dim,
                   (size_t)d->tebd_dim * sizeof *out);
        memset(dm, 0, size * sizeof *dm);
        if (!v) continue;
        kr_dpa1_add_rows(d, rows->first[i], rows->first[i + 1], scale, dlast, rows->t, dm);
        kr_dpa1_add_rows(d, rows->first[i], rows->first[i + 1], scale, rows->last, tape->dot.t, dm);
        kr_dpa1_square(model, m, dm, dout + (size_t)i * dim);
    }
done:
    return status;
}

static kr_status adjoint(kr_context *ctx, const kr_model *model, const kr_env *env, const double *gd, double *gr,
                         kr_descriptor_tape *tape) {
    return kr_dpa1_pair_gradients(ctx, model, env, &tape->dpa1, gd, gr, &tape->ws);
}

/* γ̄ += what D̄ and gd of a centre give; dm NULL: nothing moves. */
static void gain_gradient(const kr_model *model, const double *m, const double *dm, const double *dbar,
                          const double *gd, double *gtheta) {
    const kr_descriptor *d = &model->descriptor;
    const size_t nm = (size_t)d->nmoment;
    for (size_t c = 4; c < nm; c++) {
        const int degree = kr_moments_degree((int)c);
        const size_t at = d->degree_gain + (size_t)degree - 2;
        double sum = 0;
        for (size_t a = 0, ab = 0; a < (size_t)d->ng; a++)
            for (size_t b = 0; b < (size_t)d->axis_neuron; b++, ab++) {
                const size_t ac = a * nm + c, bc = b * nm + c;
                if (d->separate_degrees && (int)b % (d->lmax + 1) != degree) continue;
                sum += dbar[ab] * m[ac] * m[bc] + (dm ? gd[ab] * (dm[ac] * m[bc] + m[ac] * dm[bc]) : 0);
            }
        gtheta[at] += 2 * model->theta[at] * sum;
    }
}

/* g [ng] += scale · mbar [ng][nm] t [nm] */
static void add_row(size_t ng, size_t nm, double scale, const double *mbar, const double *t, double *g) {
    for (size_t a = 0; a < ng; a++)
        for (size_t c = 0; c < nm; c++) g[a] += scale * mbar[a * nm + c] * t[c];
}

/* Ḡ and Ġ̄ of the last layer from D̄ and gd. mbar [2][ng][nmoment] is scratch. */
static void spread(const kr_model *model, const kr_env *env, const kr_descriptor_tape *tape, const arrays *a,
                   int moving, const double *dbar, const double *gd, double *mbar, double *gbar, double *dgbar) {
    const kr_descriptor *d = &model->descriptor;
    const kr_dpa1_rows *rows = &tape->dpa1;
    size_t ng = (size_t)d->ng, nm = (size_t)d->nmoment, size = nm * ng, nt = (size_t)env->ntypes;
    double scale = 1.0 / d->nnei, *dmbar = mbar + size;
    for (size_t i = 0; i < (size_t)env->natoms; i++) {
        int ti = env->center_type[i], used = env->first[(i + 1) * nt] - env->first[i * nt];
        memset(mbar, 0, 2 * size * sizeof *mbar);
        kr_dpa1_square_adjoint(model, a->moment + i * size, dbar + i * (size_t)d->dim_out, mbar);
        if (moving) kr_dpa1_square_adjoint(model, a->dmoment + i * size, gd + i * (size_t)d->dim_out, mbar);
        if (moving) kr_dpa1_square_adjoint(model, a->moment + i * size, gd + i * (size_t)d->dim_out, dmbar);
        for (size_t k = (size_t)rows->first[i]; k < (size_t)rows->first[i + 1]; k++) {
            add_row(ng, nm, scale, mbar, rows->t + nm * k, gbar + k * ng);
            if (moving) add_row(ng, nm, scale, dmbar, tape->dot.t + nm * k, gbar + k * ng);
            if (moving) add_row(ng, nm, scale, dmbar, rows->t + nm * k, dgbar + k * ng);
        }
        for (int k = rows->padding_first[ti]; k < rows->padding_first[ti + 1]; k++) {
            size_t row = (size_t)rows->padding[k].row;
            int count = kr_padding_count(&rows->padding[k], used);
            if (count) add_row(ng, nm, count * scale, mbar, rows->t + nm * row, gbar + row * ng);
        }
    }
}

/* Adds the part of an adjoint input x̄ = [t̄_j, t̄_i] to the type vectors of row k. */
static void add_type_adjoint(const kr_descriptor *d, const kr_dpa1_rows *rows, size_t k, const double *x,
                             double *typebar) {
    size_t dim = (size_t)d->tebd_dim;
    double *j = typebar + (size_t)rows->partner[k] * dim, *i = typebar + (size_t)rows->center[k] * dim;
    for (size_t c = 0; c < dim; c++) {
        j[c] += x[c];
        if (!d->type_one_side) i[c] += x[dim + c];
    }
}

/* concat: through net(s, t_j, t_i). */
static kr_status embedding_concat(kr_context *ctx, const kr_model *model, kr_descriptor_tape *tape, const double *gbar,
                                  const double *dgbar, double *typebar, double *gtheta) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_dpa1_rows *rows = &tape->dpa1;
    size_t n = (size_t)rows->n, in = (size_t)d->embedding[0]->in;
    KR_TRY(kr_buffer_reserve(ctx, &tape->spare2, 2 * n * in, sizeof(double)));
    double *dx = tape->spare2.data, *xbar = dx + n * in;
    memset(dx, 0, 2 * n * in * sizeof *dx);
    for (size_t k = 0; k < n; k++) dx[k * in] = tape->dot.t[(size_t)d->nmoment * k];
    KR_TRY(kr_net_backprop(ctx, d->embedding[0], model->theta, rows->n, rows->input, gbar, dx, dgbar, gtheta, xbar,
                           &tape->ws.net));
    for (size_t k = 0; k < n; k++) add_type_adjoint(d, rows, k, xbar + k * in + 1, typebar);
done:
    return status;
}

/* strip: through net(s) and, summed over rows of equal types, stripnet(t_j, t_i). gbar, dgbar are overwritten. */
static kr_status embedding_strip(kr_context *ctx, const kr_model *model, kr_descriptor_tape *tape, double *gbar,
                                 double *dgbar, double *typebar, double *gtheta) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_dpa1_rows *rows = &tape->dpa1;
    size_t n = (size_t)rows->n, ng = (size_t)d->ng, nt1 = (size_t)model->ntypes + 1,
           in = (size_t)d->embedding_strip->in;
    KR_TRY(kr_buffer_reserve(ctx, &tape->spare2, n * (ng + 1) + nt1 * nt1 * (ng + 2 * in + 1), sizeof(double)));
    double *dgs = tape->spare2.data, *ds = dgs + n * ng, *ybar = ds + n, *x = ybar + nt1 * nt1 * ng;
    double *xbar = x + nt1 * nt1 * in;
    int *row_of = (int *)(void *)(xbar + nt1 * nt1 * in), *place = row_of + nt1 * nt1, npairs = 0;
    for (size_t k = 0; k < n; k++) ds[k] = tape->dot.t[(size_t)d->nmoment * k];
    KR_TRY(kr_net_tangent(ctx, d->embedding[0], model->theta, rows->n, 1, rows->input, ds, NULL, dgs, &tape->ws.net));
    memset(ybar, 0, nt1 * nt1 * (ng + 2 * in) * sizeof *ybar);
    for (size_t p = 0; p < nt1 * nt1; p++) place[p] = -1;
    for (size_t k = 0; k < n; k++) {
        size_t pair = (size_t)rows->center[k] * nt1 + (size_t)rows->partner[k];
        if (place[pair] < 0) {
            row_of[npairs] = (int)k;
            kr_dpa1_type_input(d, rows, k, NULL, x + (size_t)npairs * in);
            place[pair] = npairs++;
        }
        double weight = d->smooth_type_embedding ? rows->w[k] : 1, dw = d->smooth_type_embedding ? tape->dot.w[k] : 0;
        double *tbar = ybar + (size_t)place[pair] * ng;
        for (size_t a = k * ng; a < (k + 1) * ng; a++) {
            double gt = rows->gt[a], g = gbar[a], dg = dgbar[a], factor = 1 + weight * gt;
            tbar[a - k * ng] += g * rows->gs[a] * weight + dg * (dgs[a] * weight + rows->gs[a] * dw);
            gbar[a] = g * factor + dg * gt * dw;
            dgbar[a] = dg * factor;
        }
    }
    KR_TRY(kr_net_backprop(ctx, d->embedding[0], model->theta, rows->n, rows->input, gbar, ds, dgbar, gtheta, NULL,
                           &tape->ws.net));
    KR_TRY(kr_net_backprop(ctx, d->embedding_strip, model->theta, npairs, x, ybar, NULL, NULL, gtheta, xbar,
                           &tape->ws.net));
    for (int p = 0; p < npairs; p++) add_type_adjoint(d, rows, (size_t)row_of[p], xbar + (size_t)p * in, typebar);
done:
    return status;
}

static kr_status backprop(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v,
                          const double *dbar, const double *gd, double *gtheta, kr_descriptor_tape *tape) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_dpa1_rows *rows = &tape->dpa1;
    size_t ng = (size_t)d->ng, count = (size_t)rows->n * ng, dim = (size_t)d->tebd_dim;
    size_t size = (size_t)d->nmoment * ng, types = ((size_t)model->ntypes + 1) * dim,
           tail = (size_t)(d->ng * d->axis_neuron);
    arrays a;
    KR_TRY(reserve(ctx, d, env, tape, &a));
    KR_TRY(kr_buffer_reserve(ctx, &tape->spare, 2 * size + 2 * count + types, sizeof(double)));
    double *mbar = tape->spare.data, *gbar = mbar + 2 * size, *dgbar = gbar + count, *typebar = dgbar + count;
    memset(gbar, 0, (2 * count + types) * sizeof *gbar);
    if (!v) { /* nothing moves */
        KR_TRY(kr_dpa1_bar_make(ctx, d, rows, &tape->dot, &tape->ws));
        memset(a.dg, 0, count * ((size_t)d->attn_layer + 1) * sizeof *a.dg);
    }
    spread(model, env, tape, &a, v != NULL, dbar, gd, mbar, gbar, dgbar);
    for (size_t i = 0; d->lmax > 1 && i < (size_t)env->natoms; i++)
        gain_gradient(model, a.moment + i * size, v ? a.dmoment + i * size : NULL, dbar + i * (size_t)d->dim_out,
                      gd + i * (size_t)d->dim_out, gtheta);
    for (int l = d->attn_layer - 1; l >= 0; l--) {
        kr_attention_tangents t = tangents_of(d, tape, &a, l);
        KR_TRY(kr_attention_layer_backprop(ctx, model, l, &rows->attention, rows->g + (size_t)l * count, &t, gbar,
                                           dgbar, gtheta, &tape->attention));
    }
    if (d->strip)
        KR_TRY(embedding_strip(ctx, model, tape, gbar, dgbar, typebar, gtheta));
    else
        KR_TRY(embedding_concat(ctx, model, tape, gbar, dgbar, typebar, gtheta));
    for (size_t i = 0; d->concat_output_tebd && i < (size_t)env->natoms; i++)
        for (size_t c = 0; c < dim; c++)
            typebar[(size_t)env->center_type[i] * dim + c] += dbar[i * (size_t)d->dim_out + tail + c];
    KR_TRY(kr_net_backprop(ctx, d->type_embedding, model->theta, model->ntypes, rows->type_rows, typebar, NULL, NULL,
                           gtheta, NULL, &tape->ws.net));
done:
    return status;
}

extern const kr_descriptor_kind kr_descriptor_dpa1;
const kr_descriptor_gradient kr_descriptor_gradient_dpa1 = {&kr_descriptor_dpa1, 0, forward, adjoint, backprop};
