/* Full disks: is one full, and was it the reason of a failure?
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_DISK_H
#define KR_EELT_DISK_H

#include <kramers/context.h>

/* Less than 64 KiB, or no file more, fits onto the disk of this path. */
int kr_disk_full(const char *path);
/* Does a text (of the C library, of SQLite, of a program) speak of a full disk or a used-up quota? */
int kr_disk_told(const char *text);
/* Did a full disk end the task in this folder? Asks the disk, and the last lines of stderr and supervisor.log, because
 * a program that cleans up after itself leaves room again. */
int kr_disk_ended(kr_context *ctx, const char *folder);
/* KR_ERR_IO of a campaign in `folder` that a full disk caused becomes KR_NOT_CONVERGED with a sentence that says what
 * to do; every other status stays. */
kr_status kr_disk_verdict(kr_context *ctx, const char *folder, kr_status status);

#endif
