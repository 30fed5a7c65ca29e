/* YAML (the subset that DeePMD-kit writes: block and flow collections, scalars, comments) to and from trees.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A mapping with @is_variable: true becomes an ARRAY node and the other way round. */
#ifndef KR_CORE_YAML_H
#define KR_CORE_YAML_H

#include "core/tree.h"

kr_status kr_yaml_parse(kr_context *ctx, const char *text, size_t length, const char *where, kr_tree **tree);
kr_status kr_yaml_read(kr_context *ctx, const char *path, kr_tree **tree);
/* Temporary name, fsync, rename. */
kr_status kr_yaml_write(kr_context *ctx, const kr_tree *tree, const char *path);

#endif
