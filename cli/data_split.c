/* kramers data split: training, validation and test frames without leaks.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "inputs.h"
#include <stdlib.h>

typedef struct settings {
    const char *format, *to, *output[3];
    cli_names type_map;
    cli_reals fractions;
    int seed, block, gap, force;
    double tolerance;
} settings;

static const cli_option options[] = {
    {"train", 0, CLI_TEXT, offsetof(settings, output[0]), "OUTPUT", "where the training frames go"},
    {"validation", 0, CLI_TEXT, offsetof(settings, output[1]), "OUTPUT", "where the validation frames go"},
    {"test", 0, CLI_TEXT, offsetof(settings, output[2]), "OUTPUT", "where the test frames go"},
    {"fractions", 0, CLI_REALS, offsetof(settings, fractions), "X,...",
     "shares of the outputs that are given, in the order training, validation, test; default 8, 1, 1"},
    {"seed", 0, CLI_COUNT, offsetof(settings, seed), "N", "another seed, another split; default 1"},
    {"block", 0, CLI_COUNT, offsetof(settings, block), "N",
     "for trajectories: N consecutive frames stay together; default 1"},
    {"gap", 0, CLI_COUNT, offsetof(settings, gap), "N",
     "with --block: leave out N training frames next to those of another part"},
    {"tolerance", 0, CLI_REAL, offsetof(settings, tolerance), "X",
     "structures whose fingerprints differ by less stay together; 0 = do not look; default 1e-4"},
    {"format", 0, CLI_TEXT, offsetof(settings, format), "FORMAT",
     "of the input: npy, mixed, raw, hdf5, extxyz, lammps-data, lammps-dump or poscar; found out when not given"},
    {"to", 0, CLI_TEXT, offsetof(settings, to), "FORMAT", "of the outputs, when their names do not tell"},
    {"type-map", 0, CLI_NAMES, offsetof(settings, type_map), "El,...", "elements of numeric types"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace existing outputs"},
    {0}};

static const settings defaults = {.seed = 1, .block = 1, .tolerance = 1e-4};
static const char *const parts[] = {"training", "validation", "test"};
extern const cli_command cli_command_data_split;

/* Shares of the three parts from the options; CLI_USAGE after a message. */
static int take_fractions(const settings *s, kr_split_options *o) {
    int given = 0;
    for (int p = 0; p < 3; p++) given += s->output[p] != NULL;
    if (given < 2)
        return cli_usage_error(&cli_command_data_split, "at least two of --train, --validation and --test expected");
    if (s->fractions.n && s->fractions.n != given)
        return cli_usage_error(&cli_command_data_split, "--fractions has %d numbers for %d outputs", s->fractions.n,
                               given);
    if (s->block < 1) return cli_usage_error(&cli_command_data_split, "--block must be at least 1");
    for (int p = 0, k = 0; p < 3; p++) {
        o->fraction[p] = !s->output[p] ? 0 : s->fractions.n ? s->fractions.value[k++] : p == 0 ? 8 : 1;
        if (s->output[p] && !(o->fraction[p] > 0))
            return cli_usage_error(&cli_command_data_split, "the share of the %s frames is %g, must be above 0",
                                   parts[p], o->fraction[p]);
    }
    return CLI_DONE;
}

static int write_part(kr_context *ctx, const settings *s, const kr_dataset *data, const int *part, int which) {
    size_t n = (size_t)cli_count_frames(data);
    unsigned char *keep = cli_calloc(n, 1);
    kr_dataset *chosen = NULL;
    for (size_t i = 0; i < n; i++) keep[i] = part[i] == which;
    kr_status status = kr_dataset_select(ctx, data, keep, &chosen);
    free(keep);
    int result = status < 0 ? cli_library_error(ctx) : CLI_DONE;
    if (result == CLI_DONE && !chosen->nsystems)
        result = cli_error("more frames, a larger share, or a smaller --block", "no frame is left for the %s part",
                           parts[which]);
    if (result == CLI_DONE && kr_dataset_write(ctx, chosen, s->output[which], s->to, s->force) < 0)
        result = cli_library_error(ctx);
    if (result == CLI_DONE)
        cli_note("%s: %ld of %zu frames for %s", s->output[which], cli_count_frames(chosen), n, parts[which]);
    kr_dataset_destroy(&chosen);
    return result;
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    kr_split_options o = kr_split_defaults;
    kr_dataset *data = NULL;
    int *part = NULL, result = take_fractions(s, &o);
    if (result != CLI_DONE) return result;
    for (int p = 0; p < 3; p++)
        if (s->output[p] && cli_output_allowed(s->output[p], s->force) != CLI_DONE) return CLI_FAILED;
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    o.seed = (uint64_t)s->seed;
    o.block = s->block;
    o.gap = s->gap;
    o.tolerance = s->tolerance;
    result = cli_read_systems(ctx, nargs, args, s->format, &s->type_map, &data);
    if (result == CLI_DONE) {
        part = cli_calloc((size_t)cli_count_frames(data), sizeof *part);
        if (kr_dataset_split(ctx, data, &o, part) < 0) result = cli_library_error(ctx);
    }
    for (int p = 0; p < 3 && result == CLI_DONE; p++)
        if (s->output[p]) result = write_part(ctx, s, data, part, p);
    free(part);
    kr_dataset_destroy(&data);
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_command_data_split = {
    .name = "data split",
    .summary = "Divide frames into training, validation and test sets without leaks",
    .usage = "PATH... --train OUTPUT --validation OUTPUT [--test OUTPUT] [options]",
    .text = "Frames are drawn at random within each composition. Equal structures stay together: rotated, mirrored, "
            "shifted, reordered and repeated ones too, as symmetry-equivalent strains are. Frames of a trajectory "
            "resemble their neighbours in time: keep them together with --block.",
    .least = 1,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .defaults = &defaults,
    .run = run,
};
