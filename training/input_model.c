/* The section "model" of input.json: descriptor, fitting net, type embedding.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/text.h"
#include "training/input_sections.h"
#include <stdio.h>
#include <string.h>

static kr_status pairs_fit(kr_context *ctx, const kr_tree *list, int ntypes, const char *where, const char *key) {
    int good = list->kind == KR_TREE_LIST;
    for (int i = 0; good && i < list->count; i++) {
        const kr_tree *pair = list->child[i];
        good = pair->kind == KR_TREE_LIST && pair->count == 2;
        for (int k = 0; good && k < 2; k++)
            good =
                pair->child[k]->kind == KR_TREE_INT && pair->child[k]->integer >= 0 && pair->child[k]->integer < ntypes;
    }
    if (good) return KR_OK;
    return kr_parameter_fail(ctx, where, key, list, "expected a list of pairs of types from 0 to %d, as [[0, 1]]",
                             ntypes - 1);
}

static kr_status check_sel(kr_context *ctx, const kr_tree *sel, int mixed, int ntypes) {
    int good = 0;
    if (sel->kind == KR_TREE_STRING) {
        double factor;
        good = !strcmp(sel->string, "auto") ||
               (!strncmp(sel->string, "auto:", 5) &&
                kr_word_real((kr_word){sel->string + 5, strlen(sel->string + 5)}, &factor) && factor >= 1.0 &&
                factor < 100.0);
    } else if (sel->kind == KR_TREE_INT) {
        good = mixed && sel->integer > 0 && sel->integer < 1 << 20;
    } else if (sel->kind == KR_TREE_LIST) {
        good = sel->count == ntypes || (mixed && sel->count >= 1);
        int64_t sum = 0;
        for (int i = 0; good && i < sel->count; i++) {
            good =
                sel->child[i]->kind == KR_TREE_INT && sel->child[i]->integer >= 0 && sel->child[i]->integer < 1 << 20;
            sum += sel->child[i]->integer;
        }
        good = good && sum > 0;
    }
    if (good) return KR_OK;
    return kr_parameter_fail(ctx, "model.descriptor", "sel", sel,
                             "expected %s, \"auto\" or \"auto:factor\" with a factor of at least 1",
                             mixed ? "a number of neighbours" : "a list with one number of neighbours per type");
}

static kr_status check_precision(kr_context *ctx, const char *where, const char *name, const kr_tree *map) {
    static const char *const good[] = {"default", "float64", "float32", "double", "single"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!strcmp(name, good[i])) return KR_OK;
    return kr_parameter_fail(ctx, where, "precision", kr_tree_get(map, "precision"),
                             "found \"%.20s\", expected one of default, float64, float32", name);
}

/* Kind of descriptor from its "type"; the table of the kind then reads the section. */
static kr_status descriptor_table(kr_context *ctx, const kr_tree *given, int *which) {
    static const char *const names[] = {"se_e2_a", "se_a", "se_e2_r", "se_r", "se_atten", "se_atten_v2", "dpa1"};
    static const int kinds[] = {KR_INPUT_SE_E2_A,  KR_INPUT_SE_E2_A,     KR_INPUT_SE_E2_R, KR_INPUT_SE_E2_R,
                                KR_INPUT_SE_ATTEN, KR_INPUT_SE_ATTEN_V2, KR_INPUT_SE_ATTEN};
    const kr_tree *type = kr_tree_get(given, "type");
    *which = KR_INPUT_SE_E2_A;
    if (!type || type->kind != KR_TREE_STRING) return KR_OK; /* the table says what is wrong */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(type->string, names[i])) {
            *which = kinds[i];
            return KR_OK;
        }
    char place[48];
    KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "model.descriptor.type: descriptor \"%.40s\" is not supported%s", type->string,
             kr_tree_place(type, place));
    kr_error_hint(ctx, "se_e2_a, se_e2_r, se_atten (dpa1) and se_atten_v2 can be trained");
    return KR_ERR_UNSUPPORTED;
}

