/* One training step of the moment engine: a group of blocks forward and back, and the sums over all rows.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Layer, with u = idt and skip connections left out of the notation:
 *     z = Wᵀ x + b,  y = u σ(z) + skip x        gz = u σ' gy,   gx = W gz
 *     ż = Wᵀ ẋ,      ẏ = u σ' ż + skip ẋ        z̄ = u (σ' ȳ + σ'' ż gy),  x̄ = W z̄,   ȳ_top = ē w
 *     W̄ = x z̄ᵀ + ẋ gzᵀ,  b̄ = z̄,  ū = ȳ σ + gy σ' ż,  w̄ = ē y + ẏ    (sums over rows)
 * g: ∂E_i/∂·, dot: tangent along v, bar: derivative of Σ ē_i E_i + Σ v·∂E/∂r. The adjoint of a tangent is g itself. */
#include "core/isa/tanh.h"
#include "training/isa/moment_inputs.inl"
#include "training/isa/moment_pairs.inl"
#include "training/isa/moment_products.inl"

/* Scratch of a thread: moments of one neighbour type by atom, gM, T̄, D̄ and two ȳ. */
typedef struct scratch {
    real *local, *gm, *tbar, *dbar, *ybar[2];
} scratch;

static scratch scratch_of(const kr_moment *m, void *memory) {
    const ptrdiff_t n = m->grid.n, lanes = KR_LANES, most = m->array[0].stride;
    scratch s;
    s.local = memory;
    s.gm = s.local + 4 * n * lanes;
    s.tbar = s.gm + 4 * (n + KR_MOMENT_ROWS) * lanes;
    s.dbar = s.tbar + m->stride_t * lanes;
    s.ybar[0] = s.dbar + (ptrdiff_t)KR_MOMENT_GROUP * m->stride_in * lanes;
    ptrdiff_t widest = most;
    for (int l = 1; l < m->nlayers; l++) widest = m->array[l].stride > widest ? m->array[l].stride : widest;
    s.ybar[1] = s.ybar[0] + KR_MOMENT_GROUP * widest * lanes;
    return s;
}

/* Vectors of a group's blocks. */
static streams blocks_of(int count, const real *b, int b_stride, real *c, int c_stride) {
    return (streams){count, b, KR_LANES, (ptrdiff_t)b_stride * KR_LANES, c, KR_LANES, (ptrdiff_t)c_stride * KR_LANES};
}

static inline real *at_block(const void *array, int stride, int block) {
    return (real *)array + (ptrdiff_t)stride * block * KR_LANES;
}

enum { WIDE = VECTORS * (int)(KR_VECTOR_BYTES / sizeof(real)) }; /* columns of a panel of transposed rows */

/* Row i of `from`, i < n, `step` apart, becomes column i of KR_LANES rows: to [panel of WIDE columns][row][WIDE]. */
static void transpose_rows(int n, const real *from, ptrdiff_t step, real *to, ptrdiff_t panel) {
    for (int i = 0; i < n; i += 4) {
        real *at = to + i / WIDE * panel + i % WIDE;
        for (int l = 0; l < KR_LANES; l += 4)
            if (KR_LANES >= 4)
                transpose4(from + i * step + l, step, at + l * WIDE, WIDE);
            else
                for (int k = 0; k < KR_LANES; k++)
                    for (int r = 0; r < 4 && i + r < n; r++) at[k * WIDE + r] = from[(i + r) * step + k];
    }
}

/* ---- T and its relatives ---- */

static void block_t(const kr_moment *m, int b, const real *moment, real *t) {
    int accumulate = 0;
    for (int tj = 0; tj < m->nt; tj++) {
        const int lowest = m->block[b].lowest[tj];
        if (lowest >= m->grid.n) continue;
        const ptrdiff_t quad = 4 * KR_LANES;
        streams s = {4, moment + m->slot[tj] * m->grid.n * quad, quad, KR_LANES, t, quad, KR_LANES};
        product_forward(&m->pair[m->block[b].type * m->nt + tj].c, lowest, m->grid.n, &s, NULL, accumulate);
        accumulate = 1;
    }
    if (!accumulate) memset(t, 0, (size_t)m->stride_t * KR_LANES * sizeof(real));
}

