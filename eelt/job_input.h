/* "jobs": {"label": {…}}: where the tasks of a kind run.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_EELT_JOB_INPUT_H
#define KR_EELT_JOB_INPUT_H

#include "eelt/queue.h"

typedef struct kr_job_input {
    const kr_runner_kind *runner; /* NULL after a mistake that was collected */
    kr_tree *runner_options;      /* MAP or NULL */
    kr_queue_options queue;
} kr_job_input;

/* jobs: the map of all kinds, or NULL; kind: "label", "train", "explore". */
kr_status kr_job_input_read(kr_context *ctx, const kr_tree *jobs, const char *kind, kr_job_input *input);
void kr_job_input_free(kr_job_input *input);
/* Brings the tasks of a kind to their ends. */
kr_status kr_job_run(kr_context *ctx, const kr_job_input *input, kr_ledger *ledger, const char *program,
                     const kr_work *work, kr_queue_result *result);
void kr_job_input_describe(void (*line)(const char *text, void *payload), void *payload);

#endif
