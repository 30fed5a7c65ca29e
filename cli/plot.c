/* kramers plot: the group of commands that draw pictures.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

extern const cli_command cli_command_plot_lcurve, cli_command_plot_parity, cli_command_plot_rdf,
    cli_command_plot_thermo, cli_command_plot_map, cli_command_plot_rate;
static const cli_command *const table[] = {&cli_command_plot_lcurve,
                                           &cli_command_plot_parity,
                                           &cli_command_plot_rdf,
                                           &cli_command_plot_thermo,
                                           &cli_command_plot_map,
                                           &cli_command_plot_rate,
                                           NULL};

const cli_command cli_command_plot = {
    .name = "plot",
    .summary = "Draw pictures: learning curves, parity, pair distribution functions, thermodynamic output, committors, "
               "landscapes, rates",
    .usage = "lcurve|parity|rdf|thermo|map|rate ...",
    .text = "Pictures are PNG or SVG, drawn by gnuplot; the data (.dat) and the script (.gp) stay beside them.",
    .sub = table,
};
