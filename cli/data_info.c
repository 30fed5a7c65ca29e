/* kramers data info: what a set of structures holds.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "inputs.h"
#include "pairs.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *format;
    cli_names type_map;
    int quick;
} settings;

static const cli_option options[] = {
    {"format", 0, CLI_TEXT, offsetof(settings, format), "FORMAT",
     "npy, mixed, raw, hdf5, extxyz, lammps-data, lammps-dump or poscar; found out when not given"},
    {"type-map", 0, CLI_NAMES, offsetof(settings, type_map), "El,...", "elements of numeric types"},
    {"quick", 'q', CLI_FLAG, offsetof(settings, quick), NULL, "leave the shortest distance out"},
    {0}};

/* Composition of one frame as "O64 H128" into room. */
static void composition(const kr_system *s, const cli_names *names, int frame, char *room, size_t size) {
    const int *type = kr_system_types(s, frame);
    int largest = -1;
    size_t at = 0;
    for (int i = 0; i < s->natoms; i++) largest = type[i] > largest ? type[i] : largest;
    int *count = cli_calloc((size_t)largest + 2, sizeof *count);
    for (int i = 0; i < s->natoms; i++) count[type[i] + 1]++;
    room[0] = 0;
    for (int t = 1; t <= largest + 1 && at < size; t++) {
        char name[32];
        if (!count[t]) continue;
        at += (size_t)snprintf(room + at, size - at, "%s%s%d", at ? " " : "", cli_type_name(s, names, t - 1, name),
                               count[t]);
    }
    if (count[0] && at < size) snprintf(room + at, size - at, " + %d virtual", count[0]);
    free(count);
}

static void print_composition(const kr_system *s, const cli_names *names) {
    char first[256], other[256];
    int kinds = s->nframes > 0;
    if (!s->nframes) return;
    composition(s, names, 0, first, sizeof first);
    printf("  composition   %s", first);
    for (int f = 1; f < s->nframes && s->mixed && kinds < 4; f++) {
        composition(s, names, f, other, sizeof other);
        if (strcmp(first, other) != 0) {
            printf(", %s", other);
            memcpy(first, other, sizeof first);
            kinds++;
        }
    }
    printf("%s\n", kinds == 4 ? ", ..." : "");
}

static void widen(double range[2], double value) {
    range[0] = fmin(range[0], value);
    range[1] = fmax(range[1], value);
}

static void print_range(const char *what, const double range[2], const char *unit) {
    if (range[1] - range[0] <= 1e-9 * fabs(range[1]))
        printf("  %-13s %.6g %s\n", what, range[0], unit);
    else
        printf("  %-13s %.6g to %.6g %s\n", what, range[0], range[1], unit);
}

static void print_cells(const kr_system *s) {
    double length[3][2], angle[3][2], volume[2] = {INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) length[k][0] = angle[k][0] = INFINITY, length[k][1] = angle[k][1] = -INFINITY;
    for (int f = 0; f < s->nframes; f++) {
        const double *b = s->box + (size_t)f * 9;
        for (int k = 0; k < 3; k++) {
            const double *u = b + 3 * ((k + 1) % 3), *v = b + 3 * ((k + 2) % 3), *a = b + 3 * k;
            double uu = u[0] * u[0] + u[1] * u[1] + u[2] * u[2], vv = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
            widen(length[k], sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]));
            widen(angle[k], acos((u[0] * v[0] + u[1] * v[1] + u[2] * v[2]) / sqrt(uu * vv)) * 180 / M_PI);
        }
        widen(volume, cli_volume(b));
    }
    static const char *const edges[] = {"cell a", "cell b", "cell c"}, *const angles[] = {"alpha", "beta", "gamma"};
    for (int k = 0; k < 3; k++) print_range(edges[k], length[k], "A");
    for (int k = 0; k < 3; k++) print_range(angles[k], angle[k], "degrees");
    print_range("volume", volume, "A^3");
}

static void print_labels(const kr_system *s) {
    printf("  labels       ");
    int any = 0;
    for (int label = 0; label < KR_LABEL_COUNT; label++) {
        int frames = 0;
        if (!s->label[label]) continue;
        for (int f = 0; f < s->nframes; f++) frames += (s->has[f] >> label) & 1;
        printf(" %s", kr_label_name((kr_label)label));
        if (frames < s->nframes) printf(" (%d of %d frames)", frames, s->nframes);
        any = 1;
    }
    puts(any ? "" : " none");
}

/* Over the real atoms of all frames; 0 when no frame has two. */
static double shortest(const kr_system *s) {
    double least = 0, *x = cli_calloc((size_t)s->natoms * 3, sizeof *x);
    for (int f = 0; f < s->nframes && !cli_interrupted(); f++) {
        const int *type = kr_system_types(s, f);
        const double *from = s->coord + (size_t)f * (size_t)s->natoms * 3;
        int n = 0;
        for (int i = 0; i < s->natoms; i++)
            if (type[i] >= 0) memcpy(x + 3 * n++, from + 3 * i, 3 * sizeof *x);
        double r = cli_shortest_distance(n, x, s->box + (size_t)f * 9, s->pbc, least);
        if (r > 0 && (!least || r < least)) least = r;
    }
    free(x);
    return least;
}

static void print_system(const kr_system *s, const settings *set) {
    printf("%s\n  frames        %d\n  atoms         %d%s\n", s->name, s->nframes, s->natoms,
           s->mixed ? " (mixed types)" : "");
    printf("  elements     ");
    for (int t = 0; t < s->ntypes; t++) printf(" %s", s->type_map[t]);
    puts(s->ntypes ? "" : " not named");
    print_composition(s, &set->type_map);
    printf("  periodic      %s\n", s->pbc[0] && s->pbc[1] && s->pbc[2] ? "yes"
                                   : cli_is_periodic(s)                ? "in some directions"
                                                                       : "no");
    if (cli_is_periodic(s) && s->nframes) print_cells(s);
    print_labels(s);
    if (!set->quick && s->nframes) printf("  min distance  %.6g A\n", shortest(s));
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    kr_dataset *data = NULL;
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    int result = cli_read_systems(ctx, nargs, args, s->format, &s->type_map, &data);
    if (result == CLI_DONE) {
        cli_catch_interrupts();
        for (int k = 0; k < data->nsystems && !cli_interrupted(); k++) print_system(data->system[k], s);
        printf("total: %d system%s, %ld frames\n", data->nsystems, data->nsystems == 1 ? "" : "s",
               cli_count_frames(data));
        if (cli_interrupted()) result = CLI_STOPPED;
    }
    kr_dataset_destroy(&data);
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_command_data_info = {
    .name = "data info",
    .summary = "Frames, atoms, elements, cells, labels and shortest distance",
    .usage = "PATH... [options]",
    .least = 1,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
