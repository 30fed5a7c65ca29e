/* The sections explore, examine and select of eelt.json.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "core/suggest.h"
#include "eelt/config.h"
#include "eelt/explorer.h"
#include "eelt/generate.h"
#include "eelt/novelty.h"
#include "eelt/select.h"
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- ranges ---- */

static int is_number(const kr_tree *t) {
    return (t->kind == KR_TREE_INT || t->kind == KR_TREE_REAL) && isfinite(t->real);
}

/* Beyond the least and the most that somebody may mean, another unit was meant. */
typedef struct limits {
    const char *key, *unit, *other; /* other: a unit that the value may be in */
    double least, most, factor;     /* other in units */
} limits;
static const limits temperatures = {"T_K", "K", NULL, 1e-3, 1e6, 0};
static const limits pressures = {"P_GPa", "GPa", "bar", -1e4, 1e4, 1e-4};

static int within(const limits *l, const kr_tree *t) {
    return is_number(t) && t->real >= l->least && t->real <= l->most;
}

static kr_status out_of_limits(kr_context *ctx, const limits *l, const kr_tree *value, const char *where) {
    kr_status status = is_number(value) ? kr_parameter_fail(ctx, where, l->key, value, "found %g, expected %g to %g %s",
                                                            value->real, l->least, l->most, l->unit)
                                        : kr_parameter_fail(ctx, where, l->key, value,
                                                            "expected numbers, %g to %g %s, or pairs of them (ramps)",
                                                            l->least, l->most, l->unit);
    if (is_number(value) && l->other)
        kr_error_hint(ctx, "%g %s are %g %s", value->real, l->other, value->real * l->factor, l->unit);
    return kr_config_told(ctx, status);
}

/* [300, [300, 900]]: numbers and ramps. */
static kr_status read_ranges(kr_context *ctx, const kr_tree *list, const limits *l, const char *where, int *n,
                             kr_range **ranges) {
    kr_status status = KR_OK;
    *n = 0;
    *ranges = NULL;
    if (!list) return KR_OK; /* was told */
    int count = list->kind == KR_TREE_LIST ? list->count : 1;
    KR_NEW(ctx, *ranges, (size_t)count);
    if (!count) KR_TRY(kr_config_told(ctx, kr_parameter_fail(ctx, where, l->key, list, "the list is empty")));
    for (int i = 0; i < count; i++) {
        const kr_tree *item = list->kind == KR_TREE_LIST ? list->child[i] : list;
        const kr_tree *pair[2] = {item, item};
        if (item->kind == KR_TREE_LIST && item->count == 2) pair[0] = item->child[0], pair[1] = item->child[1];
        if (!within(l, pair[0]) || !within(l, pair[1])) {
            KR_TRY(out_of_limits(ctx, l, within(l, pair[0]) ? pair[1] : pair[0], where));
            continue;
        }
        (*ranges)[*n].value[0] = pair[0]->real;
        (*ranges)[(*n)++].value[1] = pair[1]->real;
    }
done:
    return status;
}

/* ---- systems ---- */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static kr_status read_system(kr_context *ctx, kr_config *c, const kr_tree *node, int i) {
    kr_status status = KR_OK;
    kr_config_system *s = &c->system[i];
    char where[64];
    snprintf(where, sizeof where, "explore.systems[%d]", i);
    s->node = node;
    if (node->kind == KR_TREE_STRING) {
        s->name = base_name(node->string);
        s->files = node;
    } else {
        int mistakes;
        KR_TRY(kr_parameters_survey(ctx, kr_config_system_table, node, where, s, &s->complete, &mistakes));
        if (!s->files == !s->generate && !mistakes)
            KR_TRY(kr_config_told(ctx, kr_parameter_fail(ctx, where, "", node, "expected either files or generate")));
        const kr_tree *kind = s->generate ? kr_tree_get(s->generate, "kind") : NULL;
        if (!s->name && kind && kind->kind == KR_TREE_STRING) s->name = kind->string;
        if (!s->name && s->files && s->files->count) s->name = base_name(s->files->child[0]->string);
        if (!s->name) s->name = "system";
    }
    for (int k = 0; k < i; k++)
        if (!strcmp(c->system[k].name, s->name))
            KR_TRY(kr_config_told(ctx, kr_parameter_fail(ctx, where, "name", node, "\"%s\" is there twice", s->name)));
done:
    return status;
}

