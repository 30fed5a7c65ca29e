/* Committor on a grid: the matrices of the two discretisations and the stationary density.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Reversible, in units of a full cell: c = ε a_k e^{−V/ε} s/(h d) for an edge of length d (h, or up to the state) with
 * s the share of its face. General, with distances d₊, d₋ to the next points: −L has the rates
 *   D = ε a_k > 0   r± = 2 D/(d± (d₊ + d₋)) B(∓ f d±/D),  B(z) = z/(e^z − 1)       (exponential fitting)
 *   D = 0           r± = max(±f, 0)/d±  (upwind)  or  r± = ± f/(d₊ + d₋)   (central) */
#include "core/error.h"
#include "core/memory.h"
#include "sampling/committor_grid.h"
#include <math.h>
#include <string.h>

static const double LEAST_CUT = 1e-6; /* of an edge; closer nodes would only spoil the condition */

/* Secants and bisection on the level function of the state. */
double kr_grid_cut_fraction(const kr_grid_fields *fields, long i, int k, int side) {
    const kr_grid *grid = &fields->grid;
    int wraps;
    long j = kr_grid_neighbor(grid, i, k, kr_grid_coordinate(grid, i, k), side, &wraps);
    const kr_region *region = fields->state[j] == 1 ? fields->problem->a : fields->problem->b;
    double x[KR_GRID_MOST] = {0}, low = 0, high = 1;
    kr_grid_node(grid, i, x);
    double from = x[k], f_low = kr_region_level(region, x, NULL), f_high;
    x[k] = from + side * grid->step[k];
    f_high = kr_region_level(region, x, NULL);
    for (int it = 0; it < 60 && high - low > 1e-13; it++) {
        double t = it % 3 == 2 ? 0.5 * (low + high) : low + (high - low) * f_low / (f_low - f_high);
        if (!(t > low && t < high)) t = 0.5 * (low + high);
        x[k] = from + side * t * grid->step[k];
        double f = kr_region_level(region, x, NULL);
        if (f > 0) {
            low = t;
            f_low = f;
        } else {
            high = t;
            f_high = f;
        }
    }
    return fmax(high, LEAST_CUT);
}

/* What lies in direction k of free node i. */
typedef struct side {
    long j;          /* node; −1 at a wall */
    int wraps;       /* across a periodic wall */
    int state;       /* 1 or 2: the edge ends at A or B */
    double distance; /* along the edge */
} side;

static side look(const kr_grid_fields *f, long i, int k, int coordinate, int direction) {
    side s = {.distance = f->grid.step[k]};
    s.j = kr_grid_neighbor(&f->grid, i, k, coordinate, direction, &s.wraps);
    if (s.j < 0) return s;
    int state = f->state[s.j];
    if ((state == 1 && f->fixed_a) || (state == 2 && f->fixed_b)) {
        s.state = state;
        s.distance *= kr_grid_cut_fraction(f, i, k, direction);
    }
    return s;
}

static int is_fixed(const kr_grid_fields *f, long i) {
    return (f->state[i] == 1 && f->fixed_a) || (f->state[i] == 2 && f->fixed_b);
}

static void clear(kr_grid_fields *f, kr_stencil *m) {
    size_t bytes = (size_t)m->n * sizeof(double);
    memset(m->diag, 0, bytes);
    for (int k = 0; k < 2 * m->dim; k++) memset(m->off[k], 0, bytes);
    m->nextra = 0;
    memset(f->to_a, 0, bytes);
    memset(f->to_b, 0, bytes);
}

/* Enters coupling c of node i to what is on that side. */
static kr_status couple(kr_context *ctx, kr_grid_fields *f, kr_stencil *m, long i, int k, int direction, const side *s,
                        double c) {
    m->diag[i] += c;
    if (s->state)
        (s->state == 1 ? f->to_a : f->to_b)[i] += c;
    else if (s->wraps)
        return kr_stencil_add_extra(ctx, m, i, s->j, -c);
    else
        m->off[2 * k + (direction > 0)][i] = -c;
    return KR_OK;
}

