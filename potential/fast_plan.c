/* How many spline coefficients and how many channels a model needs for a force tolerance.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Candidates are built in double and compared with the reference path on made-up environments (fast_probe.c):
 * first the number of coefficients, with all channels, then the rank q of every centre type. Both by bisection; the
 * error need not fall at every step, so what is chosen has always been measured itself. */
#include "core/error.h"
#include "potential/fast_internal.h"
#include <math.h>
#include <string.h>

enum { MAX_PROBES = 12, MIN_PROBES = 4, SEARCH_TYPES = 8 };
#define ROUNDED_FROM 1e-7 /* eV/Å: tolerances for which weights may be rounded */

/* Intervals of the whole range that are tried. */
static const int ladder[] = {20, 27, 35, 43, 51, 59, 67, 83, 99, 115, 131, 155, 187, 219, 251, 315, 379, 443, 502};
enum { LADDER = sizeof ladder / sizeof *ladder };

typedef struct planner {
    const kr_model *model;
    kr_isa isa;
    int rounded;          /* weights are rounded to integers: see fast_few.c */
    kr_fast *base;        /* the first candidate: the others use its hidden layers */
    double r_lo, share;   /* share of the intervals that the first segment gets */
    int nt, nused, first; /* types, those in use, the first of these */
    const unsigned char *used;
    double *fparam, *aparam;
    kr_fast_probe *probe; /* [nt] */
    double *error;        /* [nt] of the last candidate */
} planner;

/* Closest distance that the splines cover. Below it the reference path is used, so this is a matter of speed: thermal
 * motion must not reach it. 0.8 of the closest approach in the training data when known, else by the lightest bond. */
double kr_fast_closest(const kr_model *model) {
    double r_lo = 1.0;
    if (model->has_min_nbor_dist && model->min_nbor_dist > 0.2) {
        r_lo = 0.8 * model->min_nbor_dist;
    } else {
        for (int t = 0; t < model->ntypes; t++)
            if (!model->type_map || !model->type_map[t] || !strcmp(model->type_map[t], "H") ||
                !strcmp(model->type_map[t], "D"))
                r_lo = 0.6;
    }
    return fmin(r_lo, 0.4 * model->descriptor.rcut);
}

static void set_grid(const planner *p, int intervals, kr_fast_grid *grid) {
    const kr_descriptor *d = &p->model->descriptor;
    int n[2] = {intervals, 0};
    if (d->rcut_smth > p->r_lo) {
        n[0] = (int)(p->share * intervals + 0.5);
        if (n[0] < 4) n[0] = 4;
        if (n[0] > intervals - 4) n[0] = intervals - 4;
        n[1] = intervals - n[0];
    }
    kr_fast_grid_set(p->r_lo, d->rcut_smth, d->rcut, n, grid);
}

/* Builds a candidate and measures it on every probe; the largest error. */
static kr_status measure(kr_context *ctx, planner *p, int single, const kr_fast_grid *grid,
                         const kr_fast_channels *channels, double *error, kr_fast **keep) {
    kr_status status = KR_OK;
    kr_fast *fast = NULL;
    kr_fast_workspace *ws = NULL;
    double *gr = NULL;
    int most = 0;
    *error = 0;
    for (int t = 0; t < p->nt; t++)
        if (p->probe[t].env.npairs > most) most = p->probe[t].env.npairs;
    KR_NEW(ctx, gr, 3 * (size_t)most + MAX_PROBES + KR_FAST_DIMERS * (size_t)p->nused);
    KR_TRY(kr_fast_build(ctx, p->model, p->used, single, p->rounded, p->isa, grid, channels, keep ? NULL : p->base,
                         &fast));
    KR_TRY(kr_fast_workspace_create(ctx, fast, &ws));
    for (int t = 0; t < p->nt; t++) {
        const kr_fast_probe *probe = &p->probe[t];
        p->error[t] = 0;
        if (!probe->env.natoms) continue;
        KR_TRY(kr_fast_block(ctx, fast, &probe->env, p->fparam, p->aparam, gr + 3 * (size_t)most, gr, ws));
        p->error[t] = kr_fast_probe_error(probe, gr);
        if (!(p->error[t] <= *error)) *error = p->error[t];
    }
    if (keep || !p->base) {
        *(keep ? keep : &p->base) = fast;
        fast = NULL;
    }
done:
    kr_fast_workspace_destroy(&ws);
    kr_fast_destroy(&fast);
    kr_free(gr);
    return status;
}

