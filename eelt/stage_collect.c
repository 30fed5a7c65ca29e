/* Stage collect: new labels become data sets, and the current models are tested on them before they are trained on.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/campaign_score.h"
#include <kramers/dataset_tools.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void clear(kr_campaign *m) {
    kr_scored_set *s = m->state;
    if (!s) return;
    kr_scored_set_free(s);
    kr_free(s);
    m->state = NULL;
}

/* data.SSS, data.SSS.1 …: one folder for each composition; the certificate's frames under a name that no training
 * looks for. */
static kr_status write_system(kr_context *ctx, const kr_scored_set *s, const char *folder, int system,
                              int certificate) {
    kr_status status = KR_OK;
    unsigned char *keep = NULL;
    kr_dataset *part = NULL, *merged = NULL;
    char base[32];
    long n = 0;
    KR_NEW(ctx, keep, (size_t)s->set.n + 1);
    for (long k = 0; k < s->set.n; k++)
        n += keep[k] = s->set.row[k].system == system && s->certificate[k] == certificate;
    if (!n) goto done;
    KR_TRY(kr_dataset_select(ctx, s->labelled, keep, &part));
    KR_TRY(kr_dataset_merge(ctx, part, &merged));
    snprintf(base, sizeof base, "%s.%03d", certificate ? "certificate" : "data", system);
    KR_TRY(kr_campaign_write_sets(ctx, merged, folder, base));
done:
    kr_free(keep);
    kr_dataset_destroy(&part);
    kr_dataset_destroy(&merged);
    return status;
}

kr_status kr_collect_write(kr_context *ctx, const kr_campaign *m, const kr_scored_set *s) {
    kr_status status = KR_OK;
    kr_folder_writer writer = {0};
    char *above = kr_campaign_path(ctx, m, m->iteration, ""),
         *path = kr_campaign_path(ctx, m, m->iteration, "02.label");
    if (!above || !path) KR_TRY(KR_ERR_MEMORY);
    KR_TRY(kr_campaign_make_folder(ctx, above));
    KR_TRY(kr_folder_begin(ctx, path, 1, &writer));
    for (int k = 0; k < m->config.nsystems; k++)
        for (int certificate = 0; certificate < 2; certificate++)
            KR_TRY(write_system(ctx, s, writer.temporary, k, certificate));
    KR_TRY(kr_folder_commit(ctx, &writer));
done:
    kr_folder_abandon(&writer);
    kr_free(above);
    kr_free(path);
    return status;
}

static kr_status work(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    kr_scored_set *s = NULL;
    KR_NEW(ctx, s, 1);
    m->state = s;
    KR_TRY(kr_scored_set_read(ctx, m,
                              "EXISTS (SELECT 1 FROM label c WHERE c.frame = f.id AND c.hidden = 0 AND "
                              "c.collected IS NULL)",
                              1, s));
    KR_TRY(kr_collect_write(ctx, m, s));
    if (s->scored)
        kr_campaign_say(m, "  collect: %ld labels; the models' force error on them %.1f meV/A", s->set.n,
                        1000 * kr_scored_rmse(s->set.n, s->scored));
    else
        kr_campaign_say(m, "  collect: %ld labels", s->set.n);
done:
    return status;
}

/* Errors on what was chosen (hard frames) apart from those of the audit (typical ones). */
static kr_status record_errors(kr_context *ctx, kr_campaign *m, const kr_scored_set *s) {
    kr_status status = KR_OK;
    double f2 = 0, n = 0, e2 = 0, ne = 0, worst = 0;
    for (long k = 0; k < s->set.n; k++) {
        const kr_scored *r = &s->scored[k];
        if (strcmp(s->set.row[k].decision, "chosen")) continue;
        f2 += r->f2;
        n += 3.0 * r->natoms;
        if (!isnan(r->de)) e2 += r->de * r->de, ne++;
        worst = fmax(worst, r->e);
    }
    if (n == 0) goto done;
    KR_TRY(kr_campaign_metric(ctx, m, "new", "rmse_f", sqrt(f2 / n), NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, "new", "max_f", worst, NAN, NAN));
    if (ne > 0) KR_TRY(kr_campaign_metric(ctx, m, "new", "rmse_e", sqrt(e2 / ne), NAN, NAN));
done:
    return status;
}

static kr_status record(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const kr_scored_set *s = m->state;
    for (long k = 0; k < s->set.n; k++) {
        KR_TRY(kr_db_run(ctx, m->db, "UPDATE label SET collected = ? WHERE key = ?", "is", (int64_t)m->iteration,
                         s->key[k]));
        if (s->scored)
            KR_TRY(kr_db_run(ctx, m->db, "UPDATE frame SET err_f = ?, err_e = ? WHERE id = ?", "rri", s->scored[k].e,
                             s->scored[k].de, s->set.row[k].id));
    }
    KR_TRY(kr_campaign_metric(ctx, m, "new", "labels", (double)s->set.n, NAN, NAN));
    if (s->scored) KR_TRY(record_errors(ctx, m, s));
done:
    return status;
}

const kr_stage_kind kr_stage_collect = {"collect", work, record, NULL, clear};
