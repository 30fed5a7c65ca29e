/* O(N) neighbour list: ghosts, bins, one counting and one filling pass.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * 1. The lattice is reduced first, so that a sheared cell costs no more than its compact twin. Fractional coordinates s
 *    below are those of the reduced cell; along axis k a distance of rcut never spans more than rcut / face_k.
 * 2. Ghosts: images s + m (m integer, periodic axes) that come within rcut / face_k of the range of the atoms, per
 * axis.
 * 3. Bins in s, at least rcut / 2 thick (neighbor_grid.c).
 * 4. Every local atom looks at the bins within reach; first counting, then filling, then sorting its neighbours. */
#include "core/neighbor.h"
#include "core/error.h"
#include "core/neighbor_grid.h"
#include "core/parallel.h"
#include <limits.h>
#include <math.h>
#include <string.h>

static const double FAR = 1e9;    /* Å; beyond it a double no longer resolves 1e-7 Å */
static const double SLACK = 1e-9; /* of rcut: rounding of fractional coordinates must lose no pair */

void kr_neighbors_free(kr_neighbors *list) {
    if (!list) return;
    kr_free(list->x);
    kr_free(list->owner);
    kr_free(list->shift);
    kr_free(list->first);
    kr_free(list->neighbor);
    kr_free(list->firstneigh);
    kr_free(list->numneigh);
    kr_buffer_free(&list->fraction);
    kr_buffer_free(&list->grid);
    *list = (kr_neighbors){0};
}

/* ---- positions ---- */

/* A new array in place of the old one; contents are kept. */
#define GROW(target, old_count, count)                                                    \
    do {                                                                                  \
        void *grown_ = kr_realloc(ctx, (target), (old_count), (count), sizeof *(target)); \
        if (!grown_) return KR_ERR_MEMORY;                                                \
        (target) = grown_;                                                                \
    } while (0)

static kr_status reserve_local(kr_context *ctx, kr_neighbors *list, size_t n) {
    if (n <= list->local_room && list->numneigh) return KR_OK;
    GROW(list->first, 0, n + 1);
    GROW(list->firstneigh, 0, n);
    GROW(list->numneigh, 0, n);
    list->local_room = n;
    return KR_OK;
}

static kr_status reserve_atoms(kr_context *ctx, kr_neighbors *list, size_t kept, size_t n) {
    if (n <= list->x_room && list->shift) return KR_OK;
    n += n / 8; /* the number of ghosts changes from frame to frame */
    GROW(list->x, 3 * kept, 3 * n);
    GROW(list->owner, kept, n);
    GROW(list->shift, 3 * kept, 3 * n);
    list->x_room = n;
    return KR_OK;
}

/* Wraps the locals into the lattice; s [n][3] their fractional coordinates, lo, hi their range. */
static kr_status place_locals(kr_context *ctx, kr_neighbors *list, const kr_cell *lattice, int n, const double *x,
                              const unsigned char *skip, double *s, double lo[3], double hi[3]) {
    for (int k = 0; k < 3; k++) {
        lo[k] = INFINITY;
        hi[k] = -INFINITY;
    }
    for (int i = 0; i < n; i++) {
        double *xi = list->x + 3 * (size_t)i, *si = s + 3 * (size_t)i;
        memcpy(xi, x + 3 * (size_t)i, 3 * sizeof *xi);
        list->owner[i] = i;
        memset(list->shift + 3 * (size_t)i, 0, 3 * sizeof *list->shift);
        if (skip && skip[i]) continue;
        for (int k = 0; k < 3; k++)
            if (!(fabs(xi[k]) < FAR))
                return KR_ERROR(ctx, KR_ERR_ARGUMENT,
                                "atom %d is at (%g, %g, %g) Å; coordinates must be finite and below %g Å", i, xi[0],
                                xi[1], xi[2], FAR);
        kr_cell_wrap(lattice, xi, NULL);
        kr_cell_to_fractional(lattice, xi, si);
        for (int k = 0; k < 3; k++) {
            lo[k] = fmin(lo[k], si[k]);
            hi[k] = fmax(hi[k], si[k]);
        }
    }
    return KR_OK;
}

#define MOST_IMAGES 1e7 /* of a few atoms; many atoms may have 100 each */

/* Range of images of an atom along one axis that lie in [lo, hi]. */
static void image_range(int periodic, double s, double lo, double hi, double *from, double *to) {
    *from = periodic ? ceil(lo - s) : 0;
    *to = periodic ? floor(hi - s) : 0;
}

