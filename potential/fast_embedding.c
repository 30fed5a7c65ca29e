/* The exact embedding as a function of the distance, and which models have one.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Without attention an embedding vector depends on (centre type, neighbour type, r) alone:
 *     s(r) = (w(r)/(r+p) − davg)/dstd
 *     se_e2_a, se_e2_r   G = net_{ti,tj}(s)
 *     dpa1 concat        G = net([s, E(tj), E(ti)])            (E: rows of the type embedding)
 *     dpa1 strip         G = net(s)·(1 + net_strip([E(tj), E(ti)])·{w(r) when smooth | 1})
 * with E(ti) left out when type_one_side. */
#include "core/error.h"
#include "potential/fast_internal.h"
#include <math.h>
#include <string.h>

const char *kr_fast_unsupported(const kr_model *model) {
    const kr_descriptor *d = &model->descriptor;
    const kr_fitting *f = &model->fitting;
    int nt = model->ntypes;
    if (d->ng > KR_FAST_MAX_COLUMNS - 8) return "its embedding is wider than the tables allow";
    if (d->mixed_types && d->attn_layer > 0) return "it has attention layers";
    if (d->mixed_types && d->tensorflow) return "it has TensorFlow's own form";
    if (d->mixed_types && d->use_econf_tebd) return "its type embedding is made from electron configurations";
    if (d->activation.kind == KR_ACT_RELU || d->activation.kind == KR_ACT_RELU6)
        return "its embedding has kinks (relu)";
    for (int t = 0; t < nt; t++)
        for (int slot = 0, block = 0, used = 0; slot < d->nnei; slot++) {
            const double *avg = d->davg + ((size_t)t * (size_t)d->nnei + (size_t)slot) * (size_t)d->ncolumns;
            const double *std = d->dstd + ((size_t)t * (size_t)d->nnei + (size_t)slot) * (size_t)d->ncolumns;
            for (; used == d->sel[block]; used = 0) block++;
            for (int c = 0; c < d->ncolumns; c++) {
                if (c > 0 && avg[c] != 0) return "its mean environment has a direction";
                /* previous slot of the same block */
                if (used > 0 && (avg[c] != avg[c - d->ncolumns] || std[c] != std[c - d->ncolumns]))
                    return "its statistics differ from slot to slot";
            }
            used++;
        }
    for (int n = 0; n < f->nnets; n++) {
        const kr_net *net = f->net[n];
        if (!net) continue;
        if (net->nlayers < 2 || net->out != 1) return "its fitting net has no hidden layer";
        const kr_layer *first = &net->layer[0], *last = &net->layer[net->nlayers - 1];
        if (first->resnet && (first->out == first->in || first->out == 2 * first->in))
            return "the first layer of its fitting net has a skip connection";
        if (last->activation.kind != KR_ACT_LINEAR || last->idt != KR_NO_BLOCK ||
            (last->resnet && (last->in == 1 || 2 * last->in == 1)))
            return "the last layer of its fitting net is not linear";
    }
    if (f->atom_ener && f->has_atom_ener)
        for (int t = 0; t < nt; t++)
            if (f->has_atom_ener[t] && (f->numb_fparam > 0 || f->numb_aparam > 0))
                return "its vacuum energies depend on parameters";
    if (d->ncolumns == 1 && d->nexclude > 0) return "se_e2_r with excluded pairs";
    return NULL;
}

int kr_fast_slot(const kr_descriptor *d, int tj) {
    int slot = 0;
    for (int b = 0; b < tj && !d->mixed_types; b++) slot += d->sel[b];
    return slot < d->nnei ? slot : d->nnei - 1;
}

kr_status kr_fast_type_embedding(kr_context *ctx, const kr_model *model, double *e) {
    size_t nt = (size_t)model->ntypes;
    kr_net_workspace ws = {0};
    double *one_hot = kr_calloc(ctx, nt * nt, sizeof *one_hot);
    if (!one_hot) return KR_ERR_MEMORY;
    for (size_t t = 0; t < nt; t++) one_hot[t * nt + t] = 1;
    kr_status status =
        kr_net_value(ctx, model->descriptor.type_embedding, model->theta, model->ntypes, one_hot, e, &ws);
    kr_free(one_hot);
    kr_net_workspace_free(&ws);
    return status;
}

/* DPA-1: type vectors beside s, or a factor from them. */
static kr_status mixed(kr_context *ctx, const kr_fast *fast, int ti, int tj, int n, const double *r, const double *s,
                       double *g, kr_net_workspace *ws) {
    kr_status status = KR_OK;
    const kr_model *model = fast->model;
    const kr_descriptor *d = &model->descriptor;
    size_t dim = (size_t)d->tebd_dim, types = d->type_one_side ? dim : 2 * dim, ng = (size_t)d->ng;
    double *e = NULL, *row = NULL, *factor = NULL;
    KR_NEW(ctx, e, (size_t)model->ntypes * dim);
    KR_NEW(ctx, row, (size_t)n * (1 + types));
    KR_NEW(ctx, factor, ng);
    KR_TRY(kr_fast_type_embedding(ctx, model, e));
    for (size_t k = 0; k < types; k++) row[1 + k] = k < dim ? e[(size_t)tj * dim + k] : e[(size_t)ti * dim + (k - dim)];
    if (!d->strip) {
        for (int i = n - 1; i >= 0; i--) {
            memcpy(row + (size_t)i * (1 + types) + 1, row + 1, types * sizeof *row);
            row[(size_t)i * (1 + types)] = s[i];
        }
        KR_TRY(kr_net_value(ctx, d->embedding[0], model->theta, n, row, g, ws));
        goto done;
    }
    KR_TRY(kr_net_value(ctx, d->embedding[0], model->theta, n, s, g, ws));
    KR_TRY(kr_net_value(ctx, d->embedding_strip, model->theta, 1, row + 1, factor, ws));
    for (int i = 0; i < n; i++) {
        double w = d->smooth_type_embedding ? kr_switch(r[i], d->rcut_smth, d->rcut, NULL) : 1;
        for (size_t m = 0; m < ng; m++) g[(size_t)i * ng + m] *= 1 + factor[m] * w;
    }
done:
    kr_free(e);
    kr_free(row);
    kr_free(factor);
    return status;
}

kr_status kr_fast_embedding(kr_context *ctx, const kr_fast *fast, int ti, int tj, int n, const double *r, double *g) {
    kr_status status = KR_OK;
    const kr_model *model = fast->model;
    const kr_descriptor *d = &model->descriptor;
    kr_net_workspace ws = {0};
    double *s = NULL;
    KR_NEW(ctx, s, (size_t)n);
    size_t at = ((size_t)ti * (size_t)d->nnei + (size_t)kr_fast_slot(d, tj)) * (size_t)d->ncolumns;
    for (int i = 0; i < n; i++)
        s[i] = (kr_switch(r[i], d->rcut_smth, d->rcut, NULL) / (r[i] + d->env_protection) - d->davg[at]) / d->dstd[at];
    if (d->mixed_types) {
        KR_TRY(mixed(ctx, fast, ti, tj, n, r, s, g, &ws));
    } else {
        int two_sided = !d->type_one_side && d->nembedding == model->ntypes * model->ntypes;
        const kr_net *net = d->embedding[two_sided ? ti + model->ntypes * tj : tj];
        if (net)
            KR_TRY(kr_net_value(ctx, net, model->theta, n, s, g, &ws));
        else
            memset(g, 0, (size_t)n * (size_t)d->ng * sizeof *g); /* left out of the file: excluded or never used */
    }
done:
    kr_free(s);
    kr_net_workspace_free(&ws);
    return status;
}
