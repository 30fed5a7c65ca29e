/* Attention layers of a frozen TensorFlow graph.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * attention_layer_L/{c_query,c_key,c_value,c_out}/{matrix,bias}, attention_layer_L/layer_normalization/{gamma,beta}
 * (layer_normalization_L in series 2). The three projections become one: W_in = [W_q, W_k, W_v], columns side by side.
 * TensorFlow's formula is the neutral format's with two numbers of its own that the graph's section does not name: the
 * scores are not scaled (temperature 1, never 1/√d), and ε of the layer norm is 1e-3 unless the script says otherwise.
 * Written out here, both survive in the .dp. (A .dp made by DeePMD-kit of such a graph says temperature null, and so
 * has the scale 1/√d: another model.) */
#include "potential/graph_import.h"
#include <stdio.h>
#include <string.h>

/* Copies the rows of `from` [rows][columns] to columns `at`… of `to` [rows][width]. */
static void place(const kr_tree *from, size_t rows, size_t columns, double *to, size_t width, size_t at) {
    for (size_t i = 0; i < rows; i++) memcpy(to + i * width + at, from->data + i * columns, columns * sizeof *to);
}

/* query, key and value as one layer [ng][3 d]. */
static kr_status joined_layer(kr_import *import, int index, kr_tree **layer, int *hidden) {
    static const char *const parts[] = {"c_query", "c_key", "c_value"};
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *w[3] = {NULL}, *b[3] = {NULL}, *map = NULL, *variables = NULL;
    double *joined_w = NULL, *joined_b = NULL;
    size_t ng = (size_t)import->ng, d = 0;
    char name[96];
    *layer = NULL;
    for (int k = 0; k < 3; k++) {
        snprintf(name, sizeof name, "attention_layer_%d%s/%s/matrix", index, import->suffix, parts[k]);
        KR_TRY(kr_graph_array(ctx, import->graph, name, &w[k]));
        if (k == 0 && w[0] && w[0]->ndim == 2) d = w[0]->shape[1];
        if (!w[k] || w[k]->ndim != 2 || w[k]->shape[0] != ng || d == 0 || w[k]->shape[1] != d)
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s: %s is missing or not %zu × %zu", import->graph->path, name, ng, d);
        snprintf(name, sizeof name, "attention_layer_%d%s/%s/bias", index, import->suffix, parts[k]);
        KR_TRY(kr_graph_array(ctx, import->graph, name, &b[k]));
        if (kr_tree_array_size(b[k]) != d)
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s: %s is missing or has not %zu numbers", import->graph->path, name, d);
    }
    KR_NEW(ctx, joined_w, ng * 3 * d);
    KR_NEW(ctx, joined_b, 3 * d);
    for (size_t k = 0; k < 3; k++) {
        place(w[k], ng, d, joined_w, 3 * d, k * d);
        place(b[k], 1, d, joined_b, 3 * d, k * d);
    }
    map = kr_make_map(m, "Layer", 2), variables = kr_make_map(m, NULL, 0);
    kr_make_bool(m, map, "bias", 1);
    kr_make_bool(m, map, "use_timestep", 0);
    kr_make_string(m, map, "activation_function", "none");
    kr_make_bool(m, map, "resnet", 0);
    kr_make_string(m, map, "precision", kr_import_dtype(w[0]->dtype));
    kr_make_array(m, variables, "w", w[0]->dtype, 2, (size_t[]){ng, 3 * d}, joined_w);
    kr_make_array(m, variables, "b", b[0]->dtype, 1, (size_t[]){3 * d}, joined_b);
    kr_make_null(m, variables, "idt");
    kr_make_set(m, map, "@variables", variables);
    *layer = map;
    *hidden = (int)d;
    KR_TRY(m->status);
done:
    for (int k = 0; k < 3; k++) {
        kr_tree_destroy(&w[k]);
        kr_tree_destroy(&b[k]);
    }
    kr_free(joined_w);
    kr_free(joined_b);
    if (status < 0) kr_tree_destroy(layer);
    return status;
}