/* From gT to the gradients of the block's pairs. */
static void block_reverse(const kr_moment *m, int b, const scratch *s) {
    const ptrdiff_t quad = 4 * KR_LANES;
    for (int tj = 0; tj < m->nt; tj++) {
        const int lowest = m->block[b].lowest[tj];
        if (lowest >= m->grid.n) continue;
        streams v = {4, at_block(m->gt, m->stride_t, b), quad, KR_LANES, s->gm, quad, KR_LANES};
        product_reverse(&m->pair[m->block[b].type * m->nt + tj].c, lowest, m->grid.n, &v, 0);
        block_gradients(m, b, tj, s->gm, s->local);
    }
}

/* ---- layers ---- */

/* Activations other than tanh: in double through the table of core/activation.h. */
static void activate_other(const kr_activation *activation, int n, real *z, real *d1, real *d2) {
    enum { PIECE = 64 };
    double y[PIECE], a[PIECE], b[PIECE];
    for (int first = 0; first < n; first += PIECE) {
        int count = n - first < PIECE ? n - first : PIECE;
        for (int k = 0; k < count; k++) y[k] = (double)z[first + k];
        kr_activation_apply(activation, (size_t)count, y, y, a, b);
        for (int k = 0; k < count; k++) {
            z[first + k] = (real)y[k];
            d1[first + k] = (real)a[k];
            d2[first + k] = (real)b[k];
        }
    }
}

/* σ' and σ'' of vector k. */
KR_INLINE void slopes(int is_tanh, const real *s, const real *d1, const real *d2, ptrdiff_t k, kr_vec *first,
                      kr_vec *second) {
    if (is_tanh) {
        kr_vec t = kr_load(s + k);
        *first = kr_splat(1) - t * t;
        *second = kr_splat(-2) * t * *first;
    } else {
        *first = kr_load(d1 + k);
        *second = kr_load(d2 + k);
    }
}

KR_INLINE kr_vec idt_of(const kr_moment_net *net, int l, int o) {
    return net->idt[l] ? kr_splat(((const real *)net->idt[l])[o]) : kr_splat(1);
}

/* s = σ(z), y = idt s + skip x for one block; x is read for skips only. */
static void layer_output(const kr_moment *m, const kr_moment_net *net, int l, int b, const real *x) {
    const kr_moment_layer *layer = &m->layer[l];
    const kr_moment_arrays *a = &m->array[l];
    real *s = at_block(a->s, a->stride, b), *y = at_block(a->y, a->stride, b);
    const int is_tanh = layer->activation->kind == KR_ACT_TANH;
    if (!is_tanh)
        activate_other(layer->activation, layer->out * KR_LANES, s, at_block(a->d1, a->stride, b),
                       at_block(a->d2, a->stride, b));
    for (int o = 0; o < layer->out; o++) {
        const ptrdiff_t k = (ptrdiff_t)o * KR_LANES;
        kr_vec t = kr_load(s + k);
        if (is_tanh) {
            t = kr_vtanh(t);
            kr_store(s + k, t);
        }
        t *= idt_of(net, l, o);
        if (layer->skip) t += kr_load(x + (o < layer->in ? k : k - (ptrdiff_t)layer->in * KR_LANES));
        kr_store(y + k, t);
    }
}

/* below = skipᵀ above: what the product with W adds to; non-zero when there is a skip. */
static int skip_back(const kr_moment_layer *layer, const real *above, real *below) {
    if (!layer->skip) return 0;
    const size_t n = (size_t)layer->in * KR_LANES;
    memcpy(below, above, n * sizeof(real));
    if (layer->skip == 2)
        for (size_t k = 0; k < n; k += (size_t)KR_LANES)
            kr_store(below + k, kr_load(below + k) + kr_load(above + n + k));
    return 1;
}

