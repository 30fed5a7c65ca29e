/* Stage select: which candidates are labelled, and which accurate and failed frames besides.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/frames.h"
#include "core/memory.h"
#include "core/random.h"
#include "eelt/campaign.h"
#include "eelt/select.h"
#include <inttypes.h>
#include <kramers/audit.h>
#include <kramers/select.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct choice {
    int64_t id;
    const char *decision;
    char reason[120];
} choice;

typedef struct selecting {
    kr_campaign *m;
    long n;
    size_t room;
    choice *choice;
    double radius_before, radius_after;
    long chosen, audit, failed;
} selecting;

static void clear(kr_campaign *m) {
    selecting *s = m->state;
    if (!s) return;
    kr_free(s->choice);
    kr_free(s);
    m->state = NULL;
}

static kr_status decide(kr_context *ctx, selecting *s, int64_t id, const char *decision, const char *reason) {
    if ((size_t)s->n == s->room) {
        choice *larger = kr_realloc(ctx, s->choice, s->room, 2 * s->room + 64, sizeof *larger);
        if (!larger) return KR_ERR_MEMORY;
        s->choice = larger;
        s->room = 2 * s->room + 64;
    }
    choice *c = &s->choice[s->n++];
    c->id = id;
    c->decision = decision;
    snprintf(c->reason, sizeof c->reason, "%s", reason);
    return KR_OK;
}

/* ---- how many ---- */

static kr_status labels_left(kr_context *ctx, kr_campaign *m, long *left) {
    kr_status status = KR_OK;
    int64_t labels;
    *left = LONG_MAX;
    if (m->config.budget.labels == KR_PARAMETER_NULL) return KR_OK;
    KR_TRY(
        kr_db_int(ctx, m->db, &labels, "SELECT count(*) FROM label WHERE hidden = 0 AND role != 'certificate'", NULL));
    *left = (long)(m->config.budget.labels - labels);
    if (*left < 0) *left = 0;
done:
    return status;
}

/* What the audit takes is not there for candidates: the budget of labels counts both. */
static long audit_size(const kr_campaign *m, long left) {
    const long n = kr_config_audit_size(&m->config);
    return n < left ? n : left;
}

static kr_status accurate_share(kr_context *ctx, kr_campaign *m, double *share) {
    kr_status status = kr_campaign_get_metric(ctx, m, m->iteration, "all", "accurate", share);
    if (isnan(*share)) *share = 0;
    return status;
}

/* ---- candidates ---- */

static void options_of(const kr_campaign *m, long most, kr_select_options *o) {
    const kr_config_select *c = &m->config.select;
    *o = kr_select_defaults;
    o->rule = c->rule;
    o->most = most;
    o->per_system = c->per_system;
    o->per_cell = c->per_cell;
    o->per_element = c->per_element;
    o->sane.distance = c->distance;
    o->dedup = c->dedup;
    o->near_distance = c->near_distance;
    o->correlation_ps = c->correlation_ps;
    o->u_power = c->u_power;
    o->seed = (uint64_t)m->config.campaign.seed;
    o->step = (uint64_t)m->iteration;
}

/* Volume per atom of a system's first start structure. */
static double start_volume(const kr_config_system *s) {
    const kr_system *first = s->nstarts ? s->starts->system[0] : NULL;
    return first && first->natoms ? kr_box_volume(first->box) / first->natoms : 0;
}

static kr_status meta_of(kr_context *ctx, const kr_campaign *m, const kr_frame_set *set, kr_candidate **meta) {
    kr_status status = KR_OK;
    KR_NEW(ctx, *meta, (size_t)set->n + 1);
    for (long k = 0; k < set->n; k++) {
        (*meta)[k] = kr_candidate_unknown;
        (*meta)[k].u = set->row[k].dev_f;
        (*meta)[k].run = (int)set->row[k].run;
        (*meta)[k].cell = set->row[k].cell;
        (*meta)[k].system = set->row[k].system;
        (*meta)[k].time_ps = set->row[k].time_ps;
        (*meta)[k].start_volume = start_volume(&m->config.system[set->row[k].system]);
    }
done:
    return status;
}

/* Deviations are in the ledger; which atom has the largest is asked by quotas of elements and by rules that rank whole
 * frames, and takes all models. Forces and features are those of the first. */
static int models_needed(const kr_campaign *m, const char *rule) {
    const kr_select_kind *kind = kr_select_find(rule);
    return m->config.select.per_element > 0 || !kind || !kind->needs_features ? KR_ALL_MODELS : 1;
}

