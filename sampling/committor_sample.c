/* Metropolis-adjusted Langevin walkers (MALA) on V + bias.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   y = x − τ a∇U(x) + sqrt(2 ε τ a) ξ,   accepted with min(1, e^{−(U(y) − U(x))/ε} T(y→x)/T(x→y))
 * The step τ of a block of walkers is moved towards an acceptance of 0.6 while they burn in, then it stays: the chain
 * that is sampled is a fixed one. Random numbers are those of (stream, step, walker): any threads, same bits.
 * Source: Roberts and Tweedie, Bernoulli 2, 341 (1996). */
#include "sampling/committor_sample.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

enum { BLOCK = 16 }; /* walkers that move together */
static const double ACCEPTANCE = 0.6;

typedef struct walkers {
    const kr_problem *problem;
    const kr_sample_options *options;
    kr_samples *samples;
    int walkers, stride, dim;
    long burn, records; /* samples per walker */
    double *x;          /* [walkers][dim] */
    double *scratch;    /* [threads][BLOCK][6 dim + 6] */
    double *accepted;   /* [blocks] */
    size_t scratch_size;
} walkers;

/* State of the points of a block. */
typedef struct points {
    double *x, *grad; /* [m][dim] */
    double *u, *b;    /* [m] V + b, b */
} points;

static kr_status heat(kr_context *ctx, const walkers *w, int m, points *p, double *slice, double *slice_grad) {
    const kr_heating *h = &w->options->heating;
    kr_status status = KR_OK;
    double factor = -(1 - w->problem->epsilon / h->epsilon);
    size_t dim = (size_t)w->dim;
    if (!h->ncoordinates) {
        for (int i = 0; i < m; i++) {
            p->b[i] += factor * p->u[i];
            for (size_t k = 0; k < dim; k++) p->grad[(size_t)i * dim + k] *= 1 + factor;
        }
        return KR_OK;
    }
    for (int i = 0; i < m; i++) {
        double *s = slice + (size_t)i * dim;
        for (size_t k = 0; k < dim; k++) s[k] = h->reference ? h->reference[k] : 0;
        for (int c = 0; c < h->ncoordinates; c++)
            s[h->coordinate[c]] = p->x[(size_t)i * dim + (size_t)h->coordinate[c]];
    }
    double v[BLOCK];
    KR_TRY(kr_problem_potential(ctx, w->problem, m, slice, v, slice_grad));
    for (int i = 0; i < m; i++) {
        p->b[i] += factor * v[i];
        for (int c = 0; c < h->ncoordinates; c++) {
            size_t at = (size_t)i * dim + (size_t)h->coordinate[c];
            p->grad[at] += factor * slice_grad[at];
        }
    }
done:
    return status;
}

/* u, b and the gradient of V + b; points that are not allowed have u = ∞. */
static kr_status evaluate(kr_context *ctx, const walkers *w, int thread, int m, points *p, double *work) {
    kr_status status = KR_OK;
    const kr_problem *problem = w->problem;
    size_t dim = (size_t)w->dim;
    KR_TRY(kr_problem_potential(ctx, problem, m, p->x, p->u, p->grad));
    memset(p->b, 0, (size_t)m * sizeof *p->b);
    if (w->options->heating.epsilon > 0) KR_TRY(heat(ctx, w, m, p, work, work + (size_t)m * dim));
    if (w->options->bias) KR_TRY(w->options->bias(w->options->payload, ctx, thread, m, p->x, p->b, p->grad));
    for (int i = 0; i < m; i++) {
        const double *x = p->x + (size_t)i * dim;
        p->u[i] += p->b[i];
        for (size_t k = 0; k < dim; k++)
            if (!(problem->wrap && problem->wrap[k]) && (x[k] < problem->low[k] || x[k] > problem->high[k]))
                p->u[i] = INFINITY;
        if (w->options->inside && kr_region_level(w->options->inside, x, NULL) > 0) p->u[i] = INFINITY;
        if (isnan(p->u[i])) p->u[i] = INFINITY;
    }
done:
    return status;
}

/* Σ (y − x + τ a g)²/(4 ε τ a): minus the log of the proposal density. */
static double proposal(const walkers *w, const double *x, const double *g, const double *y, double tau) {
    double sum = 0;
    for (int k = 0; k < w->dim; k++) {
        double a = w->problem->mobility ? w->problem->mobility[k] : 1, step = y[k] - x[k] + tau * a * g[k];
        if (a > 0) sum += step * step / a;
    }
    return sum / (4 * w->problem->epsilon * tau);
}

static void propose(const walkers *w, long walker, long step, const points *from, points *to, int i, double tau) {
    size_t dim = (size_t)w->dim, at = (size_t)i * dim;
    double normal[4] = {0};
    for (size_t k = 0; k < dim; k++) {
        double a = w->problem->mobility ? w->problem->mobility[k] : 1;
        if (k % 4 == 0)
            kr_random_normal(w->options->stream, w->options->round * 1000003 + (uint64_t)step, (uint64_t)walker,
                             1 + k / 4, normal);
        to->x[at + k] =
            from->x[at + k] - tau * a * from->grad[at + k] + sqrt(2 * w->problem->epsilon * tau * a) * normal[k % 4];
    }
}

