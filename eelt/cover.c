/* Distances to known rows of features.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "eelt/cover.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

enum { QUERY = 64, KNOWN = 256 }; /* rows of a block of products: 128 KiB */
enum { FEW = 4 };

kr_status kr_cover_create(kr_context *ctx, int width, int nelements, kr_cover *cover) {
    kr_status status = KR_OK;
    *cover = (kr_cover){.width = width, .nelements = nelements};
    KR_NEW(ctx, cover->element, (size_t)nelements);
done:
    return status;
}

void kr_cover_clear(kr_cover *cover) {
    for (int e = 0; cover->element && e < cover->nelements; e++) {
        kr_free(cover->element[e].row);
        kr_free(cover->element[e].norm);
        kr_free(cover->element[e].frame);
    }
    kr_free(cover->element);
    *cover = (kr_cover){.width = 0};
}

/* Eight sums side by side, which the compiler turns into vectors without changing any. */
static double dot(int n, const double *x, const double *y) {
    double s[8] = {0}, rest = 0;
    int k = 0;
    for (; k + 8 <= n; k += 8)
        for (int c = 0; c < 8; c++) s[c] += x[k + c] * y[k + c];
    for (; k < n; k++) rest += x[k] * y[k];
    return ((s[0] + s[4]) + (s[1] + s[5])) + ((s[2] + s[6]) + (s[3] + s[7])) + rest;
}

static double norm2(int width, const double *row) { return dot(width, row, row); }

/* Products of queries and known rows; a handful of either is faster without the packing of a matrix product. */
static void products(int n, int m, int width, const double *query, const double *known, double *product) {
    if (n >= FEW && m >= FEW) {
        kr_gemm(0, 1, n, m, width, 1, query, width, known, width, 0, product, KNOWN);
        return;
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < m; k++)
            product[i * KNOWN + k] = dot(width, query + (size_t)i * (size_t)width, known + (size_t)k * (size_t)width);
}

static kr_status grow(kr_context *ctx, kr_cover_element *e, size_t width, long more) {
    if (e->n + more <= e->room) return KR_OK;
    size_t old = (size_t)e->n, room = 2 * (size_t)(e->n + more);
    double *row = kr_realloc(ctx, e->row, old * width, room * width, sizeof *row);
    if (!row) return KR_ERR_MEMORY;
    e->row = row;
    double *norm = kr_realloc(ctx, e->norm, old, room, sizeof *norm);
    if (!norm) return KR_ERR_MEMORY;
    e->norm = norm;
    long *frame = kr_realloc(ctx, e->frame, old, room, sizeof *frame);
    if (!frame) return KR_ERR_MEMORY;
    e->frame = frame;
    e->room = (long)room;
    return KR_OK;
}

kr_status kr_cover_add(kr_context *ctx, kr_cover *cover, const kr_feature_rows *rows, long frame) {
    kr_status status = KR_OK;
    size_t width = (size_t)cover->width;
    for (long i = rows->first[frame]; i < rows->first[frame + 1]; i++) {
        kr_cover_element *e = &cover->element[rows->type[i]];
        const double *row = rows->row + (size_t)i * width;
        KR_TRY(grow(ctx, e, width, 1));
        memcpy(e->row + (size_t)e->n * width, row, width * sizeof *row);
        e->norm[e->n] = norm2(cover->width, row);
        e->frame[e->n++] = frame;
    }
done:
    return status;
}

void kr_cover_scratch_free(kr_cover_scratch *scratch) {
    kr_buffer_free(&scratch->product);
    kr_buffer_free(&scratch->query);
}

