/* The lock of a folder: one writer at a time, and it says who.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_LOCK_H
#define KR_EELT_LOCK_H

#include "eelt/process.h"

typedef struct kr_lock kr_lock;

/* Makes `path` (host, boot, pid, start time of the holder). Held by a living process: KR_ERR_IO that names it. Left by
 * a dead process of this host: taken over. Left by another host: refused with a hint, unless `force`. */
kr_status kr_lock_take(kr_context *ctx, const char *path, int force, kr_lock **lock);
void kr_lock_release(kr_lock **lock);
/* Who holds it: 0 = nobody. */
int kr_lock_holder(const char *path, kr_process *holder);

#endif
