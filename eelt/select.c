/* The pipeline of the selection (kramers/select.h): its steps in order, the quotas, the report.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/select.h"
#include "core/error.h"
#include "core/frame_table.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const kr_candidate kr_candidate_unknown = {NAN, NAN, -1, -1, -1, -1, NAN, 0, 0};
const kr_select_options kr_select_defaults = {.rule = "fps",
                                              .most = 100,
                                              .sane = {0.6, 3, 2, 100, 0, 0, NULL},
                                              .dedup = 1,
                                              .near_distance = 0.05,
                                              .correlation_ps = 0.1,
                                              .u_power = 1,
                                              .seed = 1};

void kr_pool_drop(kr_pool *pool, long frame, kr_decision decision, const char *format, ...) {
    va_list arguments;
    kr_choice *c = &pool->choice[frame];
    va_start(arguments, format);
    vsnprintf(c->reason, sizeof c->reason, format, arguments);
    va_end(arguments);
    c->decision = decision;
    pool->alive[frame] = 0;
}

long kr_pool_alive(const kr_pool *pool) {
    long n = 0;
    for (long i = 0; i < pool->n; i++) n += pool->alive[i];
    return n;
}

double kr_pool_deviation(const kr_pool *pool, long frame) {
    return isfinite(pool->meta[frame].u) ? pool->meta[frame].u : 0;
}

/* ---- quotas ---- */

/* How many of each system, cell, element were chosen. */
typedef struct quotas {
    int nsystems, ncells, nelements;
    long *system, *cell, *element;
    double cost;      /* s */
    kr_frames frames; /* elements by name over all systems */
} quotas;

static kr_status quotas_begin(kr_context *ctx, const kr_pool *pool, quotas *q) {
    kr_status status = KR_OK;
    for (long i = 0; i < pool->n; i++) {
        if (pool->meta[i].system >= q->nsystems) q->nsystems = pool->meta[i].system + 1;
        if (pool->meta[i].cell >= q->ncells) q->ncells = pool->meta[i].cell + 1;
    }
    KR_TRY(kr_frames_begin(ctx, pool->dataset, &q->frames));
    q->nelements = q->frames.names.n;
    KR_NEW(ctx, q->system, (size_t)q->nsystems + 1);
    KR_NEW(ctx, q->cell, (size_t)q->ncells + 1);
    KR_NEW(ctx, q->element, (size_t)q->nelements + 1);
done:
    return status;
}

static void quotas_end(quotas *q) {
    kr_frames_clear(&q->frames);
    kr_free(q->system);
    kr_free(q->cell);
    kr_free(q->element);
}

/* Is there room for one more? Names the quota that is full otherwise. */
static int has_room(long *count, int index, long most, const char *what, kr_pool *pool, long frame) {
    if (index < 0 || most <= 0 || count[index] < most) return 1;
    kr_pool_drop(pool, frame, KR_DECISION_OVER_QUOTA, "%ld frames of %s %d are chosen, at most %ld", count[index], what,
                 index, most);
    return 0;
}

static kr_status element_of(kr_context *ctx, quotas *q, const kr_pool *pool, const kr_offer *offer, int *element) {
    kr_status status = KR_OK;
    kr_frame f;
    *element = -1;
    if (pool->options->per_element <= 0 || offer->atom < 0) return KR_OK;
    KR_TRY(kr_frames_get(ctx, &q->frames, pool->system[offer->frame], pool->frame[offer->frame], &f));
    if (offer->atom < f.natoms) *element = f.type[offer->atom];
done:
    return status;
}

