/* What ledger*.c share.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_LEDGER_PRIVATE_H
#define KR_EELT_LEDGER_PRIVATE_H

#include "eelt/ledger.h"
#include "eelt/lock.h"

struct kr_ledger {
    char *folder, uid[9];
    kr_db *db;
    kr_lock *lock; /* NULL for readers */
};

/* Inside or outside of a transaction. */
kr_status kr_ledger_add_event(kr_context *ctx, kr_ledger *ledger, const char *kind, const char *text);

#endif
