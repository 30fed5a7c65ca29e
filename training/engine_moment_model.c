/* The model as the moment engine sees it: what it refuses, its state, its spline.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/error.h"
#include "potential/fitting.h"
#include "training/engine_moment.h"
#include <math.h>
#include <string.h>

#define KERNELS(isa) extern const kr_moment_kernels kr_moment_f64_##isa, kr_moment_f32_##isa;
KERNELS(baseline)
#if defined(__x86_64__)
KERNELS(avx2)
KERNELS(avx512)
#endif

const kr_moment_kernels *kr_moment_kernels_for(kr_isa isa, int single) {
#if defined(__x86_64__)
    /* Sets beyond AVX-512 only add tiles for products of half precision. */
    if (isa >= KR_ISA_AVX512) return single ? &kr_moment_f32_avx512 : &kr_moment_f64_avx512;
    if (isa == KR_ISA_AVX2) return single ? &kr_moment_f32_avx2 : &kr_moment_f64_avx2;
#endif
    (void)isa;
    return single ? &kr_moment_f32_baseline : &kr_moment_f64_baseline;
}

enum { KNOTS_SINGLE = 64, KNOTS_DOUBLE = 96 };

/* Statistics must be those of the type alone, and the mean environment must have no direction: an empty slot is a
 * neighbour at rcut. */
static const char *refuses_statistics(const kr_model *model) {
    const kr_descriptor *d = &model->descriptor;
    if (kr_descriptor_slot_dependent(d, model->ntypes)) return "its statistics differ from slot to slot";
    for (int row = 0; row < model->ntypes * d->nnei; row++)
        for (int c = 1; c < d->ncolumns; c++)
            if (d->davg[row * d->ncolumns + c] != 0) return "its mean environment has a direction";
    return NULL;
}

static const char *refuses_fitting(const kr_model *model) {
    const kr_fitting *f = &model->fitting;
    const kr_net *like = NULL;
    for (int n = 0; n < f->nnets; n++) {
        const kr_net *net = f->net[n];
        if (!net) continue;
        const kr_layer *last = &net->layer[net->nlayers - 1];
        if (net->nlayers < 2 || net->out != 1) return "its fitting net has no hidden layer";
        if (net->nlayers - 1 > KR_MOMENT_LAYERS) return "its fitting net has more than 16 hidden layers";
        if (last->activation.kind != KR_ACT_LINEAR || last->idt != KR_NO_BLOCK || last->b == KR_NO_BLOCK ||
            kr_layer_skip(last))
            return "the last layer of its fitting net is not linear with a bias";
        for (int l = 0; like && l < net->nlayers; l++) {
            const kr_layer *a = &net->layer[l], *b = &like->layer[l];
            if (net->nlayers != like->nlayers || a->in != b->in || a->out != b->out ||
                kr_layer_skip(a) != kr_layer_skip(b) || a->activation.kind != b->activation.kind ||
                (a->idt == KR_NO_BLOCK) != (b->idt == KR_NO_BLOCK))
                return "its fitting nets differ in shape";
        }
        like = net;
    }
    if (!like) return "it has no fitting net";
    for (int t = 0; t < model->ntypes; t++)
        if (kr_fitting_subtracts_vacuum(f, model->ntypes, t) && (f->numb_fparam > 0 || f->numb_aparam > 0))
            return "its vacuum energies depend on parameters";
    return NULL;
}

const char *kr_moment_refuses(const kr_model *model) {
    const kr_descriptor *d = &model->descriptor;
    if (d->mixed_types && d->attn_layer > 0) return "it has attention layers";
    if (d->lmax > 1 && d->env_protection != 0) return "it has angular moments and protected distances";
    if (d->mixed_types && d->tensorflow) return "it has TensorFlow's own form";
    if (d->activation.kind == KR_ACT_RELU || d->activation.kind == KR_ACT_RELU6)
        return "its embedding has kinks (relu)";
    if (d->ncolumns == 1 && d->nexclude > 0) return "se_e2_r with excluded pairs";
    const char *reason = refuses_statistics(model);
    return reason ? reason : refuses_fitting(model);
}

/* ---- making the state ---- */

kr_status kr_moment_matrix_create(kr_context *ctx, const kr_moment *m, int in, int out, kr_moment_matrix *matrix) {
    *matrix = (kr_moment_matrix){.in = in,
                                 .out = out,
                                 .rows = kr_round_up(in, KR_MOMENT_ROWS),
                                 .npanels = kr_round_up(out, KR_MOMENT_PANEL) / KR_MOMENT_PANEL};
    matrix->data = kr_calloc(ctx, (size_t)matrix->npanels * (size_t)matrix->rows * KR_MOMENT_PANEL, m->word);
    return matrix->data ? KR_OK : KR_ERR_MEMORY;
}

