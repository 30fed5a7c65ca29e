/* Stage audit: how often frames called accurate are not; better levels; the certificate.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "eelt/campaign_score.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct auditing {
    kr_scored_set scored;
    kr_audit_report *report; /* NULL: no frames */
    kr_levels next;
    kr_calibration calibration;
    int calibrated, holds;
    double test_f, test_e; /* eV/A, eV per atom: errors on data.test; NaN = none */
    char *certificate;     /* kr_audit_text_free */
} auditing;

static void clear(kr_campaign *m) {
    auditing *a = m->state;
    if (!a) return;
    kr_scored_set_free(&a->scored);
    kr_audit_report_destroy(&a->report);
    kr_calibration_clear(&a->calibration);
    kr_audit_text_free(&a->certificate);
    kr_free(a);
    m->state = NULL;
}

/* ---- rates ---- */

static kr_status evaluate(kr_context *ctx, kr_campaign *m, auditing *a) {
    kr_status status = KR_OK;
    double *weight = NULL;
    kr_audit_options options = kr_audit_defaults;
    if (!a->scored.set.n) return KR_OK;
    options.e_target = m->config.audit.e_target;
    options.confidence = m->config.audit.confidence;
    options.seed = (uint64_t)m->config.campaign.seed + (uint64_t)m->iteration;
    KR_TRY(kr_campaign_populations(ctx, m, &weight));
    KR_TRY(kr_audit_evaluate(ctx, &options, m->ncells, weight, a->scored.set.n, a->scored.scored, &a->report));
    kr_campaign_say(m, "  %s: %ld frames, %ld above %.3g eV/A (at most %.2g %% of all); force error %.1f meV/A",
                    m->final ? "certificate" : "audit", a->report->all.frames, a->report->all.above, options.e_target,
                    100 * a->report->all.bound, 1000 * a->report->all.rmse_f.value);
done:
    kr_free(weight);
    return status;
}

/* ---- levels ---- */

/* (u, e) of all frames of this iteration that were sent to be labelled; a label that failed is a pair without e. */
static kr_status pairs_of(kr_context *ctx, kr_campaign *m, long *n, kr_error_pair **pairs) {
    kr_status status = KR_OK;
    kr_rows *rows = NULL;
    int64_t count;
    int more;
    static const char from[] =
        "FROM frame f JOIN run r ON r.id = f.run WHERE r.iteration = ? AND f.hidden = 0 AND f.dev_f IS NOT NULL AND "
        "f.decision IN ('chosen', 'audit', 'failed')";
    char sql[400];
    *n = 0;
    snprintf(sql, sizeof sql, "SELECT count(*) %s", from);
    KR_TRY(kr_db_int(ctx, m->db, &count, sql, "i", (int64_t)m->iteration));
    KR_NEW(ctx, *pairs, (size_t)count + 1);
    snprintf(sql, sizeof sql, "SELECT f.dev_f, f.err_f, f.run, r.cell %s ORDER BY f.id", from);
    KR_TRY(kr_db_query(ctx, m->db, &rows, sql, "i", (int64_t)m->iteration));
    while (*n < count) {
        KR_TRY(kr_rows_next(ctx, rows, &more));
        if (!more) break;
        (*pairs)[(*n)++] = (kr_error_pair){kr_rows_real(rows, 0), kr_rows_real(rows, 1), (int)kr_rows_int(rows, 2),
                                           (int)kr_rows_int(rows, 3)};
    }
done:
    kr_rows_destroy(&rows);
    return status;
}

static kr_status next_levels(kr_context *ctx, kr_campaign *m, auditing *a) {
    kr_status status = KR_OK;
    kr_calibrate_options options = kr_calibrate_defaults;
    kr_error_pair *pairs = NULL;
    double lo;
    long n;
    int mode = m->config.examine.levels;
    a->next = m->levels;
    if (mode == KR_LEVELS_DPGEN || mode == KR_LEVELS_DPGEN2) {
        KR_TRY(kr_campaign_get_metric(ctx, m, m->iteration, "levels", "f_lo", &lo));
        if (!isnan(lo)) a->next.f_lo = lo;
        goto done;
    }
    options.e_target = m->config.audit.e_target;
    options.alpha = m->config.audit.bound;
    options.confidence = m->config.audit.confidence;
    KR_TRY(pairs_of(ctx, m, &n, &pairs));
    kr_levels calibrated = m->levels;
    KR_TRY(kr_levels_calibrate(ctx, &options, n, pairs, &calibrated, &a->calibration));
    a->calibrated = 1;
    if (mode == KR_LEVELS_CALIBRATED) a->next = calibrated;
    kr_campaign_say(m, "    levels: %s", a->calibration.note);
done:
    kr_free(pairs);
    return status;
}

