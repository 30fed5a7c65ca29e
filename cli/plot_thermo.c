/* kramers plot thermo: temperature, energies, pressure against time from a LAMMPS log file, energy drift and speed.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Energy drift = slope of the energy against time by least squares, per atom; the standard error assumes independent
 * rows. The energy is LAMMPS' econserve (with what thermostats and barostats took) when the log has it, else etotal.
 * No drift is told of runs whose volume changes: a barostat moves econserve far more than the forces do. */
#include "picture.h"
#include "thermo.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct settings {
    const char *output, *title;
    int skip, force;
} settings;

static const cli_option options[] = {
    {"output", 'o', CLI_TEXT, offsetof(settings, output), "PICTURE",
     "the .png or .svg file; without it only the summary is printed"},
    {"skip", 0, CLI_COUNT, offsetof(settings, skip), "N", "leave out the first N rows"},
    {"title", 0, CLI_TEXT, offsetof(settings, title), "TEXT", "above the picture"},
    {"force", 0, CLI_FLAG, offsetof(settings, force), NULL, "replace an existing picture"},
    {0}};

extern const cli_command cli_command_plot_thermo;

/* One quantity drawn or summarised. */
typedef struct quantity {
    const char *names, *label;
    int energy, pressure; /* unit: of energy per atom, of pressure; else as in the label */
} quantity;

static const quantity quantities[] = {
    {"Temp|c_thermo_temp", "temperature (K)", 0, 0},
    {"TotEng|etotal", "total energy", 1, 0},
    {"PotEng|pe", "potential energy", 1, 0},
    {"Press", "pressure", 0, 1},
    {"Density", "density (g/cm³)", 0, 0},
    {"Volume", "volume (Å³)", 0, 0},
    {"Econserve", "conserved energy", 1, 0},
};
enum { TOTAL_ENERGY = 1, DENSITY = 4, VOLUME = 5, CONSERVED_ENERGY = 6 }; /* places in the table */
enum { QUANTITIES = sizeof quantities / sizeof *quantities };

/* All rows of all runs with the same columns as the longest, times in ps. */
typedef struct series {
    const cli_run *main; /* the longest run: columns, speed, atoms */
    long n;
    double *time, *value[QUANTITIES]; /* energies per atom in eV; NULL = no such column */
    double factor[QUANTITIES];
} series;

static void take_run(series *s, const cli_run *run, long *skip) {
    int step = cli_run_column(run, "Step"), time = cli_run_column(run, "Time");
    for (long row = 0; row < run->nrows; row++) {
        const double *v = run->value + row * run->ncolumns;
        if (*skip > 0) {
            --*skip;
            continue;
        }
        /* The last row of a run and the first of the next are the same step. */
        double at = time >= 0 ? v[time] : v[step] * run->timestep;
        if (s->n && at <= s->time[s->n - 1] && row == 0) continue;
        for (int q = 0; q < QUANTITIES; q++)
            if (s->value[q]) s->value[q][s->n] = v[cli_run_column(run, quantities[q].names)] * s->factor[q];
        s->time[s->n++] = at;
    }
}

static int same_columns(const cli_run *a, const cli_run *b) {
    if (a->ncolumns != b->ncolumns) return 0;
    for (int c = 0; c < a->ncolumns; c++)
        if (strcmp(a->column[c], b->column[c]) != 0) return 0;
    return 1;
}

static int varies(const series *s, int q) {
    for (long i = 1; i < s->n; i++)
        if (fabs(s->value[q][i] - s->value[q][0]) > 1e-9 * fabs(s->value[q][0])) return 1;
    return 0;
}

static int make_series(series *s, const cli_log *log, long skip) {
    long rows = 0;
    s->main = &log->run[0];
    for (int k = 0; k < log->nruns; k++) {
        rows += log->run[k].nrows;
        if (log->run[k].nrows > s->main->nrows) s->main = &log->run[k];
    }
    double atoms = s->main->atoms > 0 ? s->main->atoms : 1;
    s->time = cli_calloc((size_t)rows, sizeof *s->time);
    for (int q = 0; q < QUANTITIES; q++) {
        if (cli_run_column(s->main, quantities[q].names) < 0) continue;
        s->value[q] = cli_calloc((size_t)rows, sizeof *s->value[q]);
        s->factor[q] = quantities[q].energy ? log->energy_unit / atoms : 1;
    }
    for (int k = 0; k < log->nruns; k++)
        if (same_columns(&log->run[k], s->main)) take_run(s, &log->run[k], &skip);
    if (s->n >= 2) return CLI_DONE;
    return cli_error(NULL, "%ld rows of thermodynamic output are left, 2 or more are needed", s->n);
}

