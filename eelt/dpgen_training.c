/* default_training_param of DP-GEN → model.training: inputs of early versions of DeePMD-kit in today's words.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Version 0: all keys in one map. Version 1: sections, but the data's keys stand in `training`. What today's input has
 * is left as it is; kramers eelt check finds its mistakes. */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/dpgen.h"
#include <stdio.h>
#include <string.h>

/* from: its key; to: section, then key; NULL = it has no meaning any more. */
typedef struct renamed {
    const char *from, *section, *to;
} renamed;

static const renamed data_keys[] = {
    {"systems", "training_data", "systems"},           {"set_prefix", "training_data", "set_prefix"},
    {"batch_size", "training_data", "batch_size"},     {"auto_prob", "training_data", "auto_prob"},
    {"auto_prob_style", "training_data", "auto_prob"}, {"sys_prob", "training_data", "sys_probs"},
    {"sys_probs", "training_data", "sys_probs"},       {0}};

static const char *const without_meaning[] = {"coord_norm", "type_fitting_net", "numb_test",
                                              "load_ckpt",  "restart",          "use_smooth"};

static const renamed flat_keys[] = {{"sel_a", "descriptor", "sel"},
                                    {"rcut", "descriptor", "rcut"},
                                    {"rcut_smth", "descriptor", "rcut_smth"},
                                    {"filter_neuron", "descriptor", "neuron"},
                                    {"filter_resnet_dt", "descriptor", "resnet_dt"},
                                    {"n_axis_neuron", "descriptor", "axis_neuron"},
                                    {"axis_neuron", "descriptor", "axis_neuron"},
                                    {"n_neuron", "fitting_net", "neuron"},
                                    {"fitting_neuron", "fitting_net", "neuron"},
                                    {"resnet_dt", "fitting_net", "resnet_dt"},
                                    {"fitting_resnet_dt", "fitting_net", "resnet_dt"},
                                    {"start_lr", "learning_rate", "start_lr"},
                                    {"stop_lr", "learning_rate", "stop_lr"},
                                    {"decay_steps", "learning_rate", "decay_steps"},
                                    {"decay_rate", "learning_rate", "decay_rate"},
                                    {"start_pref_e", "loss", "start_pref_e"},
                                    {"limit_pref_e", "loss", "limit_pref_e"},
                                    {"start_pref_f", "loss", "start_pref_f"},
                                    {"limit_pref_f", "loss", "limit_pref_f"},
                                    {"start_pref_v", "loss", "start_pref_v"},
                                    {"limit_pref_v", "loss", "limit_pref_v"},
                                    {0}};

static int has_no_meaning(const char *key) {
    for (size_t k = 0; k < sizeof without_meaning / sizeof *without_meaning; k++)
        if (!strcmp(key, without_meaning[k])) return 1;
    return 0;
}

static const renamed *find(const renamed *table, const char *key) {
    for (; table->from; table++)
        if (!strcmp(table->from, key)) return table;
    return NULL;
}

/* A section of the map without the keys that have no meaning; keys in the table move into their section of it. */
static kr_status cleaned(kr_context *ctx, kr_dpgen *d, const kr_tree *map, const char *name, const renamed *table,
                         kr_tree **copy) {
    kr_status status = KR_OK;
    kr_tree *made = NULL, *section;
    char where[80];
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &made));
    for (int i = 0; i < map->count; i++) {
        const char *key = map->key[i];
        const renamed *r = table ? find(table, key) : NULL;
        snprintf(where, sizeof where, "%.40s.%.30s", name, key);
        if (has_no_meaning(key)) {
            kr_dpgen_say(d, "ignored", where, "of an early DeePMD-kit, without meaning today");
        } else if (r) {
            KR_TRY(kr_dpgen_section(ctx, made, r->section, KR_TREE_MAP, &section));
            if (!kr_tree_get(section, r->to)) KR_TRY(kr_dpgen_put(ctx, section, r->to, map->child[i]));
            kr_dpgen_say(d, "mapped", where, "model.training: %s.%s", r->section, r->to);
        } else if (kr_tree_get(made, key) && map->child[i]->kind == KR_TREE_MAP) { /* made for keys before it */
            section = (kr_tree *)kr_tree_get(made, key);
            for (int k = 0; k < map->child[i]->count; k++)
                KR_TRY(kr_dpgen_put(ctx, section, map->child[i]->key[k], map->child[i]->child[k]));
        } else {
            KR_TRY(kr_dpgen_put(ctx, made, key, map->child[i]));
        }
    }
    *copy = made;
    made = NULL;
