/* O(N) full neighbour list of a frame, with ghosts made explicit.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Positions are wrapped, periodic images within rcut of the atoms are appended as ghosts (the cell may be smaller than
 * the cutoff: an atom then neighbours its own images), atoms are binned and every local atom gets all neighbours with
 * r ≤ rcut, both directions. Open directions are neither wrapped nor repeated. The same bits for any thread count. */
#ifndef KR_CORE_NEIGHBOR_H
#define KR_CORE_NEIGHBOR_H

#include "core/cell.h"
#include "core/memory.h"

typedef struct kr_neighbors {
    int nlocal, nall;
    double *x;  /* [nall][3] Å, locals wrapped into the reduced cell (kr_cell_reduce), then ghosts */
    int *owner; /* [nall] local atom of which this is an image */
    int *shift; /* [nall][3] vectors of the given cell added to x of the owner; 0 for locals */
    long npairs;
    long *first;      /* [nlocal + 1] */
    int *neighbor;    /* [npairs] index into x, ascending within a centre */
    int **firstneigh; /* [nlocal] pointers into neighbor, LAMMPS' view */
    int *numneigh;    /* [nlocal] */
    size_t x_room, pair_room, local_room;
    kr_buffer fraction, grid; /* scratch */
} kr_neighbors;

/* Builds into a zero-initialized or earlier used struct (arrays grow only); rcut in Å, x [n][3]. skip [n] (may be
 * NULL): non-zero = virtual atom, is no neighbour and has none, its position is not looked at. Atoms at the same place
 * are no error. KR_ERR_ARGUMENT: a position is not finite or beyond 1e9 Å (names the atom), or the cutoff holds more
 * images than an int counts. After a failure the list is empty. */
kr_status kr_neighbors_build(kr_context *ctx, const kr_cell *cell, double rcut, int n, const double *x,
                             const unsigned char *skip, kr_neighbors *list);
void kr_neighbors_free(kr_neighbors *list);

#endif
