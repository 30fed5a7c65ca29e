/* Evaluation of a block of centres of one type: moments, T, D, fitting net, and the way back to pair gradients.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Compiled for every KR_LMAX. Equations in fast_internal.h. Geometry, energies and pair gradients are double,
 * everything between is `real`. Work is cut so that it stays near the processor: pairs in runs of RUN (L1), moments of
 * GROUP centres (L1), inputs of the fitting net in chunks (L2). */
#include "potential/fast_internal.h"
#include "potential/isa/fast_pairs.inl"

#include "potential/isa/fast_few.inl"

enum { GROUP = KR_FAST_GROUP / COLUMNS };

/* rows [n COLUMNS][ldr], m next to each other → to [n][m][COLUMNS], n apart by `stride`: 4×4 transposes. */
static void rows_to_columns(int n, int size, const real *rows, ptrdiff_t ldr, real *to, ptrdiff_t stride) {
    for (int i = 0; i < n; i++, to += stride)
        for (int c = 0; c < COLUMNS; c += 4, rows += 4 * ldr)
            for (int m = 0; m < size; m += 4) kr_transpose(rows + m, ldr, to + COLUMNS * m + c, COLUMNS);
}

/* from [size][COLUMNS] of one centre → rows [COLUMNS][ldr]. */
static void rows_from_columns(int size, const real *from, real *rows, ptrdiff_t ldr) {
    for (int c = 0; c < COLUMNS; c += 4, rows += 4 * ldr)
        for (int m = 0; m < size; m += 4) kr_transpose(from + COLUMNS * m + c, COLUMNS, rows + m, ldr);
}

/* Moments of `n` ≤ GROUP centres and their product with the spline coefficients: t [n][ncolumns][COLUMNS]. */
static void descriptor_group(const kr_fast *fast, const kr_fast_center *center, const kr_env *env, int first, int n,
                             real *t, kr_fast_workspace *ws) {
    const size_t ncoef = (size_t)fast->grid.ncoef, stride = COLUMNS * ncoef;
    const int ldc = kr_fast_stride(center->ncolumns);
    const kr_fast_segment *end = &fast->grid.segment[fast->grid.nsegments - 1];
    real *moments = ws->moments;
    int accumulate = 0;
    for (int tj = 0; tj < fast->ntypes; tj++) {
        if (!kr_fast_uses(fast->used, tj)) continue;
        const kr_fast_pair *pair = &center->pair[tj];
        int lowest = lowest_coefficient(fast, pair, env, first, n, tj);
        int padded = fast->radial || pair->average != 0;
        if (lowest >= fast->grid.ncoef && !padded) continue;
        if (few_pairs(fast, env, first, n, tj, lowest)) {
            if (!accumulate) memset(ws->product, 0, COLUMNS * (size_t)n * (size_t)ldc * sizeof(real));
            for (int i = 0; i < n; i++)
                few_forward(fast, center, env, first + i, tj, (real *)ws->product + COLUMNS * i * ldc, ldc);
            accumulate = 1;
            kr_fast_tick(ws, KR_STAGE_TABLE);
            continue;
        }
        if (lowest >= end->offset + end->intervals) lowest = end->offset + end->intervals - 1; /* where padding goes */
        for (int i = 0; i < n; i++) {
            real *m = moments + (size_t)i * stride;
            const int *range = env->first + (size_t)(first + i) * (size_t)env->ntypes + tj;
            memset(m + COLUMNS * lowest, 0, COLUMNS * (ncoef - (size_t)lowest) * sizeof(real));
            add_pairs(fast, pair, env, range[0], range[1], m);
            add_padding(fast, center, env, first + i, tj, m);
        }
        kr_fast_tick(ws, KR_STAGE_MOMENTS);
        kr_product how = {.rows = COLUMNS * n,
                          .lda = (ptrdiff_t)stride,
                          .ldc = ldc,
                          .quad = COLUMNS,
                          .k_begin = lowest,
                          .k_end = fast->grid.ncoef,
                          .accumulate = accumulate};
        fast->dense->product(&pair->forward, &how, moments, ws->product);
        accumulate = 1;
        kr_fast_tick(ws, KR_STAGE_TABLE);
    }
    if (accumulate)
        rows_to_columns(n, center->ncolumns, ws->product, ldc, t, COLUMNS * center->ncolumns);
    else
        memset(t, 0, (size_t)n * COLUMNS * (size_t)center->ncolumns * sizeof(real));
    for (int k = 0; center->padding && k < n * center->ncolumns; k++)
        t[COLUMNS * k] += (real)center->padding[k % center->ncolumns];
}

