/* DP-GEN's param.json and machine.json → eelt.json.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every key of the two files ends in one of four lists, which the caller hears: mapped, differs (there is something
 * like it, the sentence tells what is not the same), ignored (has no meaning here), refused (the campaign would be
 * another one without it). Units there: pressures bar, time steps ps; here GPa, fs. Keys as in DP-GEN 0.12. */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "eelt/dpgen.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- telling ---- */

void kr_dpgen_say(kr_dpgen *d, const char *list, const char *key, const char *format, ...) {
    char text[400];
    int used = snprintf(text, sizeof text, "%-8s %-32s ", list, key);
    va_list values;
    va_start(values, format);
    vsnprintf(text + used, sizeof text - (size_t)used, format, values);
    va_end(values);
    if (!strcmp(list, "refused")) d->refused++;
    if (d->line) d->line(text, d->payload);
}

/* ---- building ---- */

kr_status kr_dpgen_put(kr_context *ctx, kr_tree *map, const char *key, const kr_tree *value) {
    kr_tree *copy = NULL;
    kr_status status = kr_tree_copy(ctx, value, &copy);
    return status == KR_OK ? kr_tree_set(ctx, map, key, &copy) : status;
}

kr_status kr_dpgen_put_real(kr_context *ctx, kr_tree *map, const char *key, double value) {
    kr_tree *item = NULL;
    kr_status status = value == floor(value) && fabs(value) < 1e15 ? kr_tree_new_int(ctx, (int64_t)value, &item)
                                                                   : kr_tree_new_real(ctx, value, &item);
    return status == KR_OK ? kr_tree_set(ctx, map, key, &item) : status;
}

kr_status kr_dpgen_put_text(kr_context *ctx, kr_tree *map, const char *key, const char *value) {
    kr_tree *item = NULL;
    kr_status status = kr_tree_new_string(ctx, value, &item);
    return status == KR_OK ? kr_tree_set(ctx, map, key, &item) : status;
}

/* The section of eelt.json, made when absent. */
kr_status kr_dpgen_section(kr_context *ctx, kr_tree *map, const char *key, kr_tree_kind kind, kr_tree **section) {
    kr_status status = KR_OK;
    kr_tree *made = NULL;
    if (!kr_tree_get(map, key)) {
        status = kr_tree_new(ctx, kind, &made);
        if (status == KR_OK) status = kr_tree_set(ctx, map, key, &made);
    }
    *section = (kr_tree *)kr_tree_get(map, key);
    return status;
}

/* A number, or the one number that a list or a map of them has for all systems. */
double kr_dpgen_number(const kr_tree *value, int *same) {
    double first = NAN;
    *same = 1;
    if (!value) return NAN;
    if (value->kind == KR_TREE_INT || value->kind == KR_TREE_REAL) return value->real;
    for (int i = 0; i < value->count; i++) {
        const kr_tree *item = value->child[i];
        if (item->kind != KR_TREE_INT && item->kind != KR_TREE_REAL) continue;
        if (isnan(first)) first = item->real;
        *same &= item->real == first;
    }
    return first;
}

/* ---- param.json ---- */

static kr_status add_path(kr_context *ctx, kr_tree *list, const char *prefix, const char *path) {
    kr_status status = KR_OK;
    kr_tree *item = NULL;
    char *full = prefix && *prefix && path[0] != '/' ? kr_path_join(ctx, prefix, path) : kr_strdup(ctx, path);
    if (!full) return KR_ERR_MEMORY;
    KR_TRY(kr_tree_new_string(ctx, full, &item));
    KR_TRY(kr_tree_append(ctx, list, &item));
done:
    kr_free(full);
    return status;
}

static const char *text_of(const kr_tree *map, const char *key) {
    const kr_tree *value = kr_tree_get(map, key);
    return value && value->kind == KR_TREE_STRING ? value->string : NULL;
}

static kr_status import_data(kr_context *ctx, kr_dpgen *d, const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *data, *list;
    KR_TRY(kr_dpgen_section(ctx, d->out, "data", KR_TREE_MAP, &data));
    KR_TRY(kr_dpgen_section(ctx, data, "initial", KR_TREE_LIST, &list));
    for (int i = 0; i < value->count; i++)
        if (value->child[i]->kind == KR_TREE_STRING)
            KR_TRY(add_path(ctx, list, text_of(d->param, "init_data_prefix"), value->child[i]->string));
    kr_dpgen_say(d, "mapped", "init_data_sys", "data.initial, %d folders", list->count);
done:
    return status;
}

