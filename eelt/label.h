/* Labelling frames with a ledger that is open: what kr_label_dataset and campaigns share.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_LABEL_H
#define KR_EELT_LABEL_H

#include "eelt/job_input.h"
#include "eelt/label_store.h"
#include <kramers/eelt.h>

typedef struct kr_label_work {
    const kr_labeller *labeller;
    const kr_job_input *job;
    const char *program;
    kr_label_store *store;
    int iteration;
    const char *const *role; /* [frames] of the label in the ledger; NULL = all "train" */
    const int64_t *frame;    /* [frames] numbers of the frames in the ledger; NULL = they are not there */
} kr_label_work;

/* Brings the labels of all frames into the store, as far as they can be had. *verdict: of the queue (KR_OK,
 * KR_CANCELLED, KR_NOT_CONVERGED). keys (may be NULL) [frames]. labelled (may be NULL): the frames with a label, in
 * their order, are appended. */
kr_status kr_label_frames(kr_context *ctx, kr_ledger *ledger, const kr_label_work *work, const kr_dataset *dataset,
                          char (*keys)[65], kr_dataset *labelled, kr_label_report *report, kr_status *verdict);

/* Adds a frame with its label to the builder; the label must be in the store. */
kr_status kr_label_build(kr_context *ctx, const kr_label_store *store, const char *key, const kr_label_frame *label,
                         kr_builder *builder);

#endif