/* gamma or beta as w or b of the norm. */
static kr_status norm_part(kr_import *import, int index, const char *part, const char *key, kr_tree *variables) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree *array = NULL;
    char name[128];
    snprintf(name, sizeof name, "attention_layer_%d%s/layer_normalization/%s", index, import->suffix, part);
    KR_TRY(kr_graph_array(ctx, import->graph, name, &array));
    if (!array) {
        snprintf(name, sizeof name, "attention_layer_%d%s/layer_normalization_%d/%s", index, import->suffix, index,
                 part);
        KR_TRY(kr_graph_array(ctx, import->graph, name, &array));
    }
    if (kr_tree_array_size(array) != (size_t)import->ng)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: %s is missing or has not %d numbers", import->graph->path, name, import->ng);
    kr_make_set(&import->maker, variables, key, array);
    array = NULL;
    KR_TRY(import->maker.status);
done:
    kr_tree_destroy(&array);
    return status;
}

/* One entry of the list. */
static kr_status import_layer(kr_import *import, int index, int smooth, double eps, kr_tree *list) {
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *in = NULL, *out = NULL, *entry = kr_make_map(m, NULL, 0), *gate = kr_make_map(m, NULL, 0),
            *norm = kr_make_map(m, "LayerNorm", 1), *variables = kr_make_map(m, NULL, 0);
    char w[96], b[96], idt[96];
    int hidden = 0;
    KR_TRY(joined_layer(import, index, &in, &hidden));
    snprintf(w, sizeof w, "attention_layer_%d%s/c_out/matrix", index, import->suffix);
    snprintf(b, sizeof b, "attention_layer_%d%s/c_out/bias", index, import->suffix);
    snprintf(idt, sizeof idt, "attention_layer_%d%s/c_out/idt", index, import->suffix);
    KR_TRY(kr_import_layer(import, w, b, idt, "none", 0, &out));
    if (!out) KR_FAIL(import->ctx, KR_ERR_FORMAT, "%s: %s is missing", import->graph->path, w);
    KR_TRY(norm_part(import, index, "gamma", "w", variables));
    KR_TRY(norm_part(import, index, "beta", "b", variables));
    kr_make_int(m, gate, "hidden_dim", hidden);
    kr_make_int(m, gate, "num_heads", 1);
    kr_make_bool(m, gate, "normalize", 1);
    kr_make_bool(m, gate, "smooth", smooth);
    kr_make_real(m, gate, "temperature", 1);
    kr_make_set(m, gate, "in_proj", in);
    kr_make_set(m, gate, "out_proj", out);
    in = out = NULL;
    kr_make_real(m, norm, "eps", eps);
    kr_make_set(m, norm, "@variables", variables);
    kr_make_set(m, entry, "attention_layer", gate);
    kr_make_set(m, entry, "attn_layer_norm", norm);
    kr_make_append(m, list, entry);
    entry = gate = norm = variables = NULL;
    KR_TRY(m->status);
done:
    kr_tree_destroy(&in);
    kr_tree_destroy(&out);
    kr_tree_destroy(&entry);
    kr_tree_destroy(&gate);
    kr_tree_destroy(&norm);
    kr_tree_destroy(&variables);
    return status;
}

kr_status kr_import_attention(kr_import *import, int layers, int smooth, kr_tree *map) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *section = NULL, *list = NULL;
    double eps = 1e-3; /* TensorFlow's default */
    int mask;
    if (!kr_tree_is_null(kr_tree_get(import->descriptor, "ln_eps")))
        KR_TRY(kr_tree_get_real(ctx, import->descriptor, "ln_eps", &eps));
    KR_TRY(kr_tree_get_bool_or(ctx, import->descriptor, "attn_mask", 0, &mask));
    if (mask && layers)
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: attention without its diagonal (attn_mask) is not supported",
                import->graph->path);
    kr_make_int(m, map, "attn_layer", layers);
    kr_make_real(m, map, "ln_eps", eps);
    kr_make_bool(m, map, "normalize", 1);
    if (layers) kr_make_real(m, map, "temperature", 1);
    section = kr_make_map(m, "NeighborGatedAttention", 1), list = kr_make_list(m);
    for (int i = 0; i < layers; i++) KR_TRY(import_layer(import, i, smooth, eps, list));
    kr_make_set(m, section, "attention_layers", list);
    list = NULL;
    kr_make_set(m, map, "attention_layers", section);
    section = NULL;
    KR_TRY(m->status);
done:
    kr_tree_destroy(&section);
    kr_tree_destroy(&list);
    return status;
}