static kr_status check_sizes(kr_context *ctx, const kr_input_descriptor *d, const kr_tree *given) {
    kr_status status = KR_OK, failed = KR_OK;
    if (d->rcut_smth >= d->rcut) {
        status = kr_parameter_fail(ctx, "model.descriptor", "rcut_smth", kr_tree_get(given, "rcut_smth"),
                                   "found %g A, expected less than rcut, %g A", d->rcut_smth, d->rcut);
        KR_TRY(kr_input_gather(ctx, status, &failed));
        status = KR_OK;
    }
    if (d->neuron->count == 0 || (d->axis_neuron && d->axis_neuron > d->neuron->child[d->neuron->count - 1]->integer))
        status = kr_parameter_fail(ctx, "model.descriptor", d->neuron->count ? "axis_neuron" : "neuron", d->neuron,
                                   "expected at least one width, and axis_neuron no larger than the last one");
    KR_TRY(kr_input_gather(ctx, status, &failed));
    status = failed;
done:
    return status;
}

static kr_status read_descriptor(kr_context *ctx, kr_input *in, kr_tree *model) {
    kr_status status = KR_OK, failed = KR_OK;
    kr_input_descriptor *d = &in->model.descriptor;
    const kr_tree *given = in->model.descriptor_map;
    static const char *const names[] = {"se_e2_a", "se_r", "dpa1", "se_atten_v2"};
    int which, mixed, ntypes = in->model.type_map->count;
    KR_TRY(descriptor_table(ctx, given, &which));
    KR_TRY(kr_input_section(ctx, kr_input_descriptors[which], given, "model.descriptor", d, model, "descriptor"));
    given = kr_tree_get(model, "descriptor");
    d->type = which;
    d->type_name = names[which];
    mixed = which == KR_INPUT_SE_ATTEN || which == KR_INPUT_SE_ATTEN_V2;
    if (which == KR_INPUT_SE_ATTEN_V2) d->strip = d->smooth_type_embedding = 1;
    KR_TRY(kr_input_gather(ctx, check_sel(ctx, d->sel, mixed, ntypes), &failed));
    KR_TRY(
        kr_input_gather(ctx, pairs_fit(ctx, d->exclude_types, ntypes, "model.descriptor", "exclude_types"), &failed));
    KR_TRY(kr_input_gather(ctx, check_precision(ctx, "model.descriptor", d->precision, given), &failed));
    KR_TRY(kr_input_gather(ctx, check_sizes(ctx, d, given), &failed));
    if (which == KR_INPUT_SE_E2_R && !d->type_one_side)
        KR_TRY(kr_parameter_fail(ctx, "model.descriptor", "type_one_side", kr_tree_get(given, "type_one_side"),
                                 "se_e2_r needs type_one_side: true, because DeePMD-kit evaluates other models of this "
                                 "kind wrongly"));
    if (in->model.type_embedding && mixed) {
        const kr_tree *neuron = NULL;
        KR_TRY(kr_input_section(ctx, kr_input_type_embedding, in->model.type_embedding, "model.type_embedding", &neuron,
                                model, "type_embedding"));
        if (neuron->count != 1)
            KR_TRY(kr_parameter_fail(ctx, "model.type_embedding", "neuron", neuron,
                                     "expected one number, the length of the type vectors"));
        d->tebd_dim = (int)neuron->child[0]->integer;
    } else if (in->model.type_embedding) {
        char place[48];
        KR_FAIL(ctx, KR_ERR_UNSUPPORTED,
                "model.type_embedding: type embeddings of %s are not supported (its models cannot be stored)%s",
                d->type_name, kr_tree_place(in->model.type_embedding, place));
    }
    KR_TRY(failed);
done:
    return status;
}

/* A list of numbers and nulls of the given length, or an empty one. */
static kr_status numbers_fit(kr_context *ctx, const kr_tree *list, int n, int nulls, const char *where,
                             const char *key) {
    int good = !list || (list->kind == KR_TREE_LIST && (list->count == n || list->count == 0));
    for (int i = 0; good && list && i < list->count; i++) {
        kr_tree_kind kind = list->child[i]->kind;
        good = kind == KR_TREE_INT || kind == KR_TREE_REAL || (nulls && kind == KR_TREE_NULL);
    }
    if (good) return KR_OK;
    return kr_parameter_fail(ctx, where, key, list, "expected a list of %d numbers%s", n,
                             nulls ? ", null where unknown" : "");
}

