/* Runners: where the commands of tasks are executed.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every runner executes `kramers eelt exec FOLDER` (supervisor.h) for each task's folder, so limits, results and
 * usage are the same everywhere; a runner only starts, finds and cancels. What ended is told by the folder (rc), not
 * by the runner; lost contact is not failure. A kind is one const record at the bottom of runner_<kind>.c and one line
 * of runner_kinds.def. */
#ifndef KR_EELT_RUNNER_H
#define KR_EELT_RUNNER_H

#include "core/tree.h"
#include "eelt/outcome.h"

typedef enum kr_job_state {
    KR_JOB_WAITING,
    KR_JOB_RUNNING,
    KR_JOB_ENDED, /* rc is there */
    KR_JOB_GONE,  /* neither alive nor rc: outcome tells why (lost, node_failure, timeout, out_of_memory, cancelled) */
    KR_JOB_UNKNOWN, /* the runner cannot tell just now; nothing changes */
    KR_JOB_ABSENT   /* never started */
} kr_job_state;

typedef struct kr_job {
    const char *name;   /* kr-<uid>-<task>-<try>, unique */
    const char *folder; /* absolute; holds cmd.json */
    char id[40];        /* as the runner calls it; "" = not known */
    double submitted;   /* s since 1970 */
    double timeout_s, memory_MB;
    int cpus;
    kr_job_state state;
    kr_outcome outcome;
    int counts; /* of a GONE job: is it a try? (a failed node is not) */
} kr_job;

typedef struct kr_runner_kind {
    const char *name, *summary;
    const struct kr_parameter *parameters; /* table of its options; NULL: none */
    /* options: the job's JSON object without the keys that all runners share; program: path of `kramers`. */
    kr_status (*create)(kr_context *ctx, const kr_tree *options, const char *program, void **state);
    void (*destroy)(void **state);
    /* Starts jobs[n]; sets id of those that were started, leaves "" for the others. A failure of the whole call
     * (sbatch not there) is an error; one job's failure is not. */
    kr_status (*submit)(kr_context *ctx, void *state, int n, kr_job *jobs);
    /* Sets state (and outcome of GONE). Also finds jobs by name whose id is "". */
    kr_status (*poll)(kr_context *ctx, void *state, int n, kr_job *jobs);
    kr_status (*cancel)(kr_context *ctx, void *state, int n, kr_job *jobs);
} kr_runner_kind;

int kr_runner_count(void);
const kr_runner_kind *kr_runner_at(int index);
const kr_runner_kind *kr_runner_find(const char *name);

#endif
