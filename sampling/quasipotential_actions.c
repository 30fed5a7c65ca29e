/* Actions of paths: what V is against, where the network alone would say that it is right.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The optimal path to x followed backwards, ẋ = −(f + 2 a ∇V), falls with V and ends at an attractor. The action of a
 * path (sampling/path.h) is at least V of its end; with the equation for V satisfied V is at most the action of any
 * path. So a V that equals the actions along its own paths is the quasipotential, and another solution of the equation
 * has paths that end elsewhere. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/path.h"
#include "sampling/quasipotential.h"
#include <math.h>
#include <string.h>

typedef struct follower {
    const kr_quasi_net *model;
    const double *theta;
    const kr_attractors *attractors;
    double *x, *ahead;          /* [n][d] of the paths that still move: now, after a step of Euler */
    double *velocity, *second;  /* [n][d] there */
    double *f, *f_ahead, *grad; /* [n][d] */
    int *which;                 /* [n] the point a path came from */
    int n;
} follower;

static double side(const kr_problem *p, int k) { return p->high[k] - p->low[k]; }

/* −(f + 2a∇V) at n points; f [n][d] is kept. */
static kr_status velocities(kr_context *ctx, follower *w, const double *x, double *f, double *velocity) {
    kr_status status = KR_OK;
    const kr_problem *p = w->model->problem;
    int d = p->dim;
    KR_TRY(kr_problem_drift(ctx, p, w->n, x, f));
    KR_TRY(kr_quasi_net_evaluate(ctx, w->model, w->theta, w->n, x, NULL, w->grad));
    for (int i = 0; i < w->n * d; i++) velocity[i] = -(f[i] + 2 * (p->mobility ? p->mobility[i % d] : 1) * w->grad[i]);
done:
    return status;
}

/* The time in which path i moves by a hundredth of the box. */
static double stride(const follower *w, int i) {
    const kr_problem *p = w->model->problem;
    double speed = 0;
    for (int k = 0; k < p->dim; k++) speed += pow(w->velocity[i * p->dim + k] / side(p, k), 2);
    return 0.01 / sqrt(fmax(speed, 1e-300));
}

/* Action of the piece that path i has just gone backwards, to `end`. */
static double piece(const follower *w, int i, const double *end) {
    const kr_problem *p = w->model->problem;
    double ff = 0, dd = 0, fd = 0;
    for (int k = 0; k < p->dim; k++) {
        long at = (long)i * p->dim + k;
        double inverse = p->mobility ? 1 / p->mobility[k] : 1, delta = w->x[at] - end[k];
        double f = 0.5 * (w->f[at] + w->f_ahead[at]);
        ff += inverse * f * f;
        dd += inverse * delta * delta;
        fd += inverse * f * delta;
    }
    return 0.5 * (sqrt(ff * dd) - fd);
}

/* The attractor that x [d] is close to, by a twentieth of the box; −1: none. */
static int close_to(const follower *w, const double *x) {
    const kr_problem *p = w->model->problem;
    for (int a = 0; a < w->attractors->n; a++) {
        double far = 0;
        for (int k = 0; k < p->dim; k++)
            far = fmax(far, fabs(x[k] - w->attractors->x[(long)a * p->dim + k]) / side(p, k));
        if (far < 0.05) return a;
    }
    return -1;
}

static int outside(const kr_problem *p, double enlarge, const double *x) {
    for (int k = 0; k < p->dim; k++)
        if (!(fabs(x[k] - 0.5 * (p->low[k] + p->high[k])) <= 0.5 * enlarge * side(p, k))) return 1;
    return 0;
}

/* One step of Heun for all paths; those that have ended leave the list. */
static kr_status advance(kr_context *ctx, follower *w, double enlarge, int *home, double *ends, double *action) {
    kr_status status = KR_OK;
    int d = w->model->problem->dim, kept = 0;
    size_t row = (size_t)d * sizeof *ends;
    KR_TRY(velocities(ctx, w, w->x, w->f, w->velocity));
    for (int i = 0; i < w->n; i++)
        for (int k = i * d; k < (i + 1) * d; k++) w->ahead[k] = w->x[k] + stride(w, i) * w->velocity[k];
    KR_TRY(velocities(ctx, w, w->ahead, w->f_ahead, w->second));
    for (int i = 0; i < w->n; i++) {
        double *end = w->ahead + (long)i * d, h = stride(w, i);
        int from = w->which[i];
        for (int k = 0; k < d; k++)
            end[k] = w->x[i * d + k] + 0.5 * h * (w->velocity[i * d + k] + w->second[i * d + k]);
        action[from] += piece(w, i, end);
        home[from] = close_to(w, end);
        memcpy(ends + (long)from * d, end, row);
        if (home[from] >= 0 || outside(w->model->problem, enlarge, end)) continue;
        memmove(w->x + (long)kept * d, end, row); /* rows before i are free */
        w->which[kept++] = from;
    }
    w->n = kept;
done:
    return status;
}

