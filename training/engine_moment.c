/* Engine "moment": the embedding nets at spline nodes only, everything else products of matrices.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Equations in engine_moment.h. A step is a few parallel passes over groups of blocks or pieces of θ, every one of
 * which writes what no other does, so no bit depends on the number of threads: value:     θ → packed matrices and
 * coefficients; groups forward and back to pair gradients; forces gradient:  groups: tangent and adjoint; pieces of θ:
 * sums over all rows; nodes: back through the embedding nets The result is the exact derivative of the loss of the
 * splines, which differ from the nets by kr_engine_check's error. */
#include "training/engine_moment.h"
#include "core/error.h"
#include "core/parallel.h"
#include "potential/harmonics.h"
#include <math.h>
#include <string.h>

/* ---- value ---- */

typedef struct run {
    kr_moment *m;
    int want_gradient;
    double *force, *virial; /* [natoms][3], [nframes][9] */
    double part[9];
    int set;
    double *gtheta;
    const kr_batch *batch;
} run;

enum { PACK_ROWS = 100 };

/* Some rows of one layer of one net; the first ones take the layer's vectors along. */
static kr_status pack_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_moment *m = ((run *)payload)->m;
    const double *theta = m->model->theta;
    (void)ctx, (void)thread;
    for (int n = 0; n < m->nnets; n++) {
        kr_moment_net *net = &m->net[n];
        for (int l = 0; net->nblocks && l < m->nlayers; l++) {
            const kr_layer *layer = &net->net->layer[l];
            int rows = layer->in, begin = (int)block * PACK_ROWS;
            if (begin >= rows) {
                block -= (rows + PACK_ROWS - 1) / PACK_ROWS;
                continue;
            }
            int end = begin + PACK_ROWS < rows ? begin + PACK_ROWS : rows;
            m->kernels->pack(theta + layer->w, begin, end, &net->weight[l]);
            if (block > 0) return KR_OK;
            size_t out = (size_t)layer->out;
            if (layer->b != KR_NO_BLOCK) m->kernels->convert(out, theta + layer->b, net->bias[l]);
            if (layer->idt != KR_NO_BLOCK) m->kernels->convert(out, theta + layer->idt, net->idt[l]);
            return KR_OK;
        }
    }
    return KR_OK;
}

/* Pairs of types, whose nets are evaluated at the nodes, then pieces of the fitting nets. */
static kr_status parameters_block(void *payload, kr_context *ctx, long block, int thread) {
    kr_moment *m = ((run *)payload)->m;
    long pairs = (long)m->nt * m->nt;
    return block < pairs ? kr_moment_nodes_pair(ctx, m, (int)block, thread)
                         : pack_block(payload, ctx, block - pairs, thread);
}

/* Gains of angular degrees, by column. */
static void set_gains(kr_moment *m) {
    const kr_model *model = m->model;
    for (int c = 0; c < m->columns; c++)
        m->gain[c] = c < 4 ? 1
                     : c < model->descriptor.nmoment
                         ? model->theta[model->descriptor.degree_gain + (size_t)kr_moments_degree(c) - 2]
                         : 0;
}

/* At γ = 0 the weight γ² has no slope. */
static void gain_gradients(const kr_moment *m, double *gtheta) {
    for (int l = 2; l <= m->lmax; l++) {
        double sum = 0, gain = m->gain[l * l];
        for (int b = 0; b < m->nblocks; b++) sum += m->degree_bar[3 * b + l - 2];
        if (gain != 0) gtheta[m->model->descriptor.degree_gain + (size_t)l - 2] += sum / gain;
    }
}

/* Matrices and coefficients of this step. */
static kr_status parameters(kr_context *ctx, run *r) {
    kr_status status = KR_OK;
    kr_moment *m = r->m;
    long tasks = (long)m->nt * m->nt;
    KR_TRY(kr_moment_nodes_types(ctx, m));
    set_gains(m);
    for (int n = 0; n < m->nnets; n++) {
        kr_moment_net *net = &m->net[n];
        if (!net->nblocks) continue;
        for (int l = 0; l < m->nlayers; l++) tasks += (m->layer[l].in + PACK_ROWS - 1) / PACK_ROWS;
        const kr_layer *last = &net->net->layer[m->nlayers];
        m->kernels->convert((size_t)last->in, m->model->theta + last->w, net->last);
        net->last_bias = m->model->theta[last->b];
    }
    KR_TRY(kr_parallel_blocks(ctx, tasks, parameters_block, NULL, r));
    KR_TRY(kr_moment_basis_find(ctx, m));
done:
    return status;
}

