/* Adaptive bias along a scalar function: metadynamics hills on a grid.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/dynamics_hills.h"
#include "core/error.h"
#include "core/memory.h"
#include "sampling/run.h"
#include <math.h>

kr_status kr_hills_create(kr_context *ctx, const kr_hills_options *o, int dim, kr_collective collective, double epsilon,
                          kr_hills **hills) {
    kr_status status = KR_OK;
    kr_hills *h = NULL;
    *hills = NULL;
    if (!(o->high > o->low) || o->nodes < 2 || !(o->height > 0) || !(o->width > 0) ||
        (o->factor != 0 && !(o->factor > 1)))
        KR_FAIL(ctx, KR_ERR_ARGUMENT,
                "hills of height %g and width %g on %d nodes from %g to %g, factor %g: heights and widths above 0, two "
                "nodes at least, a factor of 0 or above 1",
                o->height, o->width, o->nodes, o->low, o->high, o->factor);
    double spacing = (o->high - o->low) / (o->nodes - 1);
    if (spacing > 0.5 * o->width)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "the nodes are %g apart, allowed half a width, %g: %d nodes are needed", spacing,
                0.5 * o->width, (int)ceil((o->high - o->low) / (0.5 * o->width)) + 1);
    KR_NEW(ctx, h, 1);
    h->options = *o;
    h->collective = collective;
    h->dim = dim;
    h->epsilon = epsilon;
    KR_NEW(ctx, h->v, (size_t)o->nodes);
    KR_NEW(ctx, h->slope, (size_t)o->nodes);
    *hills = h;
    h = NULL;
done:
    kr_hills_destroy(&h);
    return status;
}

void kr_hills_destroy(kr_hills **hills) {
    if (!hills || !*hills) return;
    kr_free((*hills)->v);
    kr_free((*hills)->slope);
    kr_free(*hills);
    *hills = NULL;
}

/* Cubic with values and slopes of both nodes; t in [0, 1] across an interval of length h. */
double kr_hills_value(const kr_hills *hills, double s, double *slope) {
    const kr_hills_options *o = &hills->options;
    double h = (o->high - o->low) / (o->nodes - 1), at = (s - o->low) / h;
    if (slope) *slope = 0;
    if (!(at > 0)) return hills->v[0];
    if (at >= o->nodes - 1) return hills->v[o->nodes - 1];
    int i = (int)at;
    double t = at - i, a = hills->v[i], b = hills->v[i + 1], da = h * hills->slope[i], db = h * hills->slope[i + 1];
    double c2 = 3 * (b - a) - 2 * da - db, c3 = 2 * (a - b) + da + db;
    if (slope) *slope = (da + t * (2 * c2 + 3 * t * c3)) / h;
    return a + t * (da + t * (c2 + t * c3));
}

void kr_hills_add(kr_hills *hills, double s) {
    const kr_hills_options *o = &hills->options;
    double h = (o->high - o->low) / (o->nodes - 1), height = o->height, reach = 7 * o->width;
    if (!(s > o->low - reach && s < o->high + reach)) return;
    if (o->factor > 1) height *= exp(-kr_hills_value(hills, s, NULL) / ((o->factor - 1) * hills->epsilon));
    int first = (int)fmax(0, ceil((s - reach - o->low) / h));
    int last = (int)fmin(o->nodes - 1, floor((s + reach - o->low) / h));
    for (int i = first; i <= last; i++) {
        double u = (o->low + i * h - s) / o->width, g = height * exp(-0.5 * u * u);
        hills->v[i] += g;
        hills->slope[i] -= g * u / o->width;
    }
    hills->count++;
}

kr_status kr_hills_bias(void *payload, kr_context *ctx, int n, const double *x, double *v, double *grad) {
    kr_status status = KR_OK;
    const kr_hills *hills = payload;
    const kr_collective *c = &hills->collective;
    int d = hills->dim;
    for (long i = 0; i < n; i++) {
        double s, slope;
        KR_TRY(c->value(c->payload, ctx, x + i * d, &s, grad ? grad + i * d : NULL));
        double value = kr_hills_value(hills, s, &slope);
        if (v) v[i] = value;
        for (int k = 0; grad && k < d; k++) grad[i * d + k] *= slope;
    }
done:
    return status;
}

kr_status kr_hills_run(kr_context *ctx, const kr_mover *mover, kr_walkers *w, kr_hills *hills, long pace, long nsteps,
                       kr_walkers_fn observe, void *payload) {
    kr_status status = KR_OK;
    const kr_collective *c = &hills->collective;
    for (long step = 0; step < nsteps; step += pace) {
        long left = nsteps - step < pace ? nsteps - step : pace;
        KR_TRY(kr_walkers_run(ctx, mover, w, left, left, observe, payload));
        if (status > 0) goto done;
        if (left < pace) break;
        for (long i = 0; i < w->n; i++) {
            double s;
            KR_TRY(c->value(c->payload, ctx, w->x + i * w->dim, &s, NULL));
            kr_hills_add(hills, s);
            w->fresh[i] = 0; /* the bias in its force is out of date */
        }
    }
done:
    return status;
}

kr_status kr_hills_save(kr_context *ctx, const kr_hills *hills, kr_tree **tree) {
    kr_status status = KR_OK;
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, tree));
    KR_TRY(kr_run_set_int(ctx, *tree, "count", hills->count));
    KR_TRY(kr_run_set_reals(ctx, *tree, "v", hills->options.nodes, hills->v));
    KR_TRY(kr_run_set_reals(ctx, *tree, "slope", hills->options.nodes, hills->slope));
done:
    if (status < 0) kr_tree_destroy(tree);
    return status;
}

kr_status kr_hills_load(kr_context *ctx, kr_hills *hills, const kr_tree *tree) {
    kr_status status = KR_OK;
    int count;
    KR_TRY(kr_tree_get_int(ctx, tree, "count", 0, INT32_MAX, &count));
    KR_TRY(kr_run_get_reals(ctx, tree, "v", hills->options.nodes, hills->v));
    KR_TRY(kr_run_get_reals(ctx, tree, "slope", hills->options.nodes, hills->slope));
    hills->count = count;
done:
    return status;
}