static kr_status import_systems(kr_context *ctx, kr_dpgen *d, const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *explore, *systems, *one = NULL, *files = NULL;
    char name[32];
    KR_TRY(kr_dpgen_section(ctx, d->out, "explore", KR_TREE_MAP, &explore));
    KR_TRY(kr_dpgen_section(ctx, explore, "systems", KR_TREE_LIST, &systems));
    for (int i = 0; i < value->count; i++) {
        const kr_tree *group = value->child[i];
        KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &one));
        KR_TRY(kr_tree_new(ctx, KR_TREE_LIST, &files));
        for (int k = 0; k < group->count; k++)
            if (group->child[k]->kind == KR_TREE_STRING)
                KR_TRY(add_path(ctx, files, text_of(d->param, "sys_configs_prefix"), group->child[k]->string));
        snprintf(name, sizeof name, "sys%03d", i);
        KR_TRY(kr_dpgen_put_text(ctx, one, "name", name));
        KR_TRY(kr_tree_set(ctx, one, "files", &files));
        KR_TRY(kr_tree_append(ctx, systems, &one));
    }
    kr_dpgen_say(d, "mapped", "sys_configs", "explore.systems sys000 to sys%03d", value->count - 1);
done:
    kr_tree_destroy(&one);
    kr_tree_destroy(&files);
    return status;
}

/* Names of the systems of a job. */
static kr_status job_systems(kr_context *ctx, const kr_tree *index, kr_tree *stage) {
    kr_status status = KR_OK;
    kr_tree *list, *item = NULL;
    char name[32];
    if (!index) return KR_OK;
    KR_TRY(kr_dpgen_section(ctx, stage, "systems", KR_TREE_LIST, &list));
    for (int i = 0; i < index->count; i++) {
        snprintf(name, sizeof name, "sys%03d", (int)index->child[i]->integer);
        KR_TRY(kr_tree_new_string(ctx, name, &item));
        KR_TRY(kr_tree_append(ctx, list, &item));
    }
done:
    return status;
}

static kr_status scaled_list(kr_context *ctx, const kr_tree *value, double factor, kr_tree *map, const char *key) {
    kr_status status = KR_OK;
    kr_tree *list, *item = NULL;
    KR_TRY(kr_dpgen_section(ctx, map, key, KR_TREE_LIST, &list));
    for (int i = 0; i < value->count; i++) {
        KR_TRY(kr_tree_new_real(ctx, value->child[i]->real * factor, &item));
        KR_TRY(kr_tree_append(ctx, list, &item));
    }
done:
    return status;
}

static kr_status job_key(kr_context *ctx, kr_dpgen *d, const char *key, const kr_tree *value, kr_tree *stage) {
    char where[64];
    snprintf(where, sizeof where, "model_devi_jobs[].%.30s", key);
    if (!strcmp(key, "sys_idx")) return job_systems(ctx, value, stage);
    if (!strcmp(key, "temps")) return scaled_list(ctx, value, 1, stage, "T_K");
    if (!strcmp(key, "press")) return scaled_list(ctx, value, 1e-4, stage, "P_GPa");
    if (!strcmp(key, "trj_freq") || !strcmp(key, "t_freq"))
        return kr_dpgen_put_real(ctx, stage, "sample_every", value->real);
    if (!strcmp(key, "nsteps")) return kr_dpgen_put_real(ctx, stage, "steps", value->real);
    if (!strcmp(key, "ensemble")) {
        const char *word = value->kind == KR_TREE_STRING ? value->string : "npt";
        return kr_dpgen_put_text(ctx, stage, "ensemble",
                                 !strcmp(word, "npt-a") || !strcmp(word, "npt-aniso") ? "npt-aniso"
                                 : !strcmp(word, "npt-t") || !strcmp(word, "npt-tri") ? "npt-tri"
                                 : !strncmp(word, "npt", 3)                           ? "npt-iso"
                                                                                      : word);
    }
    if (key[0] == '_') return KR_OK;
    if (!strcmp(key, "taut") || !strcmp(key, "taup"))
        kr_dpgen_say(d, "differs", where, "explore.options.tau_%c_ps holds for all stages", key[3]);
    else if (!strcmp(key, "dt"))
        kr_dpgen_say(d, "ignored", where, "there it is read and then overwritten by model_devi_dt; so it is here");
    else if (!strcmp(key, "template") || !strcmp(key, "rev_mat") || !strcmp(key, "sys_rev_mat"))
        kr_dpgen_say(d, "refused", where, "a LAMMPS template of your own goes into explore.options.template");
    else
        kr_dpgen_say(d, "ignored", where, "no counterpart");
    return KR_OK;
}

