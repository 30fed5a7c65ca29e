/* Watching a run: classes, counts, what is kept (kramers/watch.h).
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/explore_watch.h"
#include "core/elements.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include <math.h>
#include <string.h>
#include <time.h>

static const char *const end_words[] = {
#define KR_END_WORD(name, word, sentence) word,
    KR_END_LIST(KR_END_WORD)
#undef KR_END_WORD
};
static const char *const end_texts[] = {
#define KR_END_SENTENCE(name, word, sentence) sentence,
    KR_END_LIST(KR_END_SENTENCE)
#undef KR_END_SENTENCE
};

const char *kr_end_word(kr_end end) { return end >= 0 && end < KR_END_COUNT ? end_words[end] : "unknown"; }
const char *kr_end_text(kr_end end) { return end >= 0 && end < KR_END_COUNT ? end_texts[end] : "unknown"; }

void kr_watch_defaults(kr_watch_options *options) {
    *options = (kr_watch_options){.f_lo = INFINITY,
                                  .f_hi = INFINITY,
                                  .v_lo = INFINITY,
                                  .v_hi = INFINITY,
                                  .reservoir = 20,
                                  .correlation = 1,
                                  .stop = 5,
                                  .failed_frames = 4,
                                  .temperature_hi = INFINITY,
                                  .volume_factor = 3,
                                  .closest = 0.5,
                                  .folder = ".",
                                  .candidates = KR_EXPLORE_CANDIDATES,
                                  .accurate = KR_EXPLORE_ACCURATE,
                                  .failed = KR_EXPLORE_FAILED,
                                  .last_good = KR_EXPLORE_LAST_GOOD,
                                  .summary = KR_EXPLORE_SUMMARY};
}

static kr_status check_options(kr_context *ctx, const kr_watch_options *o) {
    if (!(o->f_lo >= 0 && o->f_hi >= o->f_lo))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the levels of the force deviation are %g and %g, expected 0 <= lo <= hi",
                        o->f_lo, o->f_hi);
    if (!(o->v_lo >= 0 && o->v_hi >= o->v_lo))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT,
                        "the levels of the virial deviation are %g and %g, expected 0 <= lo <= hi", o->v_lo, o->v_hi);
    if (o->reservoir < 0 || o->correlation < 1 || o->stop < 0 || o->failed_frames < 0)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT,
                        "reservoir %d, correlation %lld, stop %d, failed frames %d: expected >= 0, >= 1, >= 0, >= 0",
                        o->reservoir, (long long)o->correlation, o->stop, o->failed_frames);
    if (!(o->temperature_hi > o->temperature_lo) || !(o->volume_factor == 0 || o->volume_factor > 1) ||
        !(o->closest >= 0))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT,
                        "temperature limits %g to %g K, volume factor %g, closest %g: expected lo < hi, 0 or > 1, >= 0",
                        o->temperature_lo, o->temperature_hi, o->volume_factor, o->closest);
    return KR_OK;
}

static kr_status copy_text(kr_context *ctx, const char **text) {
    char *copy = kr_strdup(ctx, *text);
    *text = copy;
    return copy ? KR_OK : KR_ERR_MEMORY;
}

kr_status kr_watch_create(kr_context *ctx, const kr_watch_options *options, int ntypes, const char *const *names,
                          kr_watch **watch) {
    kr_status status = KR_OK;
    kr_watch *w = NULL;
    *watch = NULL;
    KR_TRY(check_options(ctx, options));
    KR_NEW(ctx, w, 1);
    w->options = *options;
    const char **texts[] = {&w->options.folder, &w->options.candidates, &w->options.accurate,
                            &w->options.failed, &w->options.last_good,  &w->options.summary};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) { /* what is not yet a copy must not be freed */
        const char *given = *texts[i];
        *texts[i] = NULL;
        if (status != KR_OK) continue;
        status = copy_text(ctx, &given);
        *texts[i] = given;
    }
    KR_TRY(status);
    KR_NEW(ctx, w->radius, (size_t)ntypes + 1);
    for (int t = 0; t < ntypes; t++) {
        int index;
        KR_TRY(kr_names_add(ctx, &w->names, names[t], strlen(names[t]), &index));
        if (index != t) KR_FAIL(ctx, KR_ERR_ARGUMENT, "the element %s occurs twice among the types", names[t]);
        w->radius[t] = kr_element_radius(kr_element_number(names[t], strlen(names[t])));
    }
    KR_NEW(ctx, w->failed, (size_t)options->failed_frames + 1);
    KR_TRY(kr_reservoir_create(ctx, options->reservoir, &w->reservoir));
    w->counts.first_step = w->counts.last_step = -1;
    w->end = KR_END_RUNNING;
    *watch = w;
    w = NULL;
