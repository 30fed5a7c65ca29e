/* Preparing one centre type: spline tables, the folded first layer, packed weights.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Channels. All M = ng embedding outputs are kept, or projected on q < M columns: T ≈ U S with S = P T, P [M][q]ᵀ and
 * U [M][q] (fast_rank.c). Then, with the first layer's weights W[a·axis + b],
 *     Σ_ab W_ab T_a·T_b = Σ_pr F_pr S_p·S_r,   F_pr = Σ_ab U_ap U_br W_ab,
 * and because S_p·S_r is symmetric only blocks on and above the diagonal are inputs, weights F_pr + F_rp. When q > 2
 * axis it is less work to keep T_b, b < axis, beside S: inputs S_p·T_b with weights Σ_a U_ap W_ab. Products come in
 * rectangles (strips) of eight columns or a multiple, rectangles in chunks (see fast_internal.h). */
#include "core/error.h"
#include "potential/fast_internal.h"
#include <string.h>

enum { CHUNK_WIDTH = 336 }; /* a multiple of 24 and 48, the widest panels */

void kr_fast_center_free(int ntypes, kr_fast_center *center) {
    for (int t = 0; center->pair && t < ntypes; t++) {
        kr_packed_free(&center->pair[t].forward);
        kr_packed_free(&center->pair[t].backward);
        kr_packed_free(&center->pair[t].slope);
    }
    for (int c = 0; center->chunk && c < center->nchunks; c++) {
        kr_packed_free(&center->chunk[c].forward);
        kr_packed_free(&center->chunk[c].backward);
    }
    for (int l = 0; center->layer && l < center->nlayers; l++) {
        kr_packed_free(&center->layer[l].forward);
        kr_packed_free(&center->layer[l].backward);
        kr_free(center->layer[l].bias);
        kr_free(center->layer[l].idt);
    }
    kr_packed_free(&center->extra);
    kr_free(center->pair);
    kr_free(center->chunk);
    kr_free(center->layer);
    kr_free(center->last);
    kr_free(center->padding);
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
    pair->sel = d->mixed_types ? d->nnei : d->sel[tj];
    pair->excluded = d->excluded && d->excluded[ti * fast->ntypes + tj];
}

/* Rows c [n][ng] of all channels in the columns of T: s [n][ncolumns]. */
static void to_columns(const kr_fast *fast, const kr_fast_channels *channels, const kr_fast_center *center, int n,
                       const double *c, double *s) {
    const int ng = fast->model->descriptor.ng, axis = fast->model->descriptor.axis_neuron, nc = center->ncolumns;
    memset(s, 0, (size_t)n * (size_t)nc * sizeof *s);
    if (channels->q) {
        kr_gemm(0, 0, n, channels->q, ng, 1, c, ng, channels->project, channels->q, 0, s, nc);
        for (int k = 0; k < n && !center->symmetric && !center->linear; k++)
            memcpy(s + k * nc + center->axis_column, c + k * ng, (size_t)axis * sizeof *s);
    } else
        for (int k = 0; k < n; k++)
            memcpy(s + (size_t)k * (size_t)nc, c + (size_t)k * (size_t)ng, (size_t)ng * sizeof *s);
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
    to_columns(fast, channels, center, 1, sum, center->padding);
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
        to_columns(fast, channels, center, n, c, s);
        KR_TRY(kr_packed_create(ctx, fast->dense, n, nc, s, nc, 0, &pair->forward));
        KR_TRY(kr_packed_create(ctx, fast->dense, nc, n, s, nc, 1, &pair->backward));
        if (!fast->single) continue;
        /* Differences formed before rounding: in single precision those of rounded gradients would be noise / h. */
        for (int k = 0; k < n; k++)
            for (int m = 0; m < nc; m++) s[k * nc + m] = k + 1 < n ? 5 * (s[(k + 1) * nc + m] - s[k * nc + m]) : 0;
        KR_TRY(kr_packed_create(ctx, fast->dense, nc, n, s, nc, 1, &pair->slope));
    }
done:
    kr_free(c);
    kr_free(s);
    return status;
}

/* half [q][axis][out] = Σ_a U_ap W_ab; symmetric: F [q][q][out] in f from it. */
static kr_status fold(kr_context *ctx, const kr_fast_channels *channels, int symmetric, int ng, int axis, int out,
                      const double *w, double *f) {
    kr_status status = KR_OK;
    int q = channels->q;
    double *half = f;
    if (symmetric) KR_NEW(ctx, half, (size_t)q * (size_t)axis * (size_t)out);
    kr_gemm(1, 0, q, axis * out, ng, 1, channels->expand, q, w, axis * out, 0, half, axis * out);
    for (size_t p = 0; symmetric && p < (size_t)q; p++) {
        size_t row = p * (size_t)out;
        kr_gemm(1, 0, q, out, axis, 1, channels->expand, q, half + row * (size_t)axis, out, 0, f + row * (size_t)q,
                out);
    }
done:
    if (half != f) kr_free(half);
    return status;
}