static void net_forward(const kr_moment *m, const kr_moment_net *net, const kr_moment_group *g) {
    for (int l = 0; l < m->nlayers; l++) {
        const kr_moment_arrays *a = &m->array[l], *below = l ? &m->array[l - 1] : NULL;
        const void *x = l ? below->y : m->x;
        const int stride = l ? below->stride : m->stride_in;
        streams s =
            blocks_of(g->count, at_block(x, stride, g->first), stride, at_block(a->s, a->stride, g->first), a->stride);
        product_forward(kr_moment_weight(m, net, l), 0, kr_moment_inputs(m, net, l), &s, net->bias[l], 0);
        for (int b = g->first; b < g->first + g->count; b++) layer_output(m, net, l, b, at_block(x, stride, b));
    }
    const kr_moment_arrays *top = &m->array[m->nlayers - 1];
    const real *w = net->last;
    for (int b = g->first; b < g->first + g->count; b++) {
        const real *y = at_block(top->y, top->stride, b);
        kr_vec sum[4] = {kr_splat(0), kr_splat(0), kr_splat(0), kr_splat(0)}, total;
        for (int o = 0; o < m->layer[m->nlayers - 1].out; o++)
            sum[o % 4] += kr_splat(w[o]) * kr_load(y + (ptrdiff_t)o * KR_LANES);
        total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        for (int k = 0; k < KR_LANES; k++) m->row_energy[b * KR_LANES + k] = (double)total[k] + net->last_bias;
    }
}

static void net_reverse(const kr_moment *m, const kr_moment_net *net, const kr_moment_group *g) {
    const kr_moment_arrays *top = &m->array[m->nlayers - 1];
    const real *w = net->last;
    for (int b = g->first; b < g->first + g->count; b++)
        for (int o = 0; o < m->layer[m->nlayers - 1].out; o++)
            kr_store(at_block(top->gy, top->stride, b) + (ptrdiff_t)o * KR_LANES, kr_splat(w[o]));
    for (int l = m->nlayers - 1; l >= 0; l--) {
        const kr_moment_layer *layer = &m->layer[l];
        const kr_moment_arrays *a = &m->array[l];
        const int is_tanh = layer->activation->kind == KR_ACT_TANH;
        real *to = l ? m->array[l - 1].gy : m->gd;
        const int stride = l ? m->array[l - 1].stride : m->stride_in;
        int accumulate = 0;
        for (int b = g->first; b < g->first + g->count; b++) {
            const real *gy = at_block(a->gy, a->stride, b), *s = at_block(a->s, a->stride, b);
            const real *d1 = is_tanh ? NULL : at_block(a->d1, a->stride, b);
            const real *d2 = is_tanh ? NULL : at_block(a->d2, a->stride, b);
            real *gz = at_block(a->gz, a->stride, b);
            for (int o = 0; o < layer->out; o++) {
                const ptrdiff_t k = (ptrdiff_t)o * KR_LANES;
                kr_vec first, second;
                slopes(is_tanh, s, d1, d2, k, &first, &second);
                kr_store(gz + k, kr_load(gy + k) * first * idt_of(net, l, o));
            }
            accumulate = skip_back(layer, gy, at_block(to, stride, b));
        }
        streams s = blocks_of(g->count, at_block(a->gz, a->stride, g->first), a->stride, at_block(to, stride, g->first),
                              stride);
        product_reverse(&net->weight[l], 0, l ? layer->in : m->ncoupled, &s, accumulate);
    }
}

