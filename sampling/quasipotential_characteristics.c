/* Characteristics of the equation for V: exact gradients of V along the paths that leave an attractor.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   H(x, p) = p·(f + a p) = 0,  p = ∇V:    ẋ = f + 2 a p,   ṗ = −(∂f/∂x)ᵀ p,   from p = H δ near an attractor
 * They choose the solution that is the quasipotential: networks that begin with these gradients do not fall onto
 * another one. Beyond the ridge between two attractors a path says nothing: its points are kept as long as the drift
 * leads from there to the attractor that it came from, and as long as p is not too small (paths that relax again). */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/quasipotential.h"
#include <math.h>
#include <string.h>

typedef struct tracer {
    const kr_problem *problem;
    const kr_attractors *attractors;
    kr_stream stream;
    int dim;
    double side;             /* largest of the box */
    double *work, *jacobian; /* [8][dim], [dim][dim] */
    double *low, *high;      /* [dim] where paths end */
} tracer;

/* d/dt of x and p, both in state [2][dim]. */
static kr_status slope(kr_context *ctx, tracer *t, const double *state, double *out) {
    kr_status status = KR_OK;
    int d = t->dim;
    KR_TRY(kr_problem_drift(ctx, t->problem, 1, state, out));
    KR_TRY(kr_problem_jacobian(ctx, t->problem, state, t->jacobian));
    for (int i = 0; i < d; i++) {
        out[i] += 2 * (t->problem->mobility ? t->problem->mobility[i] : 1) * state[d + i];
        out[d + i] = 0;
        for (int k = 0; k < d; k++) out[d + i] -= t->jacobian[k * d + i] * state[d + k];
    }
done:
    return status;
}

/* One step of length ds in x (classical Runge–Kutta). */
static kr_status step(kr_context *ctx, tracer *t, double ds, double *state) {
    static const double at[4] = {0, 0.5, 0.5, 1}, weight[4] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
    kr_status status = KR_OK;
    int d = t->dim;
    double *stage = t->work, *k = stage + 2 * d, *sum = k + 2 * d, speed = 0, dt = 0;
    for (int i = 0; i < 2 * d; i++) k[i] = sum[i] = 0;
    for (int s = 0; s < 4; s++) {
        for (int i = 0; i < 2 * d; i++) stage[i] = state[i] + dt * at[s] * k[i];
        KR_TRY(slope(ctx, t, stage, k));
        if (s == 0) {
            for (int i = 0; i < d; i++) speed += k[i] * k[i];
            dt = fmin(0.05, ds / sqrt(speed));
        }
        for (int i = 0; i < 2 * d; i++) sum[i] += weight[s] * k[i];
    }
    for (int i = 0; i < 2 * d; i++) state[i] += dt * sum[i];
done:
    return status;
}

/* A start near an attractor: a random point of the box, from where the linear motion δ̇ = (A + 2 a H) δ away from the
 * nearest attractor *from is followed backwards. So paths go everywhere; from random starts nearby all would follow the
 * fastest directions. */
static kr_status begin(kr_context *ctx, tracer *t, uint64_t path, double *state, int *from) {
    kr_status status = KR_OK;
    int d = t->dim;
    double *delta = t->work, *slope = t->work + d, largest = 0, least = INFINITY, far = INFINITY;
    for (int k = 0; k < d; k++)
        state[k] = t->low[k] + (t->high[k] - t->low[k]) * kr_random_uniform(t->stream, path, (uint64_t)k, 1);
    for (int a = 0; a < t->attractors->n; a++) {
        double square = 0;
        for (int k = 0; k < d; k++) square += pow(state[k] - t->attractors->x[(long)a * d + k], 2);
        if (square >= least) continue;
        least = square;
        *from = a;
    }
    const double *x = t->attractors->x + (long)*from * d, *h = t->attractors->hessian + (long)*from * d * d;
    KR_TRY(kr_problem_jacobian(ctx, t->problem, x, t->jacobian));
    for (int i = 0; i < d; i++)
        for (int k = 0; k < d; k++) {
            t->jacobian[i * d + k] += 2 * (t->problem->mobility ? t->problem->mobility[i] : 1) * h[i * d + k];
            largest += fabs(t->jacobian[i * d + k]) / d;
        }
    for (int k = 0; k < d; k++) delta[k] = state[k] - x[k];
    for (long s = 0;; s++) {
        far = 0;
        for (int i = 0; i < d; i++) far = fmax(far, fabs(delta[i]) / (t->high[i] - t->low[i]));
        if (far < 0.002) break;
        for (int i = 0; i < d; i++) {
            slope[i] = 0;
            for (int k = 0; k < d; k++) slope[i] += t->jacobian[i * d + k] * delta[k];
        }
        for (int i = 0; i < d; i++) delta[i] -= 0.05 / largest * slope[i];
        if (s > 100000) KR_FAIL(ctx, KR_ERR_NUMERIC, "the motion away from attractor %d is too slow", *from + 1);
    }
    for (int i = 0; i < d; i++) {
        state[i] = x[i] + delta[i];
        state[d + i] = 0;
        for (int k = 0; k < d; k++) state[d + i] += h[i * d + k] * delta[k];
    }
done:
    return status;
}