/* Σ_c row[c] f[c] */
KR_INLINE kr_oct dot_columns(const real *row, const kr_oct *f) {
    kr_oct sum = kr_osplat(row[0]) * f[0];
#pragma GCC unroll 32
    for (int c = 1; c < COLUMNS; c++) sum += kr_osplat(row[c]) * f[c];
    return sum;
}

/* Rows of a chunk whose products occur in another row as well end here. */
static int corner_end(const kr_fast_center *center, const kr_fast_chunk *chunk) {
    if (center->apart) return chunk->row_begin;
    return chunk->row_end < center->ncorner ? chunk->row_end : center->ncorner;
}

/* Inputs of one chunk of the first fitting layer: d [natoms][ldd], with room for 8 more. axis [COLUMNS][ld]: T, column
 * by column, of the columns that are multiplied with. */
static void chunk_forward(const kr_fast_center *center, const kr_fast_chunk *chunk, int natoms, const real *t, real *d,
                          ptrdiff_t ldd, real *axis, ptrdiff_t ld) {
    const int corner = center->ncorner, middle = corner_end(center, chunk), width = (corner + 7) / 8 * 8;
    const real *mask = KR_LMAX > 1 ? center->mask : NULL;
    for (int c = 0; c < COLUMNS && !center->linear; c++) memset(axis + c * ld + corner, 0, 16 * sizeof(real));
    for (int i = 0; i < natoms; i++, t += COLUMNS * center->ncolumns, d += ldd) {
        int p = chunk->row_begin;
        if (center->linear) {
            for (int a = p; a < chunk->row_end; a++) d[a - p] = t[COLUMNS * a];
            continue;
        }
        for (int m = 0; m < corner; m += 4) {
            const real *four = t + COLUMNS * m;
            real kept[4 * COLUMNS];
            if (mask) {
                for (int k = 0; k < 4 * COLUMNS; k++) kept[k] = four[k] * mask[COLUMNS * m + k];
                four = kept;
            }
            for (int c = 0; c < COLUMNS; c += 4) kr_transpose(four + c, COLUMNS, axis + c * ld + m, ld);
        }
        real *out = d;
        for (; p < middle; out += corner - p, p++) { /* vectors reach into the next row, which is written later */
            const real *row = t + COLUMNS * p;
            for (int b = p; b < corner; b += 8) {
                kr_oct f[COLUMNS];
#pragma GCC unroll 32
                for (int c = 0; c < COLUMNS; c++) f[c] = kr_oload(axis + c * ld + b);
                kr_ostore(out + b - p, dot_columns(row, f));
            }
        }
        for (int b = 0; b < width; b += 8) {
            kr_oct f[COLUMNS];
            for (int c = 0; c < COLUMNS; c++) f[c] = kr_oload(axis + c * ld + b);
            const real *row = t + COLUMNS * kr_fast_column(center, p);
            real *to = out + b;
            for (int a = p; a < chunk->row_end; a++, row += COLUMNS, to += width) kr_ostore(to, dot_columns(row, f));
        }
    }
}