static void net_tangent(const kr_moment *m, const kr_moment_net *net, const kr_moment_group *g) {
    for (int l = 0; l < m->nlayers; l++) {
        const kr_moment_layer *layer = &m->layer[l];
        const kr_moment_arrays *a = &m->array[l];
        const int is_tanh = layer->activation->kind == KR_ACT_TANH;
        const void *x = l ? m->array[l - 1].yd : m->xd;
        const int stride = l ? m->array[l - 1].stride : m->stride_in;
        streams s =
            blocks_of(g->count, at_block(x, stride, g->first), stride, at_block(a->zd, a->stride, g->first), a->stride);
        product_forward(kr_moment_weight(m, net, l), 0, l ? layer->in : kr_moment_coupled(m, net), &s, NULL, 0);
        for (int b = g->first; b < g->first + g->count; b++) {
            const real *below = at_block(x, stride, b), *zd = at_block(a->zd, a->stride, b);
            const real *sigma = at_block(a->s, a->stride, b);
            const real *d1 = is_tanh ? NULL : at_block(a->d1, a->stride, b);
            const real *d2 = is_tanh ? NULL : at_block(a->d2, a->stride, b);
            real *yd = at_block(a->yd, a->stride, b);
            for (int o = 0; o < layer->out; o++) {
                const ptrdiff_t k = (ptrdiff_t)o * KR_LANES;
                kr_vec first, second;
                slopes(is_tanh, sigma, d1, d2, k, &first, &second);
                kr_vec t = idt_of(net, l, o) * first * kr_load(zd + k);
                if (layer->skip) t += kr_load(below + (o < layer->in ? k : k - (ptrdiff_t)layer->in * KR_LANES));
                kr_store(yd + k, t);
            }
        }
    }
}

/* z̄ of one block and layer from ȳ, and what belongs to idt; the transposed copies for the weights. */
static void block_adjoint(const kr_moment *m, const kr_moment_net *net, int l, int b, const real *ybar) {
    const kr_moment_layer *layer = &m->layer[l];
    const kr_moment_arrays *a = &m->array[l];
    const int is_tanh = layer->activation->kind == KR_ACT_TANH;
    const real *s = at_block(a->s, a->stride, b), *zd = at_block(a->zd, a->stride, b);
    const real *d1 = is_tanh ? NULL : at_block(a->d1, a->stride, b);
    const real *d2 = is_tanh ? NULL : at_block(a->d2, a->stride, b);
    const real *gy = at_block(a->gy, a->stride, b);
    real *zb = at_block(a->zb, a->stride, b), *ib = net->idt[l] ? at_block(a->ib, a->stride, b) : NULL;
    for (int o = 0; o < layer->out; o++) {
        const ptrdiff_t k = (ptrdiff_t)o * KR_LANES;
        kr_vec first, second, bar = kr_load(ybar + k), g = kr_load(gy + k), dot = kr_load(zd + k);
        slopes(is_tanh, s, d1, d2, k, &first, &second);
        kr_store(zb + k, idt_of(net, l, o) * (first * bar + second * dot * g));
        if (ib) kr_store(ib + k, bar * kr_load(s + k) + g * first * dot);
    }
    const ptrdiff_t row = (ptrdiff_t)b * KR_LANES * WIDE, panel = (ptrdiff_t)m->nblocks * KR_LANES * WIDE;
    transpose_rows(layer->out, zb, KR_LANES, (real *)a->zb_rows + row, panel);
    transpose_rows(layer->out, at_block(a->gz, a->stride, b), KR_LANES, (real *)a->gz_rows + row, panel);
}

static void net_adjoint(const kr_moment *m, const kr_moment_net *net, const kr_moment_group *g, const scratch *s) {
    int now = 0, top = m->nlayers - 1, stride = m->array[top].stride;
    const real *w = net->last;
    for (int b = 0; b < g->count; b++) {
        kr_vec e = kr_load((const real *)m->row_ebar + (g->first + b) * KR_LANES);
        for (int o = 0; o < m->layer[top].out; o++)
            kr_store(at_block(s->ybar[now], stride, b) + (ptrdiff_t)o * KR_LANES, e * kr_splat(w[o]));
    }
    for (int l = top; l >= 0; l--, now = 1 - now) {
        const kr_moment_layer *layer = &m->layer[l];
        const kr_moment_arrays *a = &m->array[l];
        real *to = l ? s->ybar[1 - now] : s->dbar;
        const int to_stride = l ? m->array[l - 1].stride : m->stride_in;
        int accumulate = 0;
        for (int b = 0; b < g->count; b++) {
            const real *ybar = at_block(s->ybar[now], a->stride, b);
            block_adjoint(m, net, l, g->first + b, ybar);
            accumulate = skip_back(layer, ybar, at_block(to, to_stride, b));
        }
        streams v = blocks_of(g->count, at_block(a->zb, a->stride, g->first), a->stride, to, to_stride);
        product_reverse(&net->weight[l], 0, l ? layer->in : m->ncoupled + m->ntebd, &v, accumulate);
    }
}

