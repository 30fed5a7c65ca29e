/* Paths: storage, equal spacing, the string method.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "sampling/path.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

void kr_path_destroy(kr_path *path) {
    kr_free(path->x);
    kr_free(path->action);
    *path = (kr_path){0};
}

static double distance(int d, const double *a, const double *b) {
    double square = 0;
    for (int k = 0; k < d; k++) square += (a[k] - b[k]) * (a[k] - b[k]);
    return sqrt(square);
}

double kr_path_length(const kr_path *path) {
    double length = 0;
    for (int i = 1; i < path->n; i++)
        length += distance(path->dim, path->x + (long)(i - 1) * path->dim, path->x + (long)i * path->dim);
    return length;
}

/* n points at equal distances on the polygon through `from` [m][d] → to [n][d]. */
static void space_evenly(int d, int m, const double *from, int n, double *to) {
    double length = 0, walked = 0;
    int s = 0;
    for (int i = 1; i < m; i++) length += distance(d, from + (long)(i - 1) * d, from + (long)i * d);
    for (int i = 0; i < n; i++) {
        double target = length * i / (n - 1), part = 0;
        for (; s < m - 1; s++) {
            part = distance(d, from + (long)s * d, from + (long)(s + 1) * d);
            if (walked + part >= target || s == m - 2) break;
            walked += part;
        }
        double t = part > 0 ? fmin(1, (target - walked) / part) : 0;
        for (int k = 0; k < d; k++)
            to[(long)i * d + k] = (1 - t) * from[(long)s * d + k] + t * from[(long)(s + 1) * d + k];
    }
    memcpy(to + (long)(n - 1) * d, from + (long)(m - 1) * d, (size_t)d * sizeof *to);
}

kr_status kr_path_line(kr_context *ctx, int dim, int npoints, const double *points, int n, kr_path *path) {
    kr_status status = KR_OK;
    *path = (kr_path){.n = n, .dim = dim};
    if (npoints < 2 || n < 2) KR_FAIL(ctx, KR_ERR_ARGUMENT, "a path of %d images through %d points", n, npoints);
    KR_NEW(ctx, path->x, (size_t)n * (size_t)dim);
    KR_NEW(ctx, path->action, (size_t)n);
    space_evenly(dim, npoints, points, n, path->x);
done:
    if (status != KR_OK) kr_path_destroy(path);
    return status;
}

kr_status kr_path_resample(kr_context *ctx, int n, kr_path *path) {
    kr_status status = KR_OK;
    kr_path finer = {0};
    KR_TRY(kr_path_line(ctx, path->dim, path->n, path->x, n, &finer));
    kr_path_destroy(path);
    *path = finer;
done:
    return status;
}

/* Largest curvature of V at the images, by comparing gradients a little apart: what limits the step. */
static kr_status stiffness(kr_context *ctx, const kr_problem *p, const kr_path *path, double *scratch,
                           double *largest) {
    kr_status status = KR_OK;
    int d = path->dim;
    double *g0 = scratch, *g1 = g0 + d, *x = g1 + d, *v = x + d;
    *largest = 0;
    for (int i = 0; i<path->n; i += path->n> 16 ? path->n / 16 : 1) {
        const double *at = path->x + (long)i * d;
        for (int k = 0; k < d; k++) v[k] = 1 / sqrt(d) * (k % 2 ? -1 : 1);
        KR_TRY(kr_problem_potential(ctx, p, 1, at, NULL, g0));
        for (int power = 0; power < 12; power++) {
            double norm = 0;
            for (int k = 0; k < d; k++) x[k] = at[k] + 1e-5 * v[k];
            KR_TRY(kr_problem_potential(ctx, p, 1, x, NULL, g1));
            for (int k = 0; k < d; k++) {
                v[k] = (g1[k] - g0[k]) / 1e-5;
                norm += v[k] * v[k];
            }
            norm = sqrt(norm);
            *largest = fmax(*largest, norm);
            for (int k = 0; k < d; k++) v[k] = norm > 0 ? v[k] / norm : 0;
        }
    }
done:
    return status;
}

kr_status kr_path_string(kr_context *ctx, const kr_problem *p, int images, int rounds, int free_ends, kr_path *path) {
    kr_status status = KR_OK;
    double *old = NULL, *gradient = NULL, *scratch = NULL, stiff = 0, moved = INFINITY;
    int d = path->dim, round;
    KR_TRY(kr_path_resample(ctx, images, path));
    size_t size = (size_t)images * (size_t)d;
    KR_NEW(ctx, old, size);
    KR_NEW(ctx, gradient, size);
    KR_NEW(ctx, scratch, 4 * (size_t)d);
    for (round = 0; round < rounds && moved > 1e-6; round++) {
        if (round % 20 == 0) KR_TRY(stiffness(ctx, p, path, scratch, &stiff));
        double step = 0.5 / fmax(stiff, 1e-12), length = kr_path_length(path);
        KR_TRY(kr_problem_potential(ctx, p, images, path->x, NULL, gradient));
        memcpy(old, path->x, size * sizeof *old);
        for (int i = free_ends ? 0 : 1; i < (free_ends ? images : images - 1); i++) {
            double norm = 0;
            for (int k = 0; k < d; k++) norm += gradient[(long)i * d + k] * gradient[(long)i * d + k];
            /* Never further than a tenth of the path: far from the valley the stiffness is not yet known. */
            double h = fmin(step, 0.1 * length / fmax(sqrt(norm), 1e-300));
            for (int k = 0; k < d; k++) path->x[(long)i * d + k] -= h * gradient[(long)i * d + k];
        }
        KR_TRY(kr_path_resample(ctx, images, path));
        moved = 0;
        for (size_t k = 0; k < size; k++) moved = fmax(moved, fabs(path->x[k] - old[k]) / (step * stiff * length));
    }
    KR_TRY(kr_problem_potential(ctx, p, images, path->x, path->action, NULL));
    if (moved > 1e-6) status = KR_NOT_CONVERGED;
done:
    kr_free(old);
    kr_free(gradient);
    kr_free(scratch);
    return status;
}