/* ---- test data ---- */

static kr_status read_test(kr_context *ctx, const kr_campaign *m, kr_dataset **data) {
    kr_status status = KR_OK;
    const kr_tree *list = m->config.data.test;
    kr_dataset *part = NULL;
    char *path = NULL;
    KR_TRY(kr_dataset_create(ctx, data));
    for (int k = 0; k < list->count; k++) {
        path = kr_label_path(ctx, m->config.base, list->child[k]->string);
        if (!path) KR_TRY(KR_ERR_MEMORY);
        KR_TRY(kr_dataset_read(ctx, path, NULL, m->config.nelements, m->config.element, &part));
        KR_TRY(kr_campaign_move_systems(ctx, &part, *data));
        kr_free(path);
        path = NULL;
    }
done:
    kr_dataset_destroy(&part);
    kr_free(path);
    return status;
}

/* Energies about their mean error: the zero of the oracle is not the model's business here. */
static void test_errors(auditing *a, long n, const kr_scored *scored) {
    double mean = 0, count = 0, sum = 0;
    for (long k = 0; k < n; k++)
        if (!isnan(scored[k].de)) mean += scored[k].de, count++;
    for (long k = 0; k < n; k++)
        if (!isnan(scored[k].de)) sum += (scored[k].de - mean / count) * (scored[k].de - mean / count);
    a->test_f = kr_scored_rmse(n, scored);
    a->test_e = count > 0 ? sqrt(sum / count) : NAN;
}

static kr_status test(kr_context *ctx, kr_campaign *m, auditing *a) {
    kr_status status = KR_OK;
    kr_dataset *data = NULL;
    kr_potential *potential = NULL;
    kr_scored *scored = NULL;
    long n = 0;
    if (!m->config.data.test->count) return KR_OK;
    KR_TRY(read_test(ctx, m, &data));
    for (int s = 0; s < data->nsystems; s++) n += data->system[s]->nframes;
    KR_NEW(ctx, scored, (size_t)n + 1);
    KR_TRY(kr_campaign_potential(ctx, m, &potential));
    KR_TRY(kr_audit_score(ctx, potential, 0, data, NULL, NULL, scored));
    test_errors(a, n, scored);
    kr_campaign_say(m, "  test: %ld frames, force error %.1f meV/A", n, 1000 * a->test_f);
done:
    kr_potential_destroy(&potential);
    kr_dataset_destroy(&data);
    kr_free(scored);
    return status;
}

/* ---- certificate ---- */

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

static kr_status certify(kr_context *ctx, kr_campaign *m, auditing *a) {
    kr_status status = KR_OK;
    char **paths = NULL, window[200], date[16] = "", **names = NULL;
    int n = 0;
    time_t now = time(NULL);
    struct tm parts;
    if (!a->report) return KR_OK;
    if (gmtime_r(&now, &parts)) strftime(date, sizeof date, "%Y-%m-%d", &parts);
    window_of(m, window);
    KR_TRY(kr_campaign_models(ctx, m, m->iteration, &n, &paths));
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
                                            .allowed = m->config.audit.bound};
    KR_TRY(kr_certificate_make(ctx, &options, a->report, &a->certificate, &a->holds));
    if (a->holds) KR_TRY(publish(ctx, m, a->certificate, n, paths));
done:
    if (paths) kr_names_free(n, paths);
    kr_free(names);
    return status;
}

/* ---- the stage ---- */

static kr_status work(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    auditing *a = NULL;
    char where[128];
    if (m->bootstrap) return KR_OK;
    KR_NEW(ctx, a, 1);
    m->state = a;
    snprintf(where, sizeof where, "r.iteration = %d AND f.decision = '%s'", m->iteration,
             m->final ? "certificate" : "audit");
    KR_TRY(kr_scored_set_read(ctx, m, where, 1, &a->scored));
    KR_TRY(evaluate(ctx, m, a));
    a->test_f = a->test_e = NAN;
    KR_TRY(test(ctx, m, a));
    if (m->final) {
        a->next = m->levels;
        KR_TRY(certify(ctx, m, a));
    } else {
        KR_TRY(next_levels(ctx, m, a));
    }
done:
    return status;
}

