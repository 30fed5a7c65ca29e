/* How well do models describe the very frames that they were trained on?
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Models that miss the force error asked for on their own data are limited by the length of their training, their size
 * or their cutoff. Their errors are then larger than their disagreement, all levels fall, all frames become candidates,
 * and labels do not help. Nothing else that a campaign measures tells this apart from new frames. */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/campaign_score.h"
#include <kramers/dataset_tools.h>
#include <math.h>

static long count(const kr_dataset *data) {
    long n = 0;
    for (int s = 0; s < data->nsystems; s++) n += data->system[s]->nframes;
    return n;
}

/* Every so-manieth frame, MOST of them at most. */
static kr_status thin(kr_context *ctx, const kr_dataset *data, kr_dataset **some) {
    enum { MOST = 200 };
    kr_status status = KR_OK;
    unsigned char *keep = NULL;
    long n = count(data), every = (n + MOST - 1) / MOST;
    KR_NEW(ctx, keep, (size_t)n + 1);
    for (long k = 0; k < n; k += every) keep[k] = 1;
    KR_TRY(kr_dataset_select(ctx, data, keep, some));
done:
    kr_free(keep);
    return status;
}

kr_status kr_campaign_fit(kr_context *ctx, const kr_campaign *m, const kr_data_list *list, const char *model,
                          double *rmse) {
    kr_status status = KR_OK;
    kr_dataset *data = NULL, *some = NULL;
    kr_potential *potential = NULL;
    kr_scored *scored = NULL;
    *rmse = NAN;
    KR_TRY(kr_data_list_read(ctx, m, list, &data));
    KR_TRY(thin(ctx, data, &some));
    KR_TRY(kr_potential_load(ctx, 1, &model, NULL, &potential));
    KR_NEW(ctx, scored, (size_t)count(some) + 1);
    KR_TRY(kr_audit_score(ctx, potential, 0, some, NULL, NULL, scored));
    *rmse = kr_scored_rmse(count(some), scored);
done:
    kr_potential_destroy(&potential);
    kr_dataset_destroy(&data);
    kr_dataset_destroy(&some);
    kr_free(scored);
    return status;
}
