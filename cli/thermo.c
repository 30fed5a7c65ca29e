/* The thermodynamic output of a LAMMPS log file: one table a `run`, time step and units from the echoed input.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "thermo.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_COLUMNS = 64 };

static const struct {
    const char *name;
    double time, step, energy; /* ps per time unit, default timestep in time units, eV per energy unit */
    const char *energy_name, *pressure_name;
} unit_styles[] = {
    {"metal", 1, 0.001, 1, "eV", "bar"},
    {"real", 1e-3, 1, 0.0433641042, "kcal/mol", "atm"},
    {"electron", 1e-3, 0.001, 27.211386, "hartree", "Pa"},
    {"si", 1e12, 1e-8, 6.241509e18, "J", "Pa"},
};

int cli_run_column(const cli_run *run, const char *names) {
    while (*names) {
        size_t length = strcspn(names, "|");
        for (int c = 0; c < run->ncolumns; c++)
            if (strlen(run->column[c]) == length && !strncmp(run->column[c], names, length)) return c;
        names += length + (names[length] == '|');
    }
    return -1;
}

void cli_fit_line(long n, const double *x, const double *y, double *slope, double *error) {
    double mx = 0, my = 0, xx = 0, xy = 0, rest = 0;
    for (long i = 0; i < n; i++) mx += x[i] / (double)n, my += y[i] / (double)n;
    for (long i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        xy += (x[i] - mx) * (y[i] - my);
    }
    *slope = xx > 0 ? xy / xx : 0;
    for (long i = 0; i < n; i++) {
        double d = y[i] - my - *slope * (x[i] - mx);
        rest += d * d;
    }
    *error = n > 2 && xx > 0 ? sqrt(rest / (double)(n - 2) / xx) : 0;
}

/* ---- reading ---- */

typedef struct reader {
    cli_log *log;
    int style;       /* of unit_styles */
    double timestep; /* in time units, 0 = default */
    int in_table;
} reader;

static cli_run *add_run(reader *r) {
    cli_run *grown = cli_calloc((size_t)r->log->nruns + 1, sizeof *grown);
    if (r->log->nruns) memcpy(grown, r->log->run, (size_t)r->log->nruns * sizeof *grown);
    free(r->log->run);
    r->log->run = grown;
    return &grown[r->log->nruns++];
}

static int split(char *line, char **word) {
    int n = 0;
    char *rest = NULL;
    for (char *w = strtok_r(line, " \t\r\n", &rest); w && n < MOST_COLUMNS; w = strtok_r(NULL, " \t\r\n", &rest))
        word[n++] = w;
    return n;
}

static void begin_table(reader *r, int n, char **word) {
    cli_run *run = add_run(r);
    double step = r->timestep > 0 ? r->timestep : unit_styles[r->style].step;
    run->ncolumns = n;
    run->column = cli_calloc((size_t)n, sizeof *run->column);
    run->timestep = step * unit_styles[r->style].time;
    for (int c = 0; c < n; c++) run->column[c] = cli_strdup(word[c]);
    r->in_table = 1;
}

/* Rows are lines of exactly so many numbers; anything else inside a table (a warning) is passed over. */
static void add_row(cli_run *run, int n, char **word) {
    double value[MOST_COLUMNS];
    if (n != run->ncolumns) return;
    for (int c = 0; c < n; c++) {
        char *end;
        value[c] = strtod(word[c], &end);
        if (end == word[c] || *end) return;
    }
    if (run->nrows == run->room) {
        run->room = run->room ? 2 * run->room : 256;
        double *grown = cli_calloc((size_t)run->room * (size_t)n, sizeof *grown);
        if (run->nrows) memcpy(grown, run->value, (size_t)run->nrows * (size_t)n * sizeof *grown);
        free(run->value);
        run->value = grown;
    }
    memcpy(run->value + run->nrows++ * n, value, (size_t)n * sizeof *value);
}

static void take_line(reader *r, char *line) {
    double loop, procs, steps, atoms;
    char *word[MOST_COLUMNS];
    cli_run *run = r->log->nruns ? &r->log->run[r->log->nruns - 1] : NULL;
    if (sscanf(line, "Loop time of %lf on %lf procs for %lf steps with %lf atoms", &loop, &procs, &steps, &atoms) ==
        4) {
        if (run && r->in_table) run->loop = loop, run->procs = procs, run->steps = steps, run->atoms = atoms;
        r->in_table = 0;
        return;
    }
    int n = split(line, word);
    if (n > 1 && !strcmp(word[0], "Step")) {
        begin_table(r, n, word);
    } else if (r->in_table) {
        add_row(run, n, word);
    } else if (n == 2 && !strcmp(word[0], "units")) {
        for (int u = 0; u < (int)(sizeof unit_styles / sizeof *unit_styles); u++)
            if (!strcmp(word[1], unit_styles[u].name)) r->style = u;
    } else if (n == 2 && !strcmp(word[0], "timestep")) {
        char *end;
        double step = strtod(word[1], &end);
        if (end != word[1] && !*end) r->timestep = step;
    }
}

int cli_log_read(const char *path, cli_log *log) {
    FILE *file = fopen(path, "r");
    reader r = {.log = log};
    char *line = NULL;
    size_t room = 0;
    *log = (cli_log){0};
    if (!file) return cli_error(NULL, "%s cannot be read: %s", path, strerror(errno));
    while (getline(&line, &room, file) > 0) take_line(&r, line);
    free(line);
    fclose(file);
    log->energy_unit = unit_styles[r.style].energy;
    log->energy_name = unit_styles[r.style].energy_name;
    log->pressure_name = unit_styles[r.style].pressure_name;
    long rows = 0;
    for (int k = 0; k < log->nruns; k++) rows += log->run[k].nrows;
    if (rows) return CLI_DONE;
    cli_log_free(log);
    return cli_error("a LAMMPS log file has a table that begins with Step", "%s holds no thermodynamic output", path);
}

void cli_log_free(cli_log *log) {
    for (int k = 0; k < log->nruns; k++) {
        for (int c = 0; c < log->run[k].ncolumns; c++) free(log->run[k].column[c]);
        free(log->run[k].column);
        free(log->run[k].value);
    }
    free(log->run);
    *log = (cli_log){0};
}
