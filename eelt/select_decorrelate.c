/* Third step: at most one frame per correlation time of every run, those of the largest deviation.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Greedy: in the order of deviations a frame is kept unless one that is kept already lies nearer in time. Frames of
 * unknown run or time stay. */
#include "core/error.h"
#include "eelt/select.h"
#include <math.h>
#include <stdlib.h>

typedef struct instant {
    int run;
    double time;
    long frame;
    int kept;
} instant;

static int by_time(const void *a, const void *b) {
    const instant *x = a, *y = b;
    if (x->run != y->run) return x->run < y->run ? -1 : 1;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    return (x->frame > y->frame) - (x->frame < y->frame);
}

typedef struct turn {
    double u;
    long place; /* among the instants */
} turn;

static int by_deviation(const void *a, const void *b) {
    const turn *x = a, *y = b;
    if (x->u != y->u) return x->u > y->u ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* A kept instant of the same run less than `gap` away from list[at], −1 = none. */
static long kept_nearby(long n, const instant *list, long at, double gap) {
    for (long step = -1; step <= 1; step += 2)
        for (long k = at + step; k >= 0 && k < n && list[k].run == list[at].run; k += step) {
            if (fabs(list[k].time - list[at].time) >= gap) break;
            if (list[k].kept) return k;
        }
    return -1;
}

kr_status kr_select_decorrelate(kr_context *ctx, kr_pool *pool) {
    kr_status status = KR_OK;
    instant *list = NULL;
    turn *turns = NULL;
    long n = 0;
    /* frames exactly one correlation time apart stay, whatever the rounding of their times */
    double gap = pool->options->correlation_ps * (1 - 1e-9);
    KR_NEW(ctx, list, (size_t)pool->n + 1);
    KR_NEW(ctx, turns, (size_t)pool->n + 1);
    for (long i = 0; i < pool->n; i++)
        if (pool->alive[i] && pool->meta[i].run >= 0 && isfinite(pool->meta[i].time_ps))
            list[n++] = (instant){pool->meta[i].run, pool->meta[i].time_ps, i, 0};
    qsort(list, (size_t)n, sizeof *list, by_time);
    for (long k = 0; k < n; k++) turns[k] = (turn){kr_pool_deviation(pool, list[k].frame), k};
    qsort(turns, (size_t)n, sizeof *turns, by_deviation);
    for (long t = 0; t < n; t++) {
        instant *self = &list[turns[t].place];
        long other = kept_nearby(n, list, turns[t].place, gap);
        self->kept = other < 0;
        if (other < 0) continue;
        kr_pool_drop(pool, self->frame, KR_DECISION_CORRELATED,
                     "%.4g ps from candidate %ld of the same run, correlation time %.4g ps",
                     fabs(list[other].time - self->time), list[other].frame, pool->options->correlation_ps);
    }
done:
    kr_free(list);
    kr_free(turns);
    return status;
}
