/* fork and execve, with everything that a child must not inherit set right.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Between fork and execve only async-signal-safe calls are made: another thread of the caller may hold any lock. So
 * the environment and the path of the program are made before. */
#define _GNU_SOURCE /* CPU sets, pipe2 */
#include "eelt/spawn.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/text.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* What the child needs, made by the parent. */
typedef struct plan {
    char **environment; /* a list whose entries are borrowed or in `room` */
    char room[3][48];
    char *program; /* full path */
    pid_t parent;
    int output, error; /* descriptors of pipes; −1 = files of the options */
} plan;

/* The environment with the thread variables set. */
static kr_status plan_environment(kr_context *ctx, int threads, plan *p) {
    static const char *const names[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"};
    kr_status status = KR_OK;
    size_t n = 0, used = 0;
    while (environ && environ[n]) n++;
    KR_NEW(ctx, p->environment, n + 4);
    for (size_t i = 0; i < n; i++) {
        int ours = 0;
        for (int k = 0; k < 3 && threads > 0; k++) {
            size_t length = strlen(names[k]);
            ours |= !strncmp(environ[i], names[k], length) && environ[i][length] == '=';
        }
        if (!ours) p->environment[used++] = environ[i];
    }
    for (int k = 0; k < 3 && threads > 0; k++) {
        snprintf(p->room[k], sizeof p->room[k], "%s=%d", names[k], threads);
        p->environment[used++] = p->room[k];
    }
done:
    return status;
}

/* The program's path: as it is when it has a slash, else the first executable file of PATH. */
static kr_status plan_program(kr_context *ctx, const char *name, plan *p) {
    if (strchr(name, '/')) {
        p->program = kr_strdup(ctx, name);
        return p->program ? KR_OK : KR_ERR_MEMORY;
    }
    const char *path = "/usr/local/bin:/usr/bin:/bin";
    for (char **entry = environ; entry && *entry; entry++)
        if (!strncmp(*entry, "PATH=", 5)) path = *entry + 5;
    while (*path) {
        size_t length = strcspn(path, ":");
        char *candidate = length ? kr_strprintf(ctx, "%.*s/%s", (int)length, path, name) : kr_strdup(ctx, name);
        if (!candidate) return KR_ERR_MEMORY;
        if (access(candidate, X_OK) == 0) {
            p->program = candidate;
            return KR_OK;
        }
        kr_free(candidate);
        path += length + (path[length] == ':');
    }
    KR_ERROR(ctx, KR_ERR_IO, "the program '%s' is not in PATH", name);
    return KR_ERR_IO;
}

static int redirect(const char *name, int flags, int to) {
    int fd = open(name ? name : "/dev/null", flags | O_CLOEXEC, 0666);
    return fd >= 0 && dup2(fd, to) >= 0;
}

/* In the child; never returns. */
static void become(const kr_spawn_options *options, const plan *p) {
    setsid();
    if (options->dies_with_caller) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != p->parent) _exit(126); /* the caller died before the line above */
    }
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (options->cpus > 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        for (int i = 0; i < options->cpus && options->first_cpu + i < CPU_SETSIZE; i++)
            CPU_SET((size_t)(options->first_cpu + i), &set);
        (void)sched_setaffinity(0, sizeof set, &set); /* a machine with fewer CPUs: runs unbound */
    }
    if (options->folder && chdir(options->folder) != 0) _exit(126);
    const int make = O_WRONLY | O_CREAT | O_TRUNC;
    if (!redirect(NULL, O_RDONLY, 0)) _exit(126);
    if (p->output >= 0 ? dup2(p->output, 1) < 0 : !redirect(options->output, make, 1)) _exit(126);
    if (p->error >= 0 ? dup2(p->error, 2) < 0 : !redirect(options->error, make, 2)) _exit(126);
    if (options->error && options->error_bytes > 0)
        (void)fallocate(2, FALLOC_FL_KEEP_SIZE, 0, options->error_bytes); /* some file systems cannot */
    execve(p->program, (char *const *)(uintptr_t)options->argument, p->environment);
    _exit(127);
}

