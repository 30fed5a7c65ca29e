/* kramers data: the group of commands for structures and labels.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

extern const cli_command cli_command_data_info, cli_command_data_convert, cli_command_data_stats;
static const cli_command *const table[] = {&cli_command_data_info, &cli_command_data_convert, &cli_command_data_stats,
                                           NULL};

const cli_command cli_command_data = {
    .name = "data",
    .summary = "Look into, convert and summarise structures and labels",
    .usage = "info|convert|stats ...",
    .sub = table,
};
