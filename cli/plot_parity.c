/* kramers plot parity: model against reference, from the detail files of kramers test -d (or dp test -d).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "picture.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *output, *title;
    int force;
} settings;

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, offsetof(settings, output), "PICTURE", "the .png or .svg file"},
    {"title", 0, CLI_TEXT, offsetof(settings, title), "TEXT", "above the picture"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing picture"},
    {0}};

extern const cli_command cli_command_plot_parity;

/* One panel: pairs (reference, model). */
typedef struct cloud {
    const char *suffix, *label;
    int width; /* numbers of each side in a row */
    long n, room;
    double *pair; /* [n][2] */
    double square, absolute, low, high;
} cloud;

static void add(cloud *c, double x, double y) {
    if (c->n == c->room) {
        c->room = c->room ? 2 * c->room : 1024;
        c->pair = realloc(c->pair, (size_t)c->room * 2 * sizeof *c->pair);
        if (!c->pair) exit(cli_error(NULL, "memory ran out"));
    }
    c->pair[2 * c->n] = x;
    c->pair[2 * c->n++ + 1] = y;
    c->square += (y - x) * (y - x);
    c->absolute += fabs(y - x);
    c->low = fmin(c->low, fmin(x, y));
    c->high = fmax(c->high, fmax(x, y));
}

/* Rows: width reference numbers, then width numbers of the model. A file that is not there is no panel. */
static int read_cloud(const char *prefix, cloud *c) {
    char *path = cli_strprintf("%s.%s.out", prefix, c->suffix), *line = NULL;
    size_t room = 0;
    long number = 0;
    int result = CLI_DONE;
    FILE *file = fopen(path, "r");
    c->low = INFINITY;
    c->high = -INFINITY;
    while (file && result == CLI_DONE && getline(&line, &room, file) > 0) {
        double value[18];
        char *rest = NULL, *end = NULL;
        int n = 0;
        number++;
        if (line[0] == '#') continue;
        for (char *word = strtok_r(line, " \t\r\n", &rest); word && n < 2 * c->width;
             word = strtok_r(NULL, " \t\r\n", &rest)) {
            value[n++] = strtod(word, &end);
            if (end == word || *end || !isfinite(value[n - 1])) n = 2 * c->width + 1;
        }
        if (n != 2 * c->width)
            result = cli_error(NULL, "%s: line %ld is no row of %d numbers", path, number, 2 * c->width);
        for (int k = 0; result == CLI_DONE && k < c->width; k++) add(c, value[k], value[c->width + k]);
    }
    if (file) fclose(file);
    free(line);
    free(path);
    return result;
}

static void write_picture(const cloud *clouds, int n, int shown, const settings *s, cli_picture *picture) {
    FILE *script = picture->script.file, *data = picture->data.file;
    int block = 0;
    fprintf(script, "set multiplot layout 1,%d%s%s%s\nunset key\nset size square\n", shown, s->title ? " title \"" : "",
            s->title ? s->title : "", s->title ? "\" noenhanced" : "");
    for (int p = 0; p < n; p++) {
        const cloud *c = &clouds[p];
        if (!c->n) continue;
        double margin = c->high > c->low ? 0.04 * (c->high - c->low) : 1;
        fprintf(data, "# %s: reference, model\n", c->label);
        for (long i = 0; i < c->n; i++) fprintf(data, "%.9g %.9g\n", c->pair[2 * i], c->pair[2 * i + 1]);
        fputs("\n\n", data);
        fprintf(script,
                "set xlabel 'reference %s'\nset ylabel 'model %s'\nset xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n",
                c->label, c->label, c->low - margin, c->high + margin, c->low - margin, c->high + margin);
        fprintf(script, "set label 1 \"RMSE %.3g\\nMAE %.3g\" at graph 0.04,0.94\n", sqrt(c->square / (double)c->n),
                c->absolute / (double)c->n);
        fprintf(script,
                "plot x with lines linecolor '#888888', data index %d using 1:2 with points pointtype 7 pointsize 0.3 "
                "linecolor '%s'\n",
                block, cli_colour(block));
        block++;
    }
    fputs("unset multiplot\n", script);
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    cloud clouds[] = {{"e_peratom", "energy (eV/atom)", 1, 0, 0, NULL, 0, 0, 0, 0},
                      {"f", "force (eV/Å)", 3, 0, 0, NULL, 0, 0, 0, 0},
                      {"v_peratom", "virial (eV/atom)", 9, 0, 0, NULL, 0, 0, 0, 0}};
    enum { N = sizeof clouds / sizeof *clouds };
    cli_picture picture = {0};
    int shown = 0, result = CLI_DONE;
    (void)nargs;
    if (!s->output) return cli_usage_error(&cli_command_plot_parity, "no picture is named: -o parity.png");
    result = cli_picture_allowed(&cli_command_plot_parity, s->output, s->force);
    for (int p = 0; p < N && result == CLI_DONE; p++) {
        result = read_cloud(args[0], &clouds[p]);
        shown += clouds[p].n > 0;
    }
    if (result == CLI_DONE && !shown)
        result = cli_error("kramers test -m MODEL -s DATA -d PREFIX writes them",
                           "there is no %s.e_peratom.out and no %s.f.out", args[0], args[0]);
    for (int p = 0; p < N && result == CLI_DONE; p++)
        if (clouds[p].n)
            printf("%s: %ld numbers, RMSE %.6g, MAE %.6g\n", clouds[p].label, clouds[p].n,
                   sqrt(clouds[p].square / (double)clouds[p].n), clouds[p].absolute / (double)clouds[p].n);
    if (result == CLI_DONE)
        result = cli_picture_open(&picture, &cli_command_plot_parity, s->output, s->force, 460 * shown, 460);
    if (result == CLI_DONE) {
        write_picture(clouds, N, shown, s, &picture);
        result = cli_picture_draw(&picture);
    }
    cli_picture_close(&picture);
    for (int p = 0; p < N; p++) free(clouds[p].pair);
    return result;
}

const cli_command cli_command_plot_parity = {
    .name = "plot parity",
    .summary = "Model against reference: energies, forces, virials",
    .usage = "PREFIX -o PICTURE [options]",
    .text = "Reads the detail files PREFIX.e_peratom.out, PREFIX.f.out and PREFIX.v_peratom.out of kramers test -d "
            "PREFIX (or dp test -d PREFIX), prints their errors and draws one panel for each.",
    .least = 1,
    .most = 1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
