/* Stage report: has the window converged, what comes next, and the report.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The window that is open has converged when, in `converge.iterations` iterations in a row, every cell has at most
 * the allowed fractions of candidates and failed frames, and the audit of the last one does not speak against it:
 * force error at most rmse_target, false-accurate rate not above the bound beyond doubt (without a certificate: bounded
 * by it). Then the next part opens; after the last one the final models are trained and fresh frames decide. */
#include "core/error.h"
#include "core/memory.h"
#include "eelt/campaign.h"
#include "eelt/report.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct verdict {
    int window, opening, final, converged; /* window: the open part has converged */
    char why[700];                         /* what is missing, or how it ended */
} verdict;

static void clear(kr_campaign *m) {
    kr_free(m->state);
    m->state = NULL;
}

static void say(verdict *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(verdict *v, const char *format, ...) {
    size_t used = strlen(v->why);
    va_list values;
    if (used > sizeof v->why - 200) return;
    if (used) used += (size_t)snprintf(v->why + used, sizeof v->why - used, "; ");
    va_start(values, format);
    vsnprintf(v->why + used, sizeof v->why - used, format, values);
    va_end(values);
}

/* Fractions of all open cells in one iteration. */
static kr_status cells_fine(kr_context *ctx, kr_campaign *m, int iteration, verdict *v, int *fine) {
    kr_status status = KR_OK;
    const kr_config_converge *c = &m->config.converge;
    double candidate, failed, worst[2] = {-1, -1};
    int at[2] = {-1, -1};
    *fine = 1;
    for (int k = 0; k < m->ncells; k++) {
        if (m->cell[k].opening != m->opening) continue;
        KR_TRY(kr_campaign_get_metric(ctx, m, iteration, m->cell[k].name, "candidate", &candidate));
        KR_TRY(kr_campaign_get_metric(ctx, m, iteration, m->cell[k].name, "failed", &failed));
        *fine &= candidate <= c->candidate && failed <= c->failed; /* NaN: not explored */
        if (!(candidate <= worst[0])) worst[0] = candidate, at[0] = k;
        if (!(failed <= worst[1])) worst[1] = failed, at[1] = k;
    }
    if (iteration != m->iteration) goto done;
    if (at[0] >= 0 && isnan(worst[0])) {
        say(v, "no samples in %s", m->cell[at[0]].name);
        goto done;
    }
    if (at[0] >= 0 && !(worst[0] <= c->candidate))
        say(v, "%.2f %% candidates in %s (allowed %g %%)", 100 * worst[0], m->cell[at[0]].name, 100 * c->candidate);
    if (at[1] >= 0 && !(worst[1] <= c->failed))
        say(v, "%.2f %% failed in %s (allowed %g %%)", 100 * worst[1], m->cell[at[1]].name, 100 * c->failed);
done:
    return status;
}

/* (a) for this iteration and those before it. */
static kr_status fractions_hold(kr_context *ctx, kr_campaign *m, verdict *v, int *hold) {
    kr_status status = KR_OK;
    int fine;
    double opening, final;
    *hold = 1;
    for (int back = 0; back < m->config.converge.iterations && *hold; back++) {
        KR_TRY(kr_campaign_get_metric(ctx, m, m->iteration - back, "plan", "opening", &opening));
        if (back == 0) opening = m->opening; /* is written when this stage closes */
        KR_TRY(cells_fine(ctx, m, m->iteration - back, v, &fine));
        KR_TRY(kr_campaign_get_metric(ctx, m, m->iteration - back, "plan", "final", &final));
        *hold = fine && opening == m->opening && final != 1; /* a final exploration calls no frame a candidate */
        if (!*hold && back) say(v, "fractions are small in %d of %d iterations", back, m->config.converge.iterations);
    }
done:
    return status;
}

/* DP-GEN2's rule: a share of the frames is always a candidate there, so it is the level that has to settle. */
static kr_status level_settled(kr_context *ctx, kr_campaign *m, verdict *v, int *hold) {
    enum { CHECKED = 2 };
    static const double tolerance = 0.05; /* eV/Å */
    kr_status status = KR_OK;
    double lo[CHECKED], opening;
    *hold = 1;
    for (int k = 0; k < CHECKED && *hold; k++) {
        int iteration = m->iteration - (CHECKED - 1 - k);
        KR_TRY(kr_campaign_get_metric(ctx, m, iteration, "levels", "f_lo", &lo[k]));
        KR_TRY(kr_campaign_get_metric(ctx, m, iteration, "plan", "opening", &opening));
        *hold = isfinite(lo[k]) && (iteration == m->iteration || opening == m->opening);
    }
    *hold = *hold && kr_levels_settled(CHECKED, lo, CHECKED, tolerance);
    if (!*hold) say(v, "the adapted level has not settled within %g eV/A over %d iterations", tolerance, CHECKED);
done:
    return status;
}

/* (b) and (c). */
static kr_status audit_holds(kr_context *ctx, kr_campaign *m, verdict *v, int *hold) {
    kr_status status = KR_OK;
    const kr_config *c = &m->config;
    kr_rows *rows = NULL;
    double rmse, bound, low = NAN;
    int more;
    *hold = 1;
    KR_TRY(kr_campaign_get_metric(ctx, m, m->iteration, "all", "rmse_f", &rmse));
    KR_TRY(kr_campaign_get_metric(ctx, m, m->iteration, "all", "audit_bound", &bound));
    KR_TRY(kr_db_query(ctx, m->db, &rows,
                       "SELECT lo95 FROM metric WHERE iteration = ? AND scope = 'all' AND name = 'audit_rate' AND "
                       "hidden = 0",
                       "i", (int64_t)m->iteration));
    KR_TRY(kr_rows_next(ctx, rows, &more));
    if (more) low = kr_rows_real(rows, 0);
    if (isnan(rmse)) {
        say(v, "there was no audit");
        *hold = 0;
        goto done;
    }
    if (rmse > c->converge.rmse) {
        say(v, "force error %.1f meV/A on the audit (allowed %g)", 1000 * rmse, 1000 * c->converge.rmse);
        *hold = 0;
    }
    if (c->audit.certificate > 0 ? low > c->audit.bound : !(bound <= c->audit.bound)) {
        say(v, "%.3g %% of the accurate frames may be wrong (allowed %g %%)",
            100 * (c->audit.certificate > 0 ? low : bound), 100 * c->audit.bound);
        *hold = 0;
    }
done:
    kr_rows_destroy(&rows);
    return status;
}

/* More labels do not help models that miss the error on what they were trained on. */
static kr_status tell_fit(kr_context *ctx, kr_campaign *m, verdict *v) {
    kr_status status = KR_OK;
    double fit;
    KR_TRY(kr_campaign_get_metric(ctx, m, m->iteration, "train", "rmse_f", &fit));
    if (fit > m->config.converge.rmse)
        say(v,
            "force error %.1f meV/A on the training data themselves (allowed %g): longer training, a larger net or "
            "another cutoff helps, more labels alone do not",
            1000 * fit, 1000 * m->config.converge.rmse);
done:
    return status;
}

/* What the audit found out (stage_certify.h): converged, more frames of the same models, or the loop goes on. */
static kr_status judge_final(kr_context *ctx, kr_campaign *m, verdict *v) {
    kr_status status = KR_OK;
    double holds, wanted;
    KR_TRY(kr_campaign_get_metric(ctx, m, m->iteration, "certificate", "holds", &holds));
    KR_TRY(kr_campaign_get_metric(ctx, m, m->iteration, "next", "wanted", &wanted));
    v->opening = m->nopenings - 1;
    v->converged = holds == 1;
    v->final = !v->converged && wanted > 0;
    say(v, "%s",
        v->converged ? "the certificate holds"
        : v->final   ? "more frames for the certificate come next"
                     : "the certificate does not hold, the loop goes on");
done:
    return status;
}

static kr_status judge(kr_context *ctx, kr_campaign *m, verdict *v) {
    kr_status status = KR_OK;
    int fractions, audit;
    if (m->final) return judge_final(ctx, m, v);
    v->opening = m->opening;
    if (m->bootstrap) return KR_OK;
    if (m->config.examine.levels == KR_LEVELS_DPGEN2)
        KR_TRY(level_settled(ctx, m, v, &fractions));
    else
        KR_TRY(fractions_hold(ctx, m, v, &fractions));
    KR_TRY(audit_holds(ctx, m, v, &audit));
    v->window = fractions && audit;
    if (!v->window) {
        KR_TRY(tell_fit(ctx, m, v));
        goto done;
    }
    if (m->opening + 1 < m->nopenings) {
        v->opening = m->opening + 1;
        say(v, "this part of the window has converged, part %d of %d opens", v->opening + 1, m->nopenings);
    } else if (m->config.audit.certificate > 0) {
        v->final = 1;
        say(v, "the whole window has converged: final training and certificate come next");
    } else {
        v->converged = 1;
        say(v, "the whole window has converged");
    }
done:
    return status;
}

static kr_status work(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    verdict *v = NULL;
    KR_NEW(ctx, v, 1);
    m->state = v;
    KR_TRY(judge(ctx, m, v));
    if (v->why[0]) kr_campaign_say(m, "  %s", v->why);
done:
    return status;
}

static kr_status record(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const verdict *v = m->state;
    KR_TRY(kr_campaign_metric(ctx, m, "plan", "opening", m->opening, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, "plan", "final", m->final, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, "next", "opening", v->opening, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, "next", "final", v->final, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, "next", "converged", v->converged, NAN, NAN));
    if (v->why[0]) KR_TRY(kr_ledger_event(ctx, m->ledger, "verdict", "iteration %d: %s", m->iteration, v->why));
done:
    return status;
}

static kr_status after(kr_context *ctx, kr_campaign *m) { return kr_report_write(ctx, m->db, m->folder); }

const kr_stage_kind kr_stage_report = {"report", work, record, after, clear};