kr_status kr_cover_nearest(kr_context *ctx, const kr_cover *cover, int element, long first, long last, int n,
                           const double *query, long except, double *d2, kr_cover_scratch *scratch) {
    kr_status status = KR_OK;
    const kr_cover_element *e = &cover->element[element];
    int width = cover->width;
    KR_TRY(kr_buffer_reserve(ctx, &scratch->product, (size_t)n * KNOWN, sizeof(double)));
    double *product = scratch->product.data;
    for (long begin = first; begin < last; begin += KNOWN) {
        int m = last - begin < KNOWN ? (int)(last - begin) : KNOWN;
        products(n, m, width, query, e->row + (size_t)begin * (size_t)width, product);
        for (int i = 0; i < n; i++) {
            /* min over k of |k|² − 2 q·k first, |q|² is added once */
            double least = INFINITY;
            for (int k = 0; k < m; k++) {
                double d = e->norm[begin + k] - 2 * product[i * KNOWN + k];
                if (d < least && (except < 0 || e->frame[begin + k] != except)) least = d;
            }
            least += norm2(width, query + (size_t)i * (size_t)width);
            if (least < d2[i]) d2[i] = least > 0 ? least : 0;
        }
    }
done:
    return status;
}

/* ---- a whole set ---- */

/* Queries in the order of (element, row), cut into blocks of one element and, when frames are kept apart, one frame. */
typedef struct all {
    const kr_cover *cover;
    const kr_feature_rows *rows;
    int apart;
    long *order; /* rows by element */
    long *start; /* [nblocks + 1] */
    long nblocks;
    double *d2;
    kr_cover_scratch *scratch; /* [threads] */
} all;

static kr_status one_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_status status = KR_OK;
    const all *a = payload;
    kr_cover_scratch *s = &a->scratch[thread];
    const long *row = a->order + a->start[block];
    int n = (int)(a->start[block + 1] - a->start[block]), element = a->rows->type[row[0]];
    size_t width = (size_t)a->cover->width;
    double d2[QUERY];
    long frame = -1;
    if (a->apart) { /* blocks hold rows of one frame: which one */
        frame = 0;
        long low = 0, high = a->rows->nframes;
        while (high - low > 1) {
            long middle = (low + high) / 2;
            if (a->rows->first[middle] <= row[0])
                low = middle;
            else
                high = middle;
        }
        frame = low;
    }
    KR_TRY(kr_buffer_reserve(ctx, &s->query, QUERY * width, sizeof(double)));
    double *query = s->query.data;
    for (int i = 0; i < n; i++) {
        memcpy(query + (size_t)i * width, a->rows->row + (size_t)row[i] * width, width * sizeof *query);
        d2[i] = a->d2[row[i]];
    }
    KR_TRY(kr_cover_nearest(ctx, a->cover, element, 0, a->cover->element[element].n, n, query, frame, d2, s));
    for (int i = 0; i < n; i++) a->d2[row[i]] = d2[i];
done:
    return status;
}

/* Rows by element; a new block at each element, at QUERY rows, and at each frame when these are kept apart. */
static void cut(all *a, long every) {
    long at = 0;
    for (int e = 0; e < a->cover->nelements; e++)
        for (long f = 0, size = 0; f < a->rows->nframes; f++)
            for (long i = a->rows->first[f]; i < a->rows->first[f + 1]; i++) {
                if (a->rows->type[i] != e || i % every) continue;
                int fresh = !a->nblocks || size == 0 || size == QUERY ||
                            (a->apart && (at == 0 || a->order[at - 1] < a->rows->first[f]));
                if (fresh) {
                    a->start[a->nblocks++] = at;
                    size = 0;
                }
                a->order[at++] = i;
                size++;
            }
    a->start[a->nblocks] = at;
}

kr_status kr_cover_distances(kr_context *ctx, const kr_cover *cover, const kr_feature_rows *rows, int frames_apart,
                             long every, double *d2) {
    kr_status status = KR_OK;
    int threads = kr_parallel_threads(ctx);
    all a = {.cover = cover, .rows = rows, .apart = frames_apart, .d2 = d2};
    KR_NEW(ctx, a.order, (size_t)rows->nrows + 1);
    KR_NEW(ctx, a.start, (size_t)rows->nrows + 2);
    KR_NEW(ctx, a.scratch, (size_t)threads);
    for (long i = 0; i < rows->nrows; i++) d2[i] = INFINITY;
    cut(&a, every < 1 ? 1 : every);
    KR_TRY(kr_parallel_blocks(ctx, a.nblocks, one_block, NULL, &a));
done:
    for (int t = 0; a.scratch && t < threads; t++) kr_cover_scratch_free(&a.scratch[t]);
    kr_free(a.order);
    kr_free(a.start);
    kr_free(a.scratch);
    return status;
}
