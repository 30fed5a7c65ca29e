/* Reading and writing datasets: which format a path means.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Order: the caller's word, what a folder is, the suffix, LAMMPS' and VASP's habits of naming files (data.X,
 * dump.X, POSCAR), and at last the first bytes of the file. */
#include "core/error.h"
#include "core/file.h"
#include "core/formats.h"
#include "core/hdf5.h"
#include "core/memory.h"
#include "core/suggest.h"
#include "core/text.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

typedef struct format {
    const char *name, *suffixes;
    kr_read_fn read;
    kr_write_fn write;
} format;

static const format formats[] = {
#define KR_FORMAT(id, name, suffixes, read, write) {name, suffixes, read, write},
#include "core/formats.def"
#undef KR_FORMAT
};
enum { FORMAT_COUNT = sizeof formats / sizeof *formats };

static const format *named(const char *name) {
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(name, formats[i].name) == 0) return &formats[i];
    return NULL;
}

static kr_status by_name(kr_context *ctx, const char *name, const format **found) {
    const char *names[FORMAT_COUNT];
    *found = named(name);
    if (*found) return KR_OK;
    for (int i = 0; i < FORMAT_COUNT; i++) names[i] = formats[i].name;
    KR_ERROR(ctx, KR_ERR_ARGUMENT,
             "format '%s', allowed npy, mixed, raw, hdf5, extxyz, lammps-data, lammps-dump, poscar", name);
    const char *near = kr_suggest(name, FORMAT_COUNT, names);
    if (near) kr_error_hint(ctx, "did you mean '%s'?", near);
    return KR_ERR_ARGUMENT;
}

/* The format whose list of suffixes has the one that the first n letters of path end with. */
static const format *by_suffix(const char *path, size_t n) {
    for (int i = 0; i < FORMAT_COUNT; i++) {
        kr_word rest = {formats[i].suffixes, strlen(formats[i].suffixes)}, suffix;
        while (kr_word_next(&rest, &suffix))
            if (n > suffix.n && strncasecmp(path + n - suffix.n, suffix.text, suffix.n) == 0) return &formats[i];
    }
    const char *base = path + n;
    while (base > path && base[-1] != '/') base--;
    if (strncmp(base, "data.", 5) == 0) return named("lammps-data");
    if (strncmp(base, "dump.", 5) == 0) return named("lammps-dump");
    if (strncmp(base, "POSCAR", 6) == 0 || strncmp(base, "CONTCAR", 7) == 0) return named("poscar");
    return NULL;
}

static const format *by_content(const char *path) {
    char head[512];
    FILE *stream = fopen(path, "rbe");
    if (!stream) return NULL;
    size_t n = fread(head, 1, sizeof head, stream);
    fclose(stream);
    if (kr_h5_is_hdf5(path)) return named("hdf5");
    kr_lines lines = kr_lines_of(head, n);
    kr_word first, second, word;
    int64_t number;
    if (!kr_lines_next(&lines, &first)) return NULL;
    if (first.n >= 5 && memcmp(first.text, "ITEM:", 5) == 0) return named("lammps-dump");
    first = kr_word_trim(first);
    if (kr_word_int(first, &number) && number > 0) return named("extxyz");
    while (kr_lines_next(&lines, &second)) /* "192 atoms" */
        if (kr_word_next(&second, &word) && kr_word_int(word, &number) && kr_word_next(&second, &word) &&
            kr_word_is(word, "atoms"))
            return named("lammps-data");
    return NULL;
}

static kr_status find_for_reading(kr_context *ctx, const char *path, const char *name, const format **found) {
    if (name) return by_name(ctx, name, found);
    *found = NULL;
    if (kr_file_is_folder(path)) {
        *found = named("npy");
        return KR_OK;
    }
    const char *mark = kr_file_exists(path) ? NULL : strchr(path, '#');
    if (mark) *found = named("hdf5");
    if (mark) return KR_OK;
    FILE *stream = fopen(path, "rbe");
    if (!stream) return KR_ERROR(ctx, KR_ERR_IO, "cannot open '%s'", path);
    fclose(stream);
    *found = by_suffix(path, strlen(path));
    if (!*found) *found = by_content(path);
    if (*found) return KR_OK;
    KR_ERROR(ctx, KR_ERR_FORMAT, "'%s': the format cannot be told from the name or the content", path);
    kr_error_hint(ctx, "name it: npy, mixed, raw, hdf5, extxyz, lammps-data, lammps-dump, poscar");
    return KR_ERR_FORMAT;
}

kr_status kr_dataset_read(kr_context *ctx, const char *path, const char *name, int nelements,
                          const char *const *elements, kr_dataset **dataset) {
    kr_status status = KR_OK;
    const format *chosen = NULL;
    const kr_read_options options = {elements ? nelements : 0, elements};
    if (!dataset) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_dataset_read: dataset is NULL");
    *dataset = NULL;
    if (!path) KR_FAIL(ctx, KR_ERR_ARGUMENT, "kr_dataset_read: path is NULL");
    KR_TRY(find_for_reading(ctx, path, name, &chosen));
    KR_TRY(kr_dataset_create(ctx, dataset));
    KR_TRY(chosen->read(ctx, path, &options, *dataset));
done:
    if (status != KR_OK) kr_dataset_destroy(dataset);
    return status;
}

static kr_status find_for_writing(kr_context *ctx, const char *path, const char *name, const format **found) {
    if (name) return by_name(ctx, name, found);
    const char *mark = strchr(path, '#'), *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    *found = by_suffix(path, mark ? (size_t)(mark - path) : strlen(path));
    if (!*found && dot && dot > (slash ? slash : path) && !mark)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "'%s': suffix '%s' belongs to no format that is written", path, dot);
    if (!*found) *found = named("npy");
    return KR_OK;
}

kr_status kr_dataset_writable(kr_context *ctx, const char *path, const char *name) {
    const format *chosen = NULL;
    if (!path) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_dataset_writable: path is NULL");
    return find_for_writing(ctx, path, name, &chosen);
}

kr_status kr_dataset_write(kr_context *ctx, const kr_dataset *dataset, const char *path, const char *name,
                           int overwrite) {
    kr_status status = KR_OK;
    const format *chosen = NULL;
    if (!dataset || !path) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_dataset_write: dataset or path is NULL");
    KR_TRY(find_for_writing(ctx, path, name, &chosen));
    KR_TRY(chosen->write(ctx, dataset, path, overwrite));
done:
    return status;
}

kr_status kr_text_read(kr_context *ctx, const char *path, kr_parse_fn parse, const kr_read_options *options,
                       kr_dataset *dataset) {
    kr_status status = KR_OK;
    char *text = NULL;
    size_t length;
    KR_TRY(kr_file_read(ctx, path, &text, &length));
    KR_TRY(parse(ctx, text, length, path, options, dataset));
done:
    kr_free(text);
    return status;
}
