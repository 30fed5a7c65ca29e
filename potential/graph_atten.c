/* se_atten (DPA-1) and se_atten_v2 of a frozen TensorFlow graph; their attention layers are in graph_attention.c.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * filter_type_all/matrix_L: embedding network of [s, T(t_j), T(t_i)], or of s alone beside matrix_L_two_side_ebd
 * (…_one_side_ebd) of the type embeddings when they are stripped off; type_embed_net/matrix_1: the type embedding.
 * TensorFlow's smooth form takes its weight from the first column s instead of the switch, and its
 * empty slots have a zero type vector: the descriptor's flag `tensorflow`. */
#include "potential/graph_import.h"
#include <stdio.h>
#include <string.h>

/* What the script says of attention and smoothness; series 2 wrote smooth_type_embdding. */
static kr_status read_features(kr_import *import, int *layers, int *smooth) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    const kr_tree *d = import->descriptor, *type = kr_tree_get(d, "type");
    int old;
    KR_TRY(kr_tree_get_int_or(ctx, d, "attn_layer", 0, 1000, 2, layers));
    KR_TRY(kr_tree_get_bool_or(ctx, d, "smooth_type_embedding", 0, smooth));
    KR_TRY(kr_tree_get_bool_or(ctx, d, "smooth_type_embdding", 0, &old));
    *smooth |= old || (type && type->kind == KR_TREE_STRING && !strcmp(type->string, "se_atten_v2"));
done:
    return status;
}

static int davg_is_zero(const kr_tree *map) {
    const kr_tree *davg = kr_tree_at(map, "@variables.davg");
    for (size_t i = 0; i < kr_tree_array_size(davg); i++)
        if (davg->data[i] != 0) return 0;
    return 1;
}

/* exclude_types leave a neighbour out, as the neutral format does; but where davg is not zero TensorFlow puts 0
 * (smooth: davg) into its slot, and the neutral format −davg/dstd: another model. In series 2 (no
 * t_out_bias) excluded neighbours stay keys of the attention. */
static kr_status put_exclusions(kr_import *import, int layers, kr_tree *map) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    const kr_tree *pairs = kr_tree_get(import->descriptor, "exclude_types");
    kr_tree *copy = NULL;
    if (!pairs || pairs->kind != KR_TREE_LIST || pairs->count == 0) return KR_OK;
    if (!davg_is_zero(map))
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED,
                "%s: se_atten graphs with exclude_types and a davg that is not zero are not supported",
                import->graph->path);
    if (layers && !kr_graph_find(import->graph, "model_attr/model_attr/t_out_bias"))
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED,
                "%s: se_atten graphs of DeePMD-kit 2 with exclude_types and attention layers are not supported",
                import->graph->path);
    KR_TRY(kr_tree_copy(ctx, pairs, &copy));
    kr_make_set(&import->maker, map, "exclude_types", copy);
    KR_TRY(import->maker.status);
done:
    return status;
}

static kr_tree *collection(kr_import *import, kr_tree *net) {
    kr_tree_maker *m = &import->maker;
    kr_tree *map = kr_make_map(m, "NetworkCollection", 1), *list = kr_make_list(m);
    kr_make_append(m, list, net);
    kr_make_int(m, map, "ndim", 0);
    kr_make_set(m, map, "networks", list);
    return map;
}

/* Linear unless the script has a section of its own for it, whose default is tanh. */
static kr_status type_embedding_activation(kr_import *import, const char **name) {
    const kr_tree *section = kr_tree_at(import->script, "model.type_embedding");
    const kr_tree *given = kr_tree_get(section, "activation_function");
    *name = "Linear";
    if (kr_tree_is_null(section) || (given && kr_tree_is_null(given))) return KR_OK;
    return kr_import_activation(import, section, "type_embed_net/", name);
}

/* In TensorFlow the type embedding has the identity skip of every embedding network. */
static kr_status put_type_embedding(kr_import *import, kr_tree *map) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *net;
    kr_scope scope = {"type_embed_net/", ""};
    const char *activation;
    KR_TRY(type_embedding_activation(import, &activation));
    KR_TRY(kr_import_embedding(import, &scope, activation, &net));
    if (!net) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the graph has no type embedding", import->graph->path);
    const kr_tree *layers = kr_tree_get(net, "layers");
    int in = kr_import_width(layers->child[0], 0), bias = !kr_tree_is_null(kr_tree_at(net, "layers[0].@variables.b"));
    import->tebd_dim = kr_import_width(layers->child[layers->count - 1], 1);
    kr_tree *section = kr_make_map(m, "TypeEmbedNet", 2);
    kr_make_set(m, section, "embedding", net);
    kr_make_set(m, map, "type_embedding", section);
    kr_make_int(m, map, "tebd_dim", import->tebd_dim);
    kr_make_bool(m, map, "use_tebd_bias", bias);
    if (in != import->ntypes)
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: a type embedding with %d inputs for %d types is not supported",
                import->graph->path, in, import->ntypes);
    KR_TRY(m->status);
done:
    return status;
}

kr_status kr_import_atten(kr_import *import, kr_tree *map) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    const char *activation = kr_tree_get(map, "activation_function")->string;
    kr_scope scope = {"", ""};
    kr_tree *net, *strip, *widths;
    int attentions, smooth;
    KR_TRY(read_features(import, &attentions, &smooth));
    KR_TRY(put_exclusions(import, attentions, map));
    KR_TRY(put_type_embedding(import, map));
    snprintf(scope.before, sizeof scope.before, "filter_type_all%s/", import->suffix);
    KR_TRY(kr_import_embedding(import, &scope, activation, &net));
    if (!net) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the graph has no embedding network", import->graph->path);
    const kr_tree *layers = kr_tree_get(net, "layers");
    int width = kr_import_width(layers->child[0], 0), one_side = width == 1 + import->tebd_dim;
    import->ng = kr_import_width(layers->child[layers->count - 1], 1);
    status = kr_import_widths(import, net, layers->count, &widths);
    kr_make_set(m, map, "neuron", widths);
    kr_make_string(m, map, "precision", kr_import_precision(net));
    kr_make_set(m, map, "embeddings", collection(import, net));
    KR_TRY(status);
    snprintf(scope.after, sizeof scope.after, "_two_side_ebd");
    KR_TRY(kr_import_embedding(import, &scope, activation, &strip));
    if (!strip) {
        snprintf(scope.after, sizeof scope.after, "_one_side_ebd");
        KR_TRY(kr_import_embedding(import, &scope, activation, &strip));
        if (strip) one_side = 1;
    }
    kr_make_string(m, map, "tebd_input_mode", strip ? "strip" : "concat");
    if (strip) kr_make_set(m, map, "embeddings_strip", collection(import, strip));
    kr_make_bool(m, map, "type_one_side", one_side);
    kr_make_bool(m, map, "smooth_type_embedding", smooth);
    /* otherwise the two forms agree, and DeePMD-kit can read the .dp */
    if (smooth || attentions || !davg_is_zero(map)) kr_make_bool(m, map, "tensorflow", 1);
    kr_make_bool(m, map, "concat_output_tebd", 1);
    KR_TRY(m->status);
    KR_TRY(kr_import_attention(import, attentions, smooth, map));
done:
    return status;
}