static void free_series(series *s) {
    free(s->time);
    for (int q = 0; q < QUANTITIES; q++) free(s->value[q]);
}

/* ---- summary ---- */

static void print_summary(const series *s, const cli_log *log) {
    const cli_run *run = s->main;
    printf("time: %.6g to %.6g ps, %ld rows\n", s->time[0], s->time[s->n - 1], s->n);
    for (int q = 0; q < QUANTITIES; q++) {
        double sum = 0, square = 0;
        if (!s->value[q] || quantities[q].energy) continue;
        for (long i = 0; i < s->n; i++) sum += s->value[q][i];
        for (long i = 0; i < s->n; i++) square += pow(s->value[q][i] - sum / (double)s->n, 2);
        char label[64];
        snprintf(label, sizeof label, "%s%s%s%s", quantities[q].label, quantities[q].pressure ? " (" : "",
                 quantities[q].pressure ? log->pressure_name : "", quantities[q].pressure ? ")" : "");
        if (varies(s, q))
            printf("%s: mean %.6g, deviation %.4g\n", label, sum / (double)s->n, sqrt(square / (double)s->n));
        else
            printf("%s: %.6g\n", label, s->value[q][0]);
    }
    int q = s->value[CONSERVED_ENERGY] ? CONSERVED_ENERGY : TOTAL_ENERGY;
    int resized = (s->value[DENSITY] && varies(s, DENSITY)) || (s->value[VOLUME] && varies(s, VOLUME));
    if (s->value[q] && run->atoms > 0 && !resized) {
        double slope, error;
        cli_fit_line(s->n, s->time, s->value[q], &slope, &error); /* eV/atom/ps = 1e6 meV/atom/ns */
        printf("energy drift: %.4g +- %.2g meV/atom/ns (%s)\n", slope * 1e6, error * 1e6, quantities[q].label);
    }
    double loop = 0, steps = 0;
    for (int k = 0; k < log->nruns; k++) loop += log->run[k].loop, steps += log->run[k].steps;
    if (loop > 0 && steps > 0)
        printf("speed: %.4g ns/day, %.4g us/atom/step (%.0f atoms, %.0f steps in %.4g s on %.0f threads)\n",
               86400 * steps / loop * run->timestep * 1e-3, 1e6 * loop / steps / run->atoms, run->atoms, steps, loop,
               run->procs);
}

/* ---- picture ---- */

static int wanted(const series *s, int q) {
    if (!s->value[q]) return 0;
    if (!strcmp(quantities[q].names, "Volume")) return varies(s, q) && !s->value[q - 1];
    if (!strcmp(quantities[q].names, "Density")) return varies(s, q);
    if (q == TOTAL_ENERGY) return !s->value[CONSERVED_ENERGY];
    return 1;
}

static void write_data(const series *s, FILE *data) {
    fprintf(data, "# time(ps)");
    for (int q = 0; q < QUANTITIES; q++)
        if (wanted(s, q)) fprintf(data, "  %s%s", quantities[q].label, quantities[q].energy ? " (eV/atom)" : "");
    for (long i = 0; i < s->n; i++) {
        fprintf(data, "\n%.8g", s->time[i]);
        for (int q = 0; q < QUANTITIES; q++)
            if (wanted(s, q)) fprintf(data, " %.15g", s->value[q][i]);
    }
    fputc('\n', data);
}

/* Range with head room for a label and about four tics at 1, 2 or 5 times a power of ten. */
static void write_range(const series *s, int q, double origin, double factor, FILE *script) {
    double low = INFINITY, high = -INFINITY;
    for (long i = 0; i < s->n; i++) {
        low = fmin(low, (s->value[q][i] - origin) * factor);
        high = fmax(high, (s->value[q][i] - origin) * factor);
    }
    double span = high > low ? high - low : fmax(fabs(high), 1) * 0.01;
    double power = pow(10, floor(log10(span / 4))), part = span / 4 / power;
    double step = power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
    fprintf(script, "set yrange [%.10g:%.10g]\nset ytics %.10g\n", low - 0.06 * span, high + 0.2 * span, step);
}