/* Appends the ghosts; lo, hi already widened by the cutoff. */
static kr_status append_ghosts(kr_context *ctx, kr_neighbors *list, const kr_cell *lattice, const int transform[9],
                               const unsigned char *skip, double rcut, const double lo[3], const double hi[3]) {
    const double *s = list->fraction.data;
    double total = list->nlocal;
    for (int i = 0; i < list->nlocal; i++) {
        if (skip && skip[i]) continue;
        double images = 1;
        for (int k = 0; k < 3; k++) {
            double from, to;
            image_range(lattice->pbc[k], s[3 * (size_t)i + (size_t)k], lo[k], hi[k], &from, &to);
            images *= to - from + 1;
        }
        total += images - 1;
    }
    /* A cell far smaller than the cutoff is a mistake: say so before memory runs out. */
    const double most = fmin(INT_MAX, MOST_IMAGES + 100.0 * list->nlocal);
    if (!(total <= most)) {
        KR_ERROR(ctx, KR_ERR_ARGUMENT,
                 "%.3g periodic images are needed, at most %.3g fit: rcut %g Å, faces of the cell %g, %g, %g Å apart",
                 total, most, rcut, lattice->face[0], lattice->face[1], lattice->face[2]);
        kr_error_hint(ctx, "is the cell in Å, and are its rows the cell vectors?");
        return KR_ERR_ARGUMENT;
    }
    kr_status status = reserve_atoms(ctx, list, (size_t)list->nlocal, (size_t)total);
    if (status < 0) return status;
    size_t at = (size_t)list->nlocal;
    for (int i = 0; i < list->nlocal; i++) {
        if (skip && skip[i]) continue;
        double from[3], to[3], m[3];
        for (int k = 0; k < 3; k++)
            image_range(lattice->pbc[k], s[3 * (size_t)i + (size_t)k], lo[k], hi[k], &from[k], &to[k]);
        for (m[0] = from[0]; m[0] <= to[0]; m[0]++)
            for (m[1] = from[1]; m[1] <= to[1]; m[1]++)
                for (m[2] = from[2]; m[2] <= to[2]; m[2]++) {
                    if (m[0] == 0 && m[1] == 0 && m[2] == 0) continue;
                    double add[3];
                    kr_cell_to_cartesian(lattice, m, add);
                    for (int k = 0; k < 3; k++) {
                        list->x[3 * at + (size_t)k] = list->x[3 * (size_t)i + (size_t)k] + add[k];
                        list->shift[3 * at + (size_t)k] =
                            (int)(m[0] * transform[k] + m[1] * transform[3 + k] + m[2] * transform[6 + k]);
                    }
                    list->owner[at++] = i;
                }
    }
    list->nall = (int)at;
    return KR_OK;
}

/* Ascending order: quicksort with insertion sort for short pieces; a heap is not needed, as equal keys do not occur and
 * the middle of three is a good pivot for runs. */
static void sort_indices(int *a, int n) {
    while (n > 24) {
        int first = a[0], middle = a[n / 2], last = a[n - 1];
        int pivot = first < middle ? (middle < last  ? middle
                                      : first < last ? last
                                                     : first)
                                   : (first < last    ? first
                                      : middle < last ? last
                                                      : middle);
        int i = -1, j = n;
        for (;;) {
            do i++;
            while (a[i] < pivot);
            do j--;
            while (a[j] > pivot);
            if (i >= j) break;
            int swap = a[i];
            a[i] = a[j];
            a[j] = swap;
        }
        /* The shorter piece by recursion: depth ≤ log2 n. */
        int left = j + 1, right = n - left;
        if (left < right) {
            sort_indices(a, left);
            a += left;
            n = right;
        } else {
            sort_indices(a + left, right);
            n = left;
        }
    }
    for (int i = 1; i < n; i++) {
        int value = a[i], j = i;
        for (; j > 0 && a[j - 1] > value; j--) a[j] = a[j - 1];
        a[j] = value;
    }
}

