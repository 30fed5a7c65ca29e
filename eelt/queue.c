/* The queue: reconcile, submit, look, collect, again.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * At every moment the ledger knows each attempt's folder and job name before anything is started there. So whatever
 * was running when the program was killed is found again: by its folder, or by its name in the runner. */
#include "eelt/queue.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/disk.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { AT_ONCE = 64 }; /* tasks submitted by one call */

typedef struct queue {
    kr_ledger *ledger;
    const kr_runner_kind *runner;
    void *runner_state;
    const kr_work *work;
    const kr_queue_options *options;
    kr_queue_result *result;
    char root[PATH_MAX];          /* absolute folder of the ledger */
    char example[PATH_MAX + 160]; /* folder of the last failure */
    int stopping, ended_all;      /* nothing new is started; what ran was told to end */
    int64_t ended;                /* tasks of this call */
    int64_t past;                 /* attempts that a full disk had ended before this call */
} queue;

void kr_queue_defaults(kr_queue_options *options) {
    *options = (kr_queue_options){
        .slots = 1, .tries = 3, .cpus = 1, .threads = 1, .poll_s = 0.5, .class_limit = 0.5, .class_least = 20};
}

/* "root/relative", all folders made. */
static kr_status make_folders(kr_context *ctx, const queue *q, const char *relative, char *path, size_t room) {
    kr_status status = KR_OK;
    snprintf(path, room, "%s/%s", q->root, relative);
    for (char *slash = path + strlen(q->root) + 1;; slash++) {
        slash = strchr(slash, '/');
        if (slash) *slash = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            KR_FAIL(ctx, KR_ERR_IO, "cannot make the folder '%s': %s", path, strerror(errno));
        if (!slash) break;
        *slash = '/';
    }
done:
    return status;
}

/* ---- the end of an attempt ---- */

/* Which state comes after this outcome, and does the attempt count? */
static kr_task_state next_state(const queue *q, const kr_task *task, kr_outcome outcome, int *counts) {
    if (outcome == KR_OUTCOME_DONE) return *counts = 0, KR_TASK_DONE;
    if (outcome == KR_OUTCOME_CANCELLED) {
        *counts = 0; /* by us when stopping: again later; by somebody else: the user decides */
        return q->stopping ? KR_TASK_NEW : KR_TASK_HELD;
    }
    if (outcome == KR_OUTCOME_NO_SPACE) return *counts = 0, KR_TASK_NEW;
    if (outcome == KR_OUTCOME_BAD_INPUT) return *counts = 1, KR_TASK_GIVEN_UP; /* would fail in the same way again */
    return task->tries + (*counts != 0) >= q->options->tries ? KR_TASK_GIVEN_UP : KR_TASK_NEW;
}

static kr_status finish(kr_context *ctx, queue *q, kr_task *task, kr_outcome outcome, const kr_usage *usage,
                        const char *message, int counts) {
    kr_status status = KR_OK;
    kr_task_state next = next_state(q, task, outcome, &counts);
    KR_TRY(kr_db_begin(ctx, kr_ledger_db(q->ledger)));
    if (next == KR_TASK_DONE && q->work->record) status = q->work->record(ctx, q->work->payload, q->ledger, task);
    if (status == KR_OK) status = kr_ledger_finish(ctx, q->ledger, task, outcome, usage, message, next, counts, 1);
    if (status == KR_OK && next == KR_TASK_GIVEN_UP)
        status = kr_ledger_event(ctx, q->ledger, "given_up", "%s task %" PRId64 " after %d tries: %s: %s", task->kind,
                                 task->id, task->tries, kr_outcome_word(outcome), message);
    KR_TRY(kr_db_end(ctx, kr_ledger_db(q->ledger), status));
    q->result->attempts++;
    q->result->done += next == KR_TASK_DONE;
    q->result->given_up += next == KR_TASK_GIVEN_UP;
    q->result->held += next == KR_TASK_HELD;
    q->ended += next != KR_TASK_NEW;
    if (outcome != KR_OUTCOME_DONE) {
        q->result->failures[outcome]++;
        snprintf(q->example, sizeof q->example, "%s/%s", q->root, task->folder);
    }
done:
    return status;
}

