/* The lattices of start structures.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Primitive vectors in units of a: fcc (0 ½ ½) (½ 0 ½) (½ ½ 0), bcc (−½ ½ ½) …, sc unit vectors, diamond fcc with a
 * second atom at (¼ ¼ ¼), hcp a1 = (1 0 0), a2 = (−½ √3/2 0), c with a second atom at ⅔ a1 + ⅓ a2 + ½ c. Conventional
 * cells are the cubes; that of hcp is the primitive one. */
#include "core/error.h"
#include "eelt/generate.h"
#include <math.h>
#include <string.h>

kr_status kr_lattice_set(kr_context *ctx, int which, double a, double c_over_a, kr_lattice *l) {
    static const double fcc[9] = {0, .5, .5, .5, 0, .5, .5, .5, 0}, bcc[9] = {-.5, .5, .5, .5, -.5, .5, .5, .5, -.5};
    const double cube[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    const double hexagon[9] = {1, 0, 0, -.5, sqrt(3) / 2, 0, 0, 0, c_over_a};
    const double *const primitive[] = {fcc, bcc, hexagon, cube, fcc};
    *l = (kr_lattice){.nbasis = which == 2 || which == 4 ? 2 : 1};
    if (which < 0 || which > 4) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "lattice %d", which);
    for (int k = 0; k < 9; k++) {
        l->primitive[k] = a * primitive[which][k];
        l->conventional[k] = a * (which == 2 ? hexagon : cube)[k];
    }
    if (which == 4)
        for (int c = 0; c < 3; c++) l->basis[1][c] = a / 4;
    if (which == 2)
        for (int c = 0; c < 3; c++)
            l->basis[1][c] = 2. / 3 * l->primitive[c] + 1. / 3 * l->primitive[3 + c] + .5 * l->primitive[6 + c];
    return KR_OK;
}
