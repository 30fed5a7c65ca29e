/* Where a deepmd system lives: a folder or a group of an HDF5 file, with the same names inside.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_STORE_H
#define KR_CORE_STORE_H

#include "core/frames.h"
#include "core/hdf5.h"
#include <stdio.h>

typedef struct kr_store {
    kr_h5 *file; /* borrowed; NULL = folder */
    char *root;  /* folder, or group inside the file ("" = the root group) */
    char *where; /* for messages: "folder" or "file.hdf5#/group" */
} kr_store;

/* path: folder or HDF5 file; group only with file. */
kr_status kr_store_open(kr_context *ctx, kr_h5 *file, const char *path, const char *group, kr_store *store);
void kr_store_close(kr_store *store);

int kr_store_has(const kr_store *store, const char *name);
int kr_store_has_folder(const kr_store *store, const char *name);
kr_status kr_store_list(kr_context *ctx, const kr_store *store, int *count, char ***names); /* kr_names_free */
/* "set.000/coord.npy" → ARRAY; in a folder, names that end in .raw are text. Messages name the file. */
kr_status kr_store_array(kr_context *ctx, const kr_store *store, const char *name, kr_tree **array);
/* "type_map.raw" */
kr_status kr_store_names(kr_context *ctx, const kr_store *store, const char *name, kr_names *names);

kr_status kr_store_make(kr_context *ctx, const kr_store *store, const char *name); /* sub-folder */
kr_status kr_store_put(kr_context *ctx, const kr_store *store, const char *name, kr_dtype dtype, int ndim,
                       const size_t *shape, const double *data);
kr_status kr_store_put_names(kr_context *ctx, const kr_store *store, const char *name, const kr_names *names);
kr_status kr_store_put_marker(kr_context *ctx, const kr_store *store, const char *name);

#endif
