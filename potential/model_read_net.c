/* Networks of a model file: layers into θ, named blocks.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The per-layer keys (activation, resnet) and the shapes of the arrays are authoritative; the keys of the network
 * (neuron, resnet_dt) only repeat them. A layer holds w (in, out), b and idt (out) or (1, out) or null. */
#include "potential/model_reader.h"
#include <stdio.h>
#include <string.h>

static kr_status reserve(kr_model_reader *reader, size_t more, int blocks) {
    kr_model *model = reader->model;
    if (model->ntheta + more > reader->theta_room) {
        size_t room = 2 * (model->ntheta + more);
        double *theta = kr_realloc(reader->ctx, model->theta, model->ntheta, room, sizeof *theta);
        if (!theta) return KR_ERR_MEMORY;
        model->theta = theta;
        reader->theta_room = room;
    }
    if (model->nblocks + blocks > reader->block_room) {
        int room = 2 * (model->nblocks + blocks);
        kr_block *block = kr_realloc(reader->ctx, model->block, (size_t)model->nblocks, (size_t)room, sizeof *block);
        if (!block) return KR_ERR_MEMORY;
        model->block = block;
        reader->block_room = room;
    }
    return KR_OK;
}

/* Names the piece [rows][columns] of θ at `offset` and fills it. There is room. */
static void put_block(kr_model *model, const char *name, const char *suffix, size_t offset, int rows, int columns,
                      const double *values) {
    kr_block *block = &model->block[model->nblocks++];
    memset(block, 0, sizeof *block);
    snprintf(block->name, sizeof block->name, "%s%s", name, suffix);
    block->offset = offset;
    block->rows = rows;
    block->columns = columns;
    block->count = (size_t)rows * (size_t)columns;
    memcpy(model->theta + offset, values, block->count * sizeof *values);
}

kr_status kr_theta_append(kr_model_reader *reader, const char *name, int rows, int columns, const double *values,
                          size_t *offset) {
    kr_status status = reserve(reader, (size_t)rows * (size_t)columns, 1);
    if (status < 0) return status;
    *offset = reader->model->ntheta;
    reader->model->ntheta += (size_t)rows * (size_t)columns;
    put_block(reader->model, name, "", *offset, rows, columns, values);
    return KR_OK;
}

/* Arrays of a layer between reading and copying into θ. */
typedef struct layer_arrays {
    double *w, *b, *idt;
} layer_arrays;

/* in or out −1 = any. */
static kr_status read_layer(kr_model_reader *reader, const kr_tree *tree, const char *at, int in, int out,
                            kr_dtype section, kr_layer *layer, layer_arrays *arrays) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    kr_dtype precision = section;
    const kr_tree *variables, *w;
    const char *activation;
    char path[KR_AT_ROOM];
    if (!tree || tree->kind != KR_TREE_MAP) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: expected a layer", at);
    KR_TRY(kr_read_version(reader, tree, at, 1, 2));
    KR_TRY(kr_at(reader, at, kr_tree_get_string_or(ctx, tree, "activation_function", "none", &activation)));
    KR_TRY(kr_at(reader, at, kr_activation_parse(ctx, activation, &layer->activation)));
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, "resnet", 0, &layer->resnet)));
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, "trainable", 1, &layer->trainable)));
    if (!kr_tree_is_null(kr_tree_get(tree, "precision"))) KR_TRY(kr_read_precision(reader, tree, at, &precision, NULL));
    KR_TRY(kr_at(reader, at, kr_tree_need(ctx, tree, "@variables", &variables)));
    kr_at_key(path, at, "@variables");
    w = kr_tree_get(variables, "w");
    /* Widths that the surroundings do not give are taken from w itself. */
    size_t shape[2] = {(size_t)in, (size_t)out};
    for (int i = 0; i < 2; i++) {
        size_t length = w && w->kind == KR_TREE_ARRAY && w->ndim == 2 ? w->shape[i] : 0;
        if ((i ? out : in) < 0) shape[i] = length;
        if (shape[i] > KR_MAX_WIDTH || ((i ? out : in) < 0 && length == 0 && w && w->kind == KR_TREE_ARRAY))
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s.w: expected a matrix (in, out) with widths from 1 to %d", path,
                    (int)KR_MAX_WIDTH);
    }
    KR_TRY(kr_read_array(reader, variables, "w", path, 2, shape, 0, 0, precision, &arrays->w));
    KR_TRY(kr_read_array(reader, variables, "b", path, 1, shape + 1, 1, 1, precision, &arrays->b));
    KR_TRY(kr_read_array(reader, variables, "idt", path, 1, shape + 1, 1, 1, precision, &arrays->idt));
    layer->stored = precision == section ? 0 : 1 + (int)precision;
    layer->in = (int)shape[0];
    layer->out = (int)shape[1];
    layer->b = arrays->b ? 0 : KR_NO_BLOCK;
    layer->idt = arrays->idt ? 0 : KR_NO_BLOCK;
done:
    return status;
}

