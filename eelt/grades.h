/* Rows of features element by element, as MaxVol takes them.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_GRADES_H
#define KR_EELT_GRADES_H

#include "eelt/maxvol.h"
#include <kramers/features.h>

/* The rows of one element in one array, *rows [*n][width], and the frames they are of; both by kr_free, also after a
 * failure. Frames with keep[frame] = 0 are left out; keep NULL = all. */
kr_status kr_element_rows(kr_context *ctx, const kr_feature_rows *r, const unsigned char *keep, int element, long *n,
                          double **rows, long **frame);

/* MaxVol of rows [n][width], begun with rows that are small against their typical length. Left NULL when all are zero.
 */
kr_status kr_maxvol_of(kr_context *ctx, int width, long n, const double *rows, kr_maxvol **maxvol);

#endif