static kr_status forward_block(void *payload, kr_context *ctx, long block, int thread) {
    run *r = payload;
    (void)ctx;
    r->m->kernels->forward(r->m, &r->m->group[block], r->want_gradient, kr_moment_scratch(r->m, thread));
    return KR_OK;
}

/* Energies of all atoms with their biases. */
static void energies(const kr_moment *m, double *energy) {
    const kr_model *model = m->model;
    const kr_fitting *f = &model->fitting;
    double vacuum = 0;
    for (int k = 0; k < m->batch->nframes; k++)
        for (int i = 0; i < m->batch->frame[k]->natoms; i++) {
            int t = m->batch->frame[k]->type[i], off = model->atom_excluded && model->atom_excluded[t];
            double e = m->silent[t] || !f->bias_atom_e ? 0 : f->bias_atom_e[t];
            energy[m->atom_first[k] + i] = e + (off || !model->out_bias ? 0 : model->out_bias[t]);
        }
    /* from the end: the row in vacuum is the last one of its type */
    for (int row = m->nblocks * m->lanes - 1, type = -1; row >= 0; row--) {
        if (m->block[row / m->lanes].type != type) {
            type = m->block[row / m->lanes].type;
            vacuum = 0;
        }
        if (m->row_frame[row] == -2) vacuum = m->row_energy[row];
        if (m->row_frame[row] >= 0)
            energy[m->atom_first[m->row_frame[row]] + m->row_atom[row]] += m->row_energy[row] - vacuum;
    }
}

enum { FORCE_ATOMS = 16 }; /* atoms of a piece of a frame */

static kr_status forces_block(void *payload, kr_context *ctx, long block, int thread) {
    run *r = payload;
    const kr_batch *batch = r->m->batch;
    (void)ctx, (void)thread;
    int k = 0;
    for (; block >= (batch->frame[k]->natoms + FORCE_ATOMS - 1) / FORCE_ATOMS; k++)
        block -= (batch->frame[k]->natoms + FORCE_ATOMS - 1) / FORCE_ATOMS;
    int first = (int)block * FORCE_ATOMS, last = first + FORCE_ATOMS;
    if (last > batch->frame[k]->natoms) last = batch->frame[k]->natoms;
    r->m->kernels->forces(r->m, k, first, last, r->force ? r->force + 3 * r->m->atom_first[k] : NULL, NULL);
    return KR_OK;
}

static kr_status virial_block(void *payload, kr_context *ctx, long block, int thread) {
    run *r = payload;
    (void)ctx, (void)thread;
    r->m->kernels->forces(r->m, (int)block, 0, r->m->batch->frame[block]->natoms, NULL, r->virial + 9 * block);
    return KR_OK;
}

/* Pairs of centres whose energy is constant have no gradient; no kernel visits them. */
static void clear_silent(kr_moment *m) {
    for (int k = 0; k < m->batch->nframes; k++) {
        const kr_env *env = &m->batch->frame[k]->env;
        for (int i = 0; i < env->natoms; i++) {
            const int *first = env->first + (size_t)i * (size_t)env->ntypes;
            for (int t = 0; t < m->nt; t++) {
                if (!m->silent[env->center_type[i]] && !m->pair[env->center_type[i] * m->nt + t].excluded) continue;
                memset((char *)m->gr + 3 * (m->pair_first[k] + (size_t)first[t]) * m->word, 0,
                       3 * (size_t)(first[t + 1] - first[t]) * m->word);
            }
        }
    }
}

static kr_status value(kr_context *ctx, void *state, const kr_batch *batch, double *energy, double *force,
                       double *virial) {
    kr_status status = KR_OK;
    kr_moment *m = state;
    run r = {.m = m, .want_gradient = force || virial, .force = force, .virial = virial};
    long pieces = 0;
    KR_TRY(kr_moment_plan(ctx, m, batch));
    m->fbar = m->wbar = NULL;
    KR_TRY(parameters(ctx, &r));
    kr_moment_fill_rows(m);
    KR_TRY(kr_parallel_blocks(ctx, m->ngroups, forward_block, NULL, &r));
    energies(m, energy);
    m->have_value = 1;
    m->have_forces = r.want_gradient;
    if (!r.want_gradient) goto done;
    clear_silent(m);
    for (int k = 0; k < batch->nframes; k++) pieces += (batch->frame[k]->natoms + FORCE_ATOMS - 1) / FORCE_ATOMS;
    if (force) KR_TRY(kr_parallel_blocks(ctx, pieces, forces_block, NULL, &r));
    if (virial) KR_TRY(kr_parallel_blocks(ctx, batch->nframes, virial_block, NULL, &r));
done:
    return status;
}