/* ---- a group ---- */

static void forward(const kr_moment *m, const kr_moment_group *g, int want_gradient, void *memory) {
    const scratch s = scratch_of(m, memory);
    const kr_moment_net *net = &m->net[m->block[g->first].net];
    for (int b = g->first; b < g->first + g->count; b++) {
        real *moment = at_block(m->moment, m->stride_m, b), *t = at_block(m->t, m->stride_t, b);
        block_moments(m, b, 0, s.local, moment);
        block_t(m, b, moment, t);
        inputs_forward(m, &net->basis, t, at_block(m->x, m->stride_in, b));
    }
    net_forward(m, net, g);
    if (!want_gradient) return;
    net_reverse(m, net, g);
    for (int b = g->first; b < g->first + g->count; b++) {
        inputs_reverse(m, at_block(m->gd, m->stride_in, b), at_block(m->t, m->stride_t, b),
                       at_block(m->gt, m->stride_t, b), 0);
        block_reverse(m, b, &s);
    }
}

static void backward(const kr_moment *m, const kr_moment_group *g, void *memory) {
    const scratch s = scratch_of(m, memory);
    const kr_moment_net *net = &m->net[m->block[g->first].net];
    for (int b = g->first; b < g->first + g->count; b++) {
        real *moment = at_block(m->moment_dot, m->stride_m, b), *td = at_block(m->td, m->stride_t, b);
        block_moments(m, b, 1, s.local, moment);
        block_t(m, b, moment, td);
        inputs_tangent(m, &net->basis, at_block(m->t, m->stride_t, b), td, at_block(m->xd, m->stride_in, b));
    }
    net_tangent(m, net, g);
    net_adjoint(m, net, g, &s);
    for (int b = g->first; b < g->first + g->count; b++) {
        const real *dbar = at_block(s.dbar, m->stride_in, b - g->first);
        inputs_reverse(m, dbar, at_block(m->t, m->stride_t, b), s.tbar, 0);
        inputs_reverse(m, at_block(m->gd, m->stride_in, b), at_block(m->td, m->stride_t, b), s.tbar, 1);
        /* [channel][4][lanes] → [4 lanes][channel]: rows for the products with the moments */
        for (int pass = 0; pass < 2; pass++) {
            const real *from = pass ? at_block(m->gt, m->stride_t, b) : s.tbar;
            real *to = (real *)(pass ? m->gt_rows : m->tb_rows) + (ptrdiff_t)b * 4 * KR_LANES * WIDE;
            for (int c = 0; c < 4; c++)
                transpose_rows(m->ng, from + c * KR_LANES, 4 * KR_LANES, to + c * KR_LANES * WIDE,
                               (ptrdiff_t)m->nblocks * 4 * KR_LANES * WIDE);
        }
        for (int k = 0; k < m->ntebd; k++) {
            const real *row = dbar + (ptrdiff_t)(m->ncoupled + k) * KR_LANES;
            double sum = 0;
            for (int l = 0; l < KR_LANES; l++)
                if (m->row_frame[b * KR_LANES + l] != -1) sum += (double)row[l];
            m->tebd_bar[(ptrdiff_t)b * m->ntebd + k] = sum;
        }
    }
}

/* ---- sums over rows ---- */

