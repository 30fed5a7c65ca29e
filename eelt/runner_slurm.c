/* Runner "slurm": one job array for each batch of tasks; every element runs the same supervisor as everywhere.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Before sbatch is called each task's folder gets the file slurm.job, "NAME INDEX", so that a job whose number never
 * reached the ledger (the program was killed in between) is found again by the array's name. States come from one
 * squeue for all jobs; of those that squeue does not know any more, from one sacct, or scontrol where there is no
 * accounting. A squeue that fails is no failed job: nothing changes. Measured with Slurm 22.05: memory overrun without
 * cgroups is FAILED with signal 9, --time counts whole minutes, sbatch refuses impossible requests at once. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/parameters.h"
#include "core/text.h"
#include "eelt/runner.h"
#include "eelt/slurm_state.h"
#include "eelt/spawn.h"
#include "eelt/supervisor.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct slurm {
    const char *partition, *account, *qos;
    const kr_tree *lines;
    double poll_s, grace_s;
    kr_tree *complete;
    char *program;
    int arrays;             /* may jobs be arrays? */
    double asked, interval; /* s: last squeue, time until the next one */
    kr_string queue;        /* its output */
} slurm;

static const kr_parameter table[] = {{.name = "partition",
                                      .type = KR_PARAMETER_TEXT,
                                      .offset = offsetof(slurm, partition),
                                      .initial = "null",
                                      .help = "sbatch --partition"},
                                     {.name = "account",
                                      .type = KR_PARAMETER_TEXT,
                                      .offset = offsetof(slurm, account),
                                      .initial = "null",
                                      .help = "sbatch --account"},
                                     {.name = "qos",
                                      .type = KR_PARAMETER_TEXT,
                                      .offset = offsetof(slurm, qos),
                                      .initial = "null",
                                      .help = "sbatch --qos"},
                                     {.name = "lines",
                                      .type = KR_PARAMETER_TEXTS,
                                      .offset = offsetof(slurm, lines),
                                      .initial = "null",
                                      .help = "further lines of the job script: #SBATCH …, module load …, source …"},
                                     {.name = "poll_s",
                                      .type = KR_PARAMETER_REAL,
                                      .offset = offsetof(slurm, poll_s),
                                      .initial = "30",
                                      .unit = "s",
                                      .range = "> 0",
                                      .help = "time between two squeue; doubles up to ten times when nothing changes"},
                                     {.name = "grace_s",
                                      .type = KR_PARAMETER_REAL,
                                      .offset = offsetof(slurm, grace_s),
                                      .initial = "120",
                                      .unit = "s",
                                      .range = ">= 0",
                                      .help = "how long a finished job's files may take to appear (slow file systems)"},
                                     {0}};

enum { CALL_S = 60 }; /* time that one Slurm command gets */

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void destroy(void **state) {
    slurm *s = *state;
    if (!s) return;
    kr_tree_destroy(&s->complete);
    kr_free(s->program);
    kr_free(s->queue.data);
    kr_free(s);
    *state = NULL;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const char *program, void **state) {
    static const char *const show[] = {"scontrol", "show", "config", NULL};
    kr_status status = KR_OK;
    slurm *s = NULL;
    char *text = NULL, *complaint = NULL;
    int code;
    KR_NEW(ctx, s, 1);
    *state = s;
    KR_TRY(kr_parameters_read(ctx, table, options, "jobs.label.slurm", s, &s->complete));
    s->program = kr_strdup(ctx, program);
    if (!s->program) KR_TRY(KR_ERR_MEMORY);
    s->interval = s->poll_s;
    KR_TRY(kr_capture(ctx, show, CALL_S, &text, &complaint, &code));
    if (code != 0) KR_FAIL(ctx, KR_ERR_IO, "Slurm does not answer: %.*s", (int)strcspn(complaint, "\n"), complaint);
    const char *size = strstr(text, "MaxArraySize");
    size = size ? strchr(size, '=') : NULL;
    s->arrays = size && strtol(size + 1, NULL, 10) > 100; /* the queue submits at most 64 at a time */
done:
    kr_free(text);
    kr_free(complaint);
    if (status != KR_OK && s) destroy(state);
    return status;
}

/* ---- submitting ---- */

