/* Preparing one centre type: spline tables in the columns of T, packed weights, constants.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * All M = ng embedding outputs are kept, or projected on q < M columns: T ≈ U S with S = P T, P [M][q]ᵀ and U [M][q]
 * (fast_rank.c). The first layer's products are made in fast_inputs.c. */
#include "core/error.h"
#include "potential/fast_internal.h"
#include "potential/harmonics.h"
#include <string.h>

void kr_fast_center_free(int ntypes, kr_fast_center *center) {
    for (int t = 0; center->pair && t < ntypes; t++) {
        kr_packed_free(&center->pair[t].forward);
        kr_packed_free(&center->pair[t].backward);
        kr_packed_free(&center->pair[t].slope);
        kr_packed_free(&center->pair[t].slope_rows);
    }
    for (int c = 0; center->chunk && c < center->nchunks; c++) {
        kr_packed_free(&center->chunk[c].forward);
        kr_packed_free(&center->chunk[c].backward);
        kr_twoway_free(&center->chunk[c].few);
    }
    for (int l = 0; center->layer && l < center->nlayers; l++) {
        if (center->layer[l].borrowed) continue;
        kr_packed_free(&center->layer[l].forward);
        kr_packed_free(&center->layer[l].backward);
        kr_twoway_free(&center->layer[l].few);
        kr_free(center->layer[l].bias);
        kr_free(center->layer[l].idt);
    }
    kr_packed_free(&center->extra);
    kr_free(center->pair);
    kr_free(center->chunk);
    kr_free(center->layer);
    kr_free(center->last);
    kr_free(center->padding);
    kr_free(center->mask);
    *center = (kr_fast_center){0};
}

/* What every pair's contribution to T is divided by. */
static double pair_scale(const kr_fast *fast) { return 1.0 / fast->model->descriptor.nnei / (fast->radial ? 5 : 1); }

/* Spline coefficients of all channels for neighbour type tj: c [ncoef][ng], 1/nnei inside. */
static kr_status coefficients(kr_context *ctx, const kr_fast *fast, int ti, int tj, double *c) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &fast->model->descriptor;
    int n = fast->grid.ncoef;
    double *r = NULL, scale = pair_scale(fast);
    KR_NEW(ctx, r, (size_t)n);
    kr_fast_grid_nodes(&fast->grid, r);
    KR_TRY(kr_fast_embedding(ctx, fast, ti, tj, n, r, c));
    KR_TRY(kr_fast_grid_solve(ctx, &fast->grid, d->ng, c));
    for (size_t k = 0; k < (size_t)n * (size_t)d->ng; k++) c[k] *= scale;
done:
    kr_free(r);
    return status;
}

static void set_pair(const kr_fast *fast, int ti, int tj, kr_fast_pair *pair) {
    const kr_descriptor *d = &fast->model->descriptor;
    size_t at = ((size_t)ti * (size_t)d->nnei + (size_t)kr_fast_slot(d, tj)) * (size_t)d->ncolumns;
    pair->average = d->davg[at];
    for (int k = 0; k < 4; k++) pair->inv_std[k] = 1 / d->dstd[at + (size_t)(d->ncolumns == 4 ? k : 0)];
    for (int l = 2; l <= d->lmax; l++)
        pair->degree[l] = fast->model->theta[d->degree_gain + (size_t)l - 2] / d->dstd[at];
    pair->sel = d->mixed_types ? d->nnei : d->sel[tj];
    pair->excluded = d->excluded && d->excluded[ti * fast->ntypes + tj];
}

/* Rows c [n][ng] of all channels in the columns of T: s [n][ncolumns]. */
static kr_status to_columns(kr_context *ctx, const kr_fast *fast, const kr_fast_channels *channels,
                            const kr_fast_center *center, int n, const double *c, double *s) {
    kr_status status = KR_OK;
    const int ng = fast->model->descriptor.ng, nc = center->ncolumns, nrows = center->nrows;
    double *projected = NULL;
    if (channels->q) {
        KR_NEW(ctx, projected, (size_t)n * (size_t)nrows);
        kr_gemm(0, 0, n, nrows, ng, 1, c, ng, channels->project, channels->q, 0, projected, nrows);
        c = projected;
    }
    memset(s, 0, (size_t)n * (size_t)nc * sizeof *s);
    for (int k = 0; k < n; k++)
        for (int row = 0; row < nrows; row++) s[k * nc + kr_fast_column(center, row)] = c[k * nrows + row];
done:
    kr_free(projected);
    return status;
}