static kr_status import_jobs(kr_context *ctx, kr_dpgen *d, const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *explore, *stages, *stage = NULL;
    const kr_tree *dt = kr_tree_get(d->param, "model_devi_dt");
    KR_TRY(kr_dpgen_section(ctx, d->out, "explore", KR_TREE_MAP, &explore));
    KR_TRY(kr_dpgen_put_text(ctx, explore, "engine", "lammps"));
    KR_TRY(kr_dpgen_put_text(ctx, explore, "schedule", "fixed"));
    KR_TRY(kr_dpgen_put_real(ctx, explore, "first_ps", 1e9)); /* no short first runs there */
    KR_TRY(kr_dpgen_section(ctx, explore, "stages", KR_TREE_LIST, &stages));
    for (int i = 0; i < value->count; i++) {
        const kr_tree *job = value->child[i];
        KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &stage));
        for (int k = 0; k < job->count; k++) KR_TRY(job_key(ctx, d, job->key[k], job->child[k], stage));
        if (dt) KR_TRY(kr_dpgen_put_real(ctx, stage, "dt_fs", dt->real * 1000));
        KR_TRY(kr_tree_append(ctx, stages, &stage));
    }
    kr_tree *campaign;
    KR_TRY(kr_dpgen_section(ctx, d->out, "campaign", KR_TREE_MAP, &campaign));
    KR_TRY(kr_dpgen_put_real(ctx, campaign, "max_iterations", value->count));
    kr_dpgen_say(d, "mapped", "model_devi_jobs", "explore.stages, %d of them, one iteration each", value->count);
done:
    kr_tree_destroy(&stage);
    return status;
}

static kr_status import_training(kr_context *ctx, kr_dpgen *d, const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *model;
    KR_TRY(kr_dpgen_section(ctx, d->out, "model", KR_TREE_MAP, &model));
    KR_TRY(kr_dpgen_put(ctx, model, "training", value));
    kr_dpgen_say(d, "mapped", "default_training_param",
                 "model.training; kramers eelt check tells what cannot be trained");
done:
    return status;
}

static kr_status import_level(kr_context *ctx, kr_dpgen *d, const char *key, const char *name, const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *examine, *trust;
    int same;
    double number = kr_dpgen_number(value, &same);
    if (isnan(number) || number >= 1e9) { /* 1e10 is its word for "off" */
        kr_dpgen_say(d, "mapped", key, "off");
        return KR_OK;
    }
    KR_TRY(kr_dpgen_section(ctx, d->out, "examine", KR_TREE_MAP, &examine));
    KR_TRY(kr_dpgen_section(ctx, examine, "trust", KR_TREE_MAP, &trust));
    KR_TRY(kr_dpgen_put_real(ctx, trust, name, number));
    kr_dpgen_say(d, same ? "mapped" : "differs", key, "examine.trust.%s%s", name,
                 same ? "" : ": the first of several values, here one holds for all systems");
done:
    return status;
}

static kr_status import_simple(kr_context *ctx, kr_dpgen *d, const char *key, const kr_tree *value, int *found) {
    kr_status status = KR_OK;
    kr_tree *section;
    *found = 1;
    for (const kr_dpgen_place *p = kr_dpgen_places; p->key; p++) {
        if (strcmp(p->key, key)) continue;
        KR_TRY(kr_dpgen_section(ctx, d->out, p->section, KR_TREE_MAP, &section));
        KR_TRY(kr_dpgen_put_real(ctx, section, p->name, value->real * p->factor));
        kr_dpgen_say(d, p->note ? "differs" : "mapped", key, "%s.%s%s%s", p->section, p->name, p->note ? ": " : "",
                     p->note ? p->note : "");
        goto done;
    }
    for (const kr_dpgen_place *p = kr_dpgen_levels; p->key; p++)
        if (!strcmp(p->key, key)) return import_level(ctx, d, key, p->name, value);
    for (const kr_dpgen_other *p = kr_dpgen_others; p->key; p++)
        if (!strcmp(p->key, key)) {
            int off = value->kind == KR_TREE_BOOL ? !value->integer : value->kind == KR_TREE_NULL;
            kr_dpgen_say(d, off ? "mapped" : p->list, key, "%s", off ? "off" : p->text);
            goto done;
        }
    *found = 0;
done:
    return status;
}

