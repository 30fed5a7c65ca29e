/* DPA-1 (se_atten): one embedding for all types, types enter as vectors, neighbours attend to each other.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   T_k = (R_k − davg)/dstd,  s_k = T_k[0],  type vectors t(·) = typenet(one-hot | electron configuration)
 *   concat:  G_k = net([s_k, t_j, t_i])            (type_one_side: without t_i)
 *   strip:   G_k = net(s_k) (1 + w_k^smooth · stripnet([t_j, t_i]))
 *   attention layers on G (descriptor_attention.c)
 *   g = (1/nnei) Σ_k G_k ⊗ T_k,  D = g g[:axis]ᵀ, then t_i when concat_output_tebd
 * Empty slots: T = −davg/dstd, w = 0, and the type of the frame's first atom. Excluded pairs: T = 0, w = 0.
 * Source: Zhang et al., npj Comput. Mater. 10, 94 (2024). se_atten_v2 = strip with smooth. */
#include "potential/descriptor_dpa1.h"
#include "core/error.h"
#include <math.h>
#include <string.h>

void kr_dpa1_square(const kr_descriptor *d, const double *g, const double *dg, double *out) {
    for (int a = 0; a < d->ng; a++)
        for (int b = 0; b < d->axis_neuron; b++) {
            double sum = 0;
            for (int c = 0; c < 4; c++)
                sum += dg ? dg[a * 4 + c] * g[b * 4 + c] + g[a * 4 + c] * dg[b * 4 + c] : g[a * 4 + c] * g[b * 4 + c];
            *out++ = sum;
        }
}

void kr_dpa1_add_rows(const kr_descriptor *d, int begin, int end, double scale, const double *g, const double *t,
                      double *moment) {
    for (size_t k = (size_t)begin; k < (size_t)end; k++)
        for (size_t a = 0; a < (size_t)d->ng; a++)
            for (size_t c = 0; c < 4; c++) moment[a * 4 + c] += scale * g[k * (size_t)d->ng + a] * t[k * 4 + c];
}

void kr_dpa1_moment(const kr_descriptor *d, const kr_env *env, const kr_dpa1_rows *rows, int i, const double *g,
                    double *moment) {
    int used = env->first[((size_t)i + 1) * (size_t)env->ntypes] - env->first[(size_t)i * (size_t)env->ntypes];
    int ti = env->center_type[i];
    memset(moment, 0, (size_t)d->ng * 4 * sizeof *moment);
    kr_dpa1_add_rows(d, rows->first[i], rows->first[i + 1], 1.0 / d->nnei, g, rows->t, moment);
    for (int k = rows->padding_first[ti]; k < rows->padding_first[ti + 1]; k++) {
        double count = kr_padding_count(&rows->padding[k], used);
        if (count > 0)
            kr_dpa1_add_rows(d, rows->padding[k].row, rows->padding[k].row + 1, count / d->nnei, g, rows->t, moment);
    }
}

static kr_status value(kr_context *ctx, const kr_model *model, const kr_env *env, double *out,
                       kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng, moments = ng * (size_t)d->axis_neuron;
    kr_dpa1_rows rows;
    KR_TRY(kr_dpa1_forward(ctx, model, env, &rows, ws));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[8], ng * 4, sizeof(double)));
    for (int i = 0; i < env->natoms; i++) {
        double *row = out + (size_t)i * (size_t)d->dim_out;
        kr_dpa1_moment(d, env, &rows, i, rows.last, ws->buffer[8].data);
        kr_dpa1_square(d, ws->buffer[8].data, NULL, row);
        if (d->concat_output_tebd)
            memcpy(row + moments, rows.type_vector + (size_t)env->center_type[i] * (size_t)d->tebd_dim,
                   (size_t)d->tebd_dim * sizeof *row);
    }
done:
    return status;
}

/* tbar and gbar of a centre's rows from gd [ng][axis]. mbar [ng][4] is scratch. */
static void spread(const kr_descriptor *d, const double *moment, const double *gd, int begin, int end, const double *g,
                   const double *t, double *mbar, double *gbar, double *tbar) {
    size_t ng = (size_t)d->ng, axis = (size_t)d->axis_neuron;
    memset(mbar, 0, ng * 4 * sizeof *mbar);
    for (size_t a = 0; a < ng; a++)
        for (size_t b = 0; b < axis; b++)
            for (size_t c = 0; c < 4; c++) {
                mbar[a * 4 + c] += gd[a * axis + b] * moment[b * 4 + c] / d->nnei;
                mbar[b * 4 + c] += gd[a * axis + b] * moment[a * 4 + c] / d->nnei;
            }
    for (size_t k = (size_t)begin; k < (size_t)end; k++)
        for (size_t a = 0; a < ng; a++)
            for (size_t c = 0; c < 4; c++) {
                gbar[k * ng + a] += mbar[a * 4 + c] * t[k * 4 + c];
                tbar[k * 4 + c] += mbar[a * 4 + c] * g[k * ng + a];
            }
}

