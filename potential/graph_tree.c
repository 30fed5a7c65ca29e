/* Frozen TensorFlow graph → neutral tree: what the graph is, its script, networks.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * DeePMD-kit's graphs keep parameters in constants with speaking names: descrpt_attr/{rcut,t_avg,t_std},
 * filter_type_I/matrix_L_J (type I of the centre or "all", layer L, type J of the neighbour), layer_L_type_I/matrix,
 * final_layer_type_I/matrix, fitting_attr/{t_bias_atom_e,…}, model_attr/{tmap,model_type}. Since series 2 the training
 * script is there too (train_attr/training_script); without it cutoffs and sel are taken from the attributes of the
 * descriptor's operation, widths from the matrices and activation functions from the operations between them. */
#include "core/json.h"
#include "potential/graph_import.h"
#include "potential/model.h"
#include <stdio.h>
#include <string.h>

/* ---- layers ------------------------------------------------------------------------------------------------------ */

int kr_import_width(const kr_tree *layer, int dimension) {
    const kr_tree *w = kr_tree_at(layer, "@variables.w");
    return w && w->kind == KR_TREE_ARRAY && w->ndim == 2 ? (int)w->shape[dimension] : 0;
}

const char *kr_import_precision(const kr_tree *net) {
    const kr_tree *precision = kr_tree_at(net, "layers[0].precision");
    return precision ? precision->string : "float64";
}

const char *kr_import_dtype(kr_dtype dtype) {
    return dtype == KR_FLOAT32    ? "float32"
           : dtype == KR_FLOAT16  ? "float16"
           : dtype == KR_BFLOAT16 ? "bfloat16"
                                  : "float64";
}

kr_status kr_import_layer(kr_import *import, const char *w, const char *b, const char *idt, const char *activation,
                          int resnet, kr_tree **layer) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *array[3] = {NULL};
    *layer = NULL;
    KR_TRY(kr_graph_array(ctx, import->graph, w, &array[0]));
    if (!array[0]) goto done;
    KR_TRY(kr_graph_array(ctx, import->graph, b, &array[1]));
    KR_TRY(kr_graph_array(ctx, import->graph, idt, &array[2]));
    int same = array[0]->ndim == 2 && array[0]->shape[0] == array[0]->shape[1];
    kr_tree *map = kr_make_map(m, "Layer", 2), *variables = kr_make_map(m, NULL, 0);
    kr_make_bool(m, map, "bias", array[1] != NULL);
    kr_make_bool(m, map, "use_timestep", array[2] != NULL);
    kr_make_string(m, map, "activation_function", activation);
    kr_make_bool(m, map, "resnet", resnet < 0 ? same : resnet);
    kr_make_string(m, map, "precision", kr_import_dtype(array[0]->dtype));
    static const char *const names[] = {"w", "b", "idt"};
    for (int i = 0; i < 3; i++) {
        if (array[i])
            kr_make_set(m, variables, names[i], array[i]);
        else
            kr_make_null(m, variables, names[i]);
        array[i] = NULL;
    }
    kr_make_set(m, map, "@variables", variables);
    *layer = map;
    KR_TRY(m->status);
done:
    for (int i = 0; i < 3; i++) kr_tree_destroy(&array[i]);
    if (status < 0) kr_tree_destroy(layer);
    return status;
}

kr_status kr_import_embedding(kr_import *import, const kr_scope *scope, const char *activation, kr_tree **net) {
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *layers = kr_make_list(m);
    char w[192], b[192], idt[192];
    *net = NULL;
    for (int l = 1; l < 1000; l++) {
        kr_tree *layer;
        snprintf(w, sizeof w, "%smatrix_%d%s", scope->before, l, scope->after);
        snprintf(b, sizeof b, "%sbias_%d%s", scope->before, l, scope->after);
        snprintf(idt, sizeof idt, "%sidt_%d%s", scope->before, l, scope->after);
        KR_TRY(kr_import_layer(import, w, b, idt, activation, 1, &layer));
        if (!layer) break;
        kr_make_append(m, layers, layer);
    }
    KR_TRY(m->status);
    if (layers->count == 0) goto done;
    *net = kr_make_map(m, "EmbeddingNetwork", 2);
    kr_make_set(m, *net, "layers", layers);
    layers = NULL;
    KR_TRY(m->status);
done:
    kr_tree_destroy(&layers);
    if (status < 0) kr_tree_destroy(net);
    return status;
}

kr_status kr_import_widths(kr_import *import, const kr_tree *net, int hidden, kr_tree **list) {
    kr_tree_maker *m = &import->maker;
    const kr_tree *layers = kr_tree_get(net, "layers");
    *list = kr_make_list(m);
    for (int i = 0; layers && i < hidden && i < layers->count && m->status == KR_OK; i++) {
        kr_tree *width = NULL;
        m->status = kr_tree_new_int(import->ctx, kr_import_width(layers->child[i], 1), &width);
        kr_make_append(m, *list, width);
    }
    if (m->status < 0) kr_tree_destroy(list);
    return m->status;
}

