/* Messages, progress, interrupts, memory and path of the program.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int line_is_open; /* a progress line without newline stands on the terminal */

static void close_line(void) {
    if (line_is_open) fputc('\n', stderr);
    line_is_open = 0;
}

static void print_hint(const char *hint) {
    if (hint && *hint) fprintf(stderr, "  hint: %s\n", hint);
}

int cli_error(const char *hint, const char *format, ...) {
    va_list args;
    close_line();
    fputs("kramers: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    print_hint(hint);
    return CLI_FAILED;
}

int cli_usage_error(const cli_command *command, const char *format, ...) {
    va_list args;
    close_line();
    fprintf(stderr, "kramers %s: ", command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n  hint: kramers %s --help\n", command->name);
    return CLI_USAGE;
}

int cli_library_error(const kr_context *ctx) {
    const char *message = kr_context_message(ctx);
    return cli_error(kr_context_hint(ctx), "%s", *message ? message : kr_status_text(kr_context_status(ctx)));
}

void cli_warn(const char *format, ...) {
    va_list args;
    close_line();
    fputs("kramers: warning: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void cli_note(const char *format, ...) {
    va_list args;
    close_line();
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void log_line(kr_log_level level, const char *line, void *payload) {
    (void)payload;
    if (level == KR_LOG_WARNING)
        cli_warn("%s", line);
    else
        cli_note("%s", line);
}

kr_context *cli_context(int threads) {
    kr_context *ctx = NULL;
    if (kr_context_create(&ctx) < 0) {
        cli_error(NULL, "memory ran out");
        return NULL;
    }
    kr_context_set_log(ctx, log_line, NULL);
    kr_context_set_threads(ctx, threads);
    return ctx;
}

/* ---- interrupts ---- */

static volatile sig_atomic_t interrupted, caught;

/* The signal behind the last one that is caught has its usual effect, so that a user is never locked in. */
static void on_signal(int number) {
    (void)number;
    if (++interrupted < caught) return;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

void cli_catch_more_interrupts(int most) {
    struct sigaction action = {.sa_handler = on_signal};
    caught = most;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void cli_catch_interrupts(void) { cli_catch_more_interrupts(1); }

int cli_interrupted(void) { return interrupted; }

/* ---- progress ---- */

double cli_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void cli_progress_begin(cli_progress *progress, const char *what, long done, long total) {
    double now = cli_seconds();
    *progress = (cli_progress){what, total, done, now, now, isatty(STDERR_FILENO), 0};
}

static void print_progress(cli_progress *progress, long done, double now) {
    double elapsed = now - progress->started;
    double rate = elapsed > 0 ? (double)(done - progress->first) / elapsed : 0;
    if (progress->terminal) fputs("\r\033[K", stderr);
    fprintf(stderr, "%s %ld/%ld", progress->what, done, progress->total);
    if (rate > 0) {
        long left = (long)((double)(progress->total - done) / rate + 0.5);
        fprintf(stderr, "  %.3g/s  %ld:%02ld left", rate, left / 60, left % 60);
    } else {
        fprintf(stderr, "  after %ld:%02ld", (long)elapsed / 60, (long)elapsed % 60);
    }
    if (!progress->terminal) fputc('\n', stderr);
    line_is_open = progress->terminal;
    progress->shown = now;
    progress->printed = 1;
    fflush(stderr);
}

/* Seconds between two lines: in a log every 10 s at first, more rarely with time, at the latest every 5 minutes. */
static double interval(const cli_progress *progress, double now) {
    if (progress->terminal) return 0.2;
    return fmin(fmax(10, (now - progress->started) / 20), 300);
}

void cli_progress_at(cli_progress *progress, long done) {
    double now = cli_seconds();
    if (progress->first < 0) progress->first = done;
    if (now - progress->shown >= interval(progress, now)) print_progress(progress, done, now);
}

void cli_progress_end(cli_progress *progress, long done) {
    double elapsed = cli_seconds() - progress->started;
    if (progress->terminal && progress->printed) {
        fputs("\r\033[K", stderr);
        line_is_open = 0;
    }
    fprintf(stderr, "%ld of %ld %s in %.2f s\n", done, progress->total, progress->what, elapsed);
}

/* ---- memory ---- */

static void *or_exit(void *pointer) {
    if (!pointer) {
        cli_error(NULL, "memory ran out");
        exit(CLI_FAILED);
    }
    return pointer;
}

void *cli_calloc(size_t count, size_t size) { return or_exit(calloc(count ? count : 1, size)); }

char *cli_strdup(const char *text) { return or_exit(strdup(text)); }

char *cli_strprintf(const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = cli_calloc((size_t)(n < 0 ? 0 : n) + 1, 1);
    vsnprintf(text, (size_t)(n < 0 ? 0 : n) + 1, format, again);
    va_end(again);
    return text;
}

int cli_program(char *path, size_t room) {
    ssize_t n = readlink("/proc/self/exe", path, room - 1);
    if (n < 0) return cli_error(NULL, "the path of this program is not known");
    path[n] = 0;
    return CLI_DONE;
}