done:
    kr_tree_destroy(&made);
    return status;
}

/* Version 0: every key to its section. */
static kr_status from_flat(kr_context *ctx, kr_dpgen *d, const kr_tree *flat, kr_tree **tree) {
    kr_status status = KR_OK;
    const kr_tree *smooth = kr_tree_get(flat, "use_smooth");
    kr_tree *made = NULL, *model, *parent, *section;
    char place[48];
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &made));
    KR_TRY(kr_dpgen_section(ctx, made, "model", KR_TREE_MAP, &model));
    KR_TRY(kr_dpgen_section(ctx, model, "descriptor", KR_TREE_MAP, &section));
    KR_TRY(kr_dpgen_put_text(ctx, section, "type", "se_e2_a"));
    if (!smooth || !smooth->integer)
        kr_dpgen_say(d, "refused", "default_training_param", "use_smooth is not true: local frames%s",
                     smooth ? kr_tree_place(smooth, place) : "");
    for (int i = 0; i < flat->count; i++) {
        const renamed *r = find(flat_keys, flat->key[i]);
        int of_model = r && (!strcmp(r->section, "descriptor") || !strcmp(r->section, "fitting_net"));
        parent = of_model ? model : made;
        if (flat->key[i][0] == '_') continue;
        KR_TRY(kr_dpgen_section(ctx, parent, r ? r->section : "training", KR_TREE_MAP, &section));
        KR_TRY(kr_dpgen_put(ctx, section, r ? r->to : flat->key[i], flat->child[i]));
    }
    kr_dpgen_say(d, "mapped", "default_training_param", "keys of DeePMD-kit 0 in the sections of today's input");
    *tree = made;
    made = NULL;
done:
    kr_tree_destroy(&made);
    return status;
}

kr_status kr_dpgen_training(kr_context *ctx, kr_dpgen *d, const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *model, *tree = NULL, *part = NULL, *net;
    int flat = !kr_tree_get(value, "model") && (kr_tree_get(value, "sel_a") || kr_tree_get(value, "n_neuron"));
    KR_TRY(flat ? from_flat(ctx, d, value, &tree) : kr_tree_copy(ctx, value, &tree));
    const kr_tree *training = kr_tree_get(tree, "training"), *fitting = kr_tree_at(tree, "model.fitting_net");
    if (training && training->kind == KR_TREE_MAP) {
        KR_TRY(cleaned(ctx, d, training, "training", data_keys, &part));
        KR_TRY(kr_tree_set(ctx, tree, "training", &part));
    }
    if (fitting && fitting->kind == KR_TREE_MAP) {
        KR_TRY(cleaned(ctx, d, fitting, "fitting_net", NULL, &part));
        net = (kr_tree *)kr_tree_get(tree, "model");
        KR_TRY(kr_tree_set(ctx, net, "fitting_net", &part));
    }
    KR_TRY(kr_dpgen_section(ctx, d->out, "model", KR_TREE_MAP, &model));
    KR_TRY(kr_tree_set(ctx, model, "training", &tree));
    kr_dpgen_say(d, "mapped", "default_training_param",
                 "model.training; kramers eelt check tells what cannot be trained");
done:
    kr_tree_destroy(&part);
    kr_tree_destroy(&tree);
    return status;
}
