/* se_e2_r in training.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With c = 1/(5 nnei), G = net(x), G' its derivative:
 *   D_i = c Σ_k G(x_k)  (+ empty slots)      Ḋ_i = c Σ_k G'(x_k) ẋ_k
 *   forces:  x̄_k = c gd_i · G'(x_k)          θ:  Ḡ_k = c D̄_i,  Ġ̄_k = c gd_i, then the nets */
#include "core/error.h"
#include "training/descriptor_gradient.h"
#include <string.h>

/* tape->keep: slope [n][ng], dx [n]. */
static double prefactor(const kr_descriptor *d) { return 0.2 / d->nnei; }

static int is_excluded(const kr_descriptor *d, const kr_env *env, int i, int t) {
    return d->excluded && d->excluded[env->center_type[i] * env->ntypes + t];
}

/* to [ng] += scale · from [ng] */
static void add(size_t ng, double scale, const double *from, double *to) {
    for (size_t a = 0; a < ng; a++) to[a] += scale * from[a];
}

static void row_tangents(const kr_descriptor *d, const kr_env *env, const kr_rows *rows, const double *v, double *dx) {
    memset(dx, 0, (size_t)rows->n * sizeof *dx);
    for (int i = 0; i < env->natoms; i++)
        for (int t = 0; t < env->ntypes; t++)
            for (int p = env->first[i * env->ntypes + t]; p < env->first[i * env->ntypes + t + 1]; p++)
                if (!is_excluded(d, env, i, t))
                    kr_env_row_tangent(d, env, env->center_type[i], p, v + 3 * (size_t)p,
                                       dx + rows->row[p - rows->first_pair]);
}

static kr_status forward(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v, double *out,
                         double *dout, kr_descriptor_tape *tape) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    kr_rows *rows = &tape->rows;
    size_t ng = (size_t)d->ng;
    if (!tape->fresh) KR_TRY(kr_rows_place(ctx, model, env, rows, &tape->ws));
    KR_TRY(kr_buffer_reserve(ctx, &tape->keep, (size_t)rows->n * (ng + 1), sizeof(double)));
    double *slope = tape->keep.data, *dx = slope + (size_t)rows->n * ng, c = prefactor(d);
    if (!tape->fresh) KR_TRY(kr_rows_slopes(ctx, model, rows, slope, &tape->ws));
    if (v) row_tangents(d, env, rows, v, dx);
    memset(out, 0, (size_t)env->natoms * ng * sizeof *out);
    if (v) memset(dout, 0, (size_t)env->natoms * ng * sizeof *dout);
    for (int i = 0; i < env->natoms; i++)
        for (int t = 0; t < env->ntypes; t++) {
            const int *first = env->first + i * env->ntypes + t;
            double *sum = out + (size_t)i * ng;
            for (int p = first[0]; p < first[1]; p++) {
                size_t row = (size_t)rows->row[p - rows->first_pair];
                add(ng, c, rows->g + row * ng, sum);
                if (v) add(ng, c * dx[row], slope + row * ng, dout + (size_t)i * ng);
            }
            const int *run = rows->padding_first + env->center_type[i] * d->nsel + t;
            for (int k = run[0]; k < run[1]; k++)
                add(ng, c * kr_padding_count(&rows->padding[k], first[1] - first[0]),
                    rows->g + (size_t)rows->padding[k].row * ng, sum);
        }
done:
    return status;
}

static kr_status adjoint(kr_context *ctx, const kr_model *model, const kr_env *env, const double *gd, double *gr,
                         kr_descriptor_tape *tape) {
    (void)ctx;
    const kr_descriptor *d = &model->descriptor;
    const kr_rows *rows = &tape->rows;
    const double *slope = tape->keep.data;
    size_t ng = (size_t)d->ng;
    for (int i = 0; i < env->natoms; i++)
        for (int t = 0; t < env->ntypes; t++)
            for (int p = env->first[i * env->ntypes + t]; p < env->first[i * env->ntypes + t + 1]; p++) {
                const double *s = slope + (size_t)rows->row[p - rows->first_pair] * ng, *bar = gd + (size_t)i * ng;
                double xbar = 0;
                for (size_t a = 0; a < ng; a++) xbar += prefactor(d) * bar[a] * s[a];
                if (is_excluded(d, env, i, t))
                    memset(gr + 3 * (size_t)p, 0, 3 * sizeof *gr);
                else
                    kr_env_row_adjoint(d, env, env->center_type[i], p, &xbar, 0, gr + 3 * (size_t)p);
            }
    return KR_OK;
}

static kr_status backprop(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v,
                          const double *dbar, const double *gd, double *gtheta, kr_descriptor_tape *tape) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_rows *rows = &tape->rows;
    size_t ng = (size_t)d->ng, n = (size_t)rows->n;
    KR_TRY(kr_buffer_reserve(ctx, &tape->spare, 2 * n * ng, sizeof(double)));
    double *gbar = tape->spare.data, *dgbar = gbar + n * ng, c = prefactor(d);
    const double *dx = (const double *)tape->keep.data + n * ng;
    memset(gbar, 0, 2 * n * ng * sizeof *gbar);
    for (int i = 0; i < env->natoms; i++)
        for (int t = 0; t < env->ntypes; t++) {
            const int *first = env->first + i * env->ntypes + t;
            for (int p = first[0]; p < first[1]; p++) {
                size_t row = (size_t)rows->row[p - rows->first_pair];
                add(ng, c, dbar + (size_t)i * ng, gbar + row * ng);
                if (v) add(ng, c, gd + (size_t)i * ng, dgbar + row * ng);
            }
            const int *run = rows->padding_first + env->center_type[i] * d->nsel + t;
            for (int k = run[0]; k < run[1]; k++)
                add(ng, c * kr_padding_count(&rows->padding[k], first[1] - first[0]), dbar + (size_t)i * ng,
                    gbar + (size_t)rows->padding[k].row * ng);
        }
    KR_TRY(kr_rows_backprop(ctx, model, rows, gbar, v ? dx : NULL, dgbar, gtheta, &tape->ws));
done:
    return status;
}

extern const kr_descriptor_kind kr_descriptor_se_e2_r;
const kr_descriptor_gradient kr_descriptor_gradient_se_e2_r = {&kr_descriptor_se_e2_r, 1, forward, adjoint, backprop};
