/* What the audit says beyond its own frames' errors: the models of all iterations on the same frames.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_STAGE_AUDIT_H
#define KR_EELT_STAGE_AUDIT_H

#include "eelt/campaign_score.h"

/* Scope of the metrics: "models 3", the models of iteration 3; the metric's own iteration is that of the frames. */
#define KR_AUDIT_HISTORY "models "

typedef struct kr_audit_past {
    int iteration;       /* of the models */
    kr_interval audited; /* force error, eV/Å, on the audited (or the certificate's) frames */
    kr_interval chosen;  /* on the frames that were chosen to be learned; NaN: none */
} kr_audit_past;

typedef struct kr_audit_history {
    int n;
    kr_audit_past *row; /* [n] ascending in iteration; the last one is this iteration */
} kr_audit_history;

/* Scores the first model of every iteration up to this one on frames labelled in this one. */
kr_status kr_audit_history_make(kr_context *ctx, kr_campaign *campaign, const kr_scored_set *audited,
                                kr_audit_history *history);
/* Inside the transaction that closes the stage. */
kr_status kr_audit_history_record(kr_context *ctx, kr_campaign *campaign, const kr_audit_history *history);
void kr_audit_history_clear(kr_audit_history *history);

#endif