/* One class of frames through the pipeline. `word`: the decision of those that are chosen. */
static kr_status choose(kr_context *ctx, selecting *s, const char *where, long most, const char *rule, const char *word,
                        long *chosen, double radius[2]) {
    kr_status status = KR_OK;
    kr_campaign *m = s->m;
    kr_frame_set set = {0};
    kr_candidate *meta = NULL;
    kr_data_list list = {0};
    kr_dataset *training = NULL;
    kr_potential *potential = NULL;
    kr_novelty *novelty = NULL;
    kr_selection *selection = NULL;
    kr_select_options options;
    *chosen = 0;
    KR_TRY(kr_frame_set_read(ctx, m, where, &set));
    if (!set.n || set.n < m->config.select.least || most <= 0) goto done;
    options_of(m, most, &options);
    if (rule) options.rule = rule;
    KR_TRY(meta_of(ctx, m, &set, &meta));
    KR_TRY(kr_data_list_make(ctx, m, &list));
    KR_TRY(kr_data_list_read(ctx, m, &list, &training));
    if (!m->bootstrap) {
        KR_TRY(kr_campaign_potential(ctx, m, models_needed(m, options.rule), &potential, &novelty));
        status = kr_novelty_evaluate(ctx, potential, novelty, set.data, meta); /* largest force, atom that decided */
        if (status != KR_OK) goto done;
    }
    KR_TRY(kr_select(ctx, &options, potential, set.data, meta, training, &selection));
    for (long k = 0; k < set.n; k++) {
        int taken = selection->choice[k].decision == KR_DECISION_CHOSEN;
        KR_TRY(decide(ctx, s, set.row[k].id, taken ? word : kr_decision_word(selection->choice[k].decision),
                      selection->choice[k].reason));
        *chosen += taken;
    }
    radius[0] = selection->radius_before;
    radius[1] = selection->radius_after;
done:
    kr_selection_destroy(&selection);
    kr_novelty_destroy(&novelty);
    kr_potential_destroy(&potential);
    kr_dataset_destroy(&training);
    kr_data_list_free(&list);
    kr_frame_set_free(&set);
    kr_free(meta);
    return status;
}

/* ---- accurate frames ---- */

/* Random accurate frames of all cells, in proportion to their populations. */
static kr_status draw(kr_context *ctx, selecting *s, long most, const char *word, long *drawn) {
    kr_status status = KR_OK;
    kr_campaign *m = s->m;
    kr_frame_set set = {0};
    kr_audit_offer *offers = NULL;
    double *weight = NULL;
    long *chosen = NULL;
    char where[128];
    *drawn = 0;
    snprintf(where, sizeof where, "r.iteration = %d AND f.class = 'accurate' AND f.step > 0", m->iteration);
    KR_TRY(kr_frame_set_read(ctx, m, where, &set));
    if (!set.n || most <= 0) goto done;
    KR_NEW(ctx, offers, (size_t)set.n);
    KR_TRY(kr_campaign_populations(ctx, m, &weight));
    for (long k = 0; k < set.n; k++)
        offers[k] = (kr_audit_offer){(int)set.row[k].run, set.row[k].cell, set.row[k].time_ps, set.row[k].weight};
    KR_TRY(kr_audit_sample(ctx, (uint64_t)m->config.campaign.seed, (uint64_t)m->iteration, most,
                           m->config.explore.correlation_ps, m->ncells, weight, set.n, offers, drawn, &chosen));
    for (long k = 0; k < *drawn; k++) KR_TRY(decide(ctx, s, set.row[chosen[k]].id, word, "random accurate frame"));
done:
    kr_audit_free(&chosen);
    kr_frame_set_free(&set);
    kr_free(offers);
    kr_free(weight);
    return status;
}

/* ---- the stage ---- */

static kr_status work(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    selecting *s = NULL;
    char where[128];
    double share, radius[2], unused[2];
    long left;
    KR_NEW(ctx, s, 1);
    m->state = s;
    s->m = m;
    s->radius_before = s->radius_after = NAN;
    if (m->final) {
        KR_TRY(draw(ctx, s, m->wanted, "certificate", &s->audit));
        kr_campaign_say(m, "  select: %ld random frames for the certificate", s->audit);
        goto done;
    }
    KR_TRY(labels_left(ctx, m, &left));
    if (!m->bootstrap) KR_TRY(draw(ctx, s, audit_size(m, left), "audit", &s->audit));
    left -= s->audit;
    KR_TRY(accurate_share(ctx, m, &share));
    long most = kr_select_taper(m->config.select.per_iteration, share, m->config.select.accurate_soft,
                                m->config.select.accurate_hard);
    if (most > left) most = left;
    snprintf(where, sizeof where, "r.iteration = %d AND f.class = 'candidate'", m->iteration);
    KR_TRY(choose(ctx, s, where, most, m->bootstrap ? "random" : NULL, "chosen", &s->chosen, radius));
    if (s->chosen) s->radius_before = radius[0], s->radius_after = radius[1];
    left -= s->chosen;
    snprintf(where, sizeof where, "r.iteration = %d AND f.class = 'failed'", m->iteration);
    if (!m->bootstrap)
        KR_TRY(choose(ctx, s, where, m->config.select.failed < left ? m->config.select.failed : left, "random",
                      "failed", &s->failed, unused));
    kr_campaign_say(m, "  select: %ld candidates, %ld accurate for the audit, %ld failed", s->chosen, s->audit,
                    s->failed);
done:
    return status;
}

static kr_status record(kr_context *ctx, kr_campaign *m) {
    kr_status status = KR_OK;
    const selecting *s = m->state;
    for (long k = 0; k < s->n; k++)
        KR_TRY(kr_db_run(ctx, m->db, "UPDATE frame SET decision = ?, reason = ? WHERE id = ?", "ssi",
                         s->choice[k].decision, s->choice[k].reason, s->choice[k].id));
    KR_TRY(kr_campaign_metric(ctx, m, "select", "chosen", (double)s->chosen, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, "select", "audit", (double)s->audit, NAN, NAN));
    KR_TRY(kr_campaign_metric(ctx, m, "select", "failed", (double)s->failed, NAN, NAN));
    if (!isnan(s->radius_before)) {
        KR_TRY(kr_campaign_metric(ctx, m, "select", "radius_before", s->radius_before, NAN, NAN));
        KR_TRY(kr_campaign_metric(ctx, m, "select", "radius_after", s->radius_after, NAN, NAN));
    }
done:
    return status;
}

const kr_stage_kind kr_stage_select = {"select", work, record, NULL, clear};