done:
    kr_watch_destroy(&w);
    return status;
}

void kr_watch_destroy(kr_watch **watch) {
    if (!watch || !*watch) return;
    kr_watch *w = *watch;
    if (w->candidates) fclose(w->candidates);
    for (int i = 0; w->failed && i < w->options.failed_frames; i++) kr_held_free(&w->failed[i]);
    kr_reservoir_free(&w->reservoir);
    kr_held_free(&w->last_good);
    kr_neighbors_free(&w->neighbors);
    kr_names_clear(&w->names);
    kr_free(w->failed);
    kr_free(w->radius);
    kr_free(w->text.data);
    const char *texts[] = {w->options.folder, w->options.candidates, w->options.accurate,
                           w->options.failed, w->options.last_good,  w->options.summary};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) kr_free((void *)(uintptr_t)texts[i]);
    kr_free(w);
    *watch = NULL;
}

kr_status kr_watch_begin(kr_context *ctx, kr_watch *w) {
    memset(&w->counts, 0, sizeof w->counts);
    w->counts.first_step = w->counts.last_step = -1;
    w->end = KR_END_RUNNING;
    w->volume_per_atom = 0;
    w->nfailed = 0;
    w->has_last_good = 0;
    kr_reservoir_clear(&w->reservoir);
    return kr_watch_clean(ctx, w);
}

/* ---- classes ---- */

static int finite_sample(const kr_watch_sample *s) {
    double sum = s->deviation.max_f + s->deviation.max_v + s->temperature;
    if (!isfinite(sum)) return 0;
    for (size_t i = 0; s->x && i < 3 * (size_t)s->natoms; i++)
        if (!isfinite(s->x[i])) return 0;
    for (int c = 0; s->box && c < 9; c++)
        if (!isfinite(s->box[c])) return 0;
    return 1;
}

/* Two atoms closer than options.closest times the sum of their radii? *found; positions that no cell can hold count. */
static kr_status find_contact(kr_context *ctx, kr_watch *w, const kr_watch_sample *s, int *found) {
    kr_cell cell;
    double largest = 0;
    *found = 0;
    for (int i = 0; i < s->natoms; i++) largest = fmax(largest, w->radius[s->type[i]]);
    double rcut = 2 * largest * w->options.closest;
    if (rcut <= 0 || s->natoms == 0) return KR_OK;
    kr_status status = kr_cell_set(ctx, s->box, s->pbc, &cell);
    if (status == KR_OK) status = kr_neighbors_build(ctx, &cell, rcut, s->natoms, s->x, NULL, &w->neighbors);
    if (status == KR_ERR_ARGUMENT) {
        kr_context_clear(ctx);
        *found = 1;
        return KR_OK;
    }
    const kr_neighbors *l = &w->neighbors;
    for (int i = 0; i < l->nlocal && status == KR_OK && !*found; i++)
        for (int k = 0; k < l->numneigh[i]; k++) {
            int j = l->firstneigh[i][k];
            double d = 0, limit = w->options.closest * (w->radius[s->type[i]] + w->radius[s->type[l->owner[j]]]);
            for (int c = 0; c < 3; c++) d += (l->x[3 * j + c] - l->x[3 * i + c]) * (l->x[3 * j + c] - l->x[3 * i + c]);
            if (d < limit * limit) *found = 1;
        }
    return status;
}

static double volume_of(const kr_watch_sample *s) {
    int open = !s->box || s->natoms == 0;
    for (int c = 0; !open && s->pbc && c < 3; c++) open |= !s->pbc[c];
    return open ? 0 : kr_box_volume(s->box) / s->natoms;
}

static kr_status judge(kr_context *ctx, kr_watch *w, const kr_watch_sample *s, kr_watch_verdict *v) {
    const kr_watch_options *o = &w->options;
    const kr_deviation *d = &s->deviation;
    kr_status status = KR_OK;
    int contact = 0;
    double volume = volume_of(s), factor = o->volume_factor;
    *v = (kr_watch_verdict){KR_CLASS_FAILED, KR_END_FINISHED, 0};
    if (s->lost || !s->x)
        v->reason = KR_END_LOST;
    else if (!finite_sample(s))
        v->reason = KR_END_NAN;
    else if (s->temperature > o->temperature_hi || s->temperature < o->temperature_lo)
        v->reason = KR_END_TEMPERATURE;
    else if (factor > 0 && w->volume_per_atom > 0 &&
             (volume > factor * w->volume_per_atom || volume * factor < w->volume_per_atom))
        v->reason = KR_END_VOLUME;
    else if ((status = find_contact(ctx, w, s, &contact)) != KR_OK)
        return status;
    else if (contact)
        v->reason = KR_END_CLOSE;
    else {
        const kr_levels levels = {o->f_lo, o->f_hi, o->v_lo, o->v_hi, INFINITY, INFINITY};
        const kr_sample one = {.step = (long)s->step, .dev_f = d->max_f, .dev_v = d->max_v};
        status = kr_classify(ctx, KR_CLASS_RULE_DEFAULT, &levels, 0, 1, &one, &v->sample_class);
        v->reason = v->sample_class == KR_CLASS_FAILED ? KR_END_DEVIATION : KR_END_FINISHED;
    }
    /* From these there is no way back; a contact or a deviation may pass. */
    if (v->sample_class == KR_CLASS_FAILED) v->stop = v->reason != KR_END_CLOSE && v->reason != KR_END_DEVIATION;
    return status;
}

