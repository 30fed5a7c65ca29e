/* The training input of a campaign.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/config_training.h"
#include "core/activation.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/optimizer.h"
#include "core/suggest.h"
#include "core/text.h"
#include "training/input.h"
#include "training/sampler.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_RATE 0.001 /* start_lr of DeePMD-kit */

/* kr_tree_get is const for readers; the copy is ours. A section that is absent is made. */
static kr_status child(kr_context *ctx, kr_tree *map, const char *key, kr_tree **found) {
    kr_status status = KR_OK;
    kr_tree *made = NULL;
    const kr_tree *there = kr_tree_get(map, key);
    if (there && there->kind != KR_TREE_MAP) {
        status = kr_parameter_fail(ctx, "model.training", key, there, "expected { ... }");
    } else if (!there) {
        status = kr_tree_new(ctx, KR_TREE_MAP, &made);
        if (status == KR_OK) made->line = map->line, made->column = map->column;
        if (status == KR_OK) status = kr_tree_set(ctx, map, key, &made);
    }
    *found = (kr_tree *)kr_tree_get(map, key);
    return status;
}

static kr_status set_texts(kr_context *ctx, kr_tree *map, const char *key, int n, const char *const *texts) {
    kr_status status = KR_OK;
    kr_tree *list = NULL, *item = NULL;
    KR_TRY(kr_tree_new(ctx, KR_TREE_LIST, &list));
    for (int i = 0; i < n; i++) {
        KR_TRY(kr_tree_new_string(ctx, texts[i], &item));
        KR_TRY(kr_tree_append(ctx, list, &item));
    }
    KR_TRY(kr_tree_set(ctx, map, key, &list));
done:
    kr_tree_destroy(&list);
    kr_tree_destroy(&item);
    return status;
}

static kr_status set_int(kr_context *ctx, kr_tree *map, const char *key, int64_t value) {
    kr_tree *item = NULL;
    kr_status status = kr_tree_new_int(ctx, value, &item);
    return status == KR_OK ? kr_tree_set(ctx, map, key, &item) : status;
}

static kr_status set_real(kr_context *ctx, kr_tree *map, const char *key, double value) {
    kr_tree *item = NULL;
    kr_status status = kr_tree_new_real(ctx, value, &item);
    return status == KR_OK ? kr_tree_set(ctx, map, key, &item) : status;
}

/* A positive number that is there is multiplied. */
static kr_status scale(kr_context *ctx, kr_tree *map, const char *key, double factor, int whole) {
    const kr_tree *value = kr_tree_get(map, key);
    kr_tree *item = NULL;
    if (!value || factor == 1 || (value->kind != KR_TREE_INT && value->kind != KR_TREE_REAL)) return KR_OK;
    double scaled = value->real * factor;
    kr_status status =
        whole ? kr_tree_new_int(ctx, (int64_t)fmax(1, round(scaled)), &item) : kr_tree_new_real(ctx, scaled, &item);
    return status == KR_OK ? kr_tree_set(ctx, map, key, &item) : status;
}

static kr_status fill_data(kr_context *ctx, kr_tree *training, const kr_training_fill *f) {
    kr_status status = KR_OK;
    kr_tree *data, *validation, *item = NULL;
    KR_TRY(child(ctx, training, "training_data", &data));
    KR_TRY(set_texts(ctx, data, "systems", f->nsystems, (const char *const *)f->systems));
    if (f->auto_prob) {
        KR_TRY(kr_tree_new_string(ctx, f->auto_prob, &item));
        KR_TRY(kr_tree_set(ctx, data, "auto_prob", &item));
    }
    if (f->nvalidation) {
        KR_TRY(child(ctx, training, "validation_data", &validation));
        KR_TRY(set_texts(ctx, validation, "systems", f->nvalidation, (const char *const *)f->validation));
    }
done:
    kr_tree_destroy(&item);
    return status;
}

kr_status kr_config_training(kr_context *ctx, const kr_config *c, const kr_training_fill *f, kr_tree **input) {
    kr_status status = KR_OK;
    kr_tree *tree = NULL, *model, *training, *rate, *part;
    static const char *const seeded[] = {"descriptor", "fitting_net"};
    *input = NULL;
    KR_TRY(kr_tree_copy(ctx, c->training, &tree));
    KR_TRY(child(ctx, tree, "model", &model));
    KR_TRY(child(ctx, tree, "training", &training));
    KR_TRY(set_texts(ctx, model, "type_map", c->nelements, c->element));
    for (int k = 0; k < 2; k++) { /* members must differ in their first parameters, so no seed of the user's stays */
        KR_TRY(child(ctx, model, seeded[k], &part));
        KR_TRY(set_int(ctx, part, "seed", (int64_t)((f->seed + (uint64_t)k + 1) & 0x7fffffff)));
    }
    KR_TRY(set_int(ctx, training, "seed", (int64_t)(f->seed & 0x7fffffff)));
    KR_TRY(fill_data(ctx, training, f));
    KR_TRY(scale(ctx, training, "numb_steps", f->steps, 1));
    KR_TRY(scale(ctx, training, "stop_batch", f->steps, 1)); /* its older name */
    KR_TRY(child(ctx, tree, "learning_rate", &rate));
    if (!kr_tree_get(rate, "start_lr")) KR_TRY(set_real(ctx, rate, "start_lr", DEFAULT_RATE));
    KR_TRY(scale(ctx, rate, "start_lr", f->rate, 0));
    *input = tree;
    tree = NULL;
done:
    kr_tree_destroy(&tree);
    return status;
}

