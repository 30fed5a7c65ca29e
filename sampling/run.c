/* Runs: reading the file, dispatch to the command, results, help.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/run.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/suggest.h"
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KR_RUN_KIND(name) extern const kr_run_kind kr_run_##name;
#include "sampling/run_kinds.def"
#undef KR_RUN_KIND

static const kr_run_kind *const kinds[] = {
#define KR_RUN_KIND(name) &kr_run_##name,
#include "sampling/run_kinds.def"
#undef KR_RUN_KIND
    NULL};
enum { NKINDS = (int)(sizeof kinds / sizeof *kinds) - 1, MOST = 64 };

typedef struct common {
    const kr_tree *problem;
    int64_t seed;
    const char *output;
} common;

#define ENTRY(field) .offset = offsetof(common, field)
static const kr_parameter common_table[] = {
    {.name = "problem",
     .type = KR_PARAMETER_TREE,
     ENTRY(problem),
     .initial = "",
     .help = "the diffusion and its states A and B: `kramers help problem`"},
    {.name = "seed",
     .type = KR_PARAMETER_LONG,
     ENTRY(seed),
     .initial = "1",
     .range = ">= 0",
     .help = "of all random numbers"},
    {.name = "output",
     .type = KR_PARAMETER_TEXT,
     ENTRY(output),
     .initial = "\"out\"",
     .help = "folder for results, relative to the working folder"},
};
enum { NCOMMON = sizeof common_table / sizeof *common_table, STATE_AT = (sizeof(common) + 63) / 64 * 64 };

/* ---- create ------------------------------------------------------------------------------------------------------ */

static kr_status find_kind(kr_context *ctx, const char *command, const kr_run_kind **kind) {
    const char *names[NKINDS + 1];
    *kind = NULL;
    for (int k = 0; k < NKINDS; k++) {
        names[k] = kinds[k]->name;
        if (!strcmp(names[k], command)) *kind = kinds[k];
    }
    if (*kind) return KR_OK;
    KR_ERROR(ctx, KR_ERR_ARGUMENT, "there is no rare-event command '%.60s'", command);
    kr_suggest_hint(ctx, command, NKINDS, names, '\'');
    return KR_ERR_ARGUMENT;
}

static int merge_tables(const kr_run_kind *kind, kr_parameter table[MOST]) {
    memset(table, 0, MOST * sizeof *table);
    memcpy(table, common_table, sizeof common_table);
    int n = NCOMMON;
    for (const kr_parameter *k = kind->parameters; k && k->name && n < MOST - 1; k++, n++) {
        table[n] = *k;
        if (k->offset != KR_PARAMETER_UNUSED) table[n].offset += STATE_AT;
    }
    return n;
}

/* Names the file in messages about what it asks for. */
static void prefix(kr_context *ctx, const kr_sampling *run, kr_status status) {
    if (status < 0 && status != KR_ERR_MEMORY && !strstr(kr_context_message(ctx), run->path))
        kr_error_prefix(ctx, "%s", run->path);
}

static kr_status read_file(kr_context *ctx, kr_sampling *run, const kr_sampling_options *options) {
    kr_status status = KR_OK;
    kr_parameter table[MOST];
    const common *c = run->block;
    merge_tables(run->kind, table);
    KR_TRY(kr_json_read(ctx, run->path, &run->file));
    KR_TRY(kr_parameters_read(ctx, table, run->file, run->path, run->block, &run->complete));
    run->seed = (uint64_t)c->seed;
    run->output = kr_strdup(ctx, options->output ? options->output : c->output);
    if (!run->output) return KR_ERR_MEMORY;
    if (c->problem)
        KR_TRY(kr_problem_create_with(ctx, c->problem, run->path, options->load, options->load_payload, &run->problem));
    if (run->kind->prepare) KR_TRY(run->kind->prepare(ctx, run));
done:
    prefix(ctx, run, status);
    return status;
}

kr_status kr_sampling_create(kr_context *ctx, const char *command, const char *path, const kr_sampling_options *options,
                             kr_sampling **run) {
    kr_status status = KR_OK;
    static const kr_sampling_options defaults = KR_SAMPLING_OPTIONS_INIT;
    const kr_run_kind *kind = NULL;
    kr_sampling *r = NULL;
    if (!ctx || !command || !path || !run) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "an argument is NULL");
    *run = NULL;
    if (!options) options = &defaults;
    KR_TRY(find_kind(ctx, command, &kind));
    KR_NEW(ctx, r, 1);
    r->kind = kind;
    char *block;
    KR_NEW(ctx, block, STATE_AT + kind->size);
    r->block = block;
    r->state = block + STATE_AT;
    r->resume = options->resume;
    r->overwrite = options->overwrite;
    r->checkpoint_seconds = options->checkpoint_seconds > 0 ? options->checkpoint_seconds : 60;
    r->path = kr_strdup(ctx, path);
    if (!r->path) {
        status = KR_ERR_MEMORY;
        goto done;
    }
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &r->results));
    KR_TRY(read_file(ctx, r, options));
    *run = r;
    r = NULL;
done:
    kr_sampling_destroy(&r);
    return status;
}

