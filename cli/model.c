/* kramers model: the group of commands for model files, and two of them that are a few lines: info and convert.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

extern const cli_command cli_command_model_info, cli_command_model_convert, cli_command_model_check;
static const cli_command *const table[] = {&cli_command_model_info, &cli_command_model_convert,
                                           &cli_command_model_check, NULL};

const cli_command cli_command_model = {
    .name = "model",
    .summary = "Describe, convert and check model files",
    .usage = "info|convert|check ...",
    .sub = table,
};

/* ---- info ---- */

static void print_line(const char *text, void *payload) {
    (void)payload;
    printf("  %s\n", text);
}

static int info(const void *values, int nargs, char **args) {
    int result = CLI_DONE;
    (void)values;
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    for (int k = 0; k < nargs; k++) {
        kr_model *model = NULL;
        if (kr_model_load(ctx, args[k], &model) < 0) {
            result = cli_library_error(ctx);
            continue;
        }
        printf("%s\n", args[k]);
        kr_model_describe(model, print_line, NULL);
        kr_model_destroy(&model);
    }
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_command_model_info = {
    .name = "model info",
    .summary = "What a model file holds: family, elements, cutoff, sizes, origin",
    .usage = "FILE...",
    .least = 1,
    .most = -1,
    .size = 1,
    .run = info,
};

/* ---- convert ---- */

typedef struct convert_settings {
    int force;
} convert_settings;

static const cli_option convert_options[] = {
    {"force", 0, CLI_FLAG, offsetof(convert_settings, force), NULL, "replace an existing output"}, {0}};

static int convert(const void *values, int nargs, char **args) {
    const convert_settings *s = values;
    kr_model *model = NULL;
    (void)nargs;
    if (cli_output_allowed(args[1], s->force) != CLI_DONE) return CLI_FAILED;
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    int result = CLI_DONE;
    if (kr_model_load(ctx, args[0], &model) < 0 || kr_model_save(ctx, model, args[1]) < 0)
        result = cli_library_error(ctx);
    else
        cli_note("%s: %s, %ld parameters", args[1], kr_model_descriptor_name(model), kr_model_nparameters(model));
    kr_model_destroy(&model);
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_command_model_convert = {
    .name = "model convert",
    .summary = "Convert a model file",
    .usage = "INPUT OUTPUT [--force]",
    .text = "INPUT is .dp, .yaml or a frozen TensorFlow graph .pb (not compressed), OUTPUT .dp or .yaml. DeePMD-kit "
            "opens the result.",
    .least = 2,
    .most = 2,
    .options = convert_options,
    .size = sizeof(convert_settings),
    .run = convert,
};
