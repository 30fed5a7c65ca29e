/* DP-GEN's param.json and machine.json → eelt.json.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every key of the two files ends in one of four lists, which the caller hears: mapped, differs (there is something
 * like it, the sentence tells what is not the same), ignored (has no meaning here), refused (the campaign would be
 * another one without it, or its value is of the wrong kind; with line and column). Files that are not there are told,
 * too. Units there: pressures bar, time steps ps; here GPa, fs. Keys as in DP-GEN 0.12. */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "eelt/dpgen.h"
#include <glob.h>
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

/* A value of the wrong kind is refused with its place: *right = 0. */
void kr_dpgen_kind(kr_dpgen *d, const char *key, const kr_tree *value, char kind, int *right) {
    static const char *const words[] = {
        "a number", "a string", "a list of numbers", "a list of strings", "a list of lists of strings", "{ ... }"};
    static const char kinds[] = "nsNSLm";
    char place[48];
    int list = value->kind == KR_TREE_LIST, number = value->kind == KR_TREE_INT || value->kind == KR_TREE_REAL;
    *right = kind == 'n'   ? number
             : kind == 's' ? value->kind == KR_TREE_STRING
             : kind == 'm' ? value->kind == KR_TREE_MAP
                           : list;
    for (int i = 0; list && *right && i < value->count; i++) {
        const kr_tree *item = value->child[i];
        if (kind == 'L') {
            kr_dpgen_kind(d, key, item, 'S', right);
            if (!*right) return;
        } else {
            *right =
                kind == 'N' ? item->kind == KR_TREE_INT || item->kind == KR_TREE_REAL : item->kind == KR_TREE_STRING;
            if (!*right) value = item;
        }
    }
    if (!*right)
        kr_dpgen_say(d, "refused", key, "expected %s%s", words[strchr(kinds, kind) - kinds],
                     kr_tree_place(value, place));
}

/* Tells of files that are not on this disk (they may be on the one where the campaign will run). */
static void check_path(kr_dpgen *d, const char *key, const char *path, const kr_tree *value) {
    glob_t found = {0};
    char place[48];
    if (glob(path, 0, NULL, &found) != 0)
        kr_dpgen_say(d, "missing", key, "'%.200s' is not there%s", path, kr_tree_place(value, place));
    globfree(&found);
}

static kr_status add_path(kr_context *ctx, kr_dpgen *d, const char *key, kr_tree *list, const char *prefix,
                          const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *item = NULL;
    const char *path = value->string;
    char *full = prefix && *prefix && path[0] != '/' ? kr_path_join(ctx, prefix, path) : kr_strdup(ctx, path);
    if (!full) return KR_ERR_MEMORY;
    check_path(d, key, full, value);
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
        KR_TRY(add_path(ctx, d, "init_data_sys", list, text_of(d->param, "init_data_prefix"), value->child[i]));
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
            KR_TRY(add_path(ctx, d, "sys_configs", files, text_of(d->param, "sys_configs_prefix"), group->child[k]));
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

static kr_status import_level(kr_context *ctx, kr_dpgen *d, const char *key, const char *name, const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *examine, *trust;
    int same;
    double number = kr_dpgen_number(value, &same);
    if (isnan(number) && value->kind != KR_TREE_NULL) {
        kr_dpgen_kind(d, key, value, 'n', &same);
        return KR_OK;
    }
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
    int right;
    *found = 1;
    for (const kr_dpgen_place *p = kr_dpgen_places; p->key; p++) {
        if (strcmp(p->key, key)) continue;
        kr_dpgen_kind(d, key, value, 'n', &right);
        if (!right) goto done;
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
            if (!strcmp(p->list, "refused") && value->kind == KR_TREE_INT) off = !value->integer;
            kr_dpgen_say(d, off ? "mapped" : p->list, key, "%s", off ? "off" : p->text);
            goto done;
        }
    *found = 0;
done:
    return status;
}

/* Times of thermostat and barostat. */
static kr_status import_time(kr_context *ctx, kr_dpgen *d, const char *key, const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *explore, *options;
    const char *name = key[strlen(key) - 1] == 't' ? "tau_t_ps" : "tau_p_ps";
    int right;
    kr_dpgen_kind(d, key, value, 'n', &right);
    if (!right) goto done;
    KR_TRY(kr_dpgen_section(ctx, d->out, "explore", KR_TREE_MAP, &explore));
    KR_TRY(kr_dpgen_section(ctx, explore, "options", KR_TREE_MAP, &options));
    KR_TRY(kr_dpgen_put_real(ctx, options, name, value->real));
    kr_dpgen_say(d, "mapped", key, "explore.options.%s", name);
done:
    return status;
}

static kr_status import_key(kr_context *ctx, kr_dpgen *d, const char *key, const kr_tree *value) {
    kr_status status = KR_OK;
    kr_tree *campaign;
    int found, right;
    char place[48];
    if (key[0] == '_') return KR_OK;
    static const struct {
        const char *key;
        char kind;
    } kinds[] = {{"init_data_sys", 'S'}, {"sys_configs", 'L'}, {"default_training_param", 'm'},
                 {"type_map", 'S'},      {"fp_style", 's'},    {"model_devi_dt", 'n'}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        if (!strcmp(kinds[k].key, key)) {
            kr_dpgen_kind(d, key, value, kinds[k].kind, &right);
            if (!right) return KR_OK;
        }
    if (!strcmp(key, "model_devi_taut") || !strcmp(key, "model_devi_taup")) return import_time(ctx, d, key, value);
    if (!strcmp(key, "init_data_sys")) return import_data(ctx, d, value);
    if (!strcmp(key, "sys_configs")) return import_systems(ctx, d, value);
    if (!strcmp(key, "model_devi_jobs")) return kr_dpgen_jobs(ctx, d, value);
    if (!strcmp(key, "default_training_param")) return kr_dpgen_training(ctx, d, value);
    if (!strcmp(key, "fp_style")) return kr_dpgen_label(ctx, d);
    if (!strcmp(key, "model_devi_engine") && value->kind == KR_TREE_STRING && strcmp(value->string, "lammps")) {
        kr_dpgen_say(d, "refused", key, "'%.40s': lammps and the built-in dynamics are there%s", value->string,
                     kr_tree_place(value, place));
        goto done;
    }
    if (!strcmp(key, "mass_map") && value->kind == KR_TREE_STRING) {
        kr_dpgen_say(d, "mapped", key, "standard atomic weights");
        goto done;
    }
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
