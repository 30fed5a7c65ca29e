/* Stage audit: how often frames called accurate are not; better levels; the certificate.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/stage_audit.h"
#include "core/error.h"
#include "core/memory.h"
#include "eelt/stage_certify.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct auditing {
    kr_scored_set scored;
    kr_audit_report *report; /* NULL: no frames */
    kr_levels next;
    kr_calibration calibration;
    int calibrated;
    kr_certifying certifying;
    kr_audit_history history;
    double test_f, test_e; /* eV/A, eV per atom: errors on data.test; NaN = none */
} auditing;

static void clear(kr_campaign *m) {
    auditing *a = m->state;
    if (!a) return;
    kr_scored_set_free(&a->scored);
    kr_audit_report_destroy(&a->report);
    kr_calibration_clear(&a->calibration);
    kr_certify_clear(&a->certifying);
    kr_audit_history_clear(&a->history);
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
    if (m->final) options.bound_confidence = a->certifying.confidence;
    KR_TRY(kr_campaign_populations(ctx, m, &weight));
    KR_TRY(kr_audit_evaluate(ctx, &options, m->ncells, weight, a->scored.set.n, a->scored.scored, &a->report));
    kr_campaign_say(m, "  %s: %ld frames, %ld above %.3g eV/A (at most %.3g %% of all); force error %.1f meV/A",
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

/* The pairs decide nothing, they are too few. When the audit found more wrong frames than allowed, frames like those
 * must become candidates, or nothing new is labelled: lo falls to the smallest deviation of a wrong one. Otherwise a lo
 * that lies below the first one, of models that have learned since, rises by half at a time: what it lets through is
 * audited next. */
static void move_level(const kr_campaign *m, const auditing *a, long n, const kr_error_pair *pairs, kr_levels *levels) {
    const int grade = m->config.examine.method == KR_NOVELTY_MAXVOL;
    const double first = grade ? m->config.trust.gamma_lo : m->config.trust.f_lo;
    const char *unit = grade ? "" : " eV/A", *indicator = grade ? "grade" : "deviation";
    double wrong = INFINITY, lo = levels->f_lo;
    if (!a->report) return;
    for (long k = 0; k < n; k++)
        if (pairs[k].e > m->config.audit.e_target && pairs[k].u > 0) wrong = fmin(wrong, pairs[k].u);
    if (a->report->all.rate.value > m->config.audit.bound) {
        if (!(wrong < lo)) return;
        levels->f_lo = wrong;
        kr_campaign_say(m, "    levels: f_lo falls to %.4g%s, the smallest %s of an accurate frame that was wrong",
                        wrong, unit, indicator);
    } else {
        double to = fmin(fmin(1.5 * lo, first), wrong);
        if (!(to > lo)) return;
        levels->f_lo = to;
        levels->f_hi = fmax(levels->f_hi, 2 * to);
        kr_campaign_say(m, "    levels: f_lo rises to %.4g%s, no labelled frame of a smaller %s was wrong", to, unit,
                        indicator);
    }
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
    options.unit_free = m->config.examine.method == KR_NOVELTY_MAXVOL;
    KR_TRY(pairs_of(ctx, m, &n, &pairs));
    kr_levels calibrated = m->levels;
    KR_TRY(kr_levels_calibrate(ctx, &options, n, pairs, &calibrated, &a->calibration));
    a->calibrated = 1;
    kr_campaign_say(m, "    levels: %s", a->calibration.note);
    if (!a->calibration.lo_changed) move_level(m, a, n, pairs, &calibrated);
    if (mode == KR_LEVELS_CALIBRATED) a->next = calibrated;
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
    KR_TRY(kr_campaign_potential(ctx, m, 1, &potential, NULL));
    KR_TRY(kr_audit_score(ctx, potential, 0, data, NULL, NULL, scored));
    test_errors(a, n, scored);
    kr_campaign_say(m, "  test: %ld frames, force error %.1f meV/A", n, 1000 * a->test_f);
done:
    kr_potential_destroy(&potential);
    kr_dataset_destroy(&data);
    kr_free(scored);
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
    if (m->final) KR_TRY(kr_certify_begin(ctx, m, &a->certifying));
    snprintf(where, sizeof where, "r.iteration BETWEEN %d AND %d AND f.decision = '%s'",
             m->final ? m->pool : m->iteration, m->iteration, m->final ? "certificate" : "audit");
    KR_TRY(kr_scored_set_read(ctx, m, where, 1, &a->scored));
    KR_TRY(evaluate(ctx, m, a));
    KR_TRY(kr_audit_history_make(ctx, m, &a->scored, &a->history));
    a->test_f = a->test_e = NAN;
    KR_TRY(test(ctx, m, a));
    if (m->final) {
        a->next = m->levels;
        if (a->report) KR_TRY(kr_certify(ctx, m, &a->scored, a->report, &a->certifying));
        if (a->certifying.asked) kr_campaign_say(m, "  %s", a->certifying.why);
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
    KR_TRY(kr_audit_history_record(ctx, m, &a->history));
    if (a->calibrated) KR_TRY(put_calibration(ctx, m, &a->calibration));
    const struct {
        const char *name;
        double value;
    } levels[] = {{"f_lo", a->next.f_lo}, {"f_hi", a->next.f_hi}, {"v_lo", a->next.v_lo}, {"v_hi", a->next.v_hi}};
    for (size_t k = 0; k < 4; k++)
        if (isfinite(levels[k].value))
            KR_TRY(kr_campaign_metric(ctx, m, "next", levels[k].name, levels[k].value, NAN, NAN));
    if (m->final) KR_TRY(kr_certify_record(ctx, m, &a->scored, &a->certifying));
done:
    return status;
}

const kr_stage_kind kr_stage_audit = {"audit", work, record, NULL, clear};
