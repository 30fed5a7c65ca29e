/* deepmd folders and HDF5 files: finding the systems in them, writing them all at once.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/deepmd.h"
#include "core/error.h"
#include "core/file.h"
#include "core/formats.h"
#include <string.h>
#include <sys/stat.h>

enum { DEEPEST = 16 }; /* levels of folders that are searched */

/* ---- folders ---- */

typedef struct ancestor {
    const struct ancestor *above;
    dev_t device;
    ino_t inode;
} ancestor;

static kr_status load_folder(kr_context *ctx, const char *path, kr_layout layout, kr_dataset *dataset) {
    kr_status status = KR_OK;
    kr_store store = {NULL, NULL, NULL};
    kr_system *system = NULL;
    KR_TRY(kr_store_open(ctx, NULL, path, "", &store));
    KR_TRY(kr_deepmd_load(ctx, &store, layout, &system));
    KR_TRY(kr_dataset_append(ctx, dataset, &system));
done:
    kr_system_destroy(&system);
    kr_store_close(&store);
    return status;
}

/* Every folder with type.raw at or below path, sorted. Links are followed, except back to a folder above. */
static kr_status search_folder(kr_context *ctx, const char *path, kr_layout layout, int depth, const ancestor *above,
                               kr_dataset *dataset) {
    kr_status status = KR_OK;
    char *child = NULL, **names = NULL;
    int count = 0;
    struct stat info;
    if (depth > DEEPEST || stat(path, &info) != 0) return KR_OK;
    for (const ancestor *a = above; a; a = a->above)
        if (a->device == info.st_dev && a->inode == info.st_ino) return KR_OK;
    const ancestor here = {above, info.st_dev, info.st_ino};
    child = kr_path_join(ctx, path, "type.raw");
    if (!child) return KR_ERR_MEMORY;
    int is_system = kr_file_exists(child);
    kr_free(child);
    child = NULL;
    if (is_system) return load_folder(ctx, path, layout, dataset);
    KR_TRY(kr_folder_list(ctx, path, &count, &names));
    for (int i = 0; i < count; i++) {
        child = kr_path_join(ctx, path, names[i]);
        if (!child) {
            status = KR_ERR_MEMORY;
            goto done;
        }
        if (kr_file_is_folder(child)) KR_TRY(search_folder(ctx, child, layout, depth + 1, &here, dataset));
        kr_free(child);
        child = NULL;
    }
done:
    kr_free(child);
    kr_names_free(count, names);
    return status;
}

static kr_status read_folder(kr_context *ctx, const char *path, kr_layout layout, kr_dataset *dataset) {
    int before = dataset->nsystems;
    if (!kr_file_is_folder(path)) return KR_ERROR(ctx, KR_ERR_IO, "'%s' is no folder, expected a deepmd system", path);
    kr_status status = search_folder(ctx, path, layout, 0, NULL, dataset);
    if (status == KR_OK && dataset->nsystems == before)
        status = KR_ERROR(ctx, KR_ERR_FORMAT, "'%s': no type.raw in it or below it", path);
    return status;
}

kr_status kr_deepmd_read(kr_context *ctx, const char *path, const kr_read_options *options, kr_dataset *dataset) {
    (void)options;
    return read_folder(ctx, path, KR_LAYOUT_ANY, dataset);
}

kr_status kr_deepmd_read_mixed(kr_context *ctx, const char *path, const kr_read_options *options, kr_dataset *dataset) {
    (void)options;
    return read_folder(ctx, path, KR_LAYOUT_MIXED, dataset);
}

kr_status kr_deepmd_read_raw(kr_context *ctx, const char *path, const kr_read_options *options, kr_dataset *dataset) {
    (void)options;
    return read_folder(ctx, path, KR_LAYOUT_RAW, dataset);
}

