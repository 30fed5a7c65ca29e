/* kramers plot lcurve: learning curves (lcurve.out) of one or several runs, training and validation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "picture.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *output, *title;
    int smooth, force;
} settings;

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, offsetof(settings, output), "PICTURE",
     "the .png or .svg file; without it only the last rows are printed"},
    {"smooth", 0, CLI_COUNT, offsetof(settings, smooth), "N", "draw the mean of N rows (default 1: every row)"},
    {"title", 0, CLI_TEXT, offsetof(settings, title), "TEXT", "above the picture"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing picture"},
    {0}};

extern const cli_command cli_command_plot_lcurve;

enum { MOST_COLUMNS = 16 };

/* One file: rows of numbers, step first. */
typedef struct curve {
    const char *path;
    int ncolumns;
    char *name[MOST_COLUMNS];
    long nrows, room;
    double *value; /* [nrows][ncolumns] */
} curve;

static void free_curve(curve *c) {
    for (int k = 0; k < c->ncolumns; k++) free(c->name[k]);
    free(c->value);
}

/* "# step  rmse_val  rmse_trn … lr" */
static void take_header(curve *c, char *line) {
    char *rest = NULL;
    for (char *word = strtok_r(line + 1, " \t\r\n", &rest); word && c->ncolumns < MOST_COLUMNS;
         word = strtok_r(NULL, " \t\r\n", &rest))
        c->name[c->ncolumns++] = cli_strdup(word);
}

static void take_row(curve *c, char *line) {
    double value[MOST_COLUMNS];
    char *rest = NULL, *end;
    int n = 0;
    for (char *word = strtok_r(line, " \t\r\n", &rest); word && n < MOST_COLUMNS;
         word = strtok_r(NULL, " \t\r\n", &rest)) {
        value[n++] = strtod(word, &end);
        if (end == word || *end) return;
    }
    if (n != c->ncolumns || n == 0) return;
    if (c->nrows == c->room) {
        c->room = c->room ? 2 * c->room : 256;
        c->value = realloc(c->value, (size_t)c->room * (size_t)n * sizeof *c->value);
        if (!c->value) exit(cli_error(NULL, "memory ran out"));
    }
    memcpy(c->value + c->nrows++ * n, value, (size_t)n * sizeof *value);
}

static int read_curve(const char *path, curve *c) {
    char *line = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "r");
    *c = (curve){.path = path};
    if (!file) return cli_error(NULL, "%s cannot be read: %s", path, strerror(errno));
    while (getline(&line, &room, file) > 0)
        if (line[0] != '#')
            take_row(c, line);
        else if (!c->ncolumns && strstr(line, "step"))
            take_header(c, line);
    free(line);
    fclose(file);
    if (c->nrows) return CLI_DONE;
    return cli_error("the first line of an lcurve.out is '# step rmse_trn ... lr'", "%s holds no learning curve", path);
}

static int column(const curve *c, const char *name) {
    for (int k = 0; k < c->ncolumns; k++)
        if (!strcmp(c->name[k], name)) return k;
    return -1;
}

static int has_numbers(const curve *c, int k) {
    for (long i = 0; k >= 0 && i < c->nrows; i++)
        if (isfinite(c->value[i * c->ncolumns + k])) return 1;
    return 0;
}

/* ---- picture ---- */

static const struct {
    const char *name, *other, *label;
    double factor;
} panels[] = {{"rmse_e", "mae_e", "energy (meV/atom)", 1e3},
              {"rmse_f", "mae_f", "force (meV/Å)", 1e3},
              {"rmse_v", "mae_v", "virial (meV/atom)", 1e3}};
enum { PANELS = sizeof panels / sizeof *panels };

/* Column of a panel in a file: kind "trn" or "val". */
static int panel_column(const curve *c, int panel, const char *kind) {
    char name[32];
    snprintf(name, sizeof name, "%s_%s", panels[panel].name, kind);
    int k = column(c, name);
    if (k < 0) {
        snprintf(name, sizeof name, "%s_%s", panels[panel].other, kind);
        k = column(c, name);
    }
    return has_numbers(c, k) ? k : -1;
}

