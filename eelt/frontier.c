/* The farthest frame by a lazy heap.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/frontier.h"
#include "core/error.h"
#include "core/parallel.h"
#include "eelt/cover.h"
#include <math.h>
#include <string.h>

enum { BATCH = 64 }; /* frames brought up to date at once, by all threads */

typedef struct entry {
    double score, tie;
    long frame;
} entry;

struct kr_frontier {
    const kr_pool *pool;
    const double *weight; /* [n] copy, or NULL */
    double *copy;
    kr_cover cover;   /* of what was added */
    long nadded;      /* frames */
    long room;        /* of start, in frames */
    long *start;      /* [nadded + 1][nelements] rows of the cover when a frame was added */
    long *seen;       /* [n] number of added frames that a frame was compared with */
    double *d2;       /* [rows] squared distances, upper bounds */
    double *distance; /* [n] largest, upper bound */
    long *farthest;   /* [n] row */
    entry *heap;      /* [size], the top first */
    long size;
    int nthreads;
    kr_cover_scratch *scratch;
    long batch[BATCH];
};

/* ---- heap ---- */

static int before(const entry *a, const entry *b) {
    if (a->score != b->score) return a->score > b->score;
    if (a->tie != b->tie) return a->tie > b->tie;
    return a->frame < b->frame;
}