static void free_grid(kr_moment *m) {
    kr_moment_nodes_free(m);
    for (int p = 0; m->pair && p < m->nt * m->nt; p++) {
        kr_free(m->pair[p].c.data);
        m->pair[p].c.data = NULL;
    }
    kr_moment_grid_free(&m->grid);
}

void kr_moment_destroy(void **state) {
    kr_moment *m = *state;
    if (!m) return;
    free_grid(m);
    for (int n = 0; m->net && n < m->nnets; n++) {
        for (int l = 0; l < KR_MOMENT_LAYERS; l++) {
            kr_free(m->net[n].weight[l].data);
            kr_free(m->net[n].bias[l]);
            kr_free(m->net[n].idt[l]);
        }
        kr_free(m->net[n].last);
        kr_moment_basis_free(&m->net[n].basis);
    }
    kr_free(m->net);
    kr_free(m->pair);
    kr_free(m->below);
    kr_free(m->silent);
    kr_free(m->slot);
    kr_free(m->tebd);
    kr_buffer_free(&m->plan);
    kr_buffer_free(&m->floats);
    kr_buffer_free(&m->scratch);
    kr_buffer_free(&m->own);
    kr_free(m);
    *state = NULL;
}

kr_status kr_moment_set_knots(kr_context *ctx, kr_moment *m, int knots) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &m->model->descriptor;
    free_grid(m);
    KR_TRY(kr_moment_grid_create(ctx, m->options.r_low, d->rcut_smth, d->rcut, knots, &m->grid));
    KR_TRY(kr_moment_nodes_create(ctx, m));
    for (int p = 0; p < m->nt * m->nt; p++) {
        double place, inv_h, bin = 0;
        kr_moment_pair *pair = &m->pair[p];
        while (pair->below && bin < KR_ENGINE_BINS && pair->below[(int)bin + 1] == 0) bin++;
        double closest = 0.25 * exp2(bin / 32);
        pair->first = closest < d->rcut ? kr_moment_grid_locate(&m->grid, closest, &place, &inv_h)
                                        : m->grid.n - 6; /* empty slots */
    }
    m->options.knots = knots;
    m->have_value = 0;
done:
    return status;
}

static kr_status make_nets(kr_context *ctx, kr_moment *m) {
    kr_status status = KR_OK;
    const kr_fitting *f = &m->model->fitting;
    m->nnets = f->nnets;
    KR_NEW(ctx, m->net, (size_t)f->nnets);
    for (int n = 0; n < f->nnets; n++) {
        kr_moment_net *to = &m->net[n];
        const kr_net *net = to->net = f->net[n];
        if (!net) continue;
        m->nlayers = net->nlayers - 1;
        for (int l = 0; l < m->nlayers; l++) {
            const kr_layer *layer = &net->layer[l];
            m->layer[l] = (kr_moment_layer){layer->in, layer->out, kr_layer_skip(layer), layer->idt != KR_NO_BLOCK,
                                            &layer->activation};
            KR_TRY(kr_moment_matrix_create(ctx, m, layer->in, layer->out, &to->weight[l]));
            size_t room = (size_t)to->weight[l].npanels * KR_MOMENT_PANEL;
            if (!(to->bias[l] = kr_calloc(ctx, room, m->word))) return KR_ERR_MEMORY;
            if (m->layer[l].has_idt && !(to->idt[l] = kr_calloc(ctx, room, m->word))) return KR_ERR_MEMORY;
        }
        if (!(to->last = kr_calloc(ctx, (size_t)net->layer[m->nlayers].in, m->word))) return KR_ERR_MEMORY;
    }
done:
    return status;
}

