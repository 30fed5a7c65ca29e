/* kramers data merge: one system for all frames of the same composition.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "inputs.h"
#include <stdlib.h>

typedef struct settings {
    const char *format, *to;
    cli_names type_map;
    int unique, force;
} settings;

static const cli_option options[] = {
    {"format", 0, CLI_TEXT, offsetof(settings, format), "FORMAT",
     "of the input: npy, mixed, raw, hdf5, extxyz, lammps-data, lammps-dump or poscar; found out when not given"},
    {"to", 0, CLI_TEXT, offsetof(settings, to), "FORMAT", "of the output, when its name does not tell"},
    {"type-map", 0, CLI_NAMES, offsetof(settings, type_map), "El,...", "elements of numeric types"},
    {"unique", 0, CLI_FLAG, offsetof(settings, unique), NULL,
     "keep one frame of each structure: rotated, shifted, reordered and repeated ones are the same"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing output"},
    {0}};

/* Leaves one frame of each structure in *data. */
static int keep_unique(kr_context *ctx, kr_dataset **data) {
    size_t n = (size_t)cli_count_frames(*data);
    int *group = cli_calloc(n, sizeof *group), dropped = 0;
    unsigned char *keep = cli_calloc(n, 1);
    kr_dataset *kept = NULL;
    kr_status status = kr_dataset_group(ctx, *data, 1e-4, group);
    for (size_t i = 0; status >= 0 && i < n; i++) {
        keep[i] = group[i] == (int)i;
        dropped += !keep[i];
    }
    if (status >= 0) status = kr_dataset_select(ctx, *data, keep, &kept);
    free(group);
    free(keep);
    if (status < 0) return cli_library_error(ctx);
    kr_dataset_destroy(data);
    *data = kept;
    cli_note("%d of %zu frames left out: the same structure as an earlier one", dropped, n);
    return CLI_DONE;
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    const char *output = args[nargs - 1];
    kr_dataset *data = NULL, *merged = NULL;
    if (cli_output_allowed(output, s->force) != CLI_DONE) return CLI_FAILED;
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    int result = cli_read_systems(ctx, nargs - 1, args, s->format, &s->type_map, &data);
    if (result == CLI_DONE && s->unique) result = keep_unique(ctx, &data);
    if (result == CLI_DONE &&
        (kr_dataset_merge(ctx, data, &merged) < 0 || kr_dataset_write(ctx, merged, output, s->to, s->force) < 0))
        result = cli_library_error(ctx);
    if (result == CLI_DONE)
        cli_note("%s: %d system%s into %d, %ld frames", output, data->nsystems, data->nsystems == 1 ? "" : "s",
                 merged->nsystems, cli_count_frames(merged));
    kr_dataset_destroy(&data);
    kr_dataset_destroy(&merged);
    kr_context_destroy(&ctx);
    return result;
}

extern const cli_command cli_command_data_merge;
const cli_command cli_command_data_merge = {
    .name = "data merge",
    .summary = "Put all frames of the same composition into one system",
    .usage = "INPUT... OUTPUT [options]",
    .text = "Atoms are ordered by element, all systems get one type map, frames keep their order and labels.",
    .least = 2,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
