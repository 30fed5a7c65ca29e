/* One training step of the moment engine: a group of blocks forward and back, and the sums over all rows.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Equations in engine_moment.h and moment_net.inl. */
#include "training/isa/moment_inputs.inl"
#include "training/isa/moment_net.inl"

/* ---- T and its relatives ---- */

static void block_t(const kr_moment *m, int b, const real *moment, real *t) {
    int accumulate = 0;
    for (int tj = 0; tj < m->nt; tj++) {
        const int lowest = m->block[b].lowest[tj];
        if (lowest >= m->grid.n) continue;
        const ptrdiff_t quad = m->columns * KR_LANES;
        streams s = {m->columns, moment + m->slot[tj] * m->grid.n * quad, quad, KR_LANES, t, quad, KR_LANES};
        product_forward(&m->pair[m->block[b].type * m->nt + tj].c, lowest, m->grid.n, &s, NULL, accumulate);
        accumulate = 1;
    }
    if (!accumulate) memset(t, 0, (size_t)m->stride_t * KR_LANES * sizeof(real));
}

/* From gT to the gradients of the block's pairs. */
static void block_reverse(const kr_moment *m, int b, const scratch *s) {
    const ptrdiff_t quad = m->columns * KR_LANES;
    for (int tj = 0; tj < m->nt; tj++) {
        const int lowest = m->block[b].lowest[tj];
        if (lowest >= m->grid.n) continue;
        streams v = {m->columns, at_block(m->gt, m->stride_t, b), quad, KR_LANES, s->gm, quad, KR_LANES};
        product_reverse(&m->pair[m->block[b].type * m->nt + tj].c, lowest, m->grid.n, &v, 0);
        block_gradients(m, b, tj, s->gm, s->local);
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

/* γ γ̄ of every degree above 1, from a block: Σ T̄ T + gT Ṫ. */
static void degree_gradient(const kr_moment *m, int b, const real *tbar) {
    const real *t = at_block(m->t, m->stride_t, b), *td = at_block(m->td, m->stride_t, b),
               *gt = at_block(m->gt, m->stride_t, b);
    for (int l = 2; l <= m->lmax; l++) {
        kr_vec sum = kr_splat(0);
        double total = 0;
        for (int a = 0; a < m->ng; a++)
            for (int c = l * l; c < (l + 1) * (l + 1); c++) {
                const ptrdiff_t at = ((ptrdiff_t)a * m->columns + c) * KR_LANES;
                sum += kr_load(tbar + at) * kr_load(t + at) + kr_load(gt + at) * kr_load(td + at);
            }
        for (int k = 0; k < KR_LANES; k++) total += (double)sum[k];
        m->degree_bar[3 * b + l - 2] = total;
    }
}

static void backward(const kr_moment *m, const kr_moment_group *g, void *memory) {
    const scratch s = scratch_of(m, memory);
    const ptrdiff_t quad = m->columns * KR_LANES;
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
        degree_gradient(m, b, s.tbar);
        /* [channel][columns][lanes] → [columns lanes][channel]: rows for the products with the moments */
        for (int pass = 0; pass < 2; pass++) {
            const real *from = pass ? at_block(m->gt, m->stride_t, b) : s.tbar;
            real *to = (real *)(pass ? m->gt_rows : m->tb_rows) + b * quad * WIDE;
            for (int c = 0; c < m->columns; c++)
                transpose_rows(m->ng, from + c * KR_LANES, quad, to + c * KR_LANES * WIDE, m->nblocks * quad * WIDE);
        }
        for (int k = 0; k < m->ntebd; k++) { /* the type in vacuum has zeros here */
            const real *row = dbar + (ptrdiff_t)(m->ncoupled + k) * KR_LANES;
            double sum = 0;
            for (int l = 0; l < KR_LANES; l++)
                if (m->row_frame[b * KR_LANES + l] >= 0) sum += (double)row[l];
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
    const ptrdiff_t quad = m->columns * KR_LANES, ldc = (m->ng + WIDE - 1) / WIDE * WIDE;
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