/* Where the weights of the product T_a·T_b of a strip come from. */
typedef struct input_weights {
    int rows, axis, out, symmetric, linear, column; /* column: of the first second factor */
    const double *w; /* [rows][axis][out]; symmetric: F [rows][rows][out]; linear: [rows][out] */
} input_weights;

/* Weights of one product; padding rows and columns keep zeros. */
static void add_weights(const input_weights *from, int a, int b, double *to) {
    size_t n = (size_t)from->rows, out = (size_t)from->out;
    b -= from->column;
    if (a >= from->rows || (!from->linear && b >= (from->symmetric ? from->rows : from->axis))) return;
    if (from->linear) {
        memcpy(to, from->w + (size_t)a * out, out * sizeof *to);
    } else if (!from->symmetric) {
        memcpy(to, from->w + ((size_t)a * (size_t)from->axis + (size_t)b) * out, out * sizeof *to);
    } else {
        const double *f = from->w + ((size_t)a * n + (size_t)b) * out, *g = from->w + ((size_t)b * n + (size_t)a) * out;
        int mirrored = b / 8 > a / 8; /* the block below the diagonal is no input of its own */
        for (size_t k = 0; k < out; k++) to[k] = f[k] + (mirrored ? g[k] : 0);
    }
}

int kr_fast_inputs(int q, int axis, int symmetric) {
    int n = 0, columns = (q + 7) / 8 * 8;
    if (!symmetric) return q * ((axis + 7) / 8 * 8);
    for (int row = 0; row < q; row++) n += columns - row / 8 * 8;
    return n;
}

static kr_status pack_chunk(kr_context *ctx, const kr_fast *fast, const input_weights *weights, kr_fast_chunk *chunk) {
    kr_status status = KR_OK;
    double *w = NULL;
    KR_NEW(ctx, w, (size_t)chunk->width * (size_t)weights->out);
    chunk->column_begin = KR_FAST_MAX_COLUMNS;
    for (int s = 0; s < chunk->nstrips; s++) {
        const kr_fast_strip *strip = &chunk->strip[s];
        for (int a = 0; a < strip->nrows; a++)
            for (int b = 0; b < strip->ncolumns; b++)
                add_weights(weights, strip->row + a, strip->column + b,
                            w + ((size_t)strip->offset + (size_t)a * (size_t)strip->ncolumns + (size_t)b) *
                                    (size_t)weights->out);
        if (strip->column < chunk->column_begin) chunk->column_begin = strip->column;
        if (strip->column + strip->ncolumns > chunk->column_end) chunk->column_end = strip->column + strip->ncolumns;
    }
    KR_TRY(kr_packed_create(ctx, fast->dense, chunk->width, weights->out, w, weights->out, 0, &chunk->forward));
    KR_TRY(kr_packed_create(ctx, fast->dense, weights->out, chunk->width, w, weights->out, 1, &chunk->backward));
done:
    kr_free(w);
    return status;
}

/* Cuts the inputs into strips and chunks. chunk may be NULL: only counts. Returns the number of chunks. */
static int lay_out(const kr_fast_center *center, int rows, int axis8, kr_fast_chunk *chunk) {
    int symmetric = center->symmetric;
    int n = 0, width = 0, nstrips = 0;
    for (int row = 0, take; row < rows; row += take) {
        int column = symmetric ? row / 8 * 8 : center->axis_column;
        int ncolumns = center->linear ? 1 : symmetric ? center->ncolumns - column : axis8;
        take = symmetric ? 8 - row % 8 : rows - row;
        int fits = (CHUNK_WIDTH - width) / ncolumns;
        if (take > fits) take = fits;
        if (take < 1 || nstrips == 8) {
            if (nstrips == 0)
                take = 1; /* one row wider than a chunk */
            else {
                n++;
                width = nstrips = take = 0;
                continue;
            }
        }
        if (chunk) {
            chunk[n].strip[nstrips] = (kr_fast_strip){row, take, column, ncolumns, width};
            chunk[n].nstrips = nstrips + 1;
            chunk[n].width = width + take * ncolumns;
        }
        width += take * ncolumns;
        nstrips++;
    }
    return n + (nstrips > 0);
}

