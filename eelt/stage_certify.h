/* The certificate of a campaign: does it hold, what follows when it does not.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A campaign may have to ask more than once: a bound that does not hold for want of frames is looked at again with more
 * of them, models that were wrong too often are trained again and certified anew. Every look may err, so the k-th look
 * of a campaign computes its bound at the confidence 1 − α/(k(k + 1)), α = 1 − confidence: Σ 1/(k(k + 1)) = 1, all
 * looks together err with a probability of at most α, however often the campaign had to try. */
#ifndef KR_EELT_STAGE_CERTIFY_H
#define KR_EELT_STAGE_CERTIFY_H

#include "eelt/campaign_score.h"

typedef struct kr_certifying {
    int look;
    double confidence; /* of the bound of this look */
    int asked;         /* the frames were judged, the rest is filled in */
    int bound_holds;   /* the bound is at most the allowed rate */
    int holds;         /* and the force error of every cell at most converge.rmse_target */
    long wanted;       /* more frames of the same models; 0 = holds, or the frames that are wrong are learned */
    long nlearned;
    unsigned char *learn; /* [frames of the set] */
    char why[240];
    char *text; /* certificate.json */
} kr_certifying;

/* The look this is, and its confidence; campaign->pool becomes this iteration when its models are not those before. */
kr_status kr_certify_begin(kr_context *ctx, kr_campaign *campaign, kr_certifying *c);
/* Writes final/ when it holds, the data set of this iteration when frames are learned; the ledger stays as it is. */
kr_status kr_certify(kr_context *ctx, kr_campaign *campaign, const kr_scored_set *set, const kr_audit_report *report,
                     kr_certifying *c);
/* Inside the transaction that closes the stage. */
kr_status kr_certify_record(kr_context *ctx, kr_campaign *campaign, const kr_scored_set *set, const kr_certifying *c);
void kr_certify_clear(kr_certifying *c);

/* Frames of a sample of rate `rate` that bring its upper limit (kr_upper_limit) down to `allowed`; INFINITY: none. */
double kr_certify_frames(double rate, double allowed, double confidence);

#endif
