/* The descriptor section of a model file: se_e2_a, se_e2_r, dpa1, se_atten_v2.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "potential/descriptor.h"
#include "potential/model_reader.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Names of the file and ours. The highest @version without a feature that we lack: 4 of dpa1 adds lmax, 3 only the
 * tables of compression, which the networks beside them make superfluous. */
static const struct {
    const char *name, *type;
    int version;
} TYPES[] = {{"se_e2_a", "se_e2_a", 3},        {"se_a", "se_e2_a", 3}, {"se_r", "se_r", 3},
             {"se_e2_r", "se_r", 3},           {"dpa1", "dpa1", 4},    {"se_atten", "dpa1", 4},
             {"se_atten_v2", "se_atten_v2", 4}};

static kr_status read_type(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    const char *name;
    kr_status status = kr_at(reader, at, kr_tree_get_string(reader->ctx, tree, "type", &name));
    if (status < 0) return status;
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (strcmp(name, TYPES[i].name)) continue;
        kr_descriptor *d = &reader->model->descriptor;
        snprintf(d->type, sizeof d->type, "%s", TYPES[i].type);
        d->kind = kr_descriptor_find(d->type);
        return kr_read_version(reader, tree, at, 1, TYPES[i].version);
    }
    kr_status code =
        KR_ERROR(reader->ctx, KR_ERR_UNSUPPORTED, "%s.type: descriptor '%.40s' is not supported", at, name);
    kr_error_hint(reader->ctx, "supported descriptors: se_e2_a, se_e2_r, se_atten (dpa1), se_atten_v2");
    return code;
}

/* Cutoffs, sel, switches that all descriptors have. */
static kr_status read_common(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    kr_descriptor *d = &reader->model->descriptor;
    const kr_tree *env = kr_tree_get(tree, "env_mat");
    const char *activation;
    int exponential = 0;
    int64_t nnei = 0;
    double protection = 0;
    KR_TRY(kr_at(reader, at, kr_tree_get_real(ctx, tree, "rcut", &d->rcut)));
    KR_TRY(kr_at(reader, at, kr_tree_get_real(ctx, tree, "rcut_smth", &d->rcut_smth)));
    if (!(d->rcut > d->rcut_smth && d->rcut_smth >= 0))
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: rcut %g and rcut_smth %g Å; 0 ≤ rcut_smth < rcut is needed", at, d->rcut,
                d->rcut_smth);
    KR_TRY(kr_read_ints(reader, tree, "sel", at, 0, 1000000, &d->nsel, &d->sel));
    d->mixed_types = !strcmp(d->type, "dpa1") || !strcmp(d->type, "se_atten_v2");
    if (d->nsel != (d->mixed_types ? 1 : reader->model->ntypes))
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s.sel: %d entries, expected %d", at, d->nsel,
                d->mixed_types ? 1 : reader->model->ntypes);
    for (int i = 0; i < d->nsel; i++) nnei += d->sel[i];
    if (nnei < 1 || nnei > 10000000)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s.sel: sum %lld is outside 1 to 10000000", at, (long long)nnei);
    d->nnei = (int)nnei;
    KR_TRY(kr_read_ints(reader, tree, "neuron", at, 1, KR_MAX_WIDTH, &d->nneuron, &d->neuron));
    if (d->nneuron < 1) KR_FAIL(ctx, KR_ERR_FORMAT, "%s.neuron: at least one layer is needed", at);
    d->ng = d->neuron[d->nneuron - 1];
    KR_TRY(kr_at(reader, at, kr_tree_get_string_or(ctx, tree, "activation_function", "tanh", &activation)));
    KR_TRY(kr_at(reader, at, kr_activation_parse(ctx, activation, &d->activation)));
    KR_TRY(kr_read_precision(reader, tree, at, &d->precision, d->precision_name));
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, "resnet_dt", 0, &d->resnet_dt)));
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, "set_davg_zero", 0, &d->set_davg_zero)));
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, "trainable", 1, &d->trainable)));
    KR_TRY(kr_at(reader, at, kr_tree_get_real_or(ctx, env, "protection", 0, &protection)));
    KR_TRY(kr_at(reader, at, kr_tree_get_real_or(ctx, tree, "env_protection", protection, &d->env_protection)));
    if (d->env_protection < 0)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s.env_protection: %g Å is negative", at, d->env_protection);
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, env, "use_exp_switch", 0, &exponential)));
    if (exponential) KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s: the exponential switching function is not supported", at);
    if (!kr_tree_is_null(kr_tree_get(tree, "spin")))
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "%s.spin: models with spin are not supported", at);
    KR_TRY(kr_read_pairs(reader, tree, "exclude_types", at, &d->nexclude, &d->exclude, &d->excluded));
done:
    return status;
}

