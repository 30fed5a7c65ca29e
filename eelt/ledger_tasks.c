/* Tasks and attempts in the ledger.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/ledger_private.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const state_words[] = {
#define KR_TASK_STATE_WORD(name, word) word,
    KR_TASK_STATE_LIST(KR_TASK_STATE_WORD)
#undef KR_TASK_STATE_WORD
};

const char *kr_task_state_word(kr_task_state state) {
    return (unsigned)state < KR_TASK_STATES ? state_words[state] : "unknown";
}

static kr_task_state find_state(const char *word) {
    for (int i = 0; i < KR_TASK_STATES; i++)
        if (!strcmp(state_words[i], word)) return (kr_task_state)i;
    return KR_TASK_HELD;
}

kr_status kr_ledger_add_task(kr_context *ctx, kr_ledger *l, const char *kind, const char *key, int iteration,
                             int priority, int64_t *id, int *added) {
    kr_status status = KR_OK;
    KR_TRY(kr_db_run(ctx, l->db,
                     "INSERT INTO task(key, kind, iteration, state, priority) VALUES(?, ?, ?, 'new', ?) "
                     "ON CONFLICT(key) DO NOTHING",
                     "ssii", key, kind, (int64_t)iteration, (int64_t)priority));
    if (added) *added = kr_db_changes(l->db) > 0;
    KR_TRY(kr_db_run(ctx, l->db, "UPDATE task SET hidden = 0 WHERE key = ? AND hidden = 1", "s", key));
    KR_TRY(kr_db_int(ctx, l->db, id, "SELECT id FROM task WHERE key = ?", "s", key));
done:
    return status;
}

kr_status kr_ledger_plan(kr_context *ctx, kr_ledger *l, const char *kind) {
    return kr_db_run(ctx, l->db, "UPDATE task SET hidden = 1 WHERE kind = ? AND state = 'new'", "s", kind);
}

#define TASK_COLUMNS                                                                                             \
    "SELECT t.id, t.key, t.kind, t.iteration, t.tries, t.priority, t.state, a.job, a.job_id, a.dir, a.t_submit " \
    "FROM task t LEFT JOIN attempt a ON a.task = t.id AND a.n = t.attempts "

static void read_task(const kr_rows *rows, kr_task *task) {
    memset(task, 0, sizeof *task);
    task->id = kr_rows_int(rows, 0);
    snprintf(task->key, sizeof task->key, "%s", kr_rows_text(rows, 1));
    snprintf(task->kind, sizeof task->kind, "%s", kr_rows_text(rows, 2));
    task->iteration = (int)kr_rows_int(rows, 3);
    task->tries = (int)kr_rows_int(rows, 4);
    task->priority = (int)kr_rows_int(rows, 5);
    task->state = find_state(kr_rows_text(rows, 6));
    snprintf(task->job, sizeof task->job, "%s", kr_rows_text(rows, 7));
    snprintf(task->job_id, sizeof task->job_id, "%s", kr_rows_text(rows, 8));
    snprintf(task->folder, sizeof task->folder, "%s", kr_rows_text(rows, 9));
    task->submitted = kr_rows_null(rows, 10) ? 0 : kr_rows_real(rows, 10);
}

kr_status kr_ledger_task(kr_context *ctx, kr_ledger *l, int64_t id, kr_task *task) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more;
    KR_TRY(kr_db_query(ctx, l->db, &rows, TASK_COLUMNS "WHERE t.id = ?", "i", id));
    KR_TRY(kr_rows_next(ctx, rows, &more));
    if (!more) KR_FAIL(ctx, KR_ERR_ARGUMENT, "the ledger has no task %" PRId64, id);
    read_task(rows, task);
done:
    kr_rows_destroy(&rows);
    return status;
}

kr_status kr_ledger_tasks(kr_context *ctx, kr_ledger *l, const char *kind, kr_task_state state, int most, int *count,
                          kr_task **tasks) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    kr_task *list = NULL, *larger;
    size_t room = 0;
    int n = 0, more;
    *count = 0;
    *tasks = NULL;
    KR_TRY(kr_db_query(ctx, l->db, &rows,
                       TASK_COLUMNS "WHERE t.state = ? AND t.hidden = 0 AND (? IS NULL OR t.kind = ?) "
                                    "ORDER BY t.priority DESC, t.id LIMIT ?",
                       "sssi", kr_task_state_word(state), kind, kind, (int64_t)most));
    for (;;) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        if ((size_t)n == room) {
            larger = kr_realloc(ctx, list, room, 2 * room + 16, sizeof *list);
            if (!larger) KR_TRY(KR_ERR_MEMORY);
            list = larger;
            room = 2 * room + 16;
        }
        read_task(rows, &list[n++]);
    }
    *count = n;
    *tasks = list;
    list = NULL;
done:
    kr_free(list);
    kr_rows_destroy(&rows);
    return status;
}

kr_status kr_ledger_count(kr_context *ctx, kr_ledger *l, const char *kind, int64_t count[KR_TASK_STATES]) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int more = 1;
    memset(count, 0, KR_TASK_STATES * sizeof *count);
    KR_TRY(kr_db_query(ctx, l->db, &rows,
                       "SELECT state, count(*) FROM task WHERE hidden = 0 AND (? IS NULL OR kind = ?) GROUP BY state",
                       "ss", kind, kind));
    while (more) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (more) count[find_state(kr_rows_text(rows, 0))] += kr_rows_int(rows, 1);
    }
done:
    kr_rows_destroy(&rows);
    return status;
}

/* One new attempt: the folder and the name of the job follow from key and number, so nothing needs to be remembered. */
static kr_status begin_one(kr_context *ctx, kr_ledger *l, const char *runner, kr_task *task) {
    kr_status status = KR_OK;
    int64_t n;
    KR_TRY(kr_db_int(ctx, l->db, &n, "SELECT attempts FROM task WHERE id = ?", "i", task->id));
    n++;
    snprintf(task->job, sizeof task->job, "kr-%s-%.8s-%" PRId64, l->uid, task->key, n);
    snprintf(task->folder, sizeof task->folder, "tasks/%.2s/%s/try.%" PRId64, task->key, task->key, n);
    task->job_id[0] = 0;
    task->submitted = kr_ledger_time();
    KR_TRY(kr_db_run(ctx, l->db,
                     "INSERT INTO attempt(task, n, runner, job, state, t_submit, dir) "
                     "VALUES(?, ?, ?, ?, 'submitting', ?, ?)",
                     "iissrs", task->id, n, runner, task->job, task->submitted, task->folder));
    KR_TRY(kr_db_run(ctx, l->db, "UPDATE task SET state = 'submitting', attempts = ? WHERE id = ?", "ii", n, task->id));
    task->state = KR_TASK_SUBMITTING;
done:
    return status;
}