/* ---- one sample ---- */

static void count(kr_watch *w, const kr_watch_sample *s, const kr_watch_verdict *v) {
    kr_watch_counts *c = &w->counts;
    c->sampled++;
    c->by_class[v->sample_class]++;
    if (c->first_step < 0) c->first_step = s->step;
    c->last_step = s->step;
    c->in_row = v->sample_class == KR_CLASS_FAILED ? c->in_row + 1 : 0;
    double u = s->deviation.max_f;
    if (!isfinite(u)) return;
    double bin = u > 0 ? floor(KR_WATCH_DECADE * log10(u / KR_WATCH_LEAST)) : 0;
    c->histogram[bin < 0 ? 0 : bin >= KR_WATCH_BINS ? KR_WATCH_BINS - 1 : (int)bin]++;
}

static kr_status keep(kr_context *ctx, kr_watch *w, const kr_watch_sample *s, const kr_watch_verdict *v) {
    kr_status status = KR_OK;
    if (v->sample_class == KR_CLASS_FAILED) {
        if (w->counts.in_row == 1 && s->x && w->nfailed < w->options.failed_frames)
            KR_TRY(kr_held_set(ctx, &w->failed[w->nfailed++], s, v));
        goto done;
    }
    KR_TRY(kr_held_set(ctx, &w->last_good, s, v));
    w->has_last_good = 1;
    if (v->sample_class == KR_CLASS_CANDIDATE) {
        KR_TRY(kr_watch_write_candidate(ctx, w, &w->last_good));
    } else {
        const kr_stream stream = {w->options.seed, KR_EXPLORE_RANK};
        double rank = kr_random_uniform(stream, (uint64_t)s->step, 0, 0);
        KR_TRY(kr_reservoir_offer(ctx, &w->reservoir, s->step / w->options.correlation, rank, s, v));
    }
done:
    return status;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

kr_status kr_watch_take(kr_context *ctx, kr_watch *w, const kr_watch_sample *s, kr_watch_verdict *v) {
    kr_status status = KR_OK;
    *v = (kr_watch_verdict){KR_CLASS_ACCURATE, KR_END_FINISHED, 0};
    if (s->step <= w->counts.last_step) return KR_OK;
    for (int i = 0; i < s->natoms; i++)
        if (s->type[i] < 0 || s->type[i] >= w->names.n)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "type of atom %d is %d, expected 0 to %d", i, s->type[i], w->names.n - 1);
    KR_TRY(judge(ctx, w, s, v));
    if (w->counts.sampled == 0) w->volume_per_atom = volume_of(s);
    count(w, s, v);
    KR_TRY(keep(ctx, w, s, v));
    w->end = KR_END_RUNNING;
    if (v->sample_class == KR_CLASS_FAILED) {
        w->last_reason = v->reason;
        if (w->options.stop > 0 && w->counts.in_row >= w->options.stop) v->stop = 1;
    }
    /* Texts of frames take longer than an evaluation of a small system: not with every candidate. */
    double now = seconds();
    if (now - w->written > 1 || w->counts.in_row == 1) {
        w->written = now;
        KR_TRY(kr_watch_write(ctx, w, KR_WATCH_FRAMES));
    } else if (v->sample_class != KR_CLASS_ACCURATE) {
        KR_TRY(kr_watch_write(ctx, w, KR_WATCH_SUMMARY));
    }
done:
    return status;
}

void kr_watch_get_counts(const kr_watch *watch, kr_watch_counts *counts) { *counts = watch->counts; }

kr_status kr_watch_end(kr_context *ctx, kr_watch *w, int64_t step, kr_end end) {
    int fatal = w->last_reason != KR_END_CLOSE && w->last_reason != KR_END_DEVIATION;
    int stopped = w->counts.in_row > 0 && (fatal || (w->options.stop > 0 && w->counts.in_row >= w->options.stop));
    w->end = end == KR_END_FINISHED && stopped ? w->last_reason : end;
    w->end_step = step;
    return kr_watch_write(ctx, w, KR_WATCH_LAST);
}
