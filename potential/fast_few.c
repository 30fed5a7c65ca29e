/* Weights of the fitting nets in the forms that blocks of many and of few centres want.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Molecules, and the last blocks of types, have so few rows that reading the weights is all that takes time: they use
 * one copy for both directions, in double precision of 31-bit integers (core/twoway.h). So that results do not depend
 * on how many centres a block has, weights are rounded to these integers for all. The planner measures rounded
 * candidates, and does not round when the tolerance is near what rounding costs. */
#include "core/error.h"
#include "potential/fast_internal.h"

kr_status kr_fast_pack(kr_context *ctx, const kr_fast *fast, int k, int n, double *w, int parts, kr_packed *forward,
                       kr_packed *backward, kr_twoway *few) {
    kr_status status = KR_OK;
    if (fast->rounded) kr_twoway_round(k, n, w, n);
    KR_TRY(kr_packed_create_split(ctx, fast->dense, k, n, w, n, 0, parts, forward));
    KR_TRY(kr_packed_create_split(ctx, fast->dense, n, k, w, n, 1, 2, backward));
    if (fast->base) goto done;
    if (fast->rounded) {
        KR_TRY(kr_twoway_create(ctx, fast->dense, k, n, w, n, few));
    } else if (forward->split) { /* not in the form that few rows need */
        kr_packed own;
        KR_TRY(kr_packed_create(ctx, fast->dense, k, n, w, n, 0, &own));
        kr_twoway_view(&own, few);
        few->owned = own.data;
    } else {
        kr_twoway_view(forward, few);
    }
done:
    return status;
}