static void set_types(kr_moment *m) {
    const kr_model *model = m->model;
    const kr_descriptor *d = &model->descriptor;
    const kr_fitting *f = &model->fitting;
    for (int ti = 0; ti < m->nt; ti++) {
        m->silent[ti] = (model->atom_excluded && model->atom_excluded[ti]) || (f->excluded && f->excluded[ti]);
        m->vacuum[ti] = kr_fitting_subtracts_vacuum(f, m->nt, ti) != 0;
        for (int tj = 0; tj < m->nt; tj++) {
            kr_moment_pair *pair = &m->pair[ti * m->nt + tj];
            size_t at = ((size_t)ti * (size_t)d->nnei + (size_t)kr_fast_slot(d, tj)) * (size_t)d->ncolumns;
            pair->average = d->davg[at];
            for (int c = 0; c < 4; c++) pair->inv_std[c] = c < d->ncolumns ? 1 / d->dstd[at + (size_t)c] : 0;
            pair->sel = d->mixed_types ? d->nnei : d->sel[tj];
            pair->excluded = d->excluded && d->excluded[ti * m->nt + tj];
        }
    }
}

/* Counts of distances, added up. */
static kr_status copy_distances(kr_context *ctx, kr_moment *m) {
    kr_status status = KR_OK;
    const float *from = m->options.distances;
    size_t pairs = (size_t)m->nt * (size_t)m->nt;
    if (!from) return KR_OK;
    m->options.distances = NULL; /* the caller's */
    KR_NEW(ctx, m->below, pairs * (KR_ENGINE_BINS + 1));
    for (size_t p = 0; p < pairs; p++, from += KR_ENGINE_BINS) {
        float *below = m->pair[p].below = m->below + p * (KR_ENGINE_BINS + 1);
        double sum = 0;
        for (int b = 0; b < KR_ENGINE_BINS; b++) below[b + 1] = (float)(sum += (double)from[b]);
    }
done:
    return status;
}

kr_status kr_moment_create(kr_context *ctx, const kr_model *model, const kr_engine_options *options, void **state) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    const kr_fitting *f = &model->fitting;
    kr_moment *m = NULL;
    kr_isa isa;
    *state = NULL;
    if (options->knots != 0 && (options->knots < 20 || options->knots > KR_MOMENT_MOST_KNOTS))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%d spline nodes per type pair, 20 to %d allowed (0 = chosen)", options->knots,
                KR_MOMENT_MOST_KNOTS);
    if (!(options->r_low >= 0)) KR_FAIL(ctx, KR_ERR_ARGUMENT, "r_low is %g A, it must not be negative", options->r_low);
    KR_TRY(kr_isa_choose(ctx, options->isa, &isa));
    KR_NEW(ctx, m, 1);
    m->model = model;
    m->options = *options;
    m->single = options->single;
    m->word = m->single ? sizeof(float) : sizeof(double);
    m->kernels = kr_moment_kernels_for(isa, m->single);
    m->dense = kr_dense_for(isa, 0);
    m->lanes = m->kernels->lanes;
    m->nt = model->ntypes;
    m->ng = d->ng;
    m->axis = d->axis_neuron;
    m->radial = m->linear = d->ncolumns == 1;
    m->mixed = d->mixed_types;
    m->lmax = d->lmax;
    m->separate = d->separate_degrees;
    m->columns = m->radial ? 4 : kr_round_up(d->nmoment, 4);
    m->ncoupled = m->linear ? m->ng : m->ng * m->axis;
    m->ntebd = d->mixed_types && d->concat_output_tebd ? d->tebd_dim : 0;
    m->nfparam = f->numb_fparam;
    m->naparam = f->use_aparam_as_mask ? 0 : f->numb_aparam;
    m->ncase = f->dim_case_embd;
    m->nin = m->ncoupled + m->ntebd + m->nfparam + m->naparam + m->ncase;
    size_t nt = (size_t)m->nt;
    KR_NEW(ctx, m->pair, nt * nt);
    KR_NEW(ctx, m->silent, 2 * nt);
    m->vacuum = m->silent + nt;
    KR_NEW(ctx, m->slot, nt);
    if (d->mixed_types && d->type_embedding) KR_NEW(ctx, m->tebd, nt * (size_t)d->tebd_dim);
    set_types(m);
    KR_TRY(copy_distances(ctx, m));
    KR_TRY(make_nets(ctx, m));
    if (m->layer[0].in != m->nin)
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "the fitting net takes %d inputs, descriptor and parameters give %d",
                m->layer[0].in, m->nin);
    if (m->options.r_low == 0) m->options.r_low = kr_fast_closest(model);
    m->options.r_low = fmin(m->options.r_low, 0.6 * d->rcut);
    KR_TRY(kr_moment_set_knots(ctx, m, options->knots ? options->knots : m->single ? KNOTS_SINGLE : KNOTS_DOUBLE));
    *state = m;
    m = NULL;
done:
    kr_moment_destroy((void **)&m);
    return status;
}
