/* O(N) full neighbour list of a frame, with ghosts made explicit.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Positions are wrapped, periodic images within rcut of the cell are appended as ghosts (the cell may be smaller
 * than the cutoff), atoms are binned and every local atom gets all neighbours with r ≤ rcut, both directions. */
#ifndef KR_CORE_NEIGHBOR_H
#define KR_CORE_NEIGHBOR_H

#include "core/cell.h"
#include "core/memory.h"

typedef struct kr_neighbors {
    int nlocal, nall;
    double *x;  /* [nall][3] Å, wrapped locals, then ghosts */
    int *owner; /* [nall] local atom of which this is an image */
    int *shift; /* [nall][3] cells added to the wrapped owner */
    long npairs;
    long *first;      /* [nlocal + 1] */
    int *neighbor;    /* [npairs] index into x, ascending within a centre */
    int **firstneigh; /* [nlocal] pointers into neighbor, LAMMPS' view */
    int *numneigh;    /* [nlocal] */
    size_t x_room, pair_room, local_room;
} kr_neighbors;

/* Builds into a zero-initialized or earlier used struct (arrays grow only). skip [n] (may be NULL): non-zero =
 * virtual atom, is no neighbour and has none. Non-finite positions and atoms closer than 1e-6 Å to each other
 * are not errors here except NaN/inf: KR_ERR_ARGUMENT naming the atom. */
kr_status kr_neighbors_build(kr_context *ctx, const kr_cell *cell, double rcut, int n, const double *x,
                             const unsigned char *skip, kr_neighbors *list);
void kr_neighbors_free(kr_neighbors *list);

#endif
