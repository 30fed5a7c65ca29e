/* The certificate: what was audited, with which models, what holds (kramers/audit.h).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A record of JSON. Models are named by two hashes: of the file as it was audited, and of what the file says about the
 * model (architecture, parameters, statistics), which stays when the record is added or the format is changed. */
#include "core/error.h"
#include "core/json.h"
#include "core/memory.h"
#include "eelt/digest.h"
#include "potential/model.h"
#include "potential/tree_maker.h"
#include <kramers/audit.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define KEY "kramers_certificate"

/* ---- hash of a model ---- */

static void digest_tree(kr_digest *digest, const kr_tree *t) {
    kr_digest_add(digest, &t->kind, sizeof t->kind);
    if (t->kind == KR_TREE_BOOL || t->kind == KR_TREE_INT) kr_digest_add(digest, &t->integer, sizeof t->integer);
    if (t->kind == KR_TREE_REAL) kr_digest_add(digest, &t->real, sizeof t->real);
    if (t->kind == KR_TREE_STRING) kr_digest_text(digest, t->string);
    if (t->kind == KR_TREE_ARRAY) {
        kr_digest_add(digest, &t->ndim, sizeof t->ndim);
        kr_digest_add(digest, t->shape, (size_t)t->ndim * sizeof *t->shape);
        kr_digest_add(digest, t->data, kr_tree_array_size(t) * sizeof *t->data);
    }
    for (int i = 0; i < t->count; i++) {
        if (t->kind == KR_TREE_MAP) kr_digest_text(digest, t->key[i]);
        digest_tree(digest, t->child[i]);
    }
}

static kr_status hashes(kr_context *ctx, const char *path, char file[65], char content[65]) {
    kr_status status = KR_OK;
    kr_digest *digest = NULL;
    kr_model *model = NULL;
    kr_tree *root = NULL;
    KR_TRY(kr_digest_create(ctx, &digest));
    KR_TRY(kr_digest_file(ctx, digest, path));
    kr_digest_end(digest, file);
    KR_TRY(kr_model_load(ctx, path, &model));
    KR_TRY(kr_model_to_tree(ctx, model, &root));
    digest_tree(digest, kr_tree_get(root, "model"));
    kr_digest_end(digest, content);
done:
    kr_tree_destroy(&root);
    kr_model_destroy(&model);
    kr_digest_destroy(&digest);
    return status;
}

/* ---- record ---- */

static void put_real(kr_tree_maker *m, kr_tree *map, const char *key, double value) {
    if (isfinite(value))
        kr_make_real(m, map, key, value);
    else
        kr_make_null(m, map, key);
}

static void put_interval(kr_tree_maker *m, kr_tree *map, const char *key, kr_interval i) {
    kr_tree *node = kr_make_map(m, NULL, 0);
    put_real(m, node, "value", i.value);
    put_real(m, node, "low", i.low);
    put_real(m, node, "high", i.high);
    kr_make_set(m, map, key, node);
}

static kr_tree *rate_map(kr_tree_maker *m, const char *name, const kr_audit_rate *r) {
    kr_tree *map = kr_make_map(m, NULL, 0);
    kr_make_string(m, map, "name", name);
    kr_make_int(m, map, "frames", r->frames);
    kr_make_int(m, map, "above", r->above);
    put_real(m, map, "independent_frames", r->independent);
    put_interval(m, map, "rate", r->rate);
    put_real(m, map, "bound", r->bound);
    kr_make_string(m, map, "method", r->method);
    put_interval(m, map, "force_rmse_eV_per_A", r->rmse_f);
    put_interval(m, map, "force_mae_eV_per_A", r->mae_f);
    put_interval(m, map, "energy_rmse_eV_per_atom", r->rmse_e);
    put_interval(m, map, "energy_mae_eV_per_atom", r->mae_e);
    put_interval(m, map, "virial_rmse_eV_per_atom", r->rmse_v);
    put_interval(m, map, "virial_mae_eV_per_atom", r->mae_v);
    return map;
}

