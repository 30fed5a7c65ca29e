/* The thermodynamic output of a LAMMPS log file.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CLI_THERMO_H
#define KR_CLI_THERMO_H

#include "cli.h"

/* One `run`: a table and what LAMMPS says after it. */
typedef struct cli_run {
    int ncolumns;
    long nrows, room;
    char **column;                    /* [ncolumns] names as printed: Step, Temp … */
    double *value;                    /* [nrows][ncolumns] */
    double timestep;                  /* ps */
    double loop, procs, steps, atoms; /* s, MPI tasks × threads; 0 when the run did not end */
} cli_run;

typedef struct cli_log {
    int nruns;
    cli_run *run;
    double energy_unit; /* eV per energy unit of the log */
    const char *energy_name, *pressure_name;
} cli_log;

/* CLI_DONE, or CLI_FAILED after a message. */
int cli_log_read(const char *path, cli_log *log);
void cli_log_free(cli_log *log);
/* Column by any of its names separated by |, −1 when absent. */
int cli_run_column(const cli_run *run, const char *names);
/* Least-squares line through (x, y): slope and its standard error. */
void cli_fit_line(long n, const double *x, const double *y, double *slope, double *error);

#endif
