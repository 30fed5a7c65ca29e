/* Quasipotential on a grid in two or three dimensions by the ordered line integral method.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   U(x) = min over paths from the attractor of ∫ |f||dl| − f·dl        (|v|² = Σ v_k²/a_k, coordinates x_k/√a_k)
 * Nodes are accepted in order of U, as in Dijkstra's method. Characteristics are not gradients of U, so a node is
 * updated from known nodes up to `radius` nodes away: from one of them, then from the segments and (3-D) triangles of
 * the best one with its neighbours. A node that leaves the front for good has no neighbour left to be computed. Near
 * the attractor U = xᵀ H x with the Hessian H of V; segments must be short against the distance from there, so smaller
 * boxes around it are solved first and the values are handed on. Sources: Dahiya and Cameron, J. Sci. Comput. 75, 1351
 * (2018); Yang, Potter, Cameron, J. Comput. Phys. 379, 325 (2019). Quadratic interpolation and curved paths are ours.
 */
#include "core/error.h"
#include "core/linalg.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "sampling/quasipotential_olim_parts.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef kr_olim_front olim;
typedef kr_olim_reach reach;
typedef kr_olim_work work;

/* Levels of boxes, each LEVEL_RATIO times smaller, and the radius in nodes of the quadratic start in the smallest. */
static const int LEVELS = 4;
static const double LEVEL_RATIO = 4, START = 3;

/* ---- solver ---- */

/* The drift on the midpoints of one plane (2-D: row) of them. */
static kr_status drift_plane(void *payload, kr_context *ctx, long plane, int thread) {
    kr_status status = KR_OK;
    const olim *o = payload;
    (void)thread;
    for (long i = 0; i < o->fstride[0] && status == KR_OK; i++) {
        double x[3], *f = o->f + (plane * o->fstride[0] + i) * o->dim;
        for (int k = 0; k < o->dim; k++) {
            long at = k ? i / o->fstride[k] % (2 * o->r->n[k] - 1) : plane;
            x[k] = o->r->low[k] + 0.5 * (double)at * (o->r->high[k] - o->r->low[k]) / (o->r->n[k] - 1);
        }
        status = kr_problem_drift(ctx, o->problem, 1, x, f);
        for (int k = 0; k < o->dim; k++) f[k] *= o->inverse[k];
    }
    return status;
}

/* U = 2V of the smaller box, else the quadratic form: INFINITY where neither is good. */
static double start_value(const work *w, const double *x, double limit) {
    double u = 0;
    int dim = w->o.dim;
    if (w->inner) {
        for (int k = 0; k < dim; k++)
            if (x[k] < w->inner->low[k] || x[k] > w->inner->high[k]) return INFINITY;
        u = kr_olim_value(w->inner, x);
        return u < 0.9 * w->inner->largest ? u : INFINITY;
    }
    for (int k = 0; k < dim; k++)
        for (int l = 0; l < dim; l++) u += w->hessian[k * dim + l] * (x[k] - w->from[k]) * (x[l] - w->from[l]);
    return u < limit ? u : INFINITY;
}

/* Nodes near the attractor have their values from the start. The quadratic form is used in the ellipse that reaches
 * START radii far in nodes. */
static void begin(work *w) {
    olim *o = &w->o;
    static const kr_olim_base none = {0};
    double limit = INFINITY, x[3];
    for (int k = 0; k < o->dim; k++)
        limit =
            fmin(limit, pow(fmax(START * o->r->radius, 1.5) * (o->r->high[k] - o->r->low[k]) / (o->r->n[k] - 1), 2) /
                            w->covariance[k * o->dim + k]);
    for (long i = 0; i < o->n; i++) {
        for (int k = 0; k < o->dim; k++)
            x[k] = o->r->low[k] + (double)kr_olim_index(o, i, k) * (o->r->high[k] - o->r->low[k]) / (o->r->n[k] - 1);
        double u = start_value(w, x, limit);
        if (isfinite(u)) kr_olim_lower(o, i, u, &none);
    }
}

