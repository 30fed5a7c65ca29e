/* Errors of a learned committor against an independent reference: accept_committor KIND FOLDER PROBLEM
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * FOLDER: output of `kramers committor` with a network; PROBLEM: its problem object as JSON.
 * KIND mueller: the grid solution in two dimensions, which is that of any dimension; points uniform where
 * V < V_min + 130, other coordinates within 2 sigma. KIND spheres: quadrature of s^(1-d) e^(V/eps); points uniform in
 * the radius, any radii. Prints rmse, mae, relative_l2, transition_l2 (|q − 1/2| < 0.2). */
#include "../measure.h"
#include "sampling/committor_grid.h"
#include "sampling/committor_model.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 20000 };

static kr_context *ctx;

/* The network of a run: mean of its members. */
static void network_values(const char *folder, const kr_problem *problem, const double *x, double *q) {
    kr_committor_model model;
    must(ctx, kr_committor_model_load(ctx, problem, folder, &model), folder);
    must(ctx, kr_committor_model_evaluate(ctx, &model, -1, POINTS, x, q, NULL), "values");
    kr_committor_model_free(&model);
}

static double uniform(int i, int k) { return kr_random_uniform((kr_stream){99, 99}, (uint64_t)i, (uint64_t)k, 0); }

static void mueller_points(const kr_problem *problem, double *x, double *exact) {
    kr_problem *plane = NULL;
    kr_grid_committor r;
    char json[128];
    snprintf(json, sizeof json, "{\"kind\":\"%s\",\"epsilon\":%.17g}", problem->kind->name, problem->epsilon);
    must(ctx, kr_problem_parse(ctx, json, &plane), json);
    must(ctx, kr_grid_committor_solve(ctx, plane, &(kr_grid_options){.spacing = {0.01, 0.01}}, &r), "grid");
    printf("nu_grid %.9g\nk_grid %.9g\n", r.nu, r.k_ab);
    for (int i = 0, n = 0; n < POINTS; i++) {
        double at[2], v, *to = x + (size_t)n * (size_t)problem->dim;
        for (int k = 0; k < 2; k++) at[k] = plane->low[k] + (plane->high[k] - plane->low[k]) * uniform(i, k);
        must(ctx, kr_problem_potential(ctx, plane, 1, at, &v, NULL), "potential");
        if (v > -146.7 + 130) continue;
        to[0] = at[0];
        to[1] = at[1];
        for (int k = 2; k < problem->dim; k++) to[k] = 0.05 * sqrt(problem->epsilon) * 2 * (2 * uniform(i, k) - 1);
        exact[n++] = kr_grid_interpolate(&r.grid, r.q, at);
    }
    kr_grid_committor_free(&r);
    kr_problem_destroy(&plane);
}

static double number(const kr_problem *problem, const char *key) { return kr_tree_get(problem->complete, key)->real; }

/* ∫ s^(1−d) e^(V(s)/ε) ds by Simpson's rule. */
static double radial(const kr_problem *problem, double stiffness, double from, double to) {
    enum { N = 2000 };
    double sum = 0;
    for (int i = 0; i <= N; i++) {
        double s = from + (to - from) * i / N;
        double f = pow(s, 1 - problem->dim) * exp(0.5 * stiffness * (s * s - 4) / problem->epsilon);
        sum += f * (i == 0 || i == N ? 1 : i % 2 ? 4 : 2);
    }
    return sum * (to - from) / (3 * N);
}

static void spheres_points(const kr_problem *problem, double stiffness, double *x, double *exact) {
    double inner = number(problem, "inner"), outer = number(problem, "outer");
    double whole = radial(problem, stiffness, inner, outer);
    for (int i = 0; i < POINTS; i++) {
        double norm = 0, *to = x + (size_t)i * (size_t)problem->dim, r = inner + (outer - inner) * uniform(i, 0);
        double normal[4];
        for (int k = 0; k < problem->dim; k++) {
            kr_random_normal((kr_stream){98, 98}, (uint64_t)i, (uint64_t)k, 0, normal);
            to[k] = normal[0];
            norm += normal[0] * normal[0];
        }
        for (int k = 0; k < problem->dim; k++) to[k] *= r / sqrt(norm);
        exact[i] = radial(problem, stiffness, inner, r) / whole;
    }
}

int main(int argc, char **argv) {
    kr_problem *problem = NULL;
    if (argc < 4) {
        fprintf(stderr, "usage: accept_committor mueller|spheres FOLDER PROBLEM\n");
        return 2;
    }
    if (kr_context_create(&ctx) != KR_OK) return 1;
    must(ctx, kr_problem_parse(ctx, argv[3], &problem), "problem");
    double *x = must_allocate((size_t)POINTS * (size_t)problem->dim, sizeof *x);
    double *q = must_allocate(POINTS, sizeof *q), *exact = must_allocate(POINTS, sizeof *exact);
    if (!strcmp(argv[1], "mueller")) {
        mueller_points(problem, x, exact);
    } else {
        spheres_points(problem, number(problem, "stiffness"), x, exact);
    }
    network_values(argv[2], problem, x, q);
    double square = 0, size = 0, narrow = 0, narrow_size = 0, sum = 0;
    for (int i = 0; i < POINTS; i++) {
        const double *at = x + (size_t)i * (size_t)problem->dim;
        double value = kr_region_level(problem->a, at, NULL) <= 0   ? 0
                       : kr_region_level(problem->b, at, NULL) <= 0 ? 1
                                                                    : q[i];
        double e = value - exact[i];
        square += e * e;
        size += exact[i] * exact[i];
        sum += fabs(e);
        if (fabs(exact[i] - 0.5) < 0.2) {
            narrow += e * e;
            narrow_size += exact[i] * exact[i];
        }
    }
    printf("rmse %.6g\nmae %.6g\nrelative_l2 %.6g\ntransition_l2 %.6g\n", sqrt(square / POINTS), sum / POINTS,
           sqrt(square / size), sqrt(narrow / narrow_size));
    free(x);
    free(q);
    free(exact);
    kr_problem_destroy(&problem);
    kr_context_destroy(&ctx);
    return 0;
}
