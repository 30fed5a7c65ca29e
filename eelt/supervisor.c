/* Runs the command of one task's folder under limits, and tells others how it went.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The command gets a session of its own; its processes are found by that session and by being our descendants
 * (PR_SET_CHILD_SUBREAPER keeps orphans ours). When the supervisor itself is killed, the kernel kills the command
 * (PR_SET_PDEATHSIG), so that nothing runs unsupervised. With spawn.c the only file of the library that makes or
 * signals processes. */
#include "eelt/supervisor.h"
#include "core/error.h"
#include "core/file.h"
#include "core/json.h"
#include "core/memory.h"
#include "eelt/disk.h"
#include "eelt/spawn.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const double grace_s = 10; /* between TERM and KILL */

static kr_status remove_small(kr_context *ctx, const char *folder, const char *name) {
    char *path = kr_path_join(ctx, folder, name);
    if (!path) return KR_ERR_MEMORY;
    unlink(path);
    kr_free(path);
    return KR_OK;
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Total size of the files of a folder: any growth or new file counts as a sign of life. */
static int64_t folder_size(kr_context *ctx, const char *folder) {
    int count = 0;
    char **names = NULL;
    int64_t total = 0;
    if (kr_folder_list(ctx, folder, &count, &names) != KR_OK) return -1;
    for (int i = 0; i < count; i++) {
        char *path = kr_path_join(ctx, folder, names[i]);
        struct stat info;
        if (path && stat(path, &info) == 0) total += (int64_t)info.st_size + (int64_t)info.st_mtime % 1000003;
        kr_free(path);
    }
    kr_names_free(count, names);
    return total;
}

static volatile sig_atomic_t asked_to_end;
static void on_signal(int number) { asked_to_end = number; }

/* ---- watching it ---- */

typedef struct watch {
    const kr_command *command;
    const char *folder;
    pid_t pid;
    double started, grown; /* when the output grew last */
    int64_t size, maxrss_kB;
    double cpu_s;
    int ended, wait_status;
    struct rusage usage;
} watch;

static void signal_all(const watch *w, int number) { kill(-w->pid, number); }

/* Limits: DONE while all of them hold. */
static kr_outcome over_limit(kr_context *ctx, watch *w) {
    double now = now_s();
    int64_t count, rss;
    double cpu;
    kr_process_session(w->pid, &count, &rss, &cpu);
    if (rss > w->maxrss_kB) w->maxrss_kB = rss;
    if (cpu > w->cpu_s) w->cpu_s = cpu;
    if (asked_to_end) return KR_OUTCOME_CANCELLED;
    if (w->command->memory_MB > 0 && (double)rss > 1024 * w->command->memory_MB) return KR_OUTCOME_OUT_OF_MEMORY;
    if (w->command->timeout_s > 0 && now - w->started > w->command->timeout_s) return KR_OUTCOME_TIMEOUT;
    if (w->command->stall_s > 0) {
        int64_t size = folder_size(ctx, w->folder);
        if (size != w->size) {
            w->size = size;
            w->grown = now;
        } else if (now - w->grown > w->command->stall_s) {
            return KR_OUTCOME_STALLED;
        }
    }
    return KR_OUTCOME_DONE;
}

/* Collects children; orphans of the command are ours too. 1 when nothing of the command lives any more. */
static int reap(watch *w) {
    for (;;) {
        struct rusage usage;
        int wait_status;
        pid_t pid = wait4(-1, &wait_status, WNOHANG, &usage);
        if (pid < 0 && errno == EINTR) continue;
        if (pid <= 0) break;
        if (pid == w->pid) {
            w->ended = 1;
            w->wait_status = wait_status;
            w->usage = usage;
        }
    }
    int64_t count, rss;
    double cpu;
    kr_process_session(w->pid, &count, &rss, &cpu);
    return w->ended && count == 0;
}

static void pause_s(double seconds) {
    struct timespec t = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&t, NULL); /* a signal ends it early, which is welcome */
}

/* By the signal itself, or in the words of a shell whose command got it. */
static int ended_by_term(int status) {
    return (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) ||
           (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM);
}

