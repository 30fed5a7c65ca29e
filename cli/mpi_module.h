/* What the program takes from its MPI module (mpi_module.c) at run time.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_MPI_MODULE_H
#define KR_MPI_MODULE_H

typedef struct cli_mpi {
    int (*begin)(int *rank, int *count); /* 0 = done, as below */
    int (*sum)(double *values, long n);  /* in place, the same bits everywhere */
    void (*end)(int code);               /* code ≠ 0: this process failed; soon ends those that did not */
} cli_mpi;

extern const cli_mpi cli_mpi_functions; /* by this name in the module */

#endif