/* Adds to gt what the gradient gd of a chunk's inputs means: gt[a] += gd[ab] t[b], gt[b] += gd[ab] t[a]. */
static void chunk_backward(const kr_fast_center *center, const kr_fast_chunk *chunk, int natoms, const real *gd,
                           ptrdiff_t ldd, const real *t, real *gt) {
    enum { TOGETHER = PARTS == 1 ? 8 : PARTS == 2 ? 4 : 2 }; /* second factors whose sums stay in registers */
    const int corner = center->ncorner, middle = corner_end(center, chunk);
    const ptrdiff_t stride = COLUMNS * center->ncolumns;
    const real *mask = KR_LMAX > 1 ? center->mask : NULL;
    for (int i = 0; i < natoms; i++, t += stride, gt += stride, gd += ldd) {
        const real *from = gd;
        int p = chunk->row_begin;
        if (center->linear) {
            for (int a = p; a < chunk->row_end; a++) gt[COLUMNS * a] += gd[a - p];
            continue;
        }
        for (; p < middle; p++) {
            kr_part row[PARTS], add[PARTS];
            for (int c = 0; c < PARTS; c++) {
                row[c] = kr_pload(t + COLUMNS * p + PART * c);
                add[c] = kr_psplat(0);
            }
            for (int b = p; b < corner; b++, from++) {
                kr_part factor = kr_psplat(*from);
                for (int c = 0; c < PARTS; c++) {
                    real *to = gt + COLUMNS * b + PART * c;
                    add[c] += factor * kr_pload(t + COLUMNS * b + PART * c);
                    kr_pstore(to, kr_pload(to) + factor * row[c]);
                }
            }
            for (int c = 0; c < PARTS; c++) {
                real *to = gt + COLUMNS * p + PART * c;
                kr_pstore(to, kr_pload(to) + add[c]);
            }
        }
        const int width = (corner + 7) / 8 * 8, first = kr_fast_column(center, p);
        for (int b = 0; b < width; b += TOGETHER) {
            const real *g = from + b, *tb = t + COLUMNS * b, *ta = t + COLUMNS * first;
            real *ga = gt + COLUMNS * first, *gb = gt + COLUMNS * b;
            kr_part sum[TOGETHER * PARTS], other[TOGETHER * PARTS];
            for (int k = 0; k < TOGETHER * PARTS; k++) {
                sum[k] = kr_psplat(0);
                other[k] = kr_pload(tb + PART * k);
                if (mask) other[k] *= kr_pload(mask + COLUMNS * b + PART * k);
            }
            for (int a = 0; a < chunk->row_end - p; a++, g += width, ta += COLUMNS, ga += COLUMNS)
#pragma GCC unroll 8
                for (int c = 0; c < PARTS; c++) {
                    kr_part row = kr_pload(ta + PART * c), add = kr_pload(ga + PART * c);
#pragma GCC unroll 8
                    for (int k = 0; k < TOGETHER; k++) {
                        kr_part factor = kr_psplat(g[k]);
                        add += factor * other[PARTS * k + c];
                        sum[PARTS * k + c] += factor * row;
                    }
                    kr_pstore(ga + PART * c, add);
                }
            for (int k = 0; k < TOGETHER * PARTS; k++) {
                if (mask) sum[k] *= kr_pload(mask + COLUMNS * b + PART * k);
                kr_pstore(gb + PART * k, kr_pload(gb + PART * k) + sum[k]);
            }
        }
    }
}

/* Activations other than tanh: in double through the table of core/activation.h, PIECE values at a time. */
static void activate_row(const kr_activation *activation, int n, real *h, real *slope) {
    enum { PIECE = 64 };
    double z[PIECE], d1[PIECE];
    for (int first = 0; first < n; first += PIECE) {
        int m = n - first < PIECE ? n - first : PIECE;
        for (int k = 0; k < m; k++) z[k] = (double)h[first + k];
        kr_activation_apply(activation, (size_t)m, z, z, d1, NULL);
        for (int k = 0; k < m; k++) {
            h[first + k] = (real)z[k];
            slope[first + k] = (real)d1[k];
        }
    }
}

/* h = σ(z)·idt + skip in place of z; slope = σ'·idt. */
static void activate(const kr_fast *fast, const kr_fast_layer *layer, int natoms, const real *below, ptrdiff_t ld_below,
                     real *h, real *slope, ptrdiff_t ld) {
    int out = layer->out;
    const real *idt = layer->idt;
    for (int i = 0; i < natoms; i++, h += ld, slope += ld) {
        if (layer->activation->kind == KR_ACT_TANH)
            fast->dense->tanh((size_t)out, h, h, slope);
        else
            activate_row(layer->activation, out, h, slope);
        for (int k = 0; idt && k < out; k++) {
            h[k] *= idt[k];
            slope[k] *= idt[k];
        }
        if (!layer->skip) continue;
        for (int k = 0; k < layer->in; k++) h[k] += below[k];
        for (int k = 0; layer->skip == 2 && k < layer->in; k++) h[layer->in + k] += below[k];
        below += ld_below;
    }
}