static kr_outcome watch_command(kr_context *ctx, watch *w) {
    double step = 0.002;
    kr_outcome outcome = KR_OUTCOME_DONE;
    while (!reap(w) && !w->ended) {
        outcome = over_limit(ctx, w);
        if (outcome != KR_OUTCOME_DONE) break;
        pause_s(step);
        if (step < 0.25) step *= 1.3;
    }
    /* Batch systems send TERM to all processes of a job at once: then the command may be dead before we are told. */
    if (outcome == KR_OUTCOME_DONE && ended_by_term(w->wait_status)) {
        for (int i = 0; i < 20 && !asked_to_end; i++) pause_s(0.02);
        if (asked_to_end) outcome = KR_OUTCOME_CANCELLED;
    }
    /* What the command left behind when its shell ended, or the command itself when it went over a limit. */
    if (!reap(w)) {
        signal_all(w, SIGTERM);
        double end = now_s() + grace_s;
        while (!reap(w) && now_s() < end) pause_s(0.02);
        signal_all(w, SIGKILL);
        end = now_s() + grace_s;
        while (!reap(w) && now_s() < end) pause_s(0.02);
    }
    return outcome;
}

/* usage.json first, rc last: who sees rc finds everything else. */
static kr_status write_result(kr_context *ctx, const char *folder, const kr_usage *usage) {
    char text[400];
    snprintf(text, sizeof text,
             "{\"outcome\": \"%s\", \"exit_status\": %d, \"signal\": %d, \"wall_s\": %.3f, \"cpu_s\": %.3f, "
             "\"maxrss_kB\": %" PRId64 "}\n",
             kr_outcome_word(usage->outcome), usage->exit_status, usage->signal, usage->wall_s, usage->cpu_s,
             usage->maxrss_kB);
    kr_status status = kr_file_write(ctx, folder, "usage.json", text, strlen(text));
    if (status != KR_OK) return status;
    snprintf(text, sizeof text, "%d %d %s\n", usage->exit_status, usage->signal, kr_outcome_word(usage->outcome));
    return kr_file_write(ctx, folder, "rc", text, strlen(text));
}

static kr_status write_identity(kr_context *ctx, const char *folder, int64_t command) {
    kr_process self, other;
    char a[160], b[160], text[330];
    kr_process_self(&self);
    kr_process_of(command, &other);
    snprintf(text, sizeof text, "%s\n%s\n", kr_process_format(&self, a), kr_process_format(&other, b));
    return kr_file_write(ctx, folder, "supervisor", text, strlen(text));
}

/* Makes the file `supervisor` with this text unless it is there: of several processes exactly one wins. */
static kr_status claim(kr_context *ctx, const char *folder, const char *text, int *won) {
    kr_status status = KR_OK;
    kr_process self;
    char *path = kr_path_join(ctx, folder, "supervisor"), *own = NULL;
    FILE *file = NULL;
    *won = 0;
    kr_process_self(&self);
    own = path ? kr_strprintf(ctx, "%s.%s.%" PRId64, path, self.host, self.pid) : NULL;
    if (!own) KR_TRY(KR_ERR_MEMORY);
    file = fopen(own, "we");
    if (!file) KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s': %s", own, strerror(errno));
    int bad = fprintf(file, "%s\n", text) < 0;
    bad |= fclose(file) != 0;
    if (bad) KR_FAIL(ctx, KR_ERR_IO, "cannot write '%s': %s", own, strerror(errno));
    if (link(own, path) == 0)
        *won = 1;
    else if (errno != EEXIST)
        KR_FAIL(ctx, KR_ERR_IO, "cannot make '%s': %s", path, strerror(errno));
done:
    if (own) unlink(own);
    kr_free(own);
    kr_free(path);
    return status;
}

kr_status kr_task_void(kr_context *ctx, const char *folder, int *won) {
    *won = 1;
    if (!kr_file_is_folder(folder)) return KR_OK;
    return claim(ctx, folder, "void", won);
}

