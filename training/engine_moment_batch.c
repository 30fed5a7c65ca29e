/* Batches of the moment engine: rows by type in blocks of lanes, arrays of the step.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Groups are cut so that all threads get the same number of blocks: how a batch is cut changes no bit of the result
 * (moment_products.inl). */
#include "core/error.h"
#include "core/parallel.h"
#include "training/engine_moment.h"
#include <string.h>

/* ---- rows ---- */

/* Rows of a type: its atoms in all frames, and one more in vacuum. */
static int rows_of(const kr_moment *m, int type, int (*place)(const kr_moment *, int row, int frame, int atom),
                   int row) {
    const kr_batch *batch = m->batch;
    int n = 0;
    if (m->silent[type]) return 0;
    for (int k = 0; k < batch->nframes; k++) {
        const kr_training_frame *f = batch->frame[k];
        for (int i = 0; i < f->natoms; i++)
            if (f->type[i] == type) {
                if (place) place(m, row + n, k, i);
                n++;
            }
    }
    if (n && m->vacuum[type]) {
        if (place) place(m, row + n, -2, 0);
        n++;
    }
    return n;
}

static int place_row(const kr_moment *m, int row, int frame, int atom) {
    m->row_frame[row] = frame;
    m->row_atom[row] = atom;
    return 0;
}

/* Empty slots of the centre hold rows that are not zero. */
static int has_padding(const kr_moment *m, const kr_moment_pair *pair, const kr_env *env, const int *first, int tj) {
    int used = m->mixed ? first[env->ntypes] - first[0] : first[tj + 1] - first[tj];
    return (m->radial || pair->average != 0) && used < pair->sel && (!m->mixed || tj == env->pad_type);
}

/* Atoms and pairs of types of the whole batch, of which this one may be a part. */
static void see_whole(kr_moment *m) {
    const kr_batch *whole = m->batch->whole ? m->batch->whole : m->batch;
    for (int p = 0; p < m->nt * m->nt; p++) m->pair[p].seen = m->pair[p].present;
    for (int n = 0; n < m->nnets; n++) m->net[n].rows = 0;
    for (int k = 0; k < whole->nframes; k++) {
        const kr_env *env = &whole->frame[k]->env;
        for (int i = 0; i < env->natoms; i++) {
            const int ti = env->center_type[i], *first = env->first + (size_t)i * (size_t)env->ntypes;
            if (m->silent[ti]) continue;
            m->net[m->nnets > 1 ? ti : 0].rows++;
            for (int tj = 0; tj < m->nt; tj++) {
                kr_moment_pair *pair = &m->pair[ti * m->nt + tj];
                pair->seen |= !pair->excluded && first[tj + 1] > first[tj];
                pair->seen |= has_padding(m, pair, env, first, tj);
            }
        }
    }
    for (int n = 0; n < m->nnets; n++) m->net[n].rows = kr_round_up(m->net[n].rows, m->lanes);
}

/* First coefficient in use of every block and neighbour type, a multiple of KR_MOMENT_ROWS; n where there is none. */
static void find_lowest(kr_moment *m, int b) {
    kr_moment_block *block = &m->block[b];
    for (int tj = 0; tj < m->nt; tj++) {
        const kr_moment_pair *pair = &m->pair[block->type * m->nt + tj];
        int lowest = m->grid.n;
        for (int l = 0; l < m->lanes; l++) {
            int k = m->row_frame[b * m->lanes + l], i = m->row_atom[b * m->lanes + l];
            if (k < 0) continue;
            const kr_env *env = &m->batch->frame[k]->env;
            const int *first = env->first + (size_t)i * (size_t)env->ntypes, *cell = m->packed[k]->cell;
            for (int p = first[tj]; !pair->excluded && p < first[tj + 1]; p++)
                if (cell[p] < lowest) lowest = cell[p];
            if (lowest > m->grid.n - 6 && has_padding(m, pair, env, first, tj)) lowest = m->grid.n - 6;
        }
        block->lowest[tj] = lowest >= m->grid.n ? m->grid.n : lowest / KR_MOMENT_ROWS * KR_MOMENT_ROWS;
    }
}

enum { LOWEST_BLOCKS = 64 }; /* searched together: a block by itself is less work than waking a thread */

