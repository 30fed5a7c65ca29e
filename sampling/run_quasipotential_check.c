/* The command quasipotential with networks: the checks of what was trained.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The equation for V has collapsed solutions with a tiny loss; what tells is the Hessian at the attractors against the
 * Lyapunov solution, and away from them the actions of paths. They are computed always, and a run that fails one ends
 * "not validated". */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/run_quasipotential_network.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* |H − H_Lyapunov|/|H_Lyapunov| at each attractor, H by central differences of ∇V. */
static kr_status check_hessians(kr_context *ctx, kr_quasi_run *r, int *passed) {
    kr_status status = KR_OK;
    const kr_attractors *found = r->attractors;
    int d = found->dim;
    const kr_problem *p = r->run->problem;
    double *x = NULL, *grad = NULL, worst = 0;
    KR_NEW(ctx, x, (size_t)(2 * d * d));
    KR_NEW(ctx, grad, (size_t)(2 * d * d));
    for (int a = 0; a < found->n; a++) {
        double square = 0, norm = 0;
        for (int k = 0; k < 2 * d; k++) {
            memcpy(x + (size_t)(k * d), found->x + (size_t)(a * d), (size_t)d * sizeof *x);
            x[k * d + k / 2] += (k % 2 ? 1 : -1) * 1e-3 * (p->high[k / 2] - p->low[k / 2]);
        }
        KR_TRY(kr_quasi_net_evaluate(ctx, r->model, r->model->theta, 2 * d, x, NULL, grad));
        for (int i = 0; i < d; i++)
            for (int k = 0; k < d; k++) {
                double h = (grad[(2 * i + 1) * d + k] - grad[2 * i * d + k]) / (2e-3 * (p->high[i] - p->low[i]));
                double exact = found->hessian[(a * d + i) * d + k];
                square += (h - exact) * (h - exact);
                norm += exact * exact;
            }
        double error = sqrt(square / norm);
        worst = fmax(worst, error);
        KR_TRY(kr_run_line(ctx, r->run,
                           "Hessian at attractor %d against the Lyapunov solution: relative error %.4f  <= %g  %s",
                           a + 1, error, r->s->train.hessian, error <= r->s->train.hessian ? "pass" : "FAIL"));
    }
    *passed = worst <= r->s->train.hessian;
    KR_TRY(kr_run_set_real(ctx, r->run->results, "hessian_error", worst));
done:
    kr_free(x);
    kr_free(grad);
    return status;
}

/* The stationary equation at points that were not trained on: a batch of L-BFGS that is too small for the network
 * leaves a V that is right on it alone. */
static kr_status check_equation(kr_context *ctx, kr_quasi_run *r, int *passed) {
    kr_status status = KR_OK;
    enum { POINTS = 4000 };
    size_t n = (size_t)POINTS * (size_t)r->model->dim;
    double *x = NULL, *gradient = NULL, mean_f = 0, loss;
    KR_NEW(ctx, x, 2 * n);
    KR_NEW(ctx, gradient, r->model->nparams);
    kr_quasi_uniform_points(r, 0x9a6, 1, POINTS, x);
    KR_TRY(kr_problem_drift(ctx, r->run->problem, POINTS, x, x + n));
    for (size_t i = n; i < 2 * n; i++) mean_f += x[i] * x[i] / POINTS;
    KR_TRY(kr_quasi_net_residual(ctx, r->model, r->model->theta, 0, mean_f, POINTS, x, gradient, &loss));
    double error = sqrt(loss);
    int good = error <= r->s->train.gradient;
    if (!good) *passed = 0;
    KR_TRY(kr_run_line(ctx, r->run, "stationary equation at other points: relative error %.4f  <= %g  %s", error,
                       r->s->train.gradient, good ? "pass" : "FAIL"));
    KR_TRY(kr_run_set_real(ctx, r->run->results, "equation_error", error));
done:
    kr_free(x);
    kr_free(gradient);
    return status;
}

