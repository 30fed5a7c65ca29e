/* The MPI of the program: a module of its own, so that the program runs where this MPI is not; the only file that
 * includes mpi.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "mpi_module.h"
#include <mpi.h>
#include <stddef.h>

static int begin(int *rank, int *count) {
    if (MPI_Init(NULL, NULL) != MPI_SUCCESS) return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, count);
    return 0;
}

/* Reduce and broadcast, not allreduce: MPI does not promise equal bits on all processes for the latter. */
static int sum(double *values, long n) {
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (long done = 0; done < n;) {
        int part = n - done > 1 << 24 ? 1 << 24 : (int)(n - done);
        double *at = values + done;
        if (MPI_Reduce(rank ? at : MPI_IN_PLACE, at, part, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD) != MPI_SUCCESS ||
            MPI_Bcast(at, part, MPI_DOUBLE, 0, MPI_COMM_WORLD) != MPI_SUCCESS)
            return 1;
        done += part;
    }
    return 0;
}

static void end(int code) {
    if (code)
        MPI_Abort(MPI_COMM_WORLD, code);
    else
        MPI_Finalize();
}

const cli_mpi cli_mpi_functions = {begin, sum, end};