/* to [rows][columns] (= or) += c [rows][ldc] */
static void add_rows(int rows, int columns, const real *c, ptrdiff_t ldc, int set, double *to) {
    for (int i = 0; i < rows; i++, c += ldc, to += columns)
        if (set)
            for (int k = 0; k < columns; k++) to[k] = (double)c[k];
        else
            for (int k = 0; k < columns; k++) to[k] += (double)c[k];
}

static void weights(const kr_moment *m, const kr_moment_net *net, int l, int begin, int end, int set, double *to,
                    void *c) {
    const kr_moment_arrays *a = &m->array[l];
    const int stride = l ? m->array[l - 1].stride : m->stride_in, first = net->first_block, out = m->layer[l].out;
    const ptrdiff_t ldc = (out + WIDE - 1) / WIDE * WIDE;
    sweep s[2];
    for (int n = 0; n < 2; n++) {
        const void *x = l ? (n ? m->array[l - 1].yd : m->array[l - 1].y) : (n ? m->xd : m->x);
        s[n] = (sweep){.chunks = net->nblocks,
                       .depth = KR_LANES,
                       .a = at_block(x, stride, first) + (ptrdiff_t)begin * KR_LANES,
                       .a_chunk = (ptrdiff_t)stride * KR_LANES,
                       .a_row = KR_LANES,
                       .b = (const real *)(n ? a->gz_rows : a->zb_rows) + (ptrdiff_t)first * KR_LANES * WIDE,
                       .b_chunk = KR_LANES * WIDE,
                       .b_row = WIDE,
                       .b_vec = (ptrdiff_t)m->nblocks * KR_LANES * WIDE};
    }
    if (l == 0 && net->basis.q < m->ng) {
        product_weights(s, 2, end - begin, out, (real *)net->basis.bar + begin * net->basis.ldc, net->basis.ldc, 1);
        return;
    }
    product_weights(s, 2, end - begin, out, c, ldc, 1);
    add_rows(end - begin, out, c, ldc, set, to + (ptrdiff_t)begin * out);
}

#include "training/isa/moment_basis.inl"

static void coefficients(const kr_moment *m, int first, int count, int tj, int begin, int end, double *to, void *c) {
    const ptrdiff_t quad = 4 * KR_LANES, ldc = (m->ng + WIDE - 1) / WIDE * WIDE;
    int clear = 1;
    for (int b = first; b < first + count;) {
        /* blocks that have these rows, as one sweep over neighbours in memory */
        int last = b;
        while (last < first + count && m->block[last].lowest[tj] < end) last++;
        if (last == b) {
            b++;
            continue;
        }
        sweep s[2];
        for (int n = 0; n < 2; n++)
            s[n] = (sweep){.chunks = last - b,
                           .depth = (int)quad,
                           .a = at_block(n ? m->moment_dot : m->moment, m->stride_m, b) +
                                ((ptrdiff_t)m->slot[tj] * m->grid.n + begin) * quad,
                           .a_chunk = (ptrdiff_t)m->stride_m * KR_LANES,
                           .a_row = quad,
                           .b = (const real *)(n ? m->gt_rows : m->tb_rows) + b * quad * WIDE,
                           .b_chunk = quad * WIDE,
                           .b_row = WIDE,
                           .b_vec = (ptrdiff_t)m->nblocks * quad * WIDE};
        product_weights(s, 2, end - begin, m->ng, c, ldc, clear);
        clear = 0;
        b = last;
    }
    if (clear)
        memset(to + (ptrdiff_t)begin * m->ng, 0, (size_t)(end - begin) * (size_t)m->ng * sizeof *to);
    else
        add_rows(end - begin, m->ng, c, ldc, 1, to + (ptrdiff_t)begin * m->ng);
}

static void sums(int nblocks, int stride, int rows, const void *from, double *to) {
    for (int o = 0; o < rows; o++) {
        kr_vec sum = kr_splat(0);
        for (int b = 0; b < nblocks; b++) sum += kr_load(at_block(from, stride, b) + (ptrdiff_t)o * KR_LANES);
        for (int k = 0; k < KR_LANES; k++) to[o] += (double)sum[k];
    }
}

