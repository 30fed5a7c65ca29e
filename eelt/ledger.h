/* The ledger of a campaign: what was decided, tried and found, so that a killed run goes on where it was.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Two rules make kill -9 harmless: the intention to start something is committed before it is started, and a result
 * is on the disk under its final name before the ledger says so. Nothing is ever deleted; a rollback hides. Paths in
 * the ledger are relative to its folder, which can be moved. One writer (lock.h), any number of readers. */
#ifndef KR_EELT_LEDGER_H
#define KR_EELT_LEDGER_H

#include "eelt/database.h"
#include "eelt/outcome.h"

typedef struct kr_ledger kr_ledger;

typedef enum kr_ledger_mode {
    KR_LEDGER_READ,
    KR_LEDGER_WRITE,      /* makes folder and ledger when absent; takes the lock */
    KR_LEDGER_BREAK_LOCK, /* as WRITE, also where a process of another host left the lock */
} kr_ledger_mode;

kr_status kr_ledger_open(kr_context *ctx, const char *folder, kr_ledger_mode mode, kr_ledger **ledger);
void kr_ledger_close(kr_ledger **ledger);
kr_db *kr_ledger_db(kr_ledger *ledger);
const char *kr_ledger_folder(const kr_ledger *ledger);
/* 8 hexadecimal digits that no other campaign has: part of job names. */
const char *kr_ledger_uid(const kr_ledger *ledger);

/* The campaign's input. The first call stores it; a later one with another text replaces it and adds an event, so
 * that the history of the configuration is kept. */
kr_status kr_ledger_configure(kr_context *ctx, kr_ledger *ledger, const char *text, uint64_t seed);
/* Seconds since 1970. */
double kr_ledger_time(void);
/* A line of history. */
kr_status kr_ledger_event(kr_context *ctx, kr_ledger *ledger, const char *kind, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* X(name, word): new → prepared → submitting → queued → running → done, or back to new, or given_up; held waits for
 * the user. */
#define KR_TASK_STATE_LIST(X)   \
    X(NEW, "new")               \
    X(SUBMITTING, "submitting") \
    X(QUEUED, "queued")         \
    X(RUNNING, "running")       \
    X(DONE, "done")             \
    X(GIVEN_UP, "given_up")     \
    X(HELD, "held")
typedef enum kr_task_state {
#define KR_TASK_STATE_ENUM(name, word) KR_TASK_##name,
    KR_TASK_STATE_LIST(KR_TASK_STATE_ENUM)
#undef KR_TASK_STATE_ENUM
        KR_TASK_STATES
} kr_task_state;
const char *kr_task_state_word(kr_task_state state);

typedef struct kr_task {
    int64_t id;
    char key[65];  /* SHA-256 of all that determines the result */
    char kind[16]; /* "label", "train", "explore" */
    int iteration, tries, priority;
    kr_task_state state;
    /* of the last attempt: */
    char job[80];     /* kr-<uid>-<task>-<try> */
    char job_id[40];  /* as the runner calls it; "" = unknown */
    char folder[128]; /* relative to the ledger's folder */
    double submitted; /* s since 1970 */
} kr_task;

/* Adds a task unless one with this key is there; *added (may be NULL) tells. tries counts failures that count. */
kr_status kr_ledger_add_task(kr_context *ctx, kr_ledger *ledger, const char *kind, const char *key, int iteration,
                             int priority, int64_t *id, int *added);
/* A plan is made of tasks that are added after this: those of the kind that wait and are not added again belong to an
 * earlier input, and are hidden. */
kr_status kr_ledger_plan(kr_context *ctx, kr_ledger *ledger, const char *kind);
/* Tasks of a kind (NULL = any) in a state, by priority (largest first), then id; at most `most`; kr_free(*tasks). */
kr_status kr_ledger_tasks(kr_context *ctx, kr_ledger *ledger, const char *kind, kr_task_state state, int most,
                          int *count, kr_task **tasks);
kr_status kr_ledger_task(kr_context *ctx, kr_ledger *ledger, int64_t id, kr_task *task);
/* Number of tasks of a kind by state. */
kr_status kr_ledger_count(kr_context *ctx, kr_ledger *ledger, const char *kind, int64_t count[KR_TASK_STATES]);

/* The intention to start: a new attempt of each task, state "submitting", one commit. Fills tries' folder and job. */
kr_status kr_ledger_begin(kr_context *ctx, kr_ledger *ledger, const char *runner, int count, kr_task *tasks);
/* The runner has it (job_id), it waits or runs. */
kr_status kr_ledger_move(kr_context *ctx, kr_ledger *ledger, kr_task *task, kr_task_state state, const char *job_id);
/* The attempt ended. `next`: DONE, NEW (again), GIVEN_UP or HELD; counts: does the attempt count as a try? Called
 * inside the transaction of the caller when `inside` is set, so that a result and the end of its task are one commit.
 */
kr_status kr_ledger_finish(kr_context *ctx, kr_ledger *ledger, kr_task *task, kr_outcome outcome, const kr_usage *usage,
                           const char *message, kr_task_state next, int counts, int inside);

#endif
