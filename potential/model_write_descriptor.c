/* The descriptor section of a model file, the inverse of model_read_descriptor.c and model_read_dpa1.c.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "potential/model_writer.h"
#include <string.h>

/* The embedding networks of a descriptor: count = nt^ndim. */
static kr_tree *make_embeddings(kr_tree_maker *m, const kr_model *model, int ndim, int count, kr_net *const *nets) {
    const kr_descriptor *d = &model->descriptor;
    kr_tree *list = kr_make_list(m);
    for (int i = 0; i < count; i++)
        kr_make_append(m, list,
                       nets[i]
                           ? kr_write_embedding(m, nets[i], &d->activation, d->resnet_dt, model->theta, d->precision)
                           : kr_write_null(m));
    return kr_write_collection(m, "embedding_network", ndim, model->ntypes, list);
}

static void put_temperature(kr_tree_maker *m, kr_tree *map, int has, double value) {
    if (has)
        kr_make_real(m, map, "temperature", value);
    else
        kr_make_null(m, map, "temperature");
}

/* The keys that all three levels of the attention section repeat. */
static void put_attention_keys(kr_tree_maker *m, kr_tree *map, const kr_descriptor *d, const kr_attention *layer) {
    kr_make_int(m, map, "nnei", d->nnei);
    kr_make_int(m, map, "embed_dim", d->ng);
    kr_make_int(m, map, "hidden_dim", layer ? layer->hidden : d->attn);
    kr_make_bool(m, map, "dotr", layer ? layer->dotr : d->attn_dotr);
    kr_make_bool(m, map, "do_mask", d->attn_mask);
    kr_make_real(m, map, "scaling_factor", layer ? layer->scaling_factor : d->scaling_factor);
    kr_make_bool(m, map, "normalize", layer ? layer->normalize : d->normalize);
    put_temperature(m, map, layer ? layer->has_temperature : d->has_temperature,
                    layer ? layer->temperature : d->temperature);
    kr_make_string(m, map, "precision", kr_write_precision(d->precision));
}

static kr_tree *make_attention(kr_tree_maker *m, const kr_model *model, const kr_attention *layer) {
    const kr_descriptor *d = &model->descriptor;
    kr_tree *map = kr_make_map(m, NULL, 0), *gate = kr_make_map(m, NULL, 0), *norm = kr_make_map(m, "LayerNorm", 1),
            *variables = kr_make_map(m, NULL, 0);
    size_t shape[1] = {(size_t)d->ng};
    put_attention_keys(m, map, d, layer);
    kr_make_bool(m, map, "trainable_ln", layer->trainable_ln);
    kr_make_real(m, map, "ln_eps", layer->ln_eps);
    put_attention_keys(m, gate, d, layer);
    kr_make_int(m, gate, "num_heads", layer->num_heads);
    kr_make_bool(m, gate, "bias", layer->in_proj->layer[0].b != KR_NO_BLOCK);
    kr_make_bool(m, gate, "smooth", layer->smooth);
    kr_make_set(m, gate, "in_proj", kr_write_layer(m, &layer->in_proj->layer[0], model->theta, d->precision));
    kr_make_set(m, gate, "out_proj", kr_write_layer(m, &layer->out_proj->layer[0], model->theta, d->precision));
    kr_make_set(m, map, "attention_layer", gate);
    kr_make_real(m, norm, "eps", layer->ln_eps);
    kr_make_bool(m, norm, "trainable", layer->trainable_ln);
    kr_make_string(m, norm, "precision", kr_write_precision(d->precision));
    kr_make_array(m, variables, "w", d->precision, 1, shape, model->theta + layer->ln_w);
    kr_make_array(m, variables, "b", d->precision, 1, shape, model->theta + layer->ln_b);
    kr_make_set(m, norm, "@variables", variables);
    kr_make_set(m, map, "attn_layer_norm", norm);
    return map;
}

static kr_tree *make_attentions(kr_tree_maker *m, const kr_model *model) {
    const kr_descriptor *d = &model->descriptor;
    kr_tree *map = kr_make_map(m, "NeighborGatedAttention", 1), *list = kr_make_list(m);
    kr_make_int(m, map, "layer_num", d->attn_layer);
    put_attention_keys(m, map, d, NULL);
    kr_make_bool(m, map, "trainable_ln", d->trainable_ln);
    kr_make_real(m, map, "ln_eps", d->ln_eps);
    for (int i = 0; i < d->attn_layer; i++) kr_make_append(m, list, make_attention(m, model, &d->attention[i]));
    kr_make_set(m, map, "attention_layers", list);
    return map;
}

static kr_tree *make_type_embedding(kr_tree_maker *m, const kr_model *model) {
    const kr_descriptor *d = &model->descriptor;
    kr_tree *map = kr_make_map(m, "TypeEmbedNet", 2);
    const kr_layer *first = &d->type_embedding->layer[0];
    kr_make_int(m, map, "ntypes", model->ntypes);
    kr_tree *net = kr_write_embedding(m, d->type_embedding, &first->activation, first->idt != KR_NO_BLOCK, model->theta,
                                      d->precision);
    if (m->status == KR_OK) {
        kr_tree *neuron = NULL;
        m->status = kr_tree_copy(m->ctx, kr_tree_get(net, "neuron"), &neuron);
        kr_make_set(m, map, "neuron", neuron);
    }
    kr_make_bool(m, map, "resnet_dt", first->idt != KR_NO_BLOCK);
    kr_make_string(m, map, "precision", kr_write_precision(d->precision));
    kr_make_string(m, map, "activation_function", kr_write_activation(&first->activation));
    kr_make_bool(m, map, "trainable", first->trainable);
    kr_make_bool(m, map, "padding", d->type_padding);
    kr_make_bool(m, map, "use_econf_tebd", d->use_econf_tebd);
    kr_make_bool(m, map, "use_tebd_bias", d->use_tebd_bias);
    kr_make_strings(m, map, "type_map", model->ntypes, model->type_map);
    kr_make_set(m, map, "embedding", net);
    return map;
}

