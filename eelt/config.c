/* eelt.json → kr_config.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/config.h"
#include "core/elements.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const kr_config_job_name[KR_CONFIG_JOBS] = {"train", "explore", "label"};

char *kr_config_base(kr_context *ctx, const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder =
        slash ? kr_strprintf(ctx, "%.*s", (int)(slash == path ? 1 : slash - path), path) : kr_strdup(ctx, ".");
    char full[PATH_MAX];
    if (!folder || !realpath(folder, full)) return folder; /* not there: the file itself will be missed */
    kr_free(folder);
    return kr_strdup(ctx, full);
}

/* A mistake of the file that somebody collects is no reason to stop reading. */
kr_status kr_config_told(kr_context *ctx, kr_status status) {
    int mistake = status == KR_ERR_FORMAT || status == KR_ERR_UNSUPPORTED || status == KR_ERR_IO;
    return mistake && kr_context_mistake(ctx) ? KR_OK : status;
}

int kr_config_element(const kr_config *c, const char *name) {
    for (int i = 0; i < c->nelements; i++)
        if (!strcmp(c->element[i], name)) return i;
    return -1;
}

/* One section through its table; the config keeps the completed tree, which owns strings and lists of `target`. */
kr_status kr_config_section(kr_context *ctx, kr_config *c, const kr_parameter *table, const kr_tree *given,
                            const char *where, void *target) {
    int mistakes;
    kr_status status = kr_parameters_survey(ctx, table, given, where, target, &c->section[c->nsections], &mistakes);
    if (status == KR_OK) c->nsections++;
    return status;
}

static kr_status missing(kr_context *ctx, const char *where, const char *key) {
    return kr_config_told(
        ctx, KR_ERROR(ctx, KR_ERR_FORMAT, "%s%s\"%s\" is missing", where, *where ? ": key " : "section ", key));
}

/* ---- sections ---- */

static kr_status check_element(kr_context *ctx, const kr_config *c, int i) {
    const kr_tree *value = c->campaign.elements->child[i];
    if (!kr_element_number(value->string, strlen(value->string)))
        return kr_config_told(
            ctx, kr_parameter_fail(ctx, "campaign", "elements", value, "\"%.20s\" is no element", value->string));
    for (int k = 0; k < i; k++)
        if (!strcmp(c->element[k], value->string))
            return kr_config_told(
                ctx, kr_parameter_fail(ctx, "campaign", "elements", value, "%s is there twice", value->string));
    return KR_OK;
}

static kr_status read_campaign(kr_context *ctx, kr_config *c) {
    kr_status status = KR_OK;
    kr_config_campaign *p = &c->campaign;
    KR_TRY(kr_config_section(ctx, c, kr_config_campaign_table, c->top.campaign, "campaign", p));
    KR_TRY(kr_config_section(ctx, c, kr_config_budget_table, p->budget, "campaign.budget", &c->budget));
    c->folder = kr_label_path(ctx, c->base, p->folder);
    c->store = p->store ? kr_label_path(ctx, c->base, p->store) : NULL;
    if (!c->folder || (p->store && !c->store)) KR_TRY(KR_ERR_MEMORY);
    if (!p->elements || !p->elements->count) {
        if (!kr_tree_get(c->top.campaign, "elements")) KR_TRY(missing(ctx, "campaign", "elements"));
        goto done;
    }
    KR_NEW(ctx, c->element, (size_t)p->elements->count);
    for (int i = 0; i < p->elements->count; i++) {
        c->element[c->nelements++] = p->elements->child[i]->string;
        KR_TRY(check_element(ctx, c, i));
    }
done:
    return status;
}

