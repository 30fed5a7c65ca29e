/* kr_model → neutral tree, the inverse of model_read*.c.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys and their values are those that DeePMD-kit 3 needs to build the model in any of its backends; top-level keys of
 * the file that the model came from are written back. Parameters are stored in the precision that the section names,
 * which changes no bit, because they were rounded to it when they were read or trained. */
#include "core/error.h"
#include "potential/model_writer.h"
#include <math.h>
#include <string.h>

static kr_tree *make_fitting_nets(kr_tree_maker *m, const kr_model *model) {
    const kr_fitting *f = &model->fitting;
    kr_tree *list = kr_make_list(m);
    for (int i = 0; i < f->nnets; i++) {
        const kr_net *net = f->net[i];
        if (!net) {
            kr_make_append(m, list, kr_write_null(m));
            continue;
        }
        kr_tree *map = kr_write_net(m, "FittingNetwork", 1, net, net->nlayers - 1, &f->activation, f->resnet_dt,
                                    model->theta, f->precision);
        kr_make_int(m, map, "out_dim", net->out);
        kr_make_bool(m, map, "bias_out", net->layer[net->nlayers - 1].b != KR_NO_BLOCK);
        kr_make_append(m, list, map);
    }
    return kr_write_collection(m, "fitting_network", f->mixed_types ? 0 : 1, model->ntypes, list);
}

/* Indices of the marked types. */
static void put_types(kr_tree_maker *m, kr_tree *map, const char *key, int ntypes, const unsigned char *marked) {
    kr_tree *list = kr_make_list(m);
    for (int i = 0; i < ntypes && m->status == KR_OK; i++) {
        kr_tree *node = NULL;
        if (!marked || !marked[i]) continue;
        m->status = kr_tree_new_int(m->ctx, i, &node);
        kr_make_append(m, list, node);
    }
    kr_make_set(m, map, key, list);
}

/* List of numbers with null where has [n] (may be NULL) is zero. */
static kr_tree *make_numbers(kr_tree_maker *m, int n, const double *values, const unsigned char *has) {
    kr_tree *list = kr_make_list(m);
    for (int i = 0; i < n && m->status == KR_OK; i++) {
        kr_tree *node = NULL;
        m->status =
            has && !has[i] ? kr_tree_new(m->ctx, KR_TREE_NULL, &node) : kr_tree_new_real(m->ctx, values[i], &node);
        kr_make_append(m, list, node);
    }
    return list;
}

static void put_fitting_arrays(kr_tree_maker *m, const kr_model *model, kr_tree *map) {
    const kr_fitting *f = &model->fitting;
    kr_tree *variables = kr_make_map(m, NULL, 0);
    size_t bias[2] = {(size_t)model->ntypes, 1}, frame[1] = {(size_t)f->numb_fparam},
           atom[1] = {(size_t)f->numb_aparam}, cases[1] = {(size_t)f->dim_case_embd};
    kr_make_array(m, variables, "bias_atom_e", KR_FLOAT64, 2, bias, f->bias_atom_e);
    kr_make_array(m, variables, "case_embd", KR_FLOAT64, 1, cases, f->case_embd);
    kr_make_array(m, variables, "fparam_avg", KR_FLOAT64, 1, frame, f->fparam_avg);
    kr_make_array(m, variables, "fparam_inv_std", KR_FLOAT64, 1, frame, f->fparam_inv_std);
    kr_make_array(m, variables, "aparam_avg", KR_FLOAT64, 1, atom, f->aparam_avg);
    kr_make_array(m, variables, "aparam_inv_std", KR_FLOAT64, 1, atom, f->aparam_inv_std);
    kr_make_set(m, map, "@variables", variables);
}

static void put_rcond(kr_tree_maker *m, const kr_model *model, kr_tree *map) {
    if (model->fitting.has_rcond)
        kr_make_real(m, map, "rcond", model->fitting.rcond);
    else
        kr_make_null(m, map, "rcond");
}

