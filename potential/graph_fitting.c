/* The fitting net of a frozen TensorFlow graph.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * layer_L_type_I/{matrix,bias,idt} and final_layer_type_I/…; without _type_I one net serves all types; a layer
 * that several models share is share_NAME_type_I.
 * TensorFlow's rule: a hidden layer from the second on adds its input when the widths are equal; no doubling.
 * Series 1.x has no t_bias_atom_e, the bias of its final layer contains the energy. */
#include "potential/graph_import.h"
#include <stdio.h>

/* layer_name of the script: the name that a hidden layer or the last one shares with other models, or NULL. */
static const char *shared_name(const kr_import *import, int index, int last) {
    const kr_tree *list = kr_tree_get(import->fitting, "layer_name");
    if (!list || list->kind != KR_TREE_LIST) return NULL;
    if (last) index = list->count - 1;
    if (index < 0 || index >= list->count - !last) return NULL; /* the last entry is no hidden layer's */
    return list->child[index]->kind == KR_TREE_STRING ? list->child[index]->string : NULL;
}

/* One net as a map, NULL when the graph has none of this name. types: "_type_0" or "". */
static kr_status import_net(kr_import *import, const char *types, const char *activation, kr_tree **net) {
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *layers = kr_make_list(m), *layer = NULL;
    char name[3][160];
    static const char *const part[] = {"matrix", "bias", "idt"};
    *net = NULL;
    for (int l = 0; l < 1000; l++) {
        const char *shared = shared_name(import, l, 0);
        for (int i = 0; i < 3; i++)
            if (shared)
                snprintf(name[i], sizeof name[i], "share_%.80s%s/%s", shared, types, part[i]);
            else
                snprintf(name[i], sizeof name[i], "layer_%d%s%s/%s", l, types, import->suffix, part[i]);
        KR_TRY(kr_import_layer(import, name[0], name[1], name[2], activation, l ? -1 : 0, &layer));
        if (!layer) break;
        kr_make_append(m, layers, layer);
    }
    const char *shared = shared_name(import, 0, 1);
    for (int i = 0; i < 3; i++)
        if (shared)
            snprintf(name[i], sizeof name[i], "share_%.80s%s/%s", shared, types, part[i]);
        else
            snprintf(name[i], sizeof name[i], "final_layer%s%s/%s", types, import->suffix, part[i]);
    KR_TRY(kr_import_layer(import, name[0], name[1], name[2], "none", 0, &layer));
    if (!layer) goto done;
    kr_make_append(m, layers, layer);
    *net = kr_make_map(m, "FittingNetwork", 1);
    kr_make_set(m, *net, "layers", layers);
    layers = NULL;
    KR_TRY(m->status);
done:
    kr_tree_destroy(&layers);
    if (status < 0) kr_tree_destroy(net);
    return status;
}

/* A number of fitting_attr; absent = 0. */
static kr_status count_of(kr_import *import, const char *name, int *count) {
    kr_status status = KR_OK;
    kr_tree *array = NULL;
    char path[96];
    *count = 0;
    snprintf(path, sizeof path, "fitting_attr%s/%s", import->suffix, name);
    KR_TRY(kr_graph_array(import->ctx, import->graph, path, &array));
    if (kr_tree_array_size(array) == 1 && array->data[0] >= 0 && array->data[0] < 100000) *count = (int)array->data[0];
done:
    kr_tree_destroy(&array);
    return status;
}

static kr_status put_variables(kr_import *import, kr_tree *fitting) {
    static const char *const names[][2] = {{"bias_atom_e", "t_bias_atom_e"},
                                           {"fparam_avg", "t_fparam_avg"},
                                           {"fparam_inv_std", "t_fparam_istd"},
                                           {"aparam_avg", "t_aparam_avg"},
                                           {"aparam_inv_std", "t_aparam_istd"}};
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *variables = kr_make_map(m, NULL, 0);
    char path[96];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        kr_tree *array;
        snprintf(path, sizeof path, "fitting_attr%s/%s", import->suffix, names[i][1]);
        KR_TRY(kr_graph_array(import->ctx, import->graph, path, &array));
        if (array) kr_make_set(m, variables, names[i][0], array);
    }
    kr_make_set(m, fitting, "@variables", variables);
    variables = NULL;
    KR_TRY(m->status);
