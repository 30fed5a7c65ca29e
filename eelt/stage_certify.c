/* The certificate of a campaign (stage_certify.h).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * What follows when it does not hold: frames whose force error exceeds half the target, and the frames of cells whose
 * force error is above converge.rmse_target, become training data and the loop goes on; unless the bound lacks nothing
 * but frames, no more of them than a certificate begins with: then so many are drawn from fresh runs of the same models
 * and the bound is that of all of them together. */
#include "eelt/stage_certify.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/statistics.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

kr_status kr_certify_begin(kr_context *ctx, kr_campaign *m, kr_certifying *c) {
    kr_status status = KR_OK;
    int64_t looks, same;
    KR_TRY(kr_db_int(ctx, m->db, &looks,
                     "SELECT count(*) FROM metric WHERE scope = 'certificate' AND name = 'look' AND hidden = 0 AND "
                     "iteration < ?",
                     "i", (int64_t)m->iteration));
    c->look = (int)looks + 1;
    c->confidence = 1 - (1 - m->config.audit.confidence) / ((double)c->look * (c->look + 1));
    KR_TRY(kr_db_int(ctx, m->db, &same,
                     "SELECT count(*) FROM model a JOIN model b ON a.member = b.member AND a.sha256 = b.sha256 WHERE "
                     "a.hidden = 0 AND b.hidden = 0 AND a.iteration = ? AND b.iteration = ?",
                     "ii", (int64_t)m->pool, (int64_t)m->iteration));
    if (same != m->config.model.ensemble) m->pool = m->iteration; /* data were added in between */
done:
    return status;
}

void kr_certify_clear(kr_certifying *c) {
    kr_audit_text_free(&c->text);
    kr_free(c->learn);
    memset(c, 0, sizeof *c);
}

double kr_certify_frames(double rate, double allowed, double confidence) {
    double low = 1, high = 1e7;
    if (!(rate < allowed) || kr_upper_limit(rate * high, high, confidence) > allowed) return INFINITY;
    for (int k = 0; k < 60; k++) { /* bisection in the logarithm */
        double middle = sqrt(low * high);
        if (kr_upper_limit(rate * middle, middle, confidence) > allowed)
            low = middle;
        else
            high = middle;
    }
    return ceil(high);
}

/* ---- verdict ---- */