/* Makes the net of n layers, gives it a place in θ and copies the arrays there. */
static kr_status place(kr_model_reader *reader, const char *name, int single, int n, const kr_layer *layer,
                       const layer_arrays *arrays, kr_net **net) {
    kr_model *model = reader->model;
    size_t total = 0, offset;
    char block[64];
    kr_status status = KR_OK;
    for (int i = 0; i < n; i++) total += (size_t)layer[i].out * ((size_t)layer[i].in + 2);
    KR_TRY(reserve(reader, total, 3 * n));
    offset = model->ntheta;
    KR_TRY(kr_net_create_layers(reader->ctx, n, layer, &offset, net));
    for (int i = 0; i < n; i++) {
        const kr_layer *made = &(*net)->layer[i];
        if (single)
            snprintf(block, sizeof block, "%s", name);
        else
            snprintf(block, sizeof block, "%s.layer%d", name, i);
        put_block(model, block, ".w", made->w, made->in, made->out, arrays[i].w);
        if (arrays[i].b) put_block(model, block, ".b", made->b, 1, made->out, arrays[i].b);
        if (arrays[i].idt) put_block(model, block, ".idt", made->idt, 1, made->out, arrays[i].idt);
    }
    model->ntheta = offset;
done:
    return status;
}

static void free_arrays(int n, layer_arrays *arrays) {
    for (int i = 0; arrays && i < n; i++) {
        kr_free(arrays[i].w);
        kr_free(arrays[i].b);
        kr_free(arrays[i].idt);
    }
}

kr_status kr_read_layer(kr_model_reader *reader, const kr_tree *tree, const char *at, const char *name, int in, int out,
                        kr_dtype precision, kr_net **net) {
    kr_status status = KR_OK;
    kr_layer layer = {0};
    layer_arrays arrays = {0};
    KR_TRY(read_layer(reader, tree, at, in, out, precision, &layer, &arrays));
    KR_TRY(kr_at(reader, at, place(reader, name, 1, 1, &layer, &arrays, net)));
done:
    free_arrays(1, &arrays);
    return status;
}

kr_status kr_read_net(kr_model_reader *reader, const kr_tree *tree, const char *at, const char *name, int in, int out,
                      kr_dtype precision, kr_net **net) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    kr_layer *layer = NULL;
    layer_arrays *arrays = NULL;
    char path[KR_AT_ROOM], item[KR_AT_ROOM];
    int n = 0;
    if (!tree || tree->kind != KR_TREE_MAP) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: expected a network", at);
    KR_TRY(kr_read_version(reader, tree, at, 1, 2));
    const kr_tree *layers = kr_tree_get(tree, "layers");
    if (!layers || layers->kind != KR_TREE_LIST || layers->count < 1 || layers->count > 1000)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s.layers: expected a list of 1 to 1000 layers", at);
    n = layers->count;
    KR_NEW(ctx, layer, (size_t)n);
    KR_NEW(ctx, arrays, (size_t)n);
    kr_at_key(path, at, "layers");
    for (int i = 0; i < n; i++)
        KR_TRY(read_layer(reader, layers->child[i], kr_at_index(item, path, i), i ? layer[i - 1].out : in,
                          i == n - 1 ? out : -1, precision, &layer[i], &arrays[i]));
    KR_TRY(kr_at(reader, at, place(reader, name, 0, n, layer, arrays, net)));
done:
    free_arrays(n, arrays);
    kr_free(arrays);
    kr_free(layer);
    return status;
}

kr_status kr_read_collection(kr_model_reader *reader, const kr_tree *tree, const char *at, const char *name, int ndim,
                             int in, int out, kr_dtype precision, int *count, kr_net ***nets) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    int nt = reader->model->ntypes, expected = 1, stored;
    char path[KR_AT_ROOM], item[KR_AT_ROOM], block[64];
    if (!tree || tree->kind != KR_TREE_MAP) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the networks are missing", at);
    KR_TRY(kr_read_version(reader, tree, at, 1, 1));
    KR_TRY(kr_at(reader, at, kr_tree_get_int(ctx, tree, "ndim", 0, 2, &stored)));
    if (stored != ndim) KR_FAIL(ctx, KR_ERR_FORMAT, "%s.ndim: %d, expected %d", at, stored, ndim);
    for (int i = 0; i < ndim; i++) expected *= nt;
    const kr_tree *list = kr_tree_get(tree, "networks");
    if (!list || list->kind != KR_TREE_LIST || list->count != expected)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s.networks: a list of %d is needed for %d types, found %d", at, expected, nt,
                list && list->kind == KR_TREE_LIST ? list->count : 0);
    *count = expected; /* set before the list is filled: the owner of *nets frees what is there after a failure */
    KR_NEW(ctx, *nets, (size_t)expected);
    kr_at_key(path, at, "networks");
    for (int i = 0; i < expected; i++) {
        if (kr_tree_is_null(list->child[i])) continue;
        if (ndim == 0)
            snprintf(block, sizeof block, "%s", name);
        else if (ndim == 1)
            snprintf(block, sizeof block, "%s[%d]", name, i);
        else
            snprintf(block, sizeof block, "%s[%d,%d]", name, i % nt, i / nt);
        KR_TRY(kr_read_net(reader, list->child[i], kr_at_index(item, path, i), block, in, out, precision, &(*nets)[i]));
    }
done:
    return status;
}