static kr_status collect(kr_context *ctx, queue *q, kr_task *task, const char *folder) {
    kr_status status = KR_OK;
    kr_usage usage;
    kr_task_life life;
    char message[256] = "";
    KR_TRY(kr_task_look(ctx, folder, &life, &usage));
    kr_outcome outcome = usage.outcome;
    if (outcome == KR_OUTCOME_DONE) {
        KR_TRY(q->work->collect(ctx, q->work->payload, task, folder, &usage, &outcome, message));
        if (outcome != KR_OUTCOME_DONE && kr_disk_ended(ctx, folder)) outcome = KR_OUTCOME_NO_SPACE;
    } else {
        snprintf(message, sizeof message, "%s after %.1f s, %.0f MB", kr_outcome_text(outcome), usage.wall_s,
                 (double)usage.maxrss_kB / 1024);
    }
    KR_TRY(finish(ctx, q, task, outcome, &usage, message, 1));
    if (outcome == KR_OUTCOME_DONE && q->work->clean) q->work->clean(ctx, q->work->payload, folder);
done:
    return status;
}

/* ---- looking ---- */

static void job_of(const queue *q, const kr_task *task, char *folder, size_t room, kr_job *job) {
    snprintf(folder, room, "%s/%s", q->root, task->folder);
    *job = (kr_job){.name = task->job,
                    .folder = folder,
                    .submitted = task->submitted,
                    .timeout_s = q->options->timeout_s,
                    .memory_MB = q->options->memory_MB,
                    .cpus = q->options->cpus};
    snprintf(job->id, sizeof job->id, "%s", task->job_id);
}

static kr_status settle(kr_context *ctx, queue *q, kr_task *task, const kr_job *job) {
    switch (job->state) {
    case KR_JOB_WAITING:
        return kr_ledger_move(ctx, q->ledger, task, KR_TASK_QUEUED, job->id);
    case KR_JOB_RUNNING:
        return kr_ledger_move(ctx, q->ledger, task, KR_TASK_RUNNING, job->id[0] ? job->id : NULL);
    case KR_JOB_ENDED:
        return collect(ctx, q, task, job->folder);
    case KR_JOB_GONE:
        return finish(ctx, q, task, job->outcome, NULL, "no result was left", job->counts);
    case KR_JOB_ABSENT:
        return finish(ctx, q, task, KR_OUTCOME_LOST, NULL, "was never started", 0);
    case KR_JOB_UNKNOWN:
        break;
    }
    return KR_OK;
}

/* All attempts in one state: asks the runner once, then settles each. end: they are told to end, and settled later. */
static kr_status look_or_end(kr_context *ctx, queue *q, kr_task_state state, int end, int *count) {
    kr_status status = KR_OK;
    kr_task *tasks = NULL;
    kr_job *jobs = NULL;
    char(*folders)[PATH_MAX + 160] = NULL;
    KR_TRY(kr_ledger_tasks(ctx, q->ledger, q->work->kind, state, INT_MAX, count, &tasks));
    if (!*count) goto done;
    KR_NEW(ctx, jobs, (size_t)*count);
    KR_NEW(ctx, folders, (size_t)*count);
    for (int i = 0; i < *count; i++) job_of(q, &tasks[i], folders[i], sizeof folders[i], &jobs[i]);
    if (end) KR_TRY(q->runner->cancel(ctx, q->runner_state, *count, jobs));
    if (end) goto done;
    KR_TRY(q->runner->poll(ctx, q->runner_state, *count, jobs));
    for (int i = 0; i < *count; i++) KR_TRY(settle(ctx, q, &tasks[i], &jobs[i]));
done:
    kr_free(tasks);
    kr_free(jobs);
    kr_free(folders);
    return status;
}

static kr_status look(kr_context *ctx, queue *q, kr_task_state state, int *count) {
    return look_or_end(ctx, q, state, 0, count);
}

