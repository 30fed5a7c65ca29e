/* kramers eelt drop, add, export: what users change in a campaign and take out of it.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt.h"
#include <stdlib.h>

static int drop(const void *values, int nargs, char **args) {
    long *frames = cli_calloc((size_t)nargs, sizeof *frames), count;
    int result = CLI_DONE;
    (void)values;
    for (int k = 1; k < nargs && result == CLI_DONE; k++) {
        char *end;
        frames[k - 1] = strtol(args[k], &end, 10);
        if (*end || end == args[k]) result = cli_usage_error(&cli_eelt_drop, "'%s' is no number of a frame", args[k]);
    }
    kr_context *ctx = result == CLI_DONE ? cli_context(1) : NULL;
    if (ctx && kr_campaign_drop(ctx, args[0], nargs - 1, frames, &count) < 0)
        result = cli_library_error(ctx);
    else if (ctx)
        cli_note("%ld frames are out of the campaign", count);
    else if (result == CLI_DONE)
        result = CLI_FAILED;
    kr_context_destroy(&ctx);
    free(frames);
    return result;
}

const cli_command cli_eelt_drop = {
    .name = "eelt drop",
    .summary = "Take frames out of a campaign: a label that turned out to be wrong",
    .usage = "EELT.json FRAME...",
    .text =
        "FRAME: numbers of report_frames.tsv. They are not labelled, and data sets that hold them are written again "
        "without them; the next training does not see them.",
    .least = 2,
    .most = -1,
    .size = 1,
    .run = drop,
};

static int add(const void *values, int nargs, char **args) {
    long count;
    (void)values;
    kr_context *ctx = cli_context(1);
    if (!ctx) return CLI_FAILED;
    int result = CLI_DONE;
    if (kr_campaign_add(ctx, args[0], nargs - 1, (const char *const *)args + 1, &count) < 0)
        result = cli_library_error(ctx);
    else
        cli_note("%ld labelled frames added; the next training uses them", count);
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_eelt_add = {
    .name = "eelt add",
    .summary = "Add labelled data to a campaign that has begun",
    .usage = "EELT.json DATA...",
    .text = "DATA: data sets with energies and forces, in any format. They are copied into the campaign's folder.",
    .least = 2,
    .most = -1,
    .size = 1,
    .run = add,
};

typedef struct settings {
    int dpgen, force;
} settings;

static const cli_option options[] = {
    {"dpgen", 0, CLI_FLAG, offsetof(settings, dpgen), NULL,
     "with the names of DP-GEN: iter.N/00.train, 01.model_devi, 02.fp/data.SSS, record.dpgen"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing folder"},
    {0}};

static int run_export(const void *values, int nargs, char **args) {
    const settings *s = values;
    const kr_campaign_export_options o = {args[0], args[1], s->dpgen, s->force};
    (void)nargs;
    kr_context *ctx = cli_context(1);
    if (!ctx) return CLI_FAILED;
    int result = kr_campaign_export(ctx, &o) < 0 ? cli_library_error(ctx) : CLI_DONE;
    if (result == CLI_DONE) cli_note("written: %s", args[1]);
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_eelt_export = {
    .name = "eelt export",
    .summary = "Data sets, models and tables of a campaign in a folder of their own",
    .usage = "FOLDER TARGET [--dpgen]",
    .text = "Data are deepmd/npy, as dpdata and DeePMD-kit read them, models are .dp files.",
    .least = 2,
    .most = 2,
    .options = options,
    .size = sizeof(settings),
    .run = run_export,
};
