/* Folders and HDF5 groups behind one set of calls.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/store.h"
#include "core/error.h"
#include "core/file.h"
#include "core/npy.h"
#include "core/raw.h"
#include "core/text.h"
#include <errno.h>
#include <string.h>

kr_status kr_store_open(kr_context *ctx, kr_h5 *file, const char *path, const char *group, kr_store *store) {
    *store = (kr_store){file, NULL, NULL};
    if (file) {
        while (*group == '/') group++;
        store->root = kr_strprintf(ctx, "%s%s", *group ? "/" : "", group);
        store->where = kr_strprintf(ctx, "%s#/%s", path, group);
    } else {
        store->root = kr_strdup(ctx, path);
        store->where = kr_strdup(ctx, path);
    }
    if (store->root && store->where) return KR_OK;
    kr_store_close(store);
    return KR_ERR_MEMORY;
}

void kr_store_close(kr_store *store) {
    kr_free(store->root);
    kr_free(store->where);
    *store = (kr_store){NULL, NULL, NULL};
}

static char *full(kr_context *ctx, const kr_store *store, const char *name) {
    return kr_path_join(ctx, store->root, name);
}

/* Into room on the stack, so that asking cannot fail for want of memory and turn a present label into an absent one.
 * Longer paths cannot be opened anyway. */
enum { PATH_ROOM = 4096 };

static int path_of(const kr_store *store, const char *name, char path[PATH_ROOM]) {
    size_t n = strlen(store->root);
    int written = snprintf(path, PATH_ROOM, "%s%s%s", store->root, n > 0 && store->root[n - 1] == '/' ? "" : "/", name);
    return written > 0 && written < PATH_ROOM;
}

int kr_store_has(const kr_store *store, const char *name) {
    char path[PATH_ROOM];
    if (!path_of(store, name, path)) return 0;
    return store->file ? kr_h5_exists(store->file, path) : kr_file_exists(path);
}

int kr_store_has_folder(const kr_store *store, const char *name) {
    char path[PATH_ROOM];
    if (!path_of(store, name, path)) return 0;
    return store->file ? kr_h5_is_group(store->file, path) : kr_file_is_folder(path);
}

kr_status kr_store_list(kr_context *ctx, const kr_store *store, int *count, char ***names) {
    if (!store->file) return kr_folder_list(ctx, store->root, count, names);
    kr_status status = kr_h5_list(ctx, store->file, *store->root ? store->root : "/", count, names);
    if (status != KR_OK) kr_error_prefix(ctx, "%s", store->where);
    return status;
}

static int ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

kr_status kr_store_array(kr_context *ctx, const kr_store *store, const char *name, kr_tree **array) {
    kr_status status = KR_OK;
    char *path = full(ctx, store, name);
    *array = NULL;
    if (!path) return KR_ERR_MEMORY;
    if (store->file) {
        status = kr_h5_read_array(ctx, store->file, path, array);
        if (status != KR_OK) kr_error_prefix(ctx, "%s/%s", store->where, name);
    } else if (ends_with(name, ".raw")) {
        status = kr_raw_read(ctx, path, array);
    } else {
        status = kr_npy_read(ctx, path, array);
    }
    kr_free(path);
    return status;
}

