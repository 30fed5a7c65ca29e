/* Ordered line integrals: the value of a node from a point, a segment or a triangle of known nodes.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * From the point b = Σ λ_i y_i the straight segment d = x − b costs |f||d| − f·d with f at its middle, f linear in λ.
 * Between the nodes U is the quadratic  Σ λ_i u_i − ½ Σ_{i<j} λ_i λ_j B_ij,  B_ij the second difference of U along the
 * edge ij: with linear interpolation every update adds h² U″/8, which is the error of the whole method. The minimum
 * over λ is found by Newton's method. When a node is accepted its value is computed once more along a curved path. */
#include "sampling/quasipotential_olim_parts.h"
#include <math.h>
#include <string.h>

/* Offset of y from x in nodes. */
static void offset(const kr_olim_front *o, long x, long y, long *p) {
    for (int k = 0; k < o->dim; k++) p[k] = kr_olim_index(o, y, k) - kr_olim_index(o, x, k);
}

static double known(const kr_olim_front *o, const long *at) {
    long node = 0;
    for (int k = 0; k < o->dim; k++) {
        if (at[k] < 0 || at[k] >= o->r->n[k]) return NAN;
        node += at[k] * o->stride[k];
    }
    return o->state[node] >= KR_OLIM_FRONT ? o->r->u[node] : NAN;
}

/* Mean of the second differences at y and z along the edge from known nodes beyond them; 0 when there is none. */
static double bend_of(const kr_olim_front *o, long y, long z) {
    long before[3], after[3], p[3];
    const double *u = o->r->u;
    offset(o, y, z, p);
    for (int k = 0; k < o->dim; k++) {
        before[k] = kr_olim_index(o, y, k) - p[k];
        after[k] = kr_olim_index(o, z, k) + p[k];
    }
    double low = known(o, before) - 2 * u[y] + u[z], high = u[y] - 2 * u[z] + known(o, after);
    if (isnan(low)) return isnan(high) ? 0 : high;
    return isnan(high) ? low : 0.5 * (low + high);
}

/* A simplex seen from x: corner i has the segment d[i] to x, the drift f[i] at its middle, the value u[i]. */
typedef struct simplex {
    int dim, free;                          /* corners besides the first */
    double d[3][3], f[3][3], u[3], bend[3]; /* bend: of the edges 01, 02, 12 */
} simplex;

static double dot(int dim, const double *a, const double *b) {
    double sum = 0;
    for (int k = 0; k < dim; k++) sum += a[k] * b[k];
    return sum;
}

/* Value at weights λ1, λ2, its gradient g and Hessian h (11, 12, 22). */
static double value_at(const simplex *s, const double *lambda, double *g, double *h) {
    double d[3], f[3], de[2][3], fe[2][3], l0 = 1, linear = s->u[0];
    for (int i = 0; i < s->free; i++) l0 -= lambda[i];
    for (int k = 0; k < s->dim; k++) {
        d[k] = s->d[0][k];
        f[k] = s->f[0][k];
        for (int i = 0; i < s->free; i++) {
            de[i][k] = s->d[i + 1][k] - s->d[0][k];
            fe[i][k] = s->f[i + 1][k] - s->f[0][k];
            d[k] += lambda[i] * de[i][k];
            f[k] += lambda[i] * fe[i][k];
        }
    }
    double length = sqrt(dot(s->dim, d, d)), size = sqrt(dot(s->dim, f, f)) + 1e-300, dl[2], ds[2];
    for (int i = 0; i < s->free; i++) {
        linear += lambda[i] * (s->u[i + 1] - s->u[0]) - 0.5 * l0 * lambda[i] * s->bend[i];
        dl[i] = dot(s->dim, d, de[i]) / length;
        ds[i] = dot(s->dim, f, fe[i]) / size;
        g[i] = s->u[i + 1] - s->u[0] - 0.5 * l0 * s->bend[i] + ds[i] * length + size * dl[i] - dot(s->dim, fe[i], d) -
               dot(s->dim, f, de[i]);
    }
    for (int i = 0; i < s->free; i++) /* ∂l0/∂λ_i = −1 acts on all edges of corner 0 */
        for (int j = 0; j < s->free; j++) g[i] += 0.5 * lambda[j] * s->bend[j];
    if (s->free == 2) {
        linear -= 0.5 * lambda[0] * lambda[1] * s->bend[2];
        g[0] -= 0.5 * lambda[1] * s->bend[2];
        g[1] -= 0.5 * lambda[0] * s->bend[2];
    }
    for (int i = 0, at = 0; i < s->free; i++)
        for (int j = i; j < s->free; j++, at++) {
            double bend = 0.5 * (s->bend[i] + s->bend[j]) - (i == j ? 0 : 0.5 * s->bend[2]);
            h[at] = bend + (dot(s->dim, fe[i], fe[j]) - ds[i] * ds[j]) / size * length + ds[i] * dl[j] + ds[j] * dl[i] +
                    size * (dot(s->dim, de[i], de[j]) - dl[i] * dl[j]) / length - dot(s->dim, fe[i], de[j]) -
                    dot(s->dim, fe[j], de[i]);
        }
    return linear + size * length - dot(s->dim, f, d);
}

