/* kramers plot map: committor or quasipotential of a run, with isolines; in one dimension as a curve.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Reads map.dat of the output folder: "x1 x2 value" in blocks, or "x1 value". Isolines of q at 0.1 … 0.9, the one at ½
 * bold; of V at round values up to the given limit. */
#include "picture.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *output, *title;
    double most;
    int force;
} settings;

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, offsetof(settings, output), "PICTURE", "file .png or .svg; default FOLDER/picture.png"},
    {"most", 'm', CLI_REAL, offsetof(settings, most), "V", "largest value that is drawn; default: all of q, 1/3 of V"},
    {"title", 0, CLI_TEXT, offsetof(settings, title), "TEXT", "above the picture"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace existing files"},
    {0}};

extern const cli_command cli_command_plot_map;

typedef struct map {
    int columns; /* numbers of a row */
    int is_q;
    double largest;
} map;

/* Copies the data and looks at them. */
static int copy_map(const char *path, FILE *out, map *m) {
    char row[256], name[16] = "";
    FILE *in = fopen(path, "r");
    if (!in) return cli_error("the folder of a finished run is needed", "%s cannot be read", path);
    *m = (map){.largest = -INFINITY};
    while (fgets(row, sizeof row, in)) {
        double v[3];
        if (row[0] == '#') {
            const char *last = strrchr(row, ' ');
            if (last) snprintf(name, sizeof name, "%s", last + 1);
        }
        int n = sscanf(row, "%lf %lf %lf", v, v + 1, v + 2);
        if (n > m->columns) m->columns = n;
        if (n >= 2 && isfinite(v[n - 1]) && v[n - 1] > m->largest) m->largest = v[n - 1];
        fputs(row, out);
    }
    fclose(in);
    m->is_q = name[0] == 'q';
    if (m->columns < 2) return cli_error(NULL, "%s holds no map", path);
    return CLI_DONE;
}

static void write_script(FILE *out, const map *m, const settings *s) {
    double most = s->most > 0 ? s->most : m->is_q ? 1 : m->largest / 3;
    if (s->title) fprintf(out, "set title \"%s\" noenhanced\n", s->title);
    fputs("unset key\nset xlabel 'x_1'\n", out);
    if (m->columns == 2) {
        fprintf(out, "set ylabel '%s'\nplot data using 1:2 with lines linewidth 2 linecolor '%s'\n",
                m->is_q ? "q" : "V", cli_colour(0));
        return;
    }
    fprintf(out, "set ylabel 'x_2'\nset cblabel '%s'\nset cbrange [0:%.6g]\nset size ratio -1\n", m->is_q ? "q" : "V",
            most);
    fputs("set palette defined (0 '#0b3c6f', 0.25 '#4f93c4', 0.5 '#f2f2f2', 0.75 '#e0845c', 1 '#8c1d18')\n"
          "set table $lines\nset contour base\nunset surface\n",
          out);
    if (m->is_q)
        fputs("set cntrparam levels incremental 0.1,0.1,0.9\n", out);
    else
        fprintf(out, "set cntrparam levels incremental %.6g,%.6g,%.6g\n", most / 12, most / 12, most);
    fputs("splot data using 1:2:3 with lines\nunset table\nunset contour\n", out);
    fprintf(out,
            "plot data using 1:2:($3 > %.6g ? %.6g : $3) with image, $lines using 1:2 with lines linewidth 0.8 "
            "linecolor '#303030'",
            most, most);
    if (m->is_q)
        fputs(", $lines using 1:(abs($3 - 0.5) < 0.01 ? $2 : 1/0) with lines linewidth 2.2 linecolor 'black'", out);
    fputs("\n", out);
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    cli_picture picture = {0};
    map m = {0};
    (void)nargs;
    char *path = cli_strprintf("%s/map.dat", args[0]);
    char *target = s->output ? cli_strdup(s->output) : cli_strprintf("%s/picture.png", args[0]);
    int result = cli_picture_open(&picture, &cli_command_plot_map, target, s->force, 1000, 860);
    if (result == CLI_DONE) result = copy_map(path, picture.data.file, &m);
    if (result == CLI_DONE) {
        write_script(picture.script.file, &m, s);
        result = cli_picture_draw(&picture);
    }
    cli_picture_close(&picture);
    free(path);
    free(target);
    return result;
}

const cli_command cli_command_plot_map = {
    .name = "plot map",
    .summary = "Committor or quasipotential of a run, with isolines",
    .usage = "FOLDER [-o PICTURE] [options]",
    .text =
        "FOLDER is the output of kramers committor or kramers quasipotential. Beyond two dimensions the map is a cut "
        "along the first two coordinates.",
    .least = 1,
    .most = 1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