/* Energies differ in the last digits, so the difference to the first value is drawn, in meV. */
static void write_panel(const series *s, const cli_log *log, int q, int panel, FILE *script) {
    double origin = quantities[q].energy ? s->value[q][0] : 0, factor = quantities[q].energy ? 1e3 : 1;
    const char *unit = quantities[q].energy ? "meV/atom" : quantities[q].pressure ? log->pressure_name : NULL;
    write_range(s, q, origin, factor, script);
    fprintf(script, "set ylabel \"%s%s%s%s\"\n", quantities[q].label, unit ? "\\n(" : "", unit ? unit : "",
            unit ? ")" : "");
    if (quantities[q].energy)
        fprintf(script, "set label 2 \"from %.4f eV/atom\" at graph 0.99,0.91 right textcolor '#555555'\n", origin);
    fprintf(script, "plot data using 1:(($%d - (%.17g))*%g) with lines linecolor '%s'\nunset label 1\nunset label 2\n",
            panel + 1, origin, factor, cli_colour(panel - 1));
}

static void write_picture(const series *s, const cli_log *log, const settings *set, cli_picture *picture, int panels) {
    FILE *script = picture->script.file;
    write_data(s, picture->data.file);
    if (set->title) fprintf(script, "set label 1 \"%s\" at screen 0.5,0.985 center noenhanced\n", set->title);
    fprintf(script, "set multiplot layout %d,1 margins 0.14,0.97,0.085,%s spacing 0,0.03\nset xrange [%.8g:%.8g]\n",
            panels, set->title ? "0.965" : "0.985", s->time[0], s->time[s->n - 1]);
    fputs("unset key\nset format x ''\n", script);
    for (int q = 0, panel = 0; q < QUANTITIES; q++) {
        if (!wanted(s, q)) continue;
        if (++panel == panels) fputs("set format x '%g'\nset xlabel 'time (ps)'\n", script);
        write_panel(s, log, q, panel, script);
    }
    fputs("unset multiplot\n", script);
}

static int run(const void *values, int nargs, char **args) {
    const settings *set = values;
    cli_log log;
    series s = {0};
    cli_picture picture = {0};
    int panels = 0;
    (void)nargs;
    int result = set->output ? cli_picture_allowed(&cli_command_plot_thermo, set->output, set->force) : CLI_DONE;
    if (result != CLI_DONE) return result;
    if (cli_log_read(args[0], &log) != CLI_DONE) return CLI_FAILED;
    result = make_series(&s, &log, set->skip);
    if (result == CLI_DONE) {
        print_summary(&s, &log);
        for (int q = 0; q < QUANTITIES; q++) panels += wanted(&s, q);
    }
    if (result == CLI_DONE && set->output && !panels) result = cli_error(NULL, "%s has no known column", args[0]);
    if (result == CLI_DONE && set->output) {
        result = cli_picture_open(&picture, &cli_command_plot_thermo, set->output, set->force, 900, 120 + 180 * panels);
        if (result == CLI_DONE) {
            write_picture(&s, &log, set, &picture, panels);
            result = cli_picture_draw(&picture);
        }
        cli_picture_close(&picture);
    }
    free_series(&s);
    cli_log_free(&log);
    return result;
}

const cli_command cli_command_plot_thermo = {
    .name = "plot thermo",
    .summary = "Temperature, energies and pressure of a LAMMPS log file against time, energy drift, speed",
    .usage = "LOG [-o PICTURE] [options]",
    .text = "Prints means, the energy drift in meV/atom/ns (slope of econserve, else of the total energy, by least "
            "squares; at constant volume only) and the speed; draws temperature, energies, pressure and, when it "
            "varies, density or volume. Time step and units come from the input that LAMMPS echoes into the log.",
    .least = 1,
    .most = 1,
    .options = options,
    .size = sizeof(settings),
    .run = run,
};