static kr_status lowest_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_moment *m = payload;
    (void)ctx, (void)thread;
    for (int b = (int)block * LOWEST_BLOCKS; b < m->nblocks && b < ((int)block + 1) * LOWEST_BLOCKS; b++)
        find_lowest(m, b);
    return KR_OK;
}

/* Groups of at most KR_MOMENT_GROUP blocks of one type. With several threads the blocks are first shared out evenly,
 * and large groups come first: they are handed out one by one, and a large one at the end would leave the others
 * waiting. */
static void make_groups(kr_moment *m, int nthreads) {
    m->ngroups = 0;
    for (int s = 0; s < nthreads; s++) {
        int begin = (int)((long)m->nblocks * s / nthreads), end = (int)((long)m->nblocks * (s + 1) / nthreads);
        for (int b = begin; b < end; b++) {
            kr_moment_group *g = m->ngroups ? &m->group[m->ngroups - 1] : NULL;
            if (b > begin && m->block[b].type == m->block[b - 1].type && g->count < KR_MOMENT_GROUP)
                g->count++;
            else
                m->group[m->ngroups++] = (kr_moment_group){b, 1};
        }
    }
    if (nthreads == 1) return;
    for (int i = 1; i < m->ngroups; i++) { /* few groups, in order but for one or two of a thread */
        kr_moment_group g = m->group[i];
        int at = i;
        for (; at > 0 && m->group[at - 1].count < g.count; at--) m->group[at] = m->group[at - 1];
        m->group[at] = g;
    }
}

static kr_status make_rows(kr_context *ctx, kr_moment *m, const kr_batch *batch) {
    kr_status status = KR_OK;
    size_t nf = (size_t)batch->nframes, nt = (size_t)m->nt, lanes = (size_t)m->lanes;
    m->batch = batch;
    int nblocks = 0;
    for (int t = 0; t < m->nt; t++) nblocks += kr_round_up(rows_of(m, t, NULL, 0), m->lanes) / m->lanes;
    size_t nb = (size_t)nblocks;
    for (int pass = 0; pass < 2; pass++) {
        kr_moment_carver c = {pass ? m->plan.data : NULL, 0};
        m->packed = kr_moment_carve(&c, nf + 1, sizeof *m->packed);
        m->to_pack = kr_moment_carve(&c, nf + 1, sizeof *m->to_pack);
        m->atom_first = kr_moment_carve(&c, nf + 1, sizeof *m->atom_first);
        m->pair_first = kr_moment_carve(&c, nf + 1, sizeof *m->pair_first);
        m->block = kr_moment_carve(&c, nb + 1, sizeof *m->block);
        m->group = kr_moment_carve(&c, nb + 1, sizeof *m->group);
        m->row_frame = kr_moment_carve(&c, nb * lanes + 1, sizeof(int));
        m->row_atom = kr_moment_carve(&c, nb * lanes + 1, sizeof(int));
        int *lowest = kr_moment_carve(&c, nb * nt + 1, sizeof(int));
        if (!pass) KR_TRY(kr_buffer_reserve(ctx, &m->plan, c.at, 1));
        for (int b = 0; pass && b < nblocks; b++) m->block[b].lowest = lowest + (size_t)b * nt;
    }
    m->nblocks = nblocks;
    m->atom_first[0] = 0;
    m->pair_first[0] = 0;
    for (int k = 0; k < batch->nframes; k++) {
        m->atom_first[k + 1] = m->atom_first[k] + batch->frame[k]->natoms;
        m->pair_first[k + 1] = m->pair_first[k] + (size_t)batch->frame[k]->env.npairs;
    }
    for (size_t r = 0; r < nb * lanes; r++) m->row_frame[r] = -1;
    for (int n = 0; n < m->nnets; n++) m->net[n].first_block = m->net[n].nblocks = 0;
    for (int t = 0, b = 0; t < m->nt; t++) {
        int n = kr_round_up(rows_of(m, t, place_row, b * m->lanes), m->lanes) / m->lanes, net = m->nnets > 1 ? t : 0;
        if (n && !m->net[net].net)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s has no fitting net for type %s",
                    m->model->path ? m->model->path : "the model", m->model->type_map[t]);
        if (n && !m->net[net].nblocks) m->net[net].first_block = b;
        m->net[net].nblocks += n;
        for (int end = b + n; b < end; b++) {
            m->block[b].type = t;
            m->block[b].net = net;
        }
    }
