/* Trials: a block of trials shares a few slots; a slot whose trial has ended takes the block's next one.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/trials.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

typedef struct job {
    const kr_mover *mover;
    const kr_trials *t;
    long per_block;
    int slots;            /* per thread */
    kr_walkers **walkers; /* [threads] each with `slots` walkers */
    long *trial, *step;   /* [threads][slots] */
    int *code;            /* [threads][slots] */
} job;

static void load(const job *j, kr_walkers *w, int slot, long trial, long *of, long *step) {
    const kr_trials *t = j->t;
    const double *start = t->start + (t->one_start ? 0 : trial * w->dim);
    kr_walkers_set(w, slot, start, t->entity + (uint64_t)trial, 0);
    of[slot] = trial;
    step[slot] = 0;
}

static void finish(const job *j, const kr_walkers *w, int slot, long trial, long steps, int code) {
    const kr_trials *t = j->t;
    if (t->end) memcpy(t->end + trial * w->dim, w->x + (long)slot * w->dim, (size_t)w->dim * sizeof *t->end);
    if (t->steps) t->steps[trial] = steps;
    t->code[trial] = code;
}

static kr_status run_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_status status = KR_OK;
    const job *j = payload;
    const kr_trials *t = j->t;
    kr_walkers *w = j->walkers[thread];
    long *trial = j->trial + (long)thread * j->slots, *step = j->step + (long)thread * j->slots;
    int *code = j->code + (long)thread * j->slots, active = 0;
    long next = block * j->per_block, last = next + j->per_block < t->n ? next + j->per_block : t->n;
    while (active < j->slots && next < last) load(j, w, active++, next++, trial, step);
    while (active) {
        KR_TRY(kr_mover_step(ctx, j->mover, w, 0, active));
        for (int s = 0; s < active; s++) {
            step[s]++;
            code[s] = 0;
        }
        KR_TRY(t->event(t->payload, ctx, active, trial, w->x, step, code));
        for (int s = 0; s < active;) {
            if (!code[s] && step[s] < t->most_steps) {
                s++;
                continue;
            }
            finish(j, w, s, trial[s], step[s], code[s]);
            if (next < last) {
                load(j, w, s, next++, trial, step);
                code[s++] = 0;
            } else { /* the last slot moves here and is looked at in its turn */
                active--;
                kr_walkers_copy(w, active, s);
                trial[s] = trial[active];
                step[s] = step[active];
                code[s] = code[active];
            }
        }
    }
done:
    return status;
}

kr_status kr_trials_run(kr_context *ctx, const kr_mover *mover, const kr_trials *t) {
    kr_status status = KR_OK;
    int threads = kr_parallel_threads(ctx);
    job j = {.mover = mover, .t = t};
    if (t->n <= 0) return KR_OK;
    /* Enough blocks for threads to share evenly, few enough that slots stay full. */
    j.per_block = t->n / 64 < 1 ? 1 : t->n / 64 > 256 ? 256 : t->n / 64;
    j.slots = j.per_block < KR_WALKER_BLOCK ? (int)j.per_block : KR_WALKER_BLOCK;
    KR_NEW(ctx, j.walkers, (size_t)threads);
    KR_NEW(ctx, j.trial, (size_t)(threads * j.slots));
    KR_NEW(ctx, j.step, (size_t)(threads * j.slots));
    KR_NEW(ctx, j.code, (size_t)(threads * j.slots));
    for (int k = 0; k < threads; k++) KR_TRY(kr_walkers_create(ctx, mover, j.slots, &j.walkers[k]));
    KR_TRY(kr_parallel_blocks(ctx, (t->n + j.per_block - 1) / j.per_block, run_block, NULL, &j));
done:
    for (int k = 0; j.walkers && k < threads; k++) kr_walkers_destroy(&j.walkers[k]);
    kr_free(j.walkers);
    kr_free(j.trial);
    kr_free(j.step);
    kr_free(j.code);
    return status;
}

kr_status kr_event_states(void *payload, kr_context *ctx, int n, const long *trial, const double *x, const long *step,
                          int *code) {
    (void)ctx;
    (void)trial;
    (void)step;
    const kr_states *s = payload;
    int d = s->problem->dim;
    for (int i = 0; i < n; i++) {
        if (!s->ignore_a && kr_region_level(s->problem->a, x + (long)i * d, NULL) <= s->margin_a)
            code[i] = 1;
        else if (kr_region_level(s->problem->b, x + (long)i * d, NULL) <= s->margin_b)
            code[i] = 2;
    }
    return KR_OK;
}

double kr_first_passage_margin(const kr_mover *m) {
    double most = 0;
    if (m->integrator->underdamped) return 0;
    for (int k = 0; k < m->problem->dim; k++) most = fmax(most, m->kick[k]);
    return 0.5826 * most;
}
