/* Rule "topdev": the largest deviations first. Finds the worst frames, which are often many times the same.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/select.h"
#include <stdio.h>

static double deviation(const kr_pool *pool, const void *payload, long frame) {
    (void)payload;
    return kr_pool_deviation(pool, frame);
}

static kr_status begin(kr_context *ctx, const kr_pool *pool, void **state) {
    return kr_ranking_begin(ctx, pool, deviation, NULL, state);
}

static kr_status next(kr_context *ctx, void *state, kr_offer *offer) {
    (void)ctx;
    kr_ranking_next(state, offer);
    snprintf(offer->reason, sizeof offer->reason, "deviation %.4g eV/A", offer->score);
    return KR_OK;
}

const kr_select_kind kr_select_kind_topdev = {
    .name = "topdev",
    .summary = "the largest force deviations first",
    .begin = begin,
    .next = next,
    .end = kr_ranking_end,
};