/* Share of the first segment: errors fall as intervals^−5, equal errors on both sides are wanted. */
static kr_status balance(kr_context *ctx, planner *p) {
    enum { TRIAL = 48, CHECKS = 4 * TRIAL };
    kr_status status = KR_OK;
    const kr_descriptor *d = &p->model->descriptor;
    const size_t ng = (size_t)d->ng;
    kr_fast host = {.model = p->model, .ntypes = p->nt};
    kr_fast_grid grid;
    double *c = NULL, *g = NULL, *r = NULL, error[2] = {0, 0};
    p->share = 1;
    if (d->rcut_smth <= p->r_lo) return KR_OK;
    int n[2] = {TRIAL, TRIAL};
    kr_fast_grid_set(p->r_lo, d->rcut_smth, d->rcut, n, &grid);
    KR_NEW(ctx, c, (size_t)grid.ncoef * ng);
    KR_NEW(ctx, g, CHECKS * ng);
    KR_NEW(ctx, r, (size_t)grid.ncoef + CHECKS);
    kr_fast_grid_nodes(&grid, r);
    KR_TRY(kr_fast_embedding(ctx, &host, p->first, p->first, grid.ncoef, r, c));
    KR_TRY(kr_fast_grid_solve(ctx, &grid, d->ng, c));
    for (int s = 0; s < 2; s++) {
        const kr_fast_segment *seg = &grid.segment[s];
        for (int k = 0; k < CHECKS; k++) r[k] = exp(seg->x_begin + (k + 0.5) / 4 / seg->inv_h);
        KR_TRY(kr_fast_embedding(ctx, &host, p->first, p->first, CHECKS, r, g));
        for (int k = 0; k < CHECKS; k++) {
            double b[6];
            kr_fast_basis((k % 4 + 0.5) / 4, b);
            for (size_t m = 0; m < ng; m++) {
                double value = 0;
                for (int j = 0; j < 6; j++) value += b[j] * c[(size_t)(seg->offset + k / 4 + j) * ng + m];
                /* an error of value on the scale of an interval is one of slope, times 1/(h r) */
                error[s] = fmax(error[s], fabs(value - g[(size_t)k * ng + m]) * seg->inv_h / r[k]);
            }
        }
    }
    double ratio = pow(fmax(error[0], 1e-15) / fmax(error[1], 1e-15), 0.2);
    p->share = ratio / (1 + ratio);
done:
    kr_free(c);
    kr_free(g);
    kr_free(r);
    return status;
}

static kr_status start(kr_context *ctx, planner *p) {
    kr_status status = KR_OK;
    const kr_fitting *f = &p->model->fitting;
    for (int t = p->nt - 1; t >= 0; t--)
        if (kr_fast_uses(p->used, t)) {
            p->first = t;
            p->nused++;
        }
    int ncenters = 24 / p->nused;
    ncenters = ncenters > MAX_PROBES ? MAX_PROBES : ncenters < MIN_PROBES ? MIN_PROBES : ncenters;
    KR_NEW(ctx, p->probe, (size_t)p->nt);
    KR_NEW(ctx, p->error, (size_t)p->nt);
    KR_NEW(ctx, p->fparam, (size_t)f->numb_fparam);
    const int nrows = ncenters + KR_FAST_DIMERS * p->nused;
    KR_NEW(ctx, p->aparam, (size_t)f->numb_aparam * (size_t)nrows);
    for (int k = 0; k < f->numb_fparam; k++)
        p->fparam[k] = f->default_fparam ? f->default_fparam[k] : f->fparam_avg ? f->fparam_avg[k] : 0;
    for (int k = 0; k < f->numb_aparam * nrows; k++)
        p->aparam[k] = f->aparam_avg ? f->aparam_avg[k % f->numb_aparam] : 0;
    for (int t = 0; t < p->nt; t++) {
        if (!kr_fast_uses(p->used, t) || !f->net[f->mixed_types ? 0 : t]) continue;
        KR_TRY(kr_fast_probe_create(ctx, p->model, p->used, t, p->r_lo, ncenters, &p->probe[t]));
        KR_TRY(kr_fast_probe_exact(ctx, p->model, p->fparam, p->aparam, &p->probe[t]));
    }
    KR_TRY(balance(ctx, p));
done:
    return status;
}

