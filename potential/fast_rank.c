/* A basis of the embedding outputs of one centre type, most important first.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The M = ng outputs are functions of one variable and span far fewer dimensions to a given force error. Rows of a
 * matrix X are values and slopes of all outputs at sampled distances, weighted as they enter T (density × |R|).
 * Channels matter as much as the first fitting layer listens to them: H = Σ_b t_b² W_b W_bᵀ (W_b = weights of the
 * products T_a·T_b, t_b² = size of T_b). With the singular vectors V of Y = X H^½, P = H^½ V (project, T → S = Pᵀ T)
 * and U = H^−½ V (expand, T ≈ U S), leaving out the last columns loses what contributes least. Energies of the
 * truncated model are exact functions of positions, so forces remain their derivatives.
 *
 * T_b, b < axis, occur in every product. A second basis begins with them (as well-scaled combinations, V_axis) and goes
 * on with the singular vectors of what they leave of Y: it needs few more columns, but products with the axis become
 * products with its first columns, and no columns beside S are needed for them. With degrees apart only T_b of one
 * degree are combined, and this is the only basis. */
#include "core/error.h"
#include "potential/fast_internal.h"
#include <math.h>
#include <string.h>

enum { NSAMPLES = 96 };

static int count_used(const kr_fast *fast) {
    int n = 0;
    for (int t = 0; t < fast->ntypes; t++) n += kr_fast_uses(fast->used, t) != 0;
    return n;
}

/* X [types in use · 2 · NSAMPLES][ng] */
static kr_status sample(kr_context *ctx, const kr_fast *fast, int type, double r_lo, double *x) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &fast->model->descriptor;
    const size_t ng = (size_t)d->ng;
    double r[NSAMPLES], step = log(d->rcut / r_lo) / (NSAMPLES - 1), r0, rho;
    kr_fast_density(fast->model, type, &r0, &rho);
    for (int k = 0; k < NSAMPLES; k++) r[k] = k == NSAMPLES - 1 ? d->rcut : r_lo * exp(step * k);
    for (int tj = 0; tj < fast->ntypes; tj++) {
        if (!kr_fast_uses(fast->used, tj) || (!d->mixed_types && d->sel[tj] == 0)) continue;
        size_t at = ((size_t)type * (size_t)d->nnei + (size_t)kr_fast_slot(d, tj)) * (size_t)d->ncolumns;
        double *slope = x + NSAMPLES * ng;
        KR_TRY(kr_fast_embedding(ctx, fast, type, tj, NSAMPLES, r, x));
        for (size_t k = 0; k < NSAMPLES; k++) {
            size_t below = k > 0 ? k - 1 : 0, above = k + 1 < NSAMPLES ? k + 1 : k;
            for (size_t m = 0; m < ng; m++)
                slope[k * ng + m] = (x[above * ng + m] - x[below * ng + m]) / (r[above] - r[below]);
        }
        for (size_t k = 0; k < NSAMPLES; k++) {
            double s = kr_switch(r[k], d->rcut_smth, d->rcut, NULL) / (r[k] + d->env_protection);
            double row = d->ncolumns == 1 ? 1 : fabs(s - d->davg[at]) / d->dstd[at] + s / d->dstd[at + 1];
            for (int l = 2; l <= d->lmax; l++) /* Σ_m Y_lm² = 1 at unit length */
                row += s / d->dstd[at] * fabs(fast->model->theta[d->degree_gain + (size_t)l - 2]);
            /* Errors of single pairs count, and of many far ones as the square root of their number. */
            double weight = row * sqrt(1 + 4 * M_PI * rho * pow(r[k], 3) * step);
            for (size_t m = 0; m < ng; m++) {
                x[k * ng + m] *= weight / r[k];
                slope[k * ng + m] *= weight;
            }
        }
        x += 2 * NSAMPLES * ng;
    }
done:
    return status;
}

