/* The energy fitting section of a model file.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "potential/model_reader.h"
#include <string.h>

/* Anything but an energy is refused by name: a dipole model read as an energy model would be silently wrong. */
static kr_status check_kind(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    const char *type, *variable;
    int width;
    KR_TRY(kr_at(reader, at, kr_tree_get_string_or(ctx, tree, "type", "ener", &type)));
    KR_TRY(kr_at(reader, at, kr_tree_get_string_or(ctx, tree, "var_name", "energy", &variable)));
    if (strcmp(type, "ener") || strcmp(variable, "energy")) {
        KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "%s.type: fitting '%.40s' of '%.40s' is not supported", at, type, variable);
        kr_error_hint(ctx, "only energies (type 'ener') can be fitted; dipole, polar, dos, property cannot");
        KR_TRY(KR_ERR_UNSUPPORTED);
    }
    KR_TRY(kr_read_version(reader, tree, at, 1, 4));
    KR_TRY(kr_at(reader, at, kr_tree_get_int_or(ctx, tree, "dim_out", 1, 1000000, 1, &width)));
    if (width != 1) KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s.dim_out: %d outputs are not supported, only 1", at, width);
    const kr_tree *spin = kr_tree_get(tree, "spin");
    if (!kr_tree_is_null(spin)) KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s.spin: models with spin are not supported", at);
done:
    return status;
}

/* List of numbers, or an array; n of them. Absent, null or empty: *values stays NULL. known [n] (may be NULL) gets
 * zero where an entry is null, which is an error without it. */
static kr_status read_numbers(kr_model_reader *reader, const kr_tree *map, const char *key, const char *at, int n,
                              double **values, unsigned char *known) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    const kr_tree *node = kr_tree_get(map, key);
    double *made = NULL;
    size_t shape[1] = {(size_t)n};
    if (kr_tree_is_null(node) || (node->kind == KR_TREE_LIST && node->count == 0)) return KR_OK;
    if (node->kind == KR_TREE_ARRAY) {
        if (known) memset(known, 1, (size_t)n);
        return kr_read_array(reader, map, key, at, 1, shape, 1, 0, KR_FLOAT64, values);
    }
    if (node->kind != KR_TREE_LIST || node->count != n)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s.%s: a list of %d numbers is needed", at, key, n);
    KR_NEW(ctx, made, (size_t)n);
    for (int i = 0; i < n; i++) {
        const kr_tree *item = node->child[i];
        if (item->kind == KR_TREE_LIST && item->count == 1) item = item->child[0];
        int missing = known && kr_tree_is_null(item);
        if (!missing && item->kind != KR_TREE_INT && item->kind != KR_TREE_REAL)
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s.%s[%d]: expected a number", at, key, i);
        made[i] = missing ? 0 : item->real;
        if (known) known[i] = !missing;
    }
    *values = made;
    made = NULL;
done:
    kr_free(made);
    return status;
}

/* bool for all layers, or a list of them (nneuron + 1). */
static kr_status read_trainable(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_status status = KR_OK;
    kr_fitting *f = &reader->model->fitting;
    const kr_tree *node = kr_tree_get(tree, "trainable");
    int n = f->nneuron + 1, list = node && node->kind == KR_TREE_LIST && node->count > 0;
    KR_NEW(reader->ctx, f->trainable, (size_t)n);
    if (list && node->count != n)
        KR_FAIL(reader->ctx, KR_ERR_FORMAT, "%s.trainable: %d entries, expected %d", at, node->count, n);
    for (int i = 0; i < n; i++) {
        const kr_tree *item = list ? node->child[i] : node;
        f->trainable[i] = item && item->kind == KR_TREE_BOOL ? (int)item->integer : 1;
    }
done:
    return status;
}

/* An absent average is 0, an absent inverse deviation 1. */
static kr_status read_parameter_statistics(kr_model_reader *reader, const kr_tree *variables, const char *at,
                                           const char *key, int n, double absent, double **values) {
    size_t shape[1] = {(size_t)n};
    kr_status status = KR_OK;
    if (n == 0) return KR_OK;
    KR_TRY(kr_read_array(reader, variables, key, at, 1, shape, 1, 1, KR_FLOAT64, values));
    if (*values) return KR_OK;
    KR_NEW(reader->ctx, *values, (size_t)n);
    for (int i = 0; i < n; i++) (*values)[i] = absent;
done:
    return status;
}

static kr_status read_variables(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_status status = KR_OK;
    kr_fitting *f = &reader->model->fitting;
    const kr_tree *v = kr_tree_get(tree, "@variables");
    size_t nt[1] = {(size_t)reader->model->ntypes};
    char path[KR_AT_ROOM];
    kr_at_key(path, at, "@variables");
    KR_TRY(kr_read_array(reader, v, "bias_atom_e", path, 1, nt, 1, 1, KR_FLOAT64, &f->bias_atom_e));
    if (!f->bias_atom_e) KR_NEW(reader->ctx, f->bias_atom_e, nt[0]);
    KR_TRY(read_parameter_statistics(reader, v, path, "fparam_avg", f->numb_fparam, 0, &f->fparam_avg));
    KR_TRY(read_parameter_statistics(reader, v, path, "fparam_inv_std", f->numb_fparam, 1, &f->fparam_inv_std));
    KR_TRY(read_parameter_statistics(reader, v, path, "aparam_avg", f->numb_aparam, 0, &f->aparam_avg));
    KR_TRY(read_parameter_statistics(reader, v, path, "aparam_inv_std", f->numb_aparam, 1, &f->aparam_inv_std));
    KR_TRY(read_parameter_statistics(reader, v, path, "case_embd", f->dim_case_embd, 0, &f->case_embd));
done:
    return status;
}

