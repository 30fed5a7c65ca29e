/* Problems: registry, reading, and the row-wise functions that dispatch to kinds.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/problem.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/suggest.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define KR_PROBLEM_KIND(name) extern const kr_problem_kind kr_problem_##name;
#include "sampling/problem_kinds.def"
#undef KR_PROBLEM_KIND

static const kr_problem_kind *const kinds[] = {
#define KR_PROBLEM_KIND(name) &kr_problem_##name,
#include "sampling/problem_kinds.def"
#undef KR_PROBLEM_KIND
    NULL};
enum { NKINDS = (int)(sizeof kinds / sizeof *kinds) - 1 };

int kr_problem_count(void) { return NKINDS; }

const kr_problem_kind *kr_problem_at(int index) { return index >= 0 && index < NKINDS ? kinds[index] : NULL; }

const kr_problem_kind *kr_problem_find(const char *name) {
    for (int k = 0; k < NKINDS; k++)
        if (!strcmp(kinds[k]->name, name)) return kinds[k];
    return NULL;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

int kr_problem_has_potential(const kr_problem *p) { return p->kind->potential && !p->no_potential; }

/* Component k at x [d]. */
static kr_status not_finite(kr_context *ctx, const kr_problem *p, const char *what, int k, int d, const double *x) {
    char text[256];
    int n = 0;
    const char *place = !p->nplaces ? p->place : p->places[k < p->nplaces ? k : p->nplaces - 1];
    for (int i = 0; i < d && i < 6; i++) n += snprintf(text + n, sizeof text - (size_t)n, i ? ", %.9g" : "%.9g", x[i]);
    return KR_ERROR(ctx, KR_ERR_NUMERIC, "%s: %s of problem '%s' is not finite at (%s%s)%s", p->where, what,
                    p->kind->name, text, d > 6 ? ", ..." : "", place);
}

/* 0·v is 0 or, if v is not finite, NaN; four sums, so that no addition waits for the one before. */
static int all_finite(long n, const double *value) {
    double sum[4] = {0};
    long k = 0;
    for (; k + 4 <= n; k += 4)
        for (int i = 0; i < 4; i++) sum[i] += 0 * value[k + i];
    for (; k < n; k++) sum[0] += 0 * value[k];
    return sum[0] + sum[1] + sum[2] + sum[3] == 0;
}

static kr_status check_finite(kr_context *ctx, const kr_problem *p, const char *what, int n, int d, const double *x,
                              int width, const double *value) {
    if (all_finite((long)n * width, value)) return KR_OK;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < width; k++)
            if (!isfinite(value[(long)i * width + k])) return not_finite(ctx, p, what, k, d, x + (long)i * d);
    return KR_OK;
}

kr_status kr_problem_potential(kr_context *ctx, const kr_problem *p, int n, const double *x, double *v, double *grad) {
    kr_status status = KR_OK;
    if (!kr_problem_has_potential(p))
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "problem '%s' has no potential: its drift is no gradient",
                        p->kind->name);
    KR_TRY(p->kind->potential(ctx, p, n, x, v, grad));
    if (v) KR_TRY(check_finite(ctx, p, "the potential", n, p->positions, x, 1, v));
    if (grad) KR_TRY(check_finite(ctx, p, "the gradient", n, p->positions, x, p->positions, grad));
done:
    return status;
}

kr_status kr_problem_energy(kr_context *ctx, const kr_problem *p, int n, const double *x, double *h, double *grad) {
    kr_status status = KR_OK;
    if (p->dynamics != KR_UNDERDAMPED) return kr_problem_potential(ctx, p, n, x, h, grad);
    int m = p->positions;
    for (int i = 0; i < n; i++) {
        const double *row = x + (long)i * p->dim;
        double *g = grad ? grad + (long)i * p->dim : NULL;
        KR_TRY(kr_problem_potential(ctx, p, 1, row, h ? h + i : NULL, g));
        for (int k = 0; k < m; k++) {
            double velocity = row[m + k] / (p->mass ? p->mass[k] : 1);
            if (h) h[i] += 0.5 * row[m + k] * velocity;
            if (g) g[m + k] = velocity;
        }
    }
done:
    return status;
}