static kr_status start(kr_context *ctx, const kr_spawn_options *options, plan *p, pid_t *pid) {
    kr_status status = KR_OK;
    KR_TRY(plan_program(ctx, options->argument[0], p));
    KR_TRY(plan_environment(ctx, options->threads, p));
    p->parent = getpid();
    *pid = fork();
    if (*pid == 0) {
        if (!options->detached) become(options, p);
        pid_t second = fork();
        if (second == 0) become(options, p);
        _exit(second < 0);
    }
    if (*pid < 0) KR_FAIL(ctx, KR_ERR_IO, "cannot start '%s': %s", options->argument[0], strerror(errno));
    if (options->detached) {
        int wait_status = 0;
        while (waitpid(*pid, &wait_status, 0) < 0 && errno == EINTR) {
        }
        *pid = 0;
        if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status))
            KR_FAIL(ctx, KR_ERR_IO, "cannot start '%s': no process could be made", options->argument[0]);
    }
done:
    kr_free(p->program);
    kr_free(p->environment);
    return status;
}

kr_status kr_spawn(kr_context *ctx, const kr_spawn_options *options, int64_t *pid) {
    plan p = {.output = -1, .error = -1};
    pid_t made = 0;
    kr_status status = start(ctx, options, &p, &made);
    *pid = made;
    return status;
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Reads both pipes until they are closed, or until the time is over: then 0. */
static kr_status drain(kr_context *ctx, const int fd[2], double end, kr_string text[2], int *complete) {
    kr_status status = KR_OK;
    int open_[2] = {1, 1};
    *complete = 0;
    while (open_[0] || open_[1]) {
        double left = end - now_s();
        if (left <= 0) return KR_OK;
        struct pollfd wait[2] = {{open_[0] ? fd[0] : -1, POLLIN, 0}, {open_[1] ? fd[1] : -1, POLLIN, 0}};
        if (poll(wait, 2, left > 1 ? 1000 : (int)(1000 * left) + 1) < 0 && errno != EINTR)
            KR_FAIL(ctx, KR_ERR_IO, "cannot wait for a program: %s", strerror(errno));
        for (int k = 0; k < 2; k++) {
            char piece[4096];
            if (!open_[k] || !(wait[k].revents & (POLLIN | POLLHUP | POLLERR))) continue;
            ssize_t n = read(fd[k], piece, sizeof piece);
            if (n > 0)
                KR_TRY(kr_string_append(ctx, &text[k], piece, (size_t)n));
            else if (n == 0 || errno != EINTR)
                open_[k] = 0;
        }
    }
    *complete = 1;
done:
    return status;
}

kr_status kr_capture(kr_context *ctx, const char *const *argument, double timeout_s, char **text, char **complaint,
                     int *exit_status) {
    kr_status status = KR_OK;
    int pipes[2][2] = {{-1, -1}, {-1, -1}}, complete = 0, wait_status = 0;
    kr_string written[2] = {{0}, {0}};
    pid_t pid = 0;
    *text = *complaint = NULL;
    *exit_status = -1;
    if (pipe2(pipes[0], O_CLOEXEC) != 0 || pipe2(pipes[1], O_CLOEXEC) != 0)
        KR_FAIL(ctx, KR_ERR_IO, "cannot make a pipe: %s", strerror(errno));
    kr_spawn_options options = {.argument = argument, .dies_with_caller = 1};
    plan p = {.output = pipes[0][1], .error = pipes[1][1]};
    KR_TRY(start(ctx, &options, &p, &pid));
    for (int k = 0; k < 2; k++) {
        close(pipes[k][1]);
        pipes[k][1] = -1;
    }
    const int ends[2] = {pipes[0][0], pipes[1][0]};
    KR_TRY(drain(ctx, ends, now_s() + timeout_s, written, &complete));
done:
    if (pid > 0) {
        if (!complete) kill(-pid, SIGKILL);
        while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
        }
        if (complete && WIFEXITED(wait_status)) *exit_status = WEXITSTATUS(wait_status);
    }
    for (int k = 0; k < 4; k++)
        if (pipes[k / 2][k % 2] >= 0) close(pipes[k / 2][k % 2]);
    for (int k = 0; k < 2 && status == KR_OK; k++) status = kr_string_puts(ctx, &written[k], "");
    if (status == KR_OK) {
        *text = written[0].data;
        *complaint = written[1].data;
    } else {
        kr_free(written[0].data);
        kr_free(written[1].data);
    }
    return status;
}
