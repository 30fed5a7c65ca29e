/* The command committor: points on the isosurfaces 0.05 < q < 0.95, for the flux through them.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The flux through the isosurface q = c is ε⟨Σ a (∂q)² δ(q − c)⟩. Drawn with the density ρ Σ a (∂q)², every point
 * counts the same and its distribution over q is the flux itself: flat for the committor. Of a million points that are
 * heated to find the way from A to B few lie where the flux is; here all do. Walkers begin at points of the test set
 * drawn with that density, so they need not find it; the logarithm of Σ a (∂q)² is a bias of the Metropolis walkers
 * like any other, and points outside of 0.05 < q < 0.95 are refused. */
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "sampling/run_committor.h"
#include <math.h>
#include <string.h>

enum { WALKERS = 256, STRIDE = 16, BURN = 400 };

static double square_of(const kr_problem *p, const double *grad) {
    double square = 0;
    for (int k = 0; k < p->dim; k++) square += (p->mobility ? p->mobility[k] : 1) * grad[k] * grad[k];
    return square;
}

typedef struct surfaces {
    const kr_problem *problem;
    const kr_committor_net *net;
    double *grad; /* [threads][KR_COMMITTOR_ROWS][dim] */
} surfaces;

static kr_status flux_bias(void *payload, kr_context *ctx, int thread, int n, const double *x, double *b,
                           double *unused) {
    const surfaces *s = payload;
    double q[KR_COMMITTOR_ROWS], *grad = s->grad + (long)thread * KR_COMMITTOR_ROWS * s->problem->dim;
    (void)unused;
    kr_status status = kr_committor_net_rows(ctx, s->net, s->net->theta, thread, n, x, q, NULL, grad);
    for (int i = 0; i < n && status == KR_OK; i++) {
        double square = square_of(s->problem, grad + (long)i * s->problem->dim);
        int within = q[i] > KR_FLUX_LOW && q[i] < 1 - KR_FLUX_LOW && square > 0;
        b[i] = within ? b[i] - s->problem->epsilon * log(square) : INFINITY;
    }
    return status;
}

/* WALKERS points of the test set, drawn with their share of the flux (at equal steps of its sum); 0 when there is none.
 */
static int starts(const kr_problem *p, const kr_committor_set *test, const double *q, const double *grad, double *x) {
    double all = 0, sum = 0;
    int found = 0;
    for (int pass = 0; pass < 2; pass++)
        for (long i = 0; i < test->outside; i++) {
            if (!(q[i] > KR_FLUX_LOW && q[i] < 1 - KR_FLUX_LOW)) continue;
            double share = test->w[i] * square_of(p, grad + i * p->dim);
            if (!pass) {
                all += share;
                continue;
            }
            for (sum += share; found < WALKERS && sum > all * (found + 0.5) / WALKERS; found++)
                memcpy(x + (long)found * p->dim, test->x + i * p->dim, (size_t)p->dim * sizeof *x);
        }
    return found == WALKERS;
}

kr_status kr_committor_isosurfaces(kr_context *ctx, kr_sampling *run, const kr_committor_function *f,
                                   const kr_committor_set *test, const double *q, const double *grad,
                                   kr_flux_test *flux) {
    kr_status status = KR_OK;
    const kr_problem *p = run->problem;
    const kr_committor_settings *s = run->state;
    surfaces how = {.problem = p, .net = f->net};
    kr_samples samples = {0};
    kr_committor_set set = {0};
    kr_flux_test t;
    double *start = NULL, *q1 = NULL, *grad1 = NULL;
    if (!f->net || p->nsamples || !s->check.flux) return KR_OK;
    KR_NEW(ctx, start, (size_t)WALKERS * (size_t)p->dim);
    if (!starts(p, test, q, grad, start)) goto done;
    KR_NEW(ctx, how.grad, (size_t)kr_parallel_threads(ctx) * KR_COMMITTOR_ROWS * (size_t)p->dim);
    kr_sample_options o = {.count = s->check.flux,
                           .walkers = WALKERS,
                           .stride = STRIDE,
                           .burn = BURN,
                           .bias = flux_bias,
                           .payload = &how,
                           .start = start,
                           .nstart = WALKERS,
                           .stream = {run->seed, KR_COMMITTOR_SURFACES}};
    KR_TRY(kr_samples_draw(ctx, p, &o, &samples));
    KR_TRY(kr_committor_set_make(ctx, run, &samples, WALKERS, &set));
    KR_NEW(ctx, q1, (size_t)set.n);
    KR_NEW(ctx, grad1, (size_t)(set.outside * p->dim));
    KR_TRY(f->evaluate(ctx, f->payload, set.outside, set.x, q1, grad1));
    KR_TRY(kr_committor_flux(ctx, p, set.outside, q1, grad1, set.w, set.group, set.groups, (double)set.n, &t));
    /* The density is known but for a factor: the size of the flux stays that of the test set, its shape is new. */
    for (int c = 0; c < KR_FLUX_BINS; c++) {
        flux->flux[c] = t.flux[c] * flux->mean / t.mean;
        flux->error[c] = t.error[c] * flux->mean / t.mean;
    }
    flux->spread = t.spread;
    flux->spread_error = t.spread_error;
    flux->ratio = t.ratio;
    flux->ratio_error = t.ratio_error;
done:
    kr_free(start);
    kr_free(how.grad);
    kr_free(q1);
    kr_free(grad1);
    kr_samples_free(&samples);
    kr_committor_set_free(&set);
    return status;
}
