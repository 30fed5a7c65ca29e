/* kramers eelt import-dpgen: DP-GEN's inputs as eelt.json.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt.h"
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *output, *iterations;
    int force;
} settings;

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, offsetof(settings, output), "FILE", "where it goes; default eelt.json"},
    {"iterations", 0, CLI_TEXT, offsetof(settings, iterations), "FOLDER",
     "take over the labelled data of its finished iterations, FOLDER/iter.*/02.fp/data.*"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing file"},
    {0}};

static void print_line(const char *text, void *payload) {
    (void)payload;
    printf("%s\n", text);
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    const char *path = s->output ? s->output : "eelt.json", *slash = strrchr(path, '/');
    char *folder = slash ? cli_strprintf("%.*s", (int)(slash - path), path) : cli_strdup("."), *text = NULL;
    cli_output output = {0};
    int refused, result = cli_output_allowed(path, s->force);
    kr_context *ctx = result == CLI_DONE ? cli_context(1) : NULL;
    kr_dpgen_options o = {args[0], nargs > 1 ? args[1] : NULL, s->iterations, folder, print_line, NULL};
    if (result == CLI_DONE && !ctx) result = CLI_FAILED;
    if (ctx && kr_dpgen_import(ctx, &o, &text, &refused) < 0) result = cli_library_error(ctx);
    if (result == CLI_DONE) result = cli_output_open(&output, path);
    if (result == CLI_DONE) {
        fputs(text, output.file);
        fputc('\n', output.file);
        result = cli_output_commit(&output);
    }
    if (result == CLI_DONE) {
        cli_note("written: %s; kramers eelt check %s tells what is missing", path, path);
        if (refused) cli_note("%d keys are refused: without them this is another campaign", refused);
        result = refused ? CLI_STOPPED : CLI_DONE;
    }
    cli_output_discard(&output);
    kr_dpgen_text_free(&text);
    kr_context_destroy(&ctx);
    free(folder);
    return result;
}

const cli_command cli_eelt_import = {
    .name = "eelt import-dpgen",
    .summary = "Translate param.json and machine.json of DP-GEN",
    .usage = "param.json [machine.json] [-o eelt.json]",
    .text = "Prints what became of every key: mapped, differs, ignored, refused; templates for the labelling program "
            "are written beside the file. Exit code 3: some keys are refused.",
    .least = 1,
    .most = 2,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