/* ---- checking ---- */

typedef struct prefixed {
    kr_mistake_fn outer;
    void *payload;
    const char *prefix;
    kr_string told;
} prefixed;

/* A mistake reaches us where it is found, where it is passed up, and again from `survey`: it is told once. */
static void tell(kr_context *ctx, void *payload) {
    prefixed *p = payload;
    const char *message = kr_context_message(ctx);
    while (!strncmp(message, ": ", 2)) message += 2;
    if (p->told.data && strstr(p->told.data, message)) return;
    if (kr_string_puts(NULL, &p->told, message) != KR_OK || kr_string_puts(NULL, &p->told, "\n") != KR_OK) return;
    kr_error_prefix(ctx, "%s", p->prefix);
    p->outer(ctx, p->payload);
}

/* A mistake at the top level ends the reading: here all sections are looked at, each for itself. */
static kr_status survey(kr_context *ctx, const kr_tree *tree) {
    kr_status status = KR_OK;
    const kr_tree *model = kr_tree_get(tree, "model"), *training = kr_tree_get(tree, "training");
    const struct {
        const kr_parameter *table;
        const kr_tree *given;
        const char *where;
    } sections[] = {{kr_input_top, tree, ""},
                    {kr_input_model_table, model, "model"},
                    {kr_input_fitting_table, kr_tree_get(model, "fitting_net"), "model.fitting_net"},
                    {kr_input_loss, kr_tree_get(tree, "loss"), "loss"},
                    {kr_input_training_table, training, "training"},
                    {kr_input_training_data, kr_tree_get(training, "training_data"), "training.training_data"},
                    {kr_input_own_table, kr_tree_get(tree, "kramers"), "kramers"}};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        kr_tree *complete = NULL;
        int mistakes;
        if (!sections[i].given) continue;
        status = kr_parameters_survey(ctx, sections[i].table, sections[i].given, sections[i].where, NULL, &complete,
                                      &mistakes);
        kr_tree_destroy(&complete);
        KR_TRY(status);
    }
done:
    return status;
}

/* ---- words that the tables leave to those who read them ---- */

static kr_status check_activation(kr_context *ctx, const kr_tree *section, const char *where) {
    const kr_tree *word = kr_tree_get(section, "activation_function");
    kr_activation parsed;
    kr_mistake_fn mistake;
    void *payload;
    if (!word || word->kind != KR_TREE_STRING) return KR_OK;
    mistake = kr_context_get_mistake(ctx, &payload); /* its own message does not know the place */
    kr_context_set_mistake(ctx, NULL, NULL);
    kr_status status = kr_activation_parse(ctx, word->string, &parsed);
    kr_context_set_mistake(ctx, mistake, payload);
    if (status == KR_OK) return KR_OK;
    status = kr_parameter_fail(ctx, where, "activation_function", word, "\"%.40s\" is not known", word->string);
    return kr_config_told(ctx, status);
}

static kr_status check_optimizer(kr_context *ctx, const kr_tree *section) {
    static const char *const dropped[] = {"type"};
    kr_status status = KR_OK;
    const kr_tree *type = kr_tree_get(section, "type");
    const char *word = type && type->kind == KR_TREE_STRING ? type->string : "Adam", *names[64];
    const kr_optimizer_kind *kind = kr_optimizer_find(word);
    kr_tree *options = NULL, *complete = NULL;
    int mistakes, n = kr_optimizer_count() < 64 ? kr_optimizer_count() : 64;
    if (!section || section->kind != KR_TREE_MAP) return KR_OK;
    if (!kind) {
        for (int k = 0; k < n; k++) names[k] = kr_optimizer_at(k)->name;
        const char *near = kr_suggest(word, n, names);
        status = kr_parameter_fail(ctx, "optimizer", "type", type, "there is no optimizer \"%.40s\"", word);
        if (near) kr_error_hint(ctx, "did you mean \"%s\"?", near);
        return kr_config_told(ctx, status);
    }
    KR_TRY(kr_tree_without(ctx, section, 1, dropped, &options));
    KR_TRY(kr_parameters_survey(ctx, kind->parameters, options, "optimizer", NULL, &complete, &mistakes));
done:
    kr_tree_destroy(&options);
    kr_tree_destroy(&complete);
    return kr_config_told(ctx, status);
}

