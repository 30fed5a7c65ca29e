/* Runner "local": supervisors as processes of this machine, which outlive the program that started them.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/runner.h"
#include "eelt/spawn.h"
#include "eelt/supervisor.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct local {
    char *program;
} local;

static const double start_s = 30; /* a started supervisor shows itself within this time */

static void destroy(void **state) {
    local *l = *state;
    if (!l) return;
    kr_free(l->program);
    kr_free(l);
    *state = NULL;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const char *program, void **state) {
    kr_status status = KR_OK;
    local *l = NULL;
    if (options) KR_TRY(kr_tree_check_keys(ctx, options, 0, NULL));
    KR_NEW(ctx, l, 1);
    *state = l;
    l->program = kr_strdup(ctx, program);
    if (!l->program) status = KR_ERR_MEMORY;
done:
    if (status != KR_OK && l) destroy(state);
    return status;
}

static kr_status submit(kr_context *ctx, void *state, int n, kr_job *jobs) {
    const local *l = state;
    for (int i = 0; i < n; i++) {
        const char *const argument[] = {l->program, "eelt", "exec", jobs[i].folder, NULL};
        kr_spawn_options options = {
            .argument = argument, .folder = jobs[i].folder, .error = "supervisor.log", .detached = 1};
        int64_t pid;
        kr_status status = kr_spawn(ctx, &options, &pid);
        if (status != KR_OK) return status;
        snprintf(jobs[i].id, sizeof jobs[i].id, "local");
    }
    return KR_OK;
}

static kr_status look(kr_context *ctx, double now, kr_job *job) {
    kr_task_life life;
    int won;
    kr_status status = kr_task_look(ctx, job->folder, &life, NULL);
    if (status != KR_OK) return status;
    switch (life) {
    case KR_TASK_LIVES:
        job->state = KR_JOB_RUNNING;
        break;
    case KR_TASK_ENDED:
        job->state = KR_JOB_ENDED;
        break;
    case KR_TASK_ABSENT:
        job->state = KR_JOB_WAITING;
        if (job->id[0] && now - job->submitted < start_s) break;
        /* Never started, or so late that it must not begin any more, because it will be tried again. */
        status = kr_task_void(ctx, job->folder, &won);
        if (won) job->state = KR_JOB_ABSENT;
        break;
    case KR_TASK_VANISHED:
        job->state = KR_JOB_GONE;
        job->outcome = KR_OUTCOME_LOST;
        job->counts = 0; /* somebody killed the supervisor or the machine went down: not the task's fault */
        status = kr_task_kill(ctx, job->folder);
    }
    return status;
}

static kr_status poll_jobs(kr_context *ctx, void *state, int n, kr_job *jobs) {
    (void)state;
    double now = (double)time(NULL);
    for (int i = 0; i < n; i++) {
        kr_status status = look(ctx, now, &jobs[i]);
        if (status != KR_OK) return status;
    }
    return KR_OK;
}

static kr_status cancel(kr_context *ctx, void *state, int n, kr_job *jobs) {
    (void)state;
    for (int i = 0; i < n; i++) {
        kr_status status = kr_task_kill(ctx, jobs[i].folder);
        if (status != KR_OK) return status;
    }
    return KR_OK;
}

const kr_runner_kind kr_runner_local = {
    .name = "local",
    .summary = "processes of this machine",
    .create = create,
    .destroy = destroy,
    .submit = submit,
    .poll = poll_jobs,
    .cancel = cancel,
};
