/* Bins of the neighbour list.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A bin has a 64-bit number; atoms are sorted by (number mod buckets) with at most as many buckets as atoms. Usually
 * every bin is a bucket of its own, and neighbouring bins along axis 0 are one run of memory. When atoms are spread far
 * (open systems) there are more bins than buckets: bins then share buckets, and the number of an atom's bin is
 * compared. Memory and time stay O(N) either way. */
#include "core/neighbor_grid.h"
#include <math.h>
#include <string.h>

enum { MAX_BINS = 1 << 20 }; /* per axis, so that numbers of bins fit 60 bits */

/* Number and thickness of bins for atoms in [lo, hi]: rcut / 2 when there are enough atoms to fill such bins, else
 * rcut, which needs fewer look-ups. */
void kr_grid_choose(kr_grid *g, const kr_cell *lattice, double rcut, const double lo[3], const double hi[3],
                    int natoms) {
    g->natoms = natoms;
    for (int halves = 2; halves >= 1; halves--) {
        double total = 1, thick = rcut / halves * (1 + 1e-6);
        for (int k = 0; k < 3; k++) {
            double extent = (hi[k] - lo[k]) * lattice->face[k], bins = floor(extent / thick);
            g->bins[k] = bins > MAX_BINS ? MAX_BINS : bins > 1 ? (int)bins : 1;
            double actual = extent / g->bins[k];
            g->reach[k] = g->bins[k] > 1 ? (int)ceil(rcut / actual) : 0;
            g->origin[k] = lo[k];
            g->scale[k] = hi[k] > lo[k] ? g->bins[k] / (hi[k] - lo[k]) : 0;
            total *= g->bins[k];
        }
        g->shared = total > g->natoms;
        g->nbuckets = g->shared ? (size_t)g->natoms : (size_t)total;
        if (total <= g->natoms) return;
    }
}

static size_t bucket_of(const kr_grid *g, uint64_t bin) {
    if (!g->shared) return (size_t)bin;
    bin *= 0x9E3779B97F4A7C15u; /* mixes, so that neighbouring clusters do not fall together */
    return (size_t)((bin ^ bin >> 32) % g->nbuckets);
}

static uint64_t bin_number(const kr_grid *g, const int b[3]) {
    return ((uint64_t)b[2] * (uint64_t)g->bins[1] + (uint64_t)b[1]) * (uint64_t)g->bins[0] + (uint64_t)b[0];
}

kr_status kr_grid_reserve(kr_context *ctx, kr_grid *g, int nall, kr_buffer *buffer) {
    size_t n = (size_t)nall;
    size_t bytes = n * (2 * sizeof(uint64_t) + 3 * sizeof(double) + sizeof(int)) + (g->nbuckets + 1) * sizeof(int);
    kr_status status = kr_buffer_reserve(ctx, buffer, bytes, 1);
    if (status < 0) return status;
    g->unsorted = buffer->data;
    g->bin = g->unsorted + n;
    g->x = (double *)(g->bin + n);
    g->y = g->x + n;
    g->z = g->y + n;
    g->index = (int *)(g->z + n);
    g->start = g->index + n;
    return KR_OK;
}

/* Counting sort of the atoms by bucket; stable, so indices ascend within a bucket. */
void kr_grid_sort(kr_grid *g, const kr_cell *lattice, int nall, const double *x, const int *owner,
                  const unsigned char *skip) {
    memset(g->start, 0, (g->nbuckets + 1) * sizeof *g->start);
    for (int i = 0; i < nall; i++) {
        g->unsorted[i] = KR_NO_BIN;
        if (skip && skip[owner[i]]) continue;
        double s[3];
        int b[3];
        kr_cell_to_fractional(lattice, x + 3 * (size_t)i, s);
        for (int k = 0; k < 3; k++) {
            double at = (s[k] - g->origin[k]) * g->scale[k];
            b[k] = at < 0 ? 0 : at >= g->bins[k] ? g->bins[k] - 1 : (int)at;
        }
        g->unsorted[i] = bin_number(g, b);
        g->start[bucket_of(g, g->unsorted[i]) + 1]++;
    }
    for (size_t b = 0; b < g->nbuckets; b++) g->start[b + 1] += g->start[b];
    /* Filling from the back leaves start[b] at the first atom of bucket b without a second array. */
    for (size_t b = g->nbuckets; b > 0; b--) g->start[b] = g->start[b - 1];
    for (int i = 0; i < nall; i++) {
        if (g->unsorted[i] == KR_NO_BIN) continue;
        int at = g->start[bucket_of(g, g->unsorted[i]) + 1]++;
        const double *xi = x + 3 * (size_t)i;
        g->x[at] = xi[0];
        g->y[at] = xi[1];
        g->z[at] = xi[2];
        g->index[at] = i;
        g->bin[at] = g->unsorted[i];
    }
}

/* Sorted positions from … to − 1 within rcut of position p: counted, and their indices stored when `out` is given.
 * Branch-free: out needs room for one more. */
static int scan(const kr_grid *g, int p, double rcut2, int from, int to, int *out, int count) {
    double x = g->x[p], y = g->y[p], z = g->z[p];
    if (!out) {
        for (int q = from; q < to; q++) {
            double dx = g->x[q] - x, dy = g->y[q] - y, dz = g->z[q] - z;
            count += dx * dx + dy * dy + dz * dz <= rcut2;
        }
        return count;
    }
    for (int q = from; q < to; q++) {
        double dx = g->x[q] - x, dy = g->y[q] - y, dz = g->z[q] - z;
        out[count] = g->index[q];
        count += dx * dx + dy * dy + dz * dz <= rcut2;
    }
    return count;
}

int kr_grid_search(const kr_grid *g, int p, double rcut2, int *out) {
    uint64_t bin = g->bin[p];
    int b[3] = {(int)(bin % (uint64_t)g->bins[0]), 0, 0}, lo[3], hi[3], count = 0;
    bin /= (uint64_t)g->bins[0];
    b[1] = (int)(bin % (uint64_t)g->bins[1]);
    b[2] = (int)(bin / (uint64_t)g->bins[1]);
    for (int k = 0; k < 3; k++) {
        lo[k] = b[k] > g->reach[k] ? b[k] - g->reach[k] : 0;
        hi[k] = b[k] < g->bins[k] - g->reach[k] ? b[k] + g->reach[k] : g->bins[k] - 1;
    }
    int c[3];
    for (c[2] = lo[2]; c[2] <= hi[2]; c[2]++)
        for (c[1] = lo[1]; c[1] <= hi[1]; c[1]++) {
            c[0] = lo[0];
            uint64_t first = bin_number(g, c), last = first + (uint64_t)(hi[0] - lo[0]);
            if (!g->shared) {
                int from = g->start[first], to = g->start[last + 1];
                if (p < from || p >= to) {
                    count = scan(g, p, rcut2, from, to, out, count);
                } else {
                    count = scan(g, p, rcut2, from, p, out, count);
                    count = scan(g, p, rcut2, p + 1, to, out, count);
                }
                continue;
            }
            for (uint64_t number = first; number <= last; number++) {
                size_t bucket = bucket_of(g, number);
                for (int q = g->start[bucket]; q < g->start[bucket + 1]; q++)
                    if (g->bin[q] == number && q != p) count = scan(g, p, rcut2, q, q + 1, out, count);
            }
        }
    return count;
}
