/* First step: frames that a calculation can take and that mean something.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Finite numbers; every pair at least `distance` times the sum of its covalent radii apart, images included; height of
 * the cell and its volume per atom; the model's largest force. A cell that is only oddly described (large tilt) is
 * fine: distances are taken in the reduced cell. */
#include "core/elements.h"
#include "core/error.h"
#include "core/neighbor.h"
#include "eelt/select.h"
#include <math.h>
#include <string.h>

static int all_finite(size_t n, const double *x) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return 0;
    return 1;
}

/* Å; 1.5 for a name that is no element. */
static double radius_of(const char *name) {
    double r = kr_element_radius(kr_element_number(name, strlen(name)));
    return r > 0 ? r : 1.5;
}

typedef struct checker {
    kr_pool *pool;
    kr_frames frames;
    kr_neighbors neighbors;
    double *radius; /* [names] Å */
    double *least;  /* [names][names] shortest distances, Å */
    double most;    /* largest distance that matters */
} checker;

static double by_options(const checker *c, int a, int b) {
    const kr_sane_options *o = &c->pool->options->sane;
    char *const *name = c->frames.names.name;
    for (int k = 0; k < o->npairs; k++) {
        const kr_sane_pair *p = &o->pair[k];
        if ((!strcmp(p->a, name[a]) && !strcmp(p->b, name[b])) || (!strcmp(p->a, name[b]) && !strcmp(p->b, name[a])))
            return p->distance;
    }
    return fmax(o->distance > 0 ? o->distance * (c->radius[a] + c->radius[b]) : 0, o->min_distance);
}

static double least_distance(const checker *c, int a, int b) { return c->least[a * c->frames.names.n + b]; }

/* The pair that is shortest compared with what it should be. */
static void check_pairs(const checker *c, long index, const kr_frame *f) {
    const kr_neighbors *nb = &c->neighbors;
    double worst = 1, at = 0;
    int pair[2] = {-1, -1};
    for (int i = 0; i < nb->nlocal; i++)
        for (int k = 0; k < nb->numneigh[i]; k++) {
            int j = nb->firstneigh[i][k], owner = nb->owner[j];
            double d2 = 0, least = least_distance(c, f->type[i], f->type[owner]);
            for (int a = 0; a < 3; a++)
                d2 += (nb->x[3 * j + a] - nb->x[3 * i + a]) * (nb->x[3 * j + a] - nb->x[3 * i + a]);
            if (!(sqrt(d2) < worst * least)) continue;
            worst = sqrt(d2) / least;
            at = sqrt(d2);
            pair[0] = i;
            pair[1] = owner;
        }
    if (pair[0] >= 0)
        kr_pool_drop(c->pool, index, KR_DECISION_INSANE, "atoms %d (%s) and %d (%s) %.3f A apart, at least %.3f",
                     pair[0], c->frames.names.name[f->type[pair[0]]], pair[1], c->frames.names.name[f->type[pair[1]]],
                     at, at / worst);
}

/* 0 when the frame was dropped. */
static int check_cell(kr_pool *pool, long i, const kr_frame *f, const kr_cell *cell) {
    const kr_sane_options *o = &pool->options->sane;
    double start = pool->meta[i].start_volume;
    kr_cell reduced;
    int transform[9];
    kr_cell_reduce(cell, &reduced, transform);
    for (int a = 0; a < 3 && o->height > 0; a++) {
        if (!f->pbc[a] || reduced.face[a] >= o->height) continue;
        kr_pool_drop(pool, i, KR_DECISION_INSANE, "faces of the cell %.3f A apart, at least %.3f", reduced.face[a],
                     o->height);
        return 0;
    }
    if (f->pbc[0] && f->pbc[1] && f->pbc[2] && start > 0 && o->volume_factor > 0) {
        double ratio = cell->volume / (double)f->natoms / start;
        if (ratio > o->volume_factor || ratio < 1 / o->volume_factor) {
            kr_pool_drop(pool, i, KR_DECISION_INSANE,
                         "volume %.4g A^3 per atom, started with %.4g: factor %.3g, at most %g", ratio * start, start,
                         ratio < 1 ? 1 / ratio : ratio, o->volume_factor);
            return 0;
        }
    }
    return 1;
}

static kr_status check_frame(kr_context *ctx, checker *c, long i) {
    kr_status status = KR_OK;
    kr_pool *pool = c->pool;
    const kr_sane_options *o = &pool->options->sane;
    kr_frame f;
    kr_cell cell;
    KR_TRY(kr_frames_get(ctx, &c->frames, pool->system[i], pool->frame[i], &f));
    int periodic = f.pbc[0] || f.pbc[1] || f.pbc[2];
    if (!f.natoms || !all_finite(3 * (size_t)f.natoms, f.coord) || (periodic && !all_finite(9, f.box))) {
        kr_pool_drop(pool, i, KR_DECISION_INSANE, f.natoms ? "positions or cell are not finite" : "no atoms");
    } else if (o->f_max > 0 && pool->meta[i].f_max > o->f_max) {
        kr_pool_drop(pool, i, KR_DECISION_INSANE, "largest force of the model %.4g eV/A, at most %g",
                     pool->meta[i].f_max, o->f_max);
    } else if (kr_cell_set(NULL, periodic ? f.box : NULL, periodic ? f.pbc : NULL, &cell) < 0) {
        kr_pool_drop(pool, i, KR_DECISION_INSANE, "the cell has no volume");
    } else if (check_cell(pool, i, &f, &cell) && c->most > 0) {
        KR_TRY(kr_neighbors_build(ctx, &cell, c->most, f.natoms, f.coord, NULL, &c->neighbors));
        check_pairs(c, i, &f);
    }
done:
    return status;
}

kr_status kr_select_sane(kr_context *ctx, kr_pool *pool) {
    kr_status status = KR_OK;
    checker c = {.pool = pool};
    KR_TRY(kr_frames_begin(ctx, pool->dataset, &c.frames));
    KR_NEW(ctx, c.radius, (size_t)c.frames.names.n + 1);
    for (int t = 0; t < c.frames.names.n; t++) c.radius[t] = radius_of(c.frames.names.name[t]);
    int n = c.frames.names.n;
    KR_NEW(ctx, c.least, (size_t)n * (size_t)n + 1);
    for (int k = 0; k < n * n; k++) {
        c.least[k] = by_options(&c, k / n, k % n);
        c.most = fmax(c.most, c.least[k]);
    }
    for (long i = 0; i < pool->n; i++)
        if (pool->alive[i]) KR_TRY(check_frame(ctx, &c, i));
done:
    kr_frames_clear(&c.frames);
    kr_neighbors_free(&c.neighbors);
    kr_free(c.radius);
    kr_free(c.least);
    return status;
}
