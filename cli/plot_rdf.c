/* kramers plot rdf: pair distribution functions of trajectories.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * g_ab(r) = < Σ_i∈a n_b(i; r, r+Δ) / (N_a ρ_b v) > over the frames, with the shell volume v = 4π/3 ((r+Δ)³ − r³) and
 * ρ_b = (N_b − δ_ab)/V, so that an ideal gas gives 1 for any number of atoms. Images are counted by the lattice, so
 * cells of any shape are right and r may exceed half the cell. The running coordination number of b around a is
 * n_ab(r) = < n_b within r >. */
#include "inputs.h"
#include "pairs.h"
#include "picture.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *output, *format, *title;
    cli_names type_map, pairs;
    double rmax, gmax;
    int bins, skip, force;
} settings;

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, offsetof(settings, output), "PICTURE", "the .png or .svg file"},
    {"pairs", 0, CLI_NAMES, offsetof(settings, pairs), "A-B,...", "pairs of elements; default all"},
    {"rmax", 0, CLI_REAL, offsetof(settings, rmax), "A", "largest distance; default half the cell, 10 A at most"},
    {"gmax", 0, CLI_REAL, offsetof(settings, gmax), "G",
     "top of the picture; higher peaks are cut; default all is seen"},
    {"bins", 0, CLI_COUNT, offsetof(settings, bins), "N", "default 200"},
    {"skip", 0, CLI_COUNT, offsetof(settings, skip), "N", "leave out the first N frames"},
    {"type-map", 0, CLI_NAMES, offsetof(settings, type_map), "El,...", "elements of numeric types"},
    {"format", 0, CLI_TEXT, offsetof(settings, format), "FORMAT",
     "npy, mixed, raw, hdf5, extxyz, lammps-data, lammps-dump or poscar; found out when not given"},
    {"title", 0, CLI_TEXT, offsetof(settings, title), "TEXT", "above the picture"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing picture"},
    {0}};

static const settings defaults = {.bins = 200};
extern const cli_command cli_command_plot_rdf;

/* What is collected: elements, pairs of them, histograms. */
typedef struct rdf {
    int nelements, npairs, bins, frames;
    char **element;
    int (*pair)[2];
    double rmax, width;
    double *g, *n;     /* [npairs][bins] sums over frames of g and of neighbours in the bin */
    double *histogram; /* [nelements][nelements][bins] of the current frame */
    const int *of;     /* [natoms] element of each atom of the current frame */
} rdf;

static int find_element(rdf *d, const char *name, int add) {
    for (int e = 0; e < d->nelements; e++)
        if (!strcmp(d->element[e], name)) return e;
    if (!add) return -1;
    char **grown = cli_calloc((size_t)d->nelements + 1, sizeof *grown);
    if (d->nelements) memcpy(grown, d->element, (size_t)d->nelements * sizeof *grown);
    free(d->element);
    d->element = grown;
    grown[d->nelements] = cli_strdup(name);
    return d->nelements++;
}

static void find_elements(rdf *d, const kr_dataset *data, const cli_names *names) {
    for (int k = 0; k < data->nsystems; k++) {
        const kr_system *s = data->system[k];
        long n = s->mixed ? (long)s->natoms * s->nframes : s->natoms;
        for (long i = 0; i < n; i++) {
            char room[32];
            if (s->type[i] >= 0) find_element(d, cli_type_name(s, names, s->type[i], room), 1);
        }
    }
}

static int choose_pairs(rdf *d, const settings *s) {
    int all = d->nelements * (d->nelements + 1) / 2;
    d->pair = cli_calloc((size_t)(s->pairs.n ? s->pairs.n : all), sizeof *d->pair);
    for (int a = 0; a < d->nelements && !s->pairs.n; a++)
        for (int b = a; b < d->nelements; b++) memcpy(d->pair[d->npairs++], (int[2]){a, b}, sizeof *d->pair);
    for (int k = 0; k < s->pairs.n; k++) {
        char *first = cli_strdup(s->pairs.name[k]), *dash = strchr(first, '-');
        int good = dash != NULL;
        if (dash) *dash = 0;
        int a = good ? find_element(d, first, 0) : -1, b = good ? find_element(d, dash + 1, 0) : -1;
        free(first);
        if (a < 0 || b < 0)
            return cli_error(NULL, "--pairs %s: two elements of the structures joined by - expected", s->pairs.name[k]);
        memcpy(d->pair[d->npairs++], (int[2]){a, b}, sizeof *d->pair);
    }
    return CLI_DONE;
}

