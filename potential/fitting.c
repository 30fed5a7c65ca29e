/* The energy fitting net: one net per centre type, or one for all (mixed_types).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Both biases are added: TensorFlow stores the energy of an atom in bias_atom_e, the other backends in out_bias.
 * Types excluded by the fitting keep out_bias only; types excluded by the model have no energy at all. */
#include "potential/fitting.h"
#include "core/error.h"
#include <string.h>

void kr_fitting_workspace_free(kr_fitting_workspace *ws) {
    if (!ws) return;
    kr_buffer_free(&ws->index);
    kr_buffer_free(&ws->input);
    kr_buffer_free(&ws->output);
    kr_buffer_free(&ws->gradient);
    kr_net_workspace_free(&ws->net);
}

int kr_fitting_subtracts_vacuum(const kr_fitting *fitting, int ntypes, int type) {
    if (!fitting->atom_ener || !fitting->has_atom_ener) return 0;
    if (!fitting->mixed_types) return fitting->has_atom_ener[type];
    for (int t = 0; t < ntypes; t++)
        if (fitting->has_atom_ener[t]) return 1;
    return 0;
}

kr_status kr_fitting_check_parameters(kr_context *ctx, const kr_model *model, const double *fparam,
                                      const double *aparam) {
    kr_status status = KR_OK;
    const kr_fitting *f = &model->fitting;
    if (f->numb_fparam > 0 && !fparam && !f->default_fparam)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s needs %d frame parameters (fparam), none were given",
                model->path ? model->path : "the model", f->numb_fparam);
    if (f->numb_aparam > 0 && !f->use_aparam_as_mask && !aparam)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s needs %d parameters per atom (aparam), none were given",
                model->path ? model->path : "the model", f->numb_aparam);
done:
    return status;
}

static double standard(const double *value, const double *avg, const double *inv_std, int k) {
    return (value[k] - (avg ? avg[k] : 0)) * (inv_std ? inv_std[k] : 1);
}

int kr_fitting_is_silent(const kr_model *model, int type) {
    return (model->atom_excluded && model->atom_excluded[type]) ||
           (model->fitting.excluded && model->fitting.excluded[type]);
}

void kr_fitting_input(const kr_fitting *f, const double *d, const double *fparam, const double *aparam, double *x) {
    if (d)
        memcpy(x, d, (size_t)f->dim_descrpt * sizeof *x);
    else
        memset(x, 0, (size_t)f->dim_descrpt * sizeof *x);
    x += f->dim_descrpt;
    for (int k = 0; k < f->numb_fparam; k++) *x++ = standard(fparam, f->fparam_avg, f->fparam_inv_std, k);
    if (!f->use_aparam_as_mask)
        for (int k = 0; k < f->numb_aparam; k++) *x++ = standard(aparam, f->aparam_avg, f->aparam_inv_std, k);
    for (int k = 0; k < f->dim_case_embd; k++) *x++ = f->case_embd ? f->case_embd[k] : 0;
}

/* Atoms index[n], all of one net. */
static kr_status one_net(kr_context *ctx, const kr_model *model, const kr_net *net, int n, const int *index,
                         const int *type, const double *d, const double *fparam, const double *aparam, double *energy,
                         double *gd, kr_fitting_workspace *ws) {
    kr_status status = KR_OK;
    const kr_fitting *f = &model->fitting;
    size_t in = (size_t)net->in, nd = (size_t)f->dim_descrpt, na = (size_t)f->numb_aparam;
    KR_TRY(kr_buffer_reserve(ctx, &ws->input, (size_t)n * in, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->output, (size_t)n, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &ws->gradient, (size_t)n * in, sizeof(double)));
    double *x = ws->input.data, *y = ws->output.data, *gx = ws->gradient.data;
    int vacuum = 0;
    for (int k = 0; k < n; k++) {
        size_t i = (size_t)index[k];
        kr_fitting_input(f, d + i * nd, fparam, aparam ? aparam + i * na : NULL, x + (size_t)k * in);
        vacuum |= kr_fitting_subtracts_vacuum(f, model->ntypes, type[i]);
    }
    if (gd)
        KR_TRY(kr_net_gradient(ctx, net, model->theta, n, x, NULL, y, gx, &ws->net));
    else
        KR_TRY(kr_net_value(ctx, net, model->theta, n, x, y, &ws->net));
    for (int k = 0; k < n; k++) {
        size_t i = (size_t)index[k];
        energy[i] = y[k];
        if (gd) memcpy(gd + i * nd, gx + (size_t)k * in, nd * sizeof *gd);
    }
    if (!vacuum) goto done;
    for (int k = 0; k < n; k++)
        kr_fitting_input(f, NULL, fparam, aparam ? aparam + (size_t)index[k] * na : NULL, x + (size_t)k * in);
    KR_TRY(kr_net_value(ctx, net, model->theta, n, x, y, &ws->net));
    for (int k = 0; k < n; k++)
        if (kr_fitting_subtracts_vacuum(f, model->ntypes, type[index[k]])) energy[index[k]] -= y[k];
done:
    return status;
}

kr_status kr_fitting_energy(kr_context *ctx, const kr_model *model, int natoms, const int *type, const double *d,
                            const double *fparam, const double *aparam, double *energy, double *gd,
                            kr_fitting_workspace *ws) {
    kr_status status = KR_OK;
    const kr_fitting *f = &model->fitting;
    KR_TRY(kr_fitting_check_parameters(ctx, model, fparam, aparam));
    if (!fparam) fparam = f->default_fparam;
    KR_TRY(kr_buffer_reserve(ctx, &ws->index, (size_t)natoms, sizeof(int)));
    int *index = ws->index.data;
    for (int net = 0; net < f->nnets; net++) {
        int n = 0;
        for (int i = 0; i < natoms; i++)
            if (f->mixed_types || type[i] == net) index[n++] = i;
        if (!n) continue;
        if (!f->net[net])
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s has no fitting net for type %s", model->path ? model->path : "the model",
                    model->type_map[type[index[0]]]);
        KR_TRY(one_net(ctx, model, f->net[net], n, index, type, d, fparam, aparam, energy, gd, ws));
    }
    for (int i = 0; i < natoms; i++) {
        int t = type[i], off = model->atom_excluded && model->atom_excluded[t], silent = kr_fitting_is_silent(model, t);
        energy[i] = silent ? 0 : energy[i] + (f->bias_atom_e ? f->bias_atom_e[t] : 0);
        if (!off && model->out_bias) energy[i] += model->out_bias[t];
        if (silent && gd) memset(gd + (size_t)i * (size_t)f->dim_descrpt, 0, (size_t)f->dim_descrpt * sizeof *gd);
    }
done:
    return status;
}