static void last(const kr_moment *m, const kr_moment_net *net, double *to, double *bias) {
    const kr_moment_arrays *a = &m->array[m->nlayers - 1];
    const real *e = (const real *)m->row_ebar;
    for (int o = 0; o < m->layer[m->nlayers - 1].out; o++) {
        kr_vec sum = kr_splat(0);
        for (int b = net->first_block; b < net->first_block + net->nblocks; b++) {
            const ptrdiff_t k = (ptrdiff_t)o * KR_LANES;
            sum += kr_load(e + b * KR_LANES) * kr_load(at_block(a->y, a->stride, b) + k) +
                   kr_load(at_block(a->yd, a->stride, b) + k);
        }
        for (int k = 0; k < KR_LANES; k++) to[o] += (double)sum[k];
    }
    for (int k = net->first_block * KR_LANES; k < (net->first_block + net->nblocks) * KR_LANES; k++)
        *bias += (double)e[k];
}

/* ---- θ and geometry in the engine's precision ---- */

/* Rows [first, last): read as they lie, written to all panels. */
static void pack(const double *from, int first, int last_row, const kr_moment_matrix *to) {
    const ptrdiff_t panel_size = (ptrdiff_t)to->rows * PANEL;
    const int full = to->out / PANEL, rest = to->out % PANEL;
    const double *row = from + (ptrdiff_t)first * to->out;
    for (int i = first; i < last_row; i++) {
        real *at = (real *)to->data + (ptrdiff_t)i * PANEL;
        for (int p = 0; p < full; p++, at += panel_size, row += PANEL)
            for (int k = 0; k < PANEL; k++) at[k] = (real)row[k];
        for (int k = 0; k < rest; k++) at[k] = (real)row[k];
        row += rest;
    }
}

static void convert(size_t n, const double *from, void *to) {
    real *out = to;
    for (size_t k = 0; k < n; k++) out[k] = (real)from[k];
}

static void pairs(const kr_moment *m, const kr_env *env, kr_moment_packed *p) {
    const kr_descriptor *d = &m->model->descriptor;
    real *t = p->t, *slope = p->slope, *dx = p->dx, *dy = p->dy, *dz = p->dz;
    real *s = p->s, *s1 = p->s1, *q = p->q, *qr = p->qr, *q1r = p->q1r;
    for (int k = 0; k < p->npairs; k++) {
        double r = env->r[k], place, inv_h, w1, w = kr_switch(r, d->rcut_smth, d->rcut, &w1);
        double inv = 1 / (r + d->env_protection), f = w * inv, g = f * inv, f1 = (w1 - f) * inv;
        p->cell[k] = kr_moment_grid_locate(&m->grid, r, &place, &inv_h);
        t[k] = (real)place;
        slope[k] = (real)(inv_h / r);
        dx[k] = (real)(env->x[k] / r);
        dy[k] = (real)(env->y[k] / r);
        dz[k] = (real)(env->z[k] / r);
        s[k] = (real)f;
        s1[k] = (real)f1;
        q[k] = (real)g;
        qr[k] = (real)(g * r);
        q1r[k] = (real)((f1 - g) * inv * r);
    }
}

extern const kr_moment_kernels KR_KERNEL(moment);
const kr_moment_kernels KR_KERNEL(moment) = {.lanes = (int)(KR_VECTOR_BYTES / sizeof(real)),
                                             .wide = WIDE,
                                             .forward = forward,
                                             .backward = backward,
                                             .forces = forces,
                                             .pack = pack,
                                             .convert = convert,
                                             .weights = weights,
                                             .basis = find_basis,
                                             .fold = fold,
                                             .expand = expand,
                                             .sums = sums,
                                             .coefficients = coefficients,
                                             .last = last,
                                             .pairs = pairs};
