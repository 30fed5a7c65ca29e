/* lmp-kramers: the program `lmp` with pair_style kramers built in, for a liblammps without the PLUGIN package.
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * Takes the options of `lmp` (-in, -var, -log, -partition …). The style is registered once, so the command `clear`,
 * which makes LAMMPS anew, forgets it. */
#include "force.h"
#include "input.h"
#include "lammps.h"
#include "pair_kramers.h"
#include <mpi.h>

using namespace LAMMPS_NS;

static Pair *create_pair(LAMMPS *lmp) { return new PairKramers(lmp); }

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    LAMMPS *lmp = new LAMMPS(argc, argv, MPI_COMM_WORLD);
    (*lmp->force->pair_map)["kramers"] = &create_pair;
    lmp->input->file();
    delete lmp;
    MPI_Finalize();
    return 0;
}