/* Blocks (gnuplot: index) one after the other: step, value; means of `smooth` rows. */
static int write_block(const curve *c, int k, int smooth, FILE *data) {
    fprintf(data, "# %s %s\n", c->path, c->name[k]);
    for (long i = 0; i < c->nrows; i += smooth) {
        double step = 0, sum = 0;
        int n = 0;
        for (long j = i; j < i + smooth && j < c->nrows; j++) {
            double value = c->value[j * c->ncolumns + k];
            step = c->value[j * c->ncolumns];
            if (isfinite(value)) sum += value, n++;
        }
        if (n) fprintf(data, "%.10g %.6e\n", step, sum / n);
    }
    fputs("\n\n", data);
    return 1;
}

static void write_picture(const curve *curves, int n, const settings *s, cli_picture *picture, int shown) {
    FILE *script = picture->script.file;
    int block = 0, panel = 0, smooth = s->smooth > 0 ? s->smooth : 1;
    if (s->title) fprintf(script, "set label 1 \"%s\" at screen 0.5,0.985 center noenhanced\n", s->title);
    fprintf(script, "set multiplot layout %d,1 margins 0.12,0.97,0.085,%s spacing 0,0.03\nset logscale y\n", shown,
            s->title ? "0.955" : "0.985");
    fputs("set format y '%g'\nset format x ''\n", script);
    for (int p = 0; p < PANELS; p++) {
        int any = 0;
        for (int i = 0; i < n; i++) any |= panel_column(&curves[i], p, "trn") >= 0;
        if (!any) continue;
        if (++panel == shown) fputs("set format x '%g'\nset xlabel 'step'\n", script);
        fprintf(script, "set ylabel '%s'\nplot ", panels[p].label);
        const char *comma = "";
        for (int i = 0; i < n; i++)
            for (int v = 0; v < 2; v++) {
                int k = panel_column(&curves[i], p, v ? "val" : "trn");
                if (k < 0) continue;
                write_block(&curves[i], k, smooth, picture->data.file);
                fprintf(script,
                        "%sdata index %d using 1:($2*%g) with lines linecolor '%s' linewidth %s title \"%s%s%s\" "
                        "noenhanced",
                        comma, block++, panels[p].factor, cli_colour(2 * i + v), v ? "1.6" : "0.8",
                        n > 1 ? curves[i].path : "", n > 1 ? " " : "", v ? "validation" : "training");
                comma = ", ";
            }
        fputs("\nunset label 1\n", script);
    }
    fputs("unset multiplot\n", script);
}

static void print_last(const curve *c) {
    const double *row = c->value + (c->nrows - 1) * c->ncolumns;
    printf("%s: %ld rows, step %.0f", c->path, c->nrows, row[0]);
    for (int k = 1; k < c->ncolumns; k++) printf(", %s %.3g", c->name[k], row[k]);
    fputc('\n', stdout);
}

static int run(const void *values, int nargs, char **args) {
    const settings *s = values;
    curve *curves = cli_calloc((size_t)nargs, sizeof *curves);
    cli_picture picture = {0};
    int shown = 0;
    int result = s->output ? cli_picture_allowed(&cli_command_plot_lcurve, s->output, s->force) : CLI_DONE;
    for (int i = 0; i < nargs && result == CLI_DONE; i++) result = read_curve(args[i], &curves[i]);
    for (int i = 0; i < nargs && result == CLI_DONE; i++) print_last(&curves[i]);
    for (int p = 0; p < PANELS && result == CLI_DONE; p++) {
        int any = 0;
        for (int i = 0; i < nargs; i++) any |= panel_column(&curves[i], p, "trn") >= 0;
        shown += any;
    }
    if (result == CLI_DONE && s->output && !shown) result = cli_error(NULL, "there is nothing but the total to draw");
    if (result == CLI_DONE && s->output) {
        result = cli_picture_open(&picture, &cli_command_plot_lcurve, s->output, s->force, 900, 120 + 230 * shown);
        if (result == CLI_DONE) {
            write_picture(curves, nargs, s, &picture, shown);
            result = cli_picture_draw(&picture);
        }
        cli_picture_close(&picture);
    }
    for (int i = 0; i < nargs; i++) free_curve(&curves[i]);
    free(curves);
    return result;
}

const cli_command cli_command_plot_lcurve = {
    .name = "plot lcurve",
    .summary = "Learning curves of trainings: energy, force and virial errors against steps",
    .usage = "LCURVE... [-o PICTURE] [options]",
    .text = "Reads lcurve.out files of kramers train or DeePMD-kit, prints their last rows and draws the errors on "
            "logarithmic axes, validation beside training where there is any.",
    .least = 1,
    .most = 16,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
