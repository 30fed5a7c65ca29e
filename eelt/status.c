/* What a campaign's folder tells, and second chances.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/json.h"
#include "eelt/ledger.h"
#include "eelt/lock.h"
#include "eelt/printer.h"
#include <inttypes.h>
#include <kramers/eelt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static kr_status say_tasks(kr_context *ctx, kr_db *db, const kr_printer *p) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more = 1;
    KR_TRY(kr_db_query(ctx, db, &rows, "SELECT kind, state, count(*) FROM task WHERE hidden = 0 GROUP BY kind, state",
                       NULL));
    while (more) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (more)
            kr_print(p, "%s tasks %-10s %" PRId64, kr_rows_text(rows, 0), kr_rows_text(rows, 1), kr_rows_int(rows, 2));
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
        kr_print(p, "attempts %-13s %" PRId64 ", %.1f s of CPU time", word, kr_rows_int(rows, 1),
                 kr_rows_null(rows, 2) ? 0.0 : kr_rows_real(rows, 2));
        /* with max(dir) the other columns are those of the same row (SQLite, "bare columns") */
        if (strcmp(word, "done")) kr_print(p, "    the last one: %s: %s", kr_rows_text(rows, 3), kr_rows_text(rows, 4));
    }
done:
    kr_rows_destroy(&rows);
    return status;
}

/* Where a campaign is: iteration, stage, fractions, labels and time. Nothing for a folder that only labels. */
static kr_status say_stage(kr_context *ctx, kr_db *db, const kr_printer *p, int64_t *iterations) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more;
    KR_TRY(kr_db_int(ctx, db, iterations,
                     "SELECT count(*) FROM stage WHERE name = 'report' AND state = 'done' AND hidden = 0", NULL));
    KR_TRY(kr_db_query(ctx, db, &rows,
                       "SELECT iteration, name, state FROM stage WHERE hidden = 0 ORDER BY id DESC LIMIT 1", NULL));
    KR_TRY(kr_rows_next(ctx, rows, &more));
    if (more)
        kr_print(p, "iteration %" PRId64 ", stage %s: %s", kr_rows_int(rows, 0), kr_rows_text(rows, 1),
                 kr_rows_text(rows, 2));
    kr_rows_destroy(&rows);
    KR_TRY(kr_db_query(ctx, db, &rows,
                       "SELECT iteration, max(CASE WHEN name = 'accurate' THEN value END), max(CASE WHEN name = "
                       "'candidate' THEN value END), max(CASE WHEN name = 'failed' THEN value END), max(CASE WHEN name "
                       "= 'rmse_f' THEN value END) FROM metric WHERE scope = 'all' AND hidden = 0 GROUP BY iteration "
                       "ORDER BY iteration DESC LIMIT 5",
                       NULL));
    for (;;) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        char error[48] = "";
        if (!kr_rows_null(rows, 4))
            snprintf(error, sizeof error, ", force error %.1f meV/A", 1000 * kr_rows_real(rows, 4));
        if (!kr_rows_null(rows, 1))
            kr_print(p, "  iteration %" PRId64 ": %.2f %% accurate, %.2f %% candidates, %.2f %% failed%s",
                     kr_rows_int(rows, 0), 100 * kr_rows_real(rows, 1), 100 * kr_rows_real(rows, 2),
                     100 * kr_rows_real(rows, 3), error);
    }
done:
    kr_rows_destroy(&rows);
    return status;
}

/* What is left of labels and iterations, and how long that takes at the pace so far. */
static kr_status say_left(kr_context *ctx, kr_db *db, const kr_printer *p, int64_t iterations) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    kr_tree *config = NULL;
    int64_t labels, seconds, converged;
    int more;
    KR_TRY(kr_db_int(ctx, db, &labels, "SELECT count(*) FROM label WHERE hidden = 0 AND role != 'certificate'", NULL));
    KR_TRY(kr_db_int(ctx, db, &seconds,
                     "SELECT CAST(coalesce(sum(finished - started), 0) AS INTEGER) FROM stage WHERE hidden = 0", NULL));
    KR_TRY(kr_db_int(ctx, db, &converged,
                     "SELECT CAST(coalesce((SELECT value FROM metric WHERE hidden = 0 AND scope = 'next' AND name = "
                     "'converged' ORDER BY iteration DESC LIMIT 1), 0) AS INTEGER)",
                     NULL));
    KR_TRY(kr_db_query(ctx, db, &rows, "SELECT config FROM campaign", NULL));
    KR_TRY(kr_rows_next(ctx, rows, &more));
    const char *text = kr_rows_text(rows, 0);
    KR_TRY(kr_json_parse(ctx, text, strlen(text), "the ledger's configuration", &config));
    const kr_tree *most = kr_tree_at(config, "campaign.max_iterations"),
                  *budget = kr_tree_at(config, "campaign.budget.labels");
    int64_t last = most && most->kind == KR_TREE_INT ? most->integer : 20;
    if (budget && budget->kind == KR_TREE_INT)
        kr_print(p, "labels: %" PRId64 " of %" PRId64 ", %" PRId64 " left", labels, budget->integer,
                 budget->integer - labels);
    else
        kr_print(p, "labels: %" PRId64, labels);
    if (iterations && converged)
        kr_print(p, "iterations: %" PRId64 ", %.1f min each; converged", iterations,
                 (double)seconds / 60 / (double)iterations);
    else if (iterations)
        kr_print(p, "iterations: %" PRId64 " of at most %" PRId64 ", %.1f min each; %.1f h more if all are needed",
                 iterations, last, (double)seconds / 60 / (double)iterations,
                 (double)seconds / 3600 / (double)iterations * (double)(last > iterations ? last - iterations : 0));
done:
    kr_tree_destroy(&config);
    kr_rows_destroy(&rows);
    return status;
}

static kr_status say_campaign(kr_context *ctx, kr_db *db, const kr_printer *p) {
    kr_status status = KR_OK;
    int64_t stages, iterations;
    KR_TRY(kr_db_int(ctx, db, &stages, "SELECT count(*) FROM stage WHERE hidden = 0", NULL));
    if (!stages) return KR_OK;
    KR_TRY(say_stage(ctx, db, p, &iterations));
    KR_TRY(say_left(ctx, db, p, iterations));
done:
    return status;
}

static kr_status say_events(kr_context *ctx, kr_db *db, const kr_printer *p) {
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
        kr_print(p, "%s  %s: %s", when, kr_rows_text(rows, 1), kr_rows_text(rows, 2));
    }
done:
    kr_rows_destroy(&rows);
    return status;
}

kr_status kr_campaign_status(kr_context *ctx, const char *folder, void (*line)(const char *text, void *payload),
                             void *payload) {
    kr_status status = KR_OK;
    kr_ledger *ledger = NULL;
    const kr_printer p = {line, payload};
    kr_process holder;
    char path[4096];
    KR_TRY(kr_ledger_open(ctx, folder, KR_LEDGER_READ, &ledger));
    snprintf(path, sizeof path, "%s/eelt.lock", folder);
    if (kr_lock_holder(path, &holder) && kr_process_life(&holder) != KR_PROCESS_DEAD)
        kr_print(&p, "running: process %" PRId64 " on %s", holder.pid, holder.host);
    else
        kr_print(&p, "not running");
    KR_TRY(say_campaign(ctx, kr_ledger_db(ledger), &p));
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