/* The script of an array: which folder belongs to which element. exec: Slurm's TERM reaches the supervisor. */
static kr_status write_script(kr_context *ctx, const slurm *s, int n, const kr_job *jobs) {
    kr_status status = KR_OK;
    kr_string out = {0};
    char number[64];
    KR_TRY(kr_string_puts(ctx, &out, "#!/bin/sh\n"));
    for (int i = 0; s->lines && i < s->lines->count; i++) {
        KR_TRY(kr_string_puts(ctx, &out, s->lines->child[i]->string));
        KR_TRY(kr_string_puts(ctx, &out, "\n"));
    }
    KR_TRY(kr_string_puts(ctx, &out, "case ${SLURM_ARRAY_TASK_ID:-0} in\n"));
    for (int i = 0; i < n; i++) {
        snprintf(number, sizeof number, "%d) folder=", i);
        KR_TRY(kr_string_puts(ctx, &out, number));
        KR_TRY(kr_string_quote(ctx, &out, jobs[i].folder));
        KR_TRY(kr_string_puts(ctx, &out, ";;\n"));
    }
    KR_TRY(kr_string_puts(ctx, &out, "esac\nexec "));
    KR_TRY(kr_string_quote(ctx, &out, s->program));
    KR_TRY(kr_string_puts(ctx, &out, " eelt exec \"$folder\"\n"));
    KR_TRY(kr_file_write(ctx, jobs[0].folder, "slurm.sh", out.data, out.length));
    for (int i = 0; i < n; i++) {
        char line[160];
        snprintf(line, sizeof line, "%s %d\n", jobs[0].name, n > 1 ? i : -1);
        KR_TRY(kr_file_write(ctx, jobs[i].folder, "slurm.job", line, strlen(line)));
    }
done:
    kr_free(out.data);
    return status;
}

/* Limits of Slurm are wider than those of the supervisor, which knows better what it ended and why. */
static kr_status call_sbatch(kr_context *ctx, const slurm *s, int n, kr_job *jobs) {
    kr_status status = KR_OK;
    char name[120], time[40], memory[40], cpus[40], array[40], option[3][160], output[4400], script[4400];
    char *text = NULL, *complaint = NULL;
    int code, a = 0;
    const char *argument[20];
    argument[a++] = "sbatch";
    argument[a++] = "--parsable";
    argument[a++] = "--no-requeue";
    argument[a++] = "--signal=B:TERM@60";
    snprintf(name, sizeof name, "--job-name=%s", jobs[0].name);
    argument[a++] = name;
    snprintf(cpus, sizeof cpus, "--cpus-per-task=%d", jobs[0].cpus > 0 ? jobs[0].cpus : 1);
    argument[a++] = cpus;
    snprintf(output, sizeof output, "--output=%s/slurm.%%a.out", jobs[0].folder);
    argument[a++] = output;
    if (jobs[0].timeout_s > 0) {
        snprintf(time, sizeof time, "--time=%d", (int)ceil((jobs[0].timeout_s + 150) / 60));
        argument[a++] = time;
    }
    if (jobs[0].memory_MB > 0) {
        snprintf(memory, sizeof memory, "--mem=%dM", (int)ceil(1.1 * jobs[0].memory_MB + 50));
        argument[a++] = memory;
    }
    if (n > 1) {
        snprintf(array, sizeof array, "--array=0-%d", n - 1);
        argument[a++] = array;
    }
    const char *const extra[3][2] = {{"partition", s->partition}, {"account", s->account}, {"qos", s->qos}};
    for (int i = 0; i < 3; i++) {
        if (!extra[i][1]) continue;
        snprintf(option[i], sizeof option[i], "--%s=%s", extra[i][0], extra[i][1]);
        argument[a++] = option[i];
    }
    snprintf(script, sizeof script, "%s/slurm.sh", jobs[0].folder);
    argument[a++] = script;
    argument[a] = NULL;
    KR_TRY(kr_capture(ctx, argument, CALL_S, &text, &complaint, &code));
    long id = strtol(text, NULL, 10);
    if (code != 0 || id <= 0) {
        KR_ERROR(ctx, KR_ERR_IO, "sbatch refused: %.*s", (int)strcspn(complaint, "\n"), complaint);
        kr_error_hint(ctx, "look at partition, account, memory and time; the script is %s", script);
        KR_TRY(KR_ERR_IO);
    }
    for (int i = 0; i < n; i++)
        if (n > 1)
            snprintf(jobs[i].id, sizeof jobs[i].id, "%ld_%d", id, i);
        else
            snprintf(jobs[i].id, sizeof jobs[i].id, "%ld", id);
done:
    kr_free(text);
    kr_free(complaint);
    return status;
}

