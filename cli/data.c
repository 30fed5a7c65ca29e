/* kramers data: the group of commands for structures and labels.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

extern const cli_command cli_command_data_info, cli_command_data_convert, cli_command_data_stats,
    cli_command_data_check, cli_command_data_merge, cli_command_data_split;
static const cli_command *const table[] = {&cli_command_data_info,
                                           &cli_command_data_convert,
                                           &cli_command_data_stats,
                                           &cli_command_data_check,
                                           &cli_command_data_merge,
                                           &cli_command_data_split,
                                           NULL};

const cli_command cli_command_data = {
    .name = "data",
    .summary = "Look into, convert, check, merge and split structures and labels",
    .usage = "info|convert|stats|check|merge|split ...",
    .sub = table,
};
