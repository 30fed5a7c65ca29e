/* se_e2_a in training.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Per centre, with the rows T [nk][4], G, G' [nk][ng] of its neighbours, n = nnei, and tangents Ṫ, ṡ = Ṫ[0]:
 *   M = TᵀG/n  [4][ng]  (+ empty slots)        Ṁ = (Ṫᵀ G + (ṡT)ᵀ G')/n
 *   D = Mᵀ M[:, :axis]                          Ḋ = Ṁᵀ M[:, :axis] + Mᵀ Ṁ[:, :axis]
 * Adjoint of M for an adjoint X [ng][axis] of D:   A(M, X) = M[:, :axis] Xᵀ,  + M X in the first axis columns.
 *   forces:   M̄ = A(M, gd),  T̄ = G M̄ᵀ/n,  s̄ = Σ_c T (G' M̄ᵀ)/n
 *   θ:        Ṁ̄ = A(M, gd),  M̄ = A(M, D̄) + A(Ṁ, gd),  Ḡ = (T M̄ + Ṫ Ṁ̄)/n,  Ġ̄ = T Ṁ̄/n, then the nets */
#include "core/error.h"
#include "core/linalg.h"
#include "training/descriptor_gradient.h"
#include <string.h>

/* Arrays of a block; moments are [natoms][4][ng]. */
typedef struct arrays {
    double *slope;            /* [n][ng] G' */
    double *dt, *ds;          /* [n][4], [n] tangents of the rows, 0 for empty slots */
    double *moment, *dmoment; /* M, Ṁ */
} arrays;

static size_t moment_size(const kr_descriptor *d) { return 4 * (size_t)d->ng; }

static void lay_out(const kr_descriptor *d, const kr_env *env, const kr_rows *rows, double *at, arrays *a) {
    size_t n = (size_t)rows->n, moments = (size_t)env->natoms * moment_size(d);
    a->slope = at, at += n * (size_t)d->ng;
    a->dt = at, at += 4 * n;
    a->ds = at, at += n;
    a->moment = at, at += moments;
    a->dmoment = at;
}

static size_t keep_size(const kr_descriptor *d, const kr_env *env, const kr_rows *rows) {
    return (size_t)rows->n * ((size_t)d->ng + 5) + 2 * (size_t)env->natoms * moment_size(d);
}

/* The rows of centre i and neighbour type t are `count` consecutive ones from the return value on. */
static size_t rows_of(const kr_env *env, const kr_rows *rows, int i, int t, int *count) {
    const int *first = env->first + (size_t)i * (size_t)env->ntypes + t;
    *count = first[1] - first[0];
    return *count ? (size_t)rows->row[first[0] - rows->first_pair] : 0;
}

/* m [4][ng] += scale · tᵀ g over `count` rows. */
static void add_moment(const kr_descriptor *d, int count, double scale, const double *t, const double *g, double *m) {
    if (count) kr_gemm(1, 0, 4, d->ng, count, scale, t, 4, g, d->ng, 1, m, d->ng);
}

/* The kinds of empty slots of centre type and neighbour type: [*end] − return value rows->padding entries. */
static int padding_of(const kr_descriptor *d, const kr_env *env, const kr_rows *rows, int i, int t, int *end) {
    const int *first = rows->padding_first + env->center_type[i] * d->nsel + t;
    *end = first[1];
    return first[0];
}

static void moments(const kr_descriptor *d, const kr_env *env, const kr_rows *rows, const arrays *a, const double *v,
                    double *scaled) {
    double scale = 1.0 / d->nnei;
    size_t ng = (size_t)d->ng, size = moment_size(d);
    memset(a->moment, 0, 2 * (size_t)env->natoms * size * sizeof *a->moment);
    for (int i = 0; i < env->natoms; i++)
        for (int t = 0; t < env->ntypes; t++) {
            int used;
            size_t row = rows_of(env, rows, i, t, &used);
            double *m = a->moment + (size_t)i * size, *dm = a->dmoment + (size_t)i * size;
            add_moment(d, used, scale, rows->t + 4 * row, rows->g + ng * row, m);
            for (int end, k = padding_of(d, env, rows, i, t, &end); k < end; k++) {
                size_t empty = (size_t)rows->padding[k].row;
                int count = kr_padding_count(&rows->padding[k], used);
                if (count) add_moment(d, 1, count * scale, rows->t + 4 * empty, rows->g + ng * empty, m);
            }
            if (!v) continue;
            for (size_t k = row; k < row + (size_t)used; k++)
                for (size_t c = 0; c < 4; c++) scaled[4 * (k - row) + c] = a->ds[k] * rows->t[4 * k + c];
            add_moment(d, used, scale, a->dt + 4 * row, rows->g + ng * row, dm);
            add_moment(d, used, scale, scaled, a->slope + ng * row, dm);
        }
}