/* ---- gradient ---- */

static kr_status backward_block(void *payload, kr_context *ctx, long block, int thread) {
    run *r = payload;
    (void)ctx;
    r->m->kernels->backward(r->m, &r->m->group[block], kr_moment_scratch(r->m, thread));
    return KR_OK;
}

/* Everything of a layer that is not its matrix. */
static void vector_gradients(const kr_moment *m, const kr_moment_net *net, int l, double *gtheta) {
    const kr_layer *layer = &net->net->layer[l];
    if (l == m->nlayers) {
        m->kernels->last(m, net, gtheta + layer->w, gtheta + layer->b);
        return;
    }
    const kr_moment_arrays *a = &m->array[l];
    size_t skip = (size_t)net->first_block * (size_t)a->stride * (size_t)m->lanes * m->word;
    if (layer->b != KR_NO_BLOCK)
        m->kernels->sums(net->nblocks, a->stride, layer->out, (char *)a->zb + skip, gtheta + layer->b);
    if (layer->idt != KR_NO_BLOCK)
        m->kernels->sums(net->nblocks, a->stride, layer->out, (char *)a->ib + skip, gtheta + layer->idt);
}

/* Pieces of θ: rows of a layer, then its vectors; or (block past them) rows of C̄. Returns how many there are before
 * `block` when it is not found. */
static long theta_piece(const run *r, long block, void *scratch) {
    kr_moment *m = r->m;
    long at = 0;
    for (int n = 0; n < m->nnets; n++) {
        const kr_moment_net *net = &m->net[n];
        for (int l = 0; net->nblocks && l <= m->nlayers; l++) {
            int rows = l < m->nlayers ? kr_moment_inputs(m, net, l) : 0,
                pieces = (rows + KR_MOMENT_PIECE - 1) / KR_MOMENT_PIECE;
            if (scratch && block < at + pieces) {
                int begin = (int)(block - at) * KR_MOMENT_PIECE,
                    end = begin + KR_MOMENT_PIECE < rows ? begin + KR_MOMENT_PIECE : rows;
                m->kernels->weights(m, net, l, begin, end, r->set, r->gtheta + net->net->layer[l].w, scratch);
                return block;
            }
            if (scratch && block == at + pieces) {
                vector_gradients(m, net, l, r->gtheta);
                return block;
            }
            at += pieces + 1;
        }
    }
    int pieces = (m->grid.n + KR_MOMENT_ROWS - 1) / KR_MOMENT_ROWS;
    for (int b = 0, end; b < m->nblocks; b = end) {
        for (end = b; end < m->nblocks && m->block[end].type == m->block[b].type;) end++;
        for (int tj = 0; tj < m->nt; tj++) {
            if (!m->pair[m->block[b].type * m->nt + tj].present) continue;
            if (scratch && block < at + pieces) {
                int begin = (int)(block - at) * KR_MOMENT_ROWS, last = begin + KR_MOMENT_ROWS;
                double *bar = kr_moment_nodes_bar(m, m->block[b].type, tj);
                if (last > m->grid.n) last = m->grid.n;
                m->kernels->coefficients(m, b, end - b, tj, begin, last, bar, scratch);
                return block;
            }
            at += pieces;
        }
    }
    return at;
}

static kr_status theta_block(void *payload, kr_context *ctx, long block, int thread) {
    (void)ctx;
    theta_piece(payload, block, kr_moment_scratch(((run *)payload)->m, thread));
    return KR_OK;
}

/* Embedding nets, then what goes from the basis back to all channels. */
static kr_status rest_block(void *payload, kr_context *ctx, long block, int thread) {
    run *r = payload;
    int nets = r->m->model->descriptor.nembedding;
    return block < nets ? kr_moment_nodes_net(ctx, r->m, (int)block, r->gtheta, thread)
                        : kr_moment_basis_expand(r->m, block - nets, r->set, r->gtheta, thread);
}