/* Types that are not in use fill none of their slots: their part of T is a constant, G(rcut)·R of an empty slot. */
static kr_status make_padding(kr_context *ctx, const kr_fast *fast, int ti, const kr_fast_channels *channels,
                              kr_fast_center *center) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &fast->model->descriptor;
    double *g = NULL, *sum, scale = pair_scale(fast);
    int any = 0;
    KR_NEW(ctx, g, 2 * (size_t)d->ng);
    sum = g + d->ng;
    for (int tj = 0; fast->used && !d->mixed_types && tj < fast->ntypes; tj++) {
        kr_fast_pair pair;
        set_pair(fast, ti, tj, &pair);
        double value = fast->radial ? 1 : -pair.average * pair.inv_std[0];
        if (fast->used[tj] || value == 0 || pair.sel == 0) continue;
        KR_TRY(kr_fast_embedding(ctx, fast, ti, tj, 1, &d->rcut, g));
        for (int m = 0; m < d->ng; m++) sum[m] += scale * value * pair.sel * g[m];
        any = 1;
    }
    if (!any) goto done;
    KR_NEW(ctx, center->padding, (size_t)center->ncolumns);
    KR_TRY(to_columns(ctx, fast, channels, center, 1, sum, center->padding));
done:
    kr_free(g);
    return status;
}

/* Tables of a centre type in the columns of `channels`. */
static kr_status make_tables(kr_context *ctx, kr_fast *fast, int ti, const kr_fast_channels *channels,
                             kr_fast_center *center) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &fast->model->descriptor;
    int n = fast->grid.ncoef, ng = d->ng, nc = center->ncolumns;
    double *c = NULL, *s = NULL;
    KR_NEW(ctx, c, (size_t)n * (size_t)ng);
    KR_NEW(ctx, s, (size_t)n * (size_t)nc);
    for (int tj = 0; tj < fast->ntypes; tj++) {
        kr_fast_pair *pair = &center->pair[tj];
        if (!kr_fast_uses(fast->used, tj)) continue;
        set_pair(fast, ti, tj, pair);
        KR_TRY(coefficients(ctx, fast, ti, tj, c));
        KR_TRY(to_columns(ctx, fast, channels, center, n, c, s));
        KR_TRY(kr_packed_create(ctx, fast->dense, n, nc, s, nc, 0, &pair->forward));
        if (!fast->single) {
            KR_TRY(kr_packed_create(ctx, fast->dense, nc, n, s, nc, 1, &pair->backward));
            continue;
        }
        /* Differences formed before rounding: in single precision those of rounded gradients would be noise / h. */
        for (int k = 0; k < n; k++)
            for (int m = 0; m < nc; m++) s[k * nc + m] = 5 * ((k + 1 < n ? s[(k + 1) * nc + m] : 0) - s[k * nc + m]);
        KR_TRY(kr_packed_create(ctx, fast->dense, nc, n, s, nc, 1, &pair->slope));
        KR_TRY(kr_packed_create(ctx, fast->dense, n, nc, s, nc, 0, &pair->slope_rows));
    }
done:
    kr_free(c);
    kr_free(s);
    return status;
}

/* n values as double or float, zeros up to a multiple of 16. */
static kr_status make_array(kr_context *ctx, int single, int n, const double *values, void **array) {
    size_t room = (size_t)(n + 15) / 16 * 16;
    *array = kr_calloc(ctx, room, single ? sizeof(float) : sizeof(double));
    if (!*array) return KR_ERR_MEMORY;
    for (int k = 0; k < n; k++) {
        double value = values ? values[k] : 0;
        if (single)
            ((float *)*array)[k] = (float)value;
        else
            ((double *)*array)[k] = value;
    }
    return KR_OK;
}

