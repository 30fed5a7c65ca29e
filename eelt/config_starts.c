/* The start structures of eelt.json: read or made, and looked at.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "core/memory.h"
#include "core/neighbor.h"
#include "eelt/config.h"
#include "eelt/generate.h"
#include "eelt/select.h"
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All files that one pattern names, in the order of their names. */
static kr_status read_files(kr_context *ctx, const kr_config *c, kr_config_system *s, const kr_tree *pattern) {
    kr_status status = KR_OK;
    kr_dataset *part = NULL;
    glob_t found = {0};
    char place[48];
    char *path = kr_label_path(ctx, c->base, pattern->string);
    if (!path) return KR_ERR_MEMORY;
    if (glob(path, 0, NULL, &found) != 0)
        KR_FAIL(ctx, KR_ERR_IO, "explore.systems: no file is named '%s'%s", path, kr_tree_place(pattern, place));
    for (size_t f = 0; f < found.gl_pathc; f++) {
        status = kr_dataset_read(ctx, found.gl_pathv[f], s->format, c->nelements, c->element, &part);
        if (status < 0) kr_error_prefix(ctx, "explore.systems%s", kr_tree_place(pattern, place));
        KR_TRY(status);
        for (int k = 0; k < part->nsystems; k++) {
            s->nstarts += part->system[k]->nframes;
            KR_TRY(kr_dataset_append(ctx, s->starts, &part->system[k]));
        }
        part->nsystems = 0;
        kr_dataset_destroy(&part);
    }
done:
    kr_dataset_destroy(&part);
    globfree(&found);
    kr_free(path);
    return status;
}

kr_status kr_config_starts(kr_context *ctx, kr_config *c) {
    kr_status status = KR_OK;
    for (int i = 0; i < c->nsystems; i++) {
        kr_config_system *s = &c->system[i];
        if (s->starts) continue;
        KR_TRY(kr_dataset_create(ctx, &s->starts));
        if (s->generate) {
            char where[64];
            snprintf(where, sizeof where, "explore.systems[%d].generate", i);
            KR_TRY(kr_config_told(ctx, kr_generate(ctx, s->generate, c->base, where, s->starts)));
            for (int k = 0; k < s->starts->nsystems; k++) s->nstarts += s->starts->system[k]->nframes;
        }
        if (!s->files) continue;
        int n = s->files->kind == KR_TREE_LIST ? s->files->count : 1;
        for (int f = 0; f < n; f++) {
            const kr_tree *pattern = s->files->kind == KR_TREE_LIST ? s->files->child[f] : s->files;
            KR_TRY(kr_config_told(ctx, read_files(ctx, c, s, pattern)));
        }
    }
done:
    return status;
}

/* ---- what is wrong with them ---- */

/* Frames that the selection would refuse, for the limit of select.distance: they would never be labelled. */
static kr_status check_sane(kr_context *ctx, const kr_config *c, const kr_config_system *s, const char *where) {
    kr_status status = KR_OK;
    kr_select_options options = kr_select_defaults;
    const size_t n = (size_t)s->nstarts;
    kr_pool pool = {.options = &options, .dataset = s->starts, .n = s->nstarts};
    kr_candidate *meta = NULL;
    long bad = 0, first = -1;
    options.sane = (kr_sane_options){.distance = c->select.distance};
    KR_NEW(ctx, pool.system, n);
    KR_NEW(ctx, pool.frame, n);
    KR_NEW(ctx, pool.alive, n);
    KR_NEW(ctx, pool.choice, n);
    KR_NEW(ctx, meta, n);
    pool.meta = meta;
    for (int k = 0, i = 0; k < s->starts->nsystems; k++)
        for (int f = 0; f < s->starts->system[k]->nframes; f++, i++) {
            pool.system[i] = k;
            pool.frame[i] = f;
            pool.alive[i] = 1;
        }
    KR_TRY(kr_select_sane(ctx, &pool));
    for (long i = 0; i < pool.n; i++)
        if (!pool.alive[i] && !bad++) first = i;
    if (!bad) goto done;
    status = kr_parameter_fail(ctx, where, s->generate ? "generate" : "files", s->node,
                               "%ld of %ld structures could not be labelled: in number %ld %s", bad, s->nstarts,
                               first + 1, pool.choice[first].reason);
    kr_error_hint(ctx, "positions are in A; select.distance, %g, times the covalent radii is the least distance",
                  c->select.distance);
    status = kr_config_told(ctx, status);
done:
    kr_free(pool.system);
    kr_free(pool.frame);
    kr_free(pool.alive);
    kr_free(pool.choice);
    kr_free(meta);
    return status;
}

static double cutoff_of(const kr_config *c) {
    const kr_tree *rcut = kr_tree_at(c->training, "model.descriptor.rcut");
    return rcut && rcut->real > 0 && rcut->real <= KR_CONFIG_RCUT ? rcut->real : 0;
}

/* Structures without a single neighbour within the model's cutoff: no atom would feel a force. One atom, or two that
 * are pulled apart, are meant to be alone. */