static int same_request(const kr_job *a, const kr_job *b) {
    return a->timeout_s == b->timeout_s && a->memory_MB == b->memory_MB && a->cpus == b->cpus;
}

static kr_status submit(kr_context *ctx, void *state, int n, kr_job *jobs) {
    slurm *s = state;
    for (int begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; s->arrays && end < n && same_request(&jobs[begin], &jobs[end]);) end++;
        kr_status status = write_script(ctx, s, end - begin, jobs + begin);
        if (status == KR_OK) status = call_sbatch(ctx, s, end - begin, jobs + begin);
        if (status != KR_OK) return status;
    }
    s->asked = 0; /* something changed: look soon */
    s->interval = s->poll_s;
    return KR_OK;
}

/* ---- looking ---- */

/* The line "id|STATE|name" of a job: by its id, or by name and index of slurm.job when it has none yet. */
static int find_line(kr_context *ctx, const slurm *s, kr_job *job, char state[40]) {
    char name[120] = "", wanted[160];
    int index = -1;
    char *path = job->id[0] ? NULL : kr_path_join(ctx, job->folder, "slurm.job");
    FILE *file = path ? fopen(path, "re") : NULL;
    if (file && fscanf(file, "%119s %d", name, &index) != 2) name[0] = 0;
    if (file) fclose(file);
    kr_free(path);
    snprintf(wanted, sizeof wanted, "_%d", index);
    kr_lines lines = kr_lines_of(s->queue.data ? s->queue.data : "", s->queue.length);
    for (kr_word line; kr_lines_next(&lines, &line);) {
        char id[40], found[40], label[120];
        char copy[300];
        snprintf(copy, sizeof copy, "%.*s", (int)line.n, line.text);
        if (sscanf(copy, "%39[^|]|%39[^|]|%119s", id, found, label) != 3) continue;
        const char *underscore = strchr(id, '_');
        int same = job->id[0] ? !strcmp(id, job->id)
                              : name[0] && !strcmp(label, name) &&
                                    (index < 0 ? !underscore : underscore && !strcmp(underscore, wanted));
        if (!same) continue;
        snprintf(job->id, sizeof job->id, "%s", id);
        snprintf(state, 40, "%s", found);
        return 1;
    }
    return 0;
}

/* One squeue for all; 0 when it does not answer. */
static int ask_queue(kr_context *ctx, slurm *s) {
    static const char *const argument[] = {"squeue", "-h", "-r", "--me", "-t", "all", "-o", "%i|%T|%j", NULL};
    char *text = NULL, *complaint = NULL;
    int code = -1;
    if (kr_capture(ctx, argument, CALL_S, &text, &complaint, &code) != KR_OK) code = -1;
    int answered = code == 0;
    if (answered) {
        int changed = !s->queue.data || strcmp(s->queue.data, text) != 0;
        s->interval = changed ? s->poll_s : fmin(2 * s->interval, 10 * s->poll_s);
        s->queue.length = 0;
        if (kr_string_puts(ctx, &s->queue, text) != KR_OK) answered = 0;
    } else {
        s->interval = fmin(2 * s->interval, 10 * s->poll_s);
        kr_log(ctx, KR_LOG_WARNING, "squeue does not answer; all jobs keep their states");
    }
    s->asked = now_s();
    kr_free(text);
    kr_free(complaint);
    return answered;
}

/* What became of a job that squeue does not list any more. */
static kr_status ask_past(kr_context *ctx, kr_job *job, kr_slurm_verdict *verdict) {
    kr_status status = KR_OK;
    const char *const account[] = {"sacct", "-X", "-n", "-P", "-j", job->id, "-o", "State,ExitCode", NULL};
    const char *const control[] = {"scontrol", "show", "job", job->id, NULL};
    char *text = NULL, *complaint = NULL, state[64] = "", exit_code[32] = "";
    int code;
    *verdict = kr_slurm_judge("", "");
    if (kr_capture(ctx, account, CALL_S, &text, &complaint, &code) == KR_OK && code == 0)
        sscanf(text, "%63[^|]|%31s", state, exit_code);
    kr_free(text);
    kr_free(complaint);
    text = complaint = NULL;
    if (!state[0] && kr_capture(ctx, control, CALL_S, &text, &complaint, &code) == KR_OK && code == 0) {
        const char *at = strstr(text, "JobState="), *exit_at = strstr(text, "ExitCode=");
        if (at) sscanf(at + 9, "%63s", state);
        if (exit_at) sscanf(exit_at + 9, "%31s", exit_code);
    }
    kr_context_clear(ctx); /* a missing sacct is no failure */
    if (state[0]) *verdict = kr_slurm_judge(state, exit_code);
    kr_free(text);
    kr_free(complaint);
    return status;
}