static kr_status make_reach(kr_context *ctx, work *w) {
    kr_status status = KR_OK;
    const olim *o = &w->o;
    long radius = o->r->radius, side = 2 * radius + 1, most = side * side * (o->dim == 3 ? side : 1);
    KR_NEW(ctx, w->reach, (size_t)most);
    for (long i = 0; i < most; i++) {
        reach r = {
            {(int)(i % side - radius), (int)(i / side % side - radius), (int)(i / side / side - radius)}, 0, 0, {0}, 0};
        if (o->dim == 2) r.p[2] = 0;
        long square = (long)r.p[0] * r.p[0] + (long)r.p[1] * r.p[1] + (long)r.p[2] * r.p[2];
        if (!square || square > radius * radius) continue;
        for (int k = 0; k < o->dim; k++) {
            r.shift += r.p[k] * o->stride[k];
            r.fshift += r.p[k] * o->fstride[k];
            r.d[k] = -r.p[k] * o->h[k];
            r.length += r.d[k] * r.d[k];
        }
        r.length = sqrt(r.length);
        w->reach[w->nreach++] = r;
        if (square <= o->dim && abs(r.p[0]) <= 1 && abs(r.p[1]) <= 1 && abs(r.p[2]) <= 1)
            memcpy(w->around[w->naround++], r.p, sizeof r.p);
    }
done:
    return status;
}

static kr_status allocate(kr_context *ctx, work *w) {
    kr_status status = KR_OK;
    olim *o = &w->o;
    size_t n, middles = 1;
    o->n = o->stride[o->dim - 1] = o->fstride[o->dim - 1] = 1;
    for (int k = o->dim - 1; k > 0; k--) {
        o->stride[k - 1] = o->stride[k] * o->r->n[k];
        o->fstride[k - 1] = o->fstride[k] * (2 * o->r->n[k] - 1);
    }
    o->n = o->stride[0] * o->r->n[0];
    n = (size_t)o->n;
    middles = (size_t)(o->fstride[0] * (2 * o->r->n[0] - 1));
    KR_NEW(ctx, o->r->u, n);
    KR_NEW(ctx, o->f, middles * (size_t)o->dim);
    KR_NEW(ctx, o->state, n);
    KR_NEW(ctx, o->one, n);
    KR_NEW(ctx, o->best, n);
    KR_NEW(ctx, o->base, n);
    KR_NEW(ctx, o->heap, n);
    KR_NEW(ctx, o->place, n);
    for (size_t i = 0; i < n; i++) {
        o->r->u[i] = o->one[i] = INFINITY;
        o->best[i] = -1;
    }
    KR_TRY(make_reach(ctx, w));
done:
    return status;
}

/* One box: result has its nodes, edges and radius. */
static kr_status solve_box(kr_context *ctx, work *w) {
    kr_status status = KR_OK;
    olim *o = &w->o;
    for (int k = 0; k < o->dim; k++) {
        o->inverse[k] = 1 / sqrt(o->problem->mobility ? o->problem->mobility[k] : 1);
        o->h[k] = (o->r->high[k] - o->r->low[k]) / (o->r->n[k] - 1) * o->inverse[k];
        if (!isfinite(o->h[k])) KR_FAIL(ctx, KR_ERR_ARGUMENT, "no box, or no noise, in dimension %d", k + 1);
    }
    KR_TRY(allocate(ctx, w));
    KR_TRY(kr_parallel_blocks(ctx, 2 * o->r->n[0] - 1, drift_plane, NULL, o));
    begin(w);
    if (!o->heap_size)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "the attractor (%g, %g) lies outside of the grid", w->from[0], w->from[1]);
    KR_TRY(kr_olim_march(ctx, w, &o->r->largest));
done:
    kr_free(o->f);
    kr_free(o->state);
    kr_free(o->one);
    kr_free(o->best);
    kr_free(o->base);
    kr_free(o->heap);
    kr_free(o->place);
    kr_free(w->reach);
    if (status != KR_OK) kr_olim_free(o->r);
    return status;
}

