/* The input of a labelling campaign.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_LABEL_INPUT_H
#define KR_EELT_LABEL_INPUT_H

#include "eelt/job_input.h"
#include "eelt/labeller.h"

typedef struct kr_label_input {
    char *base;           /* folder of the input file: relative paths refer to it */
    char *folder, *store; /* of the campaign; shared labels or NULL */
    char *text;           /* completed input, for the ledger */
    uint64_t seed;
    kr_labeller *labeller;
    kr_job_input job;
} kr_label_input;

/* Strict; errors name file, line and column. */
kr_status kr_label_input_read(kr_context *ctx, const char *path, kr_label_input *input);
void kr_label_input_free(kr_label_input *input);

#endif
