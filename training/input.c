/* input.json → kr_input: sections through their tables, what stands across sections checked by hand.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "training/input.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* One section: given → values and, completed, into `parent` under `key`. The values borrow from the completed tree,
 * which stays where it is. */
static kr_status section(kr_context *ctx, const kr_parameter *table, const kr_tree *given, const char *where,
                         void *values, kr_tree *parent, const char *key) {
    kr_status status = KR_OK;
    kr_tree *complete = NULL;
    KR_TRY(kr_parameters_read(ctx, table, given, where, values, &complete));
    KR_TRY(kr_parameters_nest(ctx, parent, key, &complete));
done:
    kr_tree_destroy(&complete);
    return status;
}

/* The child to write into. kr_tree_get is const for readers; the completed tree is ours. */
static kr_tree *child_of(kr_tree *map, const char *key) { return (kr_tree *)kr_tree_get(map, key); }

static kr_status set_real(kr_context *ctx, kr_tree *map, const char *key, double value) {
    kr_tree *node = NULL;
    kr_status status = kr_tree_new_real(ctx, value, &node);
    return status < 0 ? status : kr_tree_set(ctx, map, key, &node);
}

static kr_status set_null(kr_context *ctx, kr_tree *map, const char *key) {
    kr_tree *node = NULL;
    kr_status status = kr_tree_new(ctx, KR_TREE_NULL, &node);
    return status < 0 ? status : kr_tree_set(ctx, map, key, &node);
}

/* ---- model ------------------------------------------------------------------------------------------------------- */

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
        double factor = 1.1;
        char rest;
        good = !strcmp(sel->string, "auto") ||
               (sscanf(sel->string, "auto:%lf%c", &factor, &rest) == 1 && factor >= 1.0 && factor < 100.0);
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