static kr_status make_chunks(kr_context *ctx, kr_fast *fast, const kr_net *net, const kr_fast_channels *channels,
                             kr_fast_center *center) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &fast->model->descriptor;
    int axis = fast->radial ? 1 : d->axis_neuron, q = channels->q, out = net->layer[0].out;
    double *f = NULL;
    input_weights weights = {.rows = q ? q : d->ng,
                             .axis = axis,
                             .out = out,
                             .symmetric = center->symmetric,
                             .linear = fast->radial,
                             .column = center->axis_column,
                             .w = fast->model->theta + net->layer[0].w};
    if (q) {
        KR_NEW(ctx, f, (size_t)q * (size_t)(center->symmetric ? q : axis) * (size_t)out);
        KR_TRY(fold(ctx, channels, center->symmetric, d->ng, axis, out, weights.w, f));
        weights.w = f;
    }
    center->nchunks = lay_out(center, weights.rows, (axis + 7) / 8 * 8, NULL);
    KR_NEW(ctx, center->chunk, (size_t)center->nchunks);
    lay_out(center, weights.rows, (axis + 7) / 8 * 8, center->chunk);
    for (int c = 0; c < center->nchunks; c++) {
        KR_TRY(pack_chunk(ctx, fast, &weights, &center->chunk[c]));
        if (center->chunk[c].width > fast->max_width) fast->max_width = center->chunk[c].width;
    }
done:
    kr_free(f);
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
    double *bias = NULL;
    int widest = 0;
    for (int l = 0; l < net->nlayers; l++)
        if (net->layer[l].out > widest) widest = net->layer[l].out;
    KR_NEW(ctx, bias, (size_t)widest);
    KR_NEW(ctx, center->layer, (size_t)net->nlayers - 1);
    KR_NEW(ctx, center->last, (size_t)net->layer[net->nlayers - 1].in);
    for (int l = 0; l < net->nlayers - 1; l++) {
        const kr_layer *from = &net->layer[l];
        kr_fast_layer *to = &center->layer[l];
        *to = (kr_fast_layer){
            .in = from->in, .out = from->out, .activation = &from->activation, .skip = l ? kr_layer_skip(from) : 0};
        center->nlayers = l + 1;
        if (l == 0) {
            KR_TRY(constant_inputs(ctx, fast, type, net, bias, center));
        } else {
            const double *w = theta + from->w;
            KR_TRY(kr_packed_create(ctx, fast->dense, from->in, from->out, w, from->out, 0, &to->forward));
            KR_TRY(kr_packed_create(ctx, fast->dense, from->out, from->in, w, from->out, 1, &to->backward));
        }
        const double *b = l == 0 ? bias : from->b != KR_NO_BLOCK ? theta + from->b : NULL;
        KR_TRY(make_array(ctx, fast->single, from->out, b, &to->bias));
        if (from->idt != KR_NO_BLOCK) KR_TRY(make_array(ctx, fast->single, from->out, theta + from->idt, &to->idt));
        if (from->out > fast->max_out) fast->max_out = from->out;
    }
    if (center->nlayers > fast->max_layers) fast->max_layers = center->nlayers;
    const kr_layer *last = &net->layer[net->nlayers - 1];
    memcpy(center->last, theta + last->w, (size_t)last->in * sizeof *center->last);
    if (last->b != KR_NO_BLOCK) center->energy = theta[last->b];
done:
    kr_free(bias);
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
    center->rank = channels->q;
    center->nchannels = fast->model->descriptor.ng;
    const int q = channels->q, axis = fast->radial ? 0 : fast->model->descriptor.axis_neuron;
    center->ncolumns = ((q ? q : fast->model->descriptor.ng) + 7) / 8 * 8;
    center->symmetric = q && !fast->radial && kr_fast_inputs(q, axis, 1) <= kr_fast_inputs(q, axis, 0);
    if (q && !fast->radial && !center->symmetric) {
        center->axis_column = center->ncolumns;
        center->ncolumns += (axis + 7) / 8 * 8;
    }
    if (center->ncolumns > fast->max_columns) fast->max_columns = center->ncolumns;
    KR_NEW(ctx, center->pair, (size_t)fast->ntypes);
    KR_TRY(make_tables(ctx, fast, type, channels, center));
    KR_TRY(make_padding(ctx, fast, type, channels, center));
    KR_TRY(make_layers(ctx, fast, type, net, center));
    KR_TRY(make_chunks(ctx, fast, net, channels, center));
    KR_TRY(constant_energy(ctx, fast, type, net, center));
    center->present = 1;
done:
    if (status < 0) kr_fast_center_free(fast->ntypes, center);
    return status;
}
