/* The few HDF5 operations the project needs; the only file that knows the HDF5 library is hdf5.c.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * HDF5's own error printing is silenced, its last sentence is put into our message. Sizes are checked against
 * the file's size before anything is allocated. */
#ifndef KR_CORE_HDF5_H
#define KR_CORE_HDF5_H

#include "core/tree.h"

typedef struct kr_h5 kr_h5;

kr_status kr_h5_open(kr_context *ctx, const char *path, kr_h5 **file);
/* Creates `path` (truncates); the caller picks a temporary name. */
kr_status kr_h5_create(kr_context *ctx, const char *path, kr_h5 **file);
/* Flushes; a failed flush of a created file is an error of this call, so check it. */
kr_status kr_h5_close(kr_context *ctx, kr_h5 **file);
/* 1 when the file begins with (or holds at 512·2^k) the HDF5 signature. */
int kr_h5_is_hdf5(const char *path);

/* Objects by absolute name. */
int kr_h5_exists(kr_h5 *file, const char *name);
int kr_h5_is_group(kr_h5 *file, const char *name);
/* Names of the members of a group, sorted; array of strings with *count entries, both to be freed by kr_h5_free_names.
 */
kr_status kr_h5_list(kr_context *ctx, kr_h5 *file, const char *group, int *count, char ***names);
void kr_h5_free_names(int count, char **names);
kr_status kr_h5_make_group(kr_context *ctx, kr_h5 *file, const char *name);

/* Any numeric dataset (float16/bfloat16/32/64, integers) as an ARRAY node. */
kr_status kr_h5_read_array(kr_context *ctx, kr_h5 *file, const char *name, kr_tree **array);
/* Contiguous little-endian dataset with the dtype of the node; intermediate groups are made. */
kr_status kr_h5_write_array(kr_context *ctx, kr_h5 *file, const char *name, const kr_tree *array);
/* String datasets (fixed or variable length, scalar or 1-D). */
kr_status kr_h5_read_strings(kr_context *ctx, kr_h5 *file, const char *name, int *count, char ***strings);
kr_status kr_h5_write_strings(kr_context *ctx, kr_h5 *file, const char *name, int count, const char *const *strings);
/* Scalar string attribute of the root group; new string. */
kr_status kr_h5_read_attribute(kr_context *ctx, kr_h5 *file, const char *name, char **text);
kr_status kr_h5_write_attribute(kr_context *ctx, kr_h5 *file, const char *name, const char *text);

#endif
