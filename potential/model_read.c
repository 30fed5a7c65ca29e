/* A neutral tree (root of a .dp dictionary) → kr_model.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Layout: DeePMD-kit's backend-neutral format, model @version 1 and 2. Unknown keys are passed over; those of the top
 * level are kept and written back. What would be evaluated wrongly (spin, other fittings …) is refused by name. */
#include "potential/model_reader.h"
#include <string.h>

static kr_status check_model_type(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    const char *type;
    kr_status status = kr_at(reader, at, kr_tree_get_string_or(reader->ctx, tree, "type", "standard", &type));
    if (status < 0) return status;
    if (!strcmp(type, "standard")) return kr_read_version(reader, tree, at, 1, 2);
    const char *what = !strcmp(type, "spin_ener")     ? " (spin)"
                       : !strcmp(type, "linear_ener") ? " (a sum of models)"
                       : !strcmp(type, "zbl")         ? " (a model joined to a short-range table)"
                       : !strcmp(type, "pairtab")     ? " (a pair table)"
                                                      : "";
    KR_ERROR(reader->ctx, KR_ERR_UNSUPPORTED, "%s.type: model type '%.40s'%s is not supported", at, type, what);
    kr_error_hint(reader->ctx, "only 'standard' energy models (one descriptor, one energy fitting) can be read");
    return KR_ERR_UNSUPPORTED;
}

static kr_status read_type_map(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    kr_model *model = reader->model;
    const kr_tree *list = kr_tree_get(tree, "type_map");
    if (!list || list->kind != KR_TREE_LIST || list->count < 1 || list->count > KR_MAX_TYPES)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s.type_map: a list of 1 to %d element names is needed", at, (int)KR_MAX_TYPES);
    KR_NEW(ctx, model->type_map, (size_t)list->count);
    model->ntypes = list->count;
    for (int i = 0; i < list->count; i++) {
        if (list->child[i]->kind != KR_TREE_STRING)
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s.type_map[%d]: expected an element name", at, i);
        model->type_map[i] = kr_strdup(ctx, list->child[i]->string);
        if (!model->type_map[i]) KR_TRY(KR_ERR_MEMORY);
    }
done:
    return status;
}

/* Exclusions and biases of the model level. */
static kr_status read_output(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    kr_model *model = reader->model;
    size_t nt = (size_t)model->ntypes, shape[3] = {1, nt, 1};
    int n, *excluded = NULL;
    const kr_tree *variables = kr_tree_get(tree, "@variables");
    char path[KR_AT_ROOM];
    kr_at_key(path, at, "@variables");
    KR_NEW(ctx, model->atom_excluded, nt);
    KR_TRY(kr_read_ints(reader, tree, "atom_exclude_types", at, 0, model->ntypes - 1, &n, &excluded));
    for (int i = 0; i < n; i++) model->atom_excluded[excluded[i]] = 1;
    KR_TRY(kr_read_pairs(reader, tree, "pair_exclude_types", at, &model->npair_exclude, &model->pair_exclude,
                         &model->pair_excluded));
    KR_TRY(kr_read_array(reader, variables, "out_bias", path, 3, shape, 1, 1, KR_FLOAT64, &model->out_bias));
    KR_TRY(kr_read_array(reader, variables, "out_std", path, 3, shape, 1, 1, KR_FLOAT64, &model->out_std));
    if (!model->out_bias) KR_NEW(ctx, model->out_bias, nt);
    if (!model->out_std) {
        KR_NEW(ctx, model->out_std, nt);
        for (size_t i = 0; i < nt; i++) model->out_std[i] = 1;
    }
done:
    kr_free(excluded);
    return status;
}

/* Top-level keys that are not ours to interpret, for writing back; min_nbor_dist and the origin. */
static kr_status read_header(kr_model_reader *reader, const kr_tree *root) {
    static const char *const interpreted[] = {"model", "@variables", "min_nbor_dist"};
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    kr_model *model = reader->model;
    kr_tree *copy = NULL;
    const kr_tree *distance = kr_tree_get(root, "min_nbor_dist"), *backend = kr_tree_get(root, "backend");
    const kr_tree *holder = kr_tree_is_null(distance) ? kr_tree_get(root, "@variables") : root;
    distance = kr_tree_get(holder, "min_nbor_dist");
    if (!kr_tree_is_null(distance)) {
        KR_TRY(kr_tree_get_real(ctx, holder, "min_nbor_dist", &model->min_nbor_dist));
        model->has_min_nbor_dist = 1;
    }
    model->from_tensorflow = backend && backend->kind == KR_TREE_STRING && !strcmp(backend->string, "TensorFlow");
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &model->header));
    for (int i = 0; i < root->count; i++) {
        int known = 0;
        for (size_t j = 0; j < sizeof interpreted / sizeof *interpreted; j++)
            known |= !strcmp(root->key[i], interpreted[j]);
        if (known) continue;
        KR_TRY(kr_tree_copy(ctx, root->child[i], &copy));
        KR_TRY(kr_tree_set(ctx, model->header, root->key[i], &copy));
    }
done:
    kr_tree_destroy(&copy);
    return status;
}

kr_status kr_model_from_tree(kr_context *ctx, const kr_tree *root, const char *where, kr_model **out) {
    if (!out) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_model_from_tree: model must not be NULL");
    kr_status status = KR_OK;
    kr_model_reader reader = {.ctx = ctx};
    const kr_tree *tree;
    *out = NULL;
    KR_TRY(kr_model_create(ctx, &reader.model));
    reader.model->path = kr_strdup(ctx, where ? where : "model");
    if (!reader.model->path) KR_TRY(KR_ERR_MEMORY);
    if (!root || root->kind != KR_TREE_MAP) KR_FAIL(ctx, KR_ERR_FORMAT, "the top level is no map of keys");
    tree = kr_tree_get(root, "model");
    if (!tree || tree->kind != KR_TREE_MAP)
        KR_FAIL(ctx, KR_ERR_FORMAT, "this is no Deep Potential model: the key 'model' is missing");
    KR_TRY(check_model_type(&reader, tree, "model"));
    KR_TRY(read_header(&reader, root));
    KR_TRY(read_type_map(&reader, tree, "model"));
    KR_TRY(read_output(&reader, tree, "model"));
    KR_TRY(kr_read_descriptor(&reader, kr_tree_get(tree, "descriptor"), "model.descriptor"));
    KR_TRY(kr_read_fitting(&reader, kr_tree_get(tree, "fitting"), "model.fitting"));
    *out = reader.model;
    reader.model = NULL;
done:
    if (status < 0 && where) kr_error_prefix(ctx, "%s", where);
    kr_model_destroy(&reader.model);
    return status;
}