/* Which columns of R a second factor has. */
static kr_status make_mask(kr_context *ctx, const kr_fast *fast, kr_fast_center *center) {
    kr_status status = KR_OK;
    const int rows = (center->ncorner + 7) / 8 * 8, n = fast->columns;
    double *mask = NULL;
    KR_NEW(ctx, mask, (size_t)rows * (size_t)n);
    for (int b = 0; b < center->ncorner; b++) {
        int begin, end;
        kr_moments_range(&fast->model->descriptor, b, &begin, &end);
        for (int c = begin; c < end; c++) mask[b * n + c] = 1;
    }
    KR_TRY(make_array(ctx, fast->single, rows * n, mask, &center->mask));
done:
    kr_free(mask);
    return status;
}

/* What the constant inputs (type embedding of the centre, case embedding) add to the first layer, into bias [out];
 * packs the weights of frame and atom parameters. */
static kr_status constant_inputs(kr_context *ctx, kr_fast *fast, int type, const kr_net *net, double *bias,
                                 kr_fast_center *center) {
    kr_status status = KR_OK;
    const kr_model *model = fast->model;
    const kr_descriptor *d = &model->descriptor;
    const kr_fitting *fit = &model->fitting;
    const kr_layer *first = &net->layer[0];
    size_t out = (size_t)first->out;
    const double *w = model->theta + first->w;
    int nd = d->ng * (fast->radial ? 1 : d->axis_neuron), nembedded = d->dim_out - nd;
    double *e = NULL;
    if (first->b != KR_NO_BLOCK) memcpy(bias, model->theta + first->b, out * sizeof *bias);
    if (nembedded > 0) {
        KR_NEW(ctx, e, (size_t)model->ntypes * (size_t)nembedded);
        KR_TRY(kr_fast_type_embedding(ctx, model, e));
    }
    for (int k = 0; k < nembedded; k++)
        for (size_t o = 0; o < out; o++) bias[o] += e[type * nembedded + k] * w[(size_t)(nd + k) * out + o];
    w += (size_t)d->dim_out * out;
    if (fast->nextra > 0)
        KR_TRY(kr_packed_create(ctx, fast->dense, fast->nextra, (int)out, w, (int)out, 0, &center->extra));
    w += (size_t)fast->nextra * out;
    for (int k = 0; k < fit->dim_case_embd; k++)
        for (size_t o = 0; fit->case_embd && o < out; o++) bias[o] += fit->case_embd[k] * w[(size_t)k * out + o];
done:
    kr_free(e);
    return status;
}

static kr_status make_layers(kr_context *ctx, kr_fast *fast, int type, const kr_net *net, kr_fast_center *center) {
    kr_status status = KR_OK;
    const double *theta = fast->model->theta;
    double *bias = NULL, *w = NULL;
    int widest = 0;
    for (int l = 0; l < net->nlayers; l++)
        if (net->layer[l].out > widest) widest = net->layer[l].out;
    KR_NEW(ctx, bias, (size_t)widest);
    KR_NEW(ctx, w, (size_t)widest * (size_t)widest);
    KR_NEW(ctx, center->layer, (size_t)net->nlayers - 1);
    KR_NEW(ctx, center->last, (size_t)net->layer[net->nlayers - 1].in);
    for (int l = 0; l < net->nlayers - 1; l++) {
        const kr_layer *from = &net->layer[l];
        kr_fast_layer *to = &center->layer[l];
        *to = (kr_fast_layer){
            .in = from->in, .out = from->out, .activation = &from->activation, .skip = l ? kr_layer_skip(from) : 0};
        center->nlayers = l + 1;
        if (from->out > fast->max_out) fast->max_out = from->out;
        if (l > 0 && fast->base) {
            *to = fast->base->center[type].layer[l];
            to->borrowed = 1;
            continue;
        }
        if (l == 0) {
            KR_TRY(constant_inputs(ctx, fast, type, net, bias, center));
        } else {
            memcpy(w, theta + from->w, (size_t)from->in * (size_t)from->out * sizeof *w);
            KR_TRY(kr_fast_pack(ctx, fast, from->in, from->out, w, 2, &to->forward, &to->backward, &to->few));
        }
        const double *b = l == 0 ? bias : from->b != KR_NO_BLOCK ? theta + from->b : NULL;
        KR_TRY(make_array(ctx, fast->single, from->out, b, &to->bias));
        if (from->idt != KR_NO_BLOCK) KR_TRY(make_array(ctx, fast->single, from->out, theta + from->idt, &to->idt));
    }
    if (center->nlayers > fast->max_layers) fast->max_layers = center->nlayers;
    const kr_layer *last = &net->layer[net->nlayers - 1];
    memcpy(center->last, theta + last->w, (size_t)last->in * sizeof *center->last);
    if (last->b != KR_NO_BLOCK) center->energy = theta[last->b];
done:
    kr_free(bias);
    kr_free(w);
    return status;
}

