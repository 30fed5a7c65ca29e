/* LAMMPS' view of a cell: restricted triclinic, right-handed, small tilts.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_LAMMPS_CELL_H
#define KR_CORE_LAMMPS_CELL_H

#include "core/frames.h"
#include "core/text.h"

typedef struct kr_lammps_cell {
    double lo[3], hi[3], tilt[3];   /* Å; tilt = xy, xz, yz */
    double axis[9];                 /* rows e1, e2, e3: x' = (x·e1, x·e2, x·e3) */
    int rotated, mirrored, reduced; /* what had to be done; mirrored: c → −c, the same lattice */
} kr_lammps_cell;

/* The cell of a frame; an open frame gets the bounding box with 10 Å around it. */
kr_status kr_lammps_cell_of(kr_context *ctx, const kr_frame *frame, kr_lammps_cell *cell);
/* A vector or position in the axes of the cell. */
void kr_lammps_rotate(const kr_lammps_cell *cell, const double x[3], double out[3]);
/* One log line that says what was done, once per file: `said` collects what was said. */
void kr_lammps_explain(kr_context *ctx, const char *path, const kr_lammps_cell *cell, int *said);

/* Factors to Å/ps and eV/Å of LAMMPS unit systems; KR_ERR_UNSUPPORTED for others than metal and real. */
typedef struct kr_lammps_units {
    double velocity, force;
} kr_lammps_units;
kr_status kr_lammps_units_of(kr_context *ctx, const char *where, kr_word name, kr_lammps_units *units);

#endif
