/* Continuing the files of an exploration that was interrupted.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_EXPLORE_LOGS_H
#define KR_EELT_EXPLORE_LOGS_H

#include <kramers/context.h>
#include <stdint.h>

/* Drops the rows of a log (first column: step; lines with '#' stay) that come after a step, and a torn last line.
 * last < 0 removes the file. */
kr_status kr_explore_cut_log(kr_context *ctx, const char *folder, const char *name, int64_t last);
/* Copies a file of one folder to another when it is there. */
kr_status kr_explore_copy(kr_context *ctx, const char *from, const char *to, const char *name);
/* The absolute name of something that exists; new string. */
kr_status kr_explore_full_path(kr_context *ctx, const char *path, char **full);

#endif
