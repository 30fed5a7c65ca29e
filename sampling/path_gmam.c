/* Geometric minimum action paths: the discretised action is minimised directly.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   V = ½ Σ_i (|f(m_i)| |Δ_i| − f(m_i)·Δ_i),   m_i = (x_i + x_{i+1})/2, Δ_i = x_{i+1} − x_i, norms with a⁻¹
 * is of second order in the spacing. It does not know where along the curve the images are; a term
 *   w (N Σ|Δ_i|²/L² − 1), L = Σ|Δ_i|,
 * which is 0 exactly when they are equally far apart, keeps them so. L-BFGS on 25, 50, 100 … images, each level
 * starting from the one before: the path is found cheaply, the fine levels only polish it. Two levels give the
 * extrapolation (4 V_2N − V_N)/3. Source of the functional: Heymann, Vanden-Eijnden, Comm. Pure Appl. Math. 61, 1052
 * (2008). */
#include "core/error.h"
#include "core/memory.h"
#include "core/optimizer.h"
#include "sampling/path.h"
#include <math.h>
#include <string.h>

typedef struct job {
    const kr_problem *p;
    int n, d;
    double weight;         /* w */
    double *inverse;       /* [d] 1/a */
    double *middle, *f;    /* [n−1][d] */
    double *jacobian;      /* [d][d] */
    double *whole, *slope; /* [n][d] the path with its ends, the gradient */
    double *term;          /* [n−1] */
} job;

/* Action of segment i; its derivatives with respect to middle and difference are added to dm, dd [d] (or NULL). */
static kr_status segment(kr_context *ctx, job *j, const double *x, int i, double *dm, double *dd, double *value) {
    kr_status status = KR_OK;
    int d = j->d;
    const double *a = x + (long)i * d, *b = a + d, *f = j->f + (long)i * d;
    double ff = 1e-300, dx = 1e-300, product = 0;
    for (int k = 0; k < d; k++) {
        double w = j->inverse[k], delta = b[k] - a[k];
        ff += w * f[k] * f[k];
        dx += w * delta * delta;
        product += w * f[k] * delta;
    }
    ff = sqrt(ff);
    dx = sqrt(dx);
    *value = 0.5 * (ff * dx - product);
    if (!dm) return KR_OK;
    KR_TRY(kr_problem_jacobian(ctx, j->p, j->middle + (long)i * d, j->jacobian));
    for (int k = 0; k < d; k++) {
        double w = j->inverse[k], delta = b[k] - a[k], along = 0.5 * w * (dx / ff * f[k] - delta);
        dd[k] = 0.5 * w * (ff / dx * delta - f[k]);
        for (int c = 0; c < d; c++) dm[c] += along * j->jacobian[k * d + c];
    }
done:
    return status;
}

/* The spacing term; adds to gradient [n][d]. */
static double spacing(const job *j, const double *x, double *gradient) {
    int d = j->d, m = j->n - 1;
    double length = 0, squares = 0;
    for (int i = 0; i < m; i++) {
        double square = 0;
        for (int k = 0; k < d; k++) {
            double delta = x[(long)(i + 1) * d + k] - x[(long)i * d + k];
            square += delta * delta;
        }
        j->term[i] = sqrt(square);
        length += j->term[i];
        squares += square;
    }
    for (int i = 0; gradient && i < m; i++) {
        /* ∂/∂Δ_i of m Σ|Δ|²/L² */
        double c = j->weight * 2 * m / (length * length) * (1 - squares / length / fmax(j->term[i], 1e-300));
        for (int k = 0; k < d; k++) {
            double delta = x[(long)(i + 1) * d + k] - x[(long)i * d + k];
            gradient[(long)i * d + k] -= c * delta;
            gradient[(long)(i + 1) * d + k] += c * delta;
        }
    }
    return j->weight * (m * squares / (length * length) - 1);
}

static kr_status evaluate(kr_context *ctx, void *payload, const double *x, double *loss, double *gradient) {
    kr_status status = KR_OK;
    job *j = payload;
    int d = j->d, m = j->n - 1;
    double *dm = j->jacobian + (long)d * d, *dd = dm + d;
    for (long k = 0; k < (long)m * d; k++) j->middle[k] = 0.5 * (x[k] + x[k + d]);
    KR_TRY(kr_problem_drift(ctx, j->p, m, j->middle, j->f));
    if (gradient) memset(gradient, 0, (size_t)j->n * (size_t)d * sizeof *gradient);
    *loss = 0;
    for (int i = 0; i < m; i++) {
        double value;
        memset(dm, 0, 2 * (size_t)d * sizeof *dm);
        KR_TRY(segment(ctx, j, x, i, gradient ? dm : NULL, dd, &value));
        *loss += value;
        for (int k = 0; gradient && k < d; k++) {
            gradient[(long)i * d + k] += 0.5 * dm[k] - dd[k];
            gradient[(long)(i + 1) * d + k] += 0.5 * dm[k] + dd[k];
        }
    }
    *loss += spacing(j, x, gradient);
done:
    return status;
}