/* Edges of the box of a level: the ellipse of the quadratic form fits into it. */
static void choose_box(const work *w, int level, kr_olim *r) {
    const kr_problem *p = w->o.problem;
    double size = INFINITY;
    for (int k = 0; k < r->dim; k++)
        size = fmin(size, 0.5 * (p->high[k] - p->low[k]) / sqrt(w->covariance[k * r->dim + k]));
    for (int k = 0; k < r->dim; k++) {
        double half = size * sqrt(w->covariance[k * r->dim + k]) / pow(LEVEL_RATIO, level);
        r->low[k] = level ? fmax(p->low[k], w->from[k] - half) : p->low[k];
        r->high[k] = level ? fmin(p->high[k], w->from[k] + half) : p->high[k];
    }
}

kr_status kr_olim_solve(kr_context *ctx, const kr_problem *problem, const double *x, const int *nodes, int radius,
                        kr_olim *result) {
    kr_status status = KR_OK;
    int dim = problem->dim, most = 0;
    double hessian[9], covariance[9], copy[9];
    kr_olim inner = {0}, outer = {0};
    *result = (kr_olim){0};
    if (dim != 2 && dim != 3) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%d dimensions, 2 or 3 are possible", dim);
    for (int k = 0; k < dim; k++) {
        if (nodes[k] < 3) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%d nodes, 3 are the least", nodes[k]);
        most = nodes[k] > most ? nodes[k] : most;
    }
    if (radius == 0) /* 2-D: 10, 13, 16, 20 at 129, 257, …: strong rotation needs them long, curved paths allow it */
        radius = (int)((dim == 2 ? 10 * pow(most / 129.0, 0.34) : 3 * pow(most / 65.0, 0.34)) + 0.5);
    KR_TRY(kr_lyapunov_hessian(ctx, problem, x, hessian));
    memcpy(copy, hessian, sizeof copy);
    for (int i = 0; i < dim * dim; i++) covariance[i] = i / dim == i % dim;
    KR_TRY(kr_least_squares(ctx, dim, dim, dim, copy, covariance, -1, NULL));
    for (int level = LEVELS - 1; level >= 0; level--) {
        outer = (kr_olim){.dim = dim, .radius = radius};
        work w = {.o = {.problem = problem, .r = &outer, .dim = dim},
                  .from = x,
                  .hessian = hessian,
                  .covariance = covariance,
                  .inner = level < LEVELS - 1 ? &inner : NULL};
        for (int k = 0; k < dim; k++) outer.n[k] = level ? nodes[k] / 2 + 1 : nodes[k];
        choose_box(&w, level, &outer);
        KR_TRY(solve_box(ctx, &w));
        kr_olim_free(&inner);
        inner = outer;
    }
    *result = inner;
    inner = (kr_olim){0};
done:
    kr_olim_free(&inner);
    return status;
}

double kr_olim_value(const kr_olim *o, const double *x) {
    double t[3] = {0}, sum = 0;
    long cell[3] = {0};
    for (int k = 0; k < o->dim; k++) {
        double s = (x[k] - o->low[k]) / (o->high[k] - o->low[k]) * (o->n[k] - 1);
        cell[k] = s < 0 ? 0 : s > o->n[k] - 2 ? o->n[k] - 2 : (long)s;
        t[k] = s - (double)cell[k];
    }
    for (int corner = 0; corner < 1 << o->dim; corner++) {
        double weight = 1;
        long node = 0;
        for (int k = 0; k < o->dim; k++) {
            int up = corner >> k & 1;
            weight *= up ? t[k] : 1 - t[k];
            node = node * o->n[k] + cell[k] + up;
        }
        if (weight != 0) sum += weight * o->u[node]; /* beyond the front U is infinite */
    }
    return sum;
}

void kr_olim_free(kr_olim *result) {
    kr_free(result->u);
    *result = (kr_olim){0};
}