kr_status kr_store_names(kr_context *ctx, const kr_store *store, const char *name, kr_names *names) {
    kr_status status = KR_OK;
    char *path = full(ctx, store, name), *text = NULL, **strings = NULL;
    size_t length;
    int count = 0, index;
    kr_word rest, word;
    if (!path) return KR_ERR_MEMORY;
    if (store->file) {
        status = kr_h5_read_strings(ctx, store->file, path, &count, &strings);
        if (status != KR_OK) kr_error_prefix(ctx, "%s/%s", store->where, name);
    } else {
        status = kr_file_read(ctx, path, &text, &length);
    }
    if (status != KR_OK) goto done;
    for (int i = 0; i < (text ? 1 : count); i++) {
        rest = text ? (kr_word){text, length} : (kr_word){strings[i], strlen(strings[i])};
        while (kr_word_next(&rest, &word)) {
            if (memchr(word.text, 0, word.n))
                KR_FAIL(ctx, KR_ERR_FORMAT, "%s/%s: a name holds a zero byte", store->where, name);
            int before = names->n;
            KR_TRY(kr_names_add(ctx, names, word.text, word.n, &index));
            if (names->n == before)
                KR_FAIL(ctx, KR_ERR_FORMAT, "%s/%s: the name '%s' occurs twice", store->where, name,
                        names->name[index]);
        }
    }
done:
    kr_free(path);
    kr_free(text);
    if (strings) kr_h5_free_names(count, strings);
    return status;
}

kr_status kr_store_make(kr_context *ctx, const kr_store *store, const char *name) {
    char *path = full(ctx, store, name);
    if (!path) return KR_ERR_MEMORY;
    kr_status status = store->file ? kr_h5_make_group(ctx, store->file, path) : kr_folder_make(ctx, path);
    kr_free(path);
    return status;
}

/* Opens a file of the store (which lies in a temporary folder, so that no temporary name is needed). */
static FILE *open_file(kr_context *ctx, const char *path) {
    FILE *stream = fopen(path, "wbe");
    if (!stream) KR_ERROR(ctx, KR_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
    return stream;
}

static kr_status close_file(kr_context *ctx, const char *path, FILE *stream, kr_status status) {
    int bad = ferror(stream);
    bad |= fclose(stream) != 0;
    if (status == KR_OK && bad) return KR_ERROR(ctx, KR_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
    return status;
}

kr_status kr_store_put(kr_context *ctx, const kr_store *store, const char *name, kr_dtype dtype, int ndim,
                       const size_t *shape, const double *data) {
    kr_status status = KR_OK;
    char *path = full(ctx, store, name);
    if (!path) return KR_ERR_MEMORY;
    if (store->file) {
        kr_tree node = {.kind = KR_TREE_ARRAY, .dtype = dtype, .ndim = ndim, .data = (double *)data};
        memcpy(node.shape, shape, (size_t)ndim * sizeof *shape);
        status = kr_h5_write_array(ctx, store->file, path, &node);
    } else {
        FILE *stream = open_file(ctx, path);
        size_t columns = 1;
        for (int d = 1; d < ndim; d++) columns *= shape[d];
        if (!stream)
            status = KR_ERR_IO;
        else if (ends_with(name, ".raw"))
            status = close_file(ctx, path, stream, kr_raw_put(ctx, stream, shape[0], columns, data));
        else
            status = close_file(ctx, path, stream, kr_npy_put(ctx, stream, dtype, ndim, shape, data));
    }
    kr_free(path);
    return status;
}

kr_status kr_store_put_names(kr_context *ctx, const kr_store *store, const char *name, const kr_names *names) {
    kr_status status = KR_OK;
    char *path = full(ctx, store, name);
    if (!path) return KR_ERR_MEMORY;
    if (store->file) {
        status = kr_h5_write_strings(ctx, store->file, path, names->n, (const char *const *)names->name);
    } else {
        FILE *stream = open_file(ctx, path);
        for (int i = 0; stream && i < names->n; i++) fprintf(stream, "%s\n", names->name[i]);
        status = stream ? close_file(ctx, path, stream, KR_OK) : KR_ERR_IO;
    }
    kr_free(path);
    return status;
}

kr_status kr_store_put_marker(kr_context *ctx, const kr_store *store, const char *name) {
    const size_t scalar[1] = {1};
    const double one = 1;
    const kr_names none = {0, NULL};
    if (store->file) return kr_store_put(ctx, store, name, KR_INT32, 0, scalar, &one);
    return kr_store_put_names(ctx, store, name, &none);
}