static kr_tree *make_fitting(kr_tree_maker *m, const kr_model *model) {
    const kr_fitting *f = &model->fitting;
    kr_tree *map = kr_make_map(m, "Fitting", 4);
    kr_make_string(m, map, "type", "ener");
    kr_make_string(m, map, "var_name", "energy");
    kr_make_int(m, map, "ntypes", model->ntypes);
    kr_make_int(m, map, "dim_descrpt", f->dim_descrpt);
    kr_make_ints(m, map, "neuron", f->nneuron, f->neuron);
    kr_make_bool(m, map, "resnet_dt", f->resnet_dt);
    kr_make_int(m, map, "numb_fparam", f->numb_fparam);
    kr_make_int(m, map, "numb_aparam", f->numb_aparam);
    kr_make_int(m, map, "dim_case_embd", f->dim_case_embd);
    kr_make_set(m, map, "default_fparam",
                f->default_fparam ? make_numbers(m, f->numb_fparam, f->default_fparam, NULL) : kr_write_null(m));
    kr_make_string(m, map, "activation_function", kr_write_activation(&f->activation));
    kr_make_string(m, map, "precision", kr_write_precision(f->precision));
    kr_make_bool(m, map, "mixed_types", f->mixed_types);
    kr_make_set(m, map, "nets", make_fitting_nets(m, model));
    put_rcond(m, model, map);
    put_types(m, map, "exclude_types", model->ntypes, f->excluded);
    put_fitting_arrays(m, model, map);
    kr_make_strings(m, map, "type_map", model->ntypes, model->type_map);
    kr_make_bool(m, map, "tot_ener_zero", f->tot_ener_zero);
    kr_make_bools(m, map, "trainable", f->nneuron + 1, f->trainable);
    kr_make_null(m, map, "layer_name");
    kr_make_bool(m, map, "use_aparam_as_mask", f->use_aparam_as_mask);
    kr_make_null(m, map, "spin");
    kr_make_int(m, map, "dim_out", 1);
    kr_make_set(m, map, "atom_ener", make_numbers(m, f->atom_ener ? model->ntypes : 0, f->atom_ener, f->has_atom_ener));
    return map;
}

/* ---- top level ----------------------------------------------------------------------------------------------------
 */

static kr_tree *make_model(kr_tree_maker *m, const kr_model *model) {
    kr_tree *map = kr_make_map(m, "Model", 2), *variables = kr_make_map(m, NULL, 0);
    size_t shape[3] = {1, (size_t)model->ntypes, 1};
    kr_make_string(m, map, "type", "standard");
    kr_make_strings(m, map, "type_map", model->ntypes, model->type_map);
    put_types(m, map, "atom_exclude_types", model->ntypes, model->atom_excluded);
    kr_make_pairs(m, map, "pair_exclude_types", model->npair_exclude, model->pair_exclude);
    put_rcond(m, model, map);
    kr_make_null(m, map, "preset_out_bias");
    kr_make_array(m, variables, "out_bias", KR_FLOAT64, 3, shape, model->out_bias);
    kr_make_array(m, variables, "out_std", KR_FLOAT64, 3, shape, model->out_std);
    kr_make_set(m, map, "@variables", variables);
    kr_make_set(m, map, "descriptor", kr_write_descriptor(m, model));
    kr_make_set(m, map, "fitting", make_fitting(m, model));
    return map;
}

/* A parameter that is no number would make every result NaN; the block says which layer to look at. */
static kr_status check_finite(kr_context *ctx, const kr_model *model) {
    for (int b = 0; b < model->nblocks; b++)
        for (size_t i = 0; i < model->block[b].count; i++)
            if (!isfinite(model->theta[model->block[b].offset + i]))
                return KR_ERROR(ctx, KR_ERR_NUMERIC, "parameter %zu of %s is %g; a model with it is not written", i,
                                model->block[b].name, model->theta[model->block[b].offset + i]);
    return KR_OK;
}

kr_status kr_model_to_tree(kr_context *ctx, const kr_model *model, kr_tree **root) {
    if (!model || !root) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_model_to_tree: model and root must not be NULL");
    kr_tree_maker m = {.ctx = ctx, .status = check_finite(ctx, model)};
    *root = kr_make_map(&m, NULL, 0);
    kr_make_string(&m, *root, "software", "kramers");
    kr_make_string(&m, *root, "version", kr_version());
    kr_make_string(&m, *root, "backend", "Kramers");
    for (int i = 0; model->header && i < model->header->count && m.status == KR_OK; i++) {
        const char *key = model->header->key[i];
        kr_tree *copy = NULL;
        /* who wrote the file, and when, is no longer true */
        if (!strcmp(key, "software") || !strcmp(key, "version") || !strcmp(key, "time")) continue;
        m.status = kr_tree_copy(ctx, model->header->child[i], &copy);
        kr_make_set(&m, *root, key, copy);
    }
    kr_make_set(&m, *root, "model", make_model(&m, model));
    kr_tree *variables = kr_make_map(&m, NULL, 0);
    if (model->has_min_nbor_dist) {
        /* the one place is read by the backends, the other one by 'dp compress' */
        kr_make_array(&m, variables, "min_nbor_dist", KR_FLOAT64, 0, NULL, &model->min_nbor_dist);
        kr_make_real(&m, *root, "min_nbor_dist", model->min_nbor_dist);
    }
    kr_make_set(&m, *root, "@variables", variables);
    if (m.status < 0) kr_tree_destroy(root);
    return m.status;
}