static kr_status fill_list(kr_context *ctx, kr_neighbors *list, const kr_grid *g, double rcut2) {
    int nthreads = g->natoms < 1000 ? 1 : kr_parallel_threads(ctx), most = 0;
    memset(list->numneigh, 0, (size_t)list->nlocal * sizeof *list->numneigh);
    /* Atoms in the order of the bins: neighbours of one are in the cache for the next. Pieces are handed out as threads
     * come, because ghosts (no work) crowd at the edges; what is written does not depend on who writes it. */
#pragma omp parallel for num_threads(nthreads) schedule(dynamic, 512) reduction(max : most)
    for (int p = 0; p < g->natoms; p++) {
        if (g->index[p] >= list->nlocal) continue;
        int count = kr_grid_search(g, p, rcut2, NULL);
        list->numneigh[g->index[p]] = count;
        if (count > most) most = count;
    }
    long npairs = 0;
    for (int i = 0; i < list->nlocal; i++) {
        list->first[i] = npairs;
        if (list->numneigh[i] > LONG_MAX - npairs)
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "more than %ld pairs within the cutoff", LONG_MAX);
        npairs += list->numneigh[i];
    }
    list->first[list->nlocal] = npairs;
    if ((size_t)npairs > list->pair_room || !list->neighbor) {
        size_t room = (size_t)npairs + (size_t)npairs / 8;
        GROW(list->neighbor, 0, room);
        list->pair_room = room;
    }
    /* `scan` writes one past its end: a row of scratch per thread instead of the next atom's place. The fractional
     * coordinates are no longer needed. */
    size_t row = (size_t)most + 1;
    kr_status status = kr_buffer_reserve(ctx, &list->fraction, row * (size_t)nthreads, sizeof(int));
    if (status < 0) return status;
    int *scratch = list->fraction.data;
#pragma omp parallel for num_threads(nthreads) schedule(dynamic, 512)
    for (int p = 0; p < g->natoms; p++) {
        int i = g->index[p];
        if (i >= list->nlocal) continue;
        int *mine = scratch + row * (size_t)kr_parallel_thread(), n = kr_grid_search(g, p, rcut2, mine);
        sort_indices(mine, n);
        memcpy(list->neighbor + list->first[i], mine, (size_t)n * sizeof *mine);
    }
    for (int i = 0; i < list->nlocal; i++) list->firstneigh[i] = list->neighbor + list->first[i];
    list->npairs = npairs;
    return KR_OK;
}

/* ---- the whole ---- */

static kr_status build(kr_context *ctx, const kr_cell *cell, double rcut, int n, const double *x,
                       const unsigned char *skip, kr_neighbors *list) {
    kr_status status = KR_OK;
    kr_cell lattice;
    int transform[9], natoms = 0;
    double lo[3], hi[3];
    kr_grid g = {0};
    kr_cell_reduce(cell, &lattice, transform);
    KR_TRY(reserve_local(ctx, list, (size_t)n));
    KR_TRY(reserve_atoms(ctx, list, 0, (size_t)n));
    KR_TRY(kr_buffer_reserve(ctx, &list->fraction, 3 * (size_t)n, sizeof(double)));
    list->nlocal = list->nall = n;
    KR_TRY(place_locals(ctx, list, &lattice, n, x, skip, list->fraction.data, lo, hi));
    for (int k = 0; k < 3; k++) {
        double margin = lattice.pbc[k] ? rcut / lattice.face[k] * (1 + SLACK) + SLACK : 0;
        lo[k] -= margin;
        hi[k] += margin;
    }
    KR_TRY(append_ghosts(ctx, list, &lattice, transform, skip, rcut, lo, hi));
    for (int i = 0; i < list->nall; i++) natoms += !(skip && skip[list->owner[i]]);
    kr_grid_choose(&g, &lattice, rcut, lo, hi, natoms);
    KR_TRY(kr_grid_reserve(ctx, &g, list->nall, &list->grid));
    kr_grid_sort(&g, &lattice, list->nall, list->x, list->owner, skip);
    KR_TRY(fill_list(ctx, list, &g, rcut * rcut));
done:
    return status;
}

kr_status kr_neighbors_build(kr_context *ctx, const kr_cell *cell, double rcut, int n, const double *x,
                             const unsigned char *skip, kr_neighbors *list) {
    if (!cell || !list || n < 0 || (n > 0 && !x) || !(rcut > 0 && rcut < FAR))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT,
                        "neighbour list of %d atoms with rcut %g Å: cell, positions or list missing, or rcut not in "
                        "(0, %g)",
                        n, rcut, FAR);
    kr_status status = build(ctx, cell, rcut, n, x, skip, list);
    if (status < 0) {
        list->nlocal = list->nall = 0;
        list->npairs = 0;
    }
    return status;
}