static kr_status take(kr_context *ctx, kr_pool *pool, quotas *q, const kr_offer *offer, kr_selection *s, int *taken) {
    kr_status status = KR_OK;
    const kr_select_options *o = pool->options;
    const kr_candidate *meta = &pool->meta[offer->frame];
    kr_choice *choice = &pool->choice[offer->frame];
    int element;
    *taken = 0;
    choice->score = offer->score;
    KR_TRY(element_of(ctx, q, pool, offer, &element));
    if (!has_room(q->system, meta->system, o->per_system, "system", pool, offer->frame) ||
        !has_room(q->cell, meta->cell, o->per_cell, "cell", pool, offer->frame) ||
        !has_room(q->element, element, o->per_element, "element", pool, offer->frame))
        goto done;
    if (o->most_cost > 0 && q->cost + meta->cost > o->most_cost) {
        kr_pool_drop(pool, offer->frame, KR_DECISION_OVER_QUOTA, "takes %.4g s, %.4g of %.4g s are spent", meta->cost,
                     q->cost, o->most_cost);
        goto done;
    }
    q->cost += meta->cost;
    if (meta->system >= 0) q->system[meta->system]++;
    if (meta->cell >= 0) q->cell[meta->cell]++;
    if (element >= 0) q->element[element]++;
    choice->decision = KR_DECISION_CHOSEN;
    choice->order = s->nchosen;
    memcpy(choice->reason, offer->reason, sizeof choice->reason);
    s->chosen[s->nchosen++] = offer->frame;
    *taken = 1;
done:
    return status;
}

/* The rule offers, the quotas decide. */
static kr_status choose(kr_context *ctx, const kr_select_kind *kind, kr_pool *pool, kr_selection *s) {
    kr_status status = KR_OK;
    void *state = NULL;
    quotas q = {0};
    KR_TRY(quotas_begin(ctx, pool, &q));
    KR_TRY(kind->begin(ctx, pool, &state));
    while (s->nchosen < pool->options->most) {
        kr_offer offer;
        int taken;
        KR_TRY(kind->next(ctx, state, &offer));
        if (offer.frame < 0) break;
        KR_TRY(take(ctx, pool, &q, &offer, s, &taken));
        if (taken && kind->take) KR_TRY(kind->take(ctx, state, offer.frame));
        status = kr_progress(ctx, "select", s->nchosen, pool->options->most);
        if (status != KR_OK) goto done;
    }
    for (long i = 0; i < pool->n; i++)
        if (pool->alive[i] && s->choice[i].decision != KR_DECISION_CHOSEN)
            snprintf(s->choice[i].reason, sizeof s->choice[i].reason, "%ld frames were chosen before it by %s",
                     s->nchosen, kind->name);
done:
    if (state) kind->end(&state);
    quotas_end(&q);
    return status;
}

/* ---- pipeline ---- */

static void note_step(const kr_pool *pool, kr_selection *s, const char *name, long *before) {
    long left = kr_pool_alive(pool);
    s->step[s->nsteps++] = (kr_select_step){name, *before, *before - left};
    *before = left;
}

static kr_status run(kr_context *ctx, const kr_select_kind *kind, kr_pool *pool, const kr_potential *potential,
                     const kr_dataset *training, kr_selection *s) {
    kr_status status = KR_OK;
    const kr_select_options *o = pool->options;
    long before = pool->n;
    KR_TRY(kr_select_sane(ctx, pool));
    note_step(pool, s, "sane", &before);
    if (o->dedup) {
        KR_TRY(kr_select_equal(ctx, pool, training));
        note_step(pool, s, "equal", &before);
    }
    if (o->correlation_ps > 0) {
        KR_TRY(kr_select_decorrelate(ctx, pool));
        note_step(pool, s, "decorrelate", &before);
    }
    if (potential) { /* the expensive part, so after all that costs nothing */
        KR_TRY(kr_pool_features(ctx, pool, potential, training));
        s->near_distance = pool->near_distance;
    }
    if (o->dedup && o->near_distance > 0) {
        KR_TRY(kr_select_near(ctx, pool, training));
        note_step(pool, s, "near", &before);
    }
    status = choose(ctx, kind, pool, s);
    if (status != KR_OK) goto done;
    s->step[s->nsteps++] = (kr_select_step){kind->name, before, before - s->nchosen};
    if (potential) KR_TRY(kr_pool_radius(ctx, pool, s, &s->radius_before, &s->radius_after));
done:
    return status;
}

