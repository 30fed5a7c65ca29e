/* Rows of angular moments in double: value, adjoint, tangent.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With f = w/(r + p)/dstd_0 and q = 1/(r + p), u = q r⃗:  ∂u_a/∂r_b = q δ_ab − q² r_a r_b/r. */
#include "potential/harmonics.h"
#include <math.h>

#define HARMONIC_NUMBER double
#define HARMONIC_CONSTANT(x) ((double)(x))
#define HARMONIC_NAME harmonics
#define HARMONIC_QUALIFIER static
#include "potential/harmonics.inl"

/* Everything about a pair: factor and its slope along r, u, polynomials and gradients by u. */
typedef struct pair_moments {
    double f, df, q, u[3], y[KR_MOST_MOMENTS], dy[KR_MOST_MOMENTS][3];
} pair_moments;

static void at_pair(const kr_descriptor *d, const kr_env *env, int center_type, int pair, int want_slope,
                    pair_moments *p) {
    size_t row = ((size_t)center_type * (size_t)d->nnei + (size_t)env->slot[pair]) * (size_t)d->ncolumns;
    double dw, w = kr_switch(env->r[pair], d->rcut_smth, d->rcut, &dw);
    p->q = 1 / (env->r[pair] + d->env_protection);
    p->f = w * p->q / d->dstd[row];
    p->df = (dw - w * p->q) * p->q / d->dstd[row];
    p->u[0] = env->x[pair] * p->q;
    p->u[1] = env->y[pair] * p->q;
    p->u[2] = env->z[pair] * p->q;
    harmonics(d->lmax, p->u, p->y, want_slope ? p->dy : NULL);
}

void kr_moments_row(const kr_descriptor *d, const kr_env *env, int center_type, int pair, double *t) {
    pair_moments p;
    if (d->lmax < 2) return;
    at_pair(d, env, center_type, pair, 0, &p);
    for (int c = 4; c < d->nmoment; c++) t[c] = p.f * p.y[c - 4];
}

void kr_moments_adjoint(const kr_descriptor *d, const kr_env *env, int center_type, int pair, const double *tbar,
                        double *gr) {
    pair_moments p;
    double along = 0, ubar[3] = {0, 0, 0};
    if (d->lmax < 2) return;
    at_pair(d, env, center_type, pair, 1, &p);
    for (int c = 4; c < d->nmoment; c++) {
        along += tbar[c] * p.y[c - 4] * p.df;
        for (int k = 0; k < 3; k++) ubar[k] += tbar[c] * p.f * p.dy[c - 4][k];
    }
    /* r_a/r = u_a/(q r) */
    double inv = 1 / (p.q * env->r[pair]), radial = ubar[0] * p.u[0] + ubar[1] * p.u[1] + ubar[2] * p.u[2];
    for (int k = 0; k < 3; k++) gr[k] += p.q * ubar[k] + (along - p.q * radial) * p.u[k] * inv;
}

void kr_moments_tangent(const kr_descriptor *d, const kr_env *env, int center_type, int pair, const double *v,
                        double *dt) {
    pair_moments p;
    if (d->lmax < 2) return;
    at_pair(d, env, center_type, pair, 1, &p);
    double dr = (p.u[0] * v[0] + p.u[1] * v[1] + p.u[2] * v[2]) / (p.q * env->r[pair]), du[3];
    for (int k = 0; k < 3; k++) du[k] = p.q * (v[k] - p.u[k] * dr);
    for (int c = 4; c < d->nmoment; c++) {
        const double *slope = p.dy[c - 4];
        dt[c] = p.df * dr * p.y[c - 4] + p.f * (slope[0] * du[0] + slope[1] * du[1] + slope[2] * du[2]);
    }
}

void kr_moments_weights(const kr_model *model, double *weight) {
    const kr_descriptor *d = &model->descriptor;
    for (int c = 0; c < d->nmoment; c++) {
        double gain = c < 4 ? 1 : model->theta[d->degree_gain + (size_t)kr_moments_degree(c) - 2];
        weight[c] = gain * gain;
    }
}