static kr_status run_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_status status = KR_OK;
    walkers *w = payload;
    size_t dim = (size_t)w->dim;
    long first = block * BLOCK;
    int m = (int)(w->walkers - first < BLOCK ? w->walkers - first : BLOCK);
    double *s = w->scratch + (size_t)thread * w->scratch_size, tau = 1e-4, total = 0;
    points now = {s, s + BLOCK * dim, s + 2 * BLOCK * dim, s + 2 * BLOCK * dim + BLOCK};
    s += 2 * BLOCK * dim + 2 * BLOCK;
    points next = {s, s + BLOCK * dim, s + 2 * BLOCK * dim, s + 2 * BLOCK * dim + BLOCK};
    double *work = s + 2 * BLOCK * dim + 2 * BLOCK;
    memcpy(now.x, w->x + (size_t)first * dim, (size_t)m * dim * sizeof *now.x);
    KR_TRY(evaluate(ctx, w, thread, m, &now, work));
    long steps = w->burn + w->records * w->stride;
    for (long step = 0; step < steps; step++) {
        double accepted = 0;
        for (int i = 0; i < m; i++) propose(w, first + i, step, &now, &next, i, tau);
        KR_TRY(evaluate(ctx, w, thread, m, &next, work));
        for (int i = 0; i < m; i++) {
            size_t at = (size_t)i * dim;
            double log_ratio = (now.u[i] - next.u[i]) / w->problem->epsilon +
                               proposal(w, now.x + at, now.grad + at, next.x + at, tau) -
                               proposal(w, next.x + at, next.grad + at, now.x + at, tau);
            double u = kr_random_uniform(w->options->stream, w->options->round * 1000003 + (uint64_t)step,
                                         (uint64_t)(first + i), 0);
            if (!(log(u) < log_ratio)) continue;
            accepted += 1;
            kr_problem_wrap(w->problem, next.x + at);
            memcpy(now.x + at, next.x + at, dim * sizeof *now.x);
            memcpy(now.grad + at, next.grad + at, dim * sizeof *now.grad);
            now.u[i] = next.u[i];
            now.b[i] = next.b[i];
        }
        accepted /= m;
        if (step < w->burn) {
            tau *= exp((accepted - ACCEPTANCE) / sqrt(1 + 0.05 * (double)step));
            continue;
        }
        total += accepted;
        if ((step - w->burn + 1) % w->stride) continue;
        long record = (step - w->burn) / w->stride;
        for (int i = 0; i < m; i++) { /* time-major: leading parts of the array are complete ensembles */
            long to = record * w->walkers + first + i;
            if (to >= w->samples->n) continue;
            memcpy(w->samples->x + (size_t)to * dim, now.x + (size_t)i * dim, dim * sizeof *now.x);
            w->samples->log_weight[to] = now.b[i] / w->problem->epsilon;
        }
        if (thread == 0 && record % 64 == 0)
            KR_TRY(kr_progress(ctx, "sampling", record * BLOCK + block, w->records * BLOCK));
    }
    w->accepted[block] = total / (double)(w->records * w->stride);
done:
    return status;
}

kr_status kr_samples_draw(kr_context *ctx, const kr_problem *problem, const kr_sample_options *options,
                          kr_samples *samples) {
    kr_status status = KR_OK;
    walkers w = {.problem = problem, .options = options, .samples = samples, .dim = problem->dim};
    *samples = (kr_samples){.n = options->count, .dim = problem->dim};
    if (problem->dynamics != KR_OVERDAMPED || !kr_problem_has_potential(problem))
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "sampling needs overdamped dynamics with a potential");
    if (options->count < 1 || options->nstart < 1)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "%ld samples from %d starts", options->count, options->nstart);
    w.walkers = options->walkers > 0 ? options->walkers : 128;
    if (w.walkers > options->count) w.walkers = (int)options->count;
    w.stride = options->stride > 0 ? options->stride : 20;
    w.burn = options->burn > 0 ? options->burn : 2000;
    w.records = (options->count + w.walkers - 1) / w.walkers;
    size_t dim = (size_t)w.dim, blocks = (size_t)(w.walkers + BLOCK - 1) / BLOCK;
    w.scratch_size = BLOCK * (6 * dim + 4);
    KR_NEW(ctx, w.x, (size_t)w.walkers * dim);
    KR_NEW(ctx, w.scratch, (size_t)kr_parallel_threads(ctx) * w.scratch_size);
    KR_NEW(ctx, w.accepted, blocks);
    KR_NEW(ctx, samples->x, (size_t)samples->n * dim);
    KR_NEW(ctx, samples->log_weight, (size_t)samples->n);
    for (int i = 0; i < w.walkers; i++)
        memcpy(w.x + (size_t)i * dim, options->start + (size_t)(i % options->nstart) * dim, dim * sizeof *w.x);
    KR_TRY(kr_parallel_blocks(ctx, (long)blocks, run_block, NULL, &w));
    for (size_t b = 0; b < blocks; b++) samples->acceptance += w.accepted[b] / (double)blocks;
done:
    kr_free(w.x);
    kr_free(w.scratch);
    kr_free(w.accepted);
    if (status != KR_OK) kr_samples_free(samples);
    return status;
}

void kr_samples_free(kr_samples *samples) {
    kr_free(samples->x);
    kr_free(samples->log_weight);
    *samples = (kr_samples){0};
}

double kr_samples_effective(const kr_samples *samples) {
    double top = -INFINITY, sum = 0, square = 0;
    for (long i = 0; i < samples->n; i++) top = fmax(top, samples->log_weight[i]);
    for (long i = 0; i < samples->n; i++) {
        double w = exp(samples->log_weight[i] - top);
        sum += w;
        square += w * w;
    }
    return sum * sum / square;
}
