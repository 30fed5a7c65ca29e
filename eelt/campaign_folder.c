/* A campaign's folder: what killed programs left in it, and what can be done from outside: report, stop, rollback.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/campaign.h"
#include "eelt/lock.h"
#include "eelt/process.h"
#include "eelt/report.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what killed programs left ---- */

/* "x.tmp-PROCESS-NUMBER" (core/file.c, core/folder.c) of a process that is dead. */
static int is_leftover(const char *name) {
    const char *mark = strstr(name, ".tmp-");
    kr_process found;
    char *end;
    long process = mark ? strtol(mark + 5, &end, 10) : 0;
    if (process <= 0 || *end != '-' || !end[1] || end[1 + strspn(end + 1, "0123456789")]) return 0;
    kr_process_of(process, &found);
    return found.start == 0; /* no such process */
}

static kr_status sweep(kr_context *ctx, const char *folder, int depth) {
    kr_status status = KR_OK;
    char **names = NULL, *path = NULL;
    int n = 0;
    KR_TRY(kr_folder_list(ctx, folder, &n, &names));
    for (int k = 0; k < n; k++) {
        path = kr_path_join(ctx, folder, names[k]);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        int is_folder = kr_file_is_folder(path),
            wanted = depth > 0 || !strncmp(names[k], "iter.", 5) || !strcmp(names[k], "labels");
        if (is_leftover(names[k])) {
            kr_folder_writer writer = {.temporary = path}; /* whatever it is: goes with all that is in it */
            if (is_folder) {
                path = NULL;
                kr_folder_abandon(&writer);
            } else {
                unlink(path);
            }
        } else if (is_folder && wanted && depth < 3) {
            KR_TRY(sweep(ctx, path, depth + 1));
        }
        kr_free(path);
        path = NULL;
    }
done:
    if (names) kr_names_free(n, names);
    kr_free(path);
    return status;
}

kr_status kr_campaign_sweep(kr_context *ctx, const char *folder) { return sweep(ctx, folder, 0); }

/* An attempt that was never started has no state; one that failed by itself may have failed because of its state. One
 * that was killed did not, be it told as a signal or by a shell, as 128 + signal. */
kr_status kr_campaign_previous(kr_context *ctx, kr_campaign *m, const kr_task *task, const char *folder,
                               char **previous) {
    kr_status status = KR_OK;
    const char *dot = strrchr(folder, '.');
    char *path = NULL, *trace = NULL;
    int64_t failed;
    *previous = NULL;
    for (int n = (dot ? atoi(dot + 1) : 0) - 1; n > 0; n--) {
        KR_TRY(kr_db_int(
            ctx, m->db, &failed,
            "SELECT count(*) FROM attempt WHERE task = ? AND n = ? AND class IN ('crashed', 'bad_output', "
            "'bad_input') AND coalesce(signal, 0) NOT IN (9, 15) AND coalesce(exit_status, 0) NOT IN (137, 143)",
            "ii", task->id, (int64_t)n));
        if (failed) break;
        path = kr_strprintf(ctx, "%.*s.%d", (int)(dot - folder), folder, n);
        trace = path ? kr_path_join(ctx, path, "stderr") : NULL;
        if (!trace) KR_TRY(KR_ERR_MEMORY);
        if (kr_file_exists(trace)) {
            *previous = path;
            path = NULL;
            break;
        }
        kr_free(path);
        kr_free(trace);
        path = trace = NULL;
    }
done:
    kr_free(path);
    kr_free(trace);
    return status;
}

/* ---- from outside ---- */

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
