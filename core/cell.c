/* Cells: inverse, faces, wrapping, lattice reduction.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows a, b, c of B; x = s B, s = x B⁻¹ with B⁻¹ = [b×c, c×a, a×b] / det as columns; the faces that a crosses are
 * |det| / |b×c| apart. A negative det (left-handed cell) needs nothing special. */
#include "core/cell.h"
#include "core/error.h"
#include <math.h>
#include <string.h>

/* |det| below this fraction of |a||b||c| counts as singular: rounding of the vectors is 1e-16, and a cell that flat
 * holds no atoms. */
static const double FLAT = 1e-10;

static double dot(const double a[3], const double b[3]) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

static void cross(const double a[3], const double b[3], double c[3]) {
    c[0] = a[1] * b[2] - a[2] * b[1];
    c[1] = a[2] * b[0] - a[0] * b[2];
    c[2] = a[0] * b[1] - a[1] * b[0];
}

static void normalize(double a[3]) {
    double length = sqrt(dot(a, a));
    for (int i = 0; i < 3; i++) a[i] /= length;
}

/* Fills the rows that are not present with unit vectors perpendicular to the rest. */
static void complete(double box[9], const int present[3]) {
    int n = present[0] + present[1] + present[2];
    if (n == 3) return;
    if (n == 0) {
        for (int i = 0; i < 9; i++) box[i] = i % 4 == 0;
        return;
    }
    if (n == 1) {
        int k = present[0] ? 0 : present[1] ? 1 : 2, axis = 0;
        double *v = box + (k + 1) % 3 * 3, u[3];
        memcpy(u, box + 3 * k, sizeof u);
        normalize(u);
        for (int i = 1; i < 3; i++)
            if (fabs(u[i]) < fabs(u[axis])) axis = i; /* the axis least along u */
        for (int i = 0; i < 3; i++) v[i] = (i == axis) - u[axis] * u[i];
        normalize(v);
        cross(u, v, box + (k + 2) % 3 * 3);
        return;
    }
    int k = !present[0] ? 0 : !present[1] ? 1 : 2;
    cross(box + (k + 1) % 3 * 3, box + (k + 2) % 3 * 3, box + 3 * k);
    normalize(box + 3 * k);
}

/* inverse, volume and faces from box; 0 when the box is singular. */
static int finish(kr_cell *cell) {
    const double *box = cell->box;
    double normal[3][3], lengths = 1;
    for (int k = 0; k < 3; k++) {
        cross(box + (k + 1) % 3 * 3, box + (k + 2) % 3 * 3, normal[k]);
        lengths *= sqrt(dot(box + 3 * k, box + 3 * k));
    }
    double det = dot(box, normal[0]);
    if (!(fabs(det) > FLAT * lengths) || !isfinite(lengths)) return 0;
    cell->volume = fabs(det);
    for (int k = 0; k < 3; k++) {
        cell->face[k] = cell->volume / sqrt(dot(normal[k], normal[k]));
        for (int i = 0; i < 3; i++) cell->inverse[3 * i + k] = normal[k][i] / det;
    }
    return 1;
}

kr_status kr_cell_set(kr_context *ctx, const double *box, const unsigned char *pbc, kr_cell *cell) {
    if (!cell) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "cell is NULL");
    int present[3] = {0, 0, 0};
    memset(cell, 0, sizeof *cell);
    for (int k = 0; k < 3 && box; k++) {
        const double *row = box + 3 * k;
        cell->pbc[k] = pbc ? pbc[k] != 0 : 1;
        present[k] = row[0] != 0 || row[1] != 0 || row[2] != 0 || cell->pbc[k];
    }
    if (box) memcpy(cell->box, box, sizeof cell->box);
    if (present[0] + present[1] + present[2] < 3) complete(cell->box, present);
    if (finish(cell)) return KR_OK;
    const double *b = cell->box;
    double length[3];
    for (int k = 0; k < 3; k++) length[k] = sqrt(dot(b + 3 * k, b + 3 * k));
    double normal[3];
    cross(b + 3, b + 6, normal);
    return KR_ERROR(ctx, KR_ERR_ARGUMENT,
                    "cell (%g %g %g) (%g %g %g) (%g %g %g) Å is singular: volume %g Å^3 for edges of %g, %g, %g Å",
                    b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], fabs(dot(b, normal)), length[0], length[1],
                    length[2]);
}

void kr_cell_to_fractional(const kr_cell *cell, const double x[3], double s[3]) {
    double t[3];
    for (int k = 0; k < 3; k++)
        t[k] = x[0] * cell->inverse[k] + x[1] * cell->inverse[3 + k] + x[2] * cell->inverse[6 + k];
    memcpy(s, t, sizeof t); /* s may be x */
}

