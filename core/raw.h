/* Tables of numbers as text: DeePMD's .raw files, one row per line.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_RAW_H
#define KR_CORE_RAW_H

#include "core/tree.h"
#include <stdio.h>

/* ARRAY node (rows, columns). Rows must be equally long; '#' begins a comment; empty lines do not count. */
kr_status kr_raw_read(kr_context *ctx, const char *path, kr_tree **array);
kr_status kr_raw_parse(kr_context *ctx, const char *text, size_t length, const char *where, kr_tree **array);
/* Rows of `columns` numbers that read back exactly. */
kr_status kr_raw_put(kr_context *ctx, FILE *stream, size_t rows, size_t columns, const double *data);

#endif
