/* The MPI of the program: a module of its own, so that the program runs where this MPI is not; the only file that
 * includes mpi.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "mpi_module.h"
#include <mpi.h>
#include <stddef.h>
#include <time.h>

static MPI_Comm failures; /* where processes that fail meet */

static int begin(int *rank, int *count) {
    if (MPI_Init(NULL, NULL) != MPI_SUCCESS) return 1;
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, count);
    return MPI_Comm_dup(MPI_COMM_WORLD, &failures) != MPI_SUCCESS;
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

/* Have all processes failed? A mistake in the input is found by all of them; two seconds are for the slowest. */
static int all_failed(void) {
    MPI_Request request;
    int done = 0;
    if (MPI_Ibarrier(failures, &request) != MPI_SUCCESS) return 0;
    for (int k = 0; k < 200 && !done; k++) {
        const struct timespec nap = {0, 10000000};
        MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (!done) nanosleep(&nap, NULL);
    }
    return done;
}

/* An abort may lose the messages of the processes, so it is kept for those that fail while others go on. */
static void end(int code) {
    if (code && !all_failed())
        MPI_Abort(MPI_COMM_WORLD, code);
    else
        MPI_Finalize();
}

const cli_mpi cli_mpi_functions = {begin, sum, end};
