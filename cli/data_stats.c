/* kramers data stats: what one wants to know before training: ranges of labels, neighbours within the cutoff and the
 * `sel` that holds them, the statistics of the environment matrix, duplicate frames.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * sel follows DeePMD-kit's "auto": the largest number of neighbours of each type with r < rcut, times 1.1, rounded up
 * to a multiple of 4. The environment matrix has the rows s(r)·(1, x/r, y/r, z/r) of Σ sel slots, empty ones zero;
 * davg and dstd are mean and standard deviation of the first column and of the other three together. */
#include "inputs.h"
#include "pairs.h"
#include "stats.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *format;
    cli_names type_map;
    double rcut, rcut_smth;
} settings;

static const cli_option options[] = {
    {"rcut", 'r', CLI_REAL, offsetof(settings, rcut), "A", "cutoff of the neighbour statistics; default 6"},
    {"rcut-smth", 0, CLI_REAL, offsetof(settings, rcut_smth), "A", "where the switch begins; default 0.5"},
    {"type-map", 0, CLI_NAMES, offsetof(settings, type_map), "El,...",
     "elements of numeric types; order of the elements in the report"},
    {"format", 0, CLI_TEXT, offsetof(settings, format), "FORMAT",
     "npy, mixed, raw, hdf5, extxyz, lammps-data, lammps-dump or poscar; found out when not given"},
    {0}};

static const settings defaults = {.rcut = 6, .rcut_smth = 0.5};
extern const cli_command cli_command_data_stats;

/* ---- labels ---- */

static void add_labels(const kr_system *s, const int *map, cli_stats *stats) {
    for (int f = 0; f < s->nframes; f++) {
        const int *type = kr_system_types(s, f);
        size_t n = (size_t)s->natoms, at = (size_t)f;
        int real = 0;
        for (int i = 0; i < s->natoms; i++) real += type[i] >= 0;
        if (s->label[KR_LABEL_ENERGY] && (s->has[f] >> KR_LABEL_ENERGY) & 1 && real)
            cli_range_add(&stats->energy, s->label[KR_LABEL_ENERGY][f] / real);
        if (s->label[KR_LABEL_VIRIAL] && (s->has[f] >> KR_LABEL_VIRIAL) & 1 && real)
            for (int c = 0; c < 9; c++)
                cli_range_add(&stats->virial, s->label[KR_LABEL_VIRIAL][at * 9 + (size_t)c] / real);
        for (int i = 0; i < s->natoms; i++) {
            if (type[i] < 0) continue;
            cli_element *e = &stats->element[map[type[i]]];
            e->atoms++;
            if (s->label[KR_LABEL_FORCE] && (s->has[f] >> KR_LABEL_FORCE) & 1)
                for (int c = 0; c < 3; c++)
                    cli_range_add(&e->force, s->label[KR_LABEL_FORCE][(at * n + (size_t)i) * 3 + (size_t)c]);
            if (s->label[KR_LABEL_ATOM_ENER] && (s->has[f] >> KR_LABEL_ATOM_ENER) & 1)
                cli_range_add(&e->atom_energy, s->label[KR_LABEL_ATOM_ENER][at * n + (size_t)i]);
        }
    }
}

/* ---- neighbours ---- */

typedef struct frame_pairs {
    cli_stats *stats;
    const int *type; /* [n] element of each real atom */
    int *count;      /* [n][elements] neighbours within rcut */
    double rcut, rcut_smth;
} frame_pairs;

/* s(r) = 1/r up to rcut_smth, then smoothly to zero at rcut. */
static double weight(double r, double rcut_smth, double rcut) {
    if (r < rcut_smth) return 1 / r;
    double u = (r - rcut_smth) / (rcut - rcut_smth);
    return (u * u * u * (-6 * u * u + 15 * u - 10) + 1) / r;
}

static void add_pair(int i, int j, double r2, const double r[3], void *payload) {
    frame_pairs *p = payload;
    cli_stats *stats = p->stats;
    double distance = sqrt(r2), s = weight(distance, p->rcut_smth, p->rcut);
    cli_element *e = &stats->element[p->type[i]];
    p->count[(size_t)i * (size_t)stats->nelements + (size_t)p->type[j]]++;
    e->radial[0] += s;
    e->radial[1] += s * s;
    e->angular[0] += s * (r[0] + r[1] + r[2]) / distance;
    e->angular[1] += s * s;
    if (!stats->min_distance || distance < stats->min_distance) stats->min_distance = distance;
}

static void add_neighbours(const kr_system *s, const int *map, const settings *set, cli_stats *stats) {
    size_t n = (size_t)s->natoms, ne = (size_t)stats->nelements;
    double *x = cli_calloc(3 * n, sizeof *x);
    int *element = cli_calloc(n, sizeof *element), *count = cli_calloc(n * ne, sizeof *count);
    frame_pairs pairs = {stats, element, count, set->rcut, set->rcut_smth};
    for (int f = 0; f < s->nframes && !cli_interrupted(); f++) {
        const int *type = kr_system_types(s, f);
        int real = 0;
        memset(count, 0, n * ne * sizeof *count);
        for (size_t i = 0; i < n; i++) {
            if (type[i] < 0) continue;
            memcpy(x + 3 * real, s->coord + ((size_t)f * n + i) * 3, 3 * sizeof *x);
            element[real++] = map[type[i]];
        }
        cli_pairs(real, x, s->box + (size_t)f * 9, s->pbc, set->rcut, add_pair, &pairs);
        for (int i = 0; i < real; i++)
            for (size_t e = 0; e < ne; e++) {
                int *most = &stats->element[element[i]].neighbours[e];
                if (count[(size_t)i * ne + e] > *most) *most = count[(size_t)i * ne + e];
            }
    }
    free(x);
    free(element);
    free(count);
}

