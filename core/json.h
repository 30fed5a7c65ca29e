/* JSON text to and from trees. Jansson parses and validates; positions of every value are kept.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_JSON_H
#define KR_CORE_JSON_H

#include "core/tree.h"

/* `where` names the text in messages. Duplicate keys, NaN, trailing text are errors with line and column. */
kr_status kr_json_parse(kr_context *ctx, const char *text, size_t length, const char *where, kr_tree **tree);
kr_status kr_json_read(kr_context *ctx, const char *path, kr_tree **tree);
/* New string (kr_free); indent 0 = compact. Arrays are written as nested lists; reals read back exactly. */
kr_status kr_json_format(kr_context *ctx, const kr_tree *tree, int indent, char **text);

#endif
