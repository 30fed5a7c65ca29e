/* Critical points of V: minima by descent, saddles by Newton steps that climb the lowest mode.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * In the eigenvectors e_i of the Hessian, g = Σ g_i e_i: the step −Σ g_i e_i/|λ_i| goes down in every mode; for a
 * saddle of index 1 its sign in the lowest mode is turned. Steps are cut to a trust radius, which is what keeps them
 * from jumping away where a curvature is small. */
#include "core/error.h"
#include "core/linalg.h"
#include "core/memory.h"
#include "sampling/path.h"
#include <math.h>
#include <string.h>

void kr_critical_destroy(kr_critical *critical) {
    kr_free(critical->x);
    kr_free(critical->eigenvalue);
    *critical = (kr_critical){0};
}

/* Scale of the problem for trust radii: the box, or 1 where it is open. */
static double extent(const kr_problem *p) {
    double most = 0;
    for (int k = 0; k < p->positions; k++)
        if (isfinite(p->high[k] - p->low[k])) most = fmax(most, p->high[k] - p->low[k]);
    return most > 0 ? most : 1;
}

/* Newton steps in eigenmodes; climb = 1: uphill along the lowest mode. */
static kr_status newton(kr_context *ctx, const kr_problem *p, int climb, kr_critical *c) {
    kr_status status = KR_OK;
    int d = p->positions, converged = 0;
    double *hessian = NULL, *gradient = NULL, radius = 0.01 * extent(p), *step;
    KR_NEW(ctx, hessian, (size_t)d * (size_t)d);
    KR_NEW(ctx, gradient, 2 * (size_t)d);
    step = gradient + d;
    for (int round = 0; round < 500 && !converged; round++) {
        double largest = 0, norm = 0;
        KR_TRY(kr_problem_potential(ctx, p, 1, c->x, &c->v, gradient));
        KR_TRY(kr_problem_hessian(ctx, p, c->x, hessian));
        KR_TRY(kr_eigen_symmetric(ctx, d, hessian, c->eigenvalue));
        for (int i = 0; i < d; i++) largest = fmax(largest, fabs(c->eigenvalue[i]));
        memset(step, 0, (size_t)d * sizeof *step);
        for (int i = 0; i < d; i++) {
            double along = 0, curvature = fmax(fabs(c->eigenvalue[i]), 1e-10 * largest);
            for (int k = 0; k < d; k++) along += gradient[k] * hessian[(long)k * d + i];
            double move = (climb && i == 0 ? along : -along) / curvature;
            for (int k = 0; k < d; k++) step[k] += move * hessian[(long)k * d + i];
        }
        for (int k = 0; k < d; k++) norm += step[k] * step[k];
        norm = sqrt(norm);
        /* The Hessian is one of differences: 1e-9 of the extent is what Newton can do. */
        converged = norm < 1e-10 * extent(p);
        for (int k = 0; k < d; k++) c->x[k] += step[k] * fmin(1, radius / fmax(norm, 1e-300));
    }
    c->index = 0;
    for (int i = 0; i < d; i++) c->index += c->eigenvalue[i] < 0;
    status = converged && c->index == climb ? KR_OK : KR_NOT_CONVERGED;
done:
    kr_free(hessian);
    kr_free(gradient);
    return status;
}

static kr_status begin(kr_context *ctx, const kr_problem *p, const double *x, kr_critical *c) {
    kr_status status = KR_OK;
    size_t d = (size_t)p->positions;
    *c = (kr_critical){0};
    if (!kr_problem_has_potential(p))
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "critical points of '%s' need a potential", p->kind->name);
    KR_NEW(ctx, c->x, d);
    KR_NEW(ctx, c->eigenvalue, d);
    memcpy(c->x, x, d * sizeof *x);
done:
    return status;
}

kr_status kr_critical_minimum(kr_context *ctx, const kr_problem *p, const double *x, kr_critical *minimum) {
    kr_status status = begin(ctx, p, x, minimum);
    if (status == KR_OK) status = newton(ctx, p, 0, minimum);
    if (status < 0) kr_critical_destroy(minimum);
    return status;
}

kr_status kr_critical_saddle(kr_context *ctx, const kr_problem *p, const double *x, kr_critical *saddle) {
    kr_status status = begin(ctx, p, x, saddle);
    if (status == KR_OK) status = newton(ctx, p, 1, saddle);
    if (status < 0) kr_critical_destroy(saddle);
    return status;
}
