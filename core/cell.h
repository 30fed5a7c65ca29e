/* Cells: any shape and handedness, periodic per direction, row vectors.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_CORE_CELL_H
#define KR_CORE_CELL_H

#include <kramers/context.h>

typedef struct kr_cell {
    double box[9];     /* rows a, b, c, Å; unit vectors stand in for open directions without a vector */
    double inverse[9]; /* fractional = x · inverse */
    double volume;     /* |det|, Å^3 */
    double face[3];    /* distance between opposite faces, Å */
    unsigned char pbc[3];
} kr_cell;

/* box NULL = open; pbc NULL = periodic everywhere when there is a box. A singular box is KR_ERR_ARGUMENT. */
kr_status kr_cell_set(kr_context *ctx, const double *box, const unsigned char *pbc, kr_cell *cell);
void kr_cell_to_fractional(const kr_cell *cell, const double x[3], double s[3]);
void kr_cell_to_cartesian(const kr_cell *cell, const double s[3], double x[3]);
/* Wraps into the cell along periodic directions; shift[3] (may be NULL) = cells subtracted. */
void kr_cell_wrap(const kr_cell *cell, double x[3], int shift[3]);

#endif