/* se_atten_v2 implies strip and a smooth type embedding and has no keys for them. */
static void put_dpa1(kr_tree_maker *m, const kr_model *model, kr_tree *map) {
    const kr_descriptor *d = &model->descriptor;
    int v2 = !strcmp(d->type, "se_atten_v2");
    kr_make_int(m, map, "ntypes", model->ntypes);
    kr_make_int(m, map, "tebd_dim", d->tebd_dim);
    if (!v2) kr_make_string(m, map, "tebd_input_mode", d->strip ? "strip" : "concat");
    kr_make_int(m, map, "attn", d->attn);
    kr_make_int(m, map, "attn_layer", d->attn_layer);
    kr_make_bool(m, map, "attn_dotr", d->attn_dotr);
    kr_make_bool(m, map, "attn_mask", d->attn_mask);
    kr_make_real(m, map, "scaling_factor", d->scaling_factor);
    kr_make_bool(m, map, "normalize", d->normalize);
    put_temperature(m, map, d->has_temperature, d->temperature);
    kr_make_bool(m, map, "trainable_ln", d->trainable_ln);
    kr_make_real(m, map, "ln_eps", d->ln_eps);
    if (!v2) kr_make_bool(m, map, "smooth_type_embedding", d->smooth_type_embedding);
    if (d->tensorflow) kr_make_bool(m, map, "tensorflow", 1);
    if (d->lmax > 1) kr_make_int(m, map, "lmax", d->lmax);
    if (d->separate_degrees) kr_make_bool(m, map, "separate_degrees", 1);
    kr_make_bool(m, map, "concat_output_tebd", d->concat_output_tebd);
    kr_make_bool(m, map, "use_econf_tebd", d->use_econf_tebd);
    kr_make_bool(m, map, "use_tebd_bias", d->use_tebd_bias);
    kr_make_set(m, map, "embeddings", make_embeddings(m, model, 0, 1, d->embedding));
    if (d->strip) kr_make_set(m, map, "embeddings_strip", make_embeddings(m, model, 0, 1, &d->embedding_strip));
    kr_make_set(m, map, "attention_layers", make_attentions(m, model));
    kr_make_set(m, map, "type_embedding", make_type_embedding(m, model));
}

kr_tree *kr_write_descriptor(kr_tree_maker *m, const kr_model *model) {
    const kr_descriptor *d = &model->descriptor;
    kr_tree *map = kr_make_map(m, "Descriptor", d->lmax > 1 ? 4 : 2), *env = kr_make_map(m, NULL, 0),
            *variables = kr_make_map(m, NULL, 0);
    size_t shape[3] = {(size_t)model->ntypes, (size_t)d->nnei, (size_t)d->ncolumns}, gains[1] = {(size_t)d->lmax - 1};
    kr_make_string(m, map, "type", d->type);
    kr_make_real(m, map, "rcut", d->rcut);
    kr_make_real(m, map, "rcut_smth", d->rcut_smth);
    kr_make_ints(m, map, "sel", d->nsel, d->sel);
    kr_make_ints(m, map, "neuron", d->nneuron, d->neuron);
    if (d->axis_neuron) kr_make_int(m, map, "axis_neuron", d->axis_neuron);
    kr_make_bool(m, map, "resnet_dt", d->resnet_dt);
    kr_make_bool(m, map, "set_davg_zero", d->set_davg_zero);
    kr_make_string(m, map, "activation_function", kr_write_activation(&d->activation));
    kr_make_string(m, map, "precision", kr_write_precision(d->precision));
    if (d->mixed_types)
        put_dpa1(m, model, map);
    else
        kr_make_set(m, map, "embeddings",
                    make_embeddings(m, model, d->type_one_side ? 1 : 2, d->nembedding, d->embedding));
    kr_make_real(m, env, "rcut", d->rcut);
    kr_make_real(m, env, "rcut_smth", d->rcut_smth);
    kr_make_real(m, env, "protection", d->env_protection);
    kr_make_bool(m, env, "use_exp_switch", 0);
    kr_make_set(m, map, "env_mat", env);
    kr_make_pairs(m, map, "exclude_types", d->nexclude, d->exclude);
    kr_make_real(m, map, "env_protection", d->env_protection);
    kr_make_array(m, variables, "davg", KR_FLOAT64, 3, shape, d->davg);
    kr_make_array(m, variables, "dstd", KR_FLOAT64, 3, shape, d->dstd);
    if (d->lmax > 1)
        kr_make_array(m, variables, "degree_gain_raw", d->precision, 1, gains, model->theta + d->degree_gain);
    kr_make_set(m, map, "@variables", variables);
    kr_make_strings(m, map, "type_map", model->ntypes, model->type_map);
    kr_make_bool(m, map, "trainable", d->trainable);
    kr_make_bool(m, map, "type_one_side", d->type_one_side);
    kr_make_null(m, map, "spin");
    return map;
}
