/* Quasipotential on a plane grid by the ordered line integral method, midpoint rule.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   U(x) = min over paths from the attractor of ∫ |f||dl| − f·dl        (|v|² = Σ v_k²/a_k, coordinates x_k/√a_k)
 * Nodes are accepted in order of U, as in Dijkstra's method. Characteristics are not gradients of U, so a node is
 * updated from accepted nodes up to `radius` nodes away: from one of them along a straight segment, with f at its
 * midpoint, or from a point between two adjacent ones, U linear between them (minimum by the root of the derivative).
 * A node that leaves the front for good has no neighbour left to be computed. Near the attractor U = xᵀ H x with the
 * Hessian H of V. Source: Dahiya and Cameron, J. Sci. Comput. 75, 1351 (2018), OLIM-MID; update factors from there. */
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "sampling/quasipotential.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { UNKNOWN, CONSIDERED, FRONT, ACCEPTED };

typedef struct olim {
    const kr_problem *problem;
    kr_olim *r;
    long n, rows, columns;
    double h[2], inverse[2]; /* steps and 1/√a: everything below is in scaled coordinates */
    double *f;               /* [2 n0 − 1][2 n1 − 1][2] drift on the grid of midpoints */
    unsigned char *state;
    double *one; /* [n] best value by a single node … */
    long *best;  /* … and which one */
    long *heap, heap_size;
    long *place; /* [n] in the heap */
    double hit_edge;
} olim;

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

static void lower(olim *o, long node, double u) {
    if (!(u < o->r->u[node])) return;
    o->r->u[node] = u;
    if (o->state[node] != CONSIDERED) {
        o->state[node] = CONSIDERED;
        o->place[node] = o->heap_size;
        o->heap[o->heap_size++] = node;
    }
    rise(o, o->place[node]);
}

/* ---- updates ---- */

static const double *midpoint(const olim *o, long a, long b) {
    long i = a / o->columns + b / o->columns, j = a % o->columns + b % o->columns;
    return o->f + 2 * (i * (2 * o->columns - 1) + j);
}

static double from_one(const olim *o, long x, long y) {
    const double *f = midpoint(o, x, y);
    double dx = (double)(x / o->columns - y / o->columns) * o->h[0],
           dy = (double)(x % o->columns - y % o->columns) * o->h[1];
    return o->r->u[y] + sqrt((f[0] * f[0] + f[1] * f[1]) * (dx * dx + dy * dy)) - f[0] * dx - f[1] * dy;
}

/* Value at the point y + s (z − y), and its derivative by s. */
static double between(const double y[2], const double e[2], const double fy[2], const double df[2], double u, double du,
                      double s, double *slope) {
    double d[2] = {y[0] - s * e[0], y[1] - s * e[1]}, f[2] = {fy[0] + s * df[0], fy[1] + s * df[1]};
    double length = sqrt(d[0] * d[0] + d[1] * d[1]), size = sqrt(f[0] * f[0] + f[1] * f[1]);
    double dlength = -(d[0] * e[0] + d[1] * e[1]) / length;
    double dsize = size > 0 ? (f[0] * df[0] + f[1] * df[1]) / size : 0;
    *slope = du + dsize * length + size * dlength - (df[0] * d[0] + df[1] * d[1]) + f[0] * e[0] + f[1] * e[1];
    return u + s * du + size * length - f[0] * d[0] - f[1] * d[1];
}

static double from_two(const olim *o, long x, long y, long z) {
    const double *fy = midpoint(o, x, y), *fz = midpoint(o, x, z);
    double d[2] = {(double)(x / o->columns - y / o->columns) * o->h[0],
                   (double)(x % o->columns - y % o->columns) * o->h[1]};
    double e[2] = {(double)(z / o->columns - y / o->columns) * o->h[0],
                   (double)(z % o->columns - y % o->columns) * o->h[1]};
    double df[2] = {fz[0] - fy[0], fz[1] - fy[1]}, u = o->r->u[y], du = o->r->u[z] - u;
    double low = 0, high = 1, at_low, at_high, slope;
    between(d, e, fy, df, u, du, 0, &at_low);
    between(d, e, fy, df, u, du, 1, &at_high);
    if (!(at_low < 0 && at_high > 0)) return INFINITY; /* the minimum is at an end: one node does it */
    double value = INFINITY;
    for (int it = 0; it < 12 && high - low > 1e-6; it++) {
        double s = it % 3 == 2 ? 0.5 * (low + high) : low - at_low * (high - low) / (at_high - at_low);
        if (!(s > low && s < high)) s = 0.5 * (low + high);
        value = fmin(value, between(d, e, fy, df, u, du, s, &slope));
        if (slope > 0) {
            high = s;
            at_high = slope;
        } else {
            low = s;
            at_low = slope;
        }
    }
    return value;
}

