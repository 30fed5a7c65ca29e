/* Tables of numbers as text.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/raw.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/text.h"
#include <string.h>

kr_status kr_raw_parse(kr_context *ctx, const char *text, size_t length, const char *where, kr_tree **array) {
    kr_status status = KR_OK;
    kr_lines lines = kr_lines_of(text, length);
    kr_word line, word;
    char show[40];
    size_t rows = 0, columns = 0, used = 0, room = 0;
    double *data = NULL;
    *array = NULL;
    while (kr_lines_next(&lines, &line)) {
        const char *comment = memchr(line.text, '#', line.n);
        if (comment) line.n = (size_t)(comment - line.text);
        size_t n = 0;
        for (; kr_word_next(&line, &word); n++) {
            if (used == room) {
                double *more = kr_realloc(ctx, data, used, 2 * room + 64, sizeof *data);
                if (!more) {
                    status = KR_ERR_MEMORY;
                    goto done;
                }
                data = more;
                room = 2 * room + 64;
            }
            if (!kr_word_real(word, &data[used]))
                KR_FAIL(ctx, KR_ERR_FORMAT, "%s:%ld: '%s', expected a number", where, lines.number,
                        kr_word_show(word, show, sizeof show));
            used++;
        }
        if (n == 0) continue;
        if (rows > 0 && n != columns)
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s:%ld: %zu numbers, expected %zu as in the first row", where, lines.number, n,
                    columns);
        columns = n;
        rows++;
    }
    KR_TRY(kr_tree_new(ctx, KR_TREE_ARRAY, array));
    if (!data) KR_NEW(ctx, data, 1);
    (*array)->ndim = 2;
    (*array)->shape[0] = rows;
    (*array)->shape[1] = columns;
    (*array)->data = data;
    data = NULL;
done:
    kr_free(data);
    if (status != KR_OK) kr_tree_destroy(array);
    return status;
}

kr_status kr_raw_read(kr_context *ctx, const char *path, kr_tree **array) {
    kr_status status = KR_OK;
    char *text = NULL;
    size_t length;
    *array = NULL;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    KR_TRY(kr_raw_parse(ctx, text, length, path, array));
done:
    kr_free(text);
    return status;
}

kr_status kr_raw_put(kr_context *ctx, FILE *stream, size_t rows, size_t columns, const double *data) {
    char text[32];
    for (size_t i = 0; i < rows * columns; i++) {
        fputs(kr_format_real(data[i], text), stream);
        fputc((i + 1) % columns == 0 ? '\n' : ' ', stream);
    }
    return ferror(stream) ? KR_ERROR(ctx, KR_ERR_IO, "cannot write a table of numbers") : KR_OK;
}
