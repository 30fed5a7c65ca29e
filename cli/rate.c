/* kramers rate: transition rates by independent methods; kramers rate compare: do several results agree?
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling.h"
#include <string.h>

typedef struct settings {
    cli_sampling_settings common;
    double agreement;
} settings;

static const cli_option options[] = {CLI_SAMPLING_OPTIONS(settings, common),
                                     {"agreement", 0, CLI_REAL, offsetof(settings, agreement), "S",
                                      "compare: results disagree beyond S standard errors (3)"},
                                     {0}};

static const settings defaults = {.agreement = 3};
extern const cli_command cli_command_rate;

static void print_line(const char *text, void *payload) {
    (void)payload;
    puts(text);
}

static int compare(const settings *s, int n, char **paths) {
    if (n < 1) return cli_usage_error(&cli_command_rate, "compare needs results: kramers rate compare A.json B.json");
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    kr_status status = kr_sampling_compare(ctx, n, (const char *const *)paths, s->agreement, print_line, NULL);
    int result = status < 0 ? cli_library_error(ctx) : status == KR_OK ? CLI_DONE : CLI_STOPPED;
    kr_context_destroy(&ctx);
    return result;
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    if (s->common.keys) return cli_sampling_keys("rate", s->common.keys);
    if (nargs && !strcmp(args[0], "compare")) return compare(s, nargs - 1, args + 1);
    if (nargs != 1) return cli_usage_error(&cli_command_rate, "one run file is needed: RUN.json");
    return cli_sampling_run("rate", &s->common, args[0]);
}

const cli_command cli_command_rate = {
    .name = "rate",
    .summary = "Transition rates with error bars, by independent methods",
    .usage = "RUN.json | compare RESULTS.json...  [options]",
    .text =
        "Runs the methods listed in RUN.json (direct simulation, forward flux, splitting, asymptotic formulas) on one "
        "problem and tests whether they agree. `compare` does that with results of several runs, committors among "
        "them. Exit code 3: results that disagree or that a method itself does not trust.",
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .defaults = &defaults,
    .run = run,
};