static const int AROUND[8][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}, {1, 1}, {1, -1}, {-1, 1}, {-1, -1}};

static long neighbor(const olim *o, long x, int k) {
    long i = x / o->columns + AROUND[k][0], j = x % o->columns + AROUND[k][1];
    return i < 0 || j < 0 || i >= o->rows || j >= o->columns ? -1 : i * o->columns + j;
}

/* Segments between y and its neighbours on the front. */
static double from_segments(const olim *o, long x, long y) {
    double best = INFINITY;
    for (int k = 0; k < 8; k++) {
        long z = neighbor(o, y, k);
        if (z >= 0 && (o->state[z] == FRONT || o->state[z] == ACCEPTED)) best = fmin(best, from_two(o, x, y, z));
    }
    return best;
}

/* Calls `visit` for every node within the radius of x. */
typedef void (*visit_fn)(olim *o, long x, long y);
static void each_near(olim *o, long x, visit_fn visit) {
    long i = x / o->columns, j = x % o->columns, radius = o->r->radius;
    for (long p = i > radius ? i - radius : 0; p <= i + radius && p < o->rows; p++) {
        long rest = radius * radius - (p - i) * (p - i), reach = 0;
        while ((reach + 1) * (reach + 1) <= rest) reach++;
        for (long q = j > reach ? j - reach : 0; q <= j + reach && q < o->columns; q++)
            if (p != i || q != j) visit(o, x, p * o->columns + q);
    }
}

static void try_one(olim *o, long x, long y) {
    if (o->state[y] != FRONT) return;
    double u = from_one(o, x, y);
    if (u >= o->one[x]) return;
    o->one[x] = u;
    o->best[x] = y;
}

/* x is the new front node, y a node near it that is being considered. */
static void pass_on(olim *o, long x, long y) {
    if (o->state[y] != CONSIDERED) return;
    double u = from_one(o, y, x);
    if (u < o->one[y]) {
        o->one[y] = u;
        o->best[y] = x;
        lower(o, y, fmin(u, from_segments(o, y, x)));
    } else {
        /* Segments of the new node with the best one so far, when they are adjacent. */
        long b = o->best[y];
        if (b >= 0 && labs(b / o->columns - x / o->columns) <= 1 && labs(b % o->columns - x % o->columns) <= 1)
            lower(o, y, from_two(o, y, b, x));
    }
}

static void accept(olim *o, long x) {
    o->state[x] = FRONT;
    o->r->accepted++;
    for (int k = 0; k < 8; k++) { /* neighbours without anything left to compute leave the front */
        long y = neighbor(o, x, k);
        int open = 0;
        if (y < 0 || o->state[y] != FRONT) continue;
        for (int l = 0; l < 8 && !open; l++) {
            long z = neighbor(o, y, l);
            open = z >= 0 && (o->state[z] == UNKNOWN || o->state[z] == CONSIDERED);
        }
        if (!open) o->state[y] = ACCEPTED;
    }
    each_near(o, x, pass_on);
    for (int k = 0; k < 8; k++) {
        long y = neighbor(o, x, k);
        if (y < 0 || o->state[y] != UNKNOWN) continue;
        each_near(o, y, try_one);
        if (o->best[y] >= 0) lower(o, y, fmin(o->one[y], from_segments(o, y, o->best[y])));
    }
}

/* ---- solver ---- */

static kr_status drift_row(void *payload, kr_context *ctx, long row, int thread) {
    kr_status status = KR_OK;
    const olim *o = payload;
    (void)thread;
    long columns = 2 * o->columns - 1;
    double x[2] = {o->r->low[0] + 0.5 * (double)row * (o->r->high[0] - o->r->low[0]) / (double)(o->rows - 1), 0};
    for (long j = 0; j < columns && status == KR_OK; j++) {
        double *f = o->f + 2 * (row * columns + j);
        x[1] = o->r->low[1] + 0.5 * (double)j * (o->r->high[1] - o->r->low[1]) / (double)(o->columns - 1);
        status = kr_problem_drift(ctx, o->problem, 1, x, f);
        f[0] *= o->inverse[0];
        f[1] *= o->inverse[1];
    }
    return status;
}