/* TensorFlow's own operations and DeePMD-kit's. */
static const struct {
    const char *op, *name;
} activations[] = {{"Tanh", "tanh"},       {"Relu", "relu"}, {"Relu6", "relu6"},    {"Softplus", "softplus"},
                   {"Sigmoid", "sigmoid"}, {"Gelu", "gelu"}, {"GeluCustom", "gelu"}};

kr_status kr_import_activation(kr_import *import, const kr_tree *section, const char *scope, const char **name) {
    const kr_tree *given = kr_tree_get(section, "activation_function");
    const kr_graph *graph = import->graph;
    *name = given && given->kind == KR_TREE_STRING ? given->string : NULL;
    if (section && !*name) *name = "tanh"; /* the script does not say: its default */
    for (int i = 0; !*name && i < graph->nnodes; i++) {
        const kr_node *node = &graph->node[i];
        if (node->name.n < strlen(scope) || memcmp(node->name.data, scope, strlen(scope))) continue;
        for (size_t a = 0; a < sizeof activations / sizeof *activations; a++)
            if (kr_bytes_equal(node->op, activations[a].op)) *name = activations[a].name;
    }
    if (*name) return KR_OK;
    return KR_ERROR(import->ctx, KR_ERR_UNSUPPORTED, "%s: the activation function of %s* is not known", graph->path,
                    scope);
}

/* ---- the graph as a whole -----------------------------------------------------------------------------------------
 */

static int has_prefix(kr_bytes name, const char *prefix) {
    return name.n >= strlen(prefix) && !memcmp(name.data, prefix, strlen(prefix));
}

/* Any operation whose name begins like this? */
static int has_op(const kr_graph *graph, const char *prefix) {
    for (int i = 0; i < graph->nnodes; i++)
        if (has_prefix(graph->node[i].op, prefix)) return 1;
    return 0;
}

/* Operations of which a part of the name says that the graph is more than, or other than, its networks. */
static const struct {
    const char *part, *words;
} foreign[] = {{"TabInter", "a short-range table (use_srtab) is not supported"},
               {"PairTab", "a pair table is not supported"},
               {"Nvnmd", "a quantised model (NVNMD) is not supported"}};

static int contains(kr_bytes name, const char *part) {
    size_t n = strlen(part);
    for (size_t i = 0; i + n <= name.n; i++)
        if (!memcmp(name.data + i, part, n)) return 1;
    return 0;
}

static kr_status refuse_operations(kr_import *import) {
    const kr_graph *graph = import->graph;
    for (int i = 0; i < graph->nnodes; i++)
        for (size_t k = 0; k < sizeof foreign / sizeof *foreign; k++)
            if (contains(graph->node[i].op, foreign[k].part))
                return KR_ERROR(import->ctx, KR_ERR_UNSUPPORTED, "%s: %s", graph->path, foreign[k].words);
    if (kr_graph_find(graph, "modifier_attr/type"))
        return KR_ERROR(import->ctx, KR_ERR_UNSUPPORTED, "%s: models with a data modifier are not supported",
                        graph->path);
    return KR_OK;
}

static kr_status refuse_others(kr_import *import) {
    const kr_graph *graph = import->graph;
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    char *text = NULL;
    if (has_op(graph, "TabulateFusion")) {
        KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "%s: a compressed graph holds tables instead of the embedding network",
                 graph->path);
        kr_error_hint(ctx, "import the graph from before 'dp compress'; tables are made when it is loaded");
        KR_TRY(KR_ERR_UNSUPPORTED);
    }
    if (kr_graph_find(graph, "spin_attr/ntypes_spin"))
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: models with spin are not supported", graph->path);
    KR_TRY(refuse_operations(import));
    KR_TRY(kr_graph_text(ctx, graph, "model_attr/model_type", &text));
    if (text && strcmp(text, "ener"))
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: this graph fits '%.40s'; only energies ('ener') are supported",
                graph->path, text);
    if (!text && !kr_graph_find(graph, "t_coord"))
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: this TensorFlow graph is no Deep Potential model", graph->path);
done:
    kr_free(text);
    return status;
}

