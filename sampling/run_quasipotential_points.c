/* The command quasipotential with networks: points that are trained on.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/run_quasipotential_network.h"
#include <math.h>
#include <string.h>

/* Trajectory points: deterministic (tube) or stochastic (epr). */
static kr_status make_trajectories(kr_context *ctx, kr_quasi_run *r) {
    kr_status status = KR_OK;
    const kr_problem *p = r->run->problem;
    const kr_quasi_settings *s = r->s;
    size_t d = (size_t)p->dim;
    kr_stream stream = {r->run->seed, 0x9a1};
    double *x = NULL, *work = NULL;
    int stochastic = s->train.loss == KR_QUASI_EPR;
    long steps = (long)(s->train.time / s->train.dt + 0.5),
         every = steps / s->train.points > 0 ? steps / s->train.points : 1;
    KR_NEW(ctx, r->x, (size_t)s->train.trajectories * (size_t)s->train.points * d);
    KR_NEW(ctx, r->f, (size_t)s->train.trajectories * (size_t)s->train.points * d);
    KR_NEW(ctx, x, d);
    KR_NEW(ctx, work, 5 * d);
    for (int t = 0; t < s->train.trajectories; t++) {
        for (size_t k = 0; k < d; k++)
            x[k] = p->low[k] + (p->high[k] - p->low[k]) * kr_random_uniform(stream, 0, (uint64_t)t, 100 + k);
        /* Stochastic ones forget their start during the first half. */
        long kept = 0;
        for (long step = stochastic ? -steps : 0; step < steps && kept < s->train.points; step++) {
            double h = s->train.dt;
            if (!stochastic) {
                KR_TRY(kr_flow_step(ctx, p, h, x, work));
            } else {
                KR_TRY(kr_quasi_walk_step(ctx, p, h, stream, (uint64_t)(step + steps), (uint64_t)t, 1, x, work));
            }
            if (step < 0 || step % every) continue;
            double *to = r->x + (size_t)r->n * d, *drift = r->f + (size_t)r->n * d;
            for (size_t k = 0; k < d; k++) {
                double normal[4] = {0};
                if (!stochastic) kr_random_normal(stream, (uint64_t)step, (uint64_t)t, 300 + k, normal);
                to[k] = x[k] + s->train.spread * (stochastic ? 0 : p->high[k] - p->low[k]) * normal[0];
            }
            KR_TRY(kr_problem_drift(ctx, p, 1, to, drift));
            r->n++;
            kept++;
        }
        if (t % 64 == 0 && kr_progress(ctx, "trajectories", t, s->train.trajectories) != KR_OK)
            KR_FAIL(ctx, KR_CANCELLED, "stopped while trajectories were made");
    }
    if (r->n < 2) KR_FAIL(ctx, KR_ERR_NUMERIC, "%ld points along trajectories", r->n);
done:
    kr_free(x);
    kr_free(work);
    return status;
}

kr_status kr_quasi_make_characteristics(kr_context *ctx, const kr_quasi_run *r, uint64_t purpose, long n, double **x,
                                        double **f) {
    kr_status status = KR_OK;
    const kr_problem *p = r->run->problem;
    size_t d = (size_t)p->dim;
    KR_NEW(ctx, *x, (size_t)n * d);
    KR_NEW(ctx, *f, (size_t)n * d);
    KR_TRY(kr_characteristics_trace(ctx, p, r->attractors, r->s->train.enlarge, (kr_stream){r->run->seed, purpose}, n,
                                    *x, *f));
    for (size_t i = 0; i < (size_t)n * d; i++) (*f)[i] *= -(p->mobility ? p->mobility[i % d] : 1);
done:
    return status;
}

/* Minimum action paths to points of the box from the attractors that the drift leads to from there: characteristics
 * spread from the attractors and leave corners aside, whose V comes along paths that nothing else tells of. */
