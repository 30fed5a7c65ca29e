/* Runs: results, report, files of the output folder, checkpoints.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "sampling/run.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

kr_status kr_run_line(kr_context *ctx, kr_sampling *run, const char *format, ...) {
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return kr_string_append(ctx, &run->report, text, strlen(text) + 1);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Takes *child when `made` is KR_OK. */
static kr_status put(kr_context *ctx, kr_status made, kr_tree *map, const char *key, kr_tree **child) {
    return made == KR_OK ? kr_tree_set(ctx, map, key, child) : made;
}

kr_status kr_run_set_real(kr_context *ctx, kr_tree *map, const char *key, double value) {
    kr_tree *child = NULL;
    kr_status made = isfinite(value) ? kr_tree_new_real(ctx, value, &child) : kr_tree_new(ctx, KR_TREE_NULL, &child);
    return put(ctx, made, map, key, &child);
}

kr_status kr_run_set_int(kr_context *ctx, kr_tree *map, const char *key, int64_t value) {
    kr_tree *child = NULL;
    return put(ctx, kr_tree_new_int(ctx, value, &child), map, key, &child);
}

kr_status kr_run_set_text(kr_context *ctx, kr_tree *map, const char *key, const char *value) {
    kr_tree *child = NULL;
    return put(ctx, kr_tree_new_string(ctx, value, &child), map, key, &child);
}

kr_status kr_run_set_bool(kr_context *ctx, kr_tree *map, const char *key, int value) {
    kr_tree *child = NULL;
    return put(ctx, kr_tree_new_bool(ctx, value, &child), map, key, &child);
}

kr_status kr_run_set_reals(kr_context *ctx, kr_tree *map, const char *key, long n, const double *value) {
    kr_status status = KR_OK;
    kr_tree *list = NULL, *child = NULL;
    KR_TRY(kr_tree_new(ctx, KR_TREE_LIST, &list));
    for (long i = 0; i < n; i++) {
        KR_TRY(isfinite(value[i]) ? kr_tree_new_real(ctx, value[i], &child) : kr_tree_new(ctx, KR_TREE_NULL, &child));
        KR_TRY(kr_tree_append(ctx, list, &child));
    }
    KR_TRY(kr_tree_set(ctx, map, key, &list));
done:
    kr_tree_destroy(&list);
    return status;
}

kr_status kr_run_set_map(kr_context *ctx, kr_tree *map, const char *key, kr_tree **child) {
    kr_tree *made = NULL;
    kr_status status = put(ctx, kr_tree_new(ctx, KR_TREE_MAP, &made), map, key, &made);
    *child = status == KR_OK ? (kr_tree *)kr_tree_get(map, key) : NULL;
    return status;
}

kr_status kr_run_get_reals(kr_context *ctx, const kr_tree *map, const char *key, long n, double *value) {
    const kr_tree *list;
    kr_status status = kr_tree_need(ctx, map, key, &list);
    if (status != KR_OK) return status;
    if (list->kind != KR_TREE_LIST || list->count != n)
        return KR_ERROR(ctx, KR_ERR_FORMAT, "'%s': a list of %ld numbers expected", key, n);
    for (long i = 0; i < n; i++) {
        const kr_tree *c = list->child[i];
        if (c->kind != KR_TREE_REAL && c->kind != KR_TREE_INT && c->kind != KR_TREE_NULL)
            return KR_ERROR(ctx, KR_ERR_FORMAT, "'%s'[%ld] is no number", key, i);
        value[i] = c->kind == KR_TREE_NULL ? NAN : c->real;
    }
    return KR_OK;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

char *kr_run_file(kr_context *ctx, const kr_sampling *run, const char *name) {
    return kr_path_join(ctx, run->output, name);
}

kr_status kr_run_write_text(kr_context *ctx, const kr_sampling *run, const char *name, const char *text) {
    kr_status status = KR_OK;
    kr_file_writer writer = {0};
    char *path = kr_run_file(ctx, run, name);
    if (!path) return KR_ERR_MEMORY;
    KR_TRY(kr_file_begin(ctx, path, &writer));
    if (fputs(text, writer.stream) < 0) KR_FAIL(ctx, KR_ERR_IO, "%s could not be written", path);
    KR_TRY(kr_file_commit(ctx, &writer));
done:
    kr_file_abandon(&writer);
    kr_free(path);
    return status;
}

/* ---- checkpoints ------------------------------------------------------------------------------------------------- */

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int kr_run_checkpoint_due(kr_sampling *run) {
    double now = seconds();
    int due = run->checkpoint_at > 0 && now >= run->checkpoint_at;
    if (due || run->checkpoint_at == 0) run->checkpoint_at = now + run->checkpoint_seconds;
    return due;
}

/* The input with defaults as text: a checkpoint belongs to exactly this input, whatever the folder is called. */
static kr_status fingerprint(kr_context *ctx, const kr_sampling *run, char **text) {
    kr_status status = KR_OK;
    kr_tree *copy = NULL;
    KR_TRY(kr_tree_copy(ctx, run->complete, &copy));
    KR_TRY(kr_run_set_text(ctx, copy, "output", ""));
    KR_TRY(kr_run_set_text(ctx, copy, "command", run->kind->name));
    KR_TRY(kr_json_format(ctx, copy, 0, text));
done:
    kr_tree_destroy(&copy);
    return status;
}

kr_status kr_run_checkpoint_write(kr_context *ctx, kr_sampling *run, const kr_tree *state) {
    kr_status status = KR_OK;
    kr_tree *all = NULL, *copy = NULL;
    char *input = NULL, *text = NULL;
    KR_TRY(fingerprint(ctx, run, &input));
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &all));
    KR_TRY(kr_run_set_text(ctx, all, "input", input));
    KR_TRY(kr_tree_copy(ctx, state, &copy));
    KR_TRY(kr_tree_set(ctx, all, "state", &copy));
    KR_TRY(kr_json_format(ctx, all, 0, &text));
    KR_TRY(kr_run_write_text(ctx, run, "checkpoint.json", text));
