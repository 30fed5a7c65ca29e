/* Quasipotential: attractors of the drift and the Lyapunov solution there.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/linalg.h"
#include "core/memory.h"
#include "sampling/quasipotential.h"
#include <math.h>
#include <string.h>

kr_status kr_flow_step(kr_context *ctx, const kr_problem *problem, double dt, double *x, double *work) {
    kr_status status = KR_OK;
    static const double at[4] = {0, 0.5, 0.5, 1}, weight[4] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
    int d = problem->dim;
    double *stage = work, *k = work + d, *sum = work + 2 * d;
    for (int i = 0; i < d; i++) sum[i] = k[i] = 0;
    for (int s = 0; s < 4; s++) {
        for (int i = 0; i < d; i++) stage[i] = x[i] + dt * at[s] * k[i];
        KR_TRY(kr_problem_drift(ctx, problem, 1, stage, k));
        for (int i = 0; i < d; i++) sum[i] += weight[s] * k[i];
    }
    for (int i = 0; i < d; i++) x[i] += dt * sum[i];
done:
    return status;
}

kr_status kr_lyapunov_hessian(kr_context *ctx, const kr_problem *problem, const double *x, double *hessian) {
    kr_status status = KR_OK;
    size_t d = (size_t)problem->dim;
    double *jacobian = NULL, *noise = NULL, *covariance = NULL;
    KR_NEW(ctx, jacobian, d * d);
    KR_NEW(ctx, noise, d * d);
    KR_NEW(ctx, covariance, d * d);
    KR_TRY(kr_problem_jacobian(ctx, problem, x, jacobian));
    for (size_t i = 0; i < d; i++) noise[i * d + i] = 2 * (problem->mobility ? problem->mobility[i] : 1);
    KR_TRY(kr_lyapunov(ctx, (int)d, jacobian, noise, covariance));
    memcpy(jacobian, covariance, d * d * sizeof *jacobian);
    for (size_t i = 0; i < d * d; i++) hessian[i] = i / d == i % d;
    int rank;
    KR_TRY(kr_least_squares(ctx, (int)d, (int)d, (int)d, jacobian, hessian, -1, &rank));
    if (rank < (int)d) KR_FAIL(ctx, KR_ERR_NUMERIC, "the stationary covariance is singular: noise does not reach all");
done:
    kr_free(jacobian);
    kr_free(noise);
    kr_free(covariance);
    return status;
}

/* Newton steps to f = 0 from x; 0 when they do not converge. */
static kr_status polish(kr_context *ctx, const kr_problem *problem, double *x, double *matrix, double *f, int *good) {
    kr_status status = KR_OK;
    int d = problem->dim;
    *good = 0;
    for (int it = 0; it < 30; it++) {
        double size = 0, step = 0;
        KR_TRY(kr_problem_drift(ctx, problem, 1, x, f));
        KR_TRY(kr_problem_jacobian(ctx, problem, x, matrix));
        KR_TRY(kr_least_squares(ctx, d, d, 1, matrix, f, -1, NULL));
        for (int i = 0; i < d; i++) {
            x[i] -= f[i];
            step += f[i] * f[i];
            size += x[i] * x[i];
        }
        if (!isfinite(step)) break;
        if (step < 1e-24 * (1 + size)) {
            *good = 1;
            break;
        }
    }
done:
    return status;
}

static int is_new(const kr_attractors *found, const double *x, double scale) {
    for (int a = 0; a < found->n; a++) {
        double square = 0;
        for (int i = 0; i < found->dim; i++) square += pow(x[i] - found->x[a * found->dim + i], 2);
        if (square < 1e-8 * scale * scale) return 0;
    }
    return 1;
}

void kr_attractors_free(kr_attractors *found) {
    kr_free(found->x);
    kr_free(found->hessian);
    *found = (kr_attractors){0};
}

kr_status kr_attractors_find(kr_context *ctx, const kr_problem *problem, int starts, kr_stream stream,
                             kr_attractors *found) {
    kr_status status = KR_OK;
    size_t d = (size_t)problem->dim;
    double *x = NULL, *work = NULL, *matrix = NULL, side = 0;
    int undefined = 0; /* a start that led to where the drift is none */
    *found = (kr_attractors){.dim = problem->dim};
    for (size_t i = 0; i < d; i++) {
        if (!isfinite(problem->low[i]) || !isfinite(problem->high[i]))
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "the problem has no box in dimension %zu; give low and high", i + 1);
        side = fmax(side, problem->high[i] - problem->low[i]);
    }
    KR_NEW(ctx, found->x, (size_t)starts * d);
    KR_NEW(ctx, found->hessian, (size_t)starts * d * d);
    KR_NEW(ctx, x, d);
    KR_NEW(ctx, work, 5 * d);
    KR_NEW(ctx, matrix, d * d);
    for (int s = 0; s < starts; s++) {
        int good;
        for (size_t i = 0; i < d; i++)
            x[i] = problem->low[i] +
                   (problem->high[i] - problem->low[i]) * kr_random_uniform(stream, 0, (uint64_t)s, (uint64_t)i);
        /* Steps of a hundredth of the box at most. */
        for (int step = 0; step < 4000; step++) {
            double speed = 0;
            if (kr_problem_drift(ctx, problem, 1, x, work) < 0) break;
            for (size_t i = 0; i < d; i++) speed += work[i] * work[i];
            if (speed < 1e-20 * side * side) break;
            if (kr_flow_step(ctx, problem, fmin(0.02, 0.01 * side / sqrt(speed)), x, work) < 0) break;
        }
        status = polish(ctx, problem, x, matrix, work, &good);
        if (status == KR_ERR_NUMERIC) {
            undefined = 1;
            continue;
        }
        if (status < 0) goto done;
        if (!good || !is_new(found, x, side)) continue;
        if (kr_lyapunov_hessian(ctx, problem, x, found->hessian + (size_t)found->n * d * d) < 0) {
            kr_context_clear(ctx);
            continue;
        }
        memcpy(found->x + (size_t)found->n++ * d, x, d * sizeof *x);
    }
    /* The message of the last such start is the best there is to say when nothing was found. */
    status = undefined && !found->n ? KR_ERR_NUMERIC : KR_OK;
    if (undefined && found->n) kr_context_clear(ctx);
done:
    kr_free(x);
    kr_free(work);
    kr_free(matrix);
    if (status < 0) kr_attractors_free(found);
    return status;
}