kr_status kr_ledger_begin(kr_context *ctx, kr_ledger *l, const char *runner, int count, kr_task *tasks) {
    kr_status status = kr_db_begin(ctx, l->db);
    if (status != KR_OK) return status;
    for (int i = 0; i < count && status == KR_OK; i++) status = begin_one(ctx, l, runner, &tasks[i]);
    return kr_db_end(ctx, l->db, status);
}

kr_status kr_ledger_move(kr_context *ctx, kr_ledger *l, kr_task *task, kr_task_state state, const char *job_id) {
    kr_status status = KR_OK;
    if (task->state == state && (!job_id || !strcmp(job_id, task->job_id))) return KR_OK;
    KR_TRY(kr_db_begin(ctx, l->db));
    status = kr_db_run(ctx, l->db, "UPDATE task SET state = ? WHERE id = ?", "si", kr_task_state_word(state), task->id);
    if (status == KR_OK)
        status = kr_db_run(ctx, l->db,
                           "UPDATE attempt SET state = ?, job_id = coalesce(?, job_id), t_start = CASE WHEN ? = "
                           "'running' THEN coalesce(t_start, ?) ELSE t_start END "
                           "WHERE task = ? AND n = (SELECT attempts FROM task WHERE id = ?)",
                           "sssrii", kr_task_state_word(state), job_id, kr_task_state_word(state), kr_ledger_time(),
                           task->id, task->id);
    KR_TRY(kr_db_end(ctx, l->db, status));
    task->state = state;
    if (job_id) snprintf(task->job_id, sizeof task->job_id, "%s", job_id);
done:
    return status;
}

static kr_status finish(kr_context *ctx, kr_ledger *l, const kr_task *task, kr_outcome outcome, const kr_usage *usage,
                        const char *message, kr_task_state next, int counts) {
    kr_status status = KR_OK;
    static const kr_usage unknown = {KR_OUTCOME_LOST, -1, 0, 0, 0, 0};
    if (!usage) usage = &unknown;
    KR_TRY(kr_db_run(ctx, l->db,
                     "UPDATE attempt SET state = 'ended', class = ?, message = ?, exit_status = ?, signal = ?, "
                     "t_end = ?, wall_s = ?, cpu_s = ?, maxrss_kB = ? "
                     "WHERE task = ? AND n = (SELECT attempts FROM task WHERE id = ?)",
                     "ssiirrriii", kr_outcome_word(outcome), message, (int64_t)usage->exit_status,
                     (int64_t)usage->signal, kr_ledger_time(), usage->wall_s, usage->cpu_s, usage->maxrss_kB, task->id,
                     task->id));
    KR_TRY(kr_db_run(ctx, l->db, "UPDATE task SET state = ?, tries = tries + ? WHERE id = ?", "sii",
                     kr_task_state_word(next), (int64_t)(counts != 0), task->id));
done:
    return status;
}

kr_status kr_ledger_finish(kr_context *ctx, kr_ledger *l, kr_task *task, kr_outcome outcome, const kr_usage *usage,
                           const char *message, kr_task_state next, int counts, int inside) {
    kr_status status = KR_OK;
    if (!inside) KR_TRY(kr_db_begin(ctx, l->db));
    status = finish(ctx, l, task, outcome, usage, message, next, counts);
    if (!inside) status = kr_db_end(ctx, l->db, status);
    KR_TRY(status);
    task->state = next;
    if (counts) task->tries++;
done:
    return status;
}
