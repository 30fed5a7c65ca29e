/* kramers eelt report, stop, rollback: what is done to the folder of a campaign.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt.h"
#include <stdlib.h>

static int report(const void *values, int nargs, char **args) {
    (void)values, (void)nargs;
    kr_context *ctx = cli_context(1);
    if (!ctx) return CLI_FAILED;
    int result = kr_campaign_report(ctx, args[0]) < 0 ? cli_library_error(ctx) : CLI_DONE;
    if (result == CLI_DONE)
        cli_note("written: %s/report.html, report.tsv, report_runs.tsv, report_frames.tsv", args[0]);
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_eelt_report = {
    .name = "eelt report",
    .summary = "Write report.html and the tables of a campaign, also while it runs",
    .usage = "FOLDER",
    .text = "report.html is one file without anything from outside: fractions by iteration and cell with their "
            "intervals, deviations, calibration, errors on new labels, coverage, failures, cost. The tables "
            "report.tsv, report_runs.tsv and report_frames.tsv have every number.",
    .least = 1,
    .most = 1,
    .size = 1,
    .run = report,
};

static int stop(const void *values, int nargs, char **args) {
    (void)values, (void)nargs;
    kr_context *ctx = cli_context(1);
    if (!ctx) return CLI_FAILED;
    int result = kr_campaign_stop(ctx, args[0]) < 0 ? cli_library_error(ctx) : CLI_DONE;
    if (result == CLI_DONE) cli_note("asked to stop; running tasks come to their ends first");
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_eelt_stop = {
    .name = "eelt stop",
    .summary = "Ask a running campaign to stop, on whatever host it runs",
    .usage = "FOLDER",
    .least = 1,
    .most = 1,
    .size = 1,
    .run = stop,
};

static int rollback(const void *values, int nargs, char **args) {
    char *end;
    long hidden, iteration = strtol(args[1], &end, 10);
    (void)values, (void)nargs;
    if (*end || end == args[1] || iteration < 0 || iteration > 1000000)
        return cli_usage_error(&cli_eelt_rollback, "'%s' is no iteration", args[1]);
    kr_context *ctx = cli_context(1);
    if (!ctx) return CLI_FAILED;
    int result = kr_campaign_rollback(ctx, args[0], (int)iteration, &hidden) < 0 ? cli_library_error(ctx) : CLI_DONE;
    if (result == CLI_DONE)
        cli_note("%ld stages of iteration %ld and later are hidden; the next run begins there", hidden, iteration);
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_eelt_rollback = {
    .name = "eelt rollback",
    .summary = "Begin again at an iteration: later rows are hidden, nothing is deleted",
    .usage = "FOLDER ITERATION",
    .text = "Labels and models that come out the same are not computed again.",
    .least = 2,
    .most = 2,
    .size = 1,
    .run = rollback,
};