void kr_cell_to_cartesian(const kr_cell *cell, const double s[3], double x[3]) {
    double t[3];
    for (int i = 0; i < 3; i++) t[i] = s[0] * cell->box[i] + s[1] * cell->box[3 + i] + s[2] * cell->box[6 + i];
    memcpy(x, t, sizeof t);
}

void kr_cell_wrap(const kr_cell *cell, double x[3], int shift[3]) {
    double total[3] = {0, 0, 0};
    /* A second round: just below 0 rounds to exactly 1 after the first. */
    for (int round = 0; round < 2; round++) {
        double s[3], cells[3];
        kr_cell_to_fractional(cell, x, s);
        for (int k = 0; k < 3; k++) cells[k] = cell->pbc[k] ? floor(s[k]) : 0;
        if (cells[0] == 0 && cells[1] == 0 && cells[2] == 0) break;
        for (int k = 0; k < 3; k++) {
            total[k] += cells[k];
            for (int i = 0; i < 3; i++) x[i] -= cells[k] * cell->box[3 * k + i];
        }
    }
    if (!shift) return;
    for (int k = 0; k < 3; k++) shift[k] = fabs(total[k]) < 2e9 ? (int)total[k] : 0; /* NaN and nonsense: 0 */
}

/* row k += f · row l, in vectors and in integers; refused when the integers would overflow. */
static int add_row(double box[9], double integers[9], int k, int l, double f) {
    for (int i = 0; i < 3; i++)
        if (fabs(integers[3 * k + i] + f * integers[3 * l + i]) > 1e9) return 0;
    for (int i = 0; i < 3; i++) {
        box[3 * k + i] += f * box[3 * l + i];
        integers[3 * k + i] += f * integers[3 * l + i];
    }
    return 1;
}

/* Shortens row k by integer multiples of the other periodic rows; 0 when it is as short as it gets. In three
 * dimensions a basis that no combination with coefficients −1, 0, 1 shortens is Minkowski-reduced. */
static int shorten(double box[9], double integers[9], const unsigned char pbc[3], int k) {
    int p = (k + 1) % 3, q = (k + 2) % 3;
    for (int l = p; l != k; l = (l + 1) % 3) {
        if (!pbc[l]) continue;
        double f = -rint(dot(box + 3 * k, box + 3 * l) / dot(box + 3 * l, box + 3 * l));
        if (fabs(f) > 1 && add_row(box, integers, k, l, f)) return 1; /* far: many cells at once */
    }
    double best = dot(box + 3 * k, box + 3 * k) * (1 - 1e-9);
    int bp = 0, bq = 0;
    for (int fp = pbc[p] ? -1 : 0; fp <= (pbc[p] ? 1 : 0); fp++)
        for (int fq = pbc[q] ? -1 : 0; fq <= (pbc[q] ? 1 : 0); fq++) {
            double v[3];
            for (int i = 0; i < 3; i++) v[i] = box[3 * k + i] + fp * box[3 * p + i] + fq * box[3 * q + i];
            if (dot(v, v) < best) {
                best = dot(v, v);
                bp = fp;
                bq = fq;
            }
        }
    if (!bp && !bq) return 0;
    return (!bp || add_row(box, integers, k, p, bp)) && (!bq || add_row(box, integers, k, q, bq));
}

void kr_cell_reduce(const kr_cell *cell, kr_cell *reduced, int transform[9]) {
    double integers[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    int present[3];
    *reduced = *cell;
    for (int k = 0; k < 3; k++) present[k] = cell->pbc[k];
    complete(reduced->box, present);
    /* Every step shortens a vector by a finite factor, so this ends; the bound is for rounding. */
    for (int round = 0, changed = 1; changed && round < 1000; round++) {
        changed = 0;
        for (int k = 0; k < 3; k++) changed |= cell->pbc[k] && shorten(reduced->box, integers, cell->pbc, k);
    }
    /* From the integers, so that rounding of the steps does not remain. */
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 3 && cell->pbc[k]; i++)
            reduced->box[3 * k + i] = integers[3 * k] * cell->box[i] + integers[3 * k + 1] * cell->box[3 + i] +
                                      integers[3 * k + 2] * cell->box[6 + i];
    for (int i = 0; i < 9; i++) transform[i] = (int)integers[i];
    if (finish(reduced)) return;
    *reduced = *cell; /* reduction of a nearly singular cell went wrong: the cell itself is always right */
    for (int i = 0; i < 9; i++) transform[i] = i % 4 == 0;
}
