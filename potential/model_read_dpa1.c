/* The part of the descriptor section that only DPA-1 has: type embedding, attention, strip networks.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * concat: embedding input [s, T(t_j), T(t_i)]; strip: s alone, and a second network on the type embeddings.
 * se_atten_v2 is dpa1 with strip and a smooth type embedding; its sections lack those two keys. */
#include "potential/model_reader.h"
#include <stdio.h>
#include <string.h>

static kr_status read_switches(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    kr_descriptor *d = &reader->model->descriptor;
    const char *mode;
    const struct {
        const char *key;
        int value, *target;
    } switches[] = {{"attn_dotr", 1, &d->attn_dotr},
                    {"attn_mask", 0, &d->attn_mask},
                    {"normalize", 1, &d->normalize},
                    {"trainable_ln", 1, &d->trainable_ln},
                    {"type_one_side", 0, &d->type_one_side},
                    {"smooth_type_embedding", 1, &d->smooth_type_embedding},
                    {"concat_output_tebd", 1, &d->concat_output_tebd},
                    {"use_econf_tebd", 0, &d->use_econf_tebd},
                    {"tensorflow", 0, &d->tensorflow}, /* ours, as the next: DeePMD-kit's .dp has no such models */
                    {"separate_degrees", 0, &d->separate_degrees},
                    {"use_tebd_bias", 1, &d->use_tebd_bias}}; /* version 1 had no such key and always a bias */
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        KR_TRY(
            kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, switches[i].key, switches[i].value, switches[i].target)));
    KR_TRY(kr_at(reader, at, kr_tree_get_int_or(ctx, tree, "lmax", 1, 4, 1, &d->lmax)));
    KR_TRY(kr_at(reader, at, kr_tree_get_string_or(ctx, tree, "tebd_input_mode", "concat", &mode)));
    if (strcmp(mode, "concat") && strcmp(mode, "strip"))
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s.tebd_input_mode: '%.40s' is neither concat nor strip", at, mode);
    d->strip = !strcmp(mode, "strip");
    if (!strcmp(d->type, "se_atten_v2")) d->strip = d->smooth_type_embedding = 1;
    KR_TRY(kr_at(reader, at, kr_tree_get_int(ctx, tree, "axis_neuron", 1, d->ng, &d->axis_neuron)));
    KR_TRY(kr_at(reader, at, kr_tree_get_int(ctx, tree, "tebd_dim", 1, KR_MAX_WIDTH, &d->tebd_dim)));
    KR_TRY(kr_at(reader, at, kr_tree_get_int_or(ctx, tree, "attn", 0, KR_MAX_WIDTH, 0, &d->attn)));
    KR_TRY(kr_at(reader, at, kr_tree_get_int_or(ctx, tree, "attn_layer", 0, 1000, 0, &d->attn_layer)));
    KR_TRY(kr_at(reader, at, kr_tree_get_real_or(ctx, tree, "scaling_factor", 1, &d->scaling_factor)));
    KR_TRY(kr_at(reader, at, kr_tree_get_real_or(ctx, tree, "temperature", 0, &d->temperature)));
    KR_TRY(kr_at(reader, at, kr_tree_get_real_or(ctx, tree, "ln_eps", 1e-5, &d->ln_eps)));
    d->has_temperature = !kr_tree_is_null(kr_tree_get(tree, "temperature"));
    d->ncolumns = 4;
    d->nmoment = (d->lmax + 1) * (d->lmax + 1);
    if (d->separate_degrees && (d->lmax < 2 || d->axis_neuron <= d->lmax))
        KR_FAIL(ctx, KR_ERR_FORMAT,
                "%s.separate_degrees: found true with lmax %d and axis_neuron %d, expected lmax 2 to 4 and axis_neuron "
                "at least lmax + 1",
                at, d->lmax, d->axis_neuron);
    d->dim_out = d->ng * d->axis_neuron + (d->concat_output_tebd ? d->tebd_dim : 0);
done:
    return status;
}

