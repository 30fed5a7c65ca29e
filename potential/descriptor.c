/* The registry of descriptor kinds and the environment row that all kinds share.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Row of a pair: R = (w q, w q² x, w q² y, w q² z) with q = 1/(r + p); standardised T = (R − davg)/dstd of the centre
 * type and slot. Radial kinds have the first column only. */
#include "potential/descriptor.h"
#include <string.h>

#define KR_DESCRIPTOR_KIND(name) extern const kr_descriptor_kind kr_descriptor_##name;
#include "potential/descriptor_kinds.def"
#undef KR_DESCRIPTOR_KIND

static const kr_descriptor_kind *const kinds[] = {
#define KR_DESCRIPTOR_KIND(name) &kr_descriptor_##name,
#include "potential/descriptor_kinds.def"
#undef KR_DESCRIPTOR_KIND
};

int kr_descriptor_count(void) { return (int)(sizeof kinds / sizeof kinds[0]); }

const kr_descriptor_kind *kr_descriptor_at(int index) {
    return index >= 0 && index < kr_descriptor_count() ? kinds[index] : NULL;
}

/* Is `name` one of the space-separated words of `list`? */
static int is_word(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *at = list; n && (at = strstr(at, name)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == 0 || at[n] == ' ')) return 1;
    return 0;
}

const kr_descriptor_kind *kr_descriptor_find(const char *name) {
    if (!name) return NULL;
    for (int i = 0; i < kr_descriptor_count(); i++)
        if (!strcmp(kinds[i]->name, name) || is_word(kinds[i]->aliases, name)) return kinds[i];
    return NULL;
}

void kr_descriptor_workspace_free(kr_descriptor_workspace *ws) {
    if (!ws) return;
    for (size_t i = 0; i < sizeof ws->buffer / sizeof ws->buffer[0]; i++) kr_buffer_free(&ws->buffer[i]);
    kr_net_workspace_free(&ws->net);
}

/* f0 = w q and f1 = w q² with their derivatives along r. */
typedef struct radial {
    double w, dw, f0, df0, f1, df1;
} radial;

static radial radial_at(const kr_descriptor *d, double r) {
    radial a;
    double q = 1 / (r + d->env_protection);
    a.w = kr_switch(r, d->rcut_smth, d->rcut, &a.dw);
    a.f0 = a.w * q;
    a.f1 = a.f0 * q;
    a.df0 = (a.dw - a.f0) * q;
    a.df1 = (a.dw - 2 * a.f0) * q * q;
    return a;
}

double kr_env_row(const kr_descriptor *d, const kr_env *env, int center_type, int pair, double *t) {
    radial a = radial_at(d, env->r[pair]);
    size_t row = ((size_t)center_type * (size_t)d->nnei + (size_t)env->slot[pair]) * (size_t)d->ncolumns;
    const double *avg = d->davg + row, *std = d->dstd + row;
    t[0] = (a.f0 - avg[0]) / std[0];
    if (d->ncolumns == 4) {
        t[1] = (a.f1 * env->x[pair] - avg[1]) / std[1];
        t[2] = (a.f1 * env->y[pair] - avg[2]) / std[2];
        t[3] = (a.f1 * env->z[pair] - avg[3]) / std[3];
    }
    return a.w;
}

void kr_env_row_adjoint(const kr_descriptor *d, const kr_env *env, int center_type, int pair, const double *tbar,
                        double wbar, double *gr) {
    radial a = radial_at(d, env->r[pair]);
    size_t row = ((size_t)center_type * (size_t)d->nnei + (size_t)env->slot[pair]) * (size_t)d->ncolumns;
    const double *std = d->dstd + row, u[3] = {env->x[pair], env->y[pair], env->z[pair]};
    double along = tbar[0] / std[0] * a.df0 + wbar * a.dw; /* ∂/∂r of everything that depends on r only */
    double b[3] = {0, 0, 0};
    if (d->ncolumns == 4)
        for (int c = 0; c < 3; c++) {
            b[c] = tbar[c + 1] / std[c + 1];
            along += b[c] * u[c] * a.df1;
        }
    double scale = along / env->r[pair];
    for (int c = 0; c < 3; c++) gr[c] = scale * u[c] + a.f1 * b[c];
}

double kr_env_row_tangent(const kr_descriptor *d, const kr_env *env, int center_type, int pair, const double *v,
                          double *dt) {
    radial a = radial_at(d, env->r[pair]);
    size_t row = ((size_t)center_type * (size_t)d->nnei + (size_t)env->slot[pair]) * (size_t)d->ncolumns;
    const double *std = d->dstd + row, u[3] = {env->x[pair], env->y[pair], env->z[pair]};
    double dr = (u[0] * v[0] + u[1] * v[1] + u[2] * v[2]) / env->r[pair];
    dt[0] = a.df0 * dr / std[0];
    if (d->ncolumns == 4)
        for (int c = 0; c < 3; c++) dt[c + 1] = (a.df1 * dr * u[c] + a.f1 * v[c]) / std[c + 1];
    return a.dw * dr;
}

void kr_env_padding(const kr_descriptor *d, int center_type, int slot, double *t) {
    size_t row = ((size_t)center_type * (size_t)d->nnei + (size_t)slot) * (size_t)d->ncolumns;
    for (int c = 0; c < d->ncolumns; c++) t[c] = -d->davg[row + (size_t)c] / d->dstd[row + (size_t)c];
}

int kr_env_same_slots(const kr_descriptor *d, int center_type, int slot, int other) {
    size_t n = (size_t)d->ncolumns, base = (size_t)center_type * (size_t)d->nnei;
    size_t a = (base + (size_t)slot) * n, b = (base + (size_t)other) * n;
    for (size_t c = 0; c < n; c++)
        if (d->davg[a + c] != d->davg[b + c] || d->dstd[a + c] != d->dstd[b + c]) return 0;
    return 1;
}

int kr_descriptor_slot_dependent(const kr_descriptor *d, int ntypes) {
    for (int i = 0; i < ntypes; i++) {
        int first = 0;
        for (int b = 0; b < d->nsel; first += d->sel[b++])
            for (int k = 1; k < d->sel[b]; k++)
                if (!kr_env_same_slots(d, i, first, first + k)) return 1;
    }
    return 0;
}