static kr_status read_list(kr_context *ctx, const kr_tree *list, const char *key, int *n) {
    *n = 0;
    if (!list) return KR_OK; /* missing: was told */
    if (list->kind != KR_TREE_LIST || !list->count)
        return kr_config_told(ctx,
                              kr_parameter_fail(ctx, "explore", key, list, "expected a list with one entry or more"));
    *n = list->count;
    return KR_OK;
}

/* ---- stages ---- */

static kr_status read_stage(kr_context *ctx, kr_config *c, const kr_tree *node, int i) {
    kr_status status = KR_OK;
    kr_config_stage *s = &c->stage[i];
    char where[64];
    snprintf(where, sizeof where, "explore.stages[%d]", i);
    KR_TRY(kr_config_section(ctx, c, kr_config_stage_table, node, where, s));
    if (s->sample_every > s->steps && s->steps > 0) {
        const kr_tree *given = kr_tree_get(node, "sample_every");
        KR_TRY(kr_config_told(ctx, kr_parameter_fail(ctx, where, "sample_every", given ? given : node,
                                                     "found %ld, but a run has %ld steps: nothing would be sampled",
                                                     (long)s->sample_every, (long)s->steps)));
    }
    KR_TRY(read_ranges(ctx, s->T, &temperatures, where, &s->nT, &s->T_K));
    KR_TRY(read_ranges(ctx, s->P, &pressures, where, &s->nP, &s->P_GPa));
    KR_NEW(ctx, s->uses, (size_t)c->nsystems + 1);
    for (int g = 0; s->systems && g < s->systems->count; g++) {
        int found = 0;
        for (int k = 0; k < c->nsystems; k++)
            if (!fnmatch(s->systems->child[g]->string, c->system[k].name, 0)) found = s->uses[k] = 1;
        if (!found && c->nsystems)
            KR_TRY(kr_config_told(ctx,
                                  kr_parameter_fail(ctx, where, "systems", s->systems->child[g],
                                                    "no system has a name like \"%s\"", s->systems->child[g]->string)));
    }
done:
    return status;
}

/* {"engine": …, options…}, with the places of the input. */
static kr_status make_engine(kr_context *ctx, kr_config *c) {
    kr_status status = KR_OK;
    kr_tree *copy = NULL;
    const kr_tree *options = c->explore.options, *given = kr_tree_get(c->top.explore, "engine");
    if (options && options->kind == KR_TREE_MAP)
        KR_TRY(kr_tree_copy(ctx, options, &c->engine));
    else
        KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &c->engine));
    KR_TRY(kr_tree_new_string(ctx, c->explore.engine, &copy));
    if (given) copy->line = given->line, copy->column = given->column;
    KR_TRY(kr_tree_set(ctx, c->engine, "engine", &copy));
done:
    kr_tree_destroy(&copy);
    return status;
}

/* What the engine refuses is a mistake of the file; the one that runs is made with the campaign. */
static kr_status check_engine(kr_context *ctx, const kr_config *c) {
    kr_explorer *engine = NULL;
    kr_status status = kr_config_told(ctx, kr_explorer_create(ctx, c->engine, c->base, "kramers", &engine));
    kr_explorer_destroy(&engine);
    return status;
}

