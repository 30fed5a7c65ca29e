/* The descriptor of a frozen TensorFlow graph.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Excluded pairs. TensorFlow leaves the whole block of an excluded type out, with its empty slots; the neutral format's
 * NumPy and PyTorch readers zero the rows of real neighbours but let empty (and zeroed) slots pass the network. With
 * non-zero davg these are different models (0.08 eV per atom in a test). The importer keeps TensorFlow's energies: an
 * excluded pair gets a network whose output is zero, and a one-side graph with exclusions becomes a two-side model,
 * because the network of a neighbour type must then differ between centres. In a one-side se_e2_r TensorFlow zeroes the
 * input of the network instead, so there the output is the constant net(0). */
#include "core/text.h"
#include "potential/graph_import.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A cutoff that the operation keeps as float32 only: the shortest decimal number that rounds to it is what was meant.
 */
static double undo_float32(double value) {
    for (int digits = 1; digits <= 9; digits++) {
        double decimal = kr_round_real(value, digits);
        if ((float)decimal == (float)value) return decimal;
    }
    return value;
}

/* The operation that makes the environment matrix, with its attributes. */
static const kr_node *environment_op(const kr_import *import) {
    static const char *const names[3][4] = {{"ProdEnvMatA", "DescrptSeA", NULL},
                                            {"ProdEnvMatR", "DescrptSeR", NULL},
                                            {"ProdEnvMatAMix", "ProdEnvMatA", NULL}};
    for (const char *const *name = names[import->kind]; *name; name++) {
        const kr_node *node = kr_graph_find_op(import->graph, *name);
        if (node) return node;
    }
    return NULL;
}

static kr_status put_cutoffs(kr_import *import, kr_tree *map) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree *array = NULL;
    const kr_node *op = environment_op(import);
    const char *key = import->kind == KR_GRAPH_SE_R ? "rcut_smth" : "rcut_r_smth";
    char name[96];
    double inner = 0;
    snprintf(name, sizeof name, "descrpt_attr%s/rcut", import->suffix);
    KR_TRY(kr_graph_array(ctx, import->graph, name, &array));
    if (kr_tree_array_size(array) != 1)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: constant %s is not one number", import->graph->path, name);
    double outer = array->dtype == KR_FLOAT32 ? undo_float32(array->data[0]) : array->data[0];
    if (!kr_tree_is_null(kr_tree_get(import->descriptor, "rcut_smth")))
        KR_TRY(kr_tree_get_real(ctx, import->descriptor, "rcut_smth", &inner));
    else if (op && kr_node_float(op, key, &inner))
        inner = undo_float32(inner);
    else
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: rcut_smth is neither in a training script nor in the graph's operation",
                import->graph->path);
    if ((double)(float)outer != outer || (double)(float)inner != inner)
        kr_log(ctx, KR_LOG_INFO,
               "%s: TensorFlow rounds rcut %g and rcut_smth %g to float32 when it evaluates this model; the option "
               "float32_cutoff does so too",
               import->graph->path, outer, inner);
    kr_make_real(&import->maker, map, "rcut", outer);
    kr_make_real(&import->maker, map, "rcut_smth", inner);
    KR_TRY(import->maker.status);
done:
    kr_tree_destroy(&array);
    return status;
}

/* sel of the operation, of the constant, or of the script. */
static kr_status put_sel(kr_import *import, kr_tree *map, int *nnei) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree *array = NULL;
    const kr_node *op = environment_op(import);
    kr_tree *original = NULL;
    int n = 0, room = import->ntypes, *sel = NULL;
    char name[96];
    KR_NEW(ctx, sel, (size_t)room + 1);
    if (op) n = kr_node_ints(op, import->kind == KR_GRAPH_SE_R ? "sel" : "sel_a", room + 1, sel);
    snprintf(name, sizeof name, "descrpt_attr%s/sel", import->suffix);
    KR_TRY(kr_graph_array(ctx, import->graph, name, &array));
    for (size_t i = 0; n == 0 && array && i < kr_tree_array_size(array) && i < (size_t)room; i++)
        sel[i] = (int)array->data[i];
    if (n == 0 && array && kr_tree_array_size(array) <= (size_t)room) n = (int)kr_tree_array_size(array);
    if (n == 0) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: sel is not in the graph", import->graph->path);
    *nnei = 0;
    for (int i = 0; i < n && i < room; i++) {
        if (sel[i] < 0 || sel[i] > 1000000) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: sel %d", import->graph->path, sel[i]);
        *nnei += sel[i];
    }
    /* a model initialised from another one with another sel still divides by the sum of the first one */
    snprintf(name, sizeof name, "descrpt_attr%s/original_sel", import->suffix);
    KR_TRY(kr_graph_array(ctx, import->graph, name, &original));
    double sum = 0;
    for (size_t i = 0; i < kr_tree_array_size(original); i++) sum += original->data[i];
    if (original && sum != *nnei)
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: a graph whose sel was changed (sum %d, original %g) is not supported",
                import->graph->path, *nnei, sum);
    kr_make_ints(&import->maker, map, "sel", n < room ? n : room, sel);
    KR_TRY(import->maker.status);