static kr_status drift_rows(kr_context *ctx, const kr_problem *p, int n, const double *x, double *f) {
    kr_status status = KR_OK;
    int d = p->dim, m = p->positions;
    if (p->kind->drift && p->dynamics != KR_UNDERDAMPED) return p->kind->drift(ctx, p, n, x, f);
    if (p->dynamics == KR_UNDERDAMPED) {
        for (int i = 0; i < n; i++) {
            const double *q = x + (long)i * d, *momentum = q + m;
            double *row = f + (long)i * d;
            KR_TRY(p->kind->potential(ctx, p, 1, q, NULL, row + m));
            for (int k = 0; k < m; k++) {
                row[k] = momentum[k] / (p->mass ? p->mass[k] : 1);
                row[m + k] = -row[m + k] - p->gamma * momentum[k];
            }
        }
        return KR_OK;
    }
    KR_TRY(p->kind->potential(ctx, p, n, x, NULL, f));
    for (long k = 0; k < (long)n * d; k++) f[k] = -f[k];
    for (int i = 0; p->mobility && i < n; i++)
        for (int k = 0; k < d; k++) f[(long)i * d + k] *= p->mobility[k];
done:
    return status;
}

kr_status kr_problem_drift(kr_context *ctx, const kr_problem *p, int n, const double *x, double *f) {
    kr_status status = KR_OK;
    if (!p->kind->drift && !kr_problem_has_potential(p))
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "problem '%s' has neither drift nor potential", p->kind->name);
    KR_TRY(drift_rows(ctx, p, n, x, f));
    KR_TRY(check_finite(ctx, p, "the drift", n, p->dim, x, p->dim, f));
done:
    return status;
}

/* Step of a central difference: cube root of the machine precision, in units of the coordinate. */
static double step_at(double x) { return 6e-6 * fmax(1, fabs(x)); }

kr_status kr_problem_jacobian(kr_context *ctx, const kr_problem *p, const double *x, double *jacobian) {
    kr_status status = KR_OK;
    int d = p->dim;
    if (p->kind->jacobian && p->dynamics != KR_UNDERDAMPED) {
        p->kind->jacobian(p, x, jacobian);
        return check_finite(ctx, p, "the Jacobian", 1, d, x, d * d, jacobian);
    }
    double *at = NULL, *plus, *minus;
    KR_NEW(ctx, at, 3 * (size_t)d);
    plus = at + d;
    minus = plus + d;
    memcpy(at, x, (size_t)d * sizeof *at);
    for (int j = 0; j < d; j++) {
        double h = step_at(x[j]);
        at[j] = x[j] + h;
        KR_TRY(kr_problem_drift(ctx, p, 1, at, plus));
        at[j] = x[j] - h;
        KR_TRY(kr_problem_drift(ctx, p, 1, at, minus));
        at[j] = x[j];
        for (int i = 0; i < d; i++) jacobian[i * d + j] = (plus[i] - minus[i]) / (2 * h);
    }
done:
    kr_free(at);
    return status;
}

kr_status kr_problem_hessian(kr_context *ctx, const kr_problem *p, const double *x, double *hessian) {
    kr_status status = KR_OK;
    int m = p->positions;
    double *at = NULL, *plus, *minus;
    KR_NEW(ctx, at, 3 * (size_t)m);
    plus = at + m;
    minus = plus + m;
    memcpy(at, x, (size_t)m * sizeof *at);
    for (int j = 0; j < m; j++) {
        double h = step_at(x[j]);
        at[j] = x[j] + h;
        KR_TRY(kr_problem_potential(ctx, p, 1, at, NULL, plus));
        at[j] = x[j] - h;
        KR_TRY(kr_problem_potential(ctx, p, 1, at, NULL, minus));
        at[j] = x[j];
        for (int i = 0; i < m; i++) hessian[i * m + j] = (plus[i] - minus[i]) / (2 * h);
    }
    for (int i = 0; i < m; i++)
        for (int j = 0; j < i; j++)
            hessian[i * m + j] = hessian[j * m + i] = 0.5 * (hessian[i * m + j] + hessian[j * m + i]);
done:
    kr_free(at);
    return status;
}

void kr_problem_wrap(const kr_problem *p, double *x) {
    for (int i = 0; p->wrap && i < p->dim; i++) {
        if (!p->wrap[i]) continue;
        double period = p->high[i] - p->low[i];
        x[i] -= period * floor((x[i] - p->low[i]) / period);
    }
}
