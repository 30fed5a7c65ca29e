/* Reading the frames that an exploration kept.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/extxyz_comment.h"
#include "core/file.h"
#include "core/formats.h"
#include "core/memory.h"
#include "eelt/explorer.h"
#include <string.h>

static int word_index(const kr_word *word, int n, const char *(*name)(int)) {
    for (int k = 0; word && k < n; k++)
        if (kr_word_is(*word, name(k))) return k;
    return -1;
}
static const char *class_name(int k) { return kr_class_word((kr_class)k); }
static const char *end_name(int k) { return kr_end_word((kr_end)k); }

static int real_of(const kr_comment *comment, const char *key, double *value) {
    const kr_word *word = kr_comment_get(comment, key);
    return word && kr_word_real(*word, value);
}

static kr_status read_comment(kr_context *ctx, kr_word line, kr_comment *comment, kr_explored *e) {
    const char *expected;
    int64_t step;
    kr_deviation *d = &e->deviation;
    double *const devi[KR_MODEL_DEVI_KEYS] = {&d->max_v, &d->min_v, &d->avg_v, &d->max_f,
                                              &d->min_f, &d->avg_f, &d->devi_e};
    if (kr_comment_parse(line, comment, &expected) != 0) return KR_ERROR(ctx, KR_ERR_FORMAT, "expected %s", expected);
    const kr_word *word = kr_comment_get(comment, "step");
    int which = word_index(kr_comment_get(comment, "class"), KR_CLASS_COUNT, class_name);
    if (!word || !kr_word_int(*word, &step) || which < 0)
        return KR_ERROR(ctx, KR_ERR_FORMAT, "expected step=N and class=accurate, candidate or failed");
    e->step = step;
    e->frame_class = (kr_class)which;
    int reason = word_index(kr_comment_get(comment, "reason"), KR_END_COUNT, end_name);
    e->reason = reason < 0 ? KR_END_FINISHED : (kr_end)reason;
    for (int k = 0; k < KR_MODEL_DEVI_KEYS; k++)
        if (!real_of(comment, kr_model_devi_key[k], devi[k]))
            return KR_ERROR(ctx, KR_ERR_FORMAT, "expected %s=number", kr_model_devi_key[k]);
    if (!real_of(comment, "rank", &e->rank)) e->rank = -1;
    if (!real_of(comment, "weight", &e->weight)) e->weight = 1;
    return KR_OK;
}

/* The comment lines of all frames. */
static kr_status read_comments(kr_context *ctx, const char *text, size_t length, const char *where, int *n,
                               kr_explored **info) {
    kr_status status = KR_OK;
    kr_lines lines = kr_lines_of(text, length);
    kr_word line;
    kr_comment *comment = NULL;
    int room = 0;
    KR_NEW(ctx, comment, 1);
    while (kr_lines_next(&lines, &line)) {
        int64_t natoms;
        line = kr_word_trim(line);
        if (line.n == 0) continue;
        if (!kr_word_int(line, &natoms) || natoms < 0 || !kr_lines_next(&lines, &line))
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s:%ld: expected the number of atoms of a frame", where, lines.number);
        if (*n == room) {
            kr_explored *more = kr_realloc(ctx, *info, (size_t)room, 2 * (size_t)room + 16, sizeof **info);
            if (!more) KR_TRY(KR_ERR_MEMORY);
            *info = more;
            room = 2 * room + 16;
        }
        status = read_comment(ctx, line, comment, &(*info)[(*n)++]);
        if (status != KR_OK) kr_error_prefix(ctx, "%s:%ld", where, lines.number);
        KR_TRY(status);
        for (int64_t i = 0; i < natoms && kr_lines_next(&lines, &line);) i++;
    }
done:
    kr_free(comment);
    return status;
}

kr_status kr_explored_read(kr_context *ctx, const char *folder, const char *name, kr_dataset **dataset, int *n,
                           kr_explored **info) {
    kr_status status = KR_OK;
    char *text = NULL, *path = kr_path_join(ctx, folder, name);
    size_t length;
    *dataset = NULL;
    *info = NULL;
    *n = 0;
    if (!path) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_dataset_create(ctx, dataset));
    if (!kr_file_exists(path)) goto done;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    KR_TRY(kr_extxyz_parse(ctx, text, length, path, &(kr_read_options){0}, *dataset));
    KR_TRY(read_comments(ctx, text, length, path, n, info));
done:
    if (status != KR_OK) {
        kr_dataset_destroy(dataset);
        kr_free(*info);
        *info = NULL;
        *n = 0;
    }
    kr_free(text);
    kr_free(path);
    return status;
}
