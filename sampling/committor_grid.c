/* Committor on a grid: the solver and what follows from its solution.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   ν = Σ_edges c (Δq)²   with c = ρ ε a_k s/(h d)       (transition path theory: ν = ∫ ρ ∇q·ε a ∇q)
 *   ρ_A = Σ π q⁻,  k_AB = ν/ρ_A,  k_BA = ν/(1 − ρ_A),  P_react = Σ π q⁻ q⁺,  duration = P_react/ν */
#include "sampling/committor_grid.h"
#include "core/error.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

void kr_grid_committor_free(kr_grid_committor *result) {
    kr_free(result->q);
    kr_free(result->backward);
    kr_free(result->mass);
    result->q = result->backward = result->mass = NULL;
}

static kr_status assemble(kr_context *ctx, kr_grid_fields *f, kr_stencil *m) {
    return f->reversible ? kr_grid_assemble_reversible(ctx, f, m) : kr_grid_assemble_general(ctx, f, m);
}

/* Solves for the function that is value_a on A, value_b on B, and L-harmonic between. */
static kr_status solve_dirichlet(kr_context *ctx, kr_grid_fields *f, kr_stencil *m, double value_a, double value_b,
                                 double *q, int *iterations) {
    kr_status status = KR_OK;
    double *b = NULL;
    f->fixed_a = f->fixed_b = 1;
    KR_NEW(ctx, b, (size_t)f->grid.count);
    KR_TRY(assemble(ctx, f, m));
    for (long i = 0; i < f->grid.count; i++) {
        double fixed = f->state[i] == 1 ? value_a : value_b;
        b[i] = f->state[i] ? fixed : value_a * f->to_a[i] + value_b * f->to_b[i];
        q[i] = f->state[i] ? fixed : 0.5;
    }
    KR_TRY(kr_stencil_solve(ctx, m, f->reversible, f->options->tolerance > 0 ? f->options->tolerance : 1e-10,
                            f->options->iterations > 0 ? f->options->iterations : 20000, b, q, iterations));
done:
    kr_free(b);
    return status;
}

/* Reversible: the energy and the fluxes at both ends; the matrix holds the conductances. */
static void reversible_rate(const kr_grid_fields *f, const kr_stencil *m, kr_grid_committor *r, double total) {
    double energy = 0, flux_a = 0, flux_b = 0;
    for (long i = 0; i < f->grid.count; i++) {
        if (f->state[i]) continue;
        double q = r->q[i];
        for (int k = 0; k < m->dim; k++)
            if (m->off[2 * k + 1][i] != 0) {
                double step = r->q[i + m->stride[k]] - q;
                energy -= m->off[2 * k + 1][i] * step * step;
            }
        energy += f->to_a[i] * q * q + f->to_b[i] * (1 - q) * (1 - q);
        flux_a += f->to_a[i] * q;
        flux_b += f->to_b[i] * (1 - q);
    }
    for (long e = 0; e < m->nextra; e++) { /* each pair is there twice */
        double step = r->q[m->extra[e].row] - r->q[m->extra[e].column];
        energy -= 0.5 * m->extra[e].value * step * step;
    }
    r->nu = energy / total;
    r->flux_a = flux_a / total;
    r->flux_b = flux_b / total;
}

/* General: Σ_edges ρ_edge ε a_k (Δq)², ρ_edge the geometric mean. Edges into a state end at its surface: their slope is
 * that of the solution, q/d with d from the rate matrix, which is not kept; the piece beyond counts as its share. */
static void general_rate(const kr_grid_fields *f, kr_grid_committor *r) {
    const kr_grid *grid = &f->grid;
    double nu = 0;
    for (long i = 0; i < grid->count; i++)
        for (int k = 0; k < grid->dim; k++) {
            int wraps;
            long j = f->noise[k] > 0 ? kr_grid_neighbor(grid, i, k, kr_grid_coordinate(grid, i, k), 1, &wraps) : -1;
            if (j < 0 || (f->state[i] && f->state[j])) continue;
            double fraction = 1;
            if (f->state[j]) fraction = kr_grid_cut_fraction(f, i, k, 1);
            if (f->state[i]) fraction = kr_grid_cut_fraction(f, j, k, -1);
            /* Density at the middle of the free piece. */
            double t = f->state[i] ? 1 - 0.5 * fraction : 0.5 * fraction;
            double density = exp((1 - t) * f->log_mass[i] + t * f->log_mass[j]);
            double slope = (r->q[j] - r->q[i]) / (fraction * grid->step[k]);
            nu += density * kr_grid_share(grid, i, k) * f->noise[k] * slope * slope * fraction;
        }
    r->nu = nu;
    r->flux_a = r->flux_b = NAN;
}

/* Reversed drift on the edges: −f + 2 ε a ∂ log π. */
static void reverse_drift(kr_grid_fields *f) {
    const kr_grid *grid = &f->grid;
    for (int k = 0; k < grid->dim; k++)
        for (long i = 0; i < grid->count; i++) {
            int wraps;
            long j = kr_grid_neighbor(grid, i, k, kr_grid_coordinate(grid, i, k), 1, &wraps);
            double slope = j < 0 || f->noise[k] == 0 ? 0 : (f->log_mass[j] - f->log_mass[i]) / grid->step[k];
            f->edge[k][i] = -f->edge[k][i] + 2 * f->noise[k] * slope;
        }
}