static void say(kr_certifying *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(kr_certifying *c, const char *format, ...) {
    size_t used = strlen(c->why);
    va_list values;
    if (used) used += (size_t)snprintf(c->why + used, sizeof c->why - used, "; ");
    if (used >= sizeof c->why) return;
    va_start(values, format);
    vsnprintf(c->why + used, sizeof c->why - used, format, values);
    va_end(values);
}

/* Frames still missing when the next look sees the same rate: the present ones times the ratio of the sizes of simple
 * samples that have the next bound and the present one, which keeps what likeness and strata cost; a tenth more. */
static double missing_frames(const kr_campaign *m, const kr_audit_rate *all, const kr_certifying *c) {
    double allowed = m->config.audit.bound, alpha = 1 - m->config.audit.confidence;
    double next = 1 - alpha / ((double)(c->look + 1) * (c->look + 2));
    double need = kr_certify_frames(all->rate.value, allowed, next);
    if (!isfinite(need)) return INFINITY;
    double have = kr_certify_frames(all->rate.value, all->bound, c->confidence);
    double more = (double)all->frames * (1.1 * need / have - 1);
    return fmax(more, 0.1 * m->config.audit.certificate);
}

static int cell_is_wrong(const kr_campaign *m, const kr_audit_rate *cell) {
    return cell->frames > 0 && cell->rmse_f.value > m->config.converge.rmse;
}

static kr_status mark_learned(kr_context *ctx, const kr_campaign *m, const kr_scored_set *s,
                              const kr_audit_report *report, kr_certifying *c) {
    kr_status status = KR_OK;
    KR_NEW(ctx, c->learn, (size_t)s->set.n + 1);
    for (long k = 0; k < s->set.n; k++) {
        const kr_scored *f = &s->scored[k];
        c->learn[k] = f->e > 0.5 * m->config.audit.e_target || cell_is_wrong(m, &report->cell[f->cell]);
        c->nlearned += c->learn[k];
    }
done:
    return status;
}

static kr_status judge(kr_context *ctx, const kr_campaign *m, const kr_scored_set *s, const kr_audit_report *report,
                       kr_certifying *c) {
    kr_status status = KR_OK;
    const kr_audit_rate *all = &report->all;
    int wrong = -1;
    for (int k = 0; k < m->ncells; k++)
        if (cell_is_wrong(m, &report->cell[k]) &&
            (wrong < 0 || report->cell[k].rmse_f.value > report->cell[wrong].rmse_f.value))
            wrong = k;
    c->holds = c->bound_holds && wrong < 0;
    if (c->holds) {
        say(c, "the certificate holds: at most %.3g %% of the frames above %g eV/A", 100 * all->bound,
            m->config.audit.e_target);
        goto done;
    }
    if (!c->bound_holds)
        say(c, "the certificate does not hold: %ld of %ld frames above %g eV/A, at most %.3g %% (allowed %g %%)",
            all->above, all->frames, m->config.audit.e_target, 100 * all->bound, 100 * m->config.audit.bound);
    if (wrong >= 0)
        say(c, "force error %.1f meV/A in %s (allowed %g)", 1000 * report->cell[wrong].rmse_f.value,
            m->cell[wrong].name, 1000 * m->config.converge.rmse);
    KR_TRY(mark_learned(ctx, m, s, report, c));
    double more = wrong < 0 ? missing_frames(m, all, c) : INFINITY;
    if (c->nlearned && !(more <= m->config.audit.certificate)) {
        say(c, "%ld of them become training data", c->nlearned);
        goto done;
    }
    memset(c->learn, 0, (size_t)s->set.n);
    c->nlearned = 0;
    c->wanted = (long)fmin(ceil(more), 1e6);
    say(c, "%ld more frames", c->wanted);
done:
    return status;
}

/* ---- files ---- */

/* The models that are certified, with the certificate inside: final/model_K.dp. */
static kr_status publish(kr_context *ctx, const kr_campaign *m, const char *text, int n, char *const *paths) {
    kr_status status = KR_OK;
    kr_folder_writer writer = {0};
    char *folder = kr_path_join(ctx, m->folder, "final"), *model = NULL, *content = NULL, name[32];
    size_t length;
    if (!folder) return KR_ERR_MEMORY;
    KR_TRY(kr_folder_begin(ctx, folder, 1, &writer));
    for (int k = 0; k < n; k++) {
        snprintf(name, sizeof name, "model_%d.dp", k);
        model = kr_path_join(ctx, writer.temporary, name);
        if (!model) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(kr_file_read(ctx, paths[k], &content, &length));
        KR_TRY(kr_file_write(ctx, writer.temporary, name, content, length));
        KR_TRY(kr_certificate_attach(ctx, text, model));
        kr_free(content);
        kr_free(model);
        content = model = NULL;
    }
    KR_TRY(kr_folder_commit(ctx, &writer));
done:
    kr_folder_abandon(&writer);
    kr_free(content);
    kr_free(model);
    kr_free(folder);
    return status;
}

static void window_of(const kr_campaign *m, char text[200]) {
    double T[2] = {INFINITY, -INFINITY}, P[2] = {INFINITY, -INFINITY};
    for (int k = 0; k < m->ncells; k++)
        for (int i = 0; i < 2; i++) {
            T[0] = fmin(T[0], m->cell[k].T.value[i]);
            T[1] = fmax(T[1], m->cell[k].T.value[i]);
            P[0] = fmin(P[0], m->cell[k].P.value[i]);
            P[1] = fmax(P[1], m->cell[k].P.value[i]);
        }
    snprintf(text, 200, "T %g-%g K, P %g-%g GPa, %d systems, %d cells", T[0], T[1], P[0], P[1], m->config.nsystems,
             m->ncells);
}

static kr_status make_text(kr_context *ctx, kr_campaign *m, const kr_audit_report *report, int n, char *const *paths,
                           kr_certifying *c) {
    kr_status status = KR_OK;
    char window[200], date[16] = "", **names = NULL;
    time_t now = time(NULL);
    struct tm parts;
    if (gmtime_r(&now, &parts)) strftime(date, sizeof date, "%Y-%m-%d", &parts);
    window_of(m, window);
    KR_NEW(ctx, names, (size_t)m->ncells + 1);
    for (int k = 0; k < m->ncells; k++) names[k] = m->cell[k].name;
    const kr_certificate_options options = {.campaign = m->config.campaign.name,
                                            .window = window,
                                            .date = date,
                                            .cell_name = (const char *const *)names,
                                            .nmodels = n,
                                            .model_path = (const char *const *)paths,
                                            .e_target = m->config.audit.e_target,
                                            .confidence = m->config.audit.confidence,
                                            .allowed = m->config.audit.bound,
                                            .look = c->look,
                                            .look_confidence = c->confidence};
    KR_TRY(kr_certificate_make(ctx, &options, report, &c->text, &c->bound_holds));
done:
    kr_free(names);
    return status;
}

/* The data set of this iteration once more, with the frames that are learned. */
static kr_status write_learned(kr_context *ctx, kr_campaign *m, const kr_scored_set *s, const kr_certifying *c) {
    kr_status status = KR_OK;
    kr_scored_set all = {0};
    char where[240];
    snprintf(where, sizeof where,
             "(f.decision = 'certificate' AND r.iteration BETWEEN %d AND %d) OR EXISTS (SELECT 1 FROM label c WHERE "
             "c.frame = f.id AND c.hidden = 0 AND c.collected = %d)",
             m->pool, m->iteration, m->iteration);
    KR_TRY(kr_scored_set_read(ctx, m, where, 0, &all));
    for (long k = 0; k < all.set.n; k++) /* both are in the order of the frames' ids */
        for (long i = 0; i < s->set.n; i++)
            if (s->set.row[i].id == all.set.row[k].id && c->learn[i]) all.certificate[k] = 0;
    KR_TRY(kr_collect_write(ctx, m, &all));
done:
    kr_scored_set_free(&all);
    return status;
}

kr_status kr_certify(kr_context *ctx, kr_campaign *m, const kr_scored_set *s, const kr_audit_report *report,
                     kr_certifying *c) {
    kr_status status = KR_OK;
    char **paths = NULL;
    int n = 0;
    KR_TRY(kr_campaign_models(ctx, m, m->iteration, &n, &paths));
    KR_TRY(make_text(ctx, m, report, n, paths, c));
    KR_TRY(judge(ctx, m, s, report, c));
    if (c->holds) KR_TRY(publish(ctx, m, c->text, n, paths));
    if (c->nlearned) KR_TRY(write_learned(ctx, m, s, c));
    c->asked = 1;
done:
    if (paths) kr_names_free(n, paths);
    return status;
}

kr_status kr_certify_record(kr_context *ctx, kr_campaign *m, const kr_scored_set *s, const kr_certifying *c) {
    kr_status status = KR_OK;
    KR_TRY(kr_campaign_metric(ctx, m, "certificate", "holds", c->holds, NAN, NAN));
    if (!c->asked) goto done;
    KR_TRY(kr_campaign_metric(ctx, m, "certificate", "look", c->look, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, "certificate", "confidence", c->confidence, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, "certificate", "learned", (double)c->nlearned, NAN, NAN));
    if (c->wanted) {
        KR_TRY(kr_campaign_metric(ctx, m, "next", "wanted", (double)c->wanted, NAN, NAN));
        KR_TRY(kr_campaign_metric(ctx, m, "next", "pool", m->pool, NAN, NAN));
    }
    for (long k = 0; c->nlearned && k < s->set.n; k++)
        if (c->learn[k])
            KR_TRY(kr_db_run(ctx, m->db, "UPDATE label SET role = 'train', collected = ? WHERE key = ?", "is",
                             (int64_t)m->iteration, s->key[k]));
    KR_TRY(kr_ledger_event(ctx, m->ledger, "certificate", "iteration %d: %s", m->iteration, c->why));
    KR_TRY(kr_file_write(ctx, m->folder, "certificate.json", c->text, strlen(c->text)));
done:
    return status;
}