done:
    kr_tree_destroy(&variables);
    return status;
}

/* Keys that the neutral format takes from the script as they are. */
static kr_status put_script(kr_import *import, kr_tree *fitting) {
    static const char *const keys[] = {"resnet_dt", "atom_ener", "trainable", "rcond", "use_aparam_as_mask"};
    kr_status status = KR_OK;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const kr_tree *node = kr_tree_get(import->fitting, keys[i]);
        kr_tree *copy = NULL;
        if (kr_tree_is_null(node)) continue;
        KR_TRY(kr_tree_copy(import->ctx, node, &copy));
        kr_make_set(&import->maker, fitting, keys[i], copy);
    }
    KR_TRY(import->maker.status);
done:
    return status;
}

static kr_status import_nets(kr_import *import, const char *activation, int *mixed, kr_tree **list) {
    kr_context *ctx = import->ctx;
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *net;
    char types[32];
    *list = kr_make_list(m);
    KR_TRY(import_net(import, "", activation, &net));
    *mixed = net != NULL;
    if (*mixed) kr_make_append(m, *list, net);
    for (int t = 0; !*mixed && t < import->ntypes; t++) {
        snprintf(types, sizeof types, "_type_%d", t);
        KR_TRY(import_net(import, types, activation, &net));
        if (!net)
            KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: the graph has no matrices of the fitting net of type %d",
                    import->graph->path, t);
        kr_make_append(m, *list, net);
    }
    KR_TRY(m->status);
done:
    return status;
}

kr_status kr_import_fitting(kr_import *import, kr_tree **out) {
    kr_status status = KR_OK;
    kr_tree_maker *m = &import->maker;
    kr_tree *list = NULL, *widths;
    const char *activation;
    int mixed;
    KR_TRY(kr_import_activation(import, import->fitting, "layer_", &activation));
    KR_TRY(count_of(import, "dfparam", &import->numb_fparam));
    KR_TRY(count_of(import, "daparam", &import->numb_aparam));
    KR_TRY(import_nets(import, activation, &mixed, &list));
    const kr_tree *first = list->child[0];
    import->dim_descrpt =
        kr_import_width(kr_tree_at(first, "layers[0]"), 0) - import->numb_fparam - import->numb_aparam;
    *out = kr_make_map(m, "Fitting", 4);
    kr_make_string(m, *out, "type", "ener");
    kr_make_int(m, *out, "dim_descrpt", import->dim_descrpt);
    KR_TRY(kr_import_widths(import, first, kr_tree_get(first, "layers")->count - 1, &widths));
    kr_make_set(m, *out, "neuron", widths);
    kr_make_int(m, *out, "numb_fparam", import->numb_fparam);
    kr_make_int(m, *out, "numb_aparam", import->numb_aparam);
    kr_make_string(m, *out, "activation_function", activation);
    kr_make_string(m, *out, "precision", kr_import_precision(first));
    kr_make_bool(m, *out, "mixed_types", mixed);
    KR_TRY(m->status);
    KR_TRY(put_script(import, *out));
    KR_TRY(put_variables(import, *out));
    kr_tree *nets = kr_make_map(m, "NetworkCollection", 1);
    kr_make_int(m, nets, "ndim", mixed ? 0 : 1);
    kr_make_set(m, nets, "networks", list);
    list = NULL;
    kr_make_set(m, *out, "nets", nets);
    KR_TRY(m->status);
done:
    kr_tree_destroy(&list);
    return status;
}
