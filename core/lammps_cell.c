/* Cells as LAMMPS wants them.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * a = (lx, 0, 0), b = (xy, ly, 0), c = (xz, yz, lz), all lengths positive. Any other cell is turned: e1 = a/|a|,
 * e3 = a×b/|a×b|, e2 = e3×e1. A left-handed cell takes −c for c, which spans the same lattice. Tilts beyond half of
 * a length are reduced by whole cell vectors, again the same lattice. Source: LAMMPS manual, "Triclinic boxes". */
#include "core/lammps_cell.h"
#include "core/error.h"
#include <math.h>
#include <string.h>

static double dot(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

static void cross(const double *a, const double *b, double *c) {
    c[0] = a[1] * b[2] - a[2] * b[1];
    c[1] = a[2] * b[0] - a[0] * b[2];
    c[2] = a[0] * b[1] - a[1] * b[0];
}

static void bounding_box(const kr_frame *frame, kr_lammps_cell *cell) {
    for (int k = 0; k < 3; k++) {
        cell->lo[k] = cell->hi[k] = frame->coord[k];
        for (int i = 1; i < frame->natoms; i++) {
            cell->lo[k] = fmin(cell->lo[k], frame->coord[3 * (size_t)i + (size_t)k]);
            cell->hi[k] = fmax(cell->hi[k], frame->coord[3 * (size_t)i + (size_t)k]);
        }
        cell->lo[k] -= 10;
        cell->hi[k] += 10;
    }
}

/* Takes whole multiples of vector `by` off vector `from` (rows of the restricted cell m) until |m[from][k]| is at
 * most half of m[k][k]; a hair more is left alone. */
static void reduce(double m[9], int from, int by, kr_lammps_cell *cell) {
    double length = m[4 * by], n = round(m[3 * from + by] / length);
    if (fabs(m[3 * from + by]) <= 0.5 * length * (1 + 1e-9)) return;
    for (int k = 0; k < 3; k++) m[3 * from + k] -= n * m[3 * by + k];
    cell->reduced = 1;
}

kr_status kr_lammps_cell_of(kr_context *ctx, const kr_frame *frame, kr_lammps_cell *cell) {
    const double *box = frame->box;
    double m[9];
    *cell = (kr_lammps_cell){.axis = {1, 0, 0, 0, 1, 0, 0, 0, 1}};
    if (!frame->pbc[0] && !frame->pbc[1] && !frame->pbc[2]) {
        bounding_box(frame, cell);
        return KR_OK;
    }
    if (!(kr_box_volume(box) > 0) || !isfinite(kr_box_volume(box)))
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "a cell of volume %g cannot be written for LAMMPS",
                        kr_box_volume(box));
    memcpy(m, box, sizeof m);
    int restricted = box[1] == 0 && box[2] == 0 && box[5] == 0 && box[0] > 0 && box[4] > 0 && box[8] > 0;
    if (!restricted) {
        double *e1 = cell->axis, *e2 = cell->axis + 3, *e3 = cell->axis + 6, n;
        n = sqrt(dot(box, box));
        for (int k = 0; k < 3; k++) e1[k] = box[k] / n;
        cross(box, box + 3, e3);
        n = sqrt(dot(e3, e3));
        for (int k = 0; k < 3; k++) e3[k] /= n;
        cross(e3, e1, e2);
        for (int v = 0; v < 3; v++) kr_lammps_rotate(cell, box + 3 * v, m + 3 * v);
        m[1] = m[2] = m[5] = 0; /* rounding errors */
        cell->rotated = 1;
        if (m[8] < 0) {
            for (int k = 6; k < 9; k++) m[k] = -m[k];
            cell->mirrored = 1;
        }
    }
    reduce(m, 1, 0, cell);
    reduce(m, 2, 1, cell);
    reduce(m, 2, 0, cell);
    for (int k = 0; k < 3; k++) {
        cell->hi[k] = m[4 * k];
        if (!(m[4 * k] > 0)) return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "cell vector %d has no length", k + 1);
    }
    cell->tilt[0] = m[3];
    cell->tilt[1] = m[6];
    cell->tilt[2] = m[7];
    return KR_OK;
}

void kr_lammps_rotate(const kr_lammps_cell *cell, const double x[3], double out[3]) {
    for (int k = 0; k < 3; k++) out[k] = dot(x, cell->axis + 3 * k);
}

void kr_lammps_explain(kr_context *ctx, const char *path, const kr_lammps_cell *cell, int *said) {
    int now = cell->rotated | cell->mirrored << 1 | cell->reduced << 2;
    if ((now & ~*said) == 0) return;
    *said |= now;
    kr_log(ctx, KR_LOG_INFO, "%s: cells are turned into LAMMPS' restricted triclinic form:%s%s%s", path,
           cell->rotated ? " positions, velocities and forces are rotated;" : "",
           cell->mirrored ? " left-handed cells take -c for c;" : "",
           cell->reduced ? " tilts beyond half a cell are reduced by whole cell vectors;" : "");
}

kr_status kr_lammps_units_of(kr_context *ctx, const char *where, kr_word name, kr_lammps_units *units) {
    char show[32];
    *units = (kr_lammps_units){1, 1};
    if (kr_word_is(name, "metal")) return KR_OK;
    if (kr_word_is(name, "real")) { /* Å/fs; kcal/mol/Å: thermochemical calorie over the CODATA 2018 eV */
        *units = (kr_lammps_units){1000, 4184.0 / 96485.33212331001};
        return KR_OK;
    }
    return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "%s: LAMMPS units '%s', supported metal and real", where,
                    kr_word_show(name, show, sizeof show));
}