static kr_status check(kr_context *ctx, const kr_select_options *o, const kr_potential *potential,
                       const kr_dataset *candidates, const kr_select_kind **kind) {
    kr_status status = KR_OK;
    if (!candidates) KR_FAIL(ctx, KR_ERR_ARGUMENT, "no candidates (NULL)");
    *kind = kr_select_find(o->rule);
    if (!*kind) {
        KR_ERROR(ctx, KR_ERR_ARGUMENT, "selection rule \"%s\" is not known", o->rule ? o->rule : "(NULL)");
        kr_error_hint(ctx, "rules: fps, maxvol, random, topdev, inverse_population");
        return KR_ERR_ARGUMENT;
    }
    if ((*kind)->needs_features && !potential)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "selection rule \"%s\" needs a model for its features", o->rule);
    if (o->most < 0 || !(o->near_distance >= 0) || !(o->correlation_ps >= 0) || !(o->u_power >= 0))
        KR_FAIL(ctx, KR_ERR_ARGUMENT,
                "selection: most %ld, near_distance %g, correlation %g ps, power of u %g: none may be below 0", o->most,
                o->near_distance, o->correlation_ps, o->u_power);
done:
    return status;
}

static kr_status pool_begin(kr_context *ctx, kr_pool *pool, const kr_candidate *meta, kr_candidate **unknown) {
    kr_status status = KR_OK;
    long k = 0;
    KR_NEW(ctx, pool->system, (size_t)pool->n + 1);
    KR_NEW(ctx, pool->frame, (size_t)pool->n + 1);
    KR_NEW(ctx, pool->alive, (size_t)pool->n + 1);
    for (int s = 0; s < pool->dataset->nsystems; s++)
        for (int f = 0; f < pool->dataset->system[s]->nframes; f++, k++) {
            pool->system[k] = s;
            pool->frame[k] = f;
        }
    memset(pool->alive, 1, (size_t)pool->n);
    pool->meta = meta;
    if (meta) goto done;
    KR_NEW(ctx, *unknown, (size_t)pool->n + 1);
    for (long i = 0; i < pool->n; i++) (*unknown)[i] = kr_candidate_unknown;
    pool->meta = *unknown;
done:
    return status;
}

kr_status kr_select(kr_context *ctx, const kr_select_options *options, const kr_potential *potential,
                    const kr_dataset *candidates, const kr_candidate *meta, const kr_dataset *training,
                    kr_selection **selection) {
    kr_status status = KR_OK;
    const kr_select_options *o = options ? options : &kr_select_defaults;
    const kr_select_kind *kind = NULL;
    kr_selection *s = NULL;
    kr_candidate *unknown = NULL;
    kr_pool pool = {.options = o, .dataset = candidates};
    if (!selection) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no place for the selection (NULL)");
    *selection = NULL;
    KR_TRY(check(ctx, o, potential, candidates, &kind));
    pool.n = kr_dataset_frames(candidates);
    KR_NEW(ctx, s, 1);
    s->n = pool.n;
    s->radius_before = s->radius_after = s->near_distance = NAN;
    KR_NEW(ctx, s->choice, (size_t)s->n + 1);
    KR_NEW(ctx, s->chosen, (size_t)s->n + 1);
    for (long i = 0; i < s->n; i++)
        s->choice[i] =
            (kr_choice){.decision = KR_DECISION_NOT_REACHED, .order = -1, .other = -1, .score = NAN, .distance = NAN};
    pool.choice = s->choice;
    KR_TRY(pool_begin(ctx, &pool, meta, &unknown));
    status = run(ctx, kind, &pool, potential, training, s);
    if (status != KR_OK) goto done;
    *selection = s;
    s = NULL;
done:
    kr_selection_destroy(&s);
    kr_pool_features_free(&pool);
    kr_free(pool.system);
    kr_free(pool.frame);
    kr_free(pool.alive);
    kr_free(unknown);
    return status;
}

void kr_selection_destroy(kr_selection **selection) {
    if (!selection || !*selection) return;
    kr_free((*selection)->choice);
    kr_free((*selection)->chosen);
    kr_free(*selection);
    *selection = NULL;
}
