/* Committor on a grid: the grid and what is evaluated on its nodes and edges.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "sampling/committor_grid.h"
#include <math.h>
#include <string.h>

static const double LOG_RANGE = 300; /* weights below e^−300 of the largest are raised to it: they decide nothing */

void kr_grid_node(const kr_grid *grid, long index, double *x) {
    for (int k = 0; k < grid->dim; k++)
        x[k] = grid->low[k] + grid->step[k] * (double)(index / grid->stride[k] % grid->n[k]);
}

int kr_grid_coordinate(const kr_grid *grid, long i, int k) { return (int)(i / grid->stride[k] % grid->n[k]); }

long kr_grid_neighbor(const kr_grid *grid, long i, int k, int coordinate, int side, int *wraps) {
    int next = coordinate + side;
    *wraps = next < 0 || next >= grid->n[k];
    if (!*wraps) return i + side * grid->stride[k];
    return grid->wrap[k] ? i - side * (grid->n[k] - 1) * grid->stride[k] : -1;
}

double kr_grid_share(const kr_grid *grid, long i, int skip) {
    double share = 1;
    for (int k = 0; k < grid->dim; k++) {
        int at = kr_grid_coordinate(grid, i, k);
        if (k != skip && !grid->wrap[k] && (at == 0 || at == grid->n[k] - 1)) share *= 0.5;
    }
    return share;
}

kr_status kr_grid_create(kr_context *ctx, const kr_problem *problem, const kr_grid_options *options, kr_grid *grid) {
    const double *low = options->low ? options->low : problem->low;
    const double *high = options->high ? options->high : problem->high;
    static const double DEFAULT[KR_GRID_MOST] = {4000, 200, 60};
    *grid = (kr_grid){.dim = problem->dim, .count = 1};
    if (problem->dim < 1 || problem->dim > KR_GRID_MOST)
        return KR_ERROR(ctx, KR_ERR_UNSUPPORTED, "a grid of %d dimensions; 1 to %d are possible", problem->dim,
                        KR_GRID_MOST);
    for (int k = problem->dim - 1; k >= 0; k--) {
        double side = high && low ? high[k] - low[k] : INFINITY, wanted = options->spacing[k];
        if (!(side > 0) || !isfinite(side))
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the box of the grid has the side %g in dimension %d", side, k + 1);
        if (wanted == 0) wanted = side / DEFAULT[problem->dim - 1];
        double cells = floor(side / wanted + 0.5);
        if (!(wanted > 0) || cells < 4 || cells > 1e6)
            return KR_ERROR(ctx, KR_ERR_ARGUMENT,
                            "spacing %g in dimension %d: the side %g has %g cells, 4 to 1e6 allowed", wanted, k + 1,
                            side, cells);
        grid->wrap[k] = problem->wrap ? problem->wrap[k] : 0;
        grid->n[k] = (int)cells + !grid->wrap[k];
        grid->low[k] = low[k];
        grid->step[k] = side / cells;
        grid->stride[k] = grid->count;
        grid->count *= grid->n[k];
        if (grid->count > 100000000)
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the grid has more than 1e8 nodes; give a larger spacing");
    }
    return KR_OK;
}

/* ---- evaluation ---- */

typedef struct evaluation {
    kr_grid_fields *fields;
    int shift; /* direction of half a step, or −1: nodes */
    double *v, *drift /* along `shift` */;
    double *scratch; /* [threads][BLOCK][2 dim] */
} evaluation;
enum { BLOCK = 512 };

static kr_status evaluate_block(void *payload, kr_context *ctx, long block, int thread) {
    const evaluation *e = payload;
    const kr_grid *grid = &e->fields->grid;
    long first = block * BLOCK;
    int dim = grid->dim, n = (int)(grid->count - first < BLOCK ? grid->count - first : BLOCK);
    double *x = e->scratch + (size_t)thread * BLOCK * 2 * (size_t)dim, *f = x + (size_t)BLOCK * (size_t)dim;
    for (int r = 0; r < n; r++) {
        kr_grid_node(grid, first + r, x + r * dim);
        if (e->shift >= 0) x[r * dim + e->shift] += 0.5 * grid->step[e->shift];
    }
    if (e->v) return kr_problem_energy(ctx, e->fields->problem, n, x, e->v + first, NULL);
    kr_status status = kr_problem_drift(ctx, e->fields->problem, n, x, f);
    for (int r = 0; r < n && status >= 0; r++) e->drift[first + r] = f[r * dim + e->shift];
    return status;
}

/* V (v not NULL) or the drift component at nodes or edge midpoints. */
static kr_status evaluate(kr_context *ctx, kr_grid_fields *fields, int shift, double *v, double *drift) {
    evaluation e = {fields, shift, v, drift, NULL};
    size_t threads = (size_t)kr_parallel_threads(ctx);
    e.scratch = kr_malloc(ctx, threads * BLOCK * 2 * (size_t)fields->grid.dim, sizeof *e.scratch);
    if (!e.scratch) return KR_ERR_MEMORY;
    kr_status status = kr_parallel_blocks(ctx, (fields->grid.count + BLOCK - 1) / BLOCK, evaluate_block, NULL, &e);
    kr_free(e.scratch);
    for (long i = 0; i < fields->grid.count && v && status >= 0; i++)
        if (isnan(v[i])) {
            double x[KR_GRID_MOST] = {0};
            kr_grid_node(&fields->grid, i, x);
            status = KR_ERROR(ctx, KR_ERR_NUMERIC, "the potential is not a number near (%g, %g, %g)", x[0], x[1], x[2]);
        }
    return status;
}

