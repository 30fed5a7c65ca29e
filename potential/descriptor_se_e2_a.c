/* se_e2_a: smooth two-body embedding with angles.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   T_k = (R_k − davg)/dstd  [4]     s_k = T_k[0]     G_k = net(s_k)  [ng]
 *   g = (1/nnei) Σ_k G_k ⊗ T_k  [ng][4]  (all nnei = Σ sel slots, empty ones included)
 *   D[a·axis + b] = Σ_c g[a][c] g[b][c],  b < axis
 * Source: Zhang et al., NeurIPS 2018 (DeepPot-SE). */
#include "core/error.h"
#include "potential/descriptor_rows.h"
#include <string.h>

/* g [natoms][ng][4] from rows of T and G (or of their tangents, with `t`, `g` the other factor). */
static void add_moments(const kr_descriptor *d, const kr_env *env, const kr_rows *rows, const double *t,
                        const double *g, double *moment) {
    size_t ng = (size_t)d->ng;
    int nt = env->ntypes;
    double scale = 1.0 / d->nnei;
    for (int i = 0; i < env->natoms; i++) {
        double *m = moment + (size_t)i * ng * 4;
        for (int p = env->first[(size_t)i * (size_t)nt]; p < env->first[((size_t)i + 1) * (size_t)nt]; p++) {
            size_t row = (size_t)rows->row[p - rows->first_pair];
            double t4[4];
            for (int c = 0; c < 4; c++) t4[c] = scale * t[row * 4 + (size_t)c];
            for (size_t a = 0; a < ng; a++)
                for (size_t c = 0; c < 4; c++) m[a * 4 + c] += g[row * ng + a] * t4[c];
        }
    }
}

static void add_padding(const kr_descriptor *d, const kr_env *env, const kr_rows *rows, double *moment) {
    size_t ng = (size_t)d->ng;
    int nt = env->ntypes;
    for (int i = 0; i < env->natoms; i++) {
        double *m = moment + (size_t)i * ng * 4;
        for (int t = 0; t < nt; t++) {
            const int *first = env->first + (size_t)i * (size_t)nt + t;
            int block = env->center_type[i] * d->nsel + t;
            for (int k = rows->padding_first[block]; k < rows->padding_first[block + 1]; k++) {
                const kr_padding *run = &rows->padding[k];
                double scale = (double)kr_padding_count(run, first[1] - first[0]) / d->nnei;
                const double *t4 = rows->t + (size_t)run->row * 4, *g = rows->g + (size_t)run->row * ng;
                for (size_t a = 0; scale > 0 && a < ng; a++)
                    for (size_t c = 0; c < 4; c++) m[a * 4 + c] += scale * g[a] * t4[c];
            }
        }
    }
}

/* Rows and moments; the moments go to buffer 4, `extra` doubles per row to buffer 5. */
static kr_status forward(kr_context *ctx, const kr_model *model, const kr_env *env, kr_rows *rows, double **moment,
                         kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t count = (size_t)env->natoms * (size_t)d->ng * 4;
    KR_TRY(kr_rows_build(ctx, model, env, rows, ws));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[4], 2 * count, sizeof(double)));
    *moment = ws->buffer[4].data;
    memset(*moment, 0, 2 * count * sizeof(double));
    add_moments(d, env, rows, rows->t, rows->g, *moment);
    add_padding(d, env, rows, *moment);
done:
    return status;
}

static kr_status value(kr_context *ctx, const kr_model *model, const kr_env *env, double *out,
                       kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    kr_rows rows;
    double *moment;
    KR_TRY(forward(ctx, model, env, &rows, &moment, ws));
    for (int i = 0; i < env->natoms; i++) {
        const double *g = moment + (size_t)i * (size_t)d->ng * 4;
        for (int a = 0; a < d->ng; a++)
            for (int b = 0; b < d->axis_neuron; b++) {
                double sum = 0;
                for (int c = 0; c < 4; c++) sum += g[a * 4 + c] * g[b * 4 + c];
                *out++ = sum;
            }
    }
done:
    return status;
}

