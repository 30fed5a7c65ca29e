/* Ordered line integrals: the front. Nodes are accepted in order of U; each new one is offered to those near it.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "sampling/quasipotential_olim_parts.h"
#include <math.h>
#include <stdlib.h>

typedef kr_olim_front olim;
typedef kr_olim_reach reach;
typedef kr_olim_work work;

/* ---- heap of considered nodes ---- */

static void put(olim *o, long at, long node) {
    o->heap[at] = node;
    o->place[node] = at;
}

static void rise(olim *o, long at) {
    long node = o->heap[at];
    while (at > 0 && o->r->u[o->heap[(at - 1) / 2]] > o->r->u[node]) {
        put(o, at, o->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(o, at, node);
}

static long pop(olim *o) {
    long top = o->heap[0], node = o->heap[--o->heap_size], at = 0;
    if (!o->heap_size) return top;
    for (;;) {
        long child = 2 * at + 1;
        if (child >= o->heap_size) break;
        if (child + 1 < o->heap_size && o->r->u[o->heap[child + 1]] < o->r->u[o->heap[child]]) child++;
        if (o->r->u[o->heap[child]] >= o->r->u[node]) break;
        put(o, at, o->heap[child]);
        at = child;
    }
    put(o, at, node);
    return top;
}

void kr_olim_lower(olim *o, long node, double u, const kr_olim_base *base) {
    if (!(u < o->r->u[node]) || (o->state[node] == KR_OLIM_CONSIDERED && !o->base[node].count)) return;
    o->r->u[node] = u;
    o->base[node] = *base;
    if (o->state[node] != KR_OLIM_CONSIDERED) {
        o->state[node] = KR_OLIM_CONSIDERED;
        o->place[node] = o->heap_size;
        o->heap[o->heap_size++] = node;
    }
    rise(o, o->place[node]);
}

/* ---- updates ---- */

static void place_of(const olim *o, long node, int *at) {
    for (int k = 0; k < o->dim; k++) at[k] = (int)kr_olim_index(o, node, k);
}

static int inside(const olim *o, const int *at, const int *p) {
    for (int k = 0; k < o->dim; k++)
        if (at[k] + p[k] < 0 || at[k] + p[k] >= o->r->n[k]) return 0;
    return 1;
}

/* −1 outside of the grid. */
static long neighbor(const work *w, const int *at, long node, int k) {
    if (!inside(&w->o, at, w->around[k])) return -1;
    for (int j = 0; j < w->o.dim; j++) node += w->around[k][j] * w->o.stride[j];
    return node;
}

static int adjacent(const olim *o, long a, long b) {
    for (int k = 0; k < o->dim; k++)
        if (labs(kr_olim_index(o, a, k) - kr_olim_index(o, b, k)) > 1) return 0;
    return a != b;
}

static int is_known(const olim *o, long node) { return node >= 0 && o->state[node] >= KR_OLIM_FRONT; }

/* Updates x from the segment y, z; the value. */
static double try_segment(work *w, long x, long y, long z) {
    kr_olim_base base;
    double u = kr_olim_update(&w->o, x, 2, (long[]){y, z}, &base);
    kr_olim_lower(&w->o, x, u, &base);
    return u;
}

/* Updates x from the triangles on the segment y, z. */
static void try_triangles(work *w, long x, long y, long z) {
    olim *o = &w->o;
    kr_olim_base base;
    int at[3];
    if (o->dim < 3) return;
    place_of(o, y, at);
    for (int k = 0; k < w->naround; k++) {
        long third = neighbor(w, at, y, k);
        if (is_known(o, third) && adjacent(o, z, third))
            kr_olim_lower(o, x, kr_olim_update(o, x, 3, (long[]){y, z, third}, &base), &base);
    }
}

/* Updates x from y, from its segments with known neighbours, from the triangles on the best of these. */
static void try_around(work *w, long x, long y) {
    olim *o = &w->o;
    int at[3];
    double least = INFINITY;
    long with = -1;
    kr_olim_lower(o, x, o->one[x], &(kr_olim_base){1, {y}, {1}});
    place_of(o, y, at);
    for (int k = 0; k < w->naround; k++) {
        long z = neighbor(w, at, y, k);
        if (!is_known(o, z)) continue;
        double u = try_segment(w, x, y, z);
        if (u < least) {
            least = u;
            with = z;
        }
    }
    if (with >= 0) try_triangles(w, x, y, with);
}

static double from_one(const olim *o, long middle, const double *d, double length, double u) {
    const double *f = o->f + middle * o->dim;
    double size = 0, along = 0;
    for (int k = 0; k < o->dim; k++) {
        size += f[k] * f[k];
        along += f[k] * d[k];
    }
    return u + sqrt(size) * length - along;
}

/* The new front node x is offered to considered nodes near it. */
static void pass_on(work *w, long x, const int *at) {
    olim *o = &w->o;
    long middle = 0;
    for (int k = 0; k < o->dim; k++) middle += 2 * at[k] * o->fstride[k];
    for (long i = 0; i < w->nreach; i++) {
        const reach *r = &w->reach[i];
        if (!inside(o, at, r->p)) continue;
        long y = x + r->shift;
        if (o->state[y] != KR_OLIM_CONSIDERED) continue;
        double d[3] = {-r->d[0], -r->d[1], -r->d[2]}, u = from_one(o, middle + r->fshift, d, r->length, o->r->u[x]);
        if (u < o->one[y]) {
            o->one[y] = u;
            o->best[y] = x;
            try_around(w, y, x);
        } else if (o->best[y] >= 0 && adjacent(o, o->best[y], x)) {
            /* The new node with the best one so far. */
            if (isfinite(try_segment(w, y, o->best[y], x))) try_triangles(w, y, o->best[y], x);
        }
    }
}

/* y has no value yet: the best node of the front near it. */
static void begin_node(work *w, long y) {
    olim *o = &w->o;
    int at[3];
    long middle = 0;
    place_of(o, y, at);
    for (int k = 0; k < o->dim; k++) middle += 2 * at[k] * o->fstride[k];
    for (long i = 0; i < w->nreach; i++) {
        const reach *r = &w->reach[i];
        if (!inside(o, at, r->p) || o->state[y + r->shift] != KR_OLIM_FRONT) continue;
        double u = from_one(o, middle + r->fshift, r->d, r->length, o->r->u[y + r->shift]);
        if (u >= o->one[y]) continue;
        o->one[y] = u;
        o->best[y] = y + r->shift;
    }
    if (o->best[y] >= 0) try_around(w, y, o->best[y]);
}

static kr_status accept(kr_context *ctx, work *w, long x) {
    olim *o = &w->o;
    int at[3], near[3];
    place_of(o, x, at);
    kr_status status = kr_olim_refine(ctx, o, x, &o->r->u[x]);
    if (status != KR_OK) return status;
    o->state[x] = KR_OLIM_FRONT;
    o->r->accepted++;
    for (int k = 0; k < w->naround; k++) { /* neighbours without anything left to compute leave the front */
        long y = neighbor(w, at, x, k);
        int open = 0;
        if (y < 0 || o->state[y] != KR_OLIM_FRONT) continue;
        place_of(o, y, near);
        for (int l = 0; l < w->naround && !open; l++) {
            long z = neighbor(w, near, y, l);
            open = z >= 0 && o->state[z] < KR_OLIM_FRONT;
        }
        if (!open) o->state[y] = KR_OLIM_ACCEPTED;
    }
    pass_on(w, x, at);
    for (int k = 0; k < w->naround; k++) {
        long y = neighbor(w, at, x, k);
        if (y >= 0 && o->state[y] == KR_OLIM_UNKNOWN) begin_node(w, y);
    }
    return KR_OK;
}

kr_status kr_olim_march(kr_context *ctx, kr_olim_work *w, double *edge) {
    kr_status status = KR_OK;
    olim *o = &w->o;
    *edge = INFINITY;
    while (o->heap_size) {
        long node = pop(o);
        KR_TRY(accept(ctx, w, node));
        /* Paths could come back through the edge from here on. */
        for (int k = 0; k < o->dim; k++) {
            long i = kr_olim_index(o, node, k);
            if (i == 0 || i == o->r->n[k] - 1) *edge = fmin(*edge, o->r->u[node]);
        }
        if (o->r->accepted % 4096 == 0 && kr_progress(ctx, "nodes", o->r->accepted, o->n) != KR_OK)
            KR_FAIL(ctx, KR_CANCELLED, "stopped after %ld nodes", o->r->accepted);
    }
done:
    return status;
}