/* One model has no deviation; the last layer is asked for one model, by the built-in engine. */
static kr_status check_method(kr_context *ctx, const kr_config *c) {
    const kr_tree *given = kr_tree_get(c->top.examine, "method");
    if (!given) given = c->top.examine ? c->top.examine : c->top.model;
    int deviation = c->examine.method == KR_NOVELTY_DEVIATION;
    if (!given || c->model.ensemble < 1) return KR_OK; /* was told */
    if (deviation && c->model.ensemble == 1)
        return kr_config_told(ctx, kr_parameter_fail(ctx, "examine", "method", given,
                                                     "one model (model.ensemble) has no deviation: expected posterior "
                                                     "or maxvol"));
    if (!deviation && c->model.ensemble != 1)
        return kr_config_told(ctx, kr_parameter_fail(ctx, "examine", "method", given,
                                                     "is for one model, model.ensemble is %d", c->model.ensemble));
    if (!deviation && c->explore.engine && strcmp(c->explore.engine, "builtin"))
        return kr_config_told(ctx, kr_parameter_fail(ctx, "examine", "method", given,
                                                     "explore.engine %s examines by the deviation of an ensemble only; "
                                                     "builtin can do this",
                                                     c->explore.engine));
    return KR_OK;
}

static kr_status check_rule(kr_context *ctx, const kr_config *c) {
    const kr_tree *given = kr_tree_get(c->top.select, "rule");
    const char *names[16];
    int n = 0;
    if (!given || !c->select.rule || kr_select_find(c->select.rule)) return KR_OK;
    while (n < 16 && (names[n] = kr_select_rule_name(n))) n++;
    kr_status status = kr_parameter_fail(ctx, "select", "rule", given,
                                         "\"%.40s\" is not known, expected fps, maxvol, "
                                         "random, topdev or inverse_population",
                                         c->select.rule);
    const char *near = kr_suggest(c->select.rule, n, names);
    if (near) kr_error_hint(ctx, "did you mean \"%s\"?", near);
    return kr_config_told(ctx, status);
}

kr_status kr_config_read_explore(kr_context *ctx, kr_config *c) {
    kr_status status = KR_OK;
    KR_TRY(kr_config_section(ctx, c, kr_config_explore_table, c->top.explore, "explore", &c->explore));
    KR_TRY(
        kr_config_section(ctx, c, kr_config_bootstrap_table, c->explore.bootstrap, "explore.bootstrap", &c->bootstrap));
    KR_TRY(make_engine(ctx, c));
    KR_TRY(check_engine(ctx, c));
    KR_TRY(read_list(ctx, c->explore.systems, "systems", &c->nsystems));
    KR_NEW(ctx, c->system, (size_t)c->nsystems);
    for (int i = 0; i < c->nsystems; i++) KR_TRY(read_system(ctx, c, c->explore.systems->child[i], i));
    KR_TRY(read_list(ctx, c->explore.stages, "stages", &c->nstages));
    KR_NEW(ctx, c->stage, (size_t)c->nstages);
    for (int i = 0; i < c->nstages; i++) KR_TRY(read_stage(ctx, c, c->explore.stages->child[i], i));
    KR_TRY(kr_config_section(ctx, c, kr_config_examine_table, c->top.examine, "examine", &c->examine));
    KR_TRY(kr_config_section(ctx, c, kr_config_trust_table, c->examine.trust, "examine.trust", &c->trust));
    KR_TRY(check_method(ctx, c));
    KR_TRY(kr_config_section(ctx, c, kr_config_select_table, c->top.select, "select", &c->select));
    KR_TRY(check_rule(ctx, c));
done:
    return status;
}

void kr_config_free_explore(kr_config *c) {
    for (int i = 0; i < c->nsystems && c->system; i++) {
        kr_tree_destroy(&c->system[i].complete);
        kr_dataset_destroy(&c->system[i].starts);
    }
    for (int i = 0; i < c->nstages && c->stage; i++) {
        kr_free(c->stage[i].T_K);
        kr_free(c->stage[i].P_GPa);
        kr_free(c->stage[i].uses);
    }
    kr_free(c->system);
    kr_free(c->stage);
    kr_tree_destroy(&c->engine);
}