void kr_sampling_destroy(kr_sampling **run) {
    if (!run || !*run) return;
    kr_sampling *r = *run;
    if (r->kind->destroy) r->kind->destroy(r);
    kr_problem_destroy(&r->problem);
    kr_free(r->path);
    kr_free(r->output);
    kr_tree_destroy(&r->file);
    kr_tree_destroy(&r->complete);
    kr_tree_destroy(&r->results);
    kr_free(r->report.data);
    kr_free(r->json);
    kr_free(r->block);
    kr_free(r);
    *run = NULL;
}

/* ---- run --------------------------------------------------------------------------------------------------------- */

/* Every folder of the path. */
static kr_status make_folders(kr_context *ctx, const char *path) {
    kr_status status = KR_OK;
    char *copy = kr_strdup(ctx, path);
    if (!copy) return KR_ERR_MEMORY;
    for (char *c = copy + 1; *copy; c++) {
        if (*c && *c != '/') continue;
        char end = *c;
        *c = 0;
        if (!kr_file_is_folder(copy)) KR_TRY(kr_folder_make(ctx, copy));
        *c = end;
        if (!end) break;
    }
done:
    kr_free(copy);
    return status;
}

static kr_status write_results(kr_context *ctx, kr_sampling *run, kr_status outcome) {
    kr_status status = KR_OK;
    kr_tree *input = NULL;
    KR_TRY(kr_run_set_text(ctx, run->results, "command", run->kind->name));
    KR_TRY(kr_run_set_bool(ctx, run->results, "converged", outcome == KR_OK));
    KR_TRY(kr_run_set_text(ctx, run->results, "version", kr_version()));
    KR_TRY(kr_tree_copy(ctx, run->complete, &input));
    KR_TRY(kr_tree_set(ctx, run->results, "input", &input));
    KR_TRY(kr_json_format(ctx, run->results, 2, &run->json));
    KR_TRY(kr_run_write_text(ctx, run, "results.json", run->json));
done:
    kr_tree_destroy(&input);
    return status;
}

kr_status kr_sampling_run(kr_context *ctx, kr_sampling *run) {
    kr_status status = KR_OK, outcome = KR_OK;
    char *results = NULL;
    if (!ctx || !run) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "an argument is NULL");
    if (run->json) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "this run has ended, make a new one");
    KR_TRY(make_folders(ctx, run->output));
    results = kr_run_file(ctx, run, "results.json");
    if (!results) return KR_ERR_MEMORY;
    if (!run->resume) {
        KR_TRY(kr_file_target(ctx, results, run->overwrite));
        unlink(results); /* of an earlier run: they are not those of this one, should it fail */
    }
    kr_run_checkpoint_due(run);
    outcome = run->kind->execute(ctx, run);
    KR_TRY(outcome);
    if (outcome == KR_CANCELLED) goto done;
    KR_TRY(write_results(ctx, run, outcome));
    kr_run_checkpoint_remove(run);
done:
    kr_free(results);
    prefix(ctx, run, outcome);
    return status < 0 ? status : outcome;
}

const char *kr_sampling_output(const kr_sampling *run) { return run ? run->output : ""; }

const char *kr_sampling_results(const kr_sampling *run) { return run && run->json ? run->json : ""; }

void kr_sampling_report(const kr_sampling *run, void (*line)(const char *text, void *payload), void *payload) {
    if (!run || !line || !run->report.data) return;
    /* Lines are kept with a zero instead of a line end. */
    for (const char *text = run->report.data; text < run->report.data + run->report.length; text += strlen(text) + 1)
        line(text, payload);
}

/* ---- help -------------------------------------------------------------------------------------------------------- */

static kr_status help_problem(kr_context *ctx, const char *word, void (*line)(const char *, void *), void *payload) {
    char text[512];
    if (!*word) {
        line("\"problem\": {\"kind\": ..., ...}   kinds:", payload);
        for (int k = 0; k < kr_problem_count(); k++) {
            snprintf(text, sizeof text, "  %-16s %s", kr_problem_at(k)->name, kr_problem_at(k)->summary);
            line(text, payload);
        }
        line("keys of every kind:", payload);
        kr_problem_describe(NULL, line, payload);
        return KR_OK;
    }
    const kr_problem_kind *kind = kr_problem_find(word);
    if (!kind) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "there is no problem '%.60s'", word);
    snprintf(text, sizeof text, "%s: %s", kind->name, kind->summary);
    line(text, payload);
    snprintf(text, sizeof text, "  source: %s", kind->reference);
    line(text, payload);
    kr_problem_describe(kind, line, payload);
    return KR_OK;
}

kr_status kr_sampling_help(kr_context *ctx, const char *topic, void (*line)(const char *text, void *payload),
                           void *payload) {
    char first[64];
    if (!ctx || !topic || !line) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "an argument is NULL");
    size_t n = strcspn(topic, " ");
    const char *word = topic + n + strspn(topic + n, " ");
    snprintf(first, sizeof first, "%.*s", (int)n, topic);
    if (!strcmp(first, "problem")) return help_problem(ctx, word, line, payload);
    const kr_run_kind *kind;
    kr_status status = find_kind(ctx, first, &kind);
    if (status != KR_OK) return status;
    if (*word) {
        if (kind->help && kind->help(word, line, payload)) return KR_OK;
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "there is no help for '%.60s' in '%s'", word, first);
    }
    kr_parameter table[MOST];
    merge_tables(kind, table);
    kr_parameters_describe(table, line, payload);
    if (kind->help) kind->help("", line, payload);
    return KR_OK;
}