static kr_status read_type_embedding(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_status status = KR_OK;
    kr_descriptor *d = &reader->model->descriptor;
    char path[KR_AT_ROOM];
    if (!tree || tree->kind != KR_TREE_MAP)
        KR_FAIL(reader->ctx, KR_ERR_FORMAT, "%s: the type embedding is missing", at);
    KR_TRY(kr_read_version(reader, tree, at, 1, 2));
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(reader->ctx, tree, "padding", 1, &d->type_padding)));
    /* Electron configurations have their own number of columns. */
    KR_TRY(kr_read_net(reader, kr_tree_get(tree, "embedding"), kr_at_key(path, at, "embedding"),
                       "descriptor.type_embedding", d->use_econf_tebd ? -1 : reader->model->ntypes, d->tebd_dim,
                       d->precision, &d->type_embedding));
done:
    return status;
}

static kr_status read_norm(kr_model_reader *reader, const kr_tree *tree, const char *at, const char *name,
                           kr_attention *layer) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    kr_descriptor *d = &reader->model->descriptor;
    double *w = NULL, *b = NULL;
    size_t shape[1] = {(size_t)d->ng};
    char path[KR_AT_ROOM], block[64];
    if (!tree || tree->kind != KR_TREE_MAP) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the layer norm is missing", at);
    KR_TRY(kr_read_version(reader, tree, at, 1, 1));
    KR_TRY(kr_at(reader, at, kr_tree_get_real_or(ctx, tree, "eps", d->ln_eps, &layer->ln_eps)));
    kr_at_key(path, at, "@variables");
    const kr_tree *variables = kr_tree_get(tree, "@variables");
    KR_TRY(kr_read_array(reader, variables, "w", path, 1, shape, 1, 0, d->precision, &w));
    KR_TRY(kr_read_array(reader, variables, "b", path, 1, shape, 1, 0, d->precision, &b));
    snprintf(block, sizeof block, "%s.norm.w", name);
    KR_TRY(kr_theta_append(reader, block, 1, d->ng, w, &layer->ln_w));
    snprintf(block, sizeof block, "%s.norm.b", name);
    KR_TRY(kr_theta_append(reader, block, 1, d->ng, b, &layer->ln_b));
done:
    kr_free(w);
    kr_free(b);
    return status;
}

/* One entry of attention_layers.attention_layers: plain maps without @class. */
static kr_status read_attention(kr_model_reader *reader, const kr_tree *tree, const char *at, int index,
                                kr_attention *layer) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    kr_descriptor *d = &reader->model->descriptor;
    const kr_tree *gate;
    char path[KR_AT_ROOM], item[KR_AT_ROOM], name[40], block[64];
    KR_TRY(kr_at(reader, at, kr_tree_need(ctx, tree, "attention_layer", &gate)));
    kr_at_key(path, at, "attention_layer");
    KR_TRY(kr_at(reader, path, kr_tree_get_int_or(ctx, gate, "hidden_dim", 1, KR_MAX_WIDTH, d->attn, &layer->hidden)));
    KR_TRY(kr_at(reader, path, kr_tree_get_int_or(ctx, gate, "num_heads", 1, layer->hidden, 1, &layer->num_heads)));
    if (layer->num_heads != 1)
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s.num_heads: attention with %d heads is not supported, only 1", path,
                layer->num_heads);
    KR_TRY(kr_at(reader, path, kr_tree_get_bool_or(ctx, gate, "dotr", d->attn_dotr, &layer->dotr)));
    KR_TRY(kr_at(reader, path, kr_tree_get_bool_or(ctx, gate, "normalize", d->normalize, &layer->normalize)));
    KR_TRY(kr_at(reader, path, kr_tree_get_bool_or(ctx, gate, "smooth", d->smooth_type_embedding, &layer->smooth)));
    KR_TRY(kr_at(reader, path,
                 kr_tree_get_real_or(ctx, gate, "scaling_factor", d->scaling_factor, &layer->scaling_factor)));
    KR_TRY(kr_at(reader, path, kr_tree_get_real_or(ctx, gate, "temperature", 0, &layer->temperature)));
    layer->shortest = d->tensorflow ? 1e-6 : 1e-12;
    layer->has_temperature = !kr_tree_is_null(kr_tree_get(gate, "temperature"));
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, "trainable_ln", d->trainable_ln, &layer->trainable_ln)));
    snprintf(name, sizeof name, "descriptor.attention[%d]", index);
    snprintf(block, sizeof block, "%s.in_proj", name);
    KR_TRY(kr_read_layer(reader, kr_tree_get(gate, "in_proj"), kr_at_key(item, path, "in_proj"), block, d->ng,
                         3 * layer->hidden, d->precision, &layer->in_proj));
    snprintf(block, sizeof block, "%s.out_proj", name);
    KR_TRY(kr_read_layer(reader, kr_tree_get(gate, "out_proj"), kr_at_key(item, path, "out_proj"), block, layer->hidden,
                         d->ng, d->precision, &layer->out_proj));
    KR_TRY(
        read_norm(reader, kr_tree_get(tree, "attn_layer_norm"), kr_at_key(item, at, "attn_layer_norm"), name, layer));
