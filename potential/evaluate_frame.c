/* One frame: cell, neighbour list, evaluation, and what ghosts received back to their owners.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "potential/potential_impl.h"
#include <string.h>

kr_status kr_frame_list_make(kr_context *ctx, kr_frame_list *room, double rcut, int n, const double *x, const int *type,
                             const double *box, const unsigned char *pbc, kr_list *list) {
    kr_status status = KR_OK;
    kr_neighbors *nb = &room->neighbors;
    kr_cell cell;
    if (n < 0 || (n > 0 && (!x || !type)))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "a frame of %d atoms without positions or types", n);
    KR_TRY(kr_cell_set(ctx, box, pbc, &cell));
    KR_TRY(kr_buffer_reserve(ctx, &room->skip, (size_t)n, 1));
    unsigned char *skip = room->skip.data;
    for (int i = 0; i < n; i++) skip[i] = type[i] < 0;
    KR_TRY(kr_neighbors_build(ctx, &cell, rcut, n, x, skip, nb));
    KR_TRY(kr_buffer_reserve(ctx, &room->type, (size_t)nb->nall, sizeof(int)));
    KR_TRY(kr_buffer_reserve(ctx, &room->index, (size_t)n, sizeof(int)));
    int *types = room->type.data, *index = room->index.data;
    for (int i = 0; i < nb->nall; i++) types[i] = i < n ? type[i] : type[nb->owner[i]];
    for (int i = 0; i < n; i++) index[i] = i;
    *list = (kr_list){.nlocal = n,
                      .nall = nb->nall,
                      .x = nb->x,
                      .type = types,
                      .inum = n,
                      .ilist = index,
                      .numneigh = nb->numneigh,
                      .firstneigh = nb->firstneigh};
done:
    return status;
}

void kr_frame_list_free(kr_frame_list *room) {
    kr_neighbors_free(&room->neighbors);
    kr_buffer_free(&room->skip);
    kr_buffer_free(&room->type);
    kr_buffer_free(&room->index);
}

size_t kr_frame_list_bytes(const kr_frame_list *room) {
    const kr_neighbors *n = &room->neighbors;
    return room->skip.bytes + room->type.bytes + room->index.bytes +
           n->x_room * (3 * sizeof(double) + 4 * sizeof(int)) + n->pair_room * sizeof(int) +
           n->local_room * (sizeof(long) + sizeof(int *) + sizeof(int));
}

/* out [nmodels][n][width] from full [nmodels][nall][width] */
static void fold(int nmodels, int n, int nall, const int *owner, int width, const double *full, double *out) {
    for (int m = 0; m < nmodels; m++) {
        const double *from = full + (size_t)m * (size_t)nall * (size_t)width;
        double *to = out + (size_t)m * (size_t)n * (size_t)width;
        memcpy(to, from, (size_t)n * (size_t)width * sizeof *to);
        for (int i = n; i < nall; i++)
            for (int k = 0; k < width; k++)
                to[(size_t)owner[i] * (size_t)width + (size_t)k] += from[(size_t)i * (size_t)width + (size_t)k];
    }
}

kr_status kr_potential_compute_frame(const kr_potential *potential, kr_workspace *workspace, int n, const double *x,
                                     const int *type, const double *box, const unsigned char *pbc, const double *fparam,
                                     const double *aparam, const kr_result *result) {
    kr_status status = KR_OK;
    if (!workspace || !potential || workspace->potential != potential || !result)
        return KR_ERROR(workspace ? workspace->ctx : NULL, KR_ERR_ARGUMENT,
                        "potential, workspace of this potential and result are all needed");
    kr_context *ctx = workspace->ctx;
    kr_list list;
    KR_TRY(kr_frame_list_make(ctx, &workspace->frame, potential->rcut, n, x, type, box, pbc, &list));
    size_t room = (size_t)potential->nmodels * (size_t)list.nall;
    kr_result full = *result;
    if (result->force) {
        KR_TRY(kr_buffer_reserve(ctx, &workspace->force, room * 3, sizeof(double)));
        full.force = workspace->force.data;
    }
    if (result->atom_virial) {
        KR_TRY(kr_buffer_reserve(ctx, &workspace->atom_virial, room * 9, sizeof(double)));
        full.atom_virial = workspace->atom_virial.data;
    }
    KR_TRY(kr_potential_compute_list(potential, workspace, &list, fparam, aparam, &full, NULL, 0));
    const int *owner = workspace->frame.neighbors.owner;
    if (result->force) fold(potential->nmodels, n, list.nall, owner, 3, full.force, result->force);
    if (result->atom_virial) fold(potential->nmodels, n, list.nall, owner, 9, full.atom_virial, result->atom_virial);
done:
    return status;
}