/* A product with weights of the fitting net, forwards … */
static void forwards(const kr_fast *fast, const kr_packed *packed, const kr_twoway *few, const kr_product *how,
                     const real *x, real *y, kr_fast_workspace *ws) {
    if (how->rows <= KR_TWOWAY_ROWS && few->data)
        fast->twoway->forward(few, how->rows, x, how->lda, how->bias, how->accumulate, y, how->ldc);
    else if (packed->split)
        fast->dense->split(packed, how, x, y, ws->split);
    else
        fast->dense->product(packed, how, x, y);
}

/* … and backwards, with packed = Wᵀ. */
static void backwards(const kr_fast *fast, const kr_packed *packed, const kr_twoway *few, const kr_product *how,
                      const real *dy, real *dx, kr_fast_workspace *ws) {
    if (how->rows <= KR_TWOWAY_ROWS && few->data)
        fast->twoway->backward(few, how->rows, dy, how->lda, how->accumulate, dx, how->ldc);
    else if (packed->split)
        fast->dense->split(packed, how, dy, dx, ws->split);
    else
        fast->dense->product(packed, how, dy, dx);
}

/* Hidden layers above the first: returns which of ws->h holds the last one's output. */
static int layers_forward(const kr_fast *fast, const kr_fast_center *center, int natoms, kr_fast_workspace *ws) {
    const ptrdiff_t ld = kr_fast_stride(fast->max_out);
    int now = 0;
    activate(fast, &center->layer[0], natoms, NULL, 0, ws->h[0], ws->slope, ld);
    for (int l = 1; l < center->nlayers; l++, now = 1 - now) {
        const kr_fast_layer *layer = &center->layer[l];
        kr_product how = {.rows = natoms, .lda = ld, .ldc = ld, .k_end = layer->in, .bias = layer->bias};
        forwards(fast, &layer->forward, &layer->few, &how, ws->h[now], ws->h[1 - now], ws);
        activate(fast, layer, natoms, ws->h[now], ld, ws->h[1 - now], (real *)ws->slope + l * KR_FAST_ROWS * ld, ld);
    }
    return now;
}