/* Smallest entry of the ladder with an error below `allowed`, or the last one. */
static kr_status search_intervals(kr_context *ctx, planner *p, const kr_fast_channels *none, double allowed,
                                  kr_fast_grid *grid) {
    kr_status status = KR_OK;
    int low = 0, high = LADDER - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        double error;
        set_grid(p, ladder[middle], grid);
        KR_TRY(measure(ctx, p, 0, grid, none, &error, NULL));
        if (error <= allowed)
            high = middle;
        else
            low = middle + 1;
    }
    set_grid(p, ladder[high], grid);
done:
    return status;
}

/* Bisection of all types at once: the smallest rank in [low, high) of basis `all` that keeps the error below `allowed`,
 * or high, which is not measured. `first` [nt]: the rank to begin with. The caller's channels are scratch here. */
static kr_status bisect(kr_context *ctx, planner *p, const kr_fast_grid *grid, double allowed,
                        const kr_fast_channels *all, const int *first, int *low, int *high,
                        kr_fast_channels *channels) {
    kr_status status = KR_OK;
    const int ng = p->model->descriptor.ng;
    for (int round = 0, more = 1; more; round++) {
        double error;
        more = 0;
        for (int t = 0; t < p->nt; t++) {
            if (!all[t].q || low[t] >= high[t]) continue;
            more = 1;
            KR_TRY(kr_fast_channels_cut(ctx, &all[t], ng, round ? (low[t] + high[t]) / 2 : first[t], &channels[t]));
        }
        if (!more) break;
        KR_TRY(measure(ctx, p, 0, grid, channels, &error, NULL));
        for (int t = 0; t < p->nt; t++) {
            if (!all[t].q || low[t] >= high[t]) continue;
            if (p->error[t] <= allowed)
                high[t] = channels[t].q;
            else
                low[t] = channels[t].q + 1;
        }
    }
done:
    return status;
}

/* Scratch of search_rank, one entry per type. */
typedef struct rank_search {
    kr_fast_channels *beside, *whole; /* basis that keeps the axis, and the one that does not */
    int *low, *high, *first, *most, *rank;
} rank_search;

static void free_search(const planner *p, rank_search *s) {
    for (int t = 0; s->beside && t < p->nt; t++) kr_fast_channels_free(&s->beside[t]);
    for (int t = 0; s->whole && t < p->nt; t++) kr_fast_channels_free(&s->whole[t]);
    kr_free(s->beside);
    kr_free(s->whole);
    kr_free(s->low);
}