done:
    return status;
}

/* ---- arrays ---- */

static void carve_layers(kr_moment *m, kr_moment_carver *c, size_t rows) {
    for (int l = 0; l < m->nlayers; l++) {
        const kr_moment_layer *layer = &m->layer[l];
        kr_moment_arrays *a = &m->array[l];
        int is_tanh = layer->activation->kind == KR_ACT_TANH;
        a->stride = kr_moment_stride(layer->out);
        void **usual[] = {&a->s, &a->y, &a->gy, &a->gz, &a->zd, &a->yd, &a->zb};
        for (size_t k = 0; k < sizeof usual / sizeof *usual; k++)
            *usual[k] = kr_moment_carve(c, rows * (size_t)a->stride, m->word);
        a->d1 = is_tanh ? NULL : kr_moment_carve(c, rows * (size_t)a->stride, m->word);
        a->d2 = is_tanh ? NULL : kr_moment_carve(c, rows * (size_t)a->stride, m->word);
        a->ib = layer->has_idt ? kr_moment_carve(c, rows * (size_t)a->stride, m->word) : NULL;
        size_t columns = (size_t)kr_round_up(layer->out, m->kernels->wide);
        a->gz_rows = kr_moment_carve(c, rows * columns, m->word);
        a->zb_rows = kr_moment_carve(c, rows * columns, m->word);
    }
}

static kr_status make_arrays(kr_context *ctx, kr_moment *m) {
    kr_status status = KR_OK;
    size_t lanes = (size_t)m->lanes, nb = (size_t)m->nblocks, rows = nb * lanes, n = (size_t)m->grid.n, widest = 0;
    m->stride_in = kr_moment_stride(m->nin);
    const size_t columns = (size_t)m->columns;
    m->stride_t = m->columns * kr_round_up(m->ng, KR_MOMENT_ROWS) + 1;
    m->stride_m = (m->columns * m->grid.n * m->nslots) | 1;
    size_t channels = (size_t)kr_round_up(m->ng, m->kernels->wide);
    for (int pass = 0; pass < 2; pass++) {
        kr_moment_carver c = {pass ? m->floats.data : NULL, 0};
        void **in[] = {&m->x, &m->xd, &m->gd}, **t[] = {&m->t, &m->td, &m->gt};
        for (int k = 0; k < 3; k++) *in[k] = kr_moment_carve(&c, rows * (size_t)m->stride_in, m->word);
        for (int k = 0; k < 3; k++) *t[k] = kr_moment_carve(&c, rows * (size_t)m->stride_t, m->word);
        m->moment = kr_moment_carve(&c, rows * (size_t)m->stride_m + KR_MOMENT_ROWS * columns * lanes, m->word);
        m->moment_dot = kr_moment_carve(&c, rows * (size_t)m->stride_m + KR_MOMENT_ROWS * columns * lanes, m->word);
        m->gt_rows = kr_moment_carve(&c, columns * rows * channels, m->word);
        m->tb_rows = kr_moment_carve(&c, columns * rows * channels, m->word);
        m->gr = kr_moment_carve(&c, 3 * m->pair_first[m->batch->nframes], m->word);
        m->row_energy = kr_moment_carve(&c, rows, sizeof(double));
        m->row_ebar = kr_moment_carve(&c, rows, m->word);
        m->tebd_bar = kr_moment_carve(&c, nb * (size_t)m->ntebd, sizeof(double));
        m->degree_bar = kr_moment_carve(&c, nb * 3, sizeof(double));
        carve_layers(m, &c, rows);
        /* what a full vector may read beyond the last array */
        kr_moment_carve(&c, columns * KR_MOMENT_ROWS * lanes, sizeof(double));
        if (!pass) KR_TRY(kr_buffer_reserve(ctx, &m->floats, c.at, 1));
    }
    for (int l = 0; l < m->nlayers; l++)
        if ((size_t)m->array[l].stride > widest) widest = (size_t)m->array[l].stride;
    /* see scratch_of in moment.inl */
    m->scratch_bytes = (columns * n + columns * (n + KR_MOMENT_ROWS) + (size_t)m->stride_t +
                        KR_MOMENT_GROUP * ((size_t)m->stride_in + 2 * widest)) *
                       lanes * m->word;
    widest = (size_t)kr_round_up((int)widest > m->ng ? (int)widest : m->ng, m->kernels->wide);
    if (m->scratch_bytes < KR_MOMENT_PIECE * widest * m->word) m->scratch_bytes = KR_MOMENT_PIECE * widest * m->word;
    m->scratch_bytes = (m->scratch_bytes / 4096 + 2) * 4096;
    KR_TRY(kr_buffer_reserve(ctx, &m->scratch, (size_t)kr_parallel_threads(ctx) * m->scratch_bytes, 1));
done:
    return status;
}