static kr_status read_model(kr_context *ctx, kr_config *c) {
    kr_status status = KR_OK;
    char *path = NULL;
    KR_TRY(kr_config_section(ctx, c, kr_config_model_table, c->top.model, "model", &c->model));
    KR_TRY(kr_config_section(ctx, c, kr_config_warm_table, c->model.warm_start, "model.warm_start", &c->warm));
    const kr_tree *training = c->model.training;
    if (!training) goto done;
    if (training->kind == KR_TREE_MAP) {
        KR_TRY(kr_tree_copy(ctx, training, &c->training));
    } else if (training->kind == KR_TREE_STRING) {
        path = kr_label_path(ctx, c->base, training->string);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        status = kr_json_read(ctx, path, &c->training);
        if (status < 0) {
            char place[48];
            kr_error_prefix(ctx, "model.training%s", kr_tree_place(training, place));
        }
        KR_TRY(kr_config_told(ctx, status));
    } else {
        KR_TRY(kr_config_told(ctx, kr_parameter_fail(ctx, "model", "training", training,
                                                     "expected the training input, { ... }, or the path of its file")));
    }
done:
    kr_free(path);
    return status;
}

static kr_status read_label(kr_context *ctx, kr_config *c) {
    if (!c->top.label) return missing(ctx, "", "label");
    if (c->top.label->kind != KR_TREE_MAP)
        return kr_config_told(ctx, kr_parameter_fail(ctx, "label", "", c->top.label, "expected { ... }"));
    return kr_config_told(ctx, kr_labeller_create(ctx, c->top.label, c->base, &c->labeller));
}

static kr_status read_jobs(kr_context *ctx, kr_config *c) {
    kr_status status = KR_OK;
    KR_TRY(kr_config_section(ctx, c, kr_config_jobs_table, c->top.jobs, "jobs", NULL));
    for (int k = 0; k < KR_CONFIG_JOBS; k++)
        KR_TRY(kr_job_input_read(ctx, c->top.jobs, kr_config_job_name[k], &c->job[k]));
done:
    return status;
}

static kr_status read_sections(kr_context *ctx, kr_config *c) {
    kr_status status = KR_OK;
    KR_TRY(kr_config_section(ctx, c, kr_config_top_table, c->root, "top level", &c->top));
    KR_TRY(read_campaign(ctx, c));
    KR_TRY(kr_config_section(ctx, c, kr_config_data_table, c->top.data, "data", &c->data));
    KR_TRY(read_model(ctx, c));
    KR_TRY(kr_config_read_explore(ctx, c));
    KR_TRY(read_label(ctx, c));
    KR_TRY(kr_config_section(ctx, c, kr_config_audit_table, c->top.audit, "audit", &c->audit));
    KR_TRY(kr_config_section(ctx, c, kr_config_converge_table, c->top.converge, "converge", &c->converge));
    KR_TRY(read_jobs(ctx, c));
    KR_TRY(kr_config_sense(ctx, c));
done:
    return status;
}

kr_status kr_config_read(kr_context *ctx, const char *path, kr_config *config) {
    kr_status status = KR_OK;
    size_t length;
    memset(config, 0, sizeof *config);
    config->path = kr_strdup(ctx, path);
    config->base = kr_config_base(ctx, path);
    if (!config->path || !config->base) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_file_read(ctx, path, &config->text, &length));
    KR_TRY(kr_json_parse(ctx, config->text, length, path, &config->root));
    status = read_sections(ctx, config);
    if (status < 0) kr_error_prefix(ctx, "%s", path);
    KR_TRY(status);
done:
    if (status < 0) kr_config_free(config);
    return status;
}

void kr_config_free(kr_config *c) {
    kr_config_free_explore(c);
    for (int k = 0; k < c->nsections; k++) kr_tree_destroy(&c->section[k]);
    for (int k = 0; k < KR_CONFIG_JOBS; k++) kr_job_input_free(&c->job[k]);
    kr_labeller_destroy(&c->labeller);
    kr_tree_destroy(&c->training);
    kr_tree_destroy(&c->root);
    kr_free(c->element);
    kr_free(c->path);
    kr_free(c->base);
    kr_free(c->folder);
    kr_free(c->store);
    kr_free(c->text);
    memset(c, 0, sizeof *c);
}

long kr_config_audit_size(const kr_config *c) {
    if (c->audit.per_iteration != KR_PARAMETER_NULL) return c->audit.per_iteration;
    const long n = c->select.per_iteration / 20;
    return n < 10 ? 10 : n;
}