static kr_status label_states(kr_context *ctx, kr_grid_fields *fields) {
    const kr_problem *problem = fields->problem;
    long inside[3] = {0};
    double x[KR_GRID_MOST] = {0};
    for (long i = 0; i < fields->grid.count; i++) {
        kr_grid_node(&fields->grid, i, x);
        int a = kr_region_level(problem->a, x, NULL) <= 0, b = kr_region_level(problem->b, x, NULL) <= 0;
        if (a && b)
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the states A and B overlap at (%g, %g, %g)", x[0], x[1], x[2]);
        fields->state[i] = (unsigned char)(a ? 1 : b ? 2 : 0);
        inside[fields->state[i]]++;
    }
    for (int s = 1; s <= 2; s++)
        if (!inside[s]) {
            kr_status status =
                KR_ERROR(ctx, KR_ERR_ARGUMENT, "no node of the grid lies in state %c", s == 1 ? 'A' : 'B');
            kr_error_hint(ctx, "a smaller spacing, a larger state, or a box that holds it");
            return status;
        }
    return KR_OK;
}

/* log of the weight of an edge from −V/ε at its ends and middle. */
static double edge_weight(kr_face_rule rule, double left, double middle, double right) {
    if (rule == KR_FACE_MIDPOINT) return middle;
    double least = fmin(middle, fmin(left, right));
    if (!isfinite(least)) return -INFINITY;
    return least + log(6 / (exp(least - left) + 4 * exp(least - middle) + exp(least - right)));
}

static kr_status reversible_weights(kr_context *ctx, kr_grid_fields *fields) {
    const kr_grid *grid = &fields->grid;
    double epsilon = fields->problem->epsilon, top = -INFINITY;
    kr_status status = evaluate(ctx, fields, -1, fields->log_mass, NULL);
    for (long i = 0; i < grid->count; i++) {
        fields->log_mass[i] /= -epsilon;
        top = fmax(top, fields->log_mass[i]);
    }
    for (long i = 0; i < grid->count; i++) fields->log_mass[i] = fmax(fields->log_mass[i] - top, -LOG_RANGE);
    for (int k = 0; k < grid->dim && status >= 0; k++) {
        double *edge = fields->edge[k];
        status = evaluate(ctx, fields, k, edge, NULL);
        for (long i = 0; i < grid->count && status >= 0; i++) {
            int wraps;
            long j = kr_grid_neighbor(grid, i, k, kr_grid_coordinate(grid, i, k), 1, &wraps);
            double middle = fmax(-edge[i] / epsilon - top, -LOG_RANGE);
            edge[i] = j < 0 ? -LOG_RANGE : edge_weight(fields->face, fields->log_mass[i], middle, fields->log_mass[j]);
        }
    }
    return status;
}

/* Underdamped: the density e^{−H/ε} is known. */
static kr_status underdamped_mass(kr_context *ctx, kr_grid_fields *fields) {
    kr_status status = evaluate(ctx, fields, -1, fields->log_mass, NULL);
    for (long i = 0; i < fields->grid.count && status >= 0; i++) fields->log_mass[i] /= -fields->problem->epsilon;
    return status;
}

kr_status kr_grid_fields_begin(kr_context *ctx, kr_grid_fields *fields) {
    kr_status status = KR_OK;
    const kr_problem *problem = fields->problem;
    size_t count;
    if (!fields->density && (!problem->a || !problem->b))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the problem has no state %c", problem->a ? 'B' : 'A');
    KR_TRY(kr_grid_create(ctx, problem, fields->options, &fields->grid));
    count = (size_t)fields->grid.count;
    fields->face = fields->options->face;
    if (fields->face == KR_FACE_AUTOMATIC) fields->face = problem->dim == 1 ? KR_FACE_HARMONIC : KR_FACE_MIDPOINT;
    KR_NEW(ctx, fields->state, count);
    KR_NEW(ctx, fields->log_mass, count);
    KR_NEW(ctx, fields->to_a, count);
    KR_NEW(ctx, fields->to_b, count);
    for (int k = 0; k < fields->grid.dim; k++) KR_NEW(ctx, fields->edge[k], count);
    for (int k = 0; k < fields->grid.dim; k++)
        fields->noise[k] = problem->epsilon * (problem->mobility ? problem->mobility[k] : 1);
    if (!fields->density) KR_TRY(label_states(ctx, fields));
    if (fields->reversible) {
        KR_TRY(reversible_weights(ctx, fields));
    } else {
        for (int k = 0; k < fields->grid.dim; k++) KR_TRY(evaluate(ctx, fields, k, NULL, fields->edge[k]));
        if (problem->dynamics == KR_UNDERDAMPED && kr_problem_has_potential(problem))
            KR_TRY(underdamped_mass(ctx, fields));
        else
            KR_TRY(kr_grid_stationary(ctx, fields));
    }
done:
    return status;
}

void kr_grid_fields_free(kr_grid_fields *fields) {
    kr_free(fields->state);
    kr_free(fields->log_mass);
    kr_free(fields->to_a);
    kr_free(fields->to_b);
    for (int k = 0; k < KR_GRID_MOST; k++) kr_free(fields->edge[k]);
}