/* gbar[a][c] = Σ_b (gd[a][b] g[b][c] + [a < axis] gd[b][a] g[b][c]) */
static void moment_adjoint(const kr_descriptor *d, const double *g, const double *gd, double *gbar) {
    int axis = d->axis_neuron;
    memset(gbar, 0, (size_t)d->ng * 4 * sizeof *gbar);
    for (int a = 0; a < d->ng; a++)
        for (int b = 0; b < axis; b++)
            for (int c = 0; c < 4; c++) {
                gbar[a * 4 + c] += gd[a * axis + b] * g[b * 4 + c];
                gbar[b * 4 + c] += gd[a * axis + b] * g[a * 4 + c];
            }
}

static kr_status adjoint(kr_context *ctx, const kr_model *model, const kr_env *env, const double *gd, double *gr,
                         kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng, nt = (size_t)env->ntypes;
    kr_rows rows;
    double *moment;
    KR_TRY(forward(ctx, model, env, &rows, &moment, ws));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[5], (size_t)rows.n * (ng + 5), sizeof(double)));
    double *gbar = ws->buffer[5].data, *tbar = gbar + (size_t)rows.n * ng, *sbar = tbar + (size_t)rows.n * 4;
    double *mbar = moment + (size_t)env->natoms * ng * 4, scale = 1.0 / d->nnei;
    memset(gbar, 0, (size_t)rows.n * ng * sizeof *gbar); /* rows of empty slots have no gradient */
    for (int i = 0; i < env->natoms; i++) {
        moment_adjoint(d, moment + (size_t)i * ng * 4, gd + (size_t)i * (size_t)d->dim_out, mbar);
        for (int p = env->first[(size_t)i * nt]; p < env->first[((size_t)i + 1) * nt]; p++) {
            size_t row = (size_t)rows.row[p - rows.first_pair];
            const double *t4 = rows.t + row * 4, *g = rows.g + row * ng;
            double sum[4] = {0, 0, 0, 0};
            for (size_t a = 0; a < ng; a++) {
                double gsum = 0;
                for (size_t c = 0; c < 4; c++) {
                    gsum += t4[c] * mbar[a * 4 + c];
                    sum[c] += g[a] * mbar[a * 4 + c];
                }
                gbar[row * ng + a] = scale * gsum;
            }
            for (size_t c = 0; c < 4; c++) tbar[row * 4 + c] = scale * sum[c];
        }
    }
    KR_TRY(kr_rows_adjoint(ctx, model, &rows, gbar, sbar, ws));
    for (int p = env->first[0]; p < env->first[(size_t)env->natoms * nt]; p++) {
        size_t row = (size_t)rows.row[p - rows.first_pair];
        tbar[row * 4] += sbar[row];
    }
    kr_rows_env_adjoint(d, env, &rows, 4, tbar, gr);
done:
    return status;
}

static kr_status tangent(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v, double *dd,
                         kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng;
    kr_rows rows;
    double *moment;
    KR_TRY(forward(ctx, model, env, &rows, &moment, ws));
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[5], (size_t)rows.n * (ng + 5), sizeof(double)));
    double *dg = ws->buffer[5].data, *dt = dg + (size_t)rows.n * ng, *ds = dt + (size_t)rows.n * 4;
    memset(dt, 0, (size_t)rows.n * 5 * sizeof *dt);
    kr_rows_env_tangent(d, env, &rows, 4, v, dt);
    for (size_t row = 0; row < (size_t)rows.n; row++) ds[row] = dt[row * 4];
    KR_TRY(kr_rows_tangent(ctx, model, &rows, ds, dg, ws));
    double *dmoment = moment + (size_t)env->natoms * ng * 4; /* zeroed by forward */
    add_moments(d, env, &rows, rows.t, dg, dmoment);
    add_moments(d, env, &rows, dt, rows.g, dmoment);
    for (int i = 0; i < env->natoms; i++) {
        const double *g = moment + (size_t)i * ng * 4, *dm = dmoment + (size_t)i * ng * 4;
        for (int a = 0; a < d->ng; a++)
            for (int b = 0; b < d->axis_neuron; b++) {
                double sum = 0;
                for (int c = 0; c < 4; c++) sum += dm[a * 4 + c] * g[b * 4 + c] + g[a * 4 + c] * dm[b * 4 + c];
                *dd++ = sum;
            }
    }
done:
    return status;
}

const kr_descriptor_kind kr_descriptor_se_e2_a = {
    "se_e2_a", "se_a",  "embedding of s(r), moments with distance and direction", "Zhang et al., NeurIPS 2018", value,
    adjoint,   tangent,
};