/* The basis of every centre type that keeps the error below `allowed` with the fewest inputs of the fitting net. */
static kr_status search_rank(kr_context *ctx, planner *p, const kr_fast_grid *grid, double allowed,
                             kr_fast_channels *channels) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &p->model->descriptor;
    const int nt = p->nt, ng = d->ng, axis = d->axis_neuron, apart = d->separate_degrees;
    kr_fast host = {.model = p->model, .ntypes = nt, .used = p->used, .radial = d->ncolumns == 1};
    rank_search s = {0};
    int top = ng; /* more columns than this would save little */
    if (host.radial || axis >= ng) return KR_OK;
    while (top > axis && kr_fast_inputs(apart, top, axis) * 10 > kr_fast_inputs(apart, ng, axis) * 7) top--;
    KR_NEW(ctx, s.beside, (size_t)nt);
    KR_NEW(ctx, s.whole, (size_t)nt);
    KR_NEW(ctx, s.low, 5 * (size_t)nt);
    s.high = s.low + nt, s.first = s.high + nt, s.most = s.first + nt, s.rank = s.most + nt;
    for (int t = 0; t < nt; t++) {
        if (!p->probe[t].env.natoms) continue; /* not in use, or without a network */
        s.low[t] = axis;
        s.high[t] = top + 1;
        s.first[t] = (s.low[t] + s.high[t]) / 2;
        KR_TRY(kr_fast_rank_basis(ctx, &host, t, p->r_lo, 1, &s.beside[t]));
    }
    KR_TRY(bisect(ctx, p, grid, allowed, s.beside, s.first, s.low, s.high, channels));
    for (int t = 0; t < nt; t++) {
        if (!s.beside[t].q) continue;
        int q = 0, inputs = kr_fast_inputs(apart, s.high[t] > top ? top : s.high[t], axis);
        s.rank[t] = s.high[t] > top ? 0 : s.high[t];
        KR_TRY(kr_fast_channels_cut(ctx, &s.beside[t], ng, s.rank[t], &channels[t]));
        if (apart) { /* in the whole basis every channel has all degrees */
            s.high[t] = s.most[t] + 1;
            continue;
        }
        KR_TRY(kr_fast_rank_basis(ctx, &host, t, p->r_lo, 0, &s.whole[t]));
        while (kr_fast_inputs(0, q + 1, q + 1) < inputs && q + 1 < ng) q++;
        s.first[t] = s.most[t] = q; /* the first measurement tells whether it is worth a search */
        s.low[t] = 1;
        s.high[t] = q + 1;
    }
    KR_TRY(bisect(ctx, p, grid, allowed, s.whole, s.first, s.low, s.high, channels));
    for (int t = 0; t < nt; t++) {
        if (!s.beside[t].q) continue;
        int whole = s.high[t] <= s.most[t];
        KR_TRY(kr_fast_channels_cut(ctx, whole ? &s.whole[t] : &s.beside[t], ng, whole ? s.high[t] : s.rank[t],
                                    &channels[t]));
    }
done:
    free_search(p, &s);
    return status;
}

kr_status kr_fast_plan(kr_context *ctx, const kr_model *model, const unsigned char *used, kr_isa isa, int single,
                       double tolerance, kr_fast **fast) {
    kr_status status = KR_OK;
    planner p = {.model = model,
                 .used = used,
                 .isa = isa,
                 .rounded = tolerance >= ROUNDED_FROM,
                 .nt = model->ntypes,
                 .r_lo = kr_fast_closest(model)};
    kr_fast_channels *channels = NULL;
    kr_fast_grid grid;
    double error;
    /* Rounding of single precision is about 1e-5 eV/Å: tighter tables would be wasted on it. With 3e-5 for the worst
     * probe, the sum stays below the 5e-5 that mixed precision promises, and real frames have far less. */
    double allowed = single && tolerance < 3e-5 ? 3e-5 : tolerance;
    /* The probes are single neighbours and crowded environments. With lmax > 1 two or three close atoms can have errors
     * three times as large (1.5e-6 eV/Å where the probes had 5e-7): half as much is asked of the probes there. */
    const double goal = model->descriptor.lmax > 1 ? 0.5 * allowed : allowed;
    KR_NEW(ctx, channels, (size_t)model->ntypes);
    KR_TRY(start(ctx, &p));
    KR_TRY(search_intervals(ctx, &p, channels, 0.5 * goal, &grid));
    KR_TRY(search_rank(ctx, &p, &grid, goal, channels));
    KR_TRY(measure(ctx, &p, single, &grid, channels, &error, fast));
    (*fast)->error = error;
    (*fast)->tolerance = allowed;
    (*fast)->asked = tolerance;
done:
    for (int t = 0; t < p.nt; t++) {
        if (channels) kr_fast_channels_free(&channels[t]);
        if (p.probe) kr_fast_probe_free(&p.probe[t]);
    }
    kr_fast_destroy(&p.base);
    kr_free(channels);
    kr_free(p.probe);
    kr_free(p.error);
    kr_free(p.fparam);
    kr_free(p.aparam);
    return status;
}