done:
    kr_tree_destroy(&array);
    kr_tree_destroy(&original);
    kr_free(sel);
    return status;
}

/* t_avg, t_std [nt][nnei*columns] → davg, dstd [nt][nnei][columns]. */
static kr_status put_statistics(kr_import *import, kr_tree *map, int nnei, int columns) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *variables = kr_make_map(m, NULL, 0);
    static const char *const names[][2] = {{"davg", "t_avg"}, {"dstd", "t_std"}};
    size_t shape[3] = {(size_t)import->ntypes, (size_t)nnei, (size_t)columns};
    for (int i = 0; i < 2; i++) {
        kr_tree *array;
        char name[96];
        snprintf(name, sizeof name, "descrpt_attr%s/%s", import->suffix, names[i][1]);
        KR_TRY(kr_graph_array(ctx, import->graph, name, &array));
        if (kr_tree_array_size(array) != shape[0] * shape[1] * shape[2]) {
            kr_tree_destroy(&array);
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s: constant %s does not have %d x %d x %d numbers", import->graph->path, name,
                    import->ntypes, nnei, columns);
        }
        array->ndim = 3;
        memcpy(array->shape, shape, sizeof shape);
        kr_make_set(m, variables, names[i][0], array);
    }
    kr_make_set(m, map, "@variables", variables);
    variables = NULL;
    KR_TRY(m->status);
done:
    kr_tree_destroy(&variables);
    return status;
}

/* Fills the mask with the script's exclude_types, both directions. */
static kr_status read_exclusions(kr_import *import, int *count) {
    const kr_tree *list = kr_tree_get(import->descriptor, "exclude_types");
    int nt = import->ntypes;
    *count = 0;
    for (int i = 0; list && list->kind == KR_TREE_LIST && i < list->count; i++) {
        const kr_tree *pair = list->child[i];
        if (pair->kind != KR_TREE_LIST || pair->count != 2 || pair->child[0]->kind != KR_TREE_INT ||
            pair->child[1]->kind != KR_TREE_INT || pair->child[0]->integer < 0 || pair->child[0]->integer >= nt ||
            pair->child[1]->integer < 0 || pair->child[1]->integer >= nt)
            return KR_ERROR(import->ctx, KR_ERR_FORMAT, "%s: training script: exclude_types[%d] is no pair of types",
                            import->graph->path, i);
        int a = (int)pair->child[0]->integer, b = (int)pair->child[1]->integer;
        import->mask[a * nt + b] = import->mask[b * nt + a] = 1;
        ++*count;
    }
    return KR_OK;
}

/* A network 1 → ng whose output is zero whatever the input. */
static kr_tree *zero_net(kr_import *import, const char *precision) {
    kr_tree_maker *m = &import->maker;
    kr_tree *net = kr_make_map(m, "EmbeddingNetwork", 2), *layers = kr_make_list(m),
            *layer = kr_make_map(m, "Layer", 2), *variables = kr_make_map(m, NULL, 0);
    size_t shape[2] = {1, (size_t)import->ng};
    double *zero = kr_calloc(import->ctx, (size_t)import->ng, sizeof *zero);
    if (!zero && m->status == KR_OK) m->status = KR_ERR_MEMORY;
    kr_make_bool(m, layer, "bias", 0);
    kr_make_string(m, layer, "activation_function", "none");
    kr_make_bool(m, layer, "resnet", 0);
    kr_make_string(m, layer, "precision", precision);
    kr_make_bool(m, layer, "trainable", 0);
    kr_make_array(m, variables, "w", KR_FLOAT64, 2, shape, zero);
    kr_make_set(m, layer, "@variables", variables);
    kr_make_append(m, layers, layer);
    kr_make_set(m, net, "layers", layers);
    kr_free(zero);
    return net;
}

/* Makes the output of a network its value at zero, for any input: no weights, no skip in the first layer. */
static void make_constant(kr_tree *net) {
    kr_tree *first = (kr_tree *)kr_tree_at(net, "layers[0]"); /* the net is ours */
    kr_tree *w = (kr_tree *)kr_tree_at(first, "@variables.w"), *flag = (kr_tree *)kr_tree_get(first, "resnet");
    memset(w->data, 0, kr_tree_array_size(w) * sizeof *w->data);
    flag->integer = 0;
}

/* The net of a pair; NULL when the graph has none. */
static kr_status pair_net(kr_import *import, int center, int neighbor, const char *activation, kr_tree **net) {
    kr_scope scope;
    if (import->one_side)
        snprintf(scope.before, sizeof scope.before, "filter_type_all%s/", import->suffix);
    else
        snprintf(scope.before, sizeof scope.before, "filter_type_%d%s/", center, import->suffix);
    snprintf(scope.after, sizeof scope.after, "_%d", neighbor);
    return kr_import_embedding(import, &scope, activation, net);
}

