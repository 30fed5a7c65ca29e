/* Line search to the strong Wolfe conditions:
 *   φ(t) ≤ φ(0) + c1 t φ′(0)   and   |φ′(t)| ≤ c2 |φ′(0)|
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Steps grow until an interval must hold such a point, then the interval shrinks: cubic interpolation of both ends'
 * values and slopes, kept away from the ends (Nocedal & Wright, Numerical Optimization, section 3.5). */
#include "core/optimizer_line_search.h"
#include "core/error.h"
#include <float.h>
#include <math.h>

typedef struct point {
    double t, value, slope;
} point;

typedef struct search {
    kr_context *ctx;
    kr_line_fn phi;
    void *payload;
    double value0, slope0;
    kr_line_search *out;
    int left;
    point best;
} search;

static kr_status evaluate(search *s, double t, point *p) {
    p->t = t;
    kr_status status = s->phi(s->ctx, s->payload, t, &p->value, &p->slope);
    s->left--;
    if (status == KR_ERR_NUMERIC || (status == KR_OK && !isfinite(p->value))) {
        p->value = INFINITY;
        p->slope = INFINITY;
        status = KR_OK;
    }
    if (status == KR_OK && p->value < s->best.value) s->best = *p;
    return status;
}

static int decreased(const search *s, const point *p) {
    return p->value <= s->value0 + s->out->sufficient * p->t * s->slope0;
}

static int flat(const search *s, const point *p) { return fabs(p->slope) <= s->out->curvature * -s->slope0; }

/* Minimum of the cubic through two points with slopes, at least a tenth of the interval away from its ends. */
static double between(const point *a, const point *b) {
    double width = b->t - a->t, t = NAN;
    if (isfinite(b->value) && isfinite(a->value)) {
        double d = a->slope + b->slope - 3 * (a->value - b->value) / (a->t - b->t);
        double root = d * d - a->slope * b->slope;
        if (root >= 0) {
            root = copysign(sqrt(root), width);
            t = b->t - width * (b->slope + root - d) / (b->slope - a->slope + 2 * root);
        }
    }
    double low = a->t + 0.1 * width, high = b->t - 0.1 * width;
    if (!(t >= fmin(low, high) && t <= fmax(low, high))) t = isfinite(b->value) ? a->t + 0.5 * width : low;
    return t;
}

/* `low` has the smaller value and its slope points into the interval. */
static kr_status zoom(search *s, point low, point high) {
    /* Values that differ by rounding alone do not say which end is lower: slopes, which still resolve the minimum
     * there, decide then. */
    double rounding = 4 * DBL_EPSILON * fabs(low.value);
    while (s->left > 0) {
        point p;
        double t = between(&low, &high);
        if (t == low.t || t == high.t) break;
        kr_status status = evaluate(s, t, &p);
        if (status != KR_OK) return status;
        if (!decreased(s, &p) || p.value > low.value + rounding) {
            high = p;
            continue;
        }
        if (flat(s, &p)) {
            s->best = p;
            return KR_OK;
        }
        if (p.slope * (high.t - low.t) >= 0) high = low;
        low = p;
    }
    return KR_NOT_CONVERGED;
}

static kr_status run(search *s) {
    point last = {0, s->value0, s->slope0}, p;
    double t = s->out->t;
    while (s->left > 0) {
        kr_status status = evaluate(s, t, &p);
        if (status != KR_OK) return status;
        if (!decreased(s, &p) || (last.t > 0 && p.value >= last.value)) return zoom(s, last, p);
        if (flat(s, &p)) {
            s->best = p;
            return KR_OK;
        }
        if (p.slope >= 0) return zoom(s, p, last);
        /* Still going down: on, to the minimum of the cubic when it is ahead and not too far. */
        double width = p.t - last.t;
        point ahead = {p.t + 9 * width, INFINITY, INFINITY};
        double d = last.slope + p.slope - 3 * (last.value - p.value) / (last.t - p.t);
        double root = d * d - last.slope * p.slope;
        t = root >= 0 ? p.t - width * (p.slope + sqrt(root) - d) / (p.slope - last.slope + 2 * sqrt(root)) : NAN;
        if (!(t >= p.t + width && t <= ahead.t)) t = t < ahead.t ? p.t + width : ahead.t;
        if (!isfinite(t)) t = p.t + 2 * width;
        last = p;
    }
    return KR_NOT_CONVERGED;
}

kr_status kr_line_search_wolfe(kr_context *ctx, kr_line_fn phi, void *payload, double value0, double slope0,
                               kr_line_search *out) {
    if (!(slope0 < 0) || !isfinite(value0) || !(out->t > 0))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "line search from value %g with slope %g and step %g", value0, slope0,
                        out->t);
    search s = {.ctx = ctx, .phi = phi, .payload = payload, .value0 = value0, .slope0 = slope0, .out = out};
    s.left = out->evaluations;
    s.best = (point){0, value0, slope0};
    kr_status status = run(&s);
    out->evaluations -= s.left;
    out->t = s.best.t;
    out->value = s.best.value;
    out->slope = s.best.slope;
    return status;
}