/* L τ = −1, τ = 0 on B; value at the start. */
static kr_status passage_time(kr_context *ctx, kr_grid_fields *f, kr_stencil *m, const double *mass,
                              kr_grid_committor *r) {
    kr_status status = KR_OK;
    double *b = NULL, *tau = NULL;
    long n = f->grid.count;
    KR_NEW(ctx, b, (size_t)n);
    KR_NEW(ctx, tau, (size_t)n);
    f->fixed_a = 0;
    f->fixed_b = 1;
    KR_TRY(assemble(ctx, f, m));
    for (long i = 0; i < n; i++) {
        b[i] = f->state[i] == 2 ? 0 : f->reversible ? mass[i] : 1;
        tau[i] = f->state[i] == 2 ? 0 : (1 - r->q[i]) / r->k_ab;
    }
    KR_TRY(kr_stencil_solve(ctx, m, f->reversible, 1e-11, 20000, b, tau, NULL));
    r->mfpt = kr_grid_interpolate(&f->grid, tau, f->options->start);
done:
    kr_free(b);
    kr_free(tau);
    return status;
}

static void averages(kr_grid_committor *r) {
    double rho_a = 0, rho_b = 0;
    r->p_react = 0;
    for (long i = 0; i < r->grid.count; i++) {
        rho_a += r->mass[i] * r->backward[i];
        rho_b += r->mass[i] * (1 - r->backward[i]);
        r->p_react += r->mass[i] * r->backward[i] * r->q[i];
    }
    r->rho_a = rho_a;
    r->k_ab = r->nu / rho_a;
    r->k_ba = r->nu / rho_b;
    r->duration = r->p_react / r->nu;
}

kr_status kr_grid_committor_solve(kr_context *ctx, const kr_problem *problem, const kr_grid_options *options,
                                  kr_grid_committor *result) {
    kr_status status = KR_OK;
    const kr_grid_options defaults = {0};
    kr_grid_fields f = {.problem = problem, .options = options ? options : &defaults};
    kr_stencil matrix = {0};
    double total = 0;
    if (!problem || !result) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no problem or no result");
    *result = (kr_grid_committor){.mfpt = NAN};
    f.reversible = problem->dynamics == KR_OVERDAMPED && kr_problem_has_potential(problem) && !f.options->general;
    result->reversible = f.reversible;
    KR_TRY(kr_grid_fields_begin(ctx, &f));
    result->grid = f.grid;
    size_t count = (size_t)f.grid.count;
    KR_TRY(kr_stencil_create(ctx, f.grid.dim, f.grid.n, &matrix));
    KR_NEW(ctx, result->q, count);
    KR_NEW(ctx, result->backward, count);
    KR_NEW(ctx, result->mass, count);
    for (size_t i = 0; i < count; i++) {
        result->mass[i] = exp(f.log_mass[i]) * kr_grid_share(&f.grid, (long)i, -1);
        total += result->mass[i];
    }
    KR_TRY(solve_dirichlet(ctx, &f, &matrix, 0, 1, result->q, &result->iterations));
    if (f.reversible) {
        reversible_rate(&f, &matrix, result, total);
        for (size_t i = 0; i < count; i++) result->backward[i] = 1 - result->q[i];
    } else {
        double shift = log(total);
        for (size_t i = 0; i < count; i++) f.log_mass[i] -= shift;
        general_rate(&f, result);
    }
    if (f.options->start && f.reversible) {
        for (size_t i = 0; i < count; i++) result->mass[i] /= total;
        averages(result);
        for (size_t i = 0; i < count; i++) result->mass[i] *= total;
        KR_TRY(passage_time(ctx, &f, &matrix, result->mass, result));
    } else if (f.options->start) {
        result->k_ab = result->nu;
        KR_TRY(passage_time(ctx, &f, &matrix, NULL, result));
    }
    if (!f.reversible) {
        reverse_drift(&f);
        KR_TRY(solve_dirichlet(ctx, &f, &matrix, 1, 0, result->backward, NULL));
    }
    for (size_t i = 0; i < count; i++) result->mass[i] /= total;
    averages(result);
    if (!isfinite(result->nu)) KR_FAIL(ctx, KR_ERR_NUMERIC, "the rate is %g", result->nu);
done:
    if (status < 0 || status == KR_CANCELLED) kr_grid_committor_free(result);
    kr_stencil_free(&matrix);
    kr_grid_fields_free(&f);
    return status;
}

/* Catmull–Rom weights of the four nodes around t in [0, 1); linear at walls. */
static void cubic(double t, int edge, double w[4]) {
    if (edge) {
        w[0] = w[3] = 0;
        w[1] = 1 - t;
        w[2] = t;
        return;
    }
    w[0] = 0.5 * t * (-1 + t * (2 - t));
    w[1] = 0.5 * (2 + t * t * (-5 + 3 * t));
    w[2] = 0.5 * t * (1 + t * (4 - 3 * t));
    w[3] = 0.5 * t * t * (t - 1);
}

double kr_grid_interpolate(const kr_grid *grid, const double *field, const double *x) {
    double w[KR_GRID_MOST][4], sum = 0;
    int first[KR_GRID_MOST], corners = 1;
    for (int k = 0; k < grid->dim; k++) {
        double s = (x[k] - grid->low[k]) / grid->step[k];
        int n = grid->n[k], last = grid->wrap[k] ? n - 1 : n - 2;
        if (grid->wrap[k]) s -= n * floor(s / n);
        int cell = s >= last ? last : s > 0 ? (int)s : 0;
        double t = fmin(fmax(s - cell, 0), 1);
        cubic(t, !grid->wrap[k] && (cell == 0 || cell == n - 2), w[k]);
        first[k] = cell - 1;
        corners *= 4;
    }
    for (int c = 0; c < corners; c++) {
        double weight = 1;
        long index = 0;
        for (int k = 0, rest = c; k < grid->dim; k++, rest /= 4) {
            int at = (first[k] + rest % 4 + grid->n[k]) % grid->n[k];
            weight *= w[k][rest % 4];
            index += at * grid->stride[k];
        }
        if (weight != 0) sum += weight * field[index];
    }
    return sum;
}