kr_status kr_quasi_follow_back(kr_context *ctx, const kr_quasi_net *model, const double *theta,
                               const kr_attractors *attractors, double enlarge, int n, const double *x, int *home,
                               double *ends, double *action) {
    enum { STEPS = 4000 };
    kr_status status = KR_OK;
    size_t d = (size_t)model->dim, size = (size_t)n * d;
    follower w = {.model = model, .theta = theta, .attractors = attractors, .n = n};
    double **arrays[] = {&w.x, &w.ahead, &w.velocity, &w.second, &w.f, &w.f_ahead, &w.grad};
    enum { ARRAYS = sizeof arrays / sizeof *arrays };
    for (int i = 0; i < ARRAYS; i++) KR_NEW(ctx, *arrays[i], size);
    KR_NEW(ctx, w.which, (size_t)n);
    memcpy(w.x, x, size * sizeof *x);
    memcpy(ends, x, size * sizeof *x);
    for (int i = 0; i < n; i++) {
        w.which[i] = i;
        action[i] = 0;
        home[i] = -1;
    }
    for (int s = 0; s < STEPS && w.n; s++) KR_TRY(advance(ctx, &w, enlarge, home, ends, action));
done:
    for (int i = 0; i < ARRAYS; i++) kr_free(*arrays[i]);
    kr_free(w.which);
    return status;
}

/* In the middle of segments: ∇V = (λΔ − f)/2 with λ|Δ| = |f|, norms and gradient with a⁻¹. */
static kr_status momenta(kr_context *ctx, const kr_problem *problem, const kr_path *path, double *x, double *p) {
    kr_status status = KR_OK;
    int d = path->dim, n = path->n - 1;
    for (int i = 0; i < n * d; i++) x[i] = 0.5 * (path->x[i] + path->x[i + d]);
    KR_TRY(kr_problem_drift(ctx, problem, n, x, p));
    for (int i = 0; i < n; i++) {
        double ff = 0, dd = 0;
        for (int k = 0; k < d; k++) {
            double inverse = problem->mobility ? 1 / problem->mobility[k] : 1;
            ff += inverse * p[i * d + k] * p[i * d + k];
            dd += inverse * pow(path->x[(i + 1) * d + k] - path->x[i * d + k], 2);
        }
        for (int k = 0; k < d; k++) {
            double inverse = problem->mobility ? 1 / problem->mobility[k] : 1;
            double delta = path->x[(i + 1) * d + k] - path->x[i * d + k];
            p[i * d + k] = 0.5 * inverse * (sqrt(ff / fmax(dd, 1e-300)) * delta - p[i * d + k]);
        }
    }
done:
    return status;
}

kr_status kr_quasi_least_action(kr_context *ctx, const kr_problem *problem, int images, const double *from,
                                const double *to, double *v, double *x, double *p) {
    kr_status status = KR_OK;
    kr_path path = {0};
    double *ends = NULL, error;
    size_t row = (size_t)problem->dim * sizeof *ends;
    KR_NEW(ctx, ends, 2 * (size_t)problem->dim);
    memcpy(ends, from, row);
    memcpy(ends + problem->dim, to, row);
    KR_TRY(kr_path_line(ctx, problem->dim, 2, ends, 25, &path));
    /* The finest two of 400 images differ by about 1e-4 of V: 1e-7 is enough, and reached where 1e-9 is not. */
    status = kr_path_gmam(ctx, problem, &(kr_gmam_options){images, 4000, 1e-7}, &path, v, &error);
    if (status == KR_OK && error > 0.01 * fabs(*v))
        status = KR_NOT_CONVERGED; /* it winds within the images' distance */
    if (status == KR_OK && x) status = momenta(ctx, problem, &path, x, p);
    if (status != KR_ERR_NUMERIC && status != KR_ERR_UNSUPPORTED) goto done;
    kr_context_clear(ctx);
    status = KR_NOT_CONVERGED;
done:
    kr_path_destroy(&path);
    kr_free(ends);
    return status;
}