/* log of the weight of the piece of an edge between node i and a state, relative like log_mass. */
static kr_status piece_weight(kr_context *ctx, const kr_grid_fields *f, long i, int k, int direction, double distance,
                              double *weight) {
    const kr_grid *grid = &f->grid;
    double v[3], origin[KR_GRID_MOST] = {0};
    int dim = grid->dim;
    double points[3 * KR_GRID_MOST];
    kr_grid_node(grid, i, origin);
    for (int p = 0; p < 3; p++) {
        memcpy(points + p * dim, origin, (size_t)dim * sizeof *points);
        points[p * dim + k] += direction * distance * 0.5 * p;
    }
    kr_status status = kr_problem_potential(ctx, f->problem, 3, points, v, NULL);
    if (status < 0) return status;
    double epsilon = f->problem->epsilon, middle = -(v[1] - v[0]) / epsilon, end = -(v[2] - v[0]) / epsilon;
    *weight = f->log_mass[i];
    if (f->face == KR_FACE_MIDPOINT) {
        *weight += middle;
    } else {
        double least = fmin(0, fmin(middle, end));
        *weight += least + log(6 / (exp(least) + 4 * exp(least - middle) + exp(least - end)));
    }
    return KR_OK;
}

kr_status kr_grid_assemble_reversible(kr_context *ctx, kr_grid_fields *f, kr_stencil *m) {
    kr_status status = KR_OK;
    const kr_grid *grid = &f->grid;
    clear(f, m);
    for (long i = 0; i < grid->count; i++) {
        if (is_fixed(f, i)) {
            m->diag[i] = 1;
            continue;
        }
        for (int k = 0; k < grid->dim; k++) {
            int coordinate = kr_grid_coordinate(grid, i, k);
            for (int direction = -1; direction <= 1; direction += 2) {
                side s = look(f, i, k, coordinate, direction);
                if (s.j < 0) continue;
                double weight = f->edge[k][direction > 0 ? i : s.j];
                if (s.state) KR_TRY(piece_weight(ctx, f, i, k, direction, s.distance, &weight));
                double c = f->noise[k] * exp(weight) * kr_grid_share(grid, i, k) / (grid->step[k] * s.distance);
                KR_TRY(couple(ctx, f, m, i, k, direction, &s, c));
            }
        }
    }
done:
    return status;
}

/* z/(e^z − 1) */
static double bernoulli(double z) { return fabs(z) < 1e-10 ? 1 - 0.5 * z : z / expm1(z); }

/* Rates of node i to both sides of direction k. */
static void jump_rates(const kr_grid_fields *f, long i, int k, const side pair[2], double rate[2]) {
    double noise = f->noise[k], minus = pair[0].distance, plus = pair[1].distance;
    double drift[2];
    for (int s = 0; s < 2; s++) { /* of the edge; beyond a wall that of the other side */
        long left = s ? i : pair[0].j;
        drift[s] = f->edge[k][pair[s].j < 0 ? (s ? pair[0].j : i) : left];
    }
    if (noise > 0) {
        rate[0] = 2 * noise / (minus * (minus + plus)) * bernoulli(drift[0] * minus / noise);
        rate[1] = 2 * noise / (plus * (minus + plus)) * bernoulli(-drift[1] * plus / noise);
        return;
    }
    /* At walls and states upwind: one layer of first order costs no order, and central differences would tie nodes to
     * a state that the flow comes from. */
    int border = pair[0].j < 0 || pair[1].j < 0 || pair[0].state || pair[1].state;
    if (border || f->options->advection == KR_ADVECTION_UPWIND) {
        rate[0] = fmax(-drift[0], 0) / minus;
        rate[1] = fmax(drift[1], 0) / plus;
    } else {
        rate[0] = -drift[0] / (minus + plus);
        rate[1] = drift[1] / (minus + plus);
    }
}

kr_status kr_grid_assemble_general(kr_context *ctx, kr_grid_fields *f, kr_stencil *m) {
    kr_status status = KR_OK;
    const kr_grid *grid = &f->grid;
    clear(f, m);
    for (long i = 0; i < grid->count; i++) {
        if (is_fixed(f, i)) {
            m->diag[i] = 1;
            continue;
        }
        for (int k = 0; k < grid->dim; k++) {
            int coordinate = kr_grid_coordinate(grid, i, k);
            side pair[2] = {look(f, i, k, coordinate, -1), look(f, i, k, coordinate, 1)};
            double rate[2];
            jump_rates(f, i, k, pair, rate);
            for (int s = 0; s < 2; s++)
                if (pair[s].j >= 0) KR_TRY(couple(ctx, f, m, i, k, 2 * s - 1, &pair[s], rate[s]));
        }
        /* A node that is left by nothing (no noise, no drift) would make the matrix singular. */
        if (m->diag[i] == 0) m->diag[i] = 1;
    }
done:
    return status;
}
