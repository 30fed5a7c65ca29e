/* What a campaign's folder tells, and second chances.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "eelt/ledger.h"
#include "eelt/lock.h"
#include <inttypes.h>
#include <kramers/eelt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct printer {
    void (*line)(const char *text, void *payload);
    void *payload;
} printer;

static void say(const printer *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const printer *p, const char *format, ...) {
    char text[1200];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    p->line(text, p->payload);
}

static kr_status say_tasks(kr_context *ctx, kr_db *db, const printer *p) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more = 1;
    KR_TRY(kr_db_query(ctx, db, &rows, "SELECT kind, state, count(*) FROM task WHERE hidden = 0 GROUP BY kind, state",
                       NULL));
    while (more) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (more) say(p, "%s tasks %-10s %" PRId64, kr_rows_text(rows, 0), kr_rows_text(rows, 1), kr_rows_int(rows, 2));
    }
    kr_rows_destroy(&rows);
    KR_TRY(kr_db_query(ctx, db, &rows,
                       "SELECT class, count(*), sum(cpu_s), max(dir), message FROM attempt WHERE class IS NOT NULL "
                       "GROUP BY class ORDER BY 2 DESC",
                       NULL));
    for (more = 1; more;) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        const char *word = kr_rows_text(rows, 0);
        say(p, "attempts %-13s %" PRId64 ", %.1f s of CPU time", word, kr_rows_int(rows, 1),
            kr_rows_null(rows, 2) ? 0.0 : kr_rows_real(rows, 2));
        /* with max(dir) the other columns are those of the same row (SQLite, "bare columns") */
        if (strcmp(word, "done")) say(p, "    the last one: %s: %s", kr_rows_text(rows, 3), kr_rows_text(rows, 4));
    }
done:
    kr_rows_destroy(&rows);
    return status;
}

static kr_status say_events(kr_context *ctx, kr_db *db, const printer *p) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more = 1;
    KR_TRY(kr_db_query(ctx, db, &rows,
                       "SELECT time, kind, text FROM (SELECT * FROM event WHERE kind != 'config' ORDER BY seq DESC "
                       "LIMIT 5) ORDER BY seq",
                       NULL));
    while (more) {
        char when[32] = "";
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        time_t t = (time_t)kr_rows_real(rows, 0);
        struct tm parts;
        if (localtime_r(&t, &parts)) strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &parts);
        say(p, "%s  %s: %s", when, kr_rows_text(rows, 1), kr_rows_text(rows, 2));
    }
done:
    kr_rows_destroy(&rows);
    return status;
}

kr_status kr_campaign_status(kr_context *ctx, const char *folder, void (*line)(const char *text, void *payload),
                             void *payload) {
    kr_status status = KR_OK;
    kr_ledger *ledger = NULL;
    printer p = {line, payload};
    kr_process holder;
    char path[4096];
    KR_TRY(kr_ledger_open(ctx, folder, KR_LEDGER_READ, &ledger));
    snprintf(path, sizeof path, "%s/eelt.lock", folder);
    if (kr_lock_holder(path, &holder) && kr_process_life(&holder) != KR_PROCESS_DEAD)
        say(&p, "running: process %" PRId64 " on %s", holder.pid, holder.host);
    else
        say(&p, "not running");
    KR_TRY(say_tasks(ctx, kr_ledger_db(ledger), &p));
    KR_TRY(say_events(ctx, kr_ledger_db(ledger), &p));
done:
    kr_ledger_close(&ledger);
    return status;
}

kr_status kr_campaign_retry(kr_context *ctx, const char *folder, const char *class_name, int break_lock, long *count) {
    kr_status status = KR_OK;
    kr_ledger *ledger = NULL;
    *count = 0;
    if (class_name && kr_outcome_find(class_name) < 0)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "'%s' is no class of failure", class_name);
    KR_TRY(kr_ledger_open(ctx, folder, KR_LEDGER_READ, &ledger)); /* must exist */
    kr_ledger_close(&ledger);
    KR_TRY(kr_ledger_open(ctx, folder, break_lock ? KR_LEDGER_BREAK_LOCK : KR_LEDGER_WRITE, &ledger));
    KR_TRY(kr_db_run(ctx, kr_ledger_db(ledger),
                     "UPDATE task SET state = 'new', tries = 0 WHERE state IN ('given_up', 'held') AND (? IS NULL OR "
                     "(SELECT class FROM attempt a WHERE a.task = task.id AND a.n = task.attempts) = ?)",
                     "ss", class_name, class_name));
    *count = (long)kr_db_changes(kr_ledger_db(ledger));
    KR_TRY(kr_ledger_event(ctx, ledger, "retry", "%ld tasks may run again", *count));
done:
    kr_ledger_close(&ledger);
    return status;
}
