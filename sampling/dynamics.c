/* Dynamics: registry, movers, walkers, noise.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/dynamics.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "core/suggest.h"
#include <math.h>
#include <string.h>

#define KR_INTEGRATOR(name) extern const kr_integrator kr_integrator_##name;
#include "sampling/dynamics_kinds.def"
#undef KR_INTEGRATOR

static const kr_integrator *const kinds[] = {
#define KR_INTEGRATOR(name) &kr_integrator_##name,
#include "sampling/dynamics_kinds.def"
#undef KR_INTEGRATOR
    NULL};
enum { NKINDS = (int)(sizeof kinds / sizeof *kinds) - 1 };

int kr_integrator_count(void) { return NKINDS; }

const kr_integrator *kr_integrator_at(int index) { return index >= 0 && index < NKINDS ? kinds[index] : NULL; }

const kr_integrator *kr_integrator_find(const char *name) {
    for (int k = 0; k < NKINDS; k++)
        if (!strcmp(kinds[k]->name, name)) return kinds[k];
    return NULL;
}

/* ---- mover ------------------------------------------------------------------------------------------------------- */

static kr_status choose(kr_context *ctx, const kr_problem *p, const char *name, const kr_integrator **integrator) {
    int under = p->dynamics == KR_UNDERDAMPED;
    if (!name) name = under ? "baoab" : p->dynamics == KR_OVERDAMPED ? "leimkuhler_matthews" : "euler";
    *integrator = kr_integrator_find(name);
    if (!*integrator) {
        const char *names[NKINDS];
        for (int k = 0; k < NKINDS; k++) names[k] = kinds[k]->name;
        KR_ERROR(ctx, KR_ERR_ARGUMENT, "there is no integrator '%.60s'", name);
        kr_suggest_hint(ctx, name, NKINDS, names, '\'');
        return KR_ERR_ARGUMENT;
    }
    if ((*integrator)->underdamped == under) return KR_OK;
    KR_ERROR(ctx, KR_ERR_ARGUMENT, "integrator '%s' is for %s problems, '%s' is not", name,
             under ? "overdamped" : "underdamped", p->kind->name);
    kr_error_hint(ctx, under ? "baoab fits" : "leimkuhler_matthews or euler fits");
    return KR_ERR_ARGUMENT;
}

kr_status kr_mover_create(kr_context *ctx, const kr_problem *p, const kr_mover_options *options, kr_mover **mover) {
    kr_status status = KR_OK;
    kr_mover *m = NULL;
    *mover = NULL;
    if (!(options->dt > 0) || !isfinite(options->dt))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "the time step is %g, allowed above 0", options->dt);
    KR_NEW(ctx, m, 1);
    KR_TRY(choose(ctx, p, options->integrator, &m->integrator));
    m->problem = p;
    m->dt = options->dt;
    m->epsilon = options->epsilon > 0 ? options->epsilon : p->epsilon;
    m->stream = options->stream;
    m->bias = options->bias;
    m->payload = options->payload;
    KR_NEW(ctx, m->kick, (size_t)p->dim);
    for (int k = 0; k < p->dim; k++) {
        double eps = options->epsilon_of ? options->epsilon_of[k] : m->epsilon;
        if (m->integrator->underdamped)
            m->kick[k] = k < p->positions ? 0 : sqrt(m->epsilon * (p->mass ? p->mass[k - p->positions] : 1));
        else
            m->kick[k] = sqrt(2 * eps * (p->mobility ? p->mobility[k] : 1) * m->dt);
    }
    *mover = m;
    m = NULL;
done:
    kr_mover_destroy(&m);
    return status;
}

void kr_mover_destroy(kr_mover **mover) {
    if (!mover || !*mover) return;
    kr_free((*mover)->kick);
    kr_free(*mover);
    *mover = NULL;
}

kr_status kr_mover_drift(kr_context *ctx, const kr_mover *m, int count, const double *x, double *f, double *work) {
    kr_status status = KR_OK;
    const kr_problem *p = m->problem;
    KR_TRY(kr_problem_drift(ctx, p, count, x, f));
    if (!m->bias) return KR_OK;
    KR_TRY(m->bias(m->payload, ctx, count, x, NULL, work));
    for (long k = 0; k < (long)count * p->dim; k++) f[k] -= (p->mobility ? p->mobility[k % p->dim] : 1) * work[k];
done:
    return status;
}

