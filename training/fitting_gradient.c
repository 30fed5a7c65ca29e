/* θ-gradient of the fitting net.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With x = [D, parameters] and ẋ = [Ḋ, 0], S = Σ ( ē net(x) + ∂net/∂x · ẋ ) is what kr_net_backprop differentiates.
 * An atom with a prescribed vacuum energy loses net(x with D = 0): that adds −ē times its θ-gradient and nothing else.
 * Silent atoms (excluded types) have constant energies. */
#include "training/fitting_gradient.h"
#include "core/error.h"
#include <string.h>

void kr_fitting_gradient_workspace_free(kr_fitting_gradient_workspace *ws) {
    if (!ws) return;
    kr_buffer_free(&ws->index);
    kr_buffer_free(&ws->x);
    kr_buffer_free(&ws->v);
    kr_buffer_free(&ws->ybar);
    kr_buffer_free(&ws->gx);
    kr_buffer_free(&ws->gv);
    kr_net_workspace_free(&ws->net);
}

/* One call, as the functions below see it. */
typedef struct fit {
    const kr_model *model;
    const int *type;
    const double *d, *dd, *fparam, *aparam, *ebar;
    double *gtheta, *dbar, *gd;
} fit;

static const double *aparam_of(const fit *f, int atom) {
    return f->aparam ? f->aparam + (size_t)atom * (size_t)f->model->fitting.numb_aparam : NULL;
}

/* Atoms index[n] that subtract the energy of the atom in vacuum. */
static kr_status vacuum(kr_context *ctx, const fit *f, const kr_net *net, int n, const int *index,
                        kr_fitting_gradient_workspace *ws) {
    const kr_fitting *fitting = &f->model->fitting;
    double *x = ws->x.data, *ybar = ws->ybar.data;
    int rows = 0;
    for (int k = 0; k < n; k++) {
        if (!kr_fitting_subtracts_vacuum(fitting, f->model->ntypes, f->type[index[k]])) continue;
        kr_fitting_input(fitting, NULL, f->fparam, aparam_of(f, index[k]), x + (size_t)rows * (size_t)net->in);
        ybar[rows++] = -f->ebar[index[k]];
    }
    return kr_net_backprop(ctx, net, f->model->theta, rows, x, ybar, NULL, NULL, f->gtheta, NULL, &ws->net);
}

/* Atoms index[n], all of one net. */
static kr_status one_net(kr_context *ctx, const fit *f, const kr_net *net, int n, const int *index,
                         kr_fitting_gradient_workspace *ws) {
    kr_status status = KR_OK;
    size_t in = (size_t)net->in, nd = (size_t)f->model->fitting.dim_descrpt, count = (size_t)n * in;
    KR_TRY(kr_buffer_reserve(ctx, &ws->x, count, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->v, count, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->gx, count, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->gv, count, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->ybar, (size_t)n, sizeof(double)));
    double *x = ws->x.data, *v = ws->v.data, *gx = ws->gx.data, *gv = ws->gv.data, *ybar = ws->ybar.data;
    memset(v, 0, count * sizeof *v);
    memset(gx, 0, count * sizeof *gx);
    memset(gv, 0, count * sizeof *gv);
    for (size_t k = 0; k < (size_t)n; k++) {
        size_t i = (size_t)index[k];
        kr_fitting_input(&f->model->fitting, f->d + i * nd, f->fparam, aparam_of(f, index[k]), x + k * in);
        if (f->dd) memcpy(v + k * in, f->dd + i * nd, nd * sizeof *v);
        ybar[k] = f->ebar ? f->ebar[i] : 0;
    }
    KR_TRY(kr_net_backprop_both(ctx, net, f->model->theta, n, x, f->ebar ? ybar : NULL, f->dd ? v : NULL, NULL,
                                f->gtheta, gx, f->dd ? gv : NULL, &ws->net));
    for (size_t k = 0; k < (size_t)n; k++) {
        memcpy(f->dbar + (size_t)index[k] * nd, gx + k * in, nd * sizeof *gx);
        if (f->dd) memcpy(f->gd + (size_t)index[k] * nd, gv + k * in, nd * sizeof *gv);
    }
    if (f->ebar) KR_TRY(vacuum(ctx, f, net, n, index, ws));
done:
    return status;
}

kr_status kr_fitting_backprop(kr_context *ctx, const kr_model *model, int natoms, const int *type, const double *d,
                              const double *dd, const double *fparam, const double *aparam, const double *ebar,
                              double *gtheta, double *dbar, double *gd, unsigned char *touched,
                              kr_fitting_gradient_workspace *ws) {
    kr_status status = KR_OK;
    const kr_fitting *fitting = &model->fitting;
    fit f = {model, type, d, dd, fparam ? fparam : fitting->default_fparam, aparam, ebar, gtheta, dbar, gd};
    size_t count = (size_t)natoms * (size_t)fitting->dim_descrpt;
    memset(dbar, 0, count * sizeof *dbar);
    if (dd) memset(gd, 0, count * sizeof *gd);
    KR_TRY(kr_buffer_reserve(ctx, &ws->index, (size_t)natoms, sizeof(int)));
    int *index = ws->index.data;
    for (int net = 0; net < fitting->nnets; net++) {
        int n = 0;
        for (int i = 0; i < natoms; i++)
            if ((fitting->mixed_types || type[i] == net) && !kr_fitting_is_silent(model, type[i])) index[n++] = i;
        if (!n || !fitting->net[net]) continue;
        if (touched) touched[net] = 1;
        KR_TRY(one_net(ctx, &f, fitting->net[net], n, index, ws));
    }
done:
    return status;
}