/* Half the smallest distance of opposite faces over all frames, at most 10 Å. */
static double default_rmax(const kr_dataset *data) {
    double least = 20;
    for (int k = 0; k < data->nsystems; k++)
        for (int f = 0; f < data->system[k]->nframes; f++) {
            const double *box = data->system[k]->box + (size_t)f * 9;
            double volume = cli_volume(box);
            for (int a = 0; a < 3; a++) {
                const double *u = box + 3 * ((a + 1) % 3), *v = box + 3 * ((a + 2) % 3);
                double x = u[1] * v[2] - u[2] * v[1], y = u[2] * v[0] - u[0] * v[2], z = u[0] * v[1] - u[1] * v[0];
                least = fmin(least, volume / sqrt(x * x + y * y + z * z));
            }
        }
    return least / 2;
}

static void count_pair(int i, int j, double r2, const double r[3], void *payload) {
    rdf *d = payload;
    int bin = (int)(sqrt(r2) / d->width);
    (void)r;
    if (bin < d->bins) d->histogram[(d->of[i] * d->nelements + d->of[j]) * d->bins + bin]++;
}

static void add_frame(rdf *d, const double *box, const long *count) {
    double volume = cli_volume(box);
    for (int p = 0; p < d->npairs; p++) {
        int a = d->pair[p][0], b = d->pair[p][1];
        double others = (double)(count[b] - (a == b));
        if (!count[a]) continue;
        for (int k = 0; k < d->bins; k++) {
            double low = k * d->width, high = low + d->width;
            double shell = 4 * M_PI / 3 * (high * high * high - low * low * low);
            double found = d->histogram[(a * d->nelements + b) * d->bins + k] / (double)count[a];
            if (others > 0) d->g[p * d->bins + k] += found * volume / (others * shell);
            d->n[p * d->bins + k] += found;
        }
    }
    d->frames++;
}

static void add_system(rdf *d, const kr_system *s, const cli_names *names, int first, cli_progress *progress,
                       long *done) {
    static const unsigned char periodic[3] = {1, 1, 1};
    size_t n = (size_t)s->natoms, ne = (size_t)d->nelements;
    double *x = cli_calloc(3 * n, sizeof *x);
    int *of = cli_calloc(n, sizeof *of);
    long *count = cli_calloc(ne, sizeof *count);
    d->of = of;
    for (int f = first; f < s->nframes && !cli_interrupted(); f++) {
        const int *type = kr_system_types(s, f);
        int real = 0;
        memset(count, 0, ne * sizeof *count);
        memset(d->histogram, 0, ne * ne * (size_t)d->bins * sizeof *d->histogram);
        for (size_t i = 0; i < n; i++) {
            char room[32];
            if (type[i] < 0) continue;
            memcpy(x + 3 * real, s->coord + ((size_t)f * n + i) * 3, 3 * sizeof *x);
            of[real] = find_element(d, cli_type_name(s, names, type[i], room), 0);
            count[of[real++]]++;
        }
        cli_pairs(real, x, s->box + (size_t)f * 9, periodic, d->rmax, count_pair, d);
        add_frame(d, s->box + (size_t)f * 9, count);
        cli_progress_at(progress, ++*done);
    }
    free(x);
    free(of);
    free(count);
}

static void write_picture(const rdf *d, const settings *s, cli_picture *picture) {
    FILE *data = picture->data.file, *script = picture->script.file;
    fprintf(data, "# pair distribution functions of %d frames\n# r(A)", d->frames);
    for (int p = 0; p < d->npairs; p++) {
        const char *a = d->element[d->pair[p][0]], *b = d->element[d->pair[p][1]];
        fprintf(data, " g(%s-%s) n(%s-%s)", a, b, a, b);
    }
    double *running = cli_calloc((size_t)d->npairs, sizeof *running);
    for (int k = 0; k < d->bins; k++) {
        fprintf(data, "\n%.6f", (k + 0.5) * d->width);
        for (int p = 0; p < d->npairs; p++) {
            running[p] += d->n[p * d->bins + k] / d->frames;
            fprintf(data, " %.8g %.8g", d->g[p * d->bins + k] / d->frames, running[p]);
        }
    }
    fputc('\n', data);
    free(running);
    char top[32] = "*";
    if (s->gmax > 0) snprintf(top, sizeof top, "%.6g", s->gmax);
    if (s->title) fprintf(script, "set title \"%s\" noenhanced\n", s->title);
    fprintf(script,
            "set xlabel 'r (Å)'\nset ylabel 'g(r)'\nset xrange [0:%.6g]\nset yrange [0:%s]\n"
            "plot 1 with lines linecolor '#bbbbbb' dashtype 2 notitle",
            d->rmax, top);
    for (int p = 0; p < d->npairs; p++)
        fprintf(script, ", \\\n  data using 1:%d with lines linewidth 1.6 linecolor '%s' title '%s–%s'", 2 + 2 * p,
                cli_colour(p), d->element[d->pair[p][0]], d->element[d->pair[p][1]]);
    fputc('\n', script);
}