/* The script and its two sections; series 1.x has none. */
static kr_status read_script(kr_import *import) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    char *text = NULL, where[300];
    snprintf(where, sizeof where, "%.200s: training script", import->graph->path);
    KR_TRY(kr_graph_text(ctx, import->graph, "train_attr/training_script", &text));
    if (!text) goto done;
    KR_TRY(kr_json_parse(ctx, text, strlen(text), where, &import->script));
    const kr_tree *model = kr_tree_get(import->script, "model");
    import->descriptor = kr_tree_get(model, "descriptor");
    import->fitting = kr_tree_get(model, "fitting_net");
    if (!import->descriptor || !import->fitting)
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: no single descriptor and fitting_net (several tasks or a sum of models)",
                where);
    if (!kr_tree_is_null(kr_tree_get(model, "spin")))
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: models with spin are not supported", import->graph->path);
    const kr_tree *pairs = kr_tree_get(model, "pair_exclude_types"), *atoms = kr_tree_get(model, "atom_exclude_types");
    if ((pairs && pairs->count) || (atoms && atoms->count))
        kr_log(ctx, KR_LOG_WARNING, "%s: pair_exclude_types and atom_exclude_types are left out, as TensorFlow does",
               where);
done:
    kr_free(text);
    return status;
}

static kr_status find_kind(kr_import *import) {
    static const struct {
        const char *name;
        kr_graph_kind kind;
    } names[] = {{"se_e2_a", KR_GRAPH_SE_A},        {"se_a", KR_GRAPH_SE_A},         {"se_e2_r", KR_GRAPH_SE_R},
                 {"se_r", KR_GRAPH_SE_R},           {"se_atten", KR_GRAPH_SE_ATTEN}, {"dpa1", KR_GRAPH_SE_ATTEN},
                 {"se_atten_v2", KR_GRAPH_SE_ATTEN}};
    const kr_tree *type = kr_tree_get(import->descriptor, "type");
    if (type && type->kind == KR_TREE_STRING) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (!strcmp(names[i].name, type->string)) {
                import->kind = names[i].kind;
                return KR_OK;
            }
        return KR_ERROR(import->ctx, KR_ERR_UNSUPPORTED, "%s: descriptor '%.40s' is not supported in graphs",
                        import->graph->path, type->string);
    }
    if (has_op(import->graph, "DescrptSeA") || kr_graph_find_op(import->graph, "ProdEnvMatA"))
        import->kind = KR_GRAPH_SE_A;
    else if (has_op(import->graph, "DescrptSeR") || kr_graph_find_op(import->graph, "ProdEnvMatR"))
        import->kind = KR_GRAPH_SE_R;
    else
        return KR_ERROR(import->ctx, KR_ERR_UNSUPPORTED,
                        "%s: the graph has neither a training script nor the operation of se_e2_a or se_e2_r",
                        import->graph->path);
    return KR_OK;
}

/* Scopes may carry a suffix: descrpt_attr_1/rcut. Two different ones mean several descriptors. */
static kr_status find_suffix(kr_import *import) {
    const kr_graph *graph = import->graph;
    int found = 0;
    for (int i = 0; i < graph->nnodes; i++) {
        kr_bytes name = graph->node[i].name;
        const size_t n = strlen("descrpt_attr"), tail = strlen("/rcut");
        if (!has_prefix(name, "descrpt_attr") || name.n < n + tail || name.n - n - tail >= sizeof import->suffix ||
            memcmp(name.data + name.n - tail, "/rcut", tail))
            continue;
        memcpy(import->suffix, name.data + n, name.n - n - tail);
        import->suffix[name.n - n - tail] = 0;
        if (strchr(import->suffix, '/')) continue;
        if (found++)
            return KR_ERROR(import->ctx, KR_ERR_UNSUPPORTED, "%s: a graph with several descriptors is not supported",
                            graph->path);
    }
    if (!found)
        return KR_ERROR(import->ctx, KR_ERR_FORMAT, "%s: this TensorFlow graph is no Deep Potential model (no %s)",
                        graph->path, "descrpt_attr/rcut");
    return KR_OK;
}

/* Series 1.x could do without element names: type_0, type_1, … as many as the descriptor says. */
static kr_status name_types(kr_import *import) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree *count = NULL, *name = NULL;
    char text[64];
    snprintf(text, sizeof text, "descrpt_attr%s/ntypes", import->suffix);
    KR_TRY(kr_graph_array(ctx, import->graph, text, &count));
    int n = kr_tree_array_size(count) == 1 && count->data[0] > 0 && count->data[0] <= 4096 ? (int)count->data[0] : 0;
    for (int i = 0; i < n; i++) {
        snprintf(text, sizeof text, "type_%d", i);
        KR_TRY(kr_tree_new_string(ctx, text, &name));
        kr_make_append(&import->maker, import->type_map, name);
        name = NULL;
    }
    if (n)
        kr_log(ctx, KR_LOG_WARNING, "%s: the graph has no element names; its types are called type_0 to type_%d",
               import->graph->path, n - 1);
    KR_TRY(import->maker.status);
done:
    kr_tree_destroy(&count);
    return status;
}

