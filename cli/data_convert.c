/* kramers data convert: from any structure format to another.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "inputs.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *from, *to;
    cli_names type_map;
    cli_reals frames;
    int force;
} settings;

static const cli_option options[] = {
    {"from", 0, CLI_TEXT, offsetof(settings, from), "FORMAT",
     "of the input: npy, mixed, raw, hdf5, extxyz, lammps-data, lammps-dump or poscar; found out when not given"},
    {"to", 0, CLI_TEXT, offsetof(settings, to), "FORMAT", "of the output, when its name does not tell"},
    {"type-map", 0, CLI_NAMES, offsetof(settings, type_map), "El,...", "elements of numeric types"},
    {"frames", 0, CLI_REALS, offsetof(settings, frames), "FIRST[,END[,STEP]]",
     "of each system: frames FIRST, FIRST+STEP ... before END, counted from 0"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing output"},
    {0}};

extern const cli_command cli_command_data_convert;

/* Keeps the frames first, first + step, … < end of a system. */
static kr_status keep_frames(kr_context *ctx, kr_system *s, int first, int end, int step) {
    int kept = 0;
    for (int f = first; f < s->nframes && f < end; f += step, kept++) {
        size_t n = (size_t)s->natoms, to = (size_t)kept, from = (size_t)f;
        memmove(s->coord + to * n * 3, s->coord + from * n * 3, n * 3 * sizeof *s->coord);
        memmove(s->box + to * 9, s->box + from * 9, 9 * sizeof *s->box);
        if (s->mixed) memmove(s->type + to * n, s->type + from * n, n * sizeof *s->type);
        for (int l = 0; l < KR_LABEL_COUNT; l++) {
            size_t size = (size_t)s->width[l] * (kr_label_per_atom((kr_label)l) ? n : 1);
            if (s->label[l]) memmove(s->label[l] + to * size, s->label[l] + from * size, size * sizeof(double));
        }
        s->has[to] = s->has[from];
        if (step > INT_MAX - f) step = 1, end = 0; /* the last step would leave the range of int */
    }
    return kr_system_resize(ctx, s, kept);
}

static int select_frames(kr_context *ctx, kr_dataset *data, const cli_reals *range) {
    int part[3] = {0, INT_MAX, 1};
    for (int k = 0; k < range->n; k++) {
        if (k > 2 || range->value[k] < (k == 2) || range->value[k] > INT_MAX ||
            range->value[k] != (double)(int)range->value[k])
            return cli_usage_error(&cli_command_data_convert,
                                   "--frames: up to three whole numbers FIRST, END, STEP expected");
        part[k] = (int)range->value[k];
    }
    for (int s = 0; s < data->nsystems; s++)
        if (keep_frames(ctx, data->system[s], part[0], part[1], part[2]) < 0) return cli_library_error(ctx);
    if (!cli_count_frames(data)) return cli_error(NULL, "no frame left: --frames begins at %d", part[0]);
    return CLI_DONE;
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    const char *output = args[nargs - 1];
    kr_dataset *data = NULL;
    if (cli_output_allowed(output, s->force) != CLI_DONE) return CLI_FAILED;
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    int result = cli_read_systems(ctx, nargs - 1, args, s->from, &s->type_map, &data);
    if (result == CLI_DONE && s->frames.n) result = select_frames(ctx, data, &s->frames);
    if (result == CLI_DONE && kr_dataset_write(ctx, data, output, s->to, s->force) < 0) result = cli_library_error(ctx);
    if (result == CLI_DONE)
        cli_note("%s: %d system%s, %ld frames", output, data->nsystems, data->nsystems == 1 ? "" : "s",
                 cli_count_frames(data));
    kr_dataset_destroy(&data);
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_command_data_convert = {
    .name = "data convert",
    .summary = "Convert structures and labels between formats",
    .usage = "INPUT... OUTPUT [options]",
    .text =
        "The suffix of OUTPUT (or --to) chooses the format: .xyz and .extxyz extended XYZ, .hdf5 and .h5 deepmd/hdf5, "
        ".data, .lmp and .lammps LAMMPS data, .dump and .lammpstrj LAMMPS dump, no suffix a deepmd/npy folder.",
    .least = 2,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