/* One Newton step, shortened to stay inside; 0 when there is no minimum this way. *moved: largest change of a weight.
 */
static int step(const simplex *s, const double *g, const double *h, double *lambda, double *moved) {
    double move[2] = {0}, most = 1, l0 = 1, dl0 = 0;
    if (s->free == 1) {
        if (!(h[0] > 0)) return 0;
        move[0] = -g[0] / h[0];
    } else {
        double det = h[0] * h[2] - h[1] * h[1];
        if (!(h[0] > 0 && det > 0)) return 0;
        move[0] = (h[1] * g[1] - h[2] * g[0]) / det;
        move[1] = (h[1] * g[0] - h[0] * g[1]) / det;
    }
    *moved = 0;
    for (int i = 0; i < s->free; i++) {
        if (lambda[i] + move[i] < 0) most = fmin(most, -0.9 * lambda[i] / move[i]);
        l0 -= lambda[i];
        dl0 -= move[i];
    }
    if (l0 + dl0 < 0) most = fmin(most, -0.9 * l0 / dl0);
    for (int i = 0; i < s->free; i++) {
        lambda[i] += most * move[i];
        *moved = fmax(*moved, most * fabs(move[i]));
    }
    return 1;
}

double kr_olim_update(const kr_olim_front *o, long x, int count, const long *y, kr_olim_base *base) {
    enum { STEPS = 10 };
    static const int ends[3][2] = {{0, 1}, {0, 2}, {1, 2}};
    simplex s = {.dim = o->dim, .free = count - 1};
    double lambda[2] = {1.0 / count, 1.0 / count}, g[2], h[3], value = INFINITY, moved = 1;
    for (int i = 0; i < count; i++) {
        long p[3], middle = 0;
        offset(o, x, y[i], p);
        for (int k = 0; k < o->dim; k++) {
            s.d[i][k] = -(double)p[k] * o->h[k];
            middle += (2 * kr_olim_index(o, x, k) + p[k]) * o->fstride[k];
        }
        for (int k = 0; k < o->dim; k++) s.f[i][k] = o->f[middle * o->dim + k];
        s.u[i] = o->r->u[y[i]];
        base->node[i] = y[i];
    }
    base->count = count;
    base->weight[0] = 1;
    if (count == 1) return value_at(&s, lambda, g, h);
    for (int e = 0; e < (count == 2 ? 1 : 3); e++) s.bend[e] = bend_of(o, y[ends[e][0]], y[ends[e][1]]);
    for (int it = 0; it < STEPS && moved > 1e-5; it++) {
        value = value_at(&s, lambda, g, h);
        if (!step(&s, g, h, lambda, &moved)) return INFINITY;
    }
    if (moved > 1e-2) return INFINITY; /* it walks along the boundary */
    for (int i = 1; i < count; i++) {
        base->weight[i] = lambda[i - 1];
        base->weight[0] -= lambda[i - 1];
        if (lambda[i - 1] < 1e-4) return INFINITY;
    }
    return base->weight[0] < 1e-4 ? INFINITY : value;
}

/* ---- curved paths ---- */

typedef struct curve {
    const kr_olim_front *o;
    double from[3], d[3], fb[3], fx[3];
} curve;

static kr_status drift_at(kr_context *ctx, const kr_olim_front *o, const double *scaled, double *f) {
    double x[3] = {0};
    for (int k = 0; k < o->dim; k++) x[k] = o->r->low[k] + scaled[k] / o->inverse[k];
    kr_status status = kr_problem_drift(ctx, o->problem, 1, x, f);
    for (int k = 0; k < o->dim; k++) f[k] *= o->inverse[k];
    return status;
}

static double cost(int dim, const double *f, const double *v) {
    return sqrt(dot(dim, f, f) * dot(dim, v, v)) - dot(dim, f, v);
}

