/* The farthest frame by a lazy heap.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/frontier.h"
#include "core/error.h"
#include "core/parallel.h"
#include "eelt/cover.h"
#include <math.h>
#include <string.h>

enum { BATCH = 256, ROWS = 64 }; /* frames brought up to date at once, by all threads; rows of a block of them */

typedef struct entry {
    double score, tie;
    long frame;
} entry;

typedef struct thread_scratch {
    kr_cover_scratch cover;
    kr_buffer query, d2;
} thread_scratch;

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
    thread_scratch *scratch;
    long batch[BATCH];
    int start_of[BATCH + 1]; /* blocks of the batch */
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

/* Copies d2 of a block's rows of one element out or back, out with the rows themselves; returns their number. */
static int gather(const kr_frontier *f, int begin, int end, int element, double *query, double *d2, int back) {
    const kr_feature_rows *r = f->pool->rows;
    size_t width = (size_t)r->width;
    int n = 0;
    for (int k = begin; k < end; k++)
        for (long i = r->first[f->batch[k]]; i < r->first[f->batch[k] + 1]; i++) {
            if (r->type[i] != element) continue;
            if (back) {
                f->d2[i] = d2[n++];
            } else {
                memcpy(query + (size_t)n * width, r->row + (size_t)i * width, width * sizeof *query);
                d2[n++] = f->d2[i];
            }
        }
    return n;
}

/* Frames of a block against what was added since the first of them was looked at (for some that repeats a few products:
 * a minimum does not mind, and matrix products are many times faster than single ones). */
static kr_status refresh(void *payload, kr_context *ctx, long block, int thread) {
    kr_status status = KR_OK;
    kr_frontier *f = payload;
    const kr_feature_rows *r = f->pool->rows;
    thread_scratch *t = &f->scratch[thread];
    int begin = f->start_of[block], end = f->start_of[block + 1];
    size_t rows = 0, ne = (size_t)f->cover.nelements;
    long first = f->seen[f->batch[begin]]; /* the batch is sorted by it */
    for (int k = begin; k < end; k++) rows += (size_t)(r->first[f->batch[k] + 1] - r->first[f->batch[k]]);
    KR_TRY(kr_buffer_reserve(ctx, &t->query, rows * (size_t)r->width, sizeof(double)));
    KR_TRY(kr_buffer_reserve(ctx, &t->d2, rows, sizeof(double)));
    for (size_t e = 0; e < ne; e++) {
        long from = f->start[(size_t)first * ne + e], to = f->start[(size_t)f->nadded * ne + e];
        if (from == to) continue;
        int n = gather(f, begin, end, (int)e, t->query.data, t->d2.data, 0);
        KR_TRY(kr_cover_nearest(ctx, &f->cover, (int)e, from, to, n, t->query.data, -1, t->d2.data, &t->cover));
        gather(f, begin, end, (int)e, NULL, t->d2.data, 1);
    }
    for (int k = begin; k < end; k++) {
        f->seen[f->batch[k]] = f->nadded;
        largest(f, f->batch[k]);
    }
done:
    return status;
}

/* Stale frames from the top of the heap, sorted by what they have seen (insertion: they come nearly sorted), cut into
 * blocks. Returns the number of blocks, *n that of frames. */
static int take_batch(kr_frontier *f, int *n) {
    const kr_feature_rows *r = f->pool->rows;
    int blocks = 0;
    long rows = 0;
    *n = 0;
    while (*n < BATCH && f->size && f->seen[f->heap[0].frame] < f->nadded) {
        long frame = f->heap[0].frame;
        int k = (*n)++;
        for (; k > 0 && f->seen[f->batch[k - 1]] > f->seen[frame]; k--) f->batch[k] = f->batch[k - 1];
        f->batch[k] = frame;
        kr_frontier_pop(f);
    }
    for (int k = 0; k < *n; k++) {
        long more = r->first[f->batch[k] + 1] - r->first[f->batch[k]];
        if (k == 0 || rows + more > ROWS) {
            f->start_of[blocks++] = k;
            rows = 0;
        }
        rows += more;
    }
    f->start_of[blocks] = *n;
    return blocks;
}

kr_status kr_frontier_top(kr_context *ctx, kr_frontier *f, long *frame, double *score, double *distance, long *row) {
    kr_status status = KR_OK;
    *frame = -1;
    while (f->size && f->seen[f->heap[0].frame] < f->nadded) {
        int n, blocks = take_batch(f, &n);
        if (blocks == 1) /* not worth waking the others */
            KR_TRY(refresh(f, ctx, 0, 0));
        else
            KR_TRY(kr_parallel_blocks(ctx, blocks, refresh, NULL, f));
        for (int k = 0; k < n; k++) push(f, entry_of(f, f->batch[k]));
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
    for (int t = 0; f->scratch && t < f->nthreads; t++) {
        kr_cover_scratch_free(&f->scratch[t].cover);
        kr_buffer_free(&f->scratch[t].query);
        kr_buffer_free(&f->scratch[t].d2);
    }
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