/* V against the density of a grid, or of walks: false currents, which the equation does not feel. */
static kr_status check_cells(kr_context *ctx, kr_quasi_run *r, int *passed) {
    kr_status status = KR_OK;
    const kr_problem *p = r->run->problem;
    double error, enlarge = 2 * r->s->train.enlarge - 1;
    char against[64] = "the density of a grid";
    long cells;
    if (p->dim > 3)
        return kr_run_line(ctx, r->run, "currents through the edges of the box: not checked, %d dimensions", p->dim);
    if (p->dim == 3) {
        /* Other walks, and half the time step, so that an error of the steps shows, too. */
        KR_TRY(kr_quasi_compare_walks(ctx, p, 0.5 * r->s->train.dt, r->s->train.walks, (kr_stream){r->run->seed, 0x9a8},
                                      kr_quasi_run_evaluate, r, &error, &cells));
        snprintf(against, sizeof against, "walks in %ld cells", cells);
    } else {
        KR_TRY(kr_quasi_compare_cells(ctx, p, enlarge, 20 * p->epsilon, kr_quasi_run_evaluate, r, &error));
    }
    int good = error <= r->s->train.cells;
    if (!good) *passed = 0;
    KR_TRY(kr_run_line(ctx, r->run, "V against %s: relative error %.4f  <= %g  %s", against, error, r->s->train.cells,
                       good ? "pass" : "FAIL"));
    KR_TRY(kr_run_set_real(ctx, r->run->results, "cells_error", error));
done:
    return status;
}

/* ∇V along characteristics that were not trained on, where the drift is known. Caustics fail it: there V has kinks. */
static kr_status check_gradients(kr_context *ctx, kr_quasi_run *r, int *passed) {
    kr_status status = KR_OK;
    enum { POINTS = 2000 };
    size_t d = (size_t)r->run->problem->dim;
    const double *mobility = r->run->problem->mobility;
    double *x = NULL, *f = NULL, *p = NULL, square = 0, norm = 0;
    KR_TRY(kr_quasi_make_characteristics(ctx, r, 0x9a5, POINTS, &x, &f));
    KR_NEW(ctx, p, POINTS * d);
    KR_TRY(kr_quasi_net_evaluate(ctx, r->model, r->model->theta, POINTS, x, NULL, p));
    for (size_t i = 0; i < POINTS * d; i++) {
        double exact = -f[i] / (mobility ? mobility[i % d] : 1);
        square += (p[i] - exact) * (p[i] - exact);
        norm += exact * exact;
    }
    double error = sqrt(square / norm);
    int good = error <= r->s->train.gradient;
    if (!good) *passed = 0;
    KR_TRY(kr_run_line(ctx, r->run, "gradient along other characteristics: relative error %.4f  <= %g  %s", error,
                       r->s->train.gradient, good ? "pass" : "FAIL"));
    KR_TRY(kr_run_set_real(ctx, r->run->results, "gradient_error", error));
done:
    kr_free(x);
    kr_free(f);
    kr_free(p);
    return status;
}

enum { BACK = 512, CLIMBS = 24, FROM = 4 }; /* points followed back; of those astray that are climbed to; attractors */

/* Is V(x) = v that of a least action from an attractor? Not where no path is found. */
static kr_status has_action(kr_context *ctx, const kr_quasi_run *r, const double *x, double v, int *yes) {
    kr_status status = KR_OK;
    const kr_attractors *found = r->attractors;
    double least = INFINITY;
    void *payload;
    kr_progress_fn progress = kr_context_get_progress(ctx, &payload);
    kr_context_set_progress(ctx, NULL, NULL); /* of all paths together, not of the images of each */
    *yes = 0;
    for (int a = 0; a < found->n && a < FROM && !*yes; a++) {
        const double *from = found->x + (long)a * found->dim;
        double there, action;
        KR_TRY(kr_quasi_run_evaluate(ctx, r, 1, from, &there));
        status = kr_quasi_least_action(ctx, r->run->problem, 50, from, x, &action, NULL, NULL);
        if (status < 0) goto done;
        if (status == KR_OK) least = fmin(least, there + action);
        *yes = fabs(v - least) <= r->s->train.gradient * (least - there);
    }
    status = KR_OK;
done:
    kr_context_set_progress(ctx, progress, payload);
    return status;
}

/* Adds to *wrong [points] those whose path led astray and whose V is not a least action: of some of them, and no more
 * than tell that V is wrong in too much of the box. */
