/* Life and facts of a model.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "potential/model.h"
#include "core/error.h"
#include "core/memory.h"
#include <stdio.h>
#include <string.h>

kr_status kr_model_create(kr_context *ctx, kr_model **model) {
    if (!model) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_model_create: model must not be NULL");
    *model = kr_calloc(ctx, 1, sizeof **model);
    return *model ? KR_OK : KR_ERR_MEMORY;
}

static void free_nets(int n, kr_net **nets) {
    for (int i = 0; nets && i < n; i++) kr_net_destroy(&nets[i]);
    kr_free(nets);
}

static void free_descriptor(kr_descriptor *d) {
    free_nets(d->nembedding, d->embedding);
    kr_net_destroy(&d->type_embedding);
    kr_net_destroy(&d->embedding_strip);
    for (int i = 0; d->attention && i < d->attn_layer; i++) {
        kr_net_destroy(&d->attention[i].in_proj);
        kr_net_destroy(&d->attention[i].out_proj);
    }
    kr_free(d->attention);
    kr_free(d->sel);
    kr_free(d->neuron);
    kr_free(d->exclude);
    kr_free(d->excluded);
    kr_free(d->davg);
    kr_free(d->dstd);
}

static void free_fitting(kr_fitting *f) {
    free_nets(f->nnets, f->net);
    kr_free(f->neuron);
    kr_free(f->trainable);
    kr_free(f->default_fparam);
    kr_free(f->fparam_avg);
    kr_free(f->fparam_inv_std);
    kr_free(f->aparam_avg);
    kr_free(f->aparam_inv_std);
    kr_free(f->case_embd);
    kr_free(f->bias_atom_e);
    kr_free(f->atom_ener);
    kr_free(f->has_atom_ener);
    kr_free(f->excluded);
}

void kr_model_destroy(kr_model **model) {
    if (!model || !*model) return;
    kr_model *m = *model;
    free_descriptor(&m->descriptor);
    free_fitting(&m->fitting);
    for (int i = 0; m->type_map && i < m->ntypes; i++) kr_free(m->type_map[i]);
    kr_free(m->type_map);
    kr_free(m->out_bias);
    kr_free(m->out_std);
    kr_free(m->atom_excluded);
    kr_free(m->pair_excluded);
    kr_free(m->pair_exclude);
    kr_free(m->theta);
    kr_free(m->block);
    kr_tree_destroy(&m->header);
    kr_free(m->path);
    kr_free(m);
    *model = NULL;
}

int kr_model_ntypes(const kr_model *model) { return model ? model->ntypes : 0; }

const char *kr_model_type_name(const kr_model *model, int type) {
    return model && type >= 0 && type < model->ntypes ? model->type_map[type] : NULL;
}

int kr_model_type_index(const kr_model *model, const char *name) {
    for (int i = 0; model && name && i < model->ntypes; i++)
        if (!strcmp(model->type_map[i], name)) return i;
    return -1;
}

double kr_model_rcut(const kr_model *model) { return model ? model->descriptor.rcut : 0; }
int kr_model_dim_fparam(const kr_model *model) { return model ? model->fitting.numb_fparam : 0; }
int kr_model_dim_aparam(const kr_model *model) { return model ? model->fitting.numb_aparam : 0; }
int kr_model_has_default_fparam(const kr_model *model) { return model && model->fitting.default_fparam; }
const char *kr_model_descriptor_name(const kr_model *model) { return model ? model->descriptor.type : ""; }
long kr_model_nparameters(const kr_model *model) { return model ? (long)model->ntheta : 0; }
