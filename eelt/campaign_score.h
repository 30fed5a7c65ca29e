/* Labelled frames of a campaign and what the current models make of them.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_CAMPAIGN_SCORE_H
#define KR_EELT_CAMPAIGN_SCORE_H

#include "eelt/campaign.h"
#include <kramers/audit.h>

typedef struct kr_scored_set {
    kr_frame_set set;           /* the frames that have a label, without it */
    kr_dataset *labelled;       /* the same frames with it, in their order */
    char (*key)[65];            /* [set.n] of the labels */
    unsigned char *certificate; /* [set.n] the label is the certificate's: nothing is trained on it */
    kr_scored *scored;          /* [set.n]; NULL when there are no models */
} kr_scored_set;

/* where: as kr_frame_set_read, of frames that have a label in the ledger; score: with this iteration's models. */
kr_status kr_scored_set_read(kr_context *ctx, kr_campaign *campaign, const char *where, int score, kr_scored_set *set);
void kr_scored_set_free(kr_scored_set *set);
/* iter.N/02.label, all of it by one rename: data.SSS for training, certificate.SSS not. */
kr_status kr_collect_write(kr_context *ctx, const kr_campaign *campaign, const kr_scored_set *set);
/* sum of squares and number of force components → eV/Å; NaN for none */
double kr_scored_rmse(long n, const kr_scored *scored);

/* ---- campaign_fit.c ---- */
/* Force error of a model on (a part of) the data in the list, eV/Å; NaN: no forces. */
kr_status kr_campaign_fit(kr_context *ctx, const kr_campaign *campaign, const kr_data_list *list, const char *model,
                          double *rmse);

#endif
