/* input.json → kr_input: sections through their tables, what stands across sections checked by hand.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "training/input_sections.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

kr_status kr_input_section(kr_context *ctx, const kr_parameter *table, const kr_tree *given, const char *where,
                           void *values, kr_tree *parent, const char *key) {
    kr_status status = KR_OK;
    kr_tree *complete = NULL;
    KR_TRY(kr_parameters_read(ctx, table, given, where, values, &complete));
    KR_TRY(kr_parameters_nest(ctx, parent, key, &complete));
done:
    kr_tree_destroy(&complete);
    return status;
}

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
    KR_TRY(kr_input_section(ctx, tables[which], raw, "learning_rate", r, in->complete, "learning_rate"));
    r->type = which;
    map = kr_input_child(in->complete, "learning_rate");
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
    KR_TRY(kr_input_section(ctx, kr_input_loss, raw, "loss", &v, in->complete, "loss"));
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
    kr_tree *map = kr_input_child(in->complete, "optimizer"), *copy = NULL, *type = NULL;
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
    KR_TRY(kr_input_section(ctx, kr_input_training_table, raw, "training", t, in->complete, "training"));
    map = kr_input_child(in->complete, "training");
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
    KR_TRY(kr_input_section(ctx, kr_input_training_data, t->training_data_map, "training.training_data", &t->data, map,
                            "training_data"));
    KR_TRY(check_data(ctx, &t->data, "training.training_data"));
    if (t->validation_data_map) {
        KR_TRY(kr_input_section(ctx, kr_input_validation_data, t->validation_data_map, "training.validation_data",
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

/* separate_degrees needs degrees, and a column for each. */
static kr_status check_degrees(kr_context *ctx, const kr_input *in) {
    const kr_input_descriptor *d = &in->model.descriptor;
    if (!in->own.separate_degrees || (d->lmax > 1 && d->axis_neuron > d->lmax)) return KR_OK;
    return kr_parameter_fail(ctx, "kramers", "separate_degrees", NULL,
                             "found true with lmax %d and axis_neuron %d, expected lmax 2 to 4 (se_atten) and "
                             "axis_neuron at least lmax + 1",
                             d->lmax, d->axis_neuron);
}

/* Empty slots of se_atten take the type of a frame's first atom: without a shift of their rows that has no effect. */
static void warn_of_order(kr_context *ctx, const kr_input *in) {
    const kr_input_descriptor *d = &in->model.descriptor;
    if (d->type != KR_INPUT_SE_ATTEN && d->type != KR_INPUT_SE_ATTEN_V2) return;
    if (in->model.type_map->count > 1 && !d->set_davg_zero)
        kr_log(
            ctx, KR_LOG_WARNING,
            "model.descriptor.set_davg_zero = false with %d elements: energies depend on which atom is the first one "
            "of a frame, because empty places of %s take its element; true is better",
            in->model.type_map->count, d->type_name);
}

kr_status kr_input_from_tree(kr_context *ctx, const kr_tree *tree, const char *where, kr_input **input) {
    if (!tree || !where || !input) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_input_from_tree: an argument is NULL");
    kr_status status = KR_OK, failed = KR_OK;
    kr_input *in = NULL;
    kr_tree *own = NULL;
    *input = NULL;
    KR_NEW(ctx, in, 1);
    KR_TRY(kr_parameters_read(ctx, kr_input_top, tree, "input", NULL, &in->complete));
    KR_TRY(kr_input_gather(ctx, kr_input_read_model(ctx, in), &failed));
    KR_TRY(kr_input_gather(ctx, read_rate(ctx, in), &failed));
    KR_TRY(kr_input_gather(ctx, read_loss(ctx, in), &failed));
    KR_TRY(kr_input_gather(ctx, read_training(ctx, in), &failed));
    KR_TRY(kr_input_gather(ctx, read_optimizer(ctx, in), &failed));
    KR_TRY(kr_tree_copy(ctx, kr_tree_get(in->complete, "kramers"), &own));
    KR_TRY(kr_input_section(ctx, kr_input_own_table, own, "kramers", &in->own, in->complete, "kramers"));
    KR_TRY(failed);
    KR_TRY(check_degrees(ctx, in));
    warn_of_order(ctx, in);
    *input = in;
    in = NULL;
done:
    if (status < 0 && *where) kr_error_prefix(ctx, "%s", where);
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
