/* The commands of kramers eelt, one file each.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CLI_EELT_H
#define KR_CLI_EELT_H

#include "cli.h"

extern const cli_command cli_eelt_check, cli_eelt_explore;

#endif