static kr_status add_astray(kr_context *ctx, const kr_quasi_run *r, const double *x, const double *v, const int *home,
                            double *wrong) {
    kr_status status = KR_OK;
    enum { LEAST = 4 };
    int astray = 0, tested = 0, bad = 0, next = 0, yes;
    for (int i = 0; i < BACK; i++) astray += home[i] < 0;
    int wanted = astray < CLIMBS ? astray : CLIMBS;
    for (int i = 0; i < BACK && (tested < LEAST || *wrong + bad <= r->s->train.actions * BACK); i++) {
        if (home[i] >= 0 || next++ * wanted / astray < tested) continue;
        KR_TRY(has_action(ctx, r, x + (long)i * r->model->dim, v[i], &yes));
        tested++;
        bad += !yes;
        if (kr_progress(ctx, "paths against V", tested, wanted) != KR_OK)
            KR_FAIL(ctx, KR_CANCELLED, "stopped while V was compared with actions of paths");
    }
    if (tested) *wrong += (double)astray * bad / tested;
done:
    return status;
}

/* V over the whole box against the actions of paths: a solution of the equation that is another one in some corner has
 * the right gradients along characteristics that do not lead there. */
static kr_status check_actions(kr_context *ctx, kr_quasi_run *r, int *passed) {
    kr_status status = KR_OK;
    const kr_attractors *found = r->attractors;
    size_t d = (size_t)r->model->dim;
    double *x = NULL, *ends = NULL, *v = NULL, *action, *there, *at = NULL, lowest, highest = 0, wrong = 0;
    int *home = NULL;
    KR_NEW(ctx, x, BACK * d);
    KR_NEW(ctx, ends, BACK * d);
    KR_NEW(ctx, v, 3 * BACK);
    KR_NEW(ctx, home, BACK);
    KR_NEW(ctx, at, (size_t)found->n);
    action = v + BACK;
    there = action + BACK;
    kr_quasi_uniform_points(r, 0x9ac, 1, BACK, x);
    KR_TRY(
        kr_quasi_follow_back(ctx, r->model, r->model->theta, found, r->s->train.enlarge, BACK, x, home, ends, action));
    KR_TRY(kr_quasi_run_evaluate(ctx, r, BACK, x, v));
    KR_TRY(kr_quasi_run_evaluate(ctx, r, BACK, ends, there));
    KR_TRY(kr_quasi_run_evaluate(ctx, r, found->n, found->x, at));
    lowest = at[0];
    for (int a = 1; a < found->n; a++) lowest = fmin(lowest, at[a]);
    for (int i = 0; i < BACK; i++) highest = fmax(highest, v[i] - lowest);
    for (int i = 0; i < BACK; i++) {
        if (home[i] < 0) continue;
        double size = fmax(there[i] + action[i] - at[home[i]], 0.05 * highest);
        wrong += !(fabs(v[i] - there[i] - action[i]) <= r->s->train.gradient * size);
    }
    KR_TRY(add_astray(ctx, r, x, v, home, &wrong));
    double share = wrong / BACK;
    int good = share <= r->s->train.actions;
    if (!good) *passed = 0;
    KR_TRY(kr_run_line(ctx, r->run, "V against actions of paths: wrong by more than %g in %.4f of the box  <= %g  %s",
                       r->s->train.gradient, share, r->s->train.actions, good ? "pass" : "FAIL"));
    KR_TRY(kr_run_set_real(ctx, r->run->results, "actions_error", share));
done:
    kr_free(x);
    kr_free(ends);
    kr_free(v);
    kr_free(home);
    kr_free(at);
    return status;
}

kr_status kr_quasi_validate(kr_context *ctx, kr_quasi_run *r, int *passed) {
    kr_status status = KR_OK;
    KR_TRY(check_hessians(ctx, r, passed));
    if (r->s->train.loss == KR_QUASI_EPR) { /* another V at finite noise */
        KR_TRY(check_equation(ctx, r, passed));
        KR_TRY(check_cells(ctx, r, passed));
    } else {
        KR_TRY(check_gradients(ctx, r, passed));
        KR_TRY(check_actions(ctx, r, passed));
    }
    KR_TRY(kr_run_set_bool(ctx, r->run->results, "validated", *passed));
    KR_TRY(kr_run_line(ctx, r->run,
                       *passed
                           ? "validated"
                           : "NOT VALIDATED: V has the wrong slope, curvature or actions; a small loss with this is a "
                             "collapsed solution"));
done:
    return status;
}
