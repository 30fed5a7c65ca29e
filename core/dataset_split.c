/* Groups of equal structures, and splitting without leaks.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames that must stay together (equal structures, runs of a trajectory) are joined to groups. Within each composition
 * the groups are drawn in a random order, and each goes to the part that lacks most of its share. */
#include "core/error.h"
#include "core/frame_table.h"
#include "core/memory.h"
#include "core/random.h"
#include <kramers/dataset_tools.h>
#include <math.h>
#include <stdlib.h>

const kr_split_options kr_split_defaults = {.fraction = {0.8, 0.1, 0.1}, .seed = 1, .tolerance = 1e-4, .block = 1};

enum { PURPOSE_SPLIT = 0x73706c74 };

kr_status kr_dataset_group(kr_context *ctx, const kr_dataset *dataset, double tolerance, int *group) {
    kr_status status = KR_OK;
    kr_frame_table *t = NULL;
    if (!dataset || !group || !(tolerance > 0))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "grouping needs a dataset, a result and a tolerance > 0, found %g", tolerance);
    KR_TRY(kr_frame_table_create(ctx, dataset, 1, &t));
    KR_TRY(kr_frame_table_group(ctx, t, tolerance, group, NULL, NULL));
done:
    kr_frame_table_destroy(&t);
    return status;
}

static kr_status check_options(kr_context *ctx, const kr_split_options *o) {
    double sum = 0;
    for (int p = 0; p < 3; p++) {
        if (!(o->fraction[p] >= 0) || !isfinite(o->fraction[p]))
            return KR_ERROR(ctx, KR_ERR_ARGUMENT, "part %d of the split has the share %g", p, o->fraction[p]);
        sum += o->fraction[p];
    }
    if (!(sum > 0)) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "the shares of a split are all 0");
    if (o->block < 1 || o->gap < 0 || !(o->tolerance >= 0))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "runs of %d frames, gaps of %d, tolerance %g: at least 1, 0 and 0",
                        o->block, o->gap, o->tolerance);
    return KR_OK;
}

/* A group with its draw. */
typedef struct lot {
    int composition, group, size;
    uint64_t draw;
} lot;

static int by_draw(const void *a, const void *b) {
    const lot *x = a, *y = b;
    if (x->composition != y->composition) return x->composition < y->composition ? -1 : 1;
    if (x->draw != y->draw) return x->draw < y->draw ? -1 : 1;
    return x->group < y->group ? -1 : x->group > y->group;
}

/* part of every group (by its name, the smallest frame). */
static kr_status deal(kr_context *ctx, const kr_frame_table *t, const kr_split_options *o, const int *group,
                      int *part) {
    kr_status status = KR_OK;
    kr_stream stream = {o->seed, PURPOSE_SPLIT};
    lot *lots = NULL;
    int n = 0, *size = NULL;
    double sum = o->fraction[0] + o->fraction[1] + o->fraction[2];
    KR_NEW(ctx, lots, (size_t)t->nframes);
    KR_NEW(ctx, size, (size_t)t->nframes);
    for (int i = 0; i < t->nframes; i++) size[group[i]]++;
    for (int i = 0; i < t->nframes; i++) {
        if (group[i] != i) continue;
        uint64_t word[4];
        kr_random_words(stream, 0, (uint64_t)i, 0, word);
        lots[n++] = (lot){t->row[i].composition, i, size[i], word[0]};
    }
    qsort(lots, (size_t)n, sizeof *lots, by_draw);
    for (int k = 0; k < n;) {
        double share[3], given[3] = {0};
        int end = k, frames = 0;
        for (; end < n && lots[end].composition == lots[k].composition; end++) frames += lots[end].size;
        for (int p = 0; p < 3; p++) share[p] = o->fraction[p] / sum * frames;
        for (; k < end; k++) {
            int best = -1;
            double worst = -INFINITY; /* most lacking after it would get this group, so that big ones go to big parts */
            for (int p = 0; p < 3; p++) {
                if (o->fraction[p] == 0) continue;
                double lacking = share[p] - given[p] - 0.5 * lots[k].size;
                if (lacking > worst) {
                    worst = lacking;
                    best = p;
                }
            }
            given[best] += lots[k].size;
            part[lots[k].group] = best;
        }
    }
    for (int i = 0; i < t->nframes; i++) part[i] = part[group[i]];
done:
    kr_free(lots);
    kr_free(size);
    return status;
}

/* Leaves `gap` frames out on both sides where runs of different parts meet: of every frame within the gap of a border
 * the part is −1. */
static void leave_gaps(const kr_frame_table *t, int gap, const int *part, int *out) {
    for (int i = 0; i < t->nframes; i++) {
        out[i] = part[i];
        for (int d = -gap; d <= gap; d++) {
            int j = i + d;
            if (j < 0 || j >= t->nframes || t->row[j].system != t->row[i].system) continue;
            /* the training part gives way, so that the small parts keep their frames */
            if (part[j] != part[i] && part[i] < part[j]) out[i] = -1;
        }
    }
}

kr_status kr_dataset_split(kr_context *ctx, const kr_dataset *dataset, const kr_split_options *options, int *part) {
    kr_status status = KR_OK;
    const kr_split_options *o = options ? options : &kr_split_defaults;
    kr_frame_table *t = NULL;
    int *group = NULL, *dealt = NULL;
    if (!dataset || !part) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "no dataset or no place for the parts");
    KR_TRY(check_options(ctx, o));
    KR_TRY(kr_frame_table_create(ctx, dataset, o->tolerance > 0, &t));
    KR_NEW(ctx, group, (size_t)t->nframes);
    KR_NEW(ctx, dealt, (size_t)t->nframes);
    for (int i = 0; i < t->nframes; i++) group[i] = i;
    if (o->tolerance > 0) KR_TRY(kr_frame_table_group(ctx, t, o->tolerance, group, NULL, NULL));
    for (int i = 1; i < t->nframes; i++)
        if (t->row[i].frame % o->block) kr_group_unite(group, i - 1, i);
    for (int i = 0; i < t->nframes; i++) group[i] = kr_group_find(group, i);
    KR_TRY(deal(ctx, t, o, group, dealt));
    leave_gaps(t, o->block > 1 ? o->gap : 0, dealt, part);
done:
    kr_frame_table_destroy(&t);
    kr_free(group);
    kr_free(dealt);
    return status;
}