kr_status kr_moment_plan(kr_context *ctx, kr_moment *m, const kr_batch *batch) {
    kr_status status = KR_OK;
    m->have_value = 0;
    KR_TRY(make_rows(ctx, m, batch));
    KR_TRY(kr_moment_pack(ctx, m));
    KR_TRY(kr_parallel_blocks(ctx, (m->nblocks + LOWEST_BLOCKS - 1) / LOWEST_BLOCKS, lowest_block, NULL, m));
    for (int p = 0; p < m->nt * m->nt; p++) m->pair[p].present = 0;
    for (int t = 0; t < m->nt; t++) m->slot[t] = -1;
    for (int b = 0; b < m->nblocks; b++)
        for (int tj = 0; tj < m->nt; tj++)
            if (m->block[b].lowest[tj] < m->grid.n) {
                m->pair[m->block[b].type * m->nt + tj].present = 1;
                m->slot[tj] = 0;
            }
    m->nslots = 0;
    for (int t = 0; t < m->nt; t++)
        if (!m->slot[t]) m->slot[t] = m->nslots++;
    see_whole(m);
    KR_TRY(kr_moment_nodes_prepare(ctx, m));
    KR_TRY(kr_moment_basis_prepare(ctx, m));
    make_groups(m, kr_parallel_threads(ctx));
    KR_TRY(make_arrays(ctx, m));
done:
    return status;
}

/* ---- inputs that do not depend on the positions ---- */

static void put(const kr_moment *m, void *array, size_t at, double value) {
    if (m->single)
        ((float *)array)[at] = (float)value;
    else
        ((double *)array)[at] = value;
}

static double standard(const double *value, const double *avg, const double *inv_std, int k) {
    return (value[k] - (avg ? avg[k] : 0)) * (inv_std ? inv_std[k] : 1);
}

void kr_moment_fill_rows(kr_moment *m) {
    const kr_fitting *f = &m->model->fitting;
    for (int row = 0; row < m->nblocks * m->lanes; row++) {
        int k = m->row_frame[row], block = row / m->lanes;
        const kr_training_frame *frame = k >= 0 ? m->batch->frame[k] : NULL;
        const double *fparam = frame && frame->fparam ? frame->fparam : f->default_fparam;
        const double *aparam =
            frame && frame->aparam ? frame->aparam + (size_t)m->row_atom[row] * f->numb_aparam : NULL;
        size_t first = (size_t)kr_moment_coupled(m, &m->net[m->block[block].net]);
        size_t at = ((size_t)block * (size_t)m->stride_in + first) * (size_t)m->lanes + (size_t)(row % m->lanes);
        for (int c = m->ncoupled; c < m->nin; c++, at += (size_t)m->lanes) {
            int i = c - m->ncoupled;
            double value = 0;
            if (i < m->ntebd)
                value = k >= 0 ? m->tebd[m->block[block].type * m->ntebd + i] : 0;
            else if ((i -= m->ntebd) < m->nfparam)
                value = k >= 0 && fparam ? standard(fparam, f->fparam_avg, f->fparam_inv_std, i) : 0;
            else if ((i -= m->nfparam) < m->naparam)
                value = aparam ? standard(aparam, f->aparam_avg, f->aparam_inv_std, i) : 0;
            else
                value = f->case_embd ? f->case_embd[i - m->naparam] : 0;
            put(m, m->x, at, value);
            put(m, m->xd, at, 0);
        }
    }
}