/* ---- report ---- */

static void print_range(const char *what, const cli_range *r, const char *unit) {
    if (r->n)
        printf("  %-24s %12.6g %12.6g %12.6g %12.6g  %s\n", what, r->least, r->most, r->sum / r->n,
               sqrt(fmax(r->square / r->n - r->sum / r->n * r->sum / r->n, 0)), unit);
}

static void print_label_ranges(const cli_stats *stats) {
    char what[64];
    printf("labels %28s %12s %12s %12s\n", "least", "most", "mean", "deviation");
    print_range("energy per atom", &stats->energy, "eV");
    print_range("virial per atom", &stats->virial, "eV");
    for (int e = 0; e < stats->nelements; e++) {
        snprintf(what, sizeof what, "force %s", stats->element[e].name);
        print_range(what, &stats->element[e].force, "eV/A");
        snprintf(what, sizeof what, "atom_ener %s", stats->element[e].name);
        print_range(what, &stats->element[e].atom_energy, "eV");
    }
}

static void print_neighbours(const cli_stats *stats, const settings *set) {
    int total = 0;
    printf("\nneighbours within %g A (most per atom)\n  %-8s", set->rcut, "centre");
    for (int e = 0; e < stats->nelements; e++) printf(" %8s", stats->element[e].name);
    printf("\n");
    for (int c = 0; c < stats->nelements; c++) {
        printf("  %-8s", stats->element[c].name);
        for (int e = 0; e < stats->nelements; e++) printf(" %8d", stats->element[c].neighbours[e]);
        printf("\n");
    }
    printf("  suggested sel   [");
    for (int e = 0; e < stats->nelements; e++) {
        int sel = cli_suggested_sel(stats, e);
        printf("%s%d", e ? ", " : "", sel);
        total += sel;
    }
    printf("]  type_map [");
    for (int e = 0; e < stats->nelements; e++) printf("%s\"%s\"", e ? ", " : "", stats->element[e].name);
    printf("]\n");
    if (stats->min_distance > 0)
        printf("  min_nbor_dist   %.10g A\n", stats->min_distance);
    else
        printf("  min_nbor_dist   no pair within the cutoff\n");
    printf("\nenvironment matrix, %d slots, rcut_smth %g A\n  %-8s %12s %12s %12s\n", total, set->rcut_smth, "centre",
           "davg s", "dstd s", "dstd s r/r");
    for (int e = 0; e < stats->nelements; e++) {
        const cli_element *el = &stats->element[e];
        double n = (double)el->atoms * total, mean = n > 0 ? el->radial[0] / n : 0;
        double tilt = n > 0 ? el->angular[0] / (3 * n) : 0;
        printf("  %-8s %12.8f %12.8f %12.8f\n", el->name, mean,
               n > 0 ? fmax(sqrt(fmax(el->radial[1] / n - mean * mean, 0)), 0.01) : 0.1,
               n > 0 ? fmax(sqrt(fmax(el->angular[1] / (3 * n) - tilt * tilt, 0)), 0.01) : 0.1);
    }
}

static void print_report(const cli_stats *stats, const kr_dataset *data, const settings *set) {
    printf("%d system%s, %ld frames, atoms:", data->nsystems, data->nsystems == 1 ? "" : "s", cli_count_frames(data));
    for (int e = 0; e < stats->nelements; e++) printf(" %s %ld", stats->element[e].name, stats->element[e].atoms);
    printf("\n\n");
    print_label_ranges(stats);
    print_neighbours(stats, set);
    cli_print_duplicates(data);
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    kr_dataset *data = NULL;
    if (!(s->rcut > 0) || !(s->rcut_smth >= 0) || s->rcut_smth >= s->rcut)
        return cli_usage_error(&cli_command_data_stats, "0 <= rcut_smth < rcut expected, found rcut %g, rcut_smth %g",
                               s->rcut, s->rcut_smth);
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    int result = cli_read_systems(ctx, nargs, args, s->format, &s->type_map, &data);
    if (result == CLI_DONE) {
        cli_stats stats = {0};
        cli_progress progress;
        long done = 0;
        for (int e = 0; e < s->type_map.n; e++) cli_stats_element(&stats, s->type_map.name[e]);
        int **map = cli_stats_maps(&stats, data, &s->type_map);
        cli_catch_interrupts();
        cli_progress_begin(&progress, "frames", 0, cli_count_frames(data));
        for (int k = 0; k < data->nsystems && !cli_interrupted(); k++) {
            add_labels(data->system[k], map[k], &stats);
            add_neighbours(data->system[k], map[k], s, &stats);
            cli_progress_at(&progress, done += data->system[k]->nframes);
        }
        if (cli_interrupted()) {
            result = CLI_STOPPED;
            cli_error(NULL, "stopped by a signal");
        } else {
            print_report(&stats, data, s);
        }
        cli_stats_free(&stats, map, data->nsystems);
    }
    kr_dataset_destroy(&data);
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_command_data_stats = {
    .name = "data stats",
    .summary = "Ranges of labels, neighbours and suggested sel, environment statistics, duplicates",
    .usage = "PATH... [options]",
    .text = "Reports ranges of the labels by element, the most neighbours of each element within the cutoff with the "
            "`sel` that holds them, the shortest distance, the mean and deviation of the environment matrix (davg, "
            "dstd) and frames that occur more than once.",
    .least = 1,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .defaults = &defaults,
    .run = run,
};
