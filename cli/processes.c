/* MPI for the program; the only file that includes mpi.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "processes.h"
#include "cli.h"
#include <stdlib.h>

/* Number of processes that the launcher (Open MPI, MPICH and its relatives, srun) tells about; 0 = none did. */
static int launched(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_SIZE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = getenv(names[i]);
        if (text && atoi(text) > 0) return atoi(text);
    }
    return 0;
}

#ifdef KR_WITH_MPI
#include <mpi.h>

static int active;

int cli_processes_begin(int *rank, int *count) {
    int wanted = launched();
    *rank = 0;
    *count = 1;
    if (wanted <= 1) return CLI_DONE;
    if (MPI_Init(NULL, NULL) != MPI_SUCCESS) return cli_error(NULL, "MPI cannot be initialized");
    active = 1;
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, count);
    if (*count == 1)
        return cli_error("mpirun and the MPI of this program must belong together",
                         "%d processes were started, but each sees only itself", wanted);
    return CLI_DONE;
}

/* Reduce and broadcast, not allreduce: MPI does not promise equal bits on all processes for the latter. */
int cli_processes_sum(double *values, long n, void *payload) {
    int rank;
    (void)payload;
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

void cli_processes_end(int failed) {
    if (!active) return;
    active = 0;
    if (failed)
        MPI_Abort(MPI_COMM_WORLD, CLI_FAILED);
    else
        MPI_Finalize();
}

#else

int cli_processes_begin(int *rank, int *count) {
    *rank = 0;
    *count = 1;
    if (launched() <= 1) return CLI_DONE;
    return cli_error("configure with -DKRAMERS_MPI=ON, or use threads", "this program was built without MPI");
}

int cli_processes_sum(double *values, long n, void *payload) {
    (void)values;
    (void)n;
    (void)payload;
    return 1;
}

void cli_processes_end(int failed) { (void)failed; }

#endif