static void row_tangents(const kr_descriptor *d, const kr_env *env, const kr_rows *rows, const double *v, arrays *a) {
    memset(a->dt, 0, 5 * (size_t)rows->n * sizeof *a->dt);
    for (int i = 0; i < env->natoms; i++)
        for (int t = 0; t < env->ntypes; t++) {
            int used, ti = env->center_type[i], p = env->first[i * env->ntypes + t];
            size_t row = rows_of(env, rows, i, t, &used);
            if (d->excluded && d->excluded[ti * env->ntypes + t]) continue;
            for (size_t k = row; k < row + (size_t)used; k++, p++) {
                kr_env_row_tangent(d, env, ti, p, v + 3 * (size_t)p, a->dt + 4 * k);
                a->ds[k] = a->dt[4 * k];
            }
        }
}

static kr_status forward(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v, double *out,
                         double *dout, kr_descriptor_tape *tape) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    kr_rows *rows = &tape->rows;
    arrays a;
    if (!tape->fresh) KR_TRY(kr_rows_place(ctx, model, env, rows, &tape->ws));
    KR_TRY(kr_buffer_reserve(ctx, &tape->keep, keep_size(d, env, rows), sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &tape->spare, 4 * (size_t)rows->n, sizeof(double)));
    lay_out(d, env, rows, tape->keep.data, &a);
    if (!tape->fresh) KR_TRY(kr_rows_slopes(ctx, model, rows, a.slope, &tape->ws));
    if (v) row_tangents(d, env, rows, v, &a);
    moments(d, env, rows, &a, v, tape->spare.data);
    int ng = d->ng, axis = d->axis_neuron;
    for (size_t i = 0; i < (size_t)env->natoms; i++) {
        const double *m = a.moment + i * moment_size(d), *dm = a.dmoment + i * moment_size(d);
        kr_gemm(1, 0, ng, axis, 4, 1, m, ng, m, ng, 0, out + i * (size_t)d->dim_out, axis);
        if (!v) continue;
        kr_gemm(1, 0, ng, axis, 4, 1, dm, ng, m, ng, 0, dout + i * (size_t)d->dim_out, axis);
        kr_gemm(1, 0, ng, axis, 4, 1, m, ng, dm, ng, 1, dout + i * (size_t)d->dim_out, axis);
    }
done:
    return status;
}

/* mbar [4][ng] = A(m, x) + keep · mbar, x [ng][axis] */
static void moment_adjoint(const kr_descriptor *d, const double *m, const double *x, double keep, double *mbar) {
    int ng = d->ng, axis = d->axis_neuron;
    kr_gemm(0, 1, 4, ng, axis, 1, m, ng, x, axis, keep, mbar, ng);
    kr_gemm(0, 0, 4, axis, ng, 1, m, ng, x, axis, 1, mbar, ng);
}