static void push(kr_frontier *f, entry e) {
    long i = f->size++;
    while (i > 0 && before(&e, &f->heap[(i - 1) / 2])) {
        f->heap[i] = f->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    f->heap[i] = e;
}

void kr_frontier_pop(kr_frontier *f) {
    if (!f->size) return;
    entry last = f->heap[--f->size];
    long i = 0;
    for (;;) {
        long child = 2 * i + 1;
        if (child >= f->size) break;
        if (child + 1 < f->size && before(&f->heap[child + 1], &f->heap[child])) child++;
        if (!before(&f->heap[child], &last)) break;
        f->heap[i] = f->heap[child];
        i = child;
    }
    if (f->size) f->heap[i] = last;
}

/* ---- distances ---- */

static void largest(kr_frontier *f, long frame) {
    const kr_feature_rows *r = f->pool->rows;
    double d2 = -1;
    for (long i = r->first[frame]; i < r->first[frame + 1]; i++)
        if (f->d2[i] > d2) {
            d2 = f->d2[i];
            f->farthest[frame] = i;
        }
    f->distance[frame] = sqrt(d2);
}

static entry entry_of(const kr_frontier *f, long frame) {
    double w = f->weight ? f->weight[frame] : 1, d = f->distance[frame];
    /* a frame with an environment of which nothing is known comes before all others, whatever its weight */
    return (entry){isinf(d) ? d : w * d, kr_pool_deviation(f->pool, frame), frame};
}

/* Rows of a frame against what was added since it was looked at. Rows of an element stand together. */
static kr_status refresh(void *payload, kr_context *ctx, long k, int thread) {
    kr_status status = KR_OK;
    kr_frontier *f = payload;
    const kr_feature_rows *r = f->pool->rows;
    long frame = f->batch[k], end = r->first[frame + 1];
    const long *from = f->start + f->seen[frame] * f->cover.nelements, *to = f->start + f->nadded * f->cover.nelements;
    for (long i = r->first[frame], j; i < end; i = j) {
        int e = r->type[i];
        for (j = i + 1; j < end && r->type[j] == e;) j++;
        KR_TRY(kr_cover_nearest(ctx, &f->cover, e, from[e], to[e], (int)(j - i), r->row + (size_t)i * (size_t)r->width,
                                -1, f->d2 + i, &f->scratch[thread]));
    }
    f->seen[frame] = f->nadded;
    largest(f, frame);
done:
    return status;
}

kr_status kr_frontier_top(kr_context *ctx, kr_frontier *f, long *frame, double *score, double *distance, long *row) {
    kr_status status = KR_OK;
    *frame = -1;
    while (f->size && f->seen[f->heap[0].frame] < f->nadded) {
        long n = 0;
        /* half of a batch may be work that a smaller one would not have done, but it keeps all threads busy */
        while (n < BATCH && f->size && f->seen[f->heap[0].frame] < f->nadded) {
            f->batch[n++] = f->heap[0].frame;
            kr_frontier_pop(f);
        }
        KR_TRY(kr_parallel_blocks(ctx, n, refresh, NULL, f));
        for (long k = 0; k < n; k++) push(f, entry_of(f, f->batch[k]));
    }
    if (!f->size) goto done;
    *frame = f->heap[0].frame;
    *score = f->heap[0].score;
    *distance = f->distance[*frame];
    *row = f->farthest[*frame];
done:
    return status;
}

kr_status kr_frontier_add(kr_context *ctx, kr_frontier *f, long frame) {
    kr_status status = KR_OK;
    size_t ne = (size_t)f->cover.nelements;
    if (f->nadded + 1 >= f->room) {
        size_t room = 2 * (size_t)f->room;
        long *more = kr_realloc(ctx, f->start, (size_t)f->room * ne, room * ne, sizeof *more);
        if (!more) return KR_ERR_MEMORY;
        f->start = more;
        f->room = (long)room;
    }
    KR_TRY(kr_cover_add(ctx, &f->cover, f->pool->rows, frame));
    f->nadded++;
    for (size_t e = 0; e < ne; e++) f->start[(size_t)f->nadded * ne + e] = f->cover.element[e].n;
done:
    return status;
}

kr_status kr_frontier_create(kr_context *ctx, const kr_pool *pool, const unsigned char *include, const double *weight,
                             kr_frontier **frontier) {
    kr_status status = KR_OK;
    const kr_feature_rows *r = pool->rows;
    kr_frontier *f = NULL;
    size_t n = (size_t)pool->n;
    *frontier = NULL;
    KR_NEW(ctx, f, 1);
    f->pool = pool;
    f->nthreads = kr_parallel_threads(ctx);
    f->room = 64;
    KR_TRY(kr_cover_create(ctx, r->width, kr_model_ntypes(pool->model), &f->cover));
    KR_NEW(ctx, f->start, (size_t)f->room * (size_t)f->cover.nelements);
    KR_NEW(ctx, f->seen, n + 1);
    KR_NEW(ctx, f->d2, (size_t)r->nrows + 1);
    KR_NEW(ctx, f->distance, n + 1);
    KR_NEW(ctx, f->farthest, n + 1);
    KR_NEW(ctx, f->heap, n + 1);
    KR_NEW(ctx, f->scratch, (size_t)f->nthreads);
    KR_NEW(ctx, f->copy, n + 1);
    if (weight) memcpy(f->copy, weight, n * sizeof *weight);
    f->weight = weight ? f->copy : NULL;
    for (long i = 0; i < r->nrows; i++) f->d2[i] = pool->gap[i] * pool->gap[i];
    for (long i = 0; i < pool->n; i++) {
        if (!include[i] || r->first[i] == r->first[i + 1]) continue;
        largest(f, i);
        push(f, entry_of(f, i));
    }
    *frontier = f;
    f = NULL;
done:
    kr_frontier_destroy(&f);
    return status;
}

void kr_frontier_destroy(kr_frontier **frontier) {
    if (!frontier || !*frontier) return;
    kr_frontier *f = *frontier;
    kr_cover_clear(&f->cover);
    for (int t = 0; f->scratch && t < f->nthreads; t++) kr_cover_scratch_free(&f->scratch[t]);
    kr_free(f->start);
    kr_free(f->seen);
    kr_free(f->d2);
    kr_free(f->distance);
    kr_free(f->farthest);
    kr_free(f->heap);
    kr_free(f->scratch);
    kr_free(f->copy);
    kr_free(f);
    *frontier = NULL;
}