/* Gives back what was reserved behind the end of a file. */
static void release_rest(kr_context *ctx, const char *folder, const char *name) {
    struct stat facts;
    char *path = kr_path_join(ctx, folder, name);
    if (path && stat(path, &facts) == 0) (void)!truncate(path, facts.st_size);
    kr_free(path);
}

static kr_status run_command(kr_context *ctx, const char *folder, const kr_command *command, kr_usage *usage) {
    kr_status status = KR_OK;
    struct sigaction ours = {0}, before[3];
    int64_t pid;
    static const int numbers[3] = {SIGTERM, SIGINT, SIGHUP};
    ours.sa_handler = on_signal;
    asked_to_end = 0;
    for (int i = 0; i < 3; i++) sigaction(numbers[i], &ours, &before[i]);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    watch w = {.command = command, .folder = folder, .started = now_s()};
    w.grown = w.started;
    const char *const shell[] = {"/bin/sh", "-c", command->line, NULL};
    kr_spawn_options options = {.argument = shell,
                                .folder = folder,
                                .output = "stdout",
                                .error = "stderr",
                                .error_bytes = 4096,
                                .first_cpu = command->first_cpu,
                                .cpus = command->cpus,
                                .threads = command->threads,
                                .dies_with_caller = 1};
    KR_TRY(kr_spawn(ctx, &options, &pid));
    w.pid = (pid_t)pid;
    status = write_identity(ctx, folder, w.pid);
    if (status != KR_OK) asked_to_end = SIGTERM; /* a full disk: end the command rather than lose track of it */
    usage->outcome = watch_command(ctx, &w);
    release_rest(ctx, folder, "stderr");
    KR_TRY(status);
    usage->exit_status = w.ended && WIFEXITED(w.wait_status) ? WEXITSTATUS(w.wait_status) : -1;
    usage->signal = w.ended && WIFSIGNALED(w.wait_status) ? WTERMSIG(w.wait_status) : 0;
    usage->wall_s = now_s() - w.started;
    double cpu = (double)(w.usage.ru_utime.tv_sec + w.usage.ru_stime.tv_sec) +
                 1e-6 * (double)(w.usage.ru_utime.tv_usec + w.usage.ru_stime.tv_usec);
    usage->cpu_s = cpu > w.cpu_s ? cpu : w.cpu_s;
    usage->maxrss_kB = w.usage.ru_maxrss > w.maxrss_kB ? w.usage.ru_maxrss : w.maxrss_kB;
    if (usage->outcome == KR_OUTCOME_DONE && usage->exit_status != 0 && kr_disk_ended(ctx, folder))
        usage->outcome = KR_OUTCOME_NO_SPACE; /* known here and now: later there may be room again */
    KR_TRY(write_result(ctx, folder, usage));
done:
    for (int i = 0; i < 3; i++) sigaction(numbers[i], &before[i], NULL);
    return status;
}

kr_status kr_supervise(kr_context *ctx, const char *folder, kr_usage *usage) {
    kr_status status = KR_OK;
    kr_tree *tree = NULL;
    kr_command command = {0};
    kr_task_life life;
    kr_process self;
    char identity[160];
    int won;
    memset(usage, 0, sizeof *usage);
    KR_TRY(kr_task_look(ctx, folder, &life, usage));
    if (life == KR_TASK_ENDED) goto done;
    if (life == KR_TASK_LIVES) KR_FAIL(ctx, KR_ERR_IO, "'%s': another process supervises this task", folder);
    KR_TRY(kr_command_read(ctx, folder, &tree, &command));
    if (life == KR_TASK_VANISHED) {
        KR_TRY(kr_task_kill(ctx, folder));
        KR_TRY(remove_small(ctx, folder, "supervisor"));
    }
    kr_process_self(&self);
    KR_TRY(claim(ctx, folder, kr_process_format(&self, identity), &won));
    if (!won) KR_FAIL(ctx, KR_ERR_IO, "'%s': another process has this task", folder);
    KR_TRY(run_command(ctx, folder, &command, usage));
done:
    kr_tree_destroy(&tree);
    return status;
}

/* ---- looking from outside ---- */

