/* kramers plot rate: rates of several methods with their error bars, on a logarithmic scale.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Reads the tables rates.dat that `kramers rate` writes into its output folder: a name in quotation marks, then k_ab
 * and its error, k_ba …, 1 or 0 at the end for results that the method trusts or does not. */
#include "picture.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *output, *title;
    double reference;
    int force;
} settings;

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, offsetof(settings, output), "PICTURE", "the .png or .svg file"},
    {"reference", 0, CLI_REAL, offsetof(settings, reference), "K", "a line at this k_AB"},
    {"title", 0, CLI_TEXT, offsetof(settings, title), "TEXT", "above the picture"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing picture"},
    {0}};

extern const cli_command cli_command_plot_rate;

typedef struct route {
    char name[128];
    double k, error;
    int trusted;
} route;

enum { MOST = 256 };

/* Rows of a table; their number is added to *n. */
static int read_table(const char *path, route *routes, int *n) {
    char line[1024];
    FILE *file = fopen(path, "r");
    if (!file) return cli_error("the file rates.dat in the output folder of kramers rate", "%s cannot be read", path);
    int row = 0, result = CLI_DONE;
    while (result == CLI_DONE && fgets(line, sizeof line, file)) {
        route *r = &routes[*n];
        double skipped[4];
        row++;
        if (line[0] == '#' || line[strspn(line, " \t\r\n")] == 0) continue;
        if (*n == MOST)
            result = cli_error(NULL, "more than %d rates", MOST);
        else if (sscanf(line, "\"%127[^\"]\" %lf %lf %lf %lf %lf %lf %d", r->name, &r->k, &r->error, &skipped[0],
                        &skipped[1], &skipped[2], &skipped[3], &r->trusted) != 8)
            result = cli_error(NULL, "%s, line %d: a name in quotation marks and seven numbers expected", path, row);
        else
            ++*n;
    }
    fclose(file);
    return result;
}

static void write_picture(const settings *s, const route *routes, int n, cli_picture *picture) {
    FILE *data = picture->data.file, *script = picture->script.file;
    double low = INFINITY, high = 0;
    fprintf(data, "# place k_ab error trusted name\n");
    for (int i = 0; i < n; i++) {
        double error = isnan(routes[i].error) ? 0 : routes[i].error;
        if (!(routes[i].k > 0)) continue;
        fprintf(data, "%d %.9g %.3g %d \"%s\"\n", i + 1, routes[i].k, error, routes[i].trusted, routes[i].name);
        low = fmin(low, fmax(routes[i].k - error, 0.1 * routes[i].k));
        high = fmax(high, routes[i].k + error);
    }
    if (s->reference > 0) {
        low = fmin(low, s->reference);
        high = fmax(high, s->reference);
    }
    if (s->title) fprintf(script, "set title \"%s\" noenhanced\n", s->title);
    /* Within a decade a plain scale shows more. */
    fprintf(script,
            "%sset xrange [0.5:%d.5]\nset yrange [%.6g:%.6g]\nset ylabel 'k_{AB} (1/time)'\nset xtics rotate by -20\n"
            "set xtics (",
            high > 10 * low ? "set logscale y\n" : "", n, 0.9 * low, 1.1 * high);
    for (int i = 0; i < n; i++) fprintf(script, "%s\"%s\" %d", i ? ", " : "", routes[i].name, i + 1);
    fprintf(script, ") noenhanced\nset format y '%%.3g'\nplot ");
    if (s->reference > 0)
        fprintf(script, "%.9g with lines linecolor '#888888' dashtype 2 title 'reference', \\\n  ", s->reference);
    fprintf(
        script,
        "data using 1:($4 > 0 ? $2 : 1/0):3 with yerrorbars pointtype 7 linewidth 1.6 linecolor '%s' title 'rate', \\\n"
        "  data using 1:($4 > 0 ? 1/0 : $2):3 with yerrorbars pointtype 6 linewidth 1.6 linecolor '%s' title "
        "'not to be trusted'\n",
        cli_colour(0), cli_colour(1));
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    cli_picture picture = {0};
    int n = 0, result = CLI_DONE, shown = 0;
    if (!s->output) return cli_usage_error(&cli_command_plot_rate, "no picture: --output PICTURE is needed");
    route *routes = cli_calloc(MOST + 1, sizeof *routes);
    for (int i = 0; i < nargs && result == CLI_DONE; i++) result = read_table(args[i], routes, &n);
    for (int i = 0; i < n; i++) shown += routes[i].k > 0;
    if (result == CLI_DONE && !shown) result = cli_error(NULL, "there are no rates above zero to draw");
    if (result == CLI_DONE) result = cli_picture_open(&picture, &cli_command_plot_rate, s->output, s->force, 760, 480);
    if (result == CLI_DONE) {
        write_picture(s, routes, n, &picture);
        result = cli_picture_draw(&picture);
    }
    cli_picture_close(&picture);
    free(routes);
    return result;
}

const cli_command cli_command_plot_rate = {
    .name = "plot rate",
    .summary = "Transition rates of several methods with error bars",
    .usage = "RATES.dat... -o PICTURE [options]",
    .text = "Reads rates.dat from the output folders of kramers rate. Open circles: results that their own method does "
            "not trust; no bar: results without an error estimate.",
    .least = 1,
    .most = -1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
