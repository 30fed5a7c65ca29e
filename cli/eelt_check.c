/* kramers eelt check: every mistake of a campaign's input, before anything is started.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt.h"

typedef struct printing {
    const char *input;
    int quiet;
} printing;

static void mistake(const char *text, const char *hint, void *payload) {
    const printing *p = payload;
    cli_error(hint, "%s: %s", p->input, text);
}

static void fact(const char *text, void *payload) {
    const printing *p = payload;
    if (!p->quiet) printf("%s\n", text);
}

typedef struct settings {
    int quiet;
} settings;

static const cli_option options[] = {{"quiet", 'q', CLI_FLAG, offsetof(settings, quiet), NULL, "only the mistakes"},
                                     {0}};

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    printing p = {args[0], s->quiet};
    int count, result = CLI_DONE;
    (void)nargs;
    kr_context *ctx = cli_context(1);
    if (!ctx) return CLI_FAILED;
    if (kr_campaign_check(ctx, args[0], mistake, fact, &p, &count) < 0) {
        result = cli_library_error(ctx);
    } else if (count) {
        cli_note("%d mistake%s", count, count == 1 ? "" : "s");
        result = CLI_FAILED;
    } else {
        cli_note("nothing wrong found");
    }
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_eelt_check = {
    .name = "eelt check",
    .summary = "Find all mistakes of a campaign's input",
    .usage = "EELT.json",
    .text =
        "Reads the file and everything it names: keys, values, paths, data, elements, the labelling program's inputs "
        "for every system, and tells how many runs, labels and gigabytes to expect. Nothing is started. Every "
        "mistake is told with line, column and the nearest valid key.",
    .least = 1,
    .most = 1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
