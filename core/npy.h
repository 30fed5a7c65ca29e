/* NumPy's array files (.npy, versions 1 to 3).
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_NPY_H
#define KR_CORE_NPY_H

#include "core/tree.h"
#include <stdio.h>

/* Any numeric or boolean dtype, either byte order, C or Fortran order → ARRAY node in C order, double in memory.
 * Truncated files, surplus bytes and counts that the file cannot hold are KR_ERR_FORMAT; objects, strings, complex
 * and structured types KR_ERR_UNSUPPORTED. */
kr_status kr_npy_read(kr_context *ctx, const char *path, kr_tree **array);
kr_status kr_npy_parse(kr_context *ctx, const char *data, size_t length, const char *where, kr_tree **array);
/* Version 1.0, little-endian, C order; dtype as asked (float64, float32, int64, int32). */
kr_status kr_npy_put(kr_context *ctx, FILE *stream, kr_dtype dtype, int ndim, const size_t *shape, const double *data);
kr_status kr_npy_write(kr_context *ctx, const char *path, kr_dtype dtype, int ndim, const size_t *shape,
                       const double *data);

#endif
