/* "jobs": the table of a kind of tasks, and the queue run with it.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/job_input.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parameters.h"
#include <stdio.h>
#include <string.h>

typedef struct job {
    const char *runner;
    int slots, cpus, tries, threads;
    double memory, timeout, stall, poll, limit;
    const kr_tree *slurm;
} job;

static const kr_parameter job_table[] = {
    {.name = "runner",
     .type = KR_PARAMETER_TEXT,
     .offset = offsetof(job, runner),
     .initial = "\"local\"",
     .help = "where tasks run: local, slurm"},
    {.name = "slots",
     .type = KR_PARAMETER_INT,
     .offset = offsetof(job, slots),
     .initial = "1",
     .range = ">= 1",
     .help = "tasks at a time (Slurm: jobs in its queue)"},
    {.name = "cpus",
     .type = KR_PARAMETER_INT,
     .offset = offsetof(job, cpus),
     .initial = "1",
     .range = ">= 1",
     .help = "of one task"},
    {.name = "threads",
     .type = KR_PARAMETER_INT,
     .offset = offsetof(job, threads),
     .initial = "1",
     .range = ">= 0",
     .help = "OMP_NUM_THREADS of one task; 0 = left alone"},
    {.name = "memory_MB",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(job, memory),
     .initial = "0",
     .unit = "MB",
     .range = ">= 0",
     .help = "limit of one task; 0 = none"},
    {.name = "timeout_s",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(job, timeout),
     .initial = "86400",
     .unit = "s",
     .range = ">= 0",
     .help = "wall time of one attempt; 0 = no limit"},
    {.name = "stall_s",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(job, stall),
     .initial = "0",
     .unit = "s",
     .range = ">= 0",
     .help = "longest time without output; 0 = no limit"},
    {.name = "tries",
     .type = KR_PARAMETER_INT,
     .offset = offsetof(job, tries),
     .initial = "3",
     .range = ">= 1",
     .help = "failures before a task is given up"},
    {.name = "poll_s",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(job, poll),
     .initial = "0.5",
     .unit = "s",
     .range = "> 0",
     .help = "time between two looks at the tasks"},
    {.name = "failure_limit",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(job, limit),
     .initial = "0.5",
     .range = "(0, 1]",
     .help = "stop when one class of failure has more than this part of at least 20 tasks"},
    {.name = "slurm",
     .type = KR_PARAMETER_TREE,
     .offset = offsetof(job, slurm),
     .initial = "null",
     .help = "options of the runner slurm"},
    {0}};

static kr_status find_runner(kr_context *ctx, const job *j, const kr_tree *object, const char *where,
                             kr_job_input *input) {
    kr_status status = KR_OK;
    kr_tree *complete = NULL;
    char section[80];
    void *payload;
    int mistakes;
    input->runner = kr_runner_find(j->runner);
    if (!input->runner)
        KR_TRY(kr_parameter_fail(ctx, where, "runner", kr_tree_get(object, "runner"),
                                 "'%s' is no runner, expected local or slurm", j->runner));
    if (input->runner && input->runner->parameters && kr_context_get_mistake(ctx, &payload)) {
        snprintf(section, sizeof section, "%s.%s", where, input->runner->name);
        KR_TRY(kr_parameters_survey(ctx, input->runner->parameters, j->slurm, section, NULL, &complete, &mistakes));
    }
    if (!strcmp(j->runner, "slurm") && !kr_tree_is_null(j->slurm))
        KR_TRY(kr_tree_copy(ctx, j->slurm, &input->runner_options));
done:
    kr_tree_destroy(&complete);
    if (status == KR_ERR_FORMAT && kr_context_mistake(ctx)) status = KR_OK;
    return status;
}

kr_status kr_job_input_read(kr_context *ctx, const kr_tree *jobs, const char *kind, kr_job_input *input) {
    kr_status status = KR_OK;
    kr_tree *complete = NULL;
    const kr_tree *object = kr_tree_get(jobs, kind);
    char where[64];
    job j;
    int mistakes;
    memset(input, 0, sizeof *input);
    snprintf(where, sizeof where, "jobs.%s", kind);
    KR_TRY(kr_parameters_survey(ctx, job_table, object, where, &j, &complete, &mistakes));
    KR_TRY(find_runner(ctx, &j, object, where, input));
    kr_queue_defaults(&input->queue);
    input->queue.slots = j.slots;
    input->queue.cpus = j.cpus;
    input->queue.threads = j.threads;
    input->queue.memory_MB = j.memory;
    input->queue.timeout_s = j.timeout;
    input->queue.stall_s = j.stall;
    input->queue.tries = j.tries;
    input->queue.poll_s = j.poll;
    input->queue.class_limit = j.limit;
done:
    kr_tree_destroy(&complete);
    if (status != KR_OK) kr_job_input_free(input);
    return status;
}

void kr_job_input_free(kr_job_input *input) {
    kr_tree_destroy(&input->runner_options);
    memset(input, 0, sizeof *input);
}

void kr_job_input_describe(void (*line)(const char *text, void *payload), void *payload) {
    kr_parameters_describe(job_table, line, payload);
}

kr_status kr_job_run(kr_context *ctx, const kr_job_input *input, kr_ledger *ledger, const char *program,
                     const kr_work *work, kr_queue_result *result) {
    void *runner = NULL;
    memset(result, 0, sizeof *result);
    kr_status status = input->runner->create(ctx, input->runner_options, program, &runner);
    if (status == KR_OK) status = kr_queue_run(ctx, ledger, input->runner, runner, work, &input->queue, result);
    if (runner) input->runner->destroy(&runner);
    return status;
}