static kr_status read_statistics(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_descriptor *d = &reader->model->descriptor;
    size_t shape[3] = {(size_t)reader->model->ntypes, (size_t)d->nnei, (size_t)d->ncolumns};
    const kr_tree *variables = kr_tree_get(tree, "@variables");
    char path[KR_AT_ROOM];
    kr_status status = KR_OK;
    kr_at_key(path, at, "@variables");
    KR_TRY(kr_read_array(reader, variables, "davg", path, 3, shape, 0, 0, KR_FLOAT64, &d->davg));
    KR_TRY(kr_read_array(reader, variables, "dstd", path, 3, shape, 0, 0, KR_FLOAT64, &d->dstd));
    for (size_t i = 0; i < shape[0] * shape[1] * shape[2]; i++)
        if (!(d->dstd[i] > 0))
            KR_FAIL(reader->ctx, KR_ERR_FORMAT, "%s.dstd: value %zu is %g, expected more than 0", path, i, d->dstd[i]);
done:
    return status;
}

/* The networks may be missing when only the tables of a compressed model were kept. */
static kr_status find_embeddings(kr_model_reader *reader, const kr_tree *tree, const char *at, const kr_tree **nets) {
    *nets = kr_tree_get(tree, "embeddings");
    if (!kr_tree_is_null(*nets)) return KR_OK;
    if (!kr_tree_is_null(kr_tree_get(tree, "compress"))) {
        KR_ERROR(reader->ctx, KR_ERR_UNSUPPORTED, "%s: only the tables of a compressed model, no networks, are here",
                 at);
        kr_error_hint(reader->ctx, "use the model from before 'dp compress'; tables are made when it is loaded");
        return KR_ERR_UNSUPPORTED;
    }
    return KR_ERROR(reader->ctx, KR_ERR_FORMAT, "%s.embeddings: the networks are missing", at);
}

/* A missing network is no loss where its pair is excluded or has no slots. */
static kr_status check_missing(kr_model_reader *reader, const char *at) {
    const kr_descriptor *d = &reader->model->descriptor;
    int nt = reader->model->ntypes;
    for (int center = 0; center < nt; center++)
        for (int neighbor = 0; neighbor < nt; neighbor++) {
            int net = d->type_one_side ? neighbor : center + nt * neighbor;
            if (d->embedding[net] || d->excluded[center * nt + neighbor] || d->sel[neighbor] == 0) continue;
            return KR_ERROR(reader->ctx, KR_ERR_FORMAT,
                            "%s.embeddings.networks[%d]: null, but neighbours %s of %s need it", at, net,
                            reader->model->type_map[neighbor], reader->model->type_map[center]);
        }
    return KR_OK;
}

/* se_e2_a and se_e2_r: one network per neighbour type, or per pair (TensorFlow also writes such se_e2_r). */
static kr_status read_se(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    kr_descriptor *d = &reader->model->descriptor;
    const kr_tree *nets;
    char path[KR_AT_ROOM];
    int ndim, one_side;
    d->ncolumns = d->nmoment = d->lmax = 1;
    d->degree_gain = KR_NO_BLOCK;
    d->dim_out = d->ng;
    if (!strcmp(d->type, "se_e2_a")) {
        KR_TRY(kr_at(reader, at, kr_tree_get_int(ctx, tree, "axis_neuron", 1, d->ng, &d->axis_neuron)));
        d->ncolumns = d->nmoment = 4;
        d->dim_out = d->ng * d->axis_neuron;
    }
    KR_TRY(find_embeddings(reader, tree, at, &nets));
    kr_at_key(path, at, "embeddings");
    KR_TRY(kr_at(reader, path, kr_tree_get_int(ctx, nets, "ndim", 1, 2, &ndim)));
    d->type_one_side = ndim == 1;
    KR_TRY(kr_at(reader, at, kr_tree_get_bool_or(ctx, tree, "type_one_side", d->type_one_side, &one_side)));
    if (one_side != d->type_one_side)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s.type_one_side: %s, but embeddings.ndim is %d", at, one_side ? "true" : "false",
                ndim);
    KR_TRY(kr_read_collection(reader, nets, path, "descriptor.embedding", ndim, 1, d->ng, d->precision, &d->nembedding,
                              &d->embedding));
    KR_TRY(check_missing(reader, at));
done:
    return status;
}

kr_status kr_read_descriptor(kr_model_reader *reader, const kr_tree *tree, const char *at) {
    kr_status status = KR_OK;
    if (!tree || tree->kind != KR_TREE_MAP) KR_FAIL(reader->ctx, KR_ERR_FORMAT, "%s: the descriptor is missing", at);
    KR_TRY(read_type(reader, tree, at));
    KR_TRY(read_common(reader, tree, at));
    KR_TRY(reader->model->descriptor.mixed_types ? kr_read_dpa1(reader, tree, at) : read_se(reader, tree, at));
    KR_TRY(read_statistics(reader, tree, at));
done:
    return status;
}