static void put_models(kr_tree_maker *m, const kr_certificate_options *o, kr_tree *root) {
    kr_tree *list = kr_make_list(m);
    for (int k = 0; k < o->nmodels && m->status >= 0; k++) {
        char file[65] = "", content[65] = "";
        const char *slash = strrchr(o->model_path[k], '/');
        m->status = hashes(m->ctx, o->model_path[k], file, content);
        kr_tree *map = kr_make_map(m, NULL, 0);
        kr_make_string(m, map, "file", slash ? slash + 1 : o->model_path[k]);
        kr_make_string(m, map, "file_sha256", file);
        kr_make_string(m, map, "model_sha256", content);
        kr_make_append(m, list, map);
    }
    kr_make_set(m, root, "models", list);
}

static kr_tree *record(kr_tree_maker *m, const kr_certificate_options *o, const kr_audit_report *report, int holds) {
    kr_tree *root = kr_make_map(m, NULL, 0), *cells = kr_make_list(m);
    kr_make_int(m, root, "format", 1);
    kr_make_string(m, root, "software", "kramers");
    kr_make_string(m, root, "version", kr_version());
    kr_make_string(m, root, "campaign", o->campaign ? o->campaign : "");
    kr_make_string(m, root, "window", o->window ? o->window : "");
    kr_make_string(m, root, "date", o->date ? o->date : "");
    put_models(m, o, root);
    kr_make_real(m, root, "target_eV_per_A", o->e_target);
    kr_make_real(m, root, "confidence", o->confidence);
    kr_make_int(m, root, "look", o->look > 0 ? o->look : 1);
    kr_make_real(m, root, "confidence_of_this_look", o->look_confidence > 0 ? o->look_confidence : o->confidence);
    kr_make_real(m, root, "allowed_rate", o->allowed);
    kr_make_bool(m, root, "holds", holds);
    put_real(m, root, "likeness_within_runs", report->likeness);
    kr_make_set(m, root, "all", rate_map(m, "all", &report->all));
    for (int c = 0; c < report->ncells; c++) {
        char number[24];
        snprintf(number, sizeof number, "cell %d", c);
        kr_make_append(m, cells, rate_map(m, o->cell_name ? o->cell_name[c] : number, &report->cell[c]));
    }
    kr_make_set(m, root, "cells", cells);
    return root;
}

kr_status kr_certificate_make(kr_context *ctx, const kr_certificate_options *options, const kr_audit_report *report,
                              char **text, int *holds) {
    kr_status status = KR_OK;
    kr_tree_maker maker = {.ctx = ctx, .status = KR_OK};
    kr_tree *root = NULL;
    if (!options || !report || !text || !holds || (options->nmodels > 0 && !options->model_path))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT,
                        "certificate: options, report, paths of models or room for the text is NULL");
    *text = NULL;
    *holds = report->all.bound <= options->allowed;
    root = record(&maker, options, report, *holds);
    KR_TRY(maker.status);
    KR_TRY(kr_json_format(ctx, root, 2, text));
done:
    kr_tree_destroy(&root);
    return status;
}

void kr_audit_text_free(char **text) {
    if (!text) return;
    kr_free(*text);
    *text = NULL;
}

kr_status kr_certificate_attach(kr_context *ctx, const char *text, const char *model_path) {
    kr_status status = KR_OK;
    kr_model *model = NULL;
    kr_tree *record = NULL;
    if (!text || !model_path) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "certificate: text or path of the model is NULL");
    KR_TRY(kr_json_parse(ctx, text, strlen(text), "certificate", &record));
    KR_TRY(kr_model_load(ctx, model_path, &model));
    if (!model->header) KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &model->header));
    KR_TRY(kr_tree_set(ctx, model->header, KEY, &record));
    KR_TRY(kr_model_save(ctx, model, model_path));
done:
    kr_tree_destroy(&record);
    kr_model_destroy(&model);
    return status;
}
