/* Canonical order and digest of a structure.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/structure.h"
#include "core/cell.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double grid = 1e-8; /* Å */

typedef struct atom {
    const char *name;
    int64_t place[3];
    int index;
} atom;

static int compare(const void *a, const void *b) {
    const atom *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    for (int c = 0; c < 3 && !order; c++) order = (x->place[c] > y->place[c]) - (x->place[c] < y->place[c]);
    return order ? order : x->index - y->index;
}

/* Positions on the grid: periodic directions wrapped in fractional coordinates, where 1 − 1e-17 and 0 must be the same
 * place: so rounding comes before the remainder. */
static kr_status places(kr_context *ctx, const kr_frame *frame, atom *atoms) {
    kr_cell cell;
    int periodic = frame->pbc[0] || frame->pbc[1] || frame->pbc[2];
    if (periodic) {
        kr_status status = kr_cell_set(ctx, frame->box, frame->pbc, &cell);
        if (status != KR_OK) return status;
    }
    double low[3] = {0, 0, 0};
    for (int i = 0; i < frame->natoms && !periodic; i++)
        for (int c = 0; c < 3; c++)
            if (i == 0 || frame->coord[3 * i + c] < low[c]) low[c] = frame->coord[3 * i + c];
    for (int i = 0; i < frame->natoms; i++) {
        const double *x = frame->coord + 3 * i;
        double f[3];
        if (periodic) kr_cell_to_fractional(&cell, x, f);
        for (int c = 0; c < 3; c++) {
            if (!periodic) {
                atoms[i].place[c] = llround((x[c] - low[c]) / grid);
                continue;
            }
            const double *vector = frame->box + 3 * c;
            double length = sqrt(vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2]);
            int64_t steps = llround(length / grid), place = llround(f[c] * length / grid);
            if (frame->pbc[c] && steps > 0) place = ((place % steps) + steps) % steps;
            atoms[i].place[c] = place;
        }
    }
    return KR_OK;
}

static kr_status sorted(kr_context *ctx, const kr_frame *frame, const char *const *names, atom **atoms) {
    kr_status status = KR_OK;
    KR_NEW(ctx, *atoms, (size_t)frame->natoms);
    for (int i = 0; i < frame->natoms; i++) {
        (*atoms)[i].name = names[frame->type[i]];
        (*atoms)[i].index = i;
    }
    KR_TRY(places(ctx, frame, *atoms));
    qsort(*atoms, (size_t)frame->natoms, sizeof **atoms, compare);
done:
    return status;
}

kr_status kr_structure_order(kr_context *ctx, const kr_frame *frame, const char *const *names, int *order,
                             int64_t *place) {
    atom *atoms = NULL;
    kr_status status = sorted(ctx, frame, names, &atoms);
    for (int i = 0; i < frame->natoms && status == KR_OK; i++) {
        order[i] = atoms[i].index;
        if (place) memcpy(place + 3 * i, atoms[i].place, sizeof atoms[i].place);
    }
    kr_free(atoms);
    return status;
}

kr_status kr_structure_digest(kr_context *ctx, const kr_frame *frame, const char *const *names, kr_digest *digest) {
    atom *atoms = NULL;
    kr_status status = sorted(ctx, frame, names, &atoms);
    if (status == KR_OK) {
        int64_t box[9];
        int periodic = frame->pbc[0] || frame->pbc[1] || frame->pbc[2];
        for (int c = 0; c < 9; c++) box[c] = periodic ? llround(frame->box[c] / grid) : 0;
        kr_digest_add(digest, frame->pbc, 3);
        kr_digest_add(digest, box, sizeof box);
        for (int i = 0; i < frame->natoms; i++) {
            kr_digest_text(digest, atoms[i].name);
            kr_digest_add(digest, atoms[i].place, sizeof atoms[i].place);
        }
    }
    kr_free(atoms);
    return status;
}