static kr_status check_neighbors(kr_context *ctx, const kr_config *c, const kr_config_system *s, const char *where) {
    kr_status status = KR_OK;
    const double rcut = cutoff_of(c);
    kr_neighbors list = {0};
    kr_frames frames = {0};
    kr_frame f;
    kr_cell cell;
    long lonely = 0;
    if (!rcut) return KR_OK;
    KR_TRY(kr_frames_begin(ctx, s->starts, &frames));
    for (int k = 0; k < s->starts->nsystems; k++)
        for (int i = 0; i < s->starts->system[k]->nframes; i++) {
            KR_TRY(kr_frames_get(ctx, &frames, k, i, &f));
            const int periodic = f.pbc[0] || f.pbc[1] || f.pbc[2];
            if (f.natoms < 3 || kr_cell_set(NULL, periodic ? f.box : NULL, periodic ? f.pbc : NULL, &cell) < 0)
                continue;
            KR_TRY(kr_neighbors_build(ctx, &cell, rcut, f.natoms, f.coord, NULL, &list));
            lonely += !list.npairs;
        }
    if (!lonely) goto done;
    status = kr_parameter_fail(ctx, where, s->generate ? "generate" : "files", s->node,
                               "in %ld of %ld structures no atom has a neighbour within the cutoff of the models, %g A",
                               lonely, s->nstarts, rcut);
    kr_error_hint(ctx, "lengths are in A");
    status = kr_config_told(ctx, status);
done:
    if (frames.dataset) kr_frames_clear(&frames);
    kr_neighbors_free(&list);
    return status;
}

/* A slab whose sides see each other through the vacuum. Of a ladder of widths the largest counts: the others show how
 * surfaces part. */
static kr_status check_vacuum(kr_context *ctx, const kr_config *c, const kr_config_system *s, const char *where) {
    const kr_tree *list = s->generate;
    const int n = !list ? 0 : list->kind == KR_TREE_LIST ? list->count : 1;
    for (int i = 0; i < n; i++) {
        const kr_tree *made = list->kind == KR_TREE_LIST ? list->child[i] : list;
        const kr_tree *kind = kr_tree_get(made, "kind"), *vacuum = kr_tree_get(made, "vacuum_A");
        double most = 0;
        if (!kind || kind->kind != KR_TREE_STRING || strcmp(kind->string, "slab") || !vacuum) continue;
        if (vacuum->kind != KR_TREE_LIST) most = vacuum->real;
        for (int k = 0; vacuum->kind == KR_TREE_LIST && k < vacuum->count; k++)
            most = fmax(most, vacuum->child[k]->real);
        if (most >= cutoff_of(c)) continue;
        kr_parameter_fail(ctx, where, "vacuum_A", vacuum, "found %g A, less than the cutoff of the models, %g A", most,
                          cutoff_of(c));
        kr_error_hint(ctx, "the two sides of the slab would feel each other");
        return kr_config_told(ctx, KR_ERR_FORMAT);
    }
    return KR_OK;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The widest empty layer of a cell along its edge a, in A. */
static double widest_gap(const kr_frame *f, int a, double *at) {
    const double *u = f->box + 3 * ((a + 1) % 3), *v = f->box + 3 * ((a + 2) % 3);
    const double normal[3] = {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
    const double area = sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
    double height = 0, gap = 0;
    for (int c = 0; c < 3; c++) height += f->box[3 * a + c] * normal[c] / area;
    height = fabs(height);
    if (!(height > 0)) return 0;
    for (int i = 0; i < f->natoms; i++) {
        double x = 0;
        for (int c = 0; c < 3; c++) x += f->coord[3 * i + c] * normal[c] / area;
        at[i] = x - height * floor(x / height);
    }
    qsort(at, (size_t)f->natoms, sizeof *at, ascending);
    for (int i = 0; i < f->natoms; i++) gap = fmax(gap, i + 1 < f->natoms ? at[i + 1] - at[i] : at[0] + height - at[i]);
    return gap;
}

kr_status kr_config_starts_gap(kr_context *ctx, const kr_config *c, int system, double *gap) {
    enum { VACUUM = 5 }; /* A; layers of crystals and liquids are nearer */
    kr_status status = KR_OK;
    const kr_config_system *s = &c->system[system];
    kr_frames frames = {0};
    kr_frame f;
    double *at = NULL;
    *gap = 0;
    if (s->generate || !s->nstarts) return KR_OK;
    KR_TRY(kr_frames_begin(ctx, s->starts, &frames));
    for (int k = 0; k < s->starts->nsystems; k++)
        for (int i = 0; i < s->starts->system[k]->nframes; i++) {
            KR_TRY(kr_frames_get(ctx, &frames, k, i, &f));
            kr_free(at);
            KR_NEW(ctx, at, (size_t)f.natoms + 1);
            for (int a = 0; a < 3; a++) {
                double here = f.pbc[a] ? widest_gap(&f, a, at) : 0;
                if (here > VACUUM && here < cutoff_of(c)) *gap = fmax(*gap, here);
            }
        }
done:
    if (frames.dataset) kr_frames_clear(&frames);
    kr_free(at);
    return status;
}

kr_status kr_config_starts_check(kr_context *ctx, const kr_config *c, int system) {
    kr_status status = KR_OK;
    const kr_config_system *s = &c->system[system];
    char where[64];
    snprintf(where, sizeof where, "explore.systems[%d]", system);
    KR_TRY(check_sane(ctx, c, s, where));
    KR_TRY(check_neighbors(ctx, c, s, where));
    KR_TRY(check_vacuum(ctx, c, s, where));
done:
    return status;
}
