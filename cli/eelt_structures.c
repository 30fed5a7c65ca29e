/* kramers eelt structures: start structures.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt.h"
#include "inputs.h"

typedef struct structures_settings {
    const char *output, *to;
    int force;
} structures_settings;

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, offsetof(structures_settings, output), "PATH",
     "where the structures go (.xyz, npy folder, .hdf5; one frame also .lmp)"},
    {"to", 0, CLI_TEXT, offsetof(structures_settings, to), "FORMAT", "of the output, when its name does not tell"},
    {"force", 0, CLI_FLAG, offsetof(structures_settings, force), NULL, "replace an existing output"},
    {0}};

static int structures(const void *values, int nargs, char **args) {
    const structures_settings *s = values;
    kr_dataset *data = NULL;
    (void)nargs;
    if (!s->output) return cli_usage_error(&cli_eelt_structures, "--output is needed");
    if (cli_output_allowed(s->output, s->force) != CLI_DONE) return CLI_FAILED;
    kr_context *ctx = cli_context(1);
    if (!ctx) return CLI_FAILED;
    int result = CLI_DONE;
    if (kr_structures_make(ctx, args[0], &data) < 0 || kr_dataset_write(ctx, data, s->output, s->to, s->force) < 0)
        result = cli_library_error(ctx);
    else
        cli_note("%ld structures written to %s", cli_count_frames(data), s->output);
    kr_dataset_destroy(&data);
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_eelt_structures = {
    .name = "eelt structures",
    .summary = "Make start structures: crystals, alloys, surfaces, defects, liquids",
    .usage = "SPEC.json -o PATH",
    .text =
        "SPEC.json holds one object {\"kind\": \"bulk\", \"slab\", \"liquid\", \"dimer\" or \"files\", ...} or a list "
        "of them; docs/exploring.md has all keys. The same file always gives the same structures.",
    .least = 1,
    .most = 1,
    .options = options,
    .size = sizeof(structures_settings),
    .run = structures,
};