static kr_status read_fitting(kr_context *ctx, kr_input *in, kr_tree *model) {
    kr_status status = KR_OK;
    kr_input_fitting *f = &in->model.fitting;
    int ntypes = in->model.type_map->count, layers, good;
    KR_TRY(kr_input_section(ctx, kr_input_fitting_table, in->model.fitting_map, "model.fitting_net", f, model,
                            "fitting_net"));
    KR_TRY(check_precision(ctx, "model.fitting_net", f->precision, kr_tree_get(model, "fitting_net")));
    KR_TRY(numbers_fit(ctx, f->atom_ener, ntypes, 1, "model.fitting_net", "atom_ener"));
    KR_TRY(numbers_fit(ctx, f->default_fparam, f->numb_fparam, 0, "model.fitting_net", "default_fparam"));
    layers = f->neuron->count + 1;
    good = f->trainable->kind == KR_TREE_BOOL || (f->trainable->kind == KR_TREE_LIST && f->trainable->count == layers);
    for (int i = 0; good && i < f->trainable->count; i++) good = f->trainable->child[i]->kind == KR_TREE_BOOL;
    if (!good)
        KR_TRY(kr_parameter_fail(ctx, "model.fitting_net", "trainable", f->trainable,
                                 "expected true, false or a list of %d flags, one per layer", layers));
    if (f->neuron->count == 0)
        KR_TRY(kr_parameter_fail(ctx, "model.fitting_net", "neuron", f->neuron, "expected at least one width"));
done:
    return status;
}

kr_status kr_input_read_model(kr_context *ctx, kr_input *in) {
    kr_status status = KR_OK, failed = KR_OK;
    kr_tree *raw = NULL;
    kr_tree *model;
    int ntypes;
    /* the raw section outlives its place in the completed tree until its own sections are read */
    KR_TRY(kr_tree_copy(ctx, kr_tree_get(in->complete, "model"), &raw));
    KR_TRY(kr_input_section(ctx, kr_input_model_table, raw, "model", &in->model, in->complete, "model"));
    model = kr_input_child(in->complete, "model");
    ntypes = in->model.type_map->count;
    if (ntypes < 1)
        KR_TRY(kr_parameter_fail(ctx, "model", "type_map", in->model.type_map, "expected at least one element"));
    for (int i = 0; i < ntypes; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(in->model.type_map->child[i]->string, in->model.type_map->child[k]->string))
                KR_TRY(kr_parameter_fail(ctx, "model", "type_map", in->model.type_map->child[i],
                                         "element %s stands there twice", in->model.type_map->child[i]->string));
    KR_TRY(pairs_fit(ctx, in->model.pair_exclude_types, ntypes, "model", "pair_exclude_types"));
    for (int i = 0; i < in->model.atom_exclude_types->count; i++)
        if (in->model.atom_exclude_types->child[i]->integer >= ntypes)
            KR_TRY(kr_parameter_fail(ctx, "model", "atom_exclude_types", in->model.atom_exclude_types,
                                     "expected types from 0 to %d", ntypes - 1));
    if (in->model.preset_out_bias) {
        const kr_tree *energy = kr_tree_get(in->model.preset_out_bias, "energy");
        if (in->model.preset_out_bias->kind != KR_TREE_MAP || in->model.preset_out_bias->count != 1 || !energy ||
            energy->kind != KR_TREE_LIST || energy->count != ntypes)
            KR_TRY(kr_parameter_fail(ctx, "model", "preset_out_bias", in->model.preset_out_bias,
                                     "expected {\"energy\": [...]} with %d numbers or nulls", ntypes));
        KR_TRY(numbers_fit(ctx, energy, ntypes, 1, "model.preset_out_bias", "energy"));
    }
    KR_TRY(kr_input_gather(ctx, read_descriptor(ctx, in, model), &failed));
    KR_TRY(kr_input_gather(ctx, read_fitting(ctx, in, model), &failed));
    KR_TRY(failed);
done:
    kr_tree_destroy(&raw);
    return status;
}
