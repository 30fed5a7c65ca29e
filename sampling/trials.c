/* Trials: every thread has a few slots; a slot whose trial has ended takes the next one that nobody has begun. Which
 * thread that is changes nothing: a trial is a function of its number alone, and vectors of slots stay full.
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
    long next;            /* trial to begin */
    int stop;             /* a thread has failed */
    int slots;            /* per thread */
    kr_walkers **walkers; /* [threads] each with `slots` walkers */
    long *trial, *step;   /* [threads][slots] */
    int *code;            /* [threads][slots] */
} job;

static void finish(const job *j, const kr_walkers *w, int slot, long trial, long steps, int code) {
    const kr_trials *t = j->t;
    if (t->end) memcpy(t->end + trial * w->dim, w->x + (long)slot * w->dim, (size_t)w->dim * sizeof *t->end);
    if (t->steps) t->steps[trial] = steps;
    t->code[trial] = code;
}

/* Begins the next trial in a slot, past those that ended where they began; 0 when there is none. */
static int load(job *j, kr_walkers *w, int slot, long *of, long *step) {
    const kr_trials *t = j->t;
    for (long trial; (trial = __atomic_fetch_add(&j->next, 1, __ATOMIC_RELAXED)) < t->n;) {
        const double *start = t->start + (t->one_start ? 0 : trial * w->dim);
        kr_walkers_set(w, slot, start, t->entity + (uint64_t)trial, 0);
        if (t->look_first && t->code[trial]) {
            finish(j, w, slot, trial, 0, t->code[trial]);
            continue;
        }
        of[slot] = trial;
        step[slot] = 0;
        return 1;
    }
    return 0;
}

/* The codes of the starts. */
static kr_status look(kr_context *ctx, const kr_trials *t, int dim) {
    kr_status status = KR_OK;
    const long step[KR_WALKER_BLOCK] = {0};
    for (long from = 0; from < t->n; from += KR_WALKER_BLOCK) {
        int some = t->n - from < KR_WALKER_BLOCK ? (int)(t->n - from) : KR_WALKER_BLOCK;
        long trial[KR_WALKER_BLOCK];
        for (int i = 0; i < some; i++) {
            trial[i] = from + i;
            t->code[from + i] = 0;
        }
        KR_TRY(t->event(t->payload, ctx, some, trial, t->start + from * dim, step, t->code + from));
    }
done:
    return status;
}

static kr_status run_thread(void *payload, kr_context *ctx, long number, int thread) {
    (void)number;
    kr_status status = KR_OK;
    job *j = payload;
    const kr_trials *t = j->t;
    kr_walkers *w = j->walkers[thread];
    long *trial = j->trial + (long)thread * j->slots, *step = j->step + (long)thread * j->slots;
    int *code = j->code + (long)thread * j->slots, active = 0;
    while (active < j->slots && load(j, w, active, trial, step)) active++;
    while (active && !__atomic_load_n(&j->stop, __ATOMIC_RELAXED)) {
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
            if (load(j, w, s, trial, step)) {
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
    if (status != KR_OK) __atomic_store_n(&j->stop, 1, __ATOMIC_RELAXED);
    return status;
}

kr_status kr_trials_run(kr_context *ctx, const kr_mover *mover, const kr_trials *t) {
    kr_status status = KR_OK;
    int threads = kr_parallel_threads(ctx);
    job j = {.mover = mover, .t = t};
    if (t->n <= 0) return KR_OK;
    if (t->look_first && t->one_start)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "look_first with one_start, expected a start for each trial");
    if (t->look_first) KR_TRY(look(ctx, t, mover->problem->dim));
    if (threads > t->n) threads = (int)t->n;
    long share = (t->n + threads - 1) / threads;
    j.slots = share < KR_WALKER_BLOCK ? (int)share : KR_WALKER_BLOCK;
    KR_NEW(ctx, j.walkers, (size_t)threads);
    KR_NEW(ctx, j.trial, (size_t)(threads * j.slots));
    KR_NEW(ctx, j.step, (size_t)(threads * j.slots));
    KR_NEW(ctx, j.code, (size_t)(threads * j.slots));
    for (int k = 0; k < threads; k++) KR_TRY(kr_walkers_create(ctx, mover, j.slots, &j.walkers[k]));
    KR_TRY(kr_parallel_blocks(ctx, threads, run_thread, NULL, &j));
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
    double a[KR_WALKER_BLOCK], b[KR_WALKER_BLOCK];
    for (int from = 0; from < n; from += KR_WALKER_BLOCK) {
        int some = n - from < KR_WALKER_BLOCK ? n - from : KR_WALKER_BLOCK;
        if (!s->ignore_a) kr_region_levels(s->problem->a, some, x + (long)from * d, a);
        kr_region_levels(s->problem->b, some, x + (long)from * d, b);
        for (int i = 0; i < some; i++)
            if (!s->ignore_a && a[i] <= s->margin_a)
                code[from + i] = 1;
            else if (b[i] <= s->margin_b)
                code[from + i] = 2;
    }
    return KR_OK;
}

double kr_first_passage_margin(const kr_mover *m) {
    double most = 0;
    if (m->integrator->underdamped) return 0;
    for (int k = 0; k < m->problem->dim; k++) most = fmax(most, m->kick[k]);
    return 0.5826 * most;
}