kr_status kr_attractors_reached(kr_context *ctx, const kr_problem *p, const kr_attractors *found, const double *x,
                                double *work, int *which) {
    kr_status status = KR_OK;
    int d = p->dim;
    double *at = work + 5 * d, *f = work + 6 * d, side = 0;
    for (int k = 0; k < d; k++) side = fmax(side, p->high[k] - p->low[k]);
    memcpy(at, x, (size_t)d * sizeof *at);
    *which = -1;
    for (int s = 0; s < 2000 && *which < 0; s++) {
        double speed = 0;
        for (int a = 0; a < found->n; a++) {
            double square = 0;
            for (int i = 0; i < d; i++) square += pow(at[i] - found->x[(long)a * d + i], 2);
            if (square > 1e-3 * side * side) continue;
            *which = a;
            return KR_OK;
        }
        KR_TRY(kr_problem_drift(ctx, p, 1, at, f));
        for (int i = 0; i < d; i++) speed += f[i] * f[i];
        KR_TRY(kr_flow_step(ctx, p, fmin(0.1, 0.01 * side / sqrt(speed)), at, work));
    }
done:
    return status;
}

/* Does the drift lead from x to attractor a? */
static kr_status leads_to(kr_context *ctx, tracer *t, const double *x, int a, int *yes) {
    int which = 0;
    kr_status status = KR_OK;
    if (t->attractors->n > 1) status = kr_attractors_reached(ctx, t->problem, t->attractors, x, t->work, &which);
    *yes = which == a;
    return status;
}

static int ended(const tracer *t, const double *state) {
    for (int i = 0; i < t->dim; i++)
        if (!(state[i] > t->low[i] && state[i] < t->high[i]) || !isfinite(state[t->dim + i])) return 1;
    return 0;
}

kr_status kr_characteristics_trace(kr_context *ctx, const kr_problem *problem, const kr_attractors *attractors,
                                   double enlarge, kr_stream stream, long n, double *x, double *p) {
    kr_status status = KR_OK;
    int d = problem->dim, good;
    size_t size = (size_t)d;
    tracer t = {.problem = problem, .attractors = attractors, .stream = stream, .dim = d};
    double *state = NULL;
    long found = 0;
    KR_NEW(ctx, state, 2 * size);
    KR_NEW(ctx, t.work, 8 * size);
    KR_NEW(ctx, t.jacobian, size * size);
    KR_NEW(ctx, t.low, 2 * size);
    t.high = t.low + d;
    for (int i = 0; i < d; i++) {
        double middle = 0.5 * (problem->low[i] + problem->high[i]), half = middle - problem->low[i];
        t.low[i] = middle - enlarge * half;
        t.high[i] = middle + enlarge * half;
        t.side = fmax(t.side, 2 * half);
    }
    for (uint64_t path = 0; found < n; path++) {
        int a = 0;
        if (path > (uint64_t)n * 10) KR_FAIL(ctx, KR_ERR_NUMERIC, "characteristics do not leave the attractors");
        KR_TRY(begin(ctx, &t, path, state, &a));
        for (int s = 0; s < 4000 && found < n; s++) {
            KR_TRY(step(ctx, &t, 0.004 * t.side, state));
            if (ended(&t, state)) break;
            if (s % 10) continue;
            KR_TRY(leads_to(ctx, &t, state, a, &good));
            if (!good) break;
            memcpy(x + (size_t)found * size, state, size * sizeof *x);
            memcpy(p + (size_t)found++ * size, state + d, size * sizeof *p);
        }
        if (path % 64 == 0 && kr_progress(ctx, "characteristics", found, n) != KR_OK)
            KR_FAIL(ctx, KR_CANCELLED, "stopped while characteristics were traced");
    }
done:
    kr_free(state);
    kr_free(t.work);
    kr_free(t.jacobian);
    kr_free(t.low);
    return status;
}