static void print_peaks(const rdf *d) {
    for (int p = 0; p < d->npairs; p++) {
        const double *g = d->g + p * d->bins;
        int at = 0;
        for (int k = 0; k < d->bins; k++)
            if (g[k] > g[at]) at = k;
        printf("g(%s-%s): highest %.3f at %.3f A\n", d->element[d->pair[p][0]], d->element[d->pair[p][1]],
               g[at] / d->frames, (at + 0.5) * d->width);
    }
}

/* Element by element, pair by pair, frame by frame, then the picture. */
static int collect(rdf *d, const kr_dataset *data, const settings *s, cli_picture *picture) {
    for (int k = 0; k < data->nsystems; k++) {
        const kr_system *sys = data->system[k];
        if (!sys->pbc[0] || !sys->pbc[1] || !sys->pbc[2])
            return cli_error(NULL, "%s is not periodic: it has no density for g(r)", sys->name);
    }
    find_elements(d, data, &s->type_map);
    if (choose_pairs(d, s) != CLI_DONE) return CLI_FAILED;
    d->bins = s->bins;
    d->rmax = s->rmax > 0 ? s->rmax : default_rmax(data);
    d->width = d->rmax / d->bins;
    size_t ne = (size_t)d->nelements, bins = (size_t)d->bins;
    d->g = cli_calloc((size_t)d->npairs * bins, sizeof *d->g);
    d->n = cli_calloc((size_t)d->npairs * bins, sizeof *d->n);
    d->histogram = cli_calloc(ne * ne * bins, sizeof *d->histogram);
    long frames = cli_count_frames(data), done = s->skip < frames ? s->skip : frames, left = s->skip;
    cli_progress progress;
    cli_progress_begin(&progress, "frames", 0, frames - done);
    done = 0;
    for (int k = 0; k < data->nsystems && !cli_interrupted(); k++) {
        int nframes = data->system[k]->nframes, first = left < nframes ? (int)left : nframes;
        left -= first;
        add_system(d, data->system[k], &s->type_map, first, &progress, &done);
    }
    cli_progress_end(&progress, done);
    if (!d->frames) return cli_error(NULL, "no frame is left after --skip %d of %ld", s->skip, frames);
    write_picture(d, s, picture);
    print_peaks(d);
    return cli_picture_draw(picture);
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    cli_picture picture = {0};
    kr_dataset *data = NULL;
    rdf d = {0};
    if (!s->output) return cli_usage_error(&cli_command_plot_rdf, "no picture: --output PICTURE is needed");
    if (s->bins < 1) return cli_usage_error(&cli_command_plot_rdf, "--bins %d: 1 or more expected", s->bins);
    kr_context *ctx = cli_context(0);
    if (!ctx) return CLI_FAILED;
    int result = cli_picture_open(&picture, &cli_command_plot_rdf, s->output, s->force, 900, 560);
    if (result == CLI_DONE) result = cli_read_systems(ctx, nargs, args, s->format, &s->type_map, &data);
    if (result == CLI_DONE) {
        cli_catch_interrupts();
        result = collect(&d, data, s, &picture);
    }
    cli_picture_close(&picture);
    for (int e = 0; e < d.nelements; e++) free(d.element[e]);
    free(d.element);
    free(d.pair);
    free(d.g);
    free(d.n);
    free(d.histogram);
    kr_dataset_destroy(&data);
    kr_context_destroy(&ctx);
    return result;
}

const cli_command cli_command_plot_rdf = {
    .name = "plot rdf",
    .summary = "Pair distribution functions g(r) of a trajectory",
    .usage = "TRAJECTORY... -o PICTURE [options]",
    .text = "Reads any structure format (LAMMPS dumps with numeric types need --type-map) and averages over frames. "
            "The data file has r and, for every pair, g(r) and the running coordination number.",
    .least = 1,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .defaults = &defaults,
    .run = run,
};