static kr_status read_energies(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_status status = KR_OK;
    kr_fitting *f = &reader->model->fitting;
    int nt = reader->model->ntypes, n, *excluded = NULL;
    KR_NEW(reader->ctx, f->excluded, (size_t)nt);
    KR_TRY(kr_read_ints(reader, tree, "exclude_types", at, 0, nt - 1, &n, &excluded));
    for (int i = 0; i < n; i++) f->excluded[excluded[i]] = 1;
    KR_NEW(reader->ctx, f->has_atom_ener, (size_t)nt);
    KR_TRY(read_numbers(reader, tree, "atom_ener", at, nt, &f->atom_ener, f->has_atom_ener));
    if (!f->atom_ener) {
        kr_free(f->has_atom_ener);
        f->has_atom_ener = NULL;
    }
    KR_TRY(read_numbers(reader, tree, "default_fparam", at, f->numb_fparam, &f->default_fparam, NULL));
done:
    kr_free(excluded);
    return status;
}

static kr_status read_nets(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_status status = KR_OK;
    kr_model *model = reader->model;
    kr_fitting *f = &model->fitting;
    int64_t width =
        (int64_t)f->dim_descrpt + f->numb_fparam + (f->use_aparam_as_mask ? 0 : f->numb_aparam) + f->dim_case_embd;
    char path[KR_AT_ROOM];
    kr_at_key(path, at, "nets");
    KR_TRY(kr_read_collection(reader, kr_tree_get(tree, "nets"), path, "fitting.net", f->mixed_types ? 0 : 1,
                              (int)width, 1, f->precision, &f->nnets, &f->net));
    for (int i = 0; i < f->nnets; i++)
        if (!f->net[i] && (f->mixed_types || !(f->excluded[i] || model->atom_excluded[i])))
            KR_FAIL(reader->ctx, KR_ERR_FORMAT, "%s.networks[%d]: null, but type %s is not excluded", path, i,
                    f->mixed_types ? "(any)" : model->type_map[i]);
done:
    return status;
}

kr_status kr_read_fitting(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    kr_fitting *f = &reader->model->fitting;
    const kr_descriptor *d = &reader->model->descriptor;
    const char *activation;
    if (!tree || tree->kind != KR_TREE_MAP) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: the fitting network is missing", at);
    KR_TRY(check_kind(reader, tree, at));
    KR_TRY(kr_at(reader, at, kr_tree_get_int_or(ctx, tree, "dim_descrpt", 1, INT32_MAX, d->dim_out, &f->dim_descrpt)));
    if (f->dim_descrpt != d->dim_out)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s.dim_descrpt: %d, but the descriptor has length %d", at, f->dim_descrpt,
                d->dim_out);
    KR_TRY(kr_at(reader, at, kr_tree_get_int_or(ctx, tree, "numb_fparam", 0, 100000, 0, &f->numb_fparam)));
    KR_TRY(kr_at(reader, at, kr_tree_get_int_or(ctx, tree, "numb_aparam", 0, 100000, 0, &f->numb_aparam)));
    KR_TRY(kr_at(reader, at, kr_tree_get_int_or(ctx, tree, "dim_case_embd", 0, 100000, 0, &f->dim_case_embd)));
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, "use_aparam_as_mask", 0, &f->use_aparam_as_mask)));
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, "mixed_types", 0, &f->mixed_types)));
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, "resnet_dt", 1, &f->resnet_dt)));
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, "tot_ener_zero", 0, &f->tot_ener_zero)));
    KR_TRY(kr_at(reader, at, kr_tree_get_real_or(ctx, tree, "rcond", 0, &f->rcond)));
    f->has_rcond = !kr_tree_is_null(kr_tree_get(tree, "rcond"));
    KR_TRY(kr_read_ints(reader, tree, "neuron", at, 1, KR_MAX_WIDTH, &f->nneuron, &f->neuron));
    KR_TRY(kr_at(reader, at, kr_tree_get_string_or(ctx, tree, "activation_function", "tanh", &activation)));
    KR_TRY(kr_at(reader, at, kr_activation_parse(ctx, activation, &f->activation)));
    KR_TRY(kr_read_precision(reader, tree, at, &f->precision, f->precision_name));
    KR_TRY(read_trainable(reader, tree, at));
    KR_TRY(read_variables(reader, tree, at));
    KR_TRY(read_energies(reader, tree, at));
    KR_TRY(read_nets(reader, tree, at));
done:
    return status;
}