static kr_status read_descriptor(kr_context *ctx, kr_input *in, kr_tree *model) {
    kr_status status = KR_OK;
    kr_input_descriptor *d = &in->model.descriptor;
    const kr_tree *given = in->model.descriptor_map;
    static const char *const names[] = {"se_e2_a", "se_r", "dpa1", "se_atten_v2"};
    int which, mixed, ntypes = in->model.type_map->count;
    KR_TRY(descriptor_table(ctx, given, &which));
    KR_TRY(section(ctx, kr_input_descriptors[which], given, "model.descriptor", d, model, "descriptor"));
    given = kr_tree_get(model, "descriptor");
    d->type = which;
    d->type_name = names[which];
    mixed = which == KR_INPUT_SE_ATTEN || which == KR_INPUT_SE_ATTEN_V2;
    if (which == KR_INPUT_SE_ATTEN_V2) d->strip = d->smooth_type_embedding = 1;
    KR_TRY(check_sel(ctx, d->sel, mixed, ntypes));
    KR_TRY(pairs_fit(ctx, d->exclude_types, ntypes, "model.descriptor", "exclude_types"));
    KR_TRY(check_precision(ctx, "model.descriptor", d->precision, given));
    if (d->rcut_smth >= d->rcut) {
        status = kr_parameter_fail(ctx, "model.descriptor", "rcut_smth", kr_tree_get(given, "rcut_smth"),
                                   "found %g A, expected less than rcut, %g A", d->rcut_smth, d->rcut);
        goto done;
    }
    if (d->neuron->count == 0 || (d->axis_neuron && d->axis_neuron > d->neuron->child[d->neuron->count - 1]->integer))
        KR_TRY(kr_parameter_fail(ctx, "model.descriptor", d->neuron->count ? "axis_neuron" : "neuron", d->neuron,
                                 "expected at least one width, and axis_neuron no larger than the last one"));
    if (which == KR_INPUT_SE_E2_R && !d->type_one_side)
        KR_TRY(kr_parameter_fail(ctx, "model.descriptor", "type_one_side", kr_tree_get(given, "type_one_side"),
                                 "se_e2_r needs type_one_side: true, because DeePMD-kit evaluates other models of this "
                                 "kind wrongly"));
    if (in->model.type_embedding && mixed) {
        const kr_tree *neuron = NULL;
        KR_TRY(section(ctx, kr_input_type_embedding, in->model.type_embedding, "model.type_embedding", &neuron, model,
                       "type_embedding"));
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
    KR_TRY(section(ctx, kr_input_fitting_table, in->model.fitting_map, "model.fitting_net", f, model, "fitting_net"));
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

static kr_status read_model(kr_context *ctx, kr_input *in) {
    kr_status status = KR_OK;
    kr_tree *raw = NULL;
    kr_tree *model;
    int ntypes;
    /* the raw section outlives its place in the completed tree until its own sections are read */
    KR_TRY(kr_tree_copy(ctx, kr_tree_get(in->complete, "model"), &raw));
    KR_TRY(section(ctx, kr_input_model_table, raw, "model", &in->model, in->complete, "model"));
    model = child_of(in->complete, "model");
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
    KR_TRY(read_descriptor(ctx, in, model));
    KR_TRY(read_fitting(ctx, in, model));
done:
    kr_tree_destroy(&raw);
    return status;
}

/* ---- learning rate, loss, optimizer ------------------------------------------------------------------------------ */

static kr_status read_rate(kr_context *ctx, kr_input *in) {
    static const kr_parameter *const tables[] = {kr_input_exp, kr_input_cosine, kr_input_wsd};
    static const char *const names[] = {"exp", "cosine", "wsd"};
    kr_status status = KR_OK;
    kr_tree *raw = NULL, *map;
    kr_input_rate *r = &in->rate;
    const kr_tree *type;
    int which = 0;
    KR_TRY(kr_tree_copy(ctx, kr_tree_get(in->complete, "learning_rate"), &raw));
    type = kr_tree_get(raw, "type");
    for (int i = 0; type && type->kind == KR_TREE_STRING && i < 3; i++)
        if (!strcmp(type->string, names[i])) which = i;
    if (type && type->kind == KR_TREE_STRING && strcmp(type->string, names[which]))
        KR_TRY(kr_parameter_fail(ctx, "learning_rate", "type", type, "found \"%.30s\", expected exp, cosine or wsd",
                                 type->string));
    KR_TRY(section(ctx, tables[which], raw, "learning_rate", r, in->complete, "learning_rate"));
    r->type = which;
    map = child_of(in->complete, "learning_rate");
    if (!isnan(r->stop_lr) && !isnan(r->stop_lr_ratio))
        KR_TRY(kr_parameter_fail(ctx, "learning_rate", "stop_lr_ratio", kr_tree_get(map, "stop_lr_ratio"),
                                 "either stop_lr or stop_lr_ratio is given, not both"));
    if (r->warmup_steps > 0 && !isnan(r->warmup_ratio))
        KR_TRY(kr_parameter_fail(ctx, "learning_rate", "warmup_ratio", kr_tree_get(map, "warmup_ratio"),
                                 "either warmup_steps or warmup_ratio is given, not both"));
    if (!isnan(r->stop_lr_ratio)) {
        r->stop_lr = r->start_lr * r->stop_lr_ratio;
        KR_TRY(set_null(ctx, map, "stop_lr"));
    } else if (isnan(r->stop_lr)) {
        r->stop_lr = 5e-8;
        KR_TRY(set_real(ctx, map, "stop_lr", r->stop_lr));
    }
done:
    kr_tree_destroy(&raw);
    return status;
}

static kr_status read_loss(kr_context *ctx, kr_input *in) {
    kr_status status = KR_OK;
    kr_tree *raw = NULL;
    kr_input_loss_values v = {0};
    kr_loss_options *o = &in->loss;
    int n;
    double *delta = NULL;
    KR_TRY(kr_tree_copy(ctx, kr_tree_get(in->complete, "loss"), &raw));
    KR_TRY(section(ctx, kr_input_loss, raw, "loss", &v, in->complete, "loss"));
    for (int t = 0; t < KR_LOSS_TERMS; t++) {
        o->start[t] = v.start[t];
        o->limit[t] = v.limit[t];
    }
    o->relative_f = isnan(v.relative_f) ? -1.0 : v.relative_f;
    o->huber = v.huber;
    o->mae = v.loss_func == 1;
    o->f_use_norm = v.f_use_norm;
    o->intensive = v.intensive;
    o->use_default_pf = v.use_default_pf;
    KR_TRY(kr_parameter_reals(ctx, v.huber_delta, &n, &delta));
    for (int i = 0; i < n; i++)
        if (!(delta[i] > 0.0)) n = 0;
    if (n != 1 && n != 3)
        KR_TRY(kr_parameter_fail(ctx, "loss", "huber_delta", v.huber_delta, "expected one or three positive numbers"));
    for (int i = 0; i < 3; i++) o->huber_delta[i] = delta[n == 1 ? 0 : i];
done:
    kr_free(delta);
    kr_tree_destroy(&raw);
    return status;
}

/* Defaults that DeePMD-kit adds for its own optimizers; other keys are checked by the optimizer. */
static kr_status complete_adam(kr_context *ctx, kr_tree *map, const char *type) {
    kr_status status = KR_OK;
    static const char *const keys[] = {"adam_beta1", "adam_beta2", "weight_decay"};
    double values[] = {0.9, 0.999, strcmp(type, "AdamW") ? 0.0 : 0.001};
    if (strcmp(type, "Adam") && strcmp(type, "AdamW")) return KR_OK;
    for (int i = 0; i < 3; i++)
        if (!kr_tree_get(map, keys[i])) KR_TRY(set_real(ctx, map, keys[i], values[i]));
done:
    return status;
}

static kr_status read_optimizer(kr_context *ctx, kr_input *in) {
    kr_status status = KR_OK;
    kr_tree *map = child_of(in->complete, "optimizer"), *copy = NULL, *type = NULL;
    char place[48];
    if (map->kind != KR_TREE_MAP)
        KR_FAIL(ctx, KR_ERR_FORMAT, "optimizer: expected { ... }%s", kr_tree_place(map, place));
    if (!kr_tree_get(map, "type")) {
        KR_TRY(kr_tree_new_string(ctx, "Adam", &type));
        KR_TRY(kr_tree_set(ctx, map, "type", &type));
    }
    KR_TRY(kr_tree_get_string(ctx, map, "type", &in->optimizer));
    KR_TRY(complete_adam(ctx, map, in->optimizer));
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &in->optimizer_map));
    for (int i = 0; i < map->count; i++) {
        if (!strcmp(map->key[i], "type") || map->key[i][0] == '_') continue;
        KR_TRY(kr_tree_copy(ctx, map->child[i], &copy));
        KR_TRY(kr_tree_add(ctx, in->optimizer_map, map->key[i], &copy));
    }
    in->optimizer_options = in->optimizer_map;
done:
    kr_tree_destroy(&copy);
    kr_tree_destroy(&type);
    return status;
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

static kr_status check_data(kr_context *ctx, const kr_input_data *d, const char *where) {
    kr_status status = KR_OK;
    const kr_tree *s = d->systems;
    int good = s->kind == KR_TREE_STRING || (s->kind == KR_TREE_LIST && s->count > 0);
    for (int i = 0; good && i < s->count; i++) good = s->child[i]->kind == KR_TREE_STRING;
    if (!good) KR_TRY(kr_parameter_fail(ctx, where, "systems", s, "expected a folder or a list of folders and files"));
done:
    return status;
}

static kr_status read_training(kr_context *ctx, kr_input *in) {
    kr_status status = KR_OK;
    kr_tree *raw = NULL, *map;
    kr_input_training *t = &in->training;
    KR_TRY(kr_tree_copy(ctx, kr_tree_get(in->complete, "training"), &raw));
    KR_TRY(section(ctx, kr_input_training_table, raw, "training", t, in->complete, "training"));
    map = child_of(in->complete, "training");
    if ((t->numb_steps == KR_PARAMETER_NULL) == isnan(t->numb_epoch)) {
        KR_TRY(kr_parameter_fail(ctx, "training", "numb_steps", kr_tree_get(map, "numb_steps"),
                                 isnan(t->numb_epoch) ? "the number of steps (or numb_epoch) is missing"
                                                      : "either numb_steps or numb_epoch is given, not both"));
    }
    if (t->stat_file && kr_file_exists(t->stat_file)) /* DeePMD-kit would take the statistics of that run */
        KR_TRY(kr_parameter_fail(ctx, "training", "stat_file", kr_tree_get(map, "stat_file"),
                                 "%s exists and is not read: without the key, statistics are those of the data",
                                 t->stat_file));
    t->data.present = 1;
    t->data.numb_btch = 1;
    KR_TRY(section(ctx, kr_input_training_data, t->training_data_map, "training.training_data", &t->data, map,
                   "training_data"));
    KR_TRY(check_data(ctx, &t->data, "training.training_data"));
    if (t->validation_data_map) {
        KR_TRY(section(ctx, kr_input_validation_data, t->validation_data_map, "training.validation_data",
                       &t->validation, map, "validation_data"));
        t->validation.present = 1;
        KR_TRY(check_data(ctx, &t->validation, "training.validation_data"));
    }
    t->training_data_map = t->validation_data_map = NULL;
    if (t->seed == KR_PARAMETER_NULL) t->seed = 0;
done:
    kr_tree_destroy(&raw);
    return status;
}

kr_status kr_input_from_tree(kr_context *ctx, const kr_tree *tree, const char *where, kr_input **input) {
    if (!tree || !where || !input) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_input_from_tree: an argument is NULL");
    kr_status status = KR_OK;
    kr_input *in = NULL;
    kr_tree *own = NULL;
    *input = NULL;
    KR_NEW(ctx, in, 1);
    KR_TRY(kr_parameters_read(ctx, kr_input_top, tree, "input", NULL, &in->complete));
    KR_TRY(read_model(ctx, in));
    KR_TRY(read_rate(ctx, in));
    KR_TRY(read_loss(ctx, in));
    KR_TRY(read_training(ctx, in));
    KR_TRY(read_optimizer(ctx, in));
    KR_TRY(kr_tree_copy(ctx, kr_tree_get(in->complete, "kramers"), &own));
    KR_TRY(section(ctx, kr_input_own_table, own, "kramers", &in->own, in->complete, "kramers"));
    *input = in;
    in = NULL;
done:
    if (status < 0) kr_error_prefix(ctx, "%s", where);
    kr_tree_destroy(&own);
    kr_input_destroy(&in);
    return status;
}

kr_status kr_input_read(kr_context *ctx, const char *path, kr_input **input) {
    kr_status status = KR_OK;
    kr_tree *tree = NULL;
    *input = NULL;
    KR_TRY(kr_json_read(ctx, path, &tree));
    KR_TRY(kr_input_from_tree(ctx, tree, path, input));
done:
    kr_tree_destroy(&tree);
    return status;
}

void kr_input_destroy(kr_input **input) {
    if (!input || !*input) return;
    kr_tree_destroy(&(*input)->complete);
    kr_tree_destroy(&(*input)->optimizer_map);
    kr_free(*input);
    *input = NULL;
}

void kr_input_describe(void (*line)(const char *text, void *payload), void *payload) {
    const struct {
        const char *name;
        const kr_parameter *table;
    } part[] = {{"input.json", kr_input_top},
                {"model", kr_input_model_table},
                {"model.descriptor, type se_e2_a", kr_input_descriptors[0]},
                {"model.descriptor, type se_e2_r", kr_input_descriptors[1]},
                {"model.descriptor, type se_atten", kr_input_descriptors[2]},
                {"model.descriptor, type se_atten_v2", kr_input_descriptors[3]},
                {"model.fitting_net", kr_input_fitting_table},
                {"learning_rate, type exp", kr_input_exp},
                {"learning_rate, type cosine", kr_input_cosine},
                {"learning_rate, type wsd", kr_input_wsd},
                {"loss", kr_input_loss},
                {"training", kr_input_training_table},
                {"training.training_data", kr_input_training_data},
                {"training.validation_data", kr_input_validation_data},
                {"kramers", kr_input_own_table}};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        if (i) line("", payload);
        line(part[i].name, payload);
        kr_parameters_describe(part[i].table, line, payload);
    }
}