static kr_status put_interval(kr_context *ctx, kr_campaign *m, const char *scope, const char *name,
                              const kr_interval *i) {
    return isnan(i->value) ? KR_OK : kr_campaign_metric(ctx, m, scope, name, i->value, i->low, i->high);
}

static kr_status put_rate(kr_context *ctx, kr_campaign *m, const char *scope, const kr_audit_rate *r) {
    kr_status status = KR_OK;
    if (!r->frames) return KR_OK;
    KR_TRY(kr_campaign_metric(ctx, m, scope, "audit_frames", (double)r->frames, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, scope, "audit_above", (double)r->above, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, scope, "audit_bound", r->bound, NAN, NAN));
    KR_TRY(put_interval(ctx, m, scope, "audit_rate", &r->rate));
    KR_TRY(put_interval(ctx, m, scope, "rmse_f", &r->rmse_f));
    KR_TRY(put_interval(ctx, m, scope, "mae_f", &r->mae_f));
    KR_TRY(put_interval(ctx, m, scope, "rmse_e", &r->rmse_e));
    KR_TRY(put_interval(ctx, m, scope, "rmse_v", &r->rmse_v));
done:
    return status;
}

static kr_status put_calibration(kr_context *ctx, kr_campaign *m, const kr_calibration *c) {
    kr_status status = KR_OK;
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"pairs", (double)c->pairs},  {"failures", (double)c->failures}, {"scale", c->scale},
                   {"spearman", c->spearman},    {"coverage", c->coverage},         {"rate_below", c->rate_below},
                   {"high_below", c->high_below}};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        if (!isnan(numbers[k].value))
            KR_TRY(kr_campaign_metric(ctx, m, "calibration", numbers[k].name, numbers[k].value, NAN, NAN));
    for (long k = 0; k < c->npoints; k++) { /* the curve: value u, interval: rate and its upper limit */
        char name[32];
        snprintf(name, sizeof name, "point %04ld", k);
        KR_TRY(kr_campaign_metric(ctx, m, "calibration", name, c->point[k].u, c->point[k].rate, c->point[k].high));
    }
done:
    return status;
}

static kr_status record(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const auditing *a = m->state;
    if (!a) return KR_OK;
    if (a->report) {
        KR_TRY(put_rate(ctx, m, "all", &a->report->all));
        for (int k = 0; k < m->ncells; k++) KR_TRY(put_rate(ctx, m, m->cell[k].name, &a->report->cell[k]));
    }
    if (!isnan(a->test_f)) KR_TRY(kr_campaign_metric(ctx, m, "test", "rmse_f", a->test_f, NAN, NAN));
    if (!isnan(a->test_e)) KR_TRY(kr_campaign_metric(ctx, m, "test", "rmse_e", a->test_e, NAN, NAN));
    if (a->calibrated) KR_TRY(put_calibration(ctx, m, &a->calibration));
    const struct {
        const char *name;
        double value;
    } levels[] = {{"f_lo", a->next.f_lo}, {"f_hi", a->next.f_hi}, {"v_lo", a->next.v_lo}, {"v_hi", a->next.v_hi}};
    for (size_t k = 0; k < 4; k++)
        if (isfinite(levels[k].value))
            KR_TRY(kr_campaign_metric(ctx, m, "next", levels[k].name, levels[k].value, NAN, NAN));
    if (m->final) {
        KR_TRY(kr_campaign_metric(ctx, m, "certificate", "holds", a->holds, NAN, NAN));
        if (a->certificate)
            KR_TRY(kr_ledger_event(ctx, m->ledger, "certificate", "iteration %d: %s", m->iteration,
                                   a->holds ? "holds" : "does not hold"));
        if (a->certificate)
            KR_TRY(kr_file_write(ctx, m->folder, "certificate.json", a->certificate, strlen(a->certificate)));
    }
done:
    return status;
}

const kr_stage_kind kr_stage_audit = {"audit", work, record, NULL, clear};