/* Asked once to stop: what runs comes to its end. Asked again, by a progress function that returns 2: it is ended. */
static kr_status ask(kr_context *ctx, queue *q, long ended, long all) {
    kr_status status = KR_OK;
    void *payload;
    kr_progress_fn progress = kr_context_get_progress(ctx, &payload);
    const int asked = progress ? progress(q->work->kind, ended, all, payload) : 0;
    int n;
    q->stopping |= asked != 0;
    if (asked < 2 || q->ended_all) return KR_OK;
    q->ended_all = 1;
    KR_TRY(look_or_end(ctx, q, KR_TASK_QUEUED, 1, &n));
    KR_TRY(look_or_end(ctx, q, KR_TASK_RUNNING, 1, &n));
done:
    return status;
}

/* ---- submitting ---- */

/* The limits of a task's next attempt: half as much again after every attempt that ran into one. */
static kr_status limits(kr_context *ctx, const queue *q, const kr_task *task, double *timeout_s, double *memory_MB) {
    kr_status status = KR_OK;
    static const char sql[] = "SELECT count(*) FROM attempt WHERE task = ? AND class = ?";
    int64_t slow, large;
    KR_TRY(kr_db_int(ctx, kr_ledger_db(q->ledger), &slow, sql, "is", task->id, kr_outcome_word(KR_OUTCOME_TIMEOUT)));
    KR_TRY(kr_db_int(ctx, kr_ledger_db(q->ledger), &large, sql, "is", task->id,
                     kr_outcome_word(KR_OUTCOME_OUT_OF_MEMORY)));
    *timeout_s = q->options->timeout_s;
    *memory_MB = q->options->memory_MB;
    for (; slow > 0; slow--) *timeout_s *= 1.5;
    for (; large > 0; large--) *memory_MB *= 1.5;
done:
    return status;
}

/* Inputs and cmd.json. A task that cannot be prepared is given up: *ready = 0. */
static kr_status prepare(kr_context *ctx, queue *q, kr_task *task, char *folder, size_t room, int *ready) {
    kr_status status = KR_OK;
    kr_command command = {.stall_s = q->options->stall_s, .threads = q->options->threads};
    *ready = 0;
    KR_TRY(limits(ctx, q, task, &command.timeout_s, &command.memory_MB));
    KR_TRY(make_folders(ctx, q, task->folder, folder, room));
    status = q->work->prepare(ctx, q->work->payload, task, folder, &command);
    if (status == KR_ERR_ARGUMENT || status == KR_ERR_FORMAT || status == KR_ERR_UNSUPPORTED) {
        char message[256];
        snprintf(message, sizeof message, "%s", kr_context_message(ctx));
        return finish(ctx, q, task, KR_OUTCOME_BAD_INPUT, NULL, message, 1);
    }
    KR_TRY(status);
    KR_TRY(kr_command_write(ctx, &command, folder));
    *ready = 1;
done:
    return status;
}

static kr_status submit(kr_context *ctx, queue *q, int most) {
    kr_status status = KR_OK;
    kr_task *tasks = NULL;
    kr_job *jobs = NULL;
    char(*folders)[PATH_MAX + 160] = NULL;
    int n, ready, used = 0, *place = NULL;
    KR_TRY(kr_ledger_tasks(ctx, q->ledger, q->work->kind, KR_TASK_NEW, most < AT_ONCE ? most : AT_ONCE, &n, &tasks));
    if (!n) goto done;
    KR_NEW(ctx, jobs, (size_t)n);
    KR_NEW(ctx, folders, (size_t)n);
    KR_NEW(ctx, place, (size_t)n);
    KR_TRY(kr_ledger_begin(ctx, q->ledger, q->runner->name, n, tasks));
    for (int i = 0; i < n; i++) {
        KR_TRY(prepare(ctx, q, &tasks[i], folders[i], sizeof folders[i], &ready));
        if (!ready) continue;
        job_of(q, &tasks[i], folders[i], sizeof folders[i], &jobs[used]);
        KR_TRY(limits(ctx, q, &tasks[i], &jobs[used].timeout_s, &jobs[used].memory_MB));
        place[used++] = i;
    }
    if (used) KR_TRY(q->runner->submit(ctx, q->runner_state, used, jobs));
    for (int k = 0; k < used; k++) /* not started: stays "submitting", found absent at the next look */
        if (jobs[k].id[0]) KR_TRY(kr_ledger_move(ctx, q->ledger, &tasks[place[k]], KR_TASK_QUEUED, jobs[k].id));
done:
    kr_free(tasks);
    kr_free(jobs);
    kr_free(folders);
    kr_free(place);
    return status;
}