/* Element names, separated by blanks. */
static kr_status read_types(kr_import *import) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    char *text = NULL, *rest, *word;
    KR_TRY(kr_graph_text(ctx, import->graph, "model_attr/tmap", &text));
    import->type_map = kr_make_list(&import->maker);
    for (word = text ? strtok_r(text, " \t\n", &rest) : NULL; word; word = strtok_r(NULL, " \t\n", &rest)) {
        kr_tree *name = NULL;
        KR_TRY(kr_tree_new_string(ctx, word, &name));
        kr_make_append(&import->maker, import->type_map, name);
    }
    KR_TRY(import->maker.status);
    if (import->type_map->count == 0) KR_TRY(name_types(import));
    import->ntypes = import->type_map->count;
    if (import->ntypes < 1 || import->ntypes > 4096)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the graph has no element names (model_attr/tmap)", import->graph->path);
    KR_NEW(ctx, import->mask, (size_t)import->ntypes * (size_t)import->ntypes);
done:
    kr_free(text);
    return status;
}

/* out_std: TensorFlow multiplies the energies by it, the other backends do not. */
static kr_status put_output(kr_import *import, kr_tree *model) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *bias = NULL, *deviation = NULL, *variables = kr_make_map(m, NULL, 0);
    KR_TRY(kr_graph_array(ctx, import->graph, "model_attr/model_attr/t_out_bias", &bias));
    KR_TRY(kr_graph_array(ctx, import->graph, "model_attr/model_attr/t_out_std", &deviation));
    for (size_t i = 0; i < kr_tree_array_size(deviation); i++)
        if (deviation->data[i] != 1) {
            kr_log(ctx, KR_LOG_WARNING,
                   "%s: TensorFlow multiplies this model's energies by out_std = %g; that is left out, as DeePMD-kit's "
                   "other backends do",
                   import->graph->path, deviation->data[i]);
            break;
        }
    kr_make_set(m, variables, "out_bias", bias);
    kr_make_set(m, variables, "out_std", deviation);
    bias = deviation = NULL;
    kr_make_set(m, model, "@variables", variables);
    variables = NULL;
    KR_TRY(m->status);
done:
    kr_tree_destroy(&bias);
    kr_tree_destroy(&deviation);
    kr_tree_destroy(&variables);
    return status;
}

static kr_status put_root(kr_import *import, kr_tree *descriptor, kr_tree *fitting, kr_tree **root) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *model = kr_make_map(m, "Model", 2), *distance = NULL, *variables = kr_make_map(m, NULL, 0), *copy = NULL;
    kr_make_string(m, model, "type", "standard");
    kr_make_set(m, model, "type_map", import->type_map);
    import->type_map = NULL;
    kr_make_set(m, model, "descriptor", descriptor);
    kr_make_set(m, model, "fitting", fitting);
    *root = kr_make_map(m, NULL, 0);
    kr_make_string(m, *root, "software", "deepmd-kit");
    kr_make_string(m, *root, "backend", "TensorFlow");
    KR_TRY(m->status);
    KR_TRY(put_output(import, model));
    if (import->script) {
        KR_TRY(kr_tree_copy(ctx, kr_tree_get(import->script, "model"), &copy));
        kr_make_set(m, *root, "model_def_script", copy);
    }
    KR_TRY(kr_graph_array(ctx, import->graph, "train_attr/min_nbor_dist", &distance));
    if (distance) kr_make_set(m, variables, "min_nbor_dist", distance);
    kr_make_set(m, *root, "@variables", variables);
    kr_make_set(m, *root, "model", model);
    variables = model = NULL;
    KR_TRY(m->status);
done:
    kr_tree_destroy(&model);
    kr_tree_destroy(&variables);
    return status;
}

kr_status kr_graph_to_tree(kr_context *ctx, const char *path, kr_tree **root) {
    if (!path || !root) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_graph_to_tree: path and root must not be NULL");
    kr_status status = KR_OK;
    kr_import import = {.ctx = ctx, .maker = {.ctx = ctx}};
    kr_tree *descriptor = NULL, *fitting = NULL;
    *root = NULL;
    KR_TRY(kr_graph_read(ctx, path, &import.graph));
    KR_TRY(refuse_others(&import));
    KR_TRY(read_script(&import));
    KR_TRY(find_kind(&import));
    KR_TRY(find_suffix(&import));
    KR_TRY(read_types(&import));
    KR_TRY(kr_import_fitting(&import, &fitting)); /* first: the descriptor's width follows from its matrices */
    KR_TRY(kr_import_descriptor(&import, &descriptor));
    status = put_root(&import, descriptor, fitting, root);
    descriptor = fitting = NULL;
done:
    if (status < 0) kr_tree_destroy(root);
    kr_tree_destroy(&descriptor);
    kr_tree_destroy(&fitting);
    kr_tree_destroy(&import.script);
    kr_tree_destroy(&import.type_map);
    kr_free(import.mask);
    kr_graph_destroy(&import.graph);
    return status;
}
