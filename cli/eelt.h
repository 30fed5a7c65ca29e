/* The commands of kramers eelt, one file each.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CLI_EELT_H
#define KR_CLI_EELT_H

#include "cli.h"

extern const cli_command cli_eelt_check, cli_eelt_explore, cli_eelt_structures, cli_eelt_run, cli_eelt_init,
    cli_eelt_report, cli_eelt_stop, cli_eelt_rollback, cli_eelt_drop, cli_eelt_add, cli_eelt_export, cli_eelt_import,
    cli_eelt_select, cli_eelt_audit;

/* A function for kr_context_set_progress; payload is a cli_progress. Ctrl-C stops. */
int cli_eelt_progress(const char *what, long done, long total, void *payload);

/* For tests of interrupted programs: kills this process at the at-th call. */
typedef struct cli_killer {
    int at, now;
} cli_killer;
void cli_kill_point(void *killer);

#endif
