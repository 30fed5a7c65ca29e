/* lmp-kramers: the program `lmp` with pair_style kramers and its fix built in, for a liblammps without the PLUGIN
 * package. SPDX-License-Identifier: GPL-2.0-only
 *
 * Takes the options of `lmp` (-in, -var, -log, -partition …). The styles are registered once, so the command `clear`,
 * which makes LAMMPS anew, forgets them. */
#include "fix_kramers_examine.h"
#include "force.h"
#include "input.h"
#include "lammps.h"
#include "modify.h"
#include "pair_kramers.h"
#include <mpi.h>

using namespace LAMMPS_NS;

static Pair *create_pair(LAMMPS *lmp) { return new PairKramers(lmp); }

static Fix *create_examine(LAMMPS *lmp, int narg, char **arg) { return new FixKramersExamine(lmp, narg, arg); }

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    LAMMPS *lmp = new LAMMPS(argc, argv, MPI_COMM_WORLD);
    (*lmp->force->pair_map)["kramers"] = &create_pair;
    (*lmp->modify->fix_map)["kramers/examine"] = &create_examine;
    lmp->input->file();
    delete lmp;
    MPI_Finalize();
    return 0;
}