/* H [ng][ng] from the first layer's weights W [ng·axis][out] and the sizes of T. */
static void metric(const kr_fast *fast, const kr_net *net, const double *x, double *h) {
    const kr_descriptor *d = &fast->model->descriptor;
    const int ng = d->ng, axis = fast->radial ? 1 : d->axis_neuron, out = net->layer[0].out;
    const size_t rows = (size_t)count_used(fast) * 2 * NSAMPLES;
    const double *w = fast->model->theta + net->layer[0].w;
    memset(h, 0, (size_t)ng * (size_t)ng * sizeof *h);
    double trace = 0;
    for (int b = 0; b < axis; b++) {
        double size = 0;
        for (size_t k = 0; k < rows; k++) size += x[k * (size_t)ng + (size_t)b] * x[k * (size_t)ng + (size_t)b];
        if (fast->radial) size = 1;
        kr_gemm(0, 1, ng, ng, out, size, w + b * out, axis * out, w + b * out, axis * out, 1, h, ng);
    }
    for (int a = 0; a < ng && !fast->radial; a++) { /* T_b, b < axis, as the second factor */
        double size = 0;
        for (size_t k = 0; k < rows; k++) size += x[k * (size_t)ng + (size_t)a] * x[k * (size_t)ng + (size_t)a];
        const double *wa = w + (size_t)a * (size_t)axis * (size_t)out;
        kr_gemm(0, 1, axis, axis, out, size, wa, out, wa, out, 1, h, ng);
    }
    for (int a = 0; a < ng; a++) trace += h[a * ng + a];
    for (int a = 0; a < ng; a++) h[a * ng + a] += 1e-8 * trace / ng; /* keeps H invertible */
}

/* root [n][n] = E λ^½ Eᵀ and inverse = E λ^−½ Eᵀ from symmetric h (destroyed). */
static kr_status roots(kr_context *ctx, int n, double *h, double *root, double *inverse) {
    kr_status status = KR_OK;
    double *values = NULL, *scaled = NULL;
    KR_NEW(ctx, values, (size_t)n);
    KR_NEW(ctx, scaled, (size_t)n * (size_t)n);
    KR_TRY(kr_eigen_symmetric(ctx, n, h, values));
    double floor = 1e-12 * values[n - 1];
    if (!(floor > 0)) KR_FAIL(ctx, KR_ERR_NUMERIC, "the first fitting layer has no weights");
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < n; i++)
            for (int k = 0; k < n; k++)
                scaled[i * n + k] = h[i * n + k] * pow(fmax(values[k], floor), pass ? -0.5 : 0.5);
        kr_gemm(0, 1, n, n, n, 1, scaled, n, h, n, 0, pass ? inverse : root, n);
    }
done:
    kr_free(values);
    kr_free(scaled);
    return status;
}

/* Splits off what combinations of the first `axis` columns of X can express. Their singular value decomposition X_axis
 * = Q σ Vᵀ gives V [axis][axis] and, through y ← y − Q Qᵀ y, the rest; map [axis][ng] = σ⁻¹ Qᵀ y. */
static kr_status split_axis(kr_context *ctx, int rows, int ng, int axis, const double *x, double *y, double *v,
                            double *map) {
    kr_status status = KR_OK;
    double *part = NULL, *q = NULL, *s = NULL, *vt = NULL;
    KR_NEW(ctx, part, (size_t)rows * (size_t)axis);
    KR_NEW(ctx, q, (size_t)rows * (size_t)axis);
    KR_NEW(ctx, s, (size_t)axis);
    KR_NEW(ctx, vt, (size_t)axis * (size_t)axis);
    for (int k = 0; k < rows; k++) memcpy(part + k * axis, x + k * ng, (size_t)axis * sizeof *part);
    KR_TRY(kr_svd(ctx, rows, axis, part, q, s, vt));
    kr_gemm(1, 0, axis, ng, rows, 1, q, axis, y, ng, 0, map, ng);
    kr_gemm(0, 0, rows, ng, axis, -1, q, axis, map, ng, 1, y, ng);
    for (int r = 0; r < axis; r++)
        for (int a = 0; a < ng; a++) map[r * ng + a] = s[r] > 1e-13 * s[0] ? map[r * ng + a] / s[r] : 0;
    for (int b = 0; b < axis; b++)
        for (int r = 0; r < axis; r++) v[b * axis + r] = vt[r * axis + b];
done:
    kr_free(part);
    kr_free(q);
    kr_free(s);
    kr_free(vt);
    return status;
}

