/* The fitting net of one training step of the moment engine: values, reverse, tangent and adjoint of a group of blocks.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Layer, with u = idt and skip connections left out of the notation:
 *     z = Wᵀ x + b,  y = u σ(z) + skip x        gz = u σ' gy,   gx = W gz
 *     ż = Wᵀ ẋ,      ẏ = u σ' ż + skip ẋ        z̄ = u (σ' ȳ + σ'' ż gy),  x̄ = W z̄,   ȳ_top = ē w
 *     W̄ = x z̄ᵀ + ẋ gzᵀ,  b̄ = z̄,  ū = ȳ σ + gy σ' ż,  w̄ = ē y + ẏ    (sums over rows)
 * g: ∂E_i/∂·, dot: tangent along v, bar: derivative of Σ ē_i E_i + Σ v·∂E/∂r. The adjoint of a tangent is g itself. */
#include "core/isa/tanh.h"
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
    s.gm = s.local + m->columns * n * lanes;
    s.tbar = s.gm + m->columns * (n + KR_MOMENT_ROWS) * lanes;
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

/* ---- layers ---- */

/* silu z s(z), s = (1 + t)/2 with t = tanh(z/2):  s(1 − s) = (1 − t²)/4,  1 − 2s = −t. */
static void activate_silu(int n, real *z, real *d1, real *d2) {
    for (int k = 0; k < n; k += KR_LANES) {
        kr_vec x = kr_load(z + k), t = kr_vtanh(kr_splat((real)0.5) * x);
        kr_vec s = kr_splat((real)0.5) + kr_splat((real)0.5) * t;
        kr_vec slope = kr_splat((real)0.25) * ((kr_splat(1) - t) * (kr_splat(1) + t));
        kr_store(z + k, x * s);
        kr_store(d1 + k, s + x * slope);
        kr_store(d2 + k, slope * (kr_splat(2) - x * t));
    }
}

/* Activations other than tanh and silu: in double through the table of core/activation.h. */
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
    if (layer->activation->kind == KR_ACT_SILU)
        activate_silu(layer->out * KR_LANES, s, at_block(a->d1, a->stride, b), at_block(a->d2, a->stride, b));
    else if (!is_tanh)
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
