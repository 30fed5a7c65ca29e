/* Optimizers that treat weight matrices as matrices.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/optimizer_matrix.h"
#include "core/linalg.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

enum { SLICE = 48 }; /* rows of a product that one thread works on */

static int moves(const kr_optimizer_layout *layout, size_t begin, size_t count) {
    if (!layout->mask) return count > 0;
    return memchr(layout->mask + begin, 1, count) != NULL;
}

/* Pieces of the layout without what lies in matrices; only counts when piece is NULL. */
static int cut_rest(const kr_optimizer_layout *layout, const kr_optimizer_matrices *found, kr_span *piece) {
    int count = 0;
    for (int p = 0; p < layout->npieces; p++) {
        size_t from = layout->piece[p].begin, end = from + layout->piece[p].count;
        while (from < end) {
            size_t begin = end, after = end; /* the matrix that comes first from here */
            for (int k = 0; k < found->count; k++) {
                const kr_optimizer_matrix *x = &found->matrix[k];
                size_t last = x->offset + (size_t)x->rows * (size_t)x->columns, first = x->offset;
                if (last > from && first < begin) {
                    begin = first > from ? first : from;
                    after = last < end ? last : end;
                }
            }
            if (begin > from) {
                if (piece) piece[count] = (kr_span){from, begin - from};
                count++;
            }
            from = after;
        }
    }
    return count;
}

kr_status kr_optimizer_matrices_find(kr_context *ctx, const kr_optimizer_layout *layout, kr_optimizer_matrices *found) {
    kr_status status = KR_OK;
    memset(found, 0, sizeof *found);
    KR_NEW(ctx, found->matrix, (size_t)layout->nblocks);
    for (int b = 0; b < layout->nblocks; b++) {
        const kr_block *block = &layout->block[b];
        size_t size = (size_t)block->rows * (size_t)block->columns;
        if (block->rows < 2 || block->columns < 2 || size != block->count || !moves(layout, block->offset, size))
            continue;
        found->matrix[found->count++] = (kr_optimizer_matrix){block->offset, found->total, block->rows, block->columns};
        found->total += size;
        if (size > found->largest) found->largest = size;
        if (block->rows > found->largest_rows) found->largest_rows = block->rows;
        if (block->columns > found->largest_columns) found->largest_columns = block->columns;
    }
    found->npieces = cut_rest(layout, found, NULL);
    KR_NEW(ctx, found->piece, (size_t)found->npieces);
    cut_rest(layout, found, found->piece);
done:
    return status;
}

void kr_optimizer_matrices_free(kr_optimizer_matrices *matrices) {
    kr_free(matrices->matrix);
    kr_free(matrices->piece);
}

/* ---- products ---- */

typedef struct product {
    int ta, tb, m, n, k, lda, ldb, ldc;
    float alpha, beta;
    const float *a, *b;
    float *c;
} product;

static kr_status product_slice(void *payload, kr_context *ctx, long slice, int thread) {
    (void)ctx;
    (void)thread;
    const product *p = payload;
    int first = (int)slice * SLICE, rows = p->m - first < SLICE ? p->m - first : SLICE;
    kr_gemm_f32(p->ta, p->tb, rows, p->n, p->k, p->alpha, p->ta ? p->a + first : p->a + (size_t)first * (size_t)p->lda,
                p->lda, p->b, p->ldb, p->beta, p->c + (size_t)first * (size_t)p->ldc, p->ldc);
    return KR_OK;
}

kr_status kr_matrix_product(kr_context *ctx, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                            const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc) {
    product p = {transpose_a, transpose_b, m, n, k, lda, ldb, ldc, alpha, beta, a, b, c};
    return kr_parallel_blocks(ctx, (m + SLICE - 1) / SLICE, product_slice, NULL, &p);
}

static kr_status gram_slice(void *payload, kr_context *ctx, long slice, int thread) {
    (void)ctx;
    (void)thread;
    const product *p = payload;
    int first = (int)slice * SLICE, rows = p->m - first < SLICE ? p->m - first : SLICE;
    const float *from = p->ta ? p->a + first : p->a + (size_t)first * (size_t)p->lda;
    kr_gemm_f32(p->ta, p->tb, rows, p->m - first, p->k, p->alpha, from, p->lda, from, p->lda, p->beta,
                p->c + (size_t)first * (size_t)p->m + first, p->m);
    return KR_OK;
}

kr_status kr_matrix_gram(kr_context *ctx, int side, int rows, int columns, float alpha, const float *g, float beta,
                         float *c) {
    int d = side ? columns : rows;
    product p = {side, !side, d, d, side ? rows : columns, columns, columns, d, alpha, beta, g, g, c};
    return kr_parallel_blocks(ctx, (d + SLICE - 1) / SLICE, gram_slice, NULL, &p);
}

kr_status kr_matrix_orthogonalize(kr_context *ctx, int rows, int columns, float *x, float *scratch) {
    const float a = 3.4445f, b = -4.775f, c = 2.0315f;
    kr_status status = KR_OK;
    int tall = rows > columns, s = tall ? columns : rows;
    size_t size = (size_t)rows * (size_t)columns, square = (size_t)s * (size_t)s;
    float *gram = scratch, *poly = scratch + square, *next = scratch + 2 * square;
    double norm = 0;
    for (size_t i = 0; i < size; i++) norm += (double)x[i] * (double)x[i];
    float scale = norm > 0 ? (float)(1 / sqrt(norm)) : 0;
    for (size_t i = 0; i < size; i++) x[i] *= scale;
    for (int round = 0; round < 5; round++) {
        /* on the small side: gram = x xᵀ or xᵀ x, poly = b gram + c gram² */
        KR_TRY(kr_matrix_product(ctx, tall, !tall, s, s, tall ? rows : columns, 1, x, columns, x, columns, 0, gram, s));
        memcpy(poly, gram, square * sizeof *poly);
        KR_TRY(kr_matrix_product(ctx, 0, 0, s, s, s, c, gram, s, gram, s, b, poly, s));
        memcpy(next, x, size * sizeof *next);
        if (tall)
            KR_TRY(kr_matrix_product(ctx, 0, 0, rows, columns, s, 1, x, columns, poly, s, a, next, columns));
        else
            KR_TRY(kr_matrix_product(ctx, 0, 0, rows, columns, s, 1, poly, s, x, columns, a, next, columns));
        memcpy(x, next, size * sizeof *next);
    }
done:
    return status;
}

/* ---- Adam for the rest ---- */

typedef struct rest {
    const kr_optimizer_matrices *matrices;
    const kr_adam_step *how;
    kr_adam_fn kernel;
    double *theta, *m, *v;
    const double *gradient;
} rest;

static kr_status adam_piece(void *payload, kr_context *ctx, long piece, int thread) {
    (void)ctx;
    (void)thread;
    const rest *r = payload;
    size_t begin = r->matrices->piece[piece].begin;
    r->kernel(r->how, r->matrices->piece[piece].count, r->theta + begin, r->gradient + begin, r->m + begin,
              r->v + begin);
    return KR_OK;
}

kr_status kr_matrix_adam(kr_context *ctx, const kr_optimizer_matrices *matrices, const kr_adam_step *how, double *theta,
                         const double *gradient, double *m, double *v) {
    rest r = {matrices, how, kr_adam_kernel(0), theta, m, v, gradient};
    return kr_parallel_blocks(ctx, matrices->npieces, adam_piece, NULL, &r);
}