/* Replaces V by one that combines only columns of the same degree, b mod ndegrees, and turns the map with it. */
static kr_status keep_degrees(kr_context *ctx, int rows, int ng, int axis, int ndegrees, const double *x, double *v,
                              double *map) {
    kr_status status = KR_OK;
    double *part = NULL, *q = NULL, *s = NULL, *vt = NULL, *apart = NULL, *turn = NULL, *turned = NULL;
    KR_NEW(ctx, part, (size_t)rows * (size_t)axis);
    KR_NEW(ctx, q, (size_t)rows * (size_t)axis);
    KR_NEW(ctx, s, (size_t)axis);
    KR_NEW(ctx, vt, (size_t)axis * (size_t)axis);
    KR_NEW(ctx, apart, (size_t)axis * (size_t)axis);
    KR_NEW(ctx, turn, (size_t)axis * (size_t)axis);
    KR_NEW(ctx, turned, (size_t)axis * (size_t)ng);
    for (int l = 0; l < ndegrees && l < axis; l++) {
        const int n = (axis - l - 1) / ndegrees + 1;
        for (int k = 0; k < rows; k++)
            for (int b = 0; b < n; b++) part[k * n + b] = x[k * ng + l + b * ndegrees];
        KR_TRY(kr_svd(ctx, rows, n, part, q, s, vt));
        for (int b = 0; b < n; b++)
            for (int r = 0; r < n; r++) apart[(l + b * ndegrees) * axis + l + r * ndegrees] = vt[r * n + b];
    }
    /* X_axis V map = X_axis V' (V'ᵀ V map) */
    kr_gemm(1, 0, axis, axis, axis, 1, apart, axis, v, axis, 0, turn, axis);
    kr_gemm(0, 0, axis, ng, axis, 1, turn, axis, map, ng, 0, turned, ng);
    memcpy(v, apart, (size_t)axis * (size_t)axis * sizeof *v);
    memcpy(map, turned, (size_t)axis * (size_t)ng * sizeof *map);
done:
    kr_free(part);
    kr_free(q);
    kr_free(s);
    kr_free(vt);
    kr_free(apart);
    kr_free(turn);
    kr_free(turned);
    return status;
}

/* Columns `axis` … of the basis from what the first ones leave, X P = Y' V with Y' = Y − X_axis V map, and the first
 * ones before them. vt [ng][ng] are the singular vectors of Y', roots H^½ and H^−½ [2][ng][ng]. */
static void join_axis(int ng, int axis, const double *v, const double *map, const double *vt, const double *roots,
                      double *work, kr_fast_channels *all) {
    const int rest = ng - axis;
    double *p = all->project, *u = all->expand, *mv = work, *back = work + axis * ng;
    memset(p, 0, (size_t)ng * (size_t)ng * sizeof *p);
    memset(u, 0, (size_t)ng * (size_t)ng * sizeof *u);
    kr_gemm(0, 1, ng, rest, ng, 1, roots, ng, vt, ng, 0, p + axis, ng);
    kr_gemm(0, 1, axis, rest, ng, 1, map, ng, vt, ng, 0, mv, rest);
    kr_gemm(0, 0, axis, rest, axis, -1, v, axis, mv, rest, 1, p + axis, ng);
    /* X_a = Σ_r (X_axis V)_r (map H^−½)_ra + Σ_k (X P)_k (Vᵀ H^−½)_ka */
    kr_gemm(0, 1, ng, rest, ng, 1, roots + (size_t)ng * (size_t)ng, ng, vt, ng, 0, u + axis, ng);
    kr_gemm(0, 0, axis, ng, ng, 1, map, ng, roots + (size_t)ng * (size_t)ng, ng, 0, back, ng);
    for (int a = 0; a < ng; a++)
        for (int r = 0; r < axis; r++) u[a * ng + r] = back[r * ng + a];
    for (int b = 0; b < axis; b++) { /* exactly */
        memset(u + b * ng + axis, 0, (size_t)rest * sizeof *u);
        for (int r = 0; r < axis; r++) p[b * ng + r] = u[b * ng + r] = v[b * axis + r];
    }
}