done:
    return status;
}

static kr_status read_attentions(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_status status = KR_OK;
    kr_descriptor *d = &reader->model->descriptor;
    char path[KR_AT_ROOM], item[KR_AT_ROOM];
    const kr_tree *list = kr_tree_get(tree, "attention_layers");
    int n = list && list->kind == KR_TREE_LIST ? list->count : 0;
    if (n != d->attn_layer)
        KR_FAIL(reader->ctx, KR_ERR_FORMAT, "%s.attention_layers: %d entries, attn_layer is %d", at, n, d->attn_layer);
    if (n) {
        KR_TRY(kr_read_version(reader, tree, at, 1, 1));
        KR_NEW(reader->ctx, d->attention, (size_t)n);
    }
    kr_at_key(path, at, "attention_layers");
    for (int i = 0; i < n; i++)
        KR_TRY(read_attention(reader, list->child[i], kr_at_index(item, path, i), i, &d->attention[i]));
done:
    return status;
}

/* Gains of the angular degrees above 1. */
static kr_status read_gains(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_status status = KR_OK;
    kr_descriptor *d = &reader->model->descriptor;
    size_t shape[1] = {(size_t)d->lmax - 1};
    double *gain = NULL;
    char path[KR_AT_ROOM];
    d->degree_gain = KR_NO_BLOCK;
    if (d->lmax == 1) return KR_OK;
    kr_at_key(path, at, "@variables");
    KR_TRY(kr_read_array(reader, kr_tree_get(tree, "@variables"), "degree_gain_raw", path, 1, shape, 1, 0, d->precision,
                         &gain));
    KR_TRY(kr_theta_append(reader, "descriptor.degree_gain", 1, d->lmax - 1, gain, &d->degree_gain));
done:
    kr_free(gain);
    return status;
}

kr_status kr_read_dpa1(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_status status = KR_OK;
    kr_descriptor *d = &reader->model->descriptor;
    kr_net **nets = NULL; /* a collection of one */
    char path[KR_AT_ROOM];
    int count = 0;
    KR_TRY(read_switches(reader, tree, at));
    KR_TRY(read_type_embedding(reader, kr_tree_get(tree, "type_embedding"), kr_at_key(path, at, "type_embedding")));
    int64_t types = (int64_t)d->tebd_dim * (d->type_one_side ? 1 : 2);
    KR_TRY(kr_read_collection(reader, kr_tree_get(tree, "embeddings"), kr_at_key(path, at, "embeddings"),
                              "descriptor.embedding", 0, d->strip ? 1 : (int)(1 + types), d->ng, d->precision,
                              &d->nembedding, &d->embedding));
    if (!d->embedding[0]) KR_FAIL(reader->ctx, KR_ERR_FORMAT, "%s.networks[0]: the network is missing", path);
    if (d->strip) {
        KR_TRY(kr_read_collection(reader, kr_tree_get(tree, "embeddings_strip"),
                                  kr_at_key(path, at, "embeddings_strip"), "descriptor.embedding_strip", 0, (int)types,
                                  d->ng, d->precision, &count, &nets));
        d->embedding_strip = nets[0];
        nets[0] = NULL;
        if (!d->embedding_strip) KR_FAIL(reader->ctx, KR_ERR_FORMAT, "%s.networks[0]: the network is missing", path);
    }
    KR_TRY(read_attentions(reader, kr_tree_get(tree, "attention_layers"), kr_at_key(path, at, "attention_layers")));
    KR_TRY(read_gains(reader, tree, at));
done:
    if (nets) kr_net_destroy(&nets[0]);
    kr_free(nets);
    return status;
}