static kr_status make_guide(kr_context *ctx, kr_quasi_run *r) {
    enum { IMAGES = 49 };
    kr_status status = KR_OK;
    const kr_problem *p = r->run->problem;
    int d = p->dim, n = r->s->train.paths, which;
    double *to = NULL, *work = NULL, v;
    void *payload;
    kr_progress_fn progress = kr_context_get_progress(ctx, &payload);
    if (!n) goto done;
    KR_NEW(ctx, to, (size_t)n * (size_t)d);
    KR_NEW(ctx, work, 7 * (size_t)d);
    KR_NEW(ctx, r->guide_x, (size_t)n * (IMAGES - 1) * (size_t)d);
    KR_NEW(ctx, r->guide_f, (size_t)n * (IMAGES - 1) * (size_t)d);
    kr_quasi_uniform_points(r, 0x9ad, r->s->train.enlarge, n, to);
    for (int i = 0; i < n; i++) {
        double *x = r->guide_x + r->nguide * d, *f = r->guide_f + r->nguide * d;
        if (kr_progress(ctx, "minimum action paths", i, n) != KR_OK)
            KR_FAIL(ctx, KR_CANCELLED, "stopped while minimum action paths were sought");
        KR_TRY(kr_attractors_reached(ctx, p, r->attractors, to + (long)i * d, work, &which));
        if (which < 0) continue;
        kr_context_set_progress(ctx, NULL, NULL); /* of all paths together, not of the images of each */
        status = kr_quasi_least_action(ctx, p, IMAGES, r->attractors->x + (long)which * d, to + (long)i * d, &v, x, f);
        kr_context_set_progress(ctx, progress, payload);
        if (status < 0) goto done;
        if (status == KR_NOT_CONVERGED) continue;
        for (int k = 0; k < (IMAGES - 1) * d; k++) f[k] *= -(p->mobility ? p->mobility[k % d] : 1);
        r->nguide += IMAGES - 1;
    }
    KR_TRY(kr_run_line(ctx, r->run, "%ld of %d minimum action paths are used", r->nguide / (IMAGES - 1), n));
    status = KR_OK;
done:
    kr_free(to);
    kr_free(work);
    return status;
}

/* −a∇V at x [dim] of the quadratic form around the nearest attractor: where the warm-up leads points between paths. */
static void quadratic_drift(const kr_quasi_run *r, const double *x, double *f) {
    const kr_attractors *found = r->attractors;
    const double *mobility = r->run->problem->mobility;
    int d = found->dim, nearest = 0;
    double least = INFINITY;
    for (int a = 0; a < found->n; a++) {
        double square = 0;
        for (int k = 0; k < d; k++) square += pow(x[k] - found->x[(long)a * d + k], 2);
        if (square >= least) continue;
        least = square;
        nearest = a;
    }
    const double *at = found->x + (long)nearest * d, *h = found->hessian + (long)nearest * d * d;
    for (int i = 0; i < d; i++) {
        f[i] = 0;
        for (int k = 0; k < d; k++) f[i] -= (mobility ? mobility[i] : 1) * h[i * d + k] * (x[k] - at[k]);
    }
}

void kr_quasi_uniform_points(const kr_quasi_run *r, uint64_t purpose, double enlarge, long n, double *x) {
    const kr_problem *p = r->run->problem;
    kr_stream stream = {r->run->seed, purpose};
    int d = p->dim;
    for (long i = 0; i < n; i++)
        for (int k = 0; k < d; k++)
            x[i * d + k] = 0.5 * (p->low[k] + p->high[k]) +
                           enlarge * (p->high[k] - p->low[k]) *
                               (kr_random_uniform(stream, (uint64_t)r->step, (uint64_t)i, 1 + (uint64_t)k) - 0.5);
}

/* How step r->step trains. Finite noise begins with the solution of small noise, and a quarter of its points keep the
 * gradient of that, with a weight that nothing else feels: the stationary equation alone also holds with currents that
 * enter through the edges of the box, where no sample says that there are none. */
static void choose_loss(kr_quasi_run *r, int *matched, int *quadratic) {
    const kr_quasi_settings *s = r->s;
    int finite = s->train.loss == KR_QUASI_EPR, warm = r->step < s->train.warm_steps;
    *matched = r->nmatched && (!finite || warm);
    *quadratic = *matched && (finite ? r->step < s->train.warm_steps / 2 : warm);
    r->how.loss = kr_quasi_loss_of(s);
    if (finite && *matched) r->how.loss = KR_QUASI_COSINE;
    r->warm = warm && !*matched;
}

/* Half of the points for the equation lie around the samples where no solution of small noise says where V is low. */
static void crowd(kr_quasi_run *r, uint64_t purpose) {
    const kr_problem *p = r->run->problem;
    kr_stream stream = {r->run->seed, purpose};
    int d = p->dim;
    for (long i = 0; i < r->nbox / 2; i++) {
        const double *x = r->x + (long)kr_random_below(stream, (uint64_t)r->step, (uint64_t)i, 0, (uint64_t)r->n) * d;
        for (int k = 0; k < d; k++) {
            double normal[4];
            kr_random_normal(stream, (uint64_t)r->step, (uint64_t)i, 1 + (uint64_t)k, normal);
            r->box[i * d + k] = x[k] + r->s->train.spread * (p->high[k] - p->low[k]) * normal[0];
        }
    }
}

/* Row i of the batch: a point of the minimum action paths. */
static void take_guide(kr_quasi_run *r, long i) {
    size_t d = (size_t)r->run->problem->dim;
    long from =
        (long)kr_random_below((kr_stream){r->run->seed, 0x9ae}, (uint64_t)r->step, (uint64_t)i, 0, (uint64_t)r->nguide);
    memcpy(r->batch_x + (size_t)i * d, r->guide_x + (size_t)from * d, d * sizeof *r->guide_x);
    memcpy(r->batch_f + (size_t)i * d, r->guide_f + (size_t)from * d, d * sizeof *r->guide_f);
}

