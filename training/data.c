/* Reading systems and preparing frames.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "training/data.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/neighbor.h"
#include "core/parallel.h"
#include "training/sampler.h"
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void kr_batch_set(kr_batch *batch, int nframes, kr_training_frame **frames) {
    *batch = (kr_batch){.nframes = nframes, .frame = frames};
    for (int i = 0; i < nframes; i++) {
        batch->natoms += frames[i]->natoms;
        batch->npairs += frames[i]->env.npairs;
    }
}

const char *kr_data_name(const kr_data_set *set, const kr_training_frame *frame, char *text, size_t room) {
    snprintf(text, room, "%s, frame %d", set->system[frame->system].name, frame->index);
    return text;
}

void kr_data_destroy(kr_data_set **set) {
    if (!set || !*set) return;
    kr_data_set *s = *set;
    for (int i = 0; s->frame && i < s->nframes; i++) kr_training_frame_destroy(&s->frame[i]);
    for (int i = 0; s->system && i < s->nsystems; i++) {
        kr_free(s->system[i].name);
        kr_free(s->system[i].formula);
        kr_free(s->system[i].entry);
        kr_free(s->system[i].row);
    }
    kr_free(s->frame);
    kr_free(s->system);
    kr_free(s->plan);
    kr_free(s->drawn);
    kr_dataset_destroy(&s->dataset);
    kr_free(s);
    *set = NULL;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* rglob_patterns keep what was found by searching a folder: the path below it must match one of them. */
static int matches(const kr_tree *patterns, const char *folder, const char *name) {
    size_t n = strlen(folder);
    if (!patterns || patterns->kind != KR_TREE_LIST || strncmp(name, folder, n)) return 1;
    const char *rest = name + n + strspn(name + n, "/");
    if (!*rest) return 1; /* the folder itself is a system */
    for (int i = 0; i < patterns->count; i++) {
        const char *pattern = patterns->child[i]->kind == KR_TREE_STRING ? patterns->child[i]->string : "";
        for (const char *tail = rest; tail; tail = strchr(tail, '/') ? strchr(tail, '/') + 1 : NULL)
            if (!fnmatch(pattern, tail, 0)) return 1;
    }
    return 0;
}

static kr_status read_one(kr_context *ctx, const kr_input_data *options, const kr_tree *path, const char *where,
                          kr_dataset *all) {
    kr_status status = KR_OK;
    kr_dataset *part = NULL;
    char place[48];
    status = kr_dataset_read(ctx, path->string, NULL, 0, NULL, &part);
    if (status < 0) {
        kr_error_prefix(ctx, "%s.systems%s", where, kr_tree_place(path, place));
        goto done;
    }
    for (int s = 0; s < part->nsystems; s++) {
        if (!matches(options->rglob_patterns, path->string, part->system[s]->name)) continue;
        if (part->system[s]->nframes == 0)
            kr_log(ctx, KR_LOG_WARNING, "%s has no frames and is left out", part->system[s]->name);
        else
            KR_TRY(kr_dataset_append(ctx, all, &part->system[s]));
    }
done:
    kr_dataset_destroy(&part);
    return status;
}

kr_status kr_data_read(kr_context *ctx, const kr_input_data *options, const char *where, kr_data_set **set) {
    kr_status status = KR_OK;
    kr_data_set *d = NULL;
    const kr_tree *list = options->systems;
    char place[48];
    *set = NULL;
    KR_NEW(ctx, d, 1);
    d->pass = -1;
    KR_TRY(kr_dataset_create(ctx, &d->dataset));
    if (list->kind == KR_TREE_STRING) KR_TRY(read_one(ctx, options, list, where, d->dataset));
    for (int i = 0; i < list->count; i++) KR_TRY(read_one(ctx, options, list->child[i], where, d->dataset));
    if (d->dataset->nsystems == 0)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s.systems: there is no system with frames%s%s", where,
                options->rglob_patterns && options->rglob_patterns->kind == KR_TREE_LIST
                    ? " that matches rglob_patterns"
                    : "",
                kr_tree_place(list, place));
    *set = d;
    d = NULL;
done:
    kr_data_destroy(&d);
    return status;
}

/* ---- neighbours, for sel: "auto" --------------------------------------------------------------------------------- */

typedef struct census {
    const kr_data_set *set;
    int ntypes, *first; /* [nsystems + 1] frames before each system */
    const char *const *type_map;
    double rcut;
    int *most, *total; /* results per block: [nblocks][ntypes], [nblocks] */
    double *shortest;
} census;

static int type_of(const census *c, const kr_system *s, int type) {
    if (type < 0) return -1;
    if (!s->ntypes) return type < c->ntypes ? type : -1;
    for (int t = 0; t < c->ntypes; t++)
        if (type < s->ntypes && !strcmp(c->type_map[t], s->type_map[type])) return t;
    return -1;
}

