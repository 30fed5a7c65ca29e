/* The command committor on a grid; maps and points of any committor.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "core/npy.h"
#include "sampling/run_committor.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAP_POINTS = 200 };

static kr_status read_numbers(kr_context *ctx, const kr_tree *list, const char *key, int dim, double **values) {
    int n;
    kr_status status = kr_parameter_reals(ctx, list, &n, values);
    if (status == KR_OK && *values && n != dim)
        status = kr_parameter_fail(ctx, "grid", key, list, "%d numbers, the problem has %d dimensions", n, dim);
    return status;
}

static kr_status report(kr_context *ctx, kr_sampling *run, const kr_grid_committor *r) {
    kr_status status = KR_OK;
    const double value[] = {r->nu, r->k_ab, r->k_ba, r->rho_a, r->p_react, r->duration, r->mfpt, r->flux_a, r->flux_b};
    const char *const key[] = {"nu", "k_AB", "k_BA", "rho_A", "p_react", "path_duration", "mfpt", "flux_A", "flux_B"};
    const char *const text[] = {"nu (transitions A to B per time)",
                                "k_AB",
                                "k_BA",
                                "rho_A (last in A)",
                                "probability of being on a transition",
                                "mean length of a transition",
                                "mean first passage time from start to B",
                                "flux out of A",
                                "flux into B"};
    KR_TRY(
        kr_run_line(ctx, run, "grid of %ld nodes, %s", r->grid.count, r->reversible ? "reversible" : "general drift"));
    for (int i = 0; i < 9; i++) {
        if (!isfinite(value[i])) continue;
        KR_TRY(kr_run_line(ctx, run, "  %-44s %14.8g", text[i], value[i]));
        KR_TRY(kr_run_set_real(ctx, run->results, key[i], value[i]));
    }
    KR_TRY(kr_run_set_int(ctx, run->results, "nodes", r->grid.count));
done:
    return status;
}

static kr_status evaluate_grid(kr_context *ctx, const void *payload, long n, const double *x, double *q, double *grad) {
    const kr_grid_committor *r = payload;
    (void)ctx;
    (void)grad;
    for (long i = 0; i < n; i++) q[i] = kr_grid_interpolate(&r->grid, r->q, x + i * r->grid.dim);
    return KR_OK;
}

static kr_status write_fields(kr_context *ctx, kr_sampling *run, const kr_grid_committor *r) {
    kr_status status = KR_OK;
    const double *const field[] = {r->q, r->backward, r->mass};
    const char *const name[] = {"q.npy", "backward.npy", "mass.npy"};
    size_t shape[KR_GRID_MOST];
    for (int k = 0; k < r->grid.dim; k++) shape[k] = (size_t)r->grid.n[k];
    for (int f = 0; f < 3; f++) {
        char *path = kr_run_file(ctx, run, name[f]);
        if (!path) return KR_ERR_MEMORY;
        status = kr_npy_write(ctx, path, KR_FLOAT64, r->grid.dim, shape, field[f]);
        kr_free(path);
        if (status < 0) break;
    }
    return status;
}

kr_status kr_committor_run_grid(kr_context *ctx, kr_sampling *run) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    kr_grid_options o = {
        .general = s->g.general, .advection = (kr_advection)s->g.advection, .face = (kr_face_rule)s->g.face};
    kr_grid_committor r = {0};
    kr_committor_function f = {evaluate_grid, &r, NULL};
    double *spacing = NULL, *start = NULL;
    KR_TRY(read_numbers(ctx, s->g.spacing, "spacing", run->problem->dim, &spacing));
    KR_TRY(read_numbers(ctx, s->g.start, "start", run->problem->dim, &start));
    for (int k = 0; k < run->problem->dim && k < KR_GRID_MOST && spacing; k++) o.spacing[k] = spacing[k];
    o.start = start;
    KR_TRY(kr_grid_committor_solve(ctx, run->problem, &o, &r));
    KR_TRY(report(ctx, run, &r));
    KR_TRY(write_fields(ctx, run, &r));
    KR_TRY(kr_committor_print_points(ctx, run, &f));
    KR_TRY(kr_committor_write_map(ctx, run, &f));
    /* In and out: the two fluxes are computed from different nodes. */
    if (r.reversible && !(fabs(r.flux_a - r.nu) + fabs(r.flux_b - r.nu) < 0.02 * r.nu)) {
        KR_TRY(kr_run_line(ctx, run, "NOT VALIDATED: the fluxes at A and B differ from nu by more than 1 %%"));
        status = KR_NOT_CONVERGED;
    }