/* ---- the loop ---- */

static kr_status check_classes(kr_context *ctx, const queue *q) {
    const kr_queue_result *r = q->result;
    int full = r->failures[KR_OUTCOME_NO_SPACE] > q->past;
    if (full || kr_disk_full(q->root))
        return KR_ERROR(ctx, KR_NOT_CONVERGED,
                        "the disk of '%s' is full, nothing new is started; make room and give the same command again",
                        full ? q->example : q->root);
    if (q->ended < q->options->class_least) return KR_OK;
    for (int c = KR_OUTCOME_DONE + 1; c < KR_OUTCOME_COUNT; c++) {
        if (c == KR_OUTCOME_CANCELLED || (double)r->failures[c] <= q->options->class_limit * (double)r->attempts)
            continue;
        KR_ERROR(ctx, KR_NOT_CONVERGED, "%" PRId64 " of %" PRId64 " attempts ended with '%s' (%s), the last in '%s'",
                 r->failures[c], r->attempts, kr_outcome_word((kr_outcome)c), kr_outcome_text((kr_outcome)c),
                 q->example);
        return KR_NOT_CONVERGED;
    }
    return KR_OK;
}

static void pause_s(double seconds) {
    struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&t, NULL);
}

kr_status kr_queue_run(kr_context *ctx, kr_ledger *ledger, const kr_runner_kind *runner, void *runner_state,
                       const kr_work *work, const kr_queue_options *options, kr_queue_result *result) {
    kr_status status = KR_OK, verdict = KR_OK;
    queue q = {.ledger = ledger,
               .runner = runner,
               .runner_state = runner_state,
               .work = work,
               .options = options,
               .result = result};
    double pause = 0.005;
    int left, looks = 0;
    memset(result, 0, sizeof *result);
    if (!realpath(kr_ledger_folder(ledger), q.root))
        KR_FAIL(ctx, KR_ERR_IO, "cannot find '%s': %s", kr_ledger_folder(ledger), strerror(errno));
    /* What a killed program left: attempts whose start may or may not have happened are settled first. */
    KR_TRY(look(ctx, &q, KR_TASK_SUBMITTING, &left));
    for (;;) {
        int64_t count[KR_TASK_STATES], before = result->attempts;
        int n;
        KR_TRY(look(ctx, &q, KR_TASK_QUEUED, &n));
        KR_TRY(look(ctx, &q, KR_TASK_RUNNING, &n));
        if (!looks++) q.past = result->failures[KR_OUTCOME_NO_SPACE];
        if (verdict == KR_OK) verdict = check_classes(ctx, &q);
        KR_TRY(kr_ledger_count(ctx, ledger, work->kind, count));
        int64_t busy = count[KR_TASK_SUBMITTING] + count[KR_TASK_QUEUED] + count[KR_TASK_RUNNING];
        int64_t ended = count[KR_TASK_DONE] + count[KR_TASK_GIVEN_UP] + count[KR_TASK_HELD];
        KR_TRY(ask(ctx, &q, (long)ended, (long)(ended + busy + count[KR_TASK_NEW])));
        if (q.stopping && verdict == KR_OK) verdict = KR_CANCELLED;
        if (!busy && (verdict != KR_OK || !count[KR_TASK_NEW])) break;
        if (verdict == KR_OK && count[KR_TASK_NEW] && busy < options->slots) {
            KR_TRY(submit(ctx, &q, options->slots - (int)busy));
            KR_TRY(look(ctx, &q, KR_TASK_SUBMITTING, &n));
            pause = 0.005;
            continue;
        }
        if (result->attempts != before) pause = 0.005;
        pause_s(pause);
        pause = pause * 1.5 < options->poll_s ? pause * 1.5 : options->poll_s;
    }
    status = verdict;
done:
    return status;
}