static kr_status import_key(kr_context *ctx, kr_dpgen *d, const char *key, const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *campaign;
    int found;
    char place[48];
    if (key[0] == '_') return KR_OK;
    if (!strcmp(key, "init_data_sys")) return import_data(ctx, d, value);
    if (!strcmp(key, "sys_configs")) return import_systems(ctx, d, value);
    if (!strcmp(key, "model_devi_jobs")) return import_jobs(ctx, d, value);
    if (!strcmp(key, "default_training_param")) return import_training(ctx, d, value);
    if (!strcmp(key, "fp_style")) return kr_dpgen_label(ctx, d);
    if (!strcmp(key, "type_map")) {
        KR_TRY(kr_dpgen_section(ctx, d->out, "campaign", KR_TREE_MAP, &campaign));
        KR_TRY(kr_dpgen_put(ctx, campaign, "elements", value));
        kr_dpgen_say(d, "mapped", key, "campaign.elements");
        goto done;
    }
    KR_TRY(import_simple(ctx, d, key, value, &found));
    if (!found) kr_dpgen_say(d, "refused", key, "is not known%s", kr_tree_place(value, place));
done:
    return status;
}

/* What DP-GEN does and eelt.json would do otherwise. */
static kr_status settle(kr_context *ctx, kr_dpgen *d) {
    kr_status status = KR_OK;
    kr_tree *select, *examine, *audit, *campaign;
    const kr_tree *adaptive = kr_tree_get(d->param, "model_devi_adapt_trust_lo");
    const kr_tree *most = kr_tree_get(d->param, "fp_task_max"), *systems = kr_tree_get(d->param, "sys_configs");
    KR_TRY(kr_dpgen_section(ctx, d->out, "campaign", KR_TREE_MAP, &campaign));
    KR_TRY(kr_dpgen_put_text(ctx, campaign, "folder", "campaign"));
    KR_TRY(kr_dpgen_section(ctx, d->out, "select", KR_TREE_MAP, &select));
    KR_TRY(kr_dpgen_put_text(ctx, select, "rule", "random"));
    if (most && systems && systems->count)
        KR_TRY(kr_dpgen_put_real(ctx, select, "per_iteration", most->real * systems->count));
    KR_TRY(kr_dpgen_section(ctx, d->out, "examine", KR_TREE_MAP, &examine));
    KR_TRY(kr_dpgen_put_text(ctx, examine, "levels", adaptive && adaptive->integer ? "dpgen" : "fixed"));
    KR_TRY(kr_dpgen_put_text(ctx, examine, "rule", "dpgen"));
    KR_TRY(kr_dpgen_section(ctx, d->out, "audit", KR_TREE_MAP, &audit));
    kr_dpgen_say(d, "differs", "(selection)", "select.rule random and examine.rule dpgen are DP-GEN's; fps is better");
    kr_dpgen_say(d, "differs", "(audit)", "accurate frames are labelled, too: audit.per_iteration; 0 switches it off");
done:
    return status;
}

kr_status kr_dpgen_import(kr_context *ctx, const kr_dpgen_options *o, char **text, int *refused) {
    kr_status status = KR_OK;
    kr_tree *param = NULL, *machine = NULL;
    kr_dpgen d = {.line = o->line, .payload = o->payload, .folder = o->folder};
    *text = NULL;
    *refused = 0;
    KR_TRY(kr_json_read(ctx, o->param, &param));
    if (param->kind != KR_TREE_MAP) KR_FAIL(ctx, KR_ERR_FORMAT, "%s: expected { ... }", o->param);
    if (o->machine) KR_TRY(kr_json_read(ctx, o->machine, &machine));
    d.param = param;
    d.machine = machine;
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &d.out));
    for (int i = 0; i < param->count; i++) {
        status = import_key(ctx, &d, param->key[i], param->child[i]);
        if (status < 0) kr_error_prefix(ctx, "%s, %s", o->param, param->key[i]);
        KR_TRY(status);
    }
    KR_TRY(settle(ctx, &d));
    if (machine) KR_TRY(kr_dpgen_machine(ctx, &d));
    if (o->iterations) KR_TRY(kr_dpgen_iterations(ctx, &d, o->iterations));
    KR_TRY(kr_json_format(ctx, d.out, 2, text));
    *refused = d.refused;
done:
    kr_tree_destroy(&d.out);
    kr_tree_destroy(&param);
    kr_tree_destroy(&machine);
    return status;
}

void kr_dpgen_text_free(char **text) {
    kr_free(*text);
    *text = NULL;
}