static kr_status adjoint(kr_context *ctx, const kr_model *model, const kr_env *env, const double *gd, double *gr,
                         kr_descriptor_tape *tape) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_rows *rows = &tape->rows;
    size_t ng = (size_t)d->ng, n = (size_t)rows->n;
    double scale = 1.0 / d->nnei;
    arrays a;
    lay_out(d, env, rows, tape->keep.data, &a);
    KR_TRY(kr_buffer_reserve(ctx, &tape->spare, moment_size(d) + 8 * n, sizeof(double)));
    double *mbar = tape->spare.data, *tbar = mbar + moment_size(d), *along = tbar + 4 * n;
    for (int i = 0; i < env->natoms; i++) {
        moment_adjoint(d, a.moment + (size_t)i * moment_size(d), gd + (size_t)i * (size_t)d->dim_out, 0, mbar);
        for (int t = 0; t < env->ntypes; t++) {
            int used, ti = env->center_type[i], p = env->first[i * env->ntypes + t];
            size_t row = rows_of(env, rows, i, t, &used);
            if (!used) continue;
            if (d->excluded && d->excluded[ti * env->ntypes + t]) {
                memset(gr + 3 * (size_t)p, 0, 3 * (size_t)used * sizeof *gr);
                continue;
            }
            kr_gemm(0, 1, used, 4, d->ng, scale, rows->g + ng * row, d->ng, mbar, d->ng, 0, tbar, 4);
            kr_gemm(0, 1, used, 4, d->ng, scale, a.slope + ng * row, d->ng, mbar, d->ng, 0, along, 4);
            for (size_t k = 0; k < (size_t)used; k++, p++) {
                for (size_t c = 0; c < 4; c++) tbar[4 * k] += along[4 * k + c] * rows->t[4 * (row + k) + c];
                kr_env_row_adjoint(d, env, ti, p, tbar + 4 * k, 0, gr + 3 * (size_t)p);
            }
        }
    }
done:
    return status;
}

static kr_status backprop(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v,
                          const double *dbar, const double *gd, double *gtheta, kr_descriptor_tape *tape) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_rows *rows = &tape->rows;
    size_t ng = (size_t)d->ng, n = (size_t)rows->n, size = moment_size(d);
    double scale = 1.0 / d->nnei;
    arrays a;
    lay_out(d, env, rows, tape->keep.data, &a);
    KR_TRY(kr_buffer_reserve(ctx, &tape->spare, 2 * (size + n * ng), sizeof(double)));
    double *mbar = tape->spare.data, *dmbar = mbar + size, *gbar = dmbar + size, *dgbar = gbar + n * ng;
    memset(gbar, 0, 2 * n * ng * sizeof *gbar); /* empty slots are added to; their tangents stay 0 */
    for (int i = 0; i < env->natoms; i++) {
        size_t at = (size_t)i * size, out = (size_t)i * (size_t)d->dim_out;
        moment_adjoint(d, a.moment + at, dbar + out, 0, mbar);
        if (v) moment_adjoint(d, a.dmoment + at, gd + out, 1, mbar);
        if (v) moment_adjoint(d, a.moment + at, gd + out, 0, dmbar);
        for (int t = 0; t < env->ntypes; t++) {
            int used;
            size_t row = rows_of(env, rows, i, t, &used);
            double *to = gbar + ng * row;
            if (used) kr_gemm(0, 0, used, d->ng, 4, scale, rows->t + 4 * row, 4, mbar, d->ng, 0, to, d->ng);
            for (int end, k = padding_of(d, env, rows, i, t, &end); k < end; k++) {
                size_t empty = (size_t)rows->padding[k].row;
                int count = kr_padding_count(&rows->padding[k], used);
                if (count)
                    kr_gemm(0, 0, 1, d->ng, 4, count * scale, rows->t + 4 * empty, 4, mbar, d->ng, 1, gbar + ng * empty,
                            d->ng);
            }
            if (!used || !v) continue;
            kr_gemm(0, 0, used, d->ng, 4, scale, a.dt + 4 * row, 4, dmbar, d->ng, 1, to, d->ng);
            kr_gemm(0, 0, used, d->ng, 4, scale, rows->t + 4 * row, 4, dmbar, d->ng, 0, dgbar + ng * row, d->ng);
        }
    }
    KR_TRY(kr_rows_backprop(ctx, model, rows, gbar, v ? a.ds : NULL, dgbar, gtheta, &tape->ws));
done:
    return status;
}

extern const kr_descriptor_kind kr_descriptor_se_e2_a;
const kr_descriptor_gradient kr_descriptor_gradient_se_e2_a = {&kr_descriptor_se_e2_a, 1, forward, adjoint, backprop};
