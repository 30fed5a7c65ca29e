/* DPA-1 (se_atten): one embedding for all types, types enter as vectors, neighbours attend to each other.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   T_k = (R_k − davg)/dstd,  s_k = T_k[0],  type vectors t(·) = typenet(one-hot | electron configuration)
 *   concat:  G_k = net([s_k, t_j, t_i])            (type_one_side: without t_i)
 *   strip:   G_k = net(s_k) (1 + w_k^smooth · stripnet([t_j, t_i]))
 *   attention layers on G (descriptor_attention.c)
 *   g = (1/nnei) Σ_k G_k ⊗ T_k,  D = g g[:axis]ᵀ, then t_i when concat_output_tebd
 * With lmax above 1 rows T have further columns, and the product has weights: harmonics.h.
 * Empty slots: T = −davg/dstd, w = 0, and the type of the frame's first atom. Excluded pairs: T = 0, w = 0.
 * Source: Zhang et al., npj Comput. Mater. 10, 94 (2024). se_atten_v2 = strip with smooth. */
#include "potential/descriptor_dpa1.h"
#include "core/error.h"
#include "potential/harmonics.h"
#include <math.h>
#include <string.h>

void kr_dpa1_square(const kr_model *model, const double *g, const double *dg, double *out) {
    const kr_descriptor *d = &model->descriptor;
    const size_t ng = (size_t)d->ng, nm = (size_t)d->nmoment;
    double weight[KR_MOST_MOMENTS];
    kr_moments_weights(model, weight);
    for (size_t a = 0; a < ng; a++)
        for (size_t b = 0; b < (size_t)d->axis_neuron; b++) {
            double sum = 0;
            int begin, end;
            kr_moments_range(d, (int)b, &begin, &end);
            for (size_t c = (size_t)begin; c < (size_t)end; c++)
                sum += weight[c] * (dg ? dg[a * nm + c] * g[b * nm + c] + g[a * nm + c] * dg[b * nm + c]
                                       : g[a * nm + c] * g[b * nm + c]);
            *out++ = sum;
        }
}

void kr_dpa1_add_rows(const kr_descriptor *d, int begin, int end, double scale, const double *g, const double *t,
                      double *moment) {
    const size_t nm = (size_t)d->nmoment;
    for (size_t k = (size_t)begin; k < (size_t)end; k++)
        for (size_t a = 0; a < (size_t)d->ng; a++)
            for (size_t c = 0; c < nm; c++) moment[a * nm + c] += scale * g[k * (size_t)d->ng + a] * t[k * nm + c];
}

void kr_dpa1_moment(const kr_descriptor *d, const kr_env *env, const kr_dpa1_rows *rows, int i, const double *g,
                    double *moment) {
    int used = env->first[((size_t)i + 1) * (size_t)env->ntypes] - env->first[(size_t)i * (size_t)env->ntypes];
    int ti = env->center_type[i];
    memset(moment, 0, (size_t)(d->ng * d->nmoment) * sizeof *moment);
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
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[8], ng * (size_t)d->nmoment, sizeof(double)));
    for (int i = 0; i < env->natoms; i++) {
        double *row = out + (size_t)i * (size_t)d->dim_out;
        kr_dpa1_moment(d, env, &rows, i, rows.last, ws->buffer[8].data);
        kr_dpa1_square(model, ws->buffer[8].data, NULL, row);
        if (d->concat_output_tebd)
            memcpy(row + moments, rows.type_vector + (size_t)env->center_type[i] * (size_t)d->tebd_dim,
                   (size_t)d->tebd_dim * sizeof *row);
    }
done:
    return status;
}

void kr_dpa1_square_adjoint(const kr_model *model, const double *moment, const double *x, double *mbar) {
    const kr_descriptor *d = &model->descriptor;
    const size_t ng = (size_t)d->ng, nm = (size_t)d->nmoment, axis = (size_t)d->axis_neuron;
    double weight[KR_MOST_MOMENTS];
    kr_moments_weights(model, weight);
    for (size_t a = 0; a < ng; a++)
        for (size_t b = 0; b < axis; b++) {
            int begin, end;
            kr_moments_range(d, (int)b, &begin, &end);
            for (size_t c = (size_t)begin; c < (size_t)end; c++) {
                mbar[a * nm + c] += weight[c] * x[a * axis + b] * moment[b * nm + c];
                mbar[b * nm + c] += weight[c] * x[a * axis + b] * moment[a * nm + c];
            }
        }
}

