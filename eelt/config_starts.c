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

/* Structures without a single neighbour within the model's cutoff: no atom would feel a force. One atom, or two that
 * are pulled apart, are meant to be alone. */
static kr_status check_neighbors(kr_context *ctx, const kr_config *c, const kr_config_system *s, const char *where) {
    kr_status status = KR_OK;
    const kr_tree *rcut = kr_tree_at(c->training, "model.descriptor.rcut");
    kr_neighbors list = {0};
    kr_frames frames = {0};
    kr_frame f;
    kr_cell cell;
    long lonely = 0;
    if (!rcut || !(rcut->real > 0) || rcut->real > KR_CONFIG_RCUT) return KR_OK;
    KR_TRY(kr_frames_begin(ctx, s->starts, &frames));
    for (int k = 0; k < s->starts->nsystems; k++)
        for (int i = 0; i < s->starts->system[k]->nframes; i++) {
            KR_TRY(kr_frames_get(ctx, &frames, k, i, &f));
            const int periodic = f.pbc[0] || f.pbc[1] || f.pbc[2];
            if (f.natoms < 3 || kr_cell_set(NULL, periodic ? f.box : NULL, periodic ? f.pbc : NULL, &cell) < 0)
                continue;
            KR_TRY(kr_neighbors_build(ctx, &cell, rcut->real, f.natoms, f.coord, NULL, &list));
            lonely += !list.npairs;
        }
    if (!lonely) goto done;
    status = kr_parameter_fail(ctx, where, s->generate ? "generate" : "files", s->node,
                               "in %ld of %ld structures no atom has a neighbour within the cutoff of the models, %g A",
                               lonely, s->nstarts, rcut->real);
    kr_error_hint(ctx, "lengths are in A");
    status = kr_config_told(ctx, status);
done:
    if (frames.dataset) kr_frames_clear(&frames);
    kr_neighbors_free(&list);
    return status;
}

kr_status kr_config_starts_check(kr_context *ctx, const kr_config *c, int system) {
    kr_status status = KR_OK;
    const kr_config_system *s = &c->system[system];
    char where[64];
    snprintf(where, sizeof where, "explore.systems[%d]", system);
    KR_TRY(check_sane(ctx, c, s, where));
    KR_TRY(check_neighbors(ctx, c, s, where));
done:
    return status;
}