static kr_status settle(kr_context *ctx, slurm *s, kr_job *job) {
    char state[40] = "";
    kr_slurm_verdict verdict;
    int listed = find_line(ctx, s, job, state);
    if (!listed && !job->id[0]) {
        int won;
        if (now_s() - job->submitted < s->poll_s) {
            job->state = KR_JOB_UNKNOWN; /* sbatch may be under way just now */
            return KR_OK;
        }
        kr_status status = kr_task_void(ctx, job->folder, &won);
        job->state = won ? KR_JOB_ABSENT : KR_JOB_UNKNOWN;
        return status;
    }
    if (listed)
        verdict = kr_slurm_judge(state, "");
    else
        ask_past(ctx, job, &verdict);
    if (listed && (verdict.state == KR_JOB_GONE || verdict.state == KR_JOB_ENDED))
        ask_past(ctx, job, &verdict); /* with its exit code */
    job->state = verdict.state;
    job->outcome = verdict.outcome;
    job->counts = verdict.counts;
    if (verdict.state != KR_JOB_ENDED) return KR_OK;
    /* Slurm calls it finished: rc is there, or comes within the grace time, or was lost. */
    char *path = kr_path_join(ctx, job->folder, "slurm.ended");
    if (!path) return KR_ERR_MEMORY;
    double first = now_s();
    char text[32] = "";
    FILE *file = fopen(path, "re");
    if (file) {
        first = fgets(text, sizeof text, file) ? kr_read_real(text, NULL) : 0;
        fclose(file);
    } else if ((file = fopen(path, "we"))) {
        fprintf(file, "%s\n", kr_format_real(first, text));
        fclose(file);
    }
    kr_free(path);
    job->state = now_s() - first < s->grace_s ? KR_JOB_UNKNOWN : KR_JOB_GONE;
    job->outcome = KR_OUTCOME_LOST;
    job->counts = 1;
    return KR_OK;
}

static kr_status poll_jobs(kr_context *ctx, void *state, int n, kr_job *jobs) {
    slurm *s = state;
    int ask = now_s() - s->asked >= s->interval;
    for (int i = 0; i < n; i++) ask |= !jobs[i].id[0]; /* found by name only in a fresh answer */
    int answered = ask ? ask_queue(ctx, s) : 0;
    for (int i = 0; i < n; i++) {
        kr_task_life life;
        kr_usage usage;
        kr_slurm_verdict verdict;
        kr_status status = kr_task_look(ctx, jobs[i].folder, &life, &usage);
        if (status == KR_OK && life == KR_TASK_ENDED) {
            jobs[i].state = KR_JOB_ENDED;
            if (usage.outcome != KR_OUTCOME_CANCELLED || !jobs[i].id[0]) continue;
            /* Somebody sent TERM to the supervisor: Slurm knows whether a person or the loss of a node was behind it.
             */
            status = ask_past(ctx, &jobs[i], &verdict);
            if (status != KR_OK) return status;
            if (verdict.state != KR_JOB_GONE) continue;
            jobs[i].state = KR_JOB_GONE;
            jobs[i].outcome = verdict.outcome;
            jobs[i].counts = verdict.counts;
            continue;
        }
        jobs[i].state = KR_JOB_UNKNOWN;
        if (status == KR_OK && answered) status = settle(ctx, s, &jobs[i]);
        if (status != KR_OK) return status;
    }
    return KR_OK;
}

static kr_status cancel(kr_context *ctx, void *state, int n, kr_job *jobs) {
    (void)state;
    for (int i = 0; i < n; i++) {
        const char *const argument[] = {"scancel", jobs[i].id, NULL};
        char *text = NULL, *complaint = NULL;
        int code;
        kr_status status = jobs[i].id[0] ? kr_capture(ctx, argument, CALL_S, &text, &complaint, &code) : KR_OK;
        kr_free(text);
        kr_free(complaint);
        if (status != KR_OK) return status;
    }
    return KR_OK;
}

const kr_runner_kind kr_runner_slurm = {
    .name = "slurm",
    .summary = "Slurm: job arrays, one query for all jobs",
    .parameters = table,
    .create = create,
    .destroy = destroy,
    .submit = submit,
    .poll = poll_jobs,
    .cancel = cancel,
};
