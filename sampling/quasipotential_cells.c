/* Quasipotential at finite noise against the stationary density of a grid, in one and two dimensions.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * The stationary equation holds for more than one V: e^{−V/ε} may carry currents that enter through an edge of the box
 * and leave through another, and its residual is zero at every point. What tells is the solution with walls. The walls
 * of the grid stand off the box where the drift allows it, and their layers, some ε/|f| thick, are not compared: the
 * density of the grid is then that of the drift, not of the walls. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/committor_grid.h"
#include "sampling/quasipotential.h"
#include <math.h>

enum { CELLS = 160, CELLS_1D = 2000 };

/* The density on a box larger by `enlarge` about its middle (periodic coordinates stay). */
static kr_status density(kr_context *ctx, const kr_problem *p, double enlarge, kr_grid *grid, double **log_density) {
    double low[2], high[2];
    kr_grid_options o = {.low = low, .high = high};
    for (int k = 0; k < p->dim && k < 2; k++) {
        double more = p->wrap && p->wrap[k] ? 0 : 0.5 * (enlarge - 1) * (p->high[k] - p->low[k]);
        low[k] = p->low[k] - more;
        high[k] = p->high[k] + more;
        o.spacing[k] = (high[k] - low[k]) / (p->dim == 1 ? CELLS_1D : CELLS);
    }
    return kr_grid_density(ctx, p, &o, grid, log_density);
}

/* Is the node compared? In the box, and not in the layer of a wall of the grid. */
static int within(const kr_problem *p, const kr_grid *grid, long node, double *x) {
    kr_grid_node(grid, node, x);
    for (int k = 0; k < p->dim; k++) {
        double side = grid->step[k] * (grid->n[k] - 1), layer = grid->wrap[k] ? -1 : 0.04 * side;
        if (x[k] < p->low[k] || x[k] > p->high[k]) return 0;
        if (x[k] - grid->low[k] < layer || grid->low[k] + side - x[k] < layer) return 0;
    }
    return 1;
}

kr_status kr_quasi_compare_cells(kr_context *ctx, const kr_problem *p, double enlarge, double most, kr_quasi_function f,
                                 const void *payload, double *error) {
    kr_status status = KR_OK;
    kr_grid grid;
    double *log_density = NULL, *x = NULL, *v = NULL, *exact = NULL, shift = 0, mean = 0, square = 0, norm = 0;
    long n = 0;
    status = density(ctx, p, enlarge, &grid, &log_density);
    if (status == KR_ERR_NUMERIC && enlarge > 1) { /* no drift out there */
        kr_context_clear(ctx);
        status = density(ctx, p, 1, &grid, &log_density);
    }
    KR_TRY(status);
    KR_NEW(ctx, x, (size_t)(grid.count * p->dim));
    KR_NEW(ctx, v, (size_t)grid.count);
    KR_NEW(ctx, exact, (size_t)grid.count);
    for (long i = 0; i < grid.count; i++) {
        double e = -p->epsilon * log_density[i];
        if (!(e <= most) || !within(p, &grid, i, x + n * p->dim)) continue;
        exact[n++] = e;
    }
    if (n < 2)
        KR_FAIL(ctx, KR_ERR_NUMERIC, "%ld cells with a density above e^%g of the largest", n, -most / p->epsilon);
    KR_TRY(f(ctx, payload, n, x, v));
    for (long i = 0; i < n; i++) {
        shift += (v[i] - exact[i]) / (double)n;
        mean += exact[i] / (double)n;
    }
    for (long i = 0; i < n; i++) {
        square += pow(v[i] - exact[i] - shift, 2);
        norm += pow(exact[i] - mean, 2);
    }
    *error = sqrt(square / norm);
done:
    kr_free(log_density);
    kr_free(x);
    kr_free(v);
    kr_free(exact);
    return status;
}
