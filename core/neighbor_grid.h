/* Bins of the neighbour list: atoms sorted by bin, and the search around one of them. Used by neighbor.c alone.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_NEIGHBOR_GRID_H
#define KR_CORE_NEIGHBOR_GRID_H

#include "core/cell.h"
#include "core/memory.h"
#include <stdint.h>

typedef struct kr_grid {
    double origin[3], scale[3]; /* bin = (s − origin) · scale, s fractional */
    int bins[3], reach[3];
    int shared;         /* bins share buckets */
    size_t nbuckets;    /* ≤ max(1, natoms) */
    int natoms;         /* binned atoms: not virtual */
    uint64_t *unsorted; /* [nall] number of the bin of an atom, KR_NO_BIN for virtual ones */
    int *start;         /* [nbuckets + 1] into the sorted arrays */
    /* sorted by bucket [natoms] */
    double *x, *y, *z; /* Å */
    int *index;        /* into the unsorted atoms, ascending within a bucket */
    uint64_t *bin;     /* number of the bin */
} kr_grid;
#define KR_NO_BIN UINT64_MAX

/* Lays out bins for natoms atoms with fractional coordinates in [lo, hi] of the lattice; a distance of rcut (Å) spans
 * at most `reach` bins along each axis. */
void kr_grid_choose(kr_grid *grid, const kr_cell *lattice, double rcut, const double lo[3], const double hi[3],
                    int natoms);
/* Cuts the arrays for nall atoms out of the buffer. */
kr_status kr_grid_reserve(kr_context *ctx, kr_grid *grid, int nall, kr_buffer *buffer);
/* Sorts atoms x [nall][3] Å; those whose owner is to be skipped (skip may be NULL) are left out. */
void kr_grid_sort(kr_grid *grid, const kr_cell *lattice, int nall, const double *x, const int *owner,
                  const unsigned char *skip);
/* Atoms with distance² ≤ rcut2 from the one at sorted position p, itself left out: their number, and their (unsorted)
 * indices when out is given, which needs room for one more than that number. */
int kr_grid_search(const kr_grid *grid, int p, double rcut2, int *out);

#endif
