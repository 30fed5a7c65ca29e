/* Data-parallel runs: the program under mpirun.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * MPI is initialized only when the environment says that the program was started as one of several processes, so that
 * a plain run pays nothing for it. */
#ifndef KR_CLI_PROCESSES_H
#define KR_CLI_PROCESSES_H

/* CLI_DONE, or CLI_FAILED after a message (this program has no MPI, or another one than mpirun). */
int cli_processes_begin(int *rank, int *count);
/* Sum over all processes, in place; the same bits on all of them. 0 = done. */
int cli_processes_sum(double *values, long n, void *payload);
/* failed: ends all processes within seconds, because the others may wait for this one. */
void cli_processes_end(int failed);

#endif