done:
    kr_grid_committor_free(&r);
    kr_free(spacing);
    kr_free(start);
    return status;
}

kr_status kr_committor_print_points(kr_context *ctx, kr_sampling *run, const kr_committor_function *f) {
    kr_status status = KR_OK;
    const kr_committor_settings *s = run->state;
    double *x = NULL, *q = NULL;
    int dim = run->problem->dim, n;
    KR_TRY(kr_run_points(ctx, s->points, dim, &n, &x));
    if (!n) goto done;
    KR_NEW(ctx, q, (size_t)n);
    KR_TRY(f->evaluate(ctx, f->payload, n, x, q, NULL));
    for (int i = 0; i < n; i++)
        KR_TRY(kr_run_line(ctx, run, "q(%g%s) = %.6f", x[i * dim], dim > 1 ? ", ..." : "", q[i]));
    KR_TRY(kr_run_set_reals(ctx, run->results, "q_points", n, q));
done:
    kr_free(x);
    kr_free(q);
    return status;
}

kr_status kr_committor_write_map(kr_context *ctx, kr_sampling *run, const kr_committor_function *f) {
    kr_status status = KR_OK;
    const kr_problem *p = run->problem;
    kr_string text = {0};
    double *x = NULL, *q = NULL;
    int columns = p->dim > 1 ? MAP_POINTS + 1 : 1, rows = MAP_POINTS + 1;
    for (int k = 0; k < p->dim && k < 2; k++)
        if (!isfinite(p->low[k]) || !isfinite(p->high[k])) return KR_OK; /* nothing to draw on */
    KR_NEW(ctx, x, (size_t)(rows * columns) * (size_t)p->dim);
    KR_NEW(ctx, q, (size_t)(rows * columns));
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            double *at = x + (size_t)(i * columns + j) * (size_t)p->dim;
            at[0] = p->low[0] + (p->high[0] - p->low[0]) * i / MAP_POINTS;
            if (p->dim > 1) at[1] = p->low[1] + (p->high[1] - p->low[1]) * j / MAP_POINTS;
            for (int k = 2; k < p->dim; k++)
                at[k] = isfinite(p->low[k]) && isfinite(p->high[k]) ? 0.5 * (p->low[k] + p->high[k]) : 0;
        }
    KR_TRY(f->evaluate(ctx, f->payload, (long)rows * columns, x, q, NULL));
    KR_TRY(kr_string_puts(ctx, &text, p->dim > 1 ? "# x1 x2 q\n" : "# x1 q\n"));
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            char row[96];
            long k = (long)i * columns + j;
            const double *at = x + (size_t)k * (size_t)p->dim;
            int in_a = kr_region_level(p->a, at, NULL) <= 0, in_b = kr_region_level(p->b, at, NULL) <= 0;
            double value = in_a ? 0 : in_b ? 1 : q[k];
            if (p->dim > 1)
                snprintf(row, sizeof row, "%.6g %.6g %.6g\n", at[0], at[1], value);
            else
                snprintf(row, sizeof row, "%.8g %.8g\n", at[0], value);
            KR_TRY(kr_string_puts(ctx, &text, row));
        }
        if (p->dim > 1) KR_TRY(kr_string_puts(ctx, &text, "\n"));
    }
    KR_TRY(kr_run_write_text(ctx, run, "map.dat", text.data));
done:
    kr_free(text.data);
    kr_free(x);
    kr_free(q);
    return status;
}
