/* {"campaign": {…}, "label": {"engine": …}, "jobs": {"label": {…}}}
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/label_input.h"
#include "core/error.h"
#include "core/json.h"
#include "core/memory.h"
#include "core/parameters.h"
#include "core/suggest.h"
#include <stdio.h>
#include <string.h>

typedef struct campaign {
    const char *name, *folder, *store;
    int64_t seed;
} campaign;

static const kr_parameter campaign_table[] = {{.name = "name",
                                               .type = KR_PARAMETER_TEXT,
                                               .offset = offsetof(campaign, name),
                                               .initial = "\"labels\"",
                                               .help = "for people"},
                                              {.name = "folder",
                                               .type = KR_PARAMETER_TEXT,
                                               .offset = offsetof(campaign, folder),
                                               .initial = "\"campaign\"",
                                               .help = "where ledger, tasks and labels are kept; made when absent"},
                                              {.name = "label_store",
                                               .type = KR_PARAMETER_TEXT,
                                               .offset = offsetof(campaign, store),
                                               .initial = "null",
                                               .help = "folder of labels that several campaigns share"},
                                              {.name = "seed",
                                               .type = KR_PARAMETER_LONG,
                                               .offset = offsetof(campaign, seed),
                                               .initial = "1",
                                               .range = ">= 0",
                                               .help = "of all random choices"},
                                              {0}};

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

void kr_label_input_free(kr_label_input *input) {
    kr_free(input->base);
    kr_free(input->folder);
    kr_free(input->store);
    kr_free(input->text);
    kr_labeller_destroy(&input->labeller);
    kr_tree_destroy(&input->runner_options);
    memset(input, 0, sizeof *input);
}

static kr_status read_campaign(kr_context *ctx, const kr_tree *root, kr_label_input *input) {
    kr_status status = KR_OK;
    kr_tree *complete = NULL;
    campaign c;
    KR_TRY(kr_parameters_read(ctx, campaign_table, kr_tree_get(root, "campaign"), "campaign", &c, &complete));
    input->folder = kr_label_path(ctx, input->base, c.folder);
    input->store = c.store ? kr_label_path(ctx, input->base, c.store) : NULL;
    input->seed = (uint64_t)c.seed;
    if (!input->folder || (c.store && !input->store)) status = KR_ERR_MEMORY;
done:
    kr_tree_destroy(&complete);
    return status;
}

static kr_status read_job(kr_context *ctx, const kr_tree *root, kr_label_input *input) {
    static const char *const known[] = {"label", "train", "explore"};
    kr_status status = KR_OK;
    kr_tree *complete = NULL;
    const kr_tree *jobs = kr_tree_get(root, "jobs");
    job j;
    if (jobs) KR_TRY(kr_tree_check_keys(ctx, jobs, 3, known));
    KR_TRY(kr_parameters_read(ctx, job_table, kr_tree_get(jobs, "label"), "jobs.label", &j, &complete));
    input->runner = kr_runner_find(j.runner);
    if (!input->runner)
        KR_TRY(kr_parameter_fail(ctx, "jobs.label", "runner", kr_tree_get(kr_tree_get(jobs, "label"), "runner"),
                                 "'%s' is no runner, expected local or slurm", j.runner));
    if (!strcmp(j.runner, "slurm") && !kr_tree_is_null(j.slurm))
        KR_TRY(kr_tree_copy(ctx, j.slurm, &input->runner_options));
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
    return status;
}

kr_status kr_label_input_read(kr_context *ctx, const char *path, kr_label_input *input) {
    static const char *const known[] = {"campaign", "label",   "jobs",   "data",  "model",
                                        "explore",  "examine", "select", "audit", "converge"};
    kr_status status = KR_OK;
    kr_tree *root = NULL;
    const kr_tree *label;
    const char *slash = strrchr(path, '/');
    memset(input, 0, sizeof *input);
    KR_TRY(kr_json_read(ctx, path, &root));
    input->base =
        slash ? kr_strprintf(ctx, "%.*s", (int)(slash == path ? 1 : slash - path), path) : kr_strdup(ctx, ".");
    if (!input->base) KR_TRY(KR_ERR_MEMORY);
    status = kr_tree_check_keys(ctx, root, (int)(sizeof known / sizeof *known), known);
    if (status == KR_OK) status = kr_tree_need(ctx, root, "label", &label);
    if (status == KR_OK) status = read_campaign(ctx, root, input);
    if (status == KR_OK) status = kr_labeller_create(ctx, label, input->base, &input->labeller);
    if (status == KR_OK) status = read_job(ctx, root, input);
    if (status == KR_OK) status = kr_json_format(ctx, root, 1, &input->text);
    if (status != KR_OK) kr_error_prefix(ctx, "%s", path);
    KR_TRY(status);
done:
    kr_tree_destroy(&root);
    if (status != KR_OK) kr_label_input_free(input);
    return status;
}
