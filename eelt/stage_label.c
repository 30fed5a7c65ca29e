/* Stage label: everything that was chosen, in this iteration or before, and has no label yet.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/campaign.h"
#include "eelt/label.h"
#include <stdio.h>
#include <string.h>

/* Chosen and failed frames become training data as soon as they have a label; the audit's after they were scored. */
static const char *role_of(const char *decision) {
    return !strcmp(decision, "audit") || !strcmp(decision, "certificate") ? decision : "train";
}

static kr_status work(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK, verdict = KR_OK;
    kr_frame_set set = {0};
    kr_label_report report;
    const char **role = NULL;
    int64_t *frame = NULL;
    KR_TRY(kr_frame_set_read(ctx, m,
                             "f.decision IN ('chosen', 'audit', 'failed', 'certificate') AND NOT EXISTS "
                             "(SELECT 1 FROM label l WHERE l.frame = f.id AND l.hidden = 0)",
                             &set));
    if (!set.n) goto done;
    KR_NEW(ctx, role, (size_t)set.n);
    KR_NEW(ctx, frame, (size_t)set.n);
    for (long k = 0; k < set.n; k++) {
        role[k] = role_of(set.row[k].decision);
        frame[k] = set.row[k].id;
    }
    const kr_label_work labels = {.labeller = m->config.labeller,
                                  .job = &m->config.job[KR_CONFIG_LABEL],
                                  .program = m->options->program,
                                  .store = &m->store,
                                  .iteration = m->iteration,
                                  .role = role,
                                  .frame = frame};
    KR_TRY(kr_label_frames(ctx, m->ledger, &labels, set.data, NULL, NULL, &report, &verdict));
    kr_campaign_say(m, "  label: %ld of %ld frames (%ld known before)%s%s", report.labelled, report.unique,
                    report.known, report.failures[0] ? "; failed attempts: " : "", report.failures);
    status = verdict;
done:
    kr_frame_set_free(&set);
    kr_free(role);
    kr_free(frame);
    return status;
}

const kr_stage_kind kr_stage_label = {"label", work, NULL, NULL, NULL};
