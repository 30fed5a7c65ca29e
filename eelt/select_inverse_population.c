/* Rule "inverse_population": at random, with a chance that is inverse to the number of candidates of like deviation
 * (ten bins between the smallest and the largest), so that rare deviations are not crowded out; DP-GEN2's rule.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Weighted draws without replacement: the frames with the largest log(U)/w (Efraimidis and Spirakis 2006). */
#include "core/random.h"
#include "eelt/select.h"
#include <math.h>
#include <stdio.h>

enum { PURPOSE = 0x73656c32, BINS = 10 };

typedef struct histogram {
    double low, high;
    long count[BINS];
} histogram;

static int bin_of(const histogram *h, double u) {
    int bin = h->high > h->low ? (int)(BINS * (u - h->low) / (h->high - h->low)) : 0;
    return bin < BINS ? bin : BINS - 1;
}

static double draw(const kr_pool *pool, const void *payload, long frame) {
    const kr_select_options *o = pool->options;
    const histogram *h = payload;
    double u = kr_random_uniform((kr_stream){o->seed, PURPOSE}, o->step, (uint64_t)frame, 0);
    return log(u) * (double)h->count[bin_of(h, kr_pool_deviation(pool, frame))];
}

static kr_status begin(kr_context *ctx, const kr_pool *pool, void **state) {
    histogram h = {.low = INFINITY, .high = -INFINITY};
    for (long i = 0; i < pool->n; i++) {
        if (!pool->alive[i]) continue;
        h.low = fmin(h.low, kr_pool_deviation(pool, i));
        h.high = fmax(h.high, kr_pool_deviation(pool, i));
    }
    for (long i = 0; i < pool->n; i++)
        if (pool->alive[i]) h.count[bin_of(&h, kr_pool_deviation(pool, i))]++;
    return kr_ranking_begin(ctx, pool, draw, &h, state);
}

static kr_status next(kr_context *ctx, void *state, kr_offer *offer) {
    (void)ctx;
    kr_ranking *ranking = state;
    kr_ranking_next(ranking, offer);
    if (offer->frame >= 0)
        snprintf(offer->reason, sizeof offer->reason, "drawn by inverse population, deviation %.4g eV/A",
                 kr_pool_deviation(ranking->pool, offer->frame));
    return KR_OK;
}

const kr_select_kind kr_select_kind_inverse_population = {
    .name = "inverse_population",
    .summary = "at random, rare deviations as likely as common ones (DP-GEN2)",
    .begin = begin,
    .next = next,
    .end = kr_ranking_end,
};
