/* The queue: brings the tasks of a ledger to their ends through a runner, whatever is killed in between.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_QUEUE_H
#define KR_EELT_QUEUE_H

#include "eelt/ledger.h"
#include "eelt/runner.h"
#include "eelt/supervisor.h"

/* What the tasks of a kind do. All folders are absolute and exist. */
typedef struct kr_work {
    const char *kind; /* "label" */
    void *payload;
    /* Writes the inputs of a task's attempt (tries = failures so far) and sets command->line (kept until the next
     * call); limits are set by the queue. KR_ERR_ARGUMENT, KR_ERR_FORMAT, KR_ERR_UNSUPPORTED: the task is bad, not the
     * campaign. */
    kr_status (*prepare)(kr_context *ctx, void *payload, const kr_task *task, const char *folder, kr_command *command);
    /* Judges what an ended command left: *outcome DONE only when the result is complete, accepted and already on the
     * disk under its final name. `message` tells why not. An error is a failure of the campaign (full disk). */
    kr_status (*collect)(kr_context *ctx, void *payload, const kr_task *task, const char *folder, const kr_usage *usage,
                         kr_outcome *outcome, char message[256]);
    /* Notes the result of a DONE task in the ledger, inside the transaction that ends the task. May be NULL. */
    kr_status (*record)(kr_context *ctx, void *payload, kr_ledger *ledger, const kr_task *task);
    /* Removes what nobody needs any more from the folder of a task that is recorded as DONE. May be NULL. */
    void (*clean)(kr_context *ctx, void *payload, const char *folder);
} kr_work;

typedef struct kr_queue_options {
    int slots;                            /* jobs in the runner's hands at a time */
    int tries;                            /* failures that count before a task is given up */
    double timeout_s, stall_s, memory_MB; /* of one attempt; 0 = none */
    int cpus, threads;
    double poll_s;      /* time between two looks */
    double class_limit; /* stop when one class of failure exceeds this fraction … */
    int class_least;    /* … of at least so many ended tasks of this call */
} kr_queue_options;
void kr_queue_defaults(kr_queue_options *options);

typedef struct kr_queue_result {
    int64_t done, given_up, held, attempts; /* of this call */
    int64_t failures[KR_OUTCOME_COUNT];     /* attempts by class */
} kr_queue_result;

/* Runs until no task of the kind is new or under way. KR_CANCELLED when the progress function asks to stop: nothing
 * new is started, what runs comes to its end first; when it returns 2 or more, what runs is ended, to be done again.
 * KR_NOT_CONVERGED: too many tasks fail in one way; the message names class, number and an example's folder. */
kr_status kr_queue_run(kr_context *ctx, kr_ledger *ledger, const kr_runner_kind *runner, void *runner_state,
                       const kr_work *work, const kr_queue_options *options, kr_queue_result *result);

#endif