/* Biases and the energy in vacuum, as fitting.c adds them. */
static kr_status constant_energy(kr_context *ctx, const kr_fast *fast, int type, const kr_net *net,
                                 kr_fast_center *center) {
    kr_status status = KR_OK;
    const kr_model *model = fast->model;
    const kr_fitting *f = &model->fitting;
    int off = model->atom_excluded && model->atom_excluded[type];
    center->silent = off || (f->excluded && f->excluded[type]);
    if (center->silent)
        center->energy = 0;
    else if (f->bias_atom_e)
        center->energy += f->bias_atom_e[type];
    if (!off && model->out_bias) center->energy += model->out_bias[type];
    if (!center->silent && kr_fitting_subtracts_vacuum(f, model->ntypes, type)) {
        kr_net_workspace ws = {0};
        double *x = NULL, y = 0;
        KR_NEW(ctx, x, (size_t)net->in);
        for (int k = 0; k < f->dim_case_embd; k++)
            x[net->in - f->dim_case_embd + k] = f->case_embd ? f->case_embd[k] : 0;
        status = kr_net_value(ctx, net, model->theta, 1, x, &y, &ws);
        center->energy -= y;
        kr_free(x);
        kr_net_workspace_free(&ws);
    }
done:
    return status;
}

kr_status kr_fast_center_create(kr_context *ctx, kr_fast *fast, int type, const kr_fast_channels *channels,
                                kr_fast_center *center) {
    kr_status status = KR_OK;
    const kr_fitting *f = &fast->model->fitting;
    const kr_net *net = f->net[f->mixed_types ? 0 : type];
    if (!net) return KR_OK; /* no such atoms: kr_fast_block refuses them */
    center->linear = fast->radial;
    center->apart = fast->model->descriptor.separate_degrees;
    center->rank = channels->q;
    center->nchannels = fast->model->descriptor.ng;
    const kr_descriptor *d = &fast->model->descriptor;
    center->nrows = channels->q ? channels->q : d->ng;
    center->ncorner = fast->radial ? 0 : channels->q ? channels->ncorner : d->axis_neuron;
    center->ncolumns = (kr_fast_column(center, center->nrows - 1) + 8) / 8 * 8;
    if (center->ncolumns > fast->max_columns) fast->max_columns = center->ncolumns;
    KR_NEW(ctx, center->pair, (size_t)fast->ntypes);
    KR_TRY(make_tables(ctx, fast, type, channels, center));
    KR_TRY(make_padding(ctx, fast, type, channels, center));
    if (center->apart) KR_TRY(make_mask(ctx, fast, center));
    KR_TRY(make_layers(ctx, fast, type, net, center));
    KR_TRY(kr_fast_chunks_create(ctx, fast, net, channels, center));
    KR_TRY(constant_energy(ctx, fast, type, net, center));
    center->present = 1;
done:
    if (status < 0) kr_fast_center_free(fast->ntypes, center);
    return status;
}
