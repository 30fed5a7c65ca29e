/* Second step, first part: structures that are the same up to order of atoms, periodic images and rounding to 1e-8 Å,
 * among the candidates and in the training set.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "eelt/select.h"
#include "eelt/structure.h"
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    char hash[65];
    long index; /* candidate; −1 − k for training frame k */
} entry;

/* Training frames before candidates, so that the first of a group of equal ones is the one to keep. */
static int by_hash(const void *a, const void *b) {
    const entry *x = a, *y = b;
    int order = strcmp(x->hash, y->hash);
    if (order) return order;
    if ((x->index < 0) != (y->index < 0)) return x->index < 0 ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static kr_status add(kr_context *ctx, kr_frames *frames, int system, int frame, kr_digest *digest, long index,
                     entry *list, long *n) {
    kr_status status = KR_OK;
    kr_frame f;
    KR_TRY(kr_frames_get(ctx, frames, system, frame, &f));
    KR_TRY(kr_structure_digest(ctx, &f, (const char *const *)frames->names.name, digest));
    kr_digest_end(digest, list[*n].hash);
    list[(*n)++].index = index;
done:
    return status;
}

/* Training frames without a cell or with numbers that are not finite equal nothing. */
static kr_status add_training(kr_context *ctx, const kr_dataset *training, kr_digest *digest, entry *list, long *n) {
    kr_status status = KR_OK;
    kr_frames frames = {0};
    long index = 0;
    KR_TRY(kr_frames_begin(ctx, training, &frames));
    for (int s = 0; s < training->nsystems; s++)
        for (int f = 0; f < training->system[s]->nframes; f++)
            KR_TRY(add(ctx, &frames, s, f, digest, -1 - index++, list, n));
done:
    kr_frames_clear(&frames);
    return status;
}

kr_status kr_select_equal(kr_context *ctx, kr_pool *pool, const kr_dataset *training) {
    kr_status status = KR_OK;
    kr_frames frames = {0};
    kr_digest *digest = NULL;
    entry *list = NULL;
    long n = 0, room = pool->n;
    for (int s = 0; training && s < training->nsystems; s++) room += training->system[s]->nframes;
    KR_NEW(ctx, list, (size_t)room + 1);
    KR_TRY(kr_digest_create(ctx, &digest));
    KR_TRY(kr_frames_begin(ctx, pool->dataset, &frames));
    for (long i = 0; i < pool->n; i++)
        if (pool->alive[i]) KR_TRY(add(ctx, &frames, pool->system[i], pool->frame[i], digest, i, list, &n));
    if (training) KR_TRY(add_training(ctx, training, digest, list, &n));
    qsort(list, (size_t)n, sizeof *list, by_hash);
    for (long k = 1, first = 0; k < n; k++) {
        if (strcmp(list[k].hash, list[first].hash)) {
            first = k;
        } else if (list[k].index >= 0 && list[first].index >= 0) {
            pool->choice[list[k].index].other = list[first].index;
            kr_pool_drop(pool, list[k].index, KR_DECISION_DUPLICATE, "the same structure as candidate %ld",
                         list[first].index);
        } else if (list[k].index >= 0) {
            kr_pool_drop(pool, list[k].index, KR_DECISION_KNOWN, "the same structure as training frame %ld",
                         -1 - list[first].index);
        }
    }
done:
    kr_frames_clear(&frames);
    kr_digest_destroy(&digest);
    kr_free(list);
    return status;
}