kr_status kr_dpa1_pair_gradients(kr_context *ctx, const kr_model *model, const kr_env *env, const kr_dpa1_rows *rows,
                                 const double *gd, double *gr, kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng, nt = (size_t)env->ntypes;
    kr_dpa1_bar bar;
    KR_TRY(kr_dpa1_bar_make(ctx, d, rows, &bar, ws));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[8], ng * 8, sizeof(double)));
    double *moment = ws->buffer[8].data;
    for (int i = 0; i < env->natoms; i++) {
        kr_dpa1_moment(d, env, rows, i, rows->last, moment);
        spread(d, moment, gd + (size_t)i * (size_t)d->dim_out, rows->first[i], rows->first[i + 1], rows->last, rows->t,
               moment + ng * 4, bar.g, bar.t);
    }
    KR_TRY(kr_dpa1_adjoint(ctx, model, rows, &bar, ws));
    memset(gr + (size_t)env->first[0] * 3, 0,
           (size_t)(env->first[(size_t)env->natoms * nt] - env->first[0]) * 3 * sizeof *gr); /* excluded pairs */
    for (int i = 0; i < env->natoms; i++)
        for (int k = rows->first[i]; k < rows->first[i + 1]; k++)
            kr_env_row_adjoint(d, env, env->center_type[i], rows->pair[k], bar.t + (size_t)k * 4, bar.w[k],
                               gr + (size_t)rows->pair[k] * 3);
done:
    return status;
}

static kr_status adjoint(kr_context *ctx, const kr_model *model, const kr_env *env, const double *gd, double *gr,
                         kr_descriptor_workspace *ws) {
    kr_dpa1_rows rows;
    kr_status status = kr_dpa1_forward(ctx, model, env, &rows, ws);
    return status < 0 ? status : kr_dpa1_pair_gradients(ctx, model, env, &rows, gd, gr, ws);
}

static kr_status tangent(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v, double *dd,
                         kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng;
    kr_dpa1_rows rows;
    kr_dpa1_bar dot;
    KR_TRY(kr_dpa1_forward(ctx, model, env, &rows, ws));
    KR_TRY(kr_dpa1_bar_make(ctx, d, &rows, &dot, ws));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[8], ng * 8, sizeof(double)));
    double *moment = ws->buffer[8].data, *dmoment = moment + ng * 4;
    for (int i = 0; i < env->natoms; i++)
        for (int k = rows.first[i]; k < rows.first[i + 1]; k++)
            dot.w[k] = kr_env_row_tangent(d, env, env->center_type[i], rows.pair[k], v + (size_t)rows.pair[k] * 3,
                                          dot.t + (size_t)k * 4);
    KR_TRY(kr_dpa1_tangent(ctx, model, &rows, &dot, ws));
    memset(dd, 0, (size_t)env->natoms * (size_t)d->dim_out * sizeof *dd); /* t_i does not move */
    for (int i = 0; i < env->natoms; i++) {
        kr_dpa1_moment(d, env, &rows, i, rows.last, moment);
        memset(dmoment, 0, ng * 4 * sizeof *dmoment);
        kr_dpa1_add_rows(d, rows.first[i], rows.first[i + 1], 1.0 / d->nnei, dot.g, rows.t, dmoment);
        kr_dpa1_add_rows(d, rows.first[i], rows.first[i + 1], 1.0 / d->nnei, rows.last, dot.t, dmoment);
        kr_dpa1_square(d, moment, dmoment, dd + (size_t)i * (size_t)d->dim_out);
    }
done:
    return status;
}

const kr_descriptor_kind kr_descriptor_dpa1 = {
    "dpa1",
    "se_atten se_atten_v2",
    "type vectors, moments, attention over neighbours",
    "Zhang et al., npj Comput. Mater. 10, 94 (2024)",
    value,
    adjoint,
    tangent,
};