kr_status kr_quasi_fill_batch(kr_context *ctx, kr_quasi_run *r) {
    const kr_quasi_settings *s = r->s;
    const kr_problem *p = r->run->problem;
    kr_stream stream = {r->run->seed, 0x9a2};
    size_t d = (size_t)p->dim;
    int matched, quadratic, finite = s->train.loss == KR_QUASI_EPR;
    long uniform = (long)(s->train.uniform * (double)r->batch + 0.5), along = r->batch;
    choose_loss(r, &matched, &quadratic);
    if (matched || !finite) along -= uniform;
    r->how.matched = quadratic ? r->batch : matched ? along : r->nmatched ? along / 4 : 0;
    r->how.inexact = !r->nguide ? 0 : r->how.matched - along / 2;
    for (long i = 0; i < along; i++) {
        if (r->nguide && i >= along / 2) {
            take_guide(r, i);
            continue;
        }
        int known = matched || i < r->how.matched;
        uint64_t count = (uint64_t)(known ? r->nmatched : r->n);
        long from = (long)kr_random_below(stream, (uint64_t)r->step, (uint64_t)i, 0, count) + (known ? r->n : 0);
        memcpy(r->batch_x + (size_t)i * d, r->x + (size_t)from * d, d * sizeof *r->x);
        memcpy(r->batch_f + (size_t)i * d, r->f + (size_t)from * d, d * sizeof *r->x);
    }
    r->nbox = finite && !matched ? uniform : 0;
    kr_quasi_uniform_points(r, 0x9a2, s->train.enlarge, r->nbox, r->box);
    if (!r->nmatched) crowd(r, 0x9a9);
    if (along == r->batch) return KR_OK;
    double *x = r->batch_x + (size_t)along * d, *f = r->batch_f + (size_t)along * d;
    kr_quasi_uniform_points(r, 0x9a2, s->train.enlarge, uniform, x);
    if (!quadratic) return kr_problem_drift(ctx, p, (int)uniform, x, f);
    for (long i = 0; i < uniform; i++) {
        if (r->nguide)
            take_guide(r, along + i);
        else
            quadratic_drift(r, x + (size_t)i * d, f + (size_t)i * d);
    }
    return KR_OK;
}

kr_status kr_quasi_make_points(kr_context *ctx, kr_quasi_run *r) {
    kr_status status = KR_OK;
    int wanted = r->s->train.characteristics > 1;
    double *x = NULL, *f = NULL, *more;
    size_t d = (size_t)r->run->problem->dim, n;
    if (!wanted || r->s->train.loss == KR_QUASI_EPR) KR_TRY(make_trajectories(ctx, r));
    if (!wanted) goto done;
    if (r->s->train.loss != KR_QUASI_EPR) KR_TRY(make_guide(ctx, r));
    KR_TRY(kr_quasi_make_characteristics(ctx, r, 0x9a4, r->s->train.characteristics, &x, &f));
    r->nmatched = r->s->train.characteristics;
    n = (size_t)r->n * d;
    for (int which = 0; which < 2; which++) {
        double **to = which ? &r->f : &r->x;
        KR_NEW(ctx, more, n + (size_t)r->nmatched * d);
        if (n) memcpy(more, *to, n * sizeof *more);
        memcpy(more + n, which ? f : x, (size_t)r->nmatched * d * sizeof *more);
        kr_free(*to);
        *to = more;
    }
done:
    kr_free(x);
    kr_free(f);
    return status;
}

kr_status kr_quasi_measure_depths(kr_context *ctx, kr_quasi_run *r) {
    kr_status status = KR_OK;
    const kr_attractors *found = r->attractors;
    int n = found->n < KR_QUASI_DEPTHS ? found->n : KR_QUASI_DEPTHS;
    r->depths = n;
    for (int a = 1; a < n; a++) {
        const double *x = found->x + (long)a * found->dim;
        double there, back;
        status = kr_quasi_least_action(ctx, r->run->problem, 400, found->x, x, &there, NULL, NULL);
        if (status == KR_OK) status = kr_quasi_least_action(ctx, r->run->problem, 400, x, found->x, &back, NULL, NULL);
        if (status == KR_NOT_CONVERGED) {
            r->depths = 0;
            return kr_run_line(ctx, r->run,
                               "no minimum action path between attractors 1 and %d: their difference of V is not held",
                               a + 1);
        }
        if (status != KR_OK) goto done;
        r->depth[a] = there - back;
        KR_TRY(kr_run_line(ctx, r->run, "V at attractor %d less that at 1, by action paths: %.6g", a + 1, r->depth[a]));
    }
done:
    return status;
}