kr_status kr_mover_force(kr_context *ctx, const kr_mover *m, const double *x, double *force, double *work) {
    kr_status status = KR_OK;
    int n = m->problem->positions;
    KR_TRY(kr_problem_potential(ctx, m->problem, 1, x, NULL, force));
    if (m->bias) KR_TRY(m->bias(m->payload, ctx, 1, x, NULL, work));
    for (int k = 0; k < n; k++) force[k] = -force[k] - (m->bias ? work[k] : 0);
done:
    return status;
}

/* ---- walkers ----------------------------------------------------------------------------------------------------- */

kr_status kr_walkers_create(kr_context *ctx, const kr_mover *mover, long n, kr_walkers **walkers) {
    kr_status status = KR_OK;
    kr_walkers *w = NULL;
    size_t rows = (size_t)n, d = (size_t)mover->problem->dim;
    *walkers = NULL;
    KR_NEW(ctx, w, 1);
    w->n = n;
    w->dim = mover->problem->dim;
    KR_NEW(ctx, w->x, rows * d);
    KR_NEW(ctx, w->observed, rows * d);
    KR_NEW(ctx, w->force, rows * d);
    KR_NEW(ctx, w->work, rows * d);
    KR_NEW(ctx, w->noise, rows * 4);
    KR_NEW(ctx, w->noise_block, rows);
    KR_NEW(ctx, w->entity, rows);
    KR_NEW(ctx, w->step, rows);
    KR_NEW(ctx, w->fresh, rows);
    for (long i = 0; i < n; i++) w->entity[i] = (uint64_t)i;
    *walkers = w;
    w = NULL;
done:
    kr_walkers_destroy(&w);
    return status;
}

void kr_walkers_destroy(kr_walkers **walkers) {
    if (!walkers || !*walkers) return;
    kr_walkers *w = *walkers;
    kr_free(w->x);
    kr_free(w->observed);
    kr_free(w->force);
    kr_free(w->work);
    kr_free(w->noise);
    kr_free(w->noise_block);
    kr_free(w->entity);
    kr_free(w->step);
    kr_free(w->fresh);
    kr_free(w);
    *walkers = NULL;
}

void kr_walkers_set(kr_walkers *w, long i, const double *x, uint64_t entity, uint64_t step) {
    size_t row = (size_t)w->dim * sizeof *x;
    memmove(w->x + i * w->dim, x, row);
    memcpy(w->observed + i * w->dim, w->x + i * w->dim, row);
    w->entity[i] = entity;
    w->step[i] = step;
    w->fresh[i] = 0;
    w->noise_block[i] = 0;
}

void kr_walkers_copy(kr_walkers *w, long i, long j) {
    if (i == j) return;
    size_t row = (size_t)w->dim * sizeof *w->x;
    memcpy(w->x + j * w->dim, w->x + i * w->dim, row);
    memcpy(w->observed + j * w->dim, w->observed + i * w->dim, row);
    memcpy(w->force + j * w->dim, w->force + i * w->dim, row);
    memcpy(w->noise + j * 4, w->noise + i * 4, 4 * sizeof *w->noise);
    w->noise_block[j] = w->noise_block[i];
    w->entity[j] = w->entity[i];
    w->step[j] = w->step[i];
    w->fresh[j] = w->fresh[i];
}

void kr_walkers_thermalize(const kr_mover *m, kr_walkers *w, long i) {
    int n = m->problem->positions;
    kr_stream stream = {m->stream.seed, m->stream.purpose ^ 0x6d61787765ull}; /* apart from the noise of steps */
    double r[4];
    for (int k = 0; w->dim == 2 * n && k < n; k++) {
        if (k % 4 == 0) kr_random_normal(stream, w->step[i], w->entity[i], (uint64_t)k / 4, r);
        w->x[i * w->dim + n + k] = m->kick[n + k] * r[k % 4];
    }
    w->fresh[i] = 0;
}