/* Action of the path b + t d + 4 t (1 − t) η0 + 8 t (1 − t)(1 − 2t) η1 by Boole's rule; eta [2][3]. */
static kr_status action(kr_context *ctx, const curve *c, const double *eta, double *s) {
    static const double weight[5] = {7.0 / 90, 32.0 / 90, 12.0 / 90, 32.0 / 90, 7.0 / 90};
    kr_status status = KR_OK;
    int dim = c->o->dim;
    *s = 0;
    for (int i = 0; i < 5 && status == KR_OK; i++) {
        double x[3], v[3], f[3], t = 0.25 * i;
        for (int k = 0; k < dim; k++) {
            x[k] = c->from[k] + t * c->d[k] + 4 * t * (1 - t) * (eta[k] + 2 * (1 - 2 * t) * eta[3 + k]);
            v[k] = c->d[k] + 4 * (1 - 2 * t) * eta[k] + 8 * (1 - 6 * t + 6 * t * t) * eta[3 + k];
        }
        if (i == 0 || i == 4)
            memcpy(f, i ? c->fx : c->fb, sizeof f);
        else
            status = drift_at(ctx, c->o, x, f);
        *s += weight[i] * cost(dim, f, v);
    }
    return status;
}

/* Least action over changes of one of the η along the unit vector `normal`, by a parabola through three values; eta in
 * and out. */
static kr_status shift(kr_context *ctx, const curve *c, const double *normal, int mode, double width, double *eta,
                       double *best) {
    kr_status status = KR_OK;
    double side[2], at[6], *change = at + 3 * mode;
    memcpy(at, eta, sizeof at);
    for (int e = 0; e < 2 && status == KR_OK; e++) {
        for (int k = 0; k < c->o->dim; k++) change[k] = eta[3 * mode + k] + (e ? width : -width) * normal[k];
        status = action(ctx, c, at, &side[e]);
    }
    double curvature = side[0] + side[1] - 2 * *best;
    if (status != KR_OK || !(curvature > 0)) return status;
    double move = 0.5 * width * (side[0] - side[1]) / curvature, moved;
    move = fmin(fmax(move, -2 * width), 2 * width);
    for (int k = 0; k < c->o->dim; k++) change[k] = eta[3 * mode + k] + move * normal[k];
    status = action(ctx, c, at, &moved);
    if (status != KR_OK || !(moved < *best)) return status;
    *best = moved;
    memcpy(eta, at, sizeof at);
    return KR_OK;
}

/* Unit vectors normal to d. */
static void normals(int dim, const double *d, double n[2][3]) {
    double length = sqrt(dot(dim, d, d));
    if (dim == 2) {
        n[0][0] = -d[1] / length;
        n[0][1] = d[0] / length;
        return;
    }
    int least = fabs(d[0]) <= fabs(d[1]) && fabs(d[0]) <= fabs(d[2]) ? 0 : fabs(d[1]) <= fabs(d[2]) ? 1 : 2;
    for (int k = 0; k < 3; k++) n[0][k] = (k == least) - d[least] * d[k] / (length * length);
    double size = sqrt(dot(3, n[0], n[0]));
    for (int k = 0; k < 3; k++) n[0][k] /= size;
    for (int k = 0; k < 3; k++)
        n[1][k] = (d[(k + 1) % 3] * n[0][(k + 2) % 3] - d[(k + 2) % 3] * n[0][(k + 1) % 3]) / length;
}

kr_status kr_olim_refine(kr_context *ctx, const kr_olim_front *o, long x, double *value) {
    kr_status status = KR_OK;
    const kr_olim_base *b = &o->base[x];
    static const int ends[3][2] = {{0, 1}, {0, 2}, {1, 2}};
    curve c = {.o = o};
    double start[3] = {0}, end[3], eta[6] = {0}, normal[2][3], u = 0, best;
    if (!b->count) return KR_OK;
    for (int i = 0; i < b->count; i++) {
        u += b->weight[i] * o->r->u[b->node[i]];
        for (int k = 0; k < o->dim; k++) start[k] += b->weight[i] * (double)kr_olim_index(o, b->node[i], k) * o->h[k];
    }
    for (int e = 0; e < 3 && ends[e][1] < b->count; e++)
        u -= 0.5 * b->weight[ends[e][0]] * b->weight[ends[e][1]] * bend_of(o, b->node[ends[e][0]], b->node[ends[e][1]]);
    for (int k = 0; k < o->dim; k++) {
        end[k] = (double)kr_olim_index(o, x, k) * o->h[k];
        c.d[k] = end[k] - start[k];
        c.from[k] = start[k];
    }
    status = drift_at(ctx, o, start, c.fb);
    if (status == KR_OK) status = drift_at(ctx, o, end, c.fx);
    if (status == KR_OK) status = action(ctx, &c, eta, &best);
    normals(o->dim, c.d, normal);
    double width = 0.1 * sqrt(dot(o->dim, c.d, c.d));
    for (int round = 0; round < 2; round++, width *= 0.3)
        for (int k = 0; k < 2 * (o->dim - 1) && status == KR_OK; k++)
            status = shift(ctx, &c, normal[k / 2], k % 2, k % 2 ? 0.5 * width : width, eta, &best);
    if (status == KR_OK && isfinite(best)) *value = u + best;
    return status;
}
