/* What can be done to a campaign's folder from outside: report, stop, rollback.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "eelt/campaign.h"
#include "eelt/lock.h"
#include "eelt/report.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

kr_status kr_campaign_report(kr_context *ctx, const char *folder) {
    kr_status status = KR_OK;
    kr_ledger *ledger = NULL;
    KR_TRY(kr_ledger_open(ctx, folder, KR_LEDGER_READ, &ledger));
    KR_TRY(kr_report_write(ctx, kr_ledger_db(ledger), folder));
done:
    kr_ledger_close(&ledger);
    return status;
}

/* A file, not a signal: it reaches a program on another host of the same disk. */
kr_status kr_campaign_stop(kr_context *ctx, const char *folder) {
    kr_status status = KR_OK;
    kr_ledger *ledger = NULL;
    kr_process holder;
    char path[4096];
    KR_TRY(kr_ledger_open(ctx, folder, KR_LEDGER_READ, &ledger)); /* it must be a campaign */
    snprintf(path, sizeof path, "%s/eelt.lock", folder);
    if (!kr_lock_holder(path, &holder) || kr_process_life(&holder) == KR_PROCESS_DEAD)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "'%s' is not running", folder);
    KR_TRY(kr_file_write(ctx, folder, KR_CAMPAIGN_STOP, "stop\n", 5));
done:
    kr_ledger_close(&ledger);
    return status;
}

kr_status kr_campaign_rollback(kr_context *ctx, const char *folder, int iteration, long *hidden) {
    static const char *const hide[] = {
        "UPDATE frame SET hidden = 1 WHERE run IN (SELECT id FROM run WHERE iteration >= ?)",
        "UPDATE run SET hidden = 1 WHERE iteration >= ?", "UPDATE model SET hidden = 1 WHERE iteration >= ?",
        "UPDATE metric SET hidden = 1 WHERE iteration >= ?",
        /* labels are of structures, not of iterations: they stay known, their frames are chosen anew */
        "UPDATE label SET hidden = 1, frame = NULL, collected = NULL WHERE frame IN (SELECT f.id FROM frame f JOIN run "
        "r ON r.id = f.run WHERE r.iteration >= ?)",
        "UPDATE label SET collected = NULL WHERE collected >= ?", "UPDATE stage SET hidden = 1 WHERE iteration >= ?"};
    kr_status status = KR_OK;
    kr_ledger *ledger = NULL;
    *hidden = 0;
    if (iteration < 0) KR_FAIL(ctx, KR_ERR_ARGUMENT, "iteration is %d, expected 0 or more", iteration);
    KR_TRY(kr_ledger_open(ctx, folder, KR_LEDGER_READ, &ledger)); /* must exist */
    kr_ledger_close(&ledger);
    KR_TRY(kr_ledger_open(ctx, folder, KR_LEDGER_WRITE, &ledger));
    kr_db *db = kr_ledger_db(ledger);
    KR_TRY(kr_db_begin(ctx, db));
    for (size_t k = 0; k < sizeof hide / sizeof *hide && status == KR_OK; k++)
        status = kr_db_run(ctx, db, hide[k], "i", (int64_t)iteration);
    *hidden = (long)kr_db_changes(db); /* stages */
    if (status == KR_OK)
        status = kr_ledger_event(ctx, ledger, "rollback", "iteration %d and later are hidden (%ld stages)", iteration,
                                 *hidden);
    KR_TRY(kr_db_end(ctx, db, status));
done:
    kr_ledger_close(&ledger);
    return status;
}
