/* Splines of the moment engine: knots, nodes, and solving with the collocation matrix and its transpose.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A[q][p] = 120 B_p(log r_q) at the Greville points r_q of the clamped knots (fast_spline.c), banded and totally
 * positive: A = L U without pivots. Values at the nodes give coefficients, A c = g; the gradient goes back with
 * Aᵀ ḡ = c̄. Both cost 10 m products per node. Source: de Boor, A Practical Guide to Splines. */
#include "core/error.h"
#include "training/engine_moment.h"
#include <math.h>
#include <string.h>

enum { BAND = 5, WIDTH = 2 * BAND + 1 };

void kr_moment_grid_free(kr_moment_grid *grid) {
    kr_free(grid->node);
    kr_free(grid->factor);
    *grid = (kr_moment_grid){0};
}

int kr_moment_grid_locate(const kr_moment_grid *grid, double r, double *t, double *inv_h) {
    const kr_fast_segment *s = grid->knots.segment;
    if (grid->knots.nsegments > 1 && r >= s[1].r_begin) s++;
    double u = (log(r) - s->x_begin) * s->inv_h;
    int cell = u < s->intervals ? (int)u : s->intervals - 1;
    if (u < 0) cell = 0; /* r below r_low */
    *t = u - cell;
    *inv_h = s->inv_h;
    return s->offset + cell;
}

/* Rows of A, then L below and U on and above the diagonal in their place. */
static void factorize(kr_moment_grid *grid) {
    for (int q = 0; q < grid->n; q++) {
        double t, inv_h, b[6];
        /* The node where two segments meet belongs to both: as last node of the first one its cell is the last. */
        const kr_fast_segment *first = grid->knots.segment;
        int cell = kr_moment_grid_locate(grid, grid->node[q], &t, &inv_h);
        if (grid->knots.nsegments > 1 && q == first->intervals + 4) {
            cell = first->intervals - 1;
            t = 1;
        }
        kr_fast_basis(t, b);
        /* The band holds columns q ± 5; what falls outside is a zero of the basis. */
        for (int k = 0; k < 6; k++)
            if (cell + k >= q - BAND && cell + k <= q + BAND) grid->factor[q * WIDTH + cell + k - q + BAND] = b[k];
    }
    for (int k = 0; k < grid->n; k++)
        for (int i = k + 1; i < grid->n && i <= k + BAND; i++) {
            double *row = grid->factor + i * WIDTH, *pivot = grid->factor + k * WIDTH;
            double factor = row[k - i + BAND] /= pivot[BAND];
            for (int j = k + 1; j <= k + BAND && j <= i + BAND; j++) row[j - i + BAND] -= factor * pivot[j - k + BAND];
        }
}

kr_status kr_moment_grid_create(kr_context *ctx, double r_low, double rcut_smth, double rcut, int knots,
                                kr_moment_grid *grid) {
    kr_status status = KR_OK;
    int split = rcut_smth > r_low && rcut_smth < rcut, n[2] = {knots - 5, 0};
    if (split) {
        /* Half by length in log r, half for the way to zero, where s and with it the nets change fastest. */
        double share = 0.5 * log(rcut / rcut_smth) / log(rcut / r_low) + 0.25;
        n[1] = (int)lrint((knots - 10) * share);
        if (n[1] < 4) n[1] = 4;
        n[0] = knots - 10 - n[1];
        if (n[0] < 4) n[0] = 4;
    }
    *grid = (kr_moment_grid){0};
    kr_fast_grid_set(r_low, rcut_smth, rcut, n, &grid->knots);
    grid->n = n[0] + 5 + (split ? n[1] + 5 : 0);
    KR_NEW(ctx, grid->node, (size_t)grid->knots.ncoef);
    KR_NEW(ctx, grid->factor, (size_t)grid->n * WIDTH);
    kr_fast_grid_nodes(&grid->knots, grid->node);
    factorize(grid);
done:
    if (status < 0) kr_moment_grid_free(grid);
    return status;
}

/* row i of values += f × row j */
static void add_row(int m, double *values, int i, int j, double f) {
    double *to = values + (size_t)i * (size_t)m;
    const double *from = values + (size_t)j * (size_t)m;
    if (f != 0)
        for (int c = 0; c < m; c++) to[c] += f * from[c];
}

static void scale_row(int m, double *values, int i, double f) {
    double *to = values + (size_t)i * (size_t)m;
    for (int c = 0; c < m; c++) to[c] *= f;
}

void kr_moment_grid_solve(const kr_moment_grid *grid, int m, double *values) {
    int n = grid->n;
    for (int i = 0; i < n; i++) {
        const double *row = grid->factor + i * WIDTH;
        for (int j = i < BAND ? 0 : i - BAND; j < i; j++) add_row(m, values, i, j, -row[j - i + BAND]);
    }
    for (int i = n - 1; i >= 0; i--) {
        const double *row = grid->factor + i * WIDTH;
        for (int j = i + 1; j < n && j <= i + BAND; j++) add_row(m, values, i, j, -row[j - i + BAND]);
        scale_row(m, values, i, 1 / row[BAND]);
    }
}

void kr_moment_grid_solve_transposed(const kr_moment_grid *grid, int m, double *values) {
    int n = grid->n;
    for (int i = 0; i < n; i++) { /* Uᵀ y = values */
        const double *row = grid->factor + i * WIDTH;
        scale_row(m, values, i, 1 / row[BAND]);
        for (int j = i + 1; j < n && j <= i + BAND; j++) add_row(m, values, j, i, -row[j - i + BAND]);
    }
    for (int i = n - 1; i >= 0; i--) { /* Lᵀ x = y */
        const double *row = grid->factor + i * WIDTH;
        for (int j = i < BAND ? 0 : i - BAND; j < i; j++) add_row(m, values, j, i, -row[j - i + BAND]);
    }
}