kr_status kr_fast_rank_basis(kr_context *ctx, const kr_fast *fast, int type, double r_lo, int keep_axis,
                             kr_fast_channels *all) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &fast->model->descriptor;
    const kr_fitting *f = &fast->model->fitting;
    const int ng = d->ng, rows = count_used(fast) * 2 * NSAMPLES, axis = keep_axis ? d->axis_neuron : 0;
    const size_t square = (size_t)ng * (size_t)ng;
    double *x = NULL, *h = NULL, *y = NULL, *s = NULL, *vt = NULL, *u = NULL, *v = NULL;
    KR_NEW(ctx, x, (size_t)rows * (size_t)ng);
    KR_NEW(ctx, y, (size_t)rows * (size_t)ng);
    KR_NEW(ctx, u, (size_t)rows * (size_t)ng);
    KR_NEW(ctx, h, 3 * square);
    KR_NEW(ctx, vt, square);
    KR_NEW(ctx, s, (size_t)ng);
    KR_NEW(ctx, v, (size_t)axis * (size_t)axis + 3 * (size_t)axis * (size_t)ng); /* V, map, work */
    KR_NEW(ctx, all->project, square);
    KR_NEW(ctx, all->expand, square);
    KR_TRY(sample(ctx, fast, type, r_lo, x));
    metric(fast, f->net[f->mixed_types ? 0 : type], x, h);
    KR_TRY(roots(ctx, ng, h, h + square, h + 2 * square));
    kr_gemm(0, 0, rows, ng, ng, 1, x, ng, h + square, ng, 0, y, ng);
    if (keep_axis) KR_TRY(split_axis(ctx, rows, ng, axis, x, y, v, v + axis * axis));
    if (keep_axis && d->separate_degrees) KR_TRY(keep_degrees(ctx, rows, ng, axis, d->lmax + 1, x, v, v + axis * axis));
    KR_TRY(kr_svd(ctx, rows, ng, y, u, s, vt));
    if (keep_axis) {
        join_axis(ng, axis, v, v + axis * axis, vt, h + square, v + axis * (axis + ng), all);
    } else {
        kr_gemm(0, 1, ng, ng, ng, 1, h + square, ng, vt, ng, 0, all->project, ng);
        kr_gemm(0, 1, ng, ng, ng, 1, h + 2 * square, ng, vt, ng, 0, all->expand, ng);
    }
    all->q = ng;
    all->ncorner = keep_axis ? axis : ng;
done:
    kr_free(x);
    kr_free(y);
    kr_free(u);
    kr_free(v);
    kr_free(h);
    kr_free(vt);
    kr_free(s);
    if (status < 0) kr_fast_channels_free(all);
    return status;
}

void kr_fast_channels_free(kr_fast_channels *channels) {
    kr_free(channels->project);
    kr_free(channels->expand);
    *channels = (kr_fast_channels){0};
}

kr_status kr_fast_channels_cut(kr_context *ctx, const kr_fast_channels *all, int ng, int q, kr_fast_channels *cut) {
    kr_status status = KR_OK;
    kr_fast_channels_free(cut);
    if (q <= 0 || q >= ng) return KR_OK; /* all outputs, as they are */
    KR_NEW(ctx, cut->project, (size_t)ng * (size_t)q);
    KR_NEW(ctx, cut->expand, (size_t)ng * (size_t)q);
    for (int a = 0; a < ng; a++) {
        memcpy(cut->project + (size_t)a * (size_t)q, all->project + (size_t)a * (size_t)ng, (size_t)q * sizeof(double));
        memcpy(cut->expand + (size_t)a * (size_t)q, all->expand + (size_t)a * (size_t)ng, (size_t)q * sizeof(double));
    }
    cut->q = q;
    cut->ncorner = all->ncorner < q ? all->ncorner : q;
done:
    if (status < 0) kr_fast_channels_free(cut);
    return status;
}