/* ē by rows; the row in vacuum has minus the sum of its type. */
static void set_row_ebar(kr_moment *m, const double *ebar) {
    double sum = 0;
    for (int row = 0, type = -1; row < m->nblocks * m->lanes; row++) {
        int k = m->row_frame[row];
        if (m->block[row / m->lanes].type != type) {
            type = m->block[row / m->lanes].type;
            sum = 0;
        }
        double e = k >= 0 && ebar ? ebar[m->atom_first[k] + m->row_atom[row]] : k == -2 ? -sum : 0;
        if (k >= 0) sum += e;
        if (m->single)
            ((float *)m->row_ebar)[row] = (float)e;
        else
            ((double *)m->row_ebar)[row] = e;
    }
}

/* Zeros where no matrix of a fitting net in use lies: those are written at once, without being read. They come in
 * ascending order; otherwise all is cleared. Returns whether they are left. */
static int clear_rest(const kr_moment *m, double *gtheta) {
    size_t at = 0;
    for (int n = 0; n < m->nnets; n++)
        for (int l = 0; m->net[n].nblocks && l < m->nlayers; l++) {
            const kr_layer *layer = &m->net[n].net->layer[l];
            if (layer->w < at) {
                memset(gtheta, 0, m->model->ntheta * sizeof *gtheta);
                return 0;
            }
            memset(gtheta + at, 0, (layer->w - at) * sizeof *gtheta);
            at = layer->w + (size_t)layer->in * (size_t)layer->out;
        }
    memset(gtheta + at, 0, (m->model->ntheta - at) * sizeof *gtheta);
    return 1;
}

static kr_status gradient(kr_context *ctx, void *state, const kr_batch *batch, const double *ebar, const double *fbar,
                          const double *wbar, int set, double *gtheta) {
    kr_status status = KR_OK;
    kr_moment *m = state;
    run r = {.m = m, .want_gradient = 1, .gtheta = gtheta};
    if (!m->have_value || batch != m->batch)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "a gradient was asked for before the value of the same batch");
    if (!m->have_forces) KR_TRY(kr_parallel_blocks(ctx, m->ngroups, forward_block, NULL, &r));
    m->have_forces = 1;
    m->fbar = fbar;
    m->wbar = wbar;
    set_row_ebar(m, ebar);
    r.set = set && clear_rest(m, gtheta);
    KR_TRY(kr_parallel_blocks(ctx, m->ngroups, backward_block, NULL, &r));
    KR_TRY(kr_parallel_blocks(ctx, theta_piece(&r, 0, NULL), theta_block, NULL, &r));
    gain_gradients(m, gtheta);
    kr_moment_nodes_clear(m);
    KR_TRY(kr_parallel_blocks(ctx, m->model->descriptor.nembedding + kr_moment_basis_parts(m), rest_block, NULL, &r));
    KR_TRY(kr_moment_nodes_types_gradient(ctx, m, gtheta));
done:
    m->fbar = m->wbar = NULL;
    return status;
}

/* ---- check ---- */

static kr_status check(kr_context *ctx, void *state, double *error) {
    kr_status status = KR_OK;
    kr_moment *m = state;
    double largest;
    KR_TRY(kr_moment_nodes_error(ctx, m, &largest));
    if (error) *error = largest;
    m->have_value = 0;
    double tolerance = m->options.tolerance;
    if (!(tolerance > 0) || largest <= tolerance || m->options.knots >= KR_MOMENT_MOST_KNOTS) goto done;
    /* The error of a quintic spline falls with the sixth power of the interval. */
    int knots = (int)(m->options.knots * fmin(2, 1.1 * pow(largest / tolerance, 1.0 / 6)));
    knots = kr_round_up(knots < m->options.knots + 8 ? m->options.knots + 8 : knots, 8);
    if (knots > KR_MOMENT_MOST_KNOTS) knots = KR_MOMENT_MOST_KNOTS;
    kr_log(ctx, KR_LOG_INFO, "spline error %.2g above %.2g: %d nodes per pair of types instead of %d", largest,
           tolerance, knots, m->options.knots);
    KR_TRY(kr_moment_set_knots(ctx, m, knots));
done:
    return status;
}

static int knots_of(const void *state) { return ((const kr_moment *)state)->options.knots; }

const kr_engine_kind kr_engine_moment = {.name = "moment",
                                         .summary =
                                             "embedding nets at spline nodes only, all else products of matrices",
                                         .refuses = kr_moment_refuses,
                                         .create = kr_moment_create,
                                         .destroy = kr_moment_destroy,
                                         .value = value,
                                         .gradient = gradient,
                                         .check = check,
                                         .knots = knots_of};