/* A folder may be replaced only when all that it holds is deepmd data: a mistyped path must not cost a home. */
static kr_status only_deepmd(kr_context *ctx, const char *path, int depth) {
    kr_status status = KR_OK;
    char *child = NULL, **names = NULL;
    int count = 0;
    KR_TRY(kr_folder_list(ctx, path, &count, &names));
    for (int i = 0; i < count; i++) {
        size_t n = strlen(names[i]);
        child = kr_path_join(ctx, path, names[i]);
        if (!child) {
            status = KR_ERR_MEMORY;
            goto done;
        }
        int known = (n > 4 && (strcmp(names[i] + n - 4, ".raw") == 0 || strcmp(names[i] + n - 4, ".npy") == 0)) ||
                    strcmp(names[i], "nopbc") == 0;
        if (kr_file_is_folder(child) && depth < 4)
            KR_TRY(only_deepmd(ctx, child, depth + 1));
        else if (!known)
            KR_FAIL(ctx, KR_ERR_IO, "'%s' is not replaced: '%s' is no part of a deepmd dataset", path, child);
        kr_free(child);
        child = NULL;
    }
done:
    kr_free(child);
    kr_names_free(count, names);
    return status;
}

/* Saves every arranged system: one at the root, several in sub-folders of the root. */
static kr_status save_all(kr_context *ctx, kr_h5 *file, const char *path, const char *group, kr_layout layout,
                          const kr_dataset *arranged, const kr_names *names) {
    kr_status status = KR_OK;
    kr_store root = {NULL, NULL, NULL}, store = {NULL, NULL, NULL};
    kr_names taken = {0, NULL};
    char *where = NULL;
    KR_TRY(kr_store_open(ctx, file, path, group, &root));
    if (arranged->nsystems == 1) {
        KR_TRY(kr_deepmd_save(ctx, &root, layout, arranged->system[0], names));
        goto done;
    }
    for (int s = 0; s < arranged->nsystems; s++) {
        const char *name;
        KR_TRY(kr_deepmd_folder_name(ctx, arranged->system[s], names, &taken, &name));
        KR_TRY(kr_store_make(ctx, &root, name));
        where = kr_path_join(ctx, root.root, name);
        if (!where) {
            status = KR_ERR_MEMORY;
            goto done;
        }
        KR_TRY(kr_store_open(ctx, file, file ? path : where, file ? where : "", &store));
        KR_TRY(kr_deepmd_save(ctx, &store, layout, arranged->system[s], names));
        kr_store_close(&store);
        kr_free(where);
        where = NULL;
    }
done:
    kr_free(where);
    kr_store_close(&store);
    kr_store_close(&root);
    kr_names_clear(&taken);
    return status;
}

static kr_status write_folder(kr_context *ctx, const kr_dataset *dataset, const char *path, kr_layout layout,
                              int overwrite) {
    kr_status status = KR_OK;
    kr_dataset *arranged = NULL;
    kr_names names = {0, NULL};
    kr_folder_writer writer = {NULL, NULL};
    KR_TRY(kr_deepmd_arrange(ctx, dataset, layout, &arranged, &names));
    if (overwrite && kr_file_is_folder(path)) KR_TRY(only_deepmd(ctx, path, 0));
    KR_TRY(kr_folder_begin(ctx, path, overwrite, &writer));
    KR_TRY(save_all(ctx, NULL, writer.temporary, "", layout, arranged, &names));
    KR_TRY(kr_folder_commit(ctx, &writer));
done:
    kr_folder_abandon(&writer);
    kr_dataset_destroy(&arranged);
    kr_names_clear(&names);
    return status;
}

kr_status kr_deepmd_write_npy(kr_context *ctx, const kr_dataset *dataset, const char *path, int overwrite) {
    return write_folder(ctx, dataset, path, KR_LAYOUT_NPY, overwrite);
}

kr_status kr_deepmd_write_mixed(kr_context *ctx, const kr_dataset *dataset, const char *path, int overwrite) {
    return write_folder(ctx, dataset, path, KR_LAYOUT_MIXED, overwrite);
}

kr_status kr_deepmd_write_raw(kr_context *ctx, const kr_dataset *dataset, const char *path, int overwrite) {
    return write_folder(ctx, dataset, path, KR_LAYOUT_RAW, overwrite);
}

/* ---- HDF5 ---- */

