/* Cells: any shape and handedness, periodic per direction, row vectors.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_CELL_H
#define KR_CORE_CELL_H

#include <kramers/context.h>

typedef struct kr_cell {
    double box[9];     /* rows a, b, c, Å; unit vectors stand in for open directions without a vector */
    double inverse[9]; /* fractional = x · inverse */
    double volume;     /* |det|, Å^3; a physical volume only when periodic in all directions */
    double face[3];    /* distance between opposite faces, Å */
    unsigned char pbc[3];
} kr_cell;

/* box [3][3] NULL = open; pbc [3] NULL = periodic everywhere when there is a box. Zero vectors are allowed along open
 * directions. A singular or non-finite box is KR_ERR_ARGUMENT with its values. */
kr_status kr_cell_set(kr_context *ctx, const double *box, const unsigned char *pbc, kr_cell *cell);
void kr_cell_to_fractional(const kr_cell *cell, const double x[3], double s[3]);
void kr_cell_to_cartesian(const kr_cell *cell, const double s[3], double x[3]);
/* Wraps into the cell, 0 ≤ fractional < 1 up to rounding, along periodic directions; shift[3] (may be NULL) = cells
 * subtracted. Meaningful for |fractional| < 1e9. */
void kr_cell_wrap(const kr_cell *cell, double x[3], int shift[3]);
/* The most compact cell of the same lattice (Minkowski reduction of the periodic vectors; open directions get unit
 * vectors perpendicular to the rest): reduced row k = Σ_l transform[3k + l] · (row l of cell) for periodic k. */
void kr_cell_reduce(const kr_cell *cell, kr_cell *reduced, int transform[9]);

#endif
