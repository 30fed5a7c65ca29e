/* kramers eelt run: a campaign, from its beginning or from where it was.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt.h"
#include <string.h>

typedef struct settings {
    int iterations, break_lock, quiet, kill_at;
} settings;

static const cli_option options[] = {
    {"iterations", 0, CLI_COUNT, offsetof(settings, iterations), "N", "stop after N iterations of this call"},
    {"break-lock", 0, CLI_FLAG, offsetof(settings, break_lock), NULL,
     "take over the folder from a process of another host that is dead for certain"},
    {"quiet", 'q', CLI_FLAG, offsetof(settings, quiet), NULL, "only warnings and the end"},
    {"kill-at", 0, CLI_COUNT, offsetof(settings, kill_at), "N",
     "for tests: kill this process at its N-th commit or rename"},
    {0}};

typedef struct running {
    const settings *settings;
    cli_killer killer;
    cli_progress progress;
    char what[32]; /* the kind of tasks, and how many of it were done before this stage */
    long before;
} running;

static void point(void *payload) { cli_kill_point(&((running *)payload)->killer); }

static void say(const char *text, void *payload) {
    const running *r = payload;
    if (!r->settings->quiet) cli_note("%s", text);
}

/* Every stage, told by a call without a total, shows what it has to do itself: the ledger counts the tasks of all
 * iterations. */
static int progress(const char *what, long done, long total, void *payload) {
    running *r = payload;
    if (!total) r->what[0] = 0;
    if (!r->settings->quiet && total > 0) {
        if (strcmp(what, r->what)) {
            snprintf(r->what, sizeof r->what, "%s", what);
            r->before = done;
            cli_progress_begin(&r->progress, r->what, 0, total - done);
        }
        r->progress.total = total - r->before;
        cli_progress_at(&r->progress, done - r->before);
    }
    return cli_interrupted();
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    running r = {.settings = s, .killer = {s->kill_at, 0}};
    kr_campaign_options o;
    char program[4096];
    (void)nargs;
    if (cli_program(program, sizeof program) != CLI_DONE) return CLI_FAILED;
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    kr_campaign_options_default(&o);
    o.input = args[0];
    o.program = program;
    o.break_lock = s->break_lock;
    o.iterations = s->iterations;
    o.line = say;
    o.payload = &r;
    if (s->kill_at) o.point = point;
    cli_catch_more_interrupts(2);
    kr_context_set_progress(ctx, progress, &r);
    kr_status status = kr_campaign_run(ctx, &o);
    int result = CLI_DONE;
    if (status < 0) {
        result = cli_library_error(ctx);
    } else if (status == KR_NOT_CONVERGED) {
        cli_note("%s", kr_context_message(ctx));
        result = CLI_STOPPED;
    } else if (status == KR_CANCELLED) {
        cli_note("stopped; the same command goes on from here");
        result = CLI_STOPPED;
    } else {
        cli_note("converged");
    }
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_eelt_run = {
    .name = "eelt run",
    .summary = "Run a campaign: explore, examine, label, train, until it has converged",
    .usage = "EELT.json",
    .text = "Runs the campaign that the file describes, or goes on with it where it was stopped or killed. Every stage "
            "leaves its results in the campaign's folder: models, runs, data sets, report.html.\n"
            "\n"
            "The first SIGINT or SIGTERM lets running tasks come to their ends and starts no others; the second ends "
            "them, to be done again; the third ends this program alone. Exit codes: 0 converged (with a certificate, "
            "when one is asked for), 3 stopped before (budget, iterations, disk, too many failures of one kind, "
            "interrupted), 1 failed, 2 wrong usage.",
    .least = 1,
    .most = 1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
