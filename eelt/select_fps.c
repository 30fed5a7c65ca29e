/* Rule "fps": farthest point sampling. The next frame is the one whose strangest environment is farthest from all known
 * ones, the training set's and those of the frames chosen before, times u^a: far and uncertain.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   score = u^a max_i min_{k known, same element} |b_i − b_k|,  b standardised features. */
#include "core/error.h"
#include "eelt/frontier.h"
#include <math.h>
#include <stdio.h>

typedef struct fps {
    const kr_pool *pool;
    kr_frontier *frontier;
} fps;

/* u^a; frames of unknown deviation count as much as the mean of the others. */
static void weights(const kr_pool *pool, double *weight) {
    double sum = 0, n = 0;
    for (long i = 0; i < pool->n; i++)
        if (pool->alive[i] && isfinite(pool->meta[i].u)) sum += pool->meta[i].u, n++;
    double mean = n > 0 ? sum / n : 1;
    for (long i = 0; i < pool->n; i++)
        weight[i] = pow(isfinite(pool->meta[i].u) ? pool->meta[i].u : mean, pool->options->u_power);
}

static kr_status begin(kr_context *ctx, const kr_pool *pool, void **state) {
    kr_status status = KR_OK;
    double *weight = NULL;
    fps *f = NULL;
    KR_NEW(ctx, f, 1);
    *state = f;
    f->pool = pool;
    KR_NEW(ctx, weight, (size_t)pool->n + 1);
    weights(pool, weight);
    KR_TRY(kr_frontier_create(ctx, pool, pool->alive, weight, &f->frontier));
done:
    kr_free(weight);
    return status;
}

static kr_status next(kr_context *ctx, void *state, kr_offer *offer) {
    kr_status status = KR_OK;
    fps *f = state;
    double distance;
    long row;
    *offer = (kr_offer){.frame = -1, .atom = -1};
    KR_TRY(kr_frontier_top(ctx, f->frontier, &offer->frame, &offer->score, &distance, &row));
    if (offer->frame < 0) goto done;
    kr_frontier_pop(f->frontier);
    offer->atom = f->pool->rows->atom[row];
    const char *element = kr_model_type_name(f->pool->model, f->pool->rows->type[row]);
    if (isinf(distance))
        snprintf(offer->reason, sizeof offer->reason, "atom %d: no environment of %s is known", offer->atom, element);
    else
        snprintf(offer->reason, sizeof offer->reason, "atom %d (%s) %.4g from the nearest known environment",
                 offer->atom, element, distance);
done:
    return status;
}

static kr_status take(kr_context *ctx, void *state, long frame) {
    fps *f = state;
    return kr_frontier_add(ctx, f->frontier, frame);
}

static void end(void **state) {
    fps *f = *state;
    kr_frontier_destroy(&f->frontier);
    kr_free(f);
    *state = NULL;
}

const kr_select_kind kr_select_kind_fps = {
    .name = "fps",
    .summary = "farthest from all known environments first, weighted by the deviation (default)",
    .needs_features = 1,
    .begin = begin,
    .next = next,
    .take = take,
    .end = end,
};
