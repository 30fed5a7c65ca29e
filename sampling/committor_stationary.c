/* Committor on a grid: the stationary density of the jump process, Σ_i π_i L_ij = 0.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * In 1-D and 2-D by the elimination of Grassmann, Taksar and Heyman (1985) in a band: states are taken out one after
 * the other, rates are added and divided, never subtracted. So every π_i has full relative accuracy, however rare the
 * transitions between wells are; iterative methods lose that. In 3-D, or when the band does not fit (a slow coordinate
 * that is periodic), Lᵀπ = 0 is solved by BiCGStab with one value set. */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/committor_grid.h"
#include <math.h>

/* Rates r[i][j − i + half] of the band; the diagonal is not used. */
static void eliminate(long n, long half, double *rate) {
    long width = 2 * half + 1;
    for (long i = n - 1; i > 0; i--) {
        double *row = rate + i * width + half, sum = 0; /* row[j − i] */
        long first = i > half ? i - half : 0;
        for (long j = first; j < i; j++) sum += row[j - i];
        for (long k = first; k < i; k++) {
            double *other = rate + k * width + half; /* other[j − k] */
            if (other[i - k] == 0) continue;
            double f = other[i - k] /= sum;
            const double *restrict from = row + (first - i);
            double *restrict to = other + (first - k);
            for (long j = 0; j < i - first; j++) to[j] += f * from[j];
        }
    }
}

/* π from the eliminated rates, scaled on the way. */
static void back_substitute(long n, long half, const double *rate, double *mass) {
    long width = 2 * half + 1;
    mass[0] = 1;
    for (long i = 1; i < n; i++) {
        double sum = 0;
        for (long k = i > half ? i - half : 0; k < i; k++) sum += mass[k] * rate[k * width + half + i - k];
        mass[i] = sum;
        if (sum > 1e150) /* what underflows here has no weight */
            for (long k = 0; k <= i; k++) mass[k] *= 1e-150;
    }
}

static kr_status direct(kr_context *ctx, const kr_stencil *m, long half, double *mass) {
    double *rate = NULL;
    long count = m->n * (2 * half + 1);
    kr_status status = kr_stencil_band(ctx, m, half, &rate);
    if (status < 0) return status;
    for (long e = 0; e < count; e++) rate[e] = -rate[e];
    eliminate(m->n, half, rate);
    back_substitute(m->n, half, rate, mass);
    kr_free(rate);
    return KR_OK;
}

/* Transposed in place: row i takes the coupling of its neighbour to it. */
static void transpose(kr_stencil *m) {
    for (int k = 0; k < m->dim; k++) {
        double *below = m->off[2 * k], *above = m->off[2 * k + 1];
        for (long i = 0; i + m->stride[k] < m->n; i++) {
            double swap = above[i];
            above[i] = below[i + m->stride[k]];
            below[i + m->stride[k]] = swap;
        }
    }
    for (long e = 0; e < m->nextra; e++) {
        long swap = m->extra[e].row;
        m->extra[e].row = m->extra[e].column;
        m->extra[e].column = swap;
    }
}

static kr_status iterative(kr_context *ctx, const kr_grid_fields *f, kr_stencil *m, double *mass) {
    kr_status status = KR_OK;
    double *b = NULL;
    long anchor = 0; /* a node of A */
    KR_NEW(ctx, b, (size_t)m->n);
    transpose(m);
    while (anchor < m->n - 1 && f->state[anchor] != 1) anchor++;
    for (int k = 0; k < 2 * m->dim; k++) m->off[k][anchor] = 0;
    for (long e = 0; e < m->nextra; e++)
        if (m->extra[e].row == anchor) m->extra[e].value = 0;
    b[anchor] = m->diag[anchor];
    for (long i = 0; i < m->n; i++) mass[i] = 1;
    KR_TRY(kr_stencil_solve(ctx, m, 0, 1e-11, f->options->iterations ? f->options->iterations : 20000, b, mass, NULL));
done:
    kr_free(b);
    return status;
}

kr_status kr_grid_stationary(kr_context *ctx, kr_grid_fields *f) {
    kr_status status = KR_OK;
    kr_stencil m = {0};
    double *mass = NULL, top = 0;
    long negative = 0, n = f->grid.count, half;
    f->fixed_a = f->fixed_b = 0;
    KR_TRY(kr_stencil_create(ctx, f->grid.dim, f->grid.n, &m));
    KR_NEW(ctx, mass, (size_t)n);
    KR_TRY(kr_grid_assemble_general(ctx, f, &m));
    half = kr_stencil_half_width(&m);
    if ((double)n * (2.0 * (double)half + 1) <= KR_STENCIL_MOST_BAND)
        KR_TRY(direct(ctx, &m, half, mass));
    else
        KR_TRY(iterative(ctx, f, &m, mass));
    for (long i = 0; i < n; i++) {
        if (!isfinite(mass[i])) KR_FAIL(ctx, KR_ERR_NUMERIC, "the stationary density is not finite at node %ld", i);
        top = fmax(top, mass[i]);
    }
    for (long i = 0; i < n; i++) {
        negative += mass[i] < -1e-9 * top;
        /* The unknowns are masses of cells: as densities walls count double. */
        f->log_mass[i] = log(fmax(mass[i] / top, 1e-130) / kr_grid_share(&f->grid, i, -1));
    }
    if (negative)
        kr_log(ctx, KR_LOG_WARNING, "the stationary density is negative at %ld of %ld nodes; use a finer grid",
               negative, n);
done:
    kr_stencil_free(&m);
    kr_free(mass);
    return status;
}

kr_status kr_grid_density(kr_context *ctx, const kr_problem *problem, const kr_grid_options *options, kr_grid *grid,
                          double **log_density) {
    kr_status status = KR_OK;
    kr_grid_fields f = {.problem = problem, .options = options, .density = 1};
    double top = -INFINITY;
    *log_density = NULL;
    if (problem->dim > 2)
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "the density of a grid of %d dimensions, at most 2", problem->dim);
    KR_TRY(kr_grid_fields_begin(ctx, &f));
    for (long i = 0; i < f.grid.count; i++) top = fmax(top, f.log_mass[i]);
    for (long i = 0; i < f.grid.count; i++) f.log_mass[i] -= top;
    *grid = f.grid;
    *log_density = f.log_mass;
    f.log_mass = NULL;
done:
    kr_grid_fields_free(&f);
    return status;
}