done:
    kr_tree_destroy(&all);
    kr_tree_destroy(&copy);
    kr_free(input);
    kr_free(text);
    return status;
}

kr_status kr_run_checkpoint_read(kr_context *ctx, kr_sampling *run, kr_tree **state) {
    kr_status status = KR_OK;
    kr_tree *all = NULL;
    char *input = NULL, *path = NULL;
    const char *of;
    const kr_tree *found;
    *state = NULL;
    if (!run->resume) return KR_OK;
    path = kr_run_file(ctx, run, "checkpoint.json");
    if (!path) return KR_ERR_MEMORY;
    if (!kr_file_exists(path)) goto done;
    KR_TRY(kr_json_read(ctx, path, &all));
    KR_TRY(kr_tree_get_string(ctx, all, "input", &of));
    KR_TRY(kr_tree_need(ctx, all, "state", &found));
    KR_TRY(fingerprint(ctx, run, &input));
    if (strcmp(of, input) != 0) {
        status = KR_ERROR(ctx, KR_ERR_ARGUMENT, "%s belongs to another input than %s", path, run->path);
        kr_error_hint(ctx, "run without --resume to start anew");
        goto done;
    }
    KR_TRY(kr_tree_copy(ctx, found, state));
done:
    kr_tree_destroy(&all);
    kr_free(input);
    kr_free(path);
    return status;
}

void kr_run_checkpoint_remove(kr_sampling *run) {
    char *path = kr_run_file(NULL, run, "checkpoint.json");
    if (path) unlink(path);
    kr_free(path);
}

kr_status kr_run_lists_to_arrays(kr_context *ctx, const kr_tree *from, kr_tree **to) {
    kr_status status = KR_OK;
    kr_tree *made = NULL, *child = NULL;
    double *values = NULL;
    if (from->kind == KR_TREE_LIST) {
        size_t n = (size_t)from->count;
        KR_NEW(ctx, values, n);
        for (size_t i = 0; i < n; i++) values[i] = from->child[i]->real;
        KR_TRY(kr_tree_new_array(ctx, KR_FLOAT64, 1, &n, values, &made));
    } else if (from->kind == KR_TREE_MAP) {
        KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &made));
        for (int i = 0; i < from->count; i++) {
            KR_TRY(kr_run_lists_to_arrays(ctx, from->child[i], &child));
            KR_TRY(kr_tree_set(ctx, made, from->key[i], &child));
        }
    } else {
        KR_TRY(kr_tree_copy(ctx, from, &made));
    }
    *to = made;
    made = NULL;
done:
    kr_free(values);
    kr_tree_destroy(&made);
    return status;
}

/* ---- sections ---------------------------------------------------------------------------------------------------- */

kr_status kr_run_sections_read(kr_context *ctx, kr_sampling *run, int n, const kr_run_section *sections) {
    kr_status status = KR_OK;
    kr_tree *copy = NULL, *owned;
    for (int k = 0; k < n; k++) {
        const kr_tree *given;
        memcpy(&given, (const char *)run->state + sections[k].given, sizeof given);
        KR_TRY(kr_parameters_read(ctx, sections[k].table, given, sections[k].name, run->state, &owned));
        memcpy((char *)run->state + sections[k].owned, &owned, sizeof owned);
        KR_TRY(kr_tree_copy(ctx, owned, &copy));
        KR_TRY(kr_parameters_nest(ctx, run->complete, sections[k].name, &copy));
    }
done:
    kr_tree_destroy(&copy);
    return status;
}

void kr_run_sections_free(kr_sampling *run, int n, const kr_run_section *sections) {
    for (int k = 0; k < n; k++) {
        kr_tree *owned, *none = NULL;
        memcpy(&owned, (char *)run->state + sections[k].owned, sizeof owned);
        kr_tree_destroy(&owned);
        memcpy((char *)run->state + sections[k].owned, &none, sizeof none);
    }
}

int kr_run_sections_help(const char *word, int n, const kr_run_section *sections,
                         void (*line)(const char *text, void *payload), void *payload) {
    for (int k = 0; k < n; k++)
        if (!strcmp(word, sections[k].name)) {
            kr_parameters_describe(sections[k].table, line, payload);
            return 1;
        }
    return 0;
}