static int is_batch(const kr_tree *size) {
    if (size->kind == KR_TREE_STRING) return kr_sampler_word(size->string);
    for (int i = 0; size->kind == KR_TREE_LIST && i < size->count; i++)
        if (!is_batch(size->child[i])) return 0;
    return size->kind == KR_TREE_LIST ? size->count > 0 : size->kind == KR_TREE_INT && size->integer >= 1;
}

static kr_status check_batch(kr_context *ctx, const kr_tree *size) {
    static const char expected[] = "expected a number >= 1, auto, auto:N, max:N, filter:N or mixed:N";
    static const char where[] = "training.training_data";
    if (!size || is_batch(size)) return KR_OK;
    kr_status status = size->kind == KR_TREE_STRING ? kr_parameter_fail(ctx, where, "batch_size", size,
                                                                        "found \"%.30s\", %s", size->string, expected)
                       : size->kind == KR_TREE_INT
                           ? kr_parameter_fail(ctx, where, "batch_size", size, "found %g, %s", size->real, expected)
                           : kr_parameter_fail(ctx, where, "batch_size", size, "%s", expected);
    return kr_config_told(ctx, status);
}

/* Numbers that training would take and nobody means. */
static kr_status check_numbers(kr_context *ctx, const kr_tree *tree) {
    kr_status status = KR_OK;
    const kr_tree *rcut = kr_tree_at(tree, "model.descriptor.rcut"), *rate = kr_tree_get(tree, "learning_rate");
    const kr_tree *start = kr_tree_get(rate, "start_lr"), *stop = kr_tree_get(rate, "stop_lr");
    if (rcut && rcut->real > KR_CONFIG_RCUT)
        KR_TRY(kr_config_told(ctx, kr_parameter_fail(ctx, "model.descriptor", "rcut", rcut,
                                                     "found %g A, expected at "
                                                     "most %g A",
                                                     rcut->real, KR_CONFIG_RCUT)));
    if (start && start->real > 1)
        KR_TRY(kr_config_told(ctx, kr_parameter_fail(ctx, "learning_rate", "start_lr", start,
                                                     "found %g, expected at most 1", start->real)));
    if (start && stop && start->real < stop->real)
        KR_TRY(kr_config_told(ctx, kr_parameter_fail(ctx, "learning_rate", "start_lr", start,
                                                     "found %g, below stop_lr, %g", start->real, stop->real)));
done:
    return status;
}

static kr_status check_words(kr_context *ctx, const kr_tree *tree) {
    kr_status status = KR_OK;
    const kr_tree *model = kr_tree_get(tree, "model");
    KR_TRY(check_activation(ctx, kr_tree_get(model, "descriptor"), "model.descriptor"));
    KR_TRY(check_activation(ctx, kr_tree_get(model, "fitting_net"), "model.fitting_net"));
    KR_TRY(check_optimizer(ctx, kr_tree_get(tree, "optimizer")));
    KR_TRY(check_batch(ctx, kr_tree_at(tree, "training.training_data.batch_size")));
    KR_TRY(check_numbers(ctx, tree));
done:
    return status;
}

kr_status kr_config_training_check(kr_context *ctx, const kr_config *c) {
    kr_status status = KR_OK;
    kr_tree *tree = NULL;
    kr_input *input = NULL;
    char *nowhere = (char *)".", *prefix = NULL;
    kr_training_fill fill = {.nsystems = 1, .systems = &nowhere, .seed = 1, .steps = 1, .rate = 1};
    prefixed p = {.prefix = "model.training"};
    if (!c->training) return KR_OK; /* was told */
    if (c->model.training->kind == KR_TREE_STRING) {
        prefix = kr_strprintf(ctx, "model.training, %s", c->model.training->string);
        if (!prefix) return KR_ERR_MEMORY;
        p.prefix = prefix;
    }
    p.outer = kr_context_get_mistake(ctx, &p.payload);
    if (p.outer) kr_context_set_mistake(ctx, tell, &p);
    status = kr_config_training(ctx, c, &fill, &tree);
    if (status == KR_OK) status = kr_input_from_tree(ctx, tree, "", &input);
    status = kr_config_told(ctx, status);
    if (status == KR_OK && !input && tree && p.outer) status = survey(ctx, tree);
    if (status == KR_OK && tree) status = check_words(ctx, tree);
    if (p.outer) kr_context_set_mistake(ctx, p.outer, p.payload);
    kr_input_destroy(&input);
    kr_tree_destroy(&tree);
    kr_free(p.told.data);
    kr_free(prefix);
    return status;
}
