/* The command committor: points of the states A and B, on which q is known.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * What fixes q outside are its values on the edges of the states: points inside do not, when the state is large. In ten
 * dimensions next to nothing of the outside of a ball lies at its surface, and a network with q = 1 on average there
 * had 0.8 on the surface. So a third of the points is moved onto the edge. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/run_committor.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPARE = 4 }; /* points drawn for one on the edge: the nearest are taken */

/* n points of a state, drawn from those of the file. */
static kr_status take(kr_context *ctx, const kr_sampling *run, int state, long n, double *x) {
    const kr_problem *p = run->problem;
    const kr_region *region = state ? p->b : p->a;
    long inside = 0, seen = 0, at = 0;
    for (long i = 0; i < p->nsamples; i++) inside += kr_region_level(region, p->samples + i * p->dim, NULL) <= 0;
    if (!inside) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no point of the file lies in state %s", state ? "B" : "A");
    /* Evenly over the file; over and over when there are few. */
    for (long i = 0; at < n; i = (i + 1) % p->nsamples) {
        const double *point = p->samples + i * p->dim;
        if (kr_region_level(region, point, NULL) > 0) continue;
        if (inside > n && seen++ * n / inside < at) continue;
        memcpy(x + at++ * p->dim, point, (size_t)p->dim * sizeof *x);
    }
    return KR_OK;
}

/* Moves a point of the region onto its edge, along the gradient of the level; work [2][dim]. Stays where it is when
 * the edge is not reached within the box. */
static void to_edge(const kr_problem *problem, const kr_region *region, double *x, double *work) {
    int dim = problem->dim;
    double *at = work, *gradient = work + dim, level = 0;
    memcpy(at, x, (size_t)dim * sizeof *at);
    for (int step = 0; step < 50; step++) {
        double square = 0;
        level = kr_region_level(region, at, gradient);
        for (int k = 0; k < dim; k++) square += gradient[k] * gradient[k];
        if (!(square > 0) || !isfinite(level)) return;
        if (fabs(level) <= 1e-9 * sqrt(square)) break;
        for (int k = 0; k < dim; k++) at[k] -= level * gradient[k] / square;
    }
    kr_problem_wrap(problem, at);
    for (int k = 0; k < dim; k++)
        if (!(at[k] >= problem->low[k] && at[k] <= problem->high[k])) return;
    if (fabs(kr_region_level(region, at, gradient)) < 1e-6) memcpy(x, at, (size_t)dim * sizeof *x);
}

typedef struct depth {
    double level;
    long row;
} depth;

static int shallower(const void *a, const void *b) {
    const depth *x = a, *y = b;
    return x->level != y->level ? (x->level > y->level ? -1 : 1) : (x->row > y->row) - (x->row < y->row);
}

/* The n shallowest of many points of a region, moved onto its edge, into x [n][dim]. */
static kr_status shallow(kr_context *ctx, const kr_problem *problem, const kr_region *region, const kr_samples *many,
                         long n, double *x) {
    kr_status status = KR_OK;
    size_t dim = (size_t)problem->dim;
    depth *order = NULL;
    double *work = NULL;
    KR_NEW(ctx, order, (size_t)many->n);
    KR_NEW(ctx, work, 2 * dim);
    for (long i = 0; i < many->n; i++) order[i] = (depth){kr_region_level(region, many->x + (size_t)i * dim, NULL), i};
    qsort(order, (size_t)many->n, sizeof *order, shallower);
    for (long i = 0; i < n; i++) {
        memcpy(x + (size_t)i * dim, many->x + (size_t)order[i].row * dim, dim * sizeof *x);
        to_edge(problem, region, x + (size_t)i * dim, work);
    }
done:
    kr_free(order);
    kr_free(work);
    return status;
}

kr_status kr_committor_draw_state(kr_context *ctx, kr_sampling *run, int state, long n, double **x) {
    kr_status status = KR_OK;
    int *coordinates = NULL;
    double *start = NULL;
    kr_sample_options o;
    kr_samples samples = {0};
    const kr_problem *p = run->problem;
    size_t dim = (size_t)p->dim;
    *x = NULL;
    KR_NEW(ctx, *x, (size_t)n * dim);
    if (p->nsamples) {
        KR_TRY(take(ctx, run, state, n, *x));
        goto done;
    }
    KR_TRY(kr_committor_starts(ctx, run, &start));
    KR_TRY(kr_committor_sample_options(ctx, run, &coordinates, &o));
    o.inside = state == 0 ? p->a : p->b;
    o.start = start + (size_t)state * dim;
    o.nstart = 1;
    /* As heated as the points outside; such points on the edge; almost uniform ones. */
    for (int third = 0; third < 3; third++) {
        long first = kr_committor_state_part(third, n), count = kr_committor_state_part(third + 1, n) - first;
        double *to = *x + (size_t)first * dim;
        o.count = third == KR_COMMITTOR_EDGE ? SPARE * count : count;
        o.stream = (kr_stream){run->seed, 0xc011 + (uint64_t)(state + 2 * third)};
        if (third == 2 && o.heating.epsilon > 0) o.heating.epsilon *= 5;
        kr_samples_free(&samples);
        KR_TRY(kr_samples_draw(ctx, p, &o, &samples));
        if (third == KR_COMMITTOR_EDGE)
            KR_TRY(shallow(ctx, p, o.inside, &samples, count, to));
        else
            memcpy(to, samples.x, (size_t)count * dim * sizeof *to);
    }
done:
    kr_samples_free(&samples);
    kr_free(coordinates);
    kr_free(start);
    return status;
}
