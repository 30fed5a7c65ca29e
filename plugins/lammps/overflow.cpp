/* pair_style kramers: the warning about more neighbours than `sel`.
 * SPDX-License-Identifier: GPL-2.0-only
 *
 * The sums over ranks are collective, so all ranks look at the same times: after 1, 10, 100 ... evaluations until the
 * warning was given, and at the end of a run. */
#include "impl.h"
#include "pair_kramers.h"

#include "comm.h"
#include "error.h"

using namespace LAMMPS_NS;

// How often and how badly `sel` overflowed, over all ranks: told at the first occurrence and at the end of a run.
void PairKramers::report_overflow(bool at_end) {
    Impl &k = *impl;
    long counts[2] = {0, 0}, sums[2];
    struct {
        double excess;
        int rank;
    } mine = {0.0, comm->me}, worst;
    kr_overflow here = {}, one;
    if (k.driver_scratch && kr_workspace_overflow(k.driver_scratch, 0, &one) >= 0) {
        here = one;
        counts[0] = one.environments;
        counts[1] = one.evaluations;
        mine.excess = one.worst_count - one.worst_sel;
    }
    MPI_Allreduce(counts, sums, 2, MPI_LONG, MPI_SUM, world);
    if (sums[0] == 0 || (k.overflow_told && !at_end)) return;
    MPI_Allreduce(&mine, &worst, 1, MPI_DOUBLE_INT, MPI_MAXLOC, world);
    int facts[4] = {here.worst_count, here.worst_sel, here.worst_center_type, here.worst_neighbor_type};
    MPI_Bcast(facts, 4, MPI_INT, worst.rank, world);
    k.overflow_told = true;
    if (comm->me) return;
    const kr_model *model = k.models[0];
    const char *center = kr_model_type_name(model, facts[2]);
    const char *neighbor_name = facts[3] < 0 ? "any element" : kr_model_type_name(model, facts[3]);
    error->warning(
        FLERR, "pair_style kramers: sel overflowed for " + std::to_string(sums[0]) + " of " + std::to_string(sums[1]) +
                   " environments, the farthest neighbours were left out; worst: " + std::to_string(facts[0]) +
                   " neighbours of " + (neighbor_name ? neighbor_name : "?") + " around " + (center ? center : "?") +
                   ", sel is " + std::to_string(facts[1]));
}

// End of a run, on all ranks.
void PairKramers::finish() {
    if (impl->driver_scratch) report_overflow(true);
    if (impl->driver_scratch) kr_workspace_overflow_reset(impl->driver_scratch);
    impl->overflow_told = false;
    impl->calls = 0;
    impl->next_look = 1;
}