static void energies(const kr_fast_center *center, int natoms, const real *h, ptrdiff_t ld, double *energy) {
    int out = center->layer[center->nlayers - 1].out;
    for (int i = 0; i < natoms; i++, h += ld) {
        double sum[4] = {0, 0, 0, 0}; /* fixed order */
        for (int k = 0; k < out; k++) sum[k % 4] += center->last[k] * (double)h[k];
        energy[i] = center->energy + ((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
}

/* Back to the first layer: ws->g[·] = ∂E/∂z of the first layer. Returns which. */
static int layers_backward(const kr_fast *fast, const kr_fast_center *center, int natoms, kr_fast_workspace *ws) {
    const ptrdiff_t ld = kr_fast_stride(fast->max_out);
    real *g = ws->g[0];
    int now = 0, top = center->layer[center->nlayers - 1].out;
    for (int i = 0; i < natoms; i++)
        for (int k = 0; k < top; k++) g[i * ld + k] = (real)center->last[k];
    for (int l = center->nlayers - 1;; l--) {
        const kr_fast_layer *layer = &center->layer[l];
        const real *slope = (real *)ws->slope + l * KR_FAST_ROWS * ld;
        real *below = ws->g[1 - now];
        g = ws->g[now];
        /* ∂E/∂x = (∂E/∂y ∘ slope) Wᵀ + ∂E/∂y through the skip: the latter is what the product starts from */
        for (int i = 0; i < natoms; i++)
            for (int k = 0; k < layer->out; k++) {
                real gy = g[i * ld + k];
                if (layer->skip && k < layer->in) below[i * ld + k] = gy;
                if (layer->skip == 2 && k >= layer->in) below[i * ld + k - layer->in] += gy;
                g[i * ld + k] = gy * slope[i * ld + k];
            }
        if (l == 0) return now;
        kr_product how = {.rows = natoms, .lda = ld, .ldc = ld, .k_end = layer->out, .accumulate = layer->skip != 0};
        backwards(fast, &layer->backward, &layer->few, &how, g, below, ws);
        now = 1 - now;
    }
}

static void first_layer(const kr_fast *fast, const kr_fast_center *center, int natoms, const double *x_extra,
                        kr_fast_workspace *ws) {
    const ptrdiff_t ld = kr_fast_stride(fast->max_out), ldd = kr_fast_stride(fast->max_width);
    int accumulate = 0;
    if (fast->nextra > 0) {
        real *x = ws->extra;
        for (int k = 0; k < natoms * fast->nextra; k++) x[k] = (real)x_extra[k];
        kr_product how = {
            .rows = natoms, .lda = fast->nextra, .ldc = ld, .k_end = fast->nextra, .bias = center->layer[0].bias};
        fast->dense->product(&center->extra, &how, x, ws->h[0]);
        accumulate = 1;
    }
    for (int c = 0; c < center->nchunks; c++, accumulate = 1) {
        const kr_fast_chunk *chunk = &center->chunk[c];
        chunk_forward(center, chunk, natoms, ws->t, ws->d, ldd, ws->axis, fast->max_columns + 16);
        kr_fast_tick(ws, KR_STAGE_INPUTS);
        kr_product how = {.rows = natoms,
                          .lda = ldd,
                          .ldc = ld,
                          .k_end = chunk->width,
                          .bias = center->layer[0].bias,
                          .accumulate = accumulate};
        forwards(fast, &chunk->forward, &chunk->few, &how, ws->d, ws->h[0], ws);
        kr_fast_tick(ws, KR_STAGE_NETWORK);
    }
}

/* gm [n][ncoef][COLUMNS] from its differences gm1[p] = 5 (gm[p+1] − gm[p]), gm[ncoef] = 0, down to `from`. Summed in
 * double, so that they are better than a product in single precision would make them, and for less. */
static void sum_slopes(int n, int from, int ncoef, const real *gm1, real *gm, size_t stride) {
    typedef double quad __attribute__((vector_size(4 * sizeof(double))));
    enum { QUADS = COLUMNS / 4, ALL = GROUP * QUADS };
    quad sum[ALL] = {{0}};
    for (int p = ncoef - 1; p >= from; p--)
#pragma GCC unroll 8
        for (int i = 0; i < ALL; i++) { /* all of the group, so that they hide each other's latency */
            size_t at = (size_t)(i / QUADS < n ? i / QUADS : 0) * stride + (size_t)(COLUMNS * p + i % QUADS * 4);
            sum[i] -= 0.2 * __builtin_convertvector(kr_qload(gm1 + at), quad);
            kr_qstore(gm + at, __builtin_convertvector(sum[i], kr_quad));
        }
}

/* From ∂E/∂T of a group to the gradients of its pairs. */
static void gradient_group(const kr_fast *fast, const kr_fast_center *center, const kr_env *env, int first, int n,
                           const real *gt, double *gr, kr_fast_workspace *ws) {
    const size_t ncoef = (size_t)fast->grid.ncoef, stride = COLUMNS * ncoef;
    const int ldc = kr_fast_stride(fast->grid.ncoef), ldt = kr_fast_stride(center->ncolumns);
    real *gm = ws->moments, *target = KR_SINGLE ? ws->slopes : gm;
    for (int tj = 0; tj < fast->ntypes; tj++) {
        if (!kr_fast_uses(fast->used, tj)) continue;
        const kr_fast_pair *pair = &center->pair[tj];
        int lowest = lowest_coefficient(fast, pair, env, first, n, tj);
        if (lowest >= fast->grid.ncoef) {
            for (int i = 0; i < n && pair->excluded; i++) {
                const int *range = env->first + (size_t)(first + i) * (size_t)env->ntypes + tj;
                memset(gr + 3 * (size_t)range[0], 0, 3 * (size_t)(range[1] - range[0]) * sizeof *gr);
            }
            continue;
        }
        if (few_pairs(fast, env, first, n, tj, lowest)) {
            for (int i = 0; i < n; i++) {
                const int *range = env->first + (size_t)(first + i) * (size_t)env->ntypes + tj;
                real *rows = ws->product;
                memset(rows, 0, COLUMNS * (size_t)ldt * sizeof(real));
                rows_from_columns(center->ncolumns, gt + COLUMNS * (size_t)i * (size_t)center->ncolumns, rows, ldt);
                few_gradients(fast, pair, env, range[0], range[1], rows, ldt, gr);
            }
            kr_fast_tick(ws, KR_STAGE_GRADIENT);
            continue;
        }
        const kr_packed *table = KR_SINGLE ? &pair->slope : &pair->backward;
        const int panel = lowest / table->panel, from = panel * table->panel;
        kr_product how = {.rows = COLUMNS * n,
                          .lda = COLUMNS * center->ncolumns,
                          .ldc = ldc,
                          .quad = COLUMNS,
                          .k_end = center->ncolumns,
                          .panel_begin = panel};
        fast->dense->product(table, &how, gt, ws->product);
        rows_to_columns(n, fast->grid.ncoef - from, (real *)ws->product + from, ldc, target + COLUMNS * from,
                        (ptrdiff_t)stride);
        if (KR_SINGLE) sum_slopes(n, from, fast->grid.ncoef, target, gm, stride);
        kr_fast_tick(ws, KR_STAGE_TABLE);
        for (int i = 0; i < n; i++) {
            const int *range = env->first + (size_t)(first + i) * (size_t)env->ntypes + tj;
            pair_gradients(fast, pair, env, range[0], range[1], gm + (size_t)i * stride,
                           (const real *)ws->slopes + (size_t)i * stride, gr);
        }
        kr_fast_tick(ws, KR_STAGE_GRADIENT);
    }
}

#define KR_RUN_(lmax) KR_KERNEL(fast_run_##lmax)
#define KR_RUN(lmax) KR_RUN_(lmax)
kr_fast_run KR_RUN(KR_LMAX);

void KR_RUN(KR_LMAX)(const kr_fast *fast, const kr_env *env, int first, int natoms, const double *x_extra,
                     double *energy, double *gr, kr_fast_workspace *ws) {
    const kr_fast_center *center = &fast->center[env->center_type[first]];
    const ptrdiff_t ld = kr_fast_stride(fast->max_out), ldd = kr_fast_stride(fast->max_width);
    const size_t row = COLUMNS * (size_t)center->ncolumns;
    real *t = ws->t, *gt = ws->gt;
    for (int i = 0; i < natoms; i += GROUP) {
        int n = natoms - i < GROUP ? natoms - i : GROUP;
        descriptor_group(fast, center, env, first + i, n, t + (size_t)i * row, ws);
    }
    kr_fast_tick(ws, KR_STAGE_TABLE);
    first_layer(fast, center, natoms, x_extra, ws);
    int h = layers_forward(fast, center, natoms, ws);
    energies(center, natoms, ws->h[h], ld, energy);
    if (!gr) return;
    int g = layers_backward(fast, center, natoms, ws);
    memset(gt, 0, (size_t)natoms * row * sizeof(real));
    for (int c = 0; c < center->nchunks; c++) {
        const kr_fast_chunk *chunk = &center->chunk[c];
        kr_product how = {.rows = natoms, .lda = ld, .ldc = ldd, .k_end = center->layer[0].out};
        backwards(fast, &chunk->backward, &chunk->few, &how, ws->g[g], ws->d, ws);
        kr_fast_tick(ws, KR_STAGE_NETWORK);
        chunk_backward(center, chunk, natoms, ws->d, ldd, t, gt);
        kr_fast_tick(ws, KR_STAGE_INPUTS);
    }
    for (int i = 0; i < natoms; i += GROUP) {
        int n = natoms - i < GROUP ? natoms - i : GROUP;
        gradient_group(fast, center, env, first + i, n, gt + (size_t)i * row, gr, ws);
    }
}
