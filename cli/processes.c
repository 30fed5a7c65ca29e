/* MPI for the program: its module (mpi_module.c) lies beside the program or in the library folder of an installation.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "processes.h"
#include "cli.h"
#include "mpi_module.h"
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Number of processes that the launcher (Open MPI, MPICH and its relatives, srun) tells about; 0 = none did. */
static int launched(void) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "MV2_COMM_WORLD_SIZE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = getenv(names[i]);
        if (text && atoi(text) > 0) return atoi(text);
    }
    return 0;
}

static const cli_mpi *mpi; /* while there are several processes */

/* The module below the folder of the program; NULL when it was not built. */
static char *module_path(void) {
    static const char *const places[] = {CLI_MPI_BUILT, CLI_MPI_INSTALLED};
    char program[PATH_MAX];
    if (cli_program(program, sizeof program) != CLI_DONE) return NULL;
    *strrchr(program, '/') = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char *path = cli_strprintf("%s/%s", program, places[i]);
        if (access(path, R_OK) == 0) return path;
        free(path);
    }
    return NULL;
}

static int load(void) {
    char *path = module_path();
    if (!path)
        return cli_error("configure with -DKRAMERS_MPI=ON, or use threads", "this program was built without MPI");
    void *module = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    free(path);
    mpi = module ? dlsym(module, "cli_mpi_functions") : NULL;
    if (!mpi)
        return cli_error("the MPI that this program was built with is gone; build it again", "MPI: %s", dlerror());
    return CLI_DONE;
}

int cli_processes_begin(int *rank, int *count) {
    int wanted = launched();
    *rank = 0;
    *count = 1;
    if (wanted <= 1) return CLI_DONE;
    if (load() != CLI_DONE) return CLI_FAILED;
    if (mpi->begin(rank, count)) {
        mpi = NULL;
        return cli_error(NULL, "MPI cannot be initialized");
    }
    if (*count == 1)
        return cli_error("mpirun and the MPI of this program must belong together",
                         "%d processes were started, but each sees only itself", wanted);
    return CLI_DONE;
}

int cli_processes_sum(double *values, long n, void *payload) {
    (void)payload;
    return mpi ? mpi->sum(values, n) : 1;
}

void cli_processes_end(int failed) {
    if (mpi) mpi->end(failed ? CLI_FAILED : 0);
    mpi = NULL;
}