/* Nodes near the attractor take the quadratic form. */
static void begin(olim *o, const double *x, const double *hessian) {
    double step[2] = {(o->r->high[0] - o->r->low[0]) / (double)(o->rows - 1),
                      (o->r->high[1] - o->r->low[1]) / (double)(o->columns - 1)};
    for (long i = 0; i < o->n; i++) {
        double d[2] = {o->r->low[0] + (double)(i / o->columns) * step[0] - x[0],
                       o->r->low[1] + (double)(i % o->columns) * step[1] - x[1]};
        if (fabs(d[0]) > 1.5 * step[0] || fabs(d[1]) > 1.5 * step[1]) continue;
        lower(o, i, hessian[0] * d[0] * d[0] + (hessian[1] + hessian[2]) * d[0] * d[1] + hessian[3] * d[1] * d[1]);
    }
}

kr_status kr_olim_solve(kr_context *ctx, const kr_problem *problem, const double *x, int n0, int n1, int radius,
                        kr_olim *result) {
    kr_status status = KR_OK;
    olim o = {.problem = problem, .r = result, .rows = n0, .columns = n1, .n = (long)n0 * n1, .hit_edge = INFINITY};
    double hessian[4];
    if (problem->dim != 2 || n0 < 3 || n1 < 3)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%d dimensions, %d x %d nodes: 2 dimensions needed", problem->dim, n0,
                        n1);
    *result = (kr_olim){.n = {n0, n1}, .radius = radius};
    if (radius == 0) /* 8, 10, 13, 16, 21, 26 at 129, 257, …: grows like n^0.34 */
        result->radius = (int)(8 * pow(fmax(n0, n1) / 129.0, 0.34) + 0.5);
    for (int k = 0; k < 2; k++) {
        result->low[k] = problem->low[k];
        result->high[k] = problem->high[k];
        o.inverse[k] = 1 / sqrt(problem->mobility ? problem->mobility[k] : 1);
        o.h[k] = (problem->high[k] - problem->low[k]) / (result->n[k] - 1) * o.inverse[k];
        if (!isfinite(o.h[k])) KR_FAIL(ctx, KR_ERR_ARGUMENT, "no box, or no noise, in dimension %d", k + 1);
    }
    KR_TRY(kr_lyapunov_hessian(ctx, problem, x, hessian));
    KR_NEW(ctx, result->u, (size_t)o.n);
    KR_NEW(ctx, o.f, 2 * (size_t)(2 * n0 - 1) * (size_t)(2 * n1 - 1));
    KR_NEW(ctx, o.state, (size_t)o.n);
    KR_NEW(ctx, o.one, (size_t)o.n);
    KR_NEW(ctx, o.best, (size_t)o.n);
    KR_NEW(ctx, o.heap, (size_t)o.n);
    KR_NEW(ctx, o.place, (size_t)o.n);
    for (long i = 0; i < o.n; i++) {
        result->u[i] = o.one[i] = INFINITY;
        o.best[i] = -1;
    }
    KR_TRY(kr_parallel_blocks(ctx, 2 * n0 - 1, drift_row, NULL, &o));
    begin(&o, x, hessian);
    if (!o.heap_size) KR_FAIL(ctx, KR_ERR_ARGUMENT, "the attractor (%g, %g) lies outside of the grid", x[0], x[1]);
    while (o.heap_size) {
        long node = pop(&o), i = node / n1, j = node % n1;
        /* Paths could come back through the edge from here on. */
        if (i == 0 || j == 0 || i == n0 - 1 || j == n1 - 1) o.hit_edge = fmin(o.hit_edge, result->u[node]);
        accept(&o, node);
        if (result->accepted % 4096 == 0 && kr_progress(ctx, "nodes", result->accepted, o.n) != KR_OK)
            KR_FAIL(ctx, KR_CANCELLED, "stopped after %ld nodes", result->accepted);
    }
    result->largest = o.hit_edge;
done:
    kr_free(o.f);
    kr_free(o.state);
    kr_free(o.one);
    kr_free(o.best);
    kr_free(o.heap);
    kr_free(o.place);
    if (status != KR_OK) kr_olim_free(result);
    return status;
}

void kr_olim_free(kr_olim *result) {
    kr_free(result->u);
    *result = (kr_olim){0};
}
