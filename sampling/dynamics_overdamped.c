/* Integrators of dx = f dt + sqrt(2 ε) σ dW, h = time step, s = sqrt(2 ε a h), R standard normal.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   euler                 x ← x + h f(x) + s R                                          weak order 1
 *   heun                  x* = x + h f(x) + s R,  x ← x + h (f(x) + f(x*))/2 + s R      weak order 2 (additive noise)
 *   leimkuhler_matthews   x̂ = y + s R/2,  y ← y + h f(x̂) + s R;  averages at x̂        order 2 in the long run
 * The last one, for gradient drifts, is usually written with (R_n + R_{n+1})/2; with y = x̂ − s R/2 as the state it
 * is a Markov chain, which can be cut and continued anywhere. */
#include "core/error.h"
#include "sampling/dynamics.h"

/* work ← s R for every walker of the range. */
static void kicks(const kr_mover *m, kr_walkers *w, long first, int count) {
    int d = w->dim;
    double *r = w->work + first * d;
    kr_walkers_noise(m, w, first, count, 0, d, r);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < d; k++) r[i * d + k] *= m->kick[k];
}

static kr_status euler(kr_context *ctx, const kr_mover *m, kr_walkers *w, long first, int count) {
    kr_status status = KR_OK;
    long from = first * w->dim, to = (first + count) * w->dim;
    KR_TRY(kr_mover_drift(ctx, m, count, w->x + from, w->force + from, w->work + from));
    kicks(m, w, first, count);
    for (long k = from; k < to; k++) w->observed[k] = w->x[k] += m->dt * w->force[k] + w->work[k];
done:
    return status;
}

static kr_status heun(kr_context *ctx, const kr_mover *m, kr_walkers *w, long first, int count) {
    kr_status status = KR_OK;
    long from = first * w->dim, to = (first + count) * w->dim;
    KR_TRY(kr_mover_drift(ctx, m, count, w->x + from, w->force + from, w->work + from));
    kicks(m, w, first, count);
    for (long k = from; k < to; k++) {
        w->observed[k] = w->x[k] + m->dt * w->force[k] + w->work[k]; /* the predictor */
        w->x[k] += 0.5 * m->dt * w->force[k] + w->work[k];
    }
    KR_TRY(kr_mover_drift(ctx, m, count, w->observed + from, w->force + from, w->work + from));
    for (long k = from; k < to; k++) w->observed[k] = w->x[k] += 0.5 * m->dt * w->force[k];
done:
    return status;
}

static kr_status leimkuhler_matthews(kr_context *ctx, const kr_mover *m, kr_walkers *w, long first, int count) {
    kr_status status = KR_OK;
    long from = first * w->dim, to = (first + count) * w->dim;
    kicks(m, w, first, count);
    for (long k = from; k < to; k++) {
        w->observed[k] = w->x[k] + 0.5 * w->work[k];
        w->x[k] += w->work[k];
    }
    KR_TRY(kr_mover_drift(ctx, m, count, w->observed + from, w->force + from, w->work + from));
    for (long k = from; k < to; k++) w->x[k] += m->dt * w->force[k];
done:
    return status;
}

const kr_integrator kr_integrator_euler = {
    .name = "euler",
    .summary = "Euler-Maruyama, any drift",
    .reference = "Kloeden, Platen, Numerical Solution of SDE (1992)",
    .noises = 1,
    .step = euler,
};
const kr_integrator kr_integrator_heun = {
    .name = "heun",
    .summary = "stochastic Heun, any drift, second weak order",
    .reference = "Kloeden, Platen, Numerical Solution of SDE (1992), section 15.1",
    .noises = 1,
    .step = heun,
};
const kr_integrator kr_integrator_leimkuhler_matthews = {
    .name = "leimkuhler_matthews",
    .summary = "gradient drifts, averages of second order at one force per step",
    .reference = "Leimkuhler, Matthews, Appl. Math. Res. Express 2013, 34",
    .noises = 1,
    .step = leimkuhler_matthews,
};