/* A Philox block has four normals. When a step needs one or two, one block serves four or two steps. */
static void shared_noise(const kr_mover *m, kr_walkers *w, long first, int count, int which, int n, double *r) {
    int total = m->integrator->noises * n, shift = total == 1 ? 2 : 1, stale = 0;
    uint64_t counter[KR_WALKER_BLOCK][4];
    double four[KR_WALKER_BLOCK * 4];
    int of[KR_WALKER_BLOCK];
    for (int i = 0; i < count; i++) {
        uint64_t block = w->step[first + i] >> shift;
        if (w->noise_block[first + i] == block + 1) continue;
        w->noise_block[first + i] = block + 1;
        counter[stale][0] = block;
        counter[stale][1] = w->entity[first + i];
        counter[stale][2] = counter[stale][3] = 0;
        of[stale++] = i;
    }
    kr_random_normals(m->stream, stale, (const uint64_t(*)[4])counter, four);
    for (int i = 0; i < stale; i++)
        for (int k = 0; k < 4; k++) w->noise[4 * (first + of[i]) + k] = four[4 * i + k];
    for (int i = 0; i < count; i++) {
        uint64_t part = w->step[first + i] & (((uint64_t)1 << shift) - 1);
        const double *from = w->noise + 4 * (first + i) + part * (uint64_t)total + (uint64_t)(which * n);
        for (int k = 0; k < n; k++) r[i * n + k] = from[k];
    }
}

static void own_noise(const kr_mover *m, const kr_walkers *w, long first, int count, int which, int n, double *r) {
    int blocks = (n + 3) / 4;
    uint64_t counter[KR_WALKER_BLOCK][4];
    double four[KR_WALKER_BLOCK * 4];
    for (int b = 0; b < blocks; b++) {
        for (int i = 0; i < count; i++) {
            counter[i][0] = w->step[first + i];
            counter[i][1] = w->entity[first + i];
            counter[i][2] = (uint64_t)(which * blocks + b);
            counter[i][3] = 0;
        }
        kr_random_normals(m->stream, count, (const uint64_t(*)[4])counter, four);
        for (int i = 0; i < count; i++)
            for (int k = 4 * b; k < 4 * b + 4 && k < n; k++) r[i * n + k] = four[4 * (i - b) + k];
    }
}

void kr_walkers_noise(const kr_mover *m, kr_walkers *w, long first, int count, int which, int n, double *r) {
    for (int from = 0; from < count; from += KR_WALKER_BLOCK) {
        int some = count - from < KR_WALKER_BLOCK ? count - from : KR_WALKER_BLOCK;
        if (m->integrator->noises * n <= 2)
            shared_noise(m, w, first + from, some, which, n, r + (long)from * n);
        else
            own_noise(m, w, first + from, some, which, n, r + (long)from * n);
    }
}

kr_status kr_mover_step(kr_context *ctx, const kr_mover *m, kr_walkers *w, long first, int count) {
    kr_status status = KR_OK;
    KR_TRY(m->integrator->step(ctx, m, w, first, count));
    for (long i = first; i < first + count; i++) {
        w->step[i]++;
        if (m->problem->wrap) kr_problem_wrap(m->problem, w->x + i * w->dim);
    }
done:
    return status;
}

typedef struct run_job {
    const kr_mover *mover;
    kr_walkers *walkers;
    long nsteps, every;
    kr_walkers_fn observe;
    void *payload;
} run_job;

static kr_status run_block(void *payload, kr_context *ctx, long block, int thread) {
    (void)thread;
    kr_status status = KR_OK;
    const run_job *job = payload;
    long first = block * KR_WALKER_BLOCK, left = job->walkers->n - first;
    int count = left < KR_WALKER_BLOCK ? (int)left : KR_WALKER_BLOCK;
    for (long s = 1; s <= job->nsteps; s++) {
        KR_TRY(kr_mover_step(ctx, job->mover, job->walkers, first, count));
        if (!job->observe || s % job->every) continue;
        status = job->observe(job->payload, ctx, job->walkers, first, count);
        if (status > 0) return KR_OK; /* this block is done */
        if (status < 0) goto done;
    }
done:
    return status;
}

kr_status kr_walkers_run(kr_context *ctx, const kr_mover *mover, kr_walkers *walkers, long nsteps, long every,
                         kr_walkers_fn observe, void *payload) {
    run_job job = {mover, walkers, nsteps, every > 0 ? every : 1, observe, payload};
    return kr_parallel_blocks(ctx, (walkers->n + KR_WALKER_BLOCK - 1) / KR_WALKER_BLOCK, run_block, NULL, &job);
}
