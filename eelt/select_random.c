/* Rule "random": every candidate has the same chance, without replacement; what DP-GEN does, but repeatable.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/random.h"
#include "eelt/select.h"
#include <stdio.h>

enum { PURPOSE = 0x73656c31 };

static double draw(const kr_pool *pool, const void *payload, long frame) {
    const kr_select_options *o = pool->options;
    (void)payload;
    return kr_random_uniform((kr_stream){o->seed, PURPOSE}, o->step, (uint64_t)frame, 0);
}

static kr_status begin(kr_context *ctx, const kr_pool *pool, void **state) {
    return kr_ranking_begin(ctx, pool, draw, NULL, state);
}

static kr_status next(kr_context *ctx, void *state, kr_offer *offer) {
    (void)ctx;
    kr_ranking_next(state, offer);
    snprintf(offer->reason, sizeof offer->reason, "drawn at random");
    return KR_OK;
}

const kr_select_kind kr_select_kind_random = {
    .name = "random",
    .summary = "at random (DP-GEN's rule, from a counter)",
    .begin = begin,
    .next = next,
    .end = kr_ranking_end,
};