/* tbar and gbar of a centre's rows from gd [ng][axis]. mbar [ng][nmoment] is scratch. */
static void spread(const kr_model *model, const double *moment, const double *gd, int begin, int end, const double *g,
                   const double *t, double *mbar, double *gbar, double *tbar) {
    const kr_descriptor *d = &model->descriptor;
    const size_t ng = (size_t)d->ng, nm = (size_t)d->nmoment;
    memset(mbar, 0, ng * nm * sizeof *mbar);
    kr_dpa1_square_adjoint(model, moment, gd, mbar);
    for (size_t a = 0; a < ng * nm; a++) mbar[a] /= d->nnei;
    for (size_t k = (size_t)begin; k < (size_t)end; k++)
        for (size_t a = 0; a < ng; a++)
            for (size_t c = 0; c < nm; c++) {
                gbar[k * ng + a] += mbar[a * nm + c] * t[k * nm + c];
                tbar[k * nm + c] += mbar[a * nm + c] * g[k * ng + a];
            }
}

kr_status kr_dpa1_pair_gradients(kr_context *ctx, const kr_model *model, const kr_env *env, const kr_dpa1_rows *rows,
                                 const double *gd, double *gr, kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng, nm = (size_t)d->nmoment, nt = (size_t)env->ntypes;
    kr_dpa1_bar bar;
    KR_TRY(kr_dpa1_bar_make(ctx, d, rows, &bar, ws));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[8], 2 * ng * nm, sizeof(double)));
    double *moment = ws->buffer[8].data;
    for (int i = 0; i < env->natoms; i++) {
        kr_dpa1_moment(d, env, rows, i, rows->last, moment);
        spread(model, moment, gd + (size_t)i * (size_t)d->dim_out, rows->first[i], rows->first[i + 1], rows->last,
               rows->t, moment + ng * nm, bar.g, bar.t);
    }
    KR_TRY(kr_dpa1_adjoint(ctx, model, rows, &bar, ws));
    memset(gr + (size_t)env->first[0] * 3, 0,
           (size_t)(env->first[(size_t)env->natoms * nt] - env->first[0]) * 3 * sizeof *gr); /* excluded pairs */
    for (int i = 0; i < env->natoms; i++)
        for (int k = rows->first[i]; k < rows->first[i + 1]; k++) {
            const double *tbar = bar.t + (size_t)k * nm;
            double *to = gr + (size_t)rows->pair[k] * 3;
            kr_env_row_adjoint(d, env, env->center_type[i], rows->pair[k], tbar, bar.w[k], to);
            kr_moments_adjoint(d, env, env->center_type[i], rows->pair[k], tbar, to);
        }
done:
    return status;
}

static kr_status adjoint(kr_context *ctx, const kr_model *model, const kr_env *env, const double *gd, double *gr,
                         kr_descriptor_workspace *ws) {
    kr_dpa1_rows rows;
    kr_status status = kr_dpa1_forward(ctx, model, env, &rows, ws);
    return status < 0 ? status : kr_dpa1_pair_gradients(ctx, model, env, &rows, gd, gr, ws);
}

void kr_dpa1_row_tangents(const kr_descriptor *d, const kr_env *env, const kr_dpa1_rows *rows, const double *v,
                          kr_dpa1_bar *dot) {
    for (int i = 0; i < env->natoms; i++)
        for (int k = rows->first[i]; k < rows->first[i + 1]; k++) {
            const double *along = v + (size_t)rows->pair[k] * 3;
            double *to = dot->t + (size_t)(k * d->nmoment);
            dot->w[k] = kr_env_row_tangent(d, env, env->center_type[i], rows->pair[k], along, to);
            kr_moments_tangent(d, env, env->center_type[i], rows->pair[k], along, to);
        }
}

static kr_status tangent(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v, double *dd,
                         kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng, nm = (size_t)d->nmoment;
    kr_dpa1_rows rows;
    kr_dpa1_bar dot;
    KR_TRY(kr_dpa1_forward(ctx, model, env, &rows, ws));
    KR_TRY(kr_dpa1_bar_make(ctx, d, &rows, &dot, ws));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[8], 2 * ng * nm, sizeof(double)));
    double *moment = ws->buffer[8].data, *dmoment = moment + ng * nm;
    kr_dpa1_row_tangents(d, env, &rows, v, &dot);
    KR_TRY(kr_dpa1_tangent(ctx, model, &rows, &dot, ws));
    memset(dd, 0, (size_t)env->natoms * (size_t)d->dim_out * sizeof *dd); /* t_i does not move */
    for (int i = 0; i < env->natoms; i++) {
        kr_dpa1_moment(d, env, &rows, i, rows.last, moment);
        memset(dmoment, 0, ng * nm * sizeof *dmoment);
        kr_dpa1_add_rows(d, rows.first[i], rows.first[i + 1], 1.0 / d->nnei, dot.g, rows.t, dmoment);
        kr_dpa1_add_rows(d, rows.first[i], rows.first[i + 1], 1.0 / d->nnei, rows.last, dot.t, dmoment);
        kr_dpa1_square(model, moment, dmoment, dd + (size_t)i * (size_t)d->dim_out);
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
