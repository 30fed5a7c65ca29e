/* Continuing the files of an exploration that was interrupted.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/explore_logs.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

kr_status kr_explore_cut_log(kr_context *ctx, const char *folder, const char *name, int64_t last) {
    kr_status status = KR_OK;
    char *text = NULL, *path = kr_path_join(ctx, folder, name);
    size_t length, keep = 0;
    kr_word line, word;
    int64_t step;
    if (!path) KR_TRY(KR_ERR_MEMORY);
    if (!kr_file_exists(path)) goto done;
    if (last < 0) {
        unlink(path);
        goto done;
    }
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    kr_lines lines = kr_lines_of(text, length);
    while (kr_lines_next(&lines, &line)) {
        size_t behind = (size_t)(lines.next - text);
        if (behind == 0 || text[behind - 1] != '\n') break; /* torn */
        int row = kr_word_next(&line, &word) && word.text[0] != '#';
        if (row && (!kr_word_int(word, &step) || step > last)) break;
        keep = behind;
    }
    if (keep < length) status = kr_file_write(ctx, folder, name, text, keep);
done:
    kr_free(text);
    kr_free(path);
    return status;
}

kr_status kr_explore_copy(kr_context *ctx, const char *from, const char *to, const char *name) {
    kr_status status = KR_OK;
    char *text = NULL, *path = kr_path_join(ctx, from, name);
    size_t length;
    if (!path) KR_TRY(KR_ERR_MEMORY);
    if (!kr_file_exists(path)) goto done;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    KR_TRY(kr_file_write(ctx, to, name, text, length));
done:
    kr_free(text);
    kr_free(path);
    return status;
}

kr_status kr_explore_full_path(kr_context *ctx, const char *path, char **full) {
    char found[PATH_MAX];
    *full = NULL;
    if (!realpath(path, found)) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "cannot find '%s': %s", path, strerror(errno));
    *full = kr_strdup(ctx, found);
    return *full ? KR_OK : KR_ERR_MEMORY;
}
