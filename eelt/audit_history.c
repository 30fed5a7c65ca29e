/* Models of all iterations on the same frames: the learning curve of a campaign.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The audit of an iteration looks at frames that its own models call accurate. In the first iterations those are frames
 * of cold, quiet cells, later of all cells: errors of different audits are errors on different populations, and need
 * not fall while the models get better. The newest labels are new to the models of this iteration and of all before it,
 * so their errors on them can be compared frame by frame. */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/stage_audit.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>

/* Force error of one model on a set of labelled frames, audited ones weighted over the cells as in the audit. */
static kr_status score(kr_context *ctx, const kr_campaign *m, const char *path, const kr_scored_set *set,
                       const double *weight, kr_interval *rmse) {
    kr_status status = KR_OK;
    kr_potential *potential = NULL;
    kr_audit_report *report = NULL;
    kr_audit_options options = kr_audit_defaults;
    kr_scored *scored = NULL;
    int *run = NULL, *cell = NULL;
    *rmse = (kr_interval){NAN, NAN, NAN};
    if (!set->set.n) return KR_OK;
    KR_NEW(ctx, scored, (size_t)set->set.n);
    KR_NEW(ctx, run, (size_t)set->set.n);
    KR_NEW(ctx, cell, (size_t)set->set.n);
    for (long k = 0; k < set->set.n; k++) run[k] = (int)set->set.row[k].run, cell[k] = set->set.row[k].cell;
    KR_TRY(kr_potential_load(ctx, 1, &path, NULL, &potential));
    KR_TRY(kr_audit_score(ctx, potential, 0, set->labelled, run, cell, scored));
    options.seed = (uint64_t)m->config.campaign.seed;
    options.confidence = m->config.audit.confidence;
    if (weight) {
        KR_TRY(kr_audit_evaluate(ctx, &options, m->ncells, weight, set->set.n, scored, &report));
        *rmse = report->all.rmse_f;
    } else {
        rmse->value = kr_scored_rmse(set->set.n, scored);
    }
done:
    kr_audit_report_destroy(&report);
    kr_potential_destroy(&potential);
    kr_free(scored);
    kr_free(run);
    kr_free(cell);
    return status;
}

static kr_status score_all(kr_context *ctx, kr_campaign *m, const kr_scored_set *audited, const kr_scored_set *chosen,
                           const double *weight, kr_audit_history *h) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    char *path = NULL;
    int more;
    KR_NEW(ctx, h->row, (size_t)m->iteration + 1);
    KR_TRY(kr_db_query(ctx, m->db, &rows,
                       "SELECT iteration, path FROM model WHERE hidden = 0 AND member = 0 AND iteration <= ? ORDER BY "
                       "iteration",
                       "i", (int64_t)m->iteration));
    while (h->n <= m->iteration) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        path = kr_path_join(ctx, m->folder, kr_rows_text(rows, 1));
        if (!path) KR_TRY(KR_ERR_MEMORY);
        kr_audit_past *row = &h->row[h->n];
        row->iteration = (int)kr_rows_int(rows, 0);
        if (kr_file_exists(path)) { /* models of early iterations may have been removed to save room */
            KR_TRY(score(ctx, m, path, audited, weight, &row->audited));
            KR_TRY(score(ctx, m, path, chosen, NULL, &row->chosen));
            h->n++;
        }
        kr_free(path);
        path = NULL;
    }
done:
    kr_rows_destroy(&rows);
    kr_free(path);
    return status;
}

/* "1: 44.2, 2: 37.1" of the last few; nothing when there are no such frames. */
static void say(const kr_campaign *m, const kr_audit_history *h, const char *what, long frames, size_t offset) {
    enum { LAST = 6 };
    int first = h->n > LAST ? h->n - LAST : 0;
    char text[30 * LAST];
    size_t used = 0;
    if (h->n < 2 || !frames) return;
    for (int k = first; k < h->n; k++) {
        const kr_interval *rmse = (const kr_interval *)((const char *)&h->row[k] + offset);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d: %.1f", k > first ? ", " : "",
                                 h->row[k].iteration, 1000 * rmse->value);
    }
    kr_campaign_say(m, "    models of iteration … on these %ld %s frames, meV/A: %s", frames, what, text);
}

kr_status kr_audit_history_make(kr_context *ctx, kr_campaign *m, const kr_scored_set *audited, kr_audit_history *h) {
    kr_status status = KR_OK;
    kr_scored_set chosen = {0};
    double *weight = NULL;
    char where[80];
    snprintf(where, sizeof where, "r.iteration = %d AND f.decision = 'chosen'", m->iteration);
    KR_TRY(kr_scored_set_read(ctx, m, where, 0, &chosen)); /* none in a final iteration */
    KR_TRY(kr_campaign_populations(ctx, m, &weight));
    KR_TRY(score_all(ctx, m, audited, &chosen, weight, h));
    say(m, h, m->final ? "fresh" : "audited", audited->set.n, offsetof(kr_audit_past, audited));
    say(m, h, "chosen", chosen.set.n, offsetof(kr_audit_past, chosen));
done:
    kr_scored_set_free(&chosen);
    kr_free(weight);
    return status;
}

kr_status kr_audit_history_record(kr_context *ctx, kr_campaign *m, const kr_audit_history *h) {
    kr_status status = KR_OK;
    char scope[32];
    for (int k = 0; k < h->n; k++) {
        const kr_audit_past *row = &h->row[k];
        snprintf(scope, sizeof scope, KR_AUDIT_HISTORY "%d", row->iteration);
        if (!isnan(row->audited.value))
            KR_TRY(kr_campaign_metric(ctx, m, scope, "rmse_f_audited", row->audited.value, row->audited.low,
                                      row->audited.high));
        if (!isnan(row->chosen.value))
            KR_TRY(kr_campaign_metric(ctx, m, scope, "rmse_f_chosen", row->chosen.value, NAN, NAN));
    }
done:
    return status;
}

void kr_audit_history_clear(kr_audit_history *h) {
    kr_free(h->row);
    h->row = NULL;
    h->n = 0;
}