/* The same for the images between the ends, which is what moves. */
static kr_status evaluate_inner(kr_context *ctx, void *payload, const double *inner, double *loss, double *gradient) {
    kr_status status = KR_OK;
    job *j = payload;
    size_t bytes = (size_t)(j->n - 2) * (size_t)j->d * sizeof *inner;
    memcpy(j->whole + j->d, inner, bytes);
    KR_TRY(evaluate(ctx, j, j->whole, loss, gradient ? j->slope : NULL));
    if (gradient) memcpy(gradient, j->slope + j->d, bytes);
done:
    return status;
}

static void free_job(job *j) {
    kr_free(j->whole);
    kr_free(j->slope);
    kr_free(j->inverse);
    kr_free(j->middle);
    kr_free(j->f);
    kr_free(j->jacobian);
    kr_free(j->term);
}

static kr_status make_job(kr_context *ctx, const kr_problem *p, const kr_path *path, job *j) {
    kr_status status = KR_OK;
    size_t d = (size_t)path->dim, n = (size_t)path->n;
    *j = (job){.p = p, .n = path->n, .d = path->dim};
    KR_NEW(ctx, j->inverse, d);
    KR_NEW(ctx, j->middle, n * d);
    KR_NEW(ctx, j->f, n * d);
    KR_NEW(ctx, j->jacobian, d * d + 2 * d);
    KR_NEW(ctx, j->term, n);
    KR_NEW(ctx, j->whole, n * d);
    KR_NEW(ctx, j->slope, n * d);
    memcpy(j->whole, path->x, n * d * sizeof(double));
    for (size_t k = 0; k < d; k++) j->inverse[k] = p->mobility ? 1 / p->mobility[k] : 1;
done:
    return status;
}

/* Minimises on the grid of `path`; *action is V without the spacing term. */
static kr_status minimise(kr_context *ctx, const kr_problem *p, const kr_gmam_options *o, kr_path *path,
                          double *action) {
    kr_status status = KR_OK;
    job j = {0};
    kr_optimizer *optimizer = NULL;
    int d = path->dim, n = path->n, converged = 0;
    double loss = INFINITY, before = INFINITY;
    KR_TRY(make_job(ctx, p, path, &j));
    KR_TRY(evaluate(ctx, &j, path->x, &loss, NULL));
    j.weight = fmax(0.2 * loss, 1e-12);
    KR_TRY(kr_optimizer_create(ctx, kr_optimizer_find("lbfgs"), NULL, (size_t)(n - 2) * (size_t)d, 0, NULL, NULL,
                               &optimizer));
    kr_objective objective = {.payload = &j, .evaluate = evaluate_inner, .unchanged = 1};
    for (int s = 0; s < o->rounds && !converged; s++) {
        KR_TRY(kr_optimizer_step(ctx, optimizer, s, 1, &objective, path->x + d, &loss));
        converged = status == KR_NOT_CONVERGED;
        if (s % 20 != 19) continue;
        converged = converged || fabs(before - loss) <= o->tolerance * fabs(loss);
        before = loss;
    }
    j.weight = 0;
    KR_TRY(evaluate(ctx, &j, path->x, action, NULL));
    for (int i = 0; i + 1 < n; i++) {
        double value;
        KR_TRY(segment(ctx, &j, path->x, i, NULL, NULL, &value));
        path->action[i + 1] = path->action[i] + value;
    }
    status = converged ? KR_OK : KR_NOT_CONVERGED;
done:
    free_job(&j);
    kr_optimizer_destroy(&optimizer);
    return status;
}

kr_status kr_path_gmam(kr_context *ctx, const kr_problem *p, const kr_gmam_options *options, kr_path *path,
                       double *action, double *error) {
    kr_status status = KR_OK, last = KR_OK;
    static const kr_gmam_options defaults = KR_GMAM_OPTIONS_INIT;
    const kr_gmam_options *o = options ? options : &defaults;
    double previous = NAN;
    int levels = 0;
    for (int k = 0; k < p->dim; k++)
        if (p->mobility && !(p->mobility[k] > 0))
            KR_FAIL(ctx, KR_ERR_UNSUPPORTED, "minimum action paths need noise on every coordinate, x%d has none",
                    k + 1);
    while ((o->images - 1) >> (levels + 1) >= 24) levels++;
    *action = *error = NAN;
    for (int level = levels; level >= 0; level--) {
        int n = ((o->images - 1) >> level) + 1;
        KR_TRY(kr_path_resample(ctx, n, path));
        previous = *action;
        last = minimise(ctx, p, o, path, action);
        if (last < 0) return last;
        status = kr_progress(ctx, "images", n, o->images);
        if (status != KR_OK) return status;
    }
    *error = fabs(*action - previous);
    if (levels) *action += (*action - previous) / 3;
    return last;
done:
    return status;
}