kr_status kr_hdf5_split(kr_context *ctx, const char *path, char **file, char **group) {
    const char *mark = kr_file_exists(path) ? NULL : strchr(path, '#');
    size_t n = mark ? (size_t)(mark - path) : strlen(path);
    *file = kr_strprintf(ctx, "%.*s", (int)n, path);
    *group = kr_strdup(ctx, mark ? mark + 1 : "");
    if (*file && *group) return KR_OK;
    kr_free(*file);
    kr_free(*group);
    *file = *group = NULL;
    return KR_ERR_MEMORY;
}

/* Every group with type.raw at or below `group`. */
static kr_status search_group(kr_context *ctx, kr_h5 *file, const char *path, const char *group, int depth,
                              kr_dataset *dataset) {
    kr_status status = KR_OK;
    kr_store store = {NULL, NULL, NULL};
    kr_system *system = NULL;
    char *child = NULL, **names = NULL;
    int count = 0;
    KR_TRY(kr_store_open(ctx, file, path, group, &store));
    if (kr_store_has(&store, "type.raw")) {
        KR_TRY(kr_deepmd_load(ctx, &store, KR_LAYOUT_ANY, &system));
        KR_TRY(kr_dataset_append(ctx, dataset, &system));
        goto done;
    }
    if (depth >= DEEPEST / 2) goto done;
    KR_TRY(kr_store_list(ctx, &store, &count, &names));
    for (int i = 0; i < count; i++) {
        if (!kr_store_has_folder(&store, names[i])) continue;
        child = kr_path_join(ctx, store.root, names[i]);
        if (!child) {
            status = KR_ERR_MEMORY;
            goto done;
        }
        KR_TRY(search_group(ctx, file, path, child, depth + 1, dataset));
        kr_free(child);
        child = NULL;
    }
done:
    kr_free(child);
    kr_names_free(count, names);
    kr_system_destroy(&system);
    kr_store_close(&store);
    return status;
}

kr_status kr_hdf5_read(kr_context *ctx, const char *path, const kr_read_options *options, kr_dataset *dataset) {
    kr_status status = KR_OK;
    kr_h5 *file = NULL;
    char *name = NULL, *group = NULL;
    int before = dataset->nsystems;
    (void)options;
    KR_TRY(kr_hdf5_split(ctx, path, &name, &group));
    KR_TRY(kr_h5_open(ctx, name, &file));
    if (*group && !kr_h5_is_group(file, group)) KR_FAIL(ctx, KR_ERR_FORMAT, "'%s' has no group '%s'", name, group);
    KR_TRY(search_group(ctx, file, name, group, 0, dataset));
    if (dataset->nsystems == before) KR_FAIL(ctx, KR_ERR_FORMAT, "'%s': no group with type.raw in it", path);
done:
    if (file) (void)kr_h5_close(NULL, &file);
    kr_free(name);
    kr_free(group);
    return status;
}

kr_status kr_hdf5_write(kr_context *ctx, const kr_dataset *dataset, const char *path, int overwrite) {
    kr_status status = KR_OK;
    kr_dataset *arranged = NULL;
    kr_names names = {0, NULL};
    kr_file_writer writer = {NULL, NULL, NULL};
    kr_h5 *file = NULL;
    char *name = NULL, *group = NULL;
    KR_TRY(kr_hdf5_split(ctx, path, &name, &group));
    KR_TRY(kr_file_target(ctx, name, overwrite));
    KR_TRY(kr_deepmd_arrange(ctx, dataset, KR_LAYOUT_NPY, &arranged, &names));
    KR_TRY(kr_file_reserve(ctx, name, &writer));
    KR_TRY(kr_h5_create(ctx, writer.temporary, &file));
    if (strspn(group, "/") != strlen(group)) KR_TRY(kr_h5_make_group(ctx, file, group));
    KR_TRY(save_all(ctx, file, writer.temporary, group, KR_LAYOUT_NPY, arranged, &names));
    KR_TRY(kr_h5_close(ctx, &file));
    KR_TRY(kr_file_commit(ctx, &writer));
done:
    if (file) (void)kr_h5_close(NULL, &file);
    kr_file_abandon(&writer);
    kr_dataset_destroy(&arranged);
    kr_names_clear(&names);
    kr_free(name);
    kr_free(group);
    return status;
}