static kr_status count_frame(void *payload, kr_context *ctx, long block, int thread) {
    (void)thread;
    kr_status status = KR_OK;
    census *c = payload;
    int system = 0;
    while (block >= c->first[system + 1]) system++;
    const kr_system *s = c->set->dataset->system[system];
    int f = (int)(block - c->first[system]), periodic = s->pbc[0] || s->pbc[1] || s->pbc[2];
    int *counts = NULL, *most = c->most + (size_t)block * (size_t)c->ntypes;
    unsigned char *skip = NULL;
    kr_neighbors list = {0};
    kr_cell cell;
    const int *type = kr_system_types(s, f);
    double shortest = INFINITY;
    KR_NEW(ctx, counts, (size_t)c->ntypes + (size_t)s->natoms);
    KR_NEW(ctx, skip, (size_t)s->natoms);
    int *mapped = counts + c->ntypes;
    for (int i = 0; i < s->natoms; i++) {
        mapped[i] = type_of(c, s, type[i]);
        skip[i] = type[i] < 0;
        if (mapped[i] < 0 && !skip[i])
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "atom %d is %s, which type_map does not have", i,
                    type[i] < s->ntypes ? s->type_map[type[i]] : "of a type beyond it");
    }
    KR_TRY(kr_cell_set(ctx, periodic ? s->box + (size_t)f * 9 : NULL, s->pbc, &cell));
    KR_TRY(
        kr_neighbors_build(ctx, &cell, c->rcut, s->natoms, s->coord + (size_t)f * (size_t)s->natoms * 3, skip, &list));
    for (int i = 0; i < list.nlocal; i++) {
        memset(counts, 0, (size_t)c->ntypes * sizeof *counts);
        for (long p = list.first[i]; p < list.first[i + 1]; p++) {
            const double *a = list.x + 3 * (size_t)i, *b = list.x + 3 * (size_t)list.neighbor[p];
            double r2 = (b[0] - a[0]) * (b[0] - a[0]) + (b[1] - a[1]) * (b[1] - a[1]) + (b[2] - a[2]) * (b[2] - a[2]);
            if (r2 < shortest) shortest = r2;
            counts[mapped[list.owner[list.neighbor[p]]]]++;
        }
        for (int t = 0; t < c->ntypes; t++)
            if (counts[t] > most[t]) most[t] = counts[t];
        if (list.numneigh[i] > c->total[block]) c->total[block] = list.numneigh[i];
    }
    c->shortest[block] = sqrt(shortest);
done:
    if (status < 0) kr_error_prefix(ctx, "%s, frame %d", s->name, f);
    kr_free(counts);
    kr_free(skip);
    kr_neighbors_free(&list);
    return status;
}

kr_status kr_data_neighbors(kr_context *ctx, const kr_data_set *set, int ntypes, const char *const *type_map,
                            double rcut, int *most, int *most_total, double *shortest) {
    kr_status status = KR_OK;
    census c = {.set = set, .ntypes = ntypes, .type_map = type_map, .rcut = rcut};
    int n;
    memset(most, 0, (size_t)ntypes * sizeof *most);
    *most_total = 0;
    *shortest = INFINITY;
    KR_NEW(ctx, c.first, (size_t)set->dataset->nsystems + 1);
    for (int s = 0; s < set->dataset->nsystems; s++) c.first[s + 1] = c.first[s] + set->dataset->system[s]->nframes;
    n = c.first[set->dataset->nsystems];
    KR_NEW(ctx, c.most, (size_t)n * (size_t)ntypes);
    KR_NEW(ctx, c.total, (size_t)n);
    KR_NEW(ctx, c.shortest, (size_t)n);
    KR_TRY(kr_parallel_blocks(ctx, n, count_frame, NULL, &c));
    for (int i = 0; i < n; i++) {
        for (int t = 0; t < ntypes; t++)
            if (c.most[(size_t)i * (size_t)ntypes + (size_t)t] > most[t])
                most[t] = c.most[(size_t)i * (size_t)ntypes + (size_t)t];
        if (c.total[i] > *most_total) *most_total = c.total[i];
        if (c.shortest[i] < *shortest) *shortest = c.shortest[i];
    }
done:
    kr_free(c.first);
    kr_free(c.most);
    kr_free(c.total);
    kr_free(c.shortest);
    return status;
}

/* ---- preparing --------------------------------------------------------------------------------------------------- */

typedef struct preparation {
    kr_data_set *set;
    const kr_model *model;
    const int *first; /* [nsystems + 1] */
    double min_distance;
    kr_overflow *overflow; /* [nframes] */
} preparation;

static kr_status prepare_frame(void *payload, kr_context *ctx, long block, int thread) {
    (void)thread;
    preparation *p = payload;
    int system = 0;
    while (block >= p->first[system + 1]) system++;
    return kr_training_frame_create(ctx, p->model, p->set->dataset->system[system], system,
                                    (int)(block - p->first[system]), p->min_distance, &p->overflow[block],
                                    &p->set->frame[block]);
}

