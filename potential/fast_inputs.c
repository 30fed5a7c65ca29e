/* The first fitting layer: which products of T are its inputs, and their weights.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * With T ≈ U S (U [M][q]) and the first layer's weights W[a·axis + b],
 *     Σ_ab W_ab T_a·T_b = Σ_pr F_pr S_p·S_r,   F_pr = Σ_ab U_ap U_br W_ab,   p < q, r < ncorner,
 * because T_b, b < axis, are combinations of the first ncorner columns (fast_rank.c: all q, or axis of them; without
 * projection U = 1 and ncorner = axis). Products with p, r < ncorner occur twice: only r ≥ p are inputs, weights F_pr +
 * F_rp. So row p has the products with
 *     r = p … ncorner − 1                                       for p < ncorner (the corner),
 *     r = 0 … ncorner − 1, rounded up to eights with zeros      for the others,
 * row after row without gaps; rows are collected in chunks. se_e2_r: one input S_p[0] per row, no products.
 * With degrees apart S_p·S_r is over the columns of degree r mod (lmax + 1) alone, so products p, r and r, p differ:
 * there is no corner, all rows have the width of the others. */
#include "core/error.h"
#include "potential/fast_internal.h"
#include <string.h>

enum { CHUNK_WIDTH = 336 }; /* a multiple of 24 and 48, the widest panels */

static int round_up(int n) { return (n + 7) / 8 * 8; }

/* The corner's columns are followed by zeros up to a multiple of 8. */
int kr_fast_column(const kr_fast_center *center, int row) {
    return row < center->ncorner ? row : round_up(center->ncorner) + row - center->ncorner;
}

int kr_fast_row_width(const kr_fast_center *center, int row) {
    if (center->linear) return 1;
    return !center->apart && row < center->ncorner ? center->ncorner - row : round_up(center->ncorner);
}

int kr_fast_inputs(int apart, int nrows, int ncorner) {
    if (apart) return nrows * round_up(ncorner);
    return ncorner * (ncorner + 1) / 2 + (nrows - ncorner) * round_up(ncorner);
}

/* F [q][ncorner][out] from W [ng][axis][out]. */
static kr_status fold(kr_context *ctx, const kr_fast_channels *channels, int ng, int axis, int out, const double *w,
                      double *f) {
    kr_status status = KR_OK;
    int q = channels->q, nb = channels->ncorner;
    double *half = NULL; /* [q][axis][out] = Σ_a U_ap W_ab */
    KR_NEW(ctx, half, (size_t)q * (size_t)axis * (size_t)out);
    kr_gemm(1, 0, q, axis * out, ng, 1, channels->expand, q, w, axis * out, 0, half, axis * out);
    for (size_t p = 0; p < (size_t)q; p++) {
        size_t row = p * (size_t)out;
        kr_gemm(1, 0, nb, out, axis, 1, channels->expand, q, half + row * (size_t)axis, out, 0, f + row * (size_t)nb,
                out);
    }
done:
    kr_free(half);
    return status;
}

/* Packs rows [begin, end) with weights f [nrows][ncorner][out] (linear: [nrows][out]). */
static kr_status pack_chunk(kr_context *ctx, const kr_fast *fast, const kr_fast_center *center, int out,
                            const double *f, kr_fast_chunk *chunk) {
    kr_status status = KR_OK;
    const int nb = center->linear ? 1 : center->ncorner;
    double *w = NULL, *to;
    KR_NEW(ctx, w, (size_t)chunk->width * (size_t)out);
    to = w;
    for (int p = chunk->row_begin; p < chunk->row_end; p++) {
        const int corner = !center->apart && p < center->ncorner, first = corner ? p : 0;
        const int width = kr_fast_row_width(center, p);
        for (int r = first; r < first + width; r++, to += out) {
            if (r >= nb) continue; /* zeros */
            memcpy(to, f + ((size_t)p * (size_t)nb + (size_t)r) * (size_t)out, (size_t)out * sizeof *to);
            const double *mirror = f + ((size_t)r * (size_t)nb + (size_t)p) * (size_t)out;
            for (int k = 0; corner && r != p && k < out; k++) to[k] += mirror[k];
        }
    }
    /* Sums of many neighbours' products are the largest numbers, and energies see their rounding: three parts. */
    KR_TRY(kr_fast_pack(ctx, fast, chunk->width, out, w, 3, &chunk->forward, &chunk->backward, &chunk->few));
done:
    kr_free(w);
    return status;
}

/* Cuts the rows into chunks of nearly the same width. chunk may be NULL: only counts. Returns the number of chunks. */
static int lay_out(const kr_fast_center *center, kr_fast_chunk *chunk) {
    int total = 0, n = 0, width = 0, begin = 0, widest = kr_fast_row_width(center, center->nrows - 1);
    for (int row = 0; row < center->nrows; row++) total += kr_fast_row_width(center, row);
    if (center->ncorner > widest) widest = center->ncorner;
    int room = CHUNK_WIDTH - widest > CHUNK_WIDTH / 2 ? CHUNK_WIDTH - widest : CHUNK_WIDTH / 2;
    int wanted = (total + room - 1) / room, enough = (total + wanted - 1) / wanted;
    for (int row = 0; row < center->nrows; row++) {
        width += kr_fast_row_width(center, row);
        /* rows of a chunk that have one width have adjacent columns */
        int gap = center->apart && row + 1 == center->ncorner && center->ncorner % 8;
        if (width < enough && row + 1 < center->nrows && !gap) continue;
        if (chunk) chunk[n] = (kr_fast_chunk){.width = width, .row_begin = begin, .row_end = row + 1};
        begin = row + 1;
        width = 0;
        n++;
    }
    return n;
}

kr_status kr_fast_chunks_create(kr_context *ctx, kr_fast *fast, const kr_net *net, const kr_fast_channels *channels,
                                kr_fast_center *center) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &fast->model->descriptor;
    const int q = channels->q, out = net->layer[0].out;
    const double *w = fast->model->theta + net->layer[0].w;
    double *f = NULL;
    if (q && !center->linear) {
        KR_NEW(ctx, f, (size_t)q * (size_t)center->ncorner * (size_t)out);
        KR_TRY(fold(ctx, channels, d->ng, d->axis_neuron, out, w, f));
        w = f;
    }
    center->nchunks = lay_out(center, NULL);
    KR_NEW(ctx, center->chunk, (size_t)center->nchunks);
    lay_out(center, center->chunk);
    for (int c = 0; c < center->nchunks; c++) {
        KR_TRY(pack_chunk(ctx, fast, center, out, w, &center->chunk[c]));
        if (center->chunk[c].width > fast->max_width) fast->max_width = center->chunk[c].width;
    }
done:
    kr_free(f);
    return status;
}