static int read_text(kr_context *ctx, const char *folder, const char *name, char *text, size_t room) {
    char *path = kr_path_join(ctx, folder, name);
    FILE *file = path ? fopen(path, "re") : NULL;
    size_t n = file ? fread(text, 1, room - 1, file) : 0;
    text[n] = 0;
    if (file) fclose(file);
    kr_free(path);
    return file != NULL;
}

static kr_status read_usage(kr_context *ctx, const char *folder, const char *rc, kr_usage *usage) {
    kr_status status = KR_OK;
    kr_tree *tree = NULL;
    char word[32] = "";
    char *path = NULL;
    memset(usage, 0, sizeof *usage);
    if (sscanf(rc, "%d %d %31s", &usage->exit_status, &usage->signal, word) != 3 || kr_outcome_find(word) < 0)
        KR_FAIL(ctx, KR_ERR_FORMAT, "'%s/rc' holds '%.40s', expected exit status, signal and outcome", folder, rc);
    usage->outcome = (kr_outcome)kr_outcome_find(word);
    path = kr_path_join(ctx, folder, "usage.json");
    if (!path) KR_TRY(KR_ERR_MEMORY);
    if (kr_file_exists(path)) {
        double rss;
        KR_TRY(kr_json_read(ctx, path, &tree));
        KR_TRY(kr_tree_get_real_or(ctx, tree, "wall_s", 0, &usage->wall_s));
        KR_TRY(kr_tree_get_real_or(ctx, tree, "cpu_s", 0, &usage->cpu_s));
        KR_TRY(kr_tree_get_real_or(ctx, tree, "maxrss_kB", 0, &rss));
        usage->maxrss_kB = (int64_t)rss;
    }
done:
    kr_tree_destroy(&tree);
    kr_free(path);
    return status;
}

kr_status kr_task_look(kr_context *ctx, const char *folder, kr_task_life *life, kr_usage *usage) {
    char text[400];
    kr_usage ignored;
    kr_process supervisor;
    if (read_text(ctx, folder, "rc", text, sizeof text) && strchr(text, '\n')) {
        *life = KR_TASK_ENDED;
        return read_usage(ctx, folder, text, usage ? usage : &ignored);
    }
    *life = KR_TASK_ABSENT;
    if (!read_text(ctx, folder, "supervisor", text, sizeof text) || !kr_process_parse(text, &supervisor)) return KR_OK;
    *life = kr_process_life(&supervisor) == KR_PROCESS_DEAD ? KR_TASK_VANISHED : KR_TASK_LIVES;
    /* It may have ended between the two looks. */
    if (*life == KR_TASK_VANISHED && read_text(ctx, folder, "rc", text, sizeof text) && strchr(text, '\n')) {
        *life = KR_TASK_ENDED;
        return read_usage(ctx, folder, text, usage ? usage : &ignored);
    }
    return KR_OK;
}

kr_status kr_task_kill(kr_context *ctx, const char *folder) {
    char text[400];
    kr_process supervisor, command;
    if (!read_text(ctx, folder, "supervisor", text, sizeof text) || !kr_process_parse(text, &supervisor)) return KR_OK;
    kr_life life = kr_process_life(&supervisor);
    if (life == KR_PROCESS_ELSEWHERE)
        return KR_ERROR(ctx, KR_ERR_IO, "'%s': supervised on %s, which cannot be reached from here", folder,
                        supervisor.host);
    if (life == KR_PROCESS_ALIVE) {
        kill((pid_t)supervisor.pid, SIGTERM);
        return KR_OK;
    }
    const char *second = strchr(text, '\n');
    if (second && kr_process_parse(second + 1, &command)) {
        /* The leader of the session may be dead while others of its group live; its pid is not given away as long as
         * a group has it, so the group is ours when boot and host are. */
        int64_t count, rss;
        double cpu;
        kr_process_session(command.pid, &count, &rss, &cpu);
        kr_process now;
        kr_process_of(command.pid, &now);
        int same_boot = !strcmp(now.boot, command.boot) && !strcmp(now.host, command.host);
        int reused = now.start != 0 && now.start != command.start;
        if (same_boot && !reused && count > 0) kill(-(pid_t)command.pid, SIGKILL);
    }
    return KR_OK;
}