static void sum_up(kr_data_set *d, const kr_overflow *overflow) {
    d->shortest = INFINITY;
    for (int i = 0; i < d->nframes; i++) {
        const kr_overflow *o = &overflow[i];
        d->bytes += d->frame[i]->bytes;
        if (d->frame[i]->shortest < d->shortest) d->shortest = d->frame[i]->shortest;
        d->overflow.evaluations += o->evaluations;
        d->overflow.environments += o->environments;
        if (o->worst_count - o->worst_sel > d->overflow.worst_count - d->overflow.worst_sel) {
            d->overflow.worst_count = o->worst_count;
            d->overflow.worst_sel = o->worst_sel;
            d->overflow.worst_center_type = o->worst_center_type;
            d->overflow.worst_neighbor_type = o->worst_neighbor_type;
        }
    }
}

/* One frame tells what all will need. */
static kr_status estimate(kr_context *ctx, preparation *p, double limit_gb) {
    kr_status status = KR_OK;
    kr_training_frame *frame = NULL;
    kr_overflow overflow = {0};
    double pairs = 0, bytes = 0;
    for (int s = 0; s < p->set->dataset->nsystems; s++) {
        const kr_system *system = p->set->dataset->system[s];
        KR_TRY(kr_training_frame_create(ctx, p->model, system, s, 0, p->min_distance, &overflow, &frame));
        pairs += (double)frame->env.npairs * system->nframes;
        bytes += (double)frame->bytes * system->nframes;
        kr_training_frame_destroy(&frame);
    }
    if (bytes > limit_gb * 1e9) {
        kr_log(ctx, KR_LOG_WARNING, "the frames will take about %.1f GB of memory (%.3g pairs of neighbours)",
               bytes * 1e-9, pairs);
    }
done:
    kr_training_frame_destroy(&frame);
    return status;
}

/* Formula of a frame, "O64H128". */
static char *formula_of(kr_context *ctx, const kr_model *model, const kr_training_frame *frame) {
    char text[256] = "";
    size_t used = 0;
    for (int t = 0; t < model->ntypes; t++) {
        int count = 0;
        for (int i = 0; i < frame->natoms; i++) count += frame->type[i] == t;
        if (count && used < sizeof text)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", model->type_map[t], count);
    }
    return kr_strdup(ctx, text);
}

/* Which frames can be drawn, and how often. */
static kr_status list_entries(kr_context *ctx, kr_data_set *d, const kr_model *model, const int *first,
                              double min_pair_dist) {
    kr_status status = KR_OK;
    KR_NEW(ctx, d->system, (size_t)d->dataset->nsystems);
    d->nsystems = d->dataset->nsystems;
    for (int s = 0; s < d->nsystems; s++) {
        kr_data_system *y = &d->system[s];
        long n = 0;
        y->name = kr_strdup(ctx, d->dataset->system[s]->name);
        y->formula = formula_of(ctx, model, d->frame[first[s]]);
        if (!y->name || !y->formula) KR_TRY(KR_ERR_MEMORY);
        y->natoms = d->dataset->system[s]->natoms;
        for (int pass = 0; pass < 2; pass++) {
            n = 0;
            for (int i = first[s]; i < first[s + 1]; i++) {
                const kr_training_frame *f = d->frame[i];
                if (f->shortest < min_pair_dist) {
                    d->left_out += pass;
                    continue;
                }
                for (long copy = lround(f->weight); copy > 0; copy--, n++)
                    if (pass) y->entry[n] = i;
            }
            if (!pass) KR_NEW(ctx, y->entry, (size_t)n);
        }
        y->nframes = (int)n;
    }
done:
    return status;
}

kr_status kr_data_prepare(kr_context *ctx, kr_data_set *d, const kr_model *model, const kr_input_data *options,
                          const char *where, const kr_input_own *own, uint64_t seed) {
    kr_status status = KR_OK;
    preparation p = {.set = d, .model = model, .min_distance = own->min_distance};
    int *first = NULL, n;
    KR_NEW(ctx, first, (size_t)d->dataset->nsystems + 1);
    for (int s = 0; s < d->dataset->nsystems; s++) first[s + 1] = first[s] + d->dataset->system[s]->nframes;
    n = first[d->dataset->nsystems];
    p.first = first;
    KR_TRY(estimate(ctx, &p, own->memory_gb));
    KR_NEW(ctx, d->frame, (size_t)n);
    d->nframes = n;
    KR_NEW(ctx, p.overflow, (size_t)n);
    KR_TRY(kr_parallel_blocks(ctx, n, prepare_frame, NULL, &p));
    sum_up(d, p.overflow);
    KR_TRY(list_entries(ctx, d, model, first, options->min_pair_dist));
    KR_TRY(kr_sampler_set(ctx, d, options, where, own->order, seed));
    kr_dataset_destroy(&d->dataset);
done:
    kr_free(first);
    kr_free(p.overflow);
    return status;
}