/* Networks of se_e2_a and se_e2_r: index neighbour, or centre + nt·neighbour. */
static kr_status put_embeddings(kr_import *import, kr_tree *map, const char *activation) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    int nt = import->ntypes, nexcluded;
    char first[96];
    kr_tree *list = kr_make_list(m), *net = NULL, *sample = NULL, *widths;
    snprintf(first, sizeof first, "filter_type_all%s/matrix_1_0", import->suffix);
    import->one_side = kr_graph_find(import->graph, first) != NULL;
    KR_TRY(read_exclusions(import, &nexcluded));
    int two_side = !import->one_side || nexcluded > 0;
    /* any existing net tells the widths and the precision */
    for (int i = 0; !sample && i < nt * nt; i++) KR_TRY(pair_net(import, i % nt, i / nt, activation, &sample));
    if (!sample) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the graph has no embedding network", import->graph->path);
    const kr_tree *layers = kr_tree_get(sample, "layers");
    import->ng = kr_import_width(layers->child[layers->count - 1], 1);
    for (int i = 0; i < (two_side ? nt * nt : nt); i++) {
        int center = two_side ? i % nt : 0, neighbor = two_side ? i / nt : i;
        int excluded = two_side && import->mask[center * nt + neighbor];
        int constant = excluded && import->one_side && import->kind == KR_GRAPH_SE_R;
        if (!excluded || constant) KR_TRY(pair_net(import, center, neighbor, activation, &net));
        if (net && constant) make_constant(net);
        /* series 1.x does not say which pairs are excluded: those without a network */
        kr_make_append(m, list, net ? net : zero_net(import, kr_import_precision(sample)));
        net = NULL;
    }
    if (import->one_side && nexcluded)
        kr_log(ctx, KR_LOG_WARNING,
               "%s: excluded pairs are left out with their empty slots, as TensorFlow does; the model becomes two-side",
               import->graph->path);
    KR_TRY(kr_import_widths(import, sample, layers->count, &widths));
    kr_make_set(m, map, "neuron", widths);
    kr_make_string(m, map, "precision", kr_import_precision(sample));
    kr_make_bool(m, map, "type_one_side", !two_side);
    kr_tree *nets = kr_make_map(m, "NetworkCollection", 1);
    kr_make_int(m, nets, "ndim", two_side ? 2 : 1);
    kr_make_set(m, nets, "networks", list);
    list = NULL;
    kr_make_set(m, map, "embeddings", nets);
    KR_TRY(m->status);
done:
    kr_tree_destroy(&list);
    kr_tree_destroy(&sample);
    return status;
}

/* Keys that the neutral format takes from the script as they are. */
static kr_status put_script(kr_import *import, kr_tree *map) {
    static const char *const keys[] = {"resnet_dt", "trainable", "set_davg_zero", "env_protection",
                                       /* se_atten */
                                       "attn", "attn_dotr", "trainable_ln"};
    size_t n = import->kind == KR_GRAPH_SE_ATTEN ? sizeof keys / sizeof *keys : 4;
    kr_status status = KR_OK;
    for (size_t i = 0; i < n; i++) {
        const kr_tree *node = kr_tree_get(import->descriptor, keys[i]);
        kr_tree *copy = NULL;
        if (kr_tree_is_null(node)) continue;
        KR_TRY(kr_tree_copy(import->ctx, node, &copy));
        kr_make_set(&import->maker, map, keys[i], copy);
    }
    KR_TRY(import->maker.status);
done:
    return status;
}

kr_status kr_import_descriptor(kr_import *import, kr_tree **out) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    const char *activation;
    char matrix[96];
    int nnei = 0, axis;
    *out = kr_make_map(m, "Descriptor", 2);
    kr_make_string(m, *out, "type",
                   import->kind == KR_GRAPH_SE_A   ? "se_e2_a"
                   : import->kind == KR_GRAPH_SE_R ? "se_r"
                                                   : "dpa1");
    snprintf(matrix, sizeof matrix, "type_embed_net%s/matrix_1", import->suffix);
    if (import->kind != KR_GRAPH_SE_ATTEN &&
        (kr_graph_find(import->graph, matrix) || kr_graph_find(import->graph, "type_embed_net/matrix_1")))
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: se_e2_a with a type embedding is not supported", import->graph->path);
    KR_TRY(kr_import_activation(import, import->descriptor, "filter_type_", &activation));
    kr_make_string(m, *out, "activation_function", activation);
    KR_TRY(put_cutoffs(import, *out));
    KR_TRY(put_sel(import, *out, &nnei));
    KR_TRY(put_statistics(import, *out, nnei, import->kind == KR_GRAPH_SE_R ? 1 : 4));
    KR_TRY(put_script(import, *out));
    if (import->kind == KR_GRAPH_SE_ATTEN)
        KR_TRY(kr_import_atten(import, *out));
    else
        KR_TRY(put_embeddings(import, *out, activation));
    axis = import->ng ? (import->dim_descrpt - import->tebd_dim) / import->ng : 0;
    if (import->kind != KR_GRAPH_SE_R) kr_make_int(m, *out, "axis_neuron", axis);
    KR_TRY(m->status);
done:
    return status;
}
