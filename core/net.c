/* The network kernel: layout of a net and its sweeps over a batch of rows.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows travel in planes [plane][row][width]: plane 0 holds values, planes 1 … hold tangents, so that one matrix
 * product serves both. Per layer, with S the skip (0, 1 or [1, 1]) and τ the time step idt:
 *
 *   forward    z = h W + b       a = σ(z)          h⁺ = τ a + S h
 *              ż = ḣ W           ȧ = σ'(z) ż       ḣ⁺ = τ ȧ + S ḣ
 *   adjoint    ā = τ h̄⁺          z̄ = σ' ā + σ'' ż ǡ        h̄ = z̄ Wᵀ + Sᵀ h̄⁺
 *              ǡ = τ ḣ̄⁺          ż̄ = σ' ǡ                  ḣ̄ = ż̄ Wᵀ + Sᵀ ḣ̄⁺
 *              W̄ += hᵀ z̄ + ḣᵀ ż̄   b̄ += Σ z̄   τ̄ += Σ (a h̄⁺ + ȧ ḣ̄⁺)
 *
 * The adjoint of the tangent plane alone, started from gy, is the gradient ∂(gy·y)/∂x: with ȳ = gy and one plane the
 * same code gives it. Nothing is divided by σ', so saturated units are exact. */
#include "core/net.h"
#include "core/error.h"
#include "core/linalg.h"
#include <limits.h>
#include <stdint.h>
#include <string.h>

enum { ROWS = 128 }; /* rows × planes of one piece; fixes the order of sums and bounds the scratch */

void kr_net_workspace_free(kr_net_workspace *workspace) {
    if (workspace) kr_buffer_free(&workspace->buffer);
}

int kr_layer_skip(const kr_layer *layer) {
    if (!layer->resnet) return 0;
    if (layer->out == layer->in) return 1;
    return layer->out / 2 == layer->in && layer->out % 2 == 0 ? 2 : 0;
}

/* Takes `count` numbers of θ; 0 when the address space is exceeded. */
static int take(size_t *offset, size_t count, size_t *place) {
    if (count > SIZE_MAX / sizeof(double) - *offset) return 0;
    *place = *offset;
    *offset += count;
    return 1;
}

kr_status kr_net_create_layers(kr_context *ctx, int nlayers, const kr_layer *layer, size_t *offset, kr_net **net) {
    kr_status status = KR_OK;
    kr_net *made = NULL;
    if (!net || !offset || !layer || nlayers < 1)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "a net needs at least one layer, %d given", nlayers);
    *net = NULL;
    size_t end = *offset;
    KR_NEW(ctx, made, 1);
    KR_NEW(ctx, made->layer, (size_t)nlayers);
    made->nlayers = nlayers;
    made->in = layer[0].in;
    made->out = layer[nlayers - 1].out;
    for (int l = 0; l < nlayers; l++) {
        kr_layer *to = &made->layer[l];
        *to = layer[l];
        if (to->in < 1 || to->out < 1 || to->out > INT_MAX / 2)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "layer %d of the net has shape %d x %d, at least 1 x 1 needed", l, to->in,
                    to->out);
        if (l > 0 && to->in != layer[l - 1].out)
            KR_FAIL(ctx, KR_ERR_ARGUMENT, "layer %d of the net takes %d numbers, the layer before it gives %d", l,
                    to->in, layer[l - 1].out);
        size_t in = (size_t)to->in, out = (size_t)to->out;
        if (in > SIZE_MAX / out || !take(&end, in * out, &to->w) ||
            (to->b != KR_NO_BLOCK && !take(&end, out, &to->b)) ||
            (to->idt != KR_NO_BLOCK && !take(&end, out, &to->idt)))
            KR_FAIL(ctx, KR_ERR_MEMORY, "layer %d of the net, %d x %d, is more than the address space holds", l, to->in,
                    to->out);
    }
    *offset = end;
    *net = made;
    made = NULL;
done:
    kr_net_destroy(&made);
    return status;
}

kr_status kr_net_create(kr_context *ctx, int nlayers, const int *width, const kr_activation *activation, int resnet,
                        int has_bias, int has_idt, int last_linear, size_t *offset, kr_net **net) {
    kr_status status = KR_OK;
    kr_layer *layer = NULL;
    if (net) *net = NULL;
    if (nlayers < 1 || !width || !activation)
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "a net needs widths, an activation and at least one layer, %d given",
                        nlayers);
    KR_NEW(ctx, layer, (size_t)nlayers);
    for (int l = 0; l < nlayers; l++) {
        int plain = last_linear && l == nlayers - 1;
        kr_layer *to = &layer[l];
        *to = (kr_layer){.in = width[l], .out = width[l + 1], .resnet = 1, .trainable = 1};
        int may_skip = kr_layer_skip(to) != 0;
        to->resnet = plain ? 0 : resnet != 0;
        to->b = has_bias ? 0 : KR_NO_BLOCK;
        to->idt = has_idt && may_skip && !plain ? 0 : KR_NO_BLOCK;
        if (plain)
            KR_TRY(kr_activation_parse(ctx, "linear", &to->activation));
        else
            to->activation = *activation;
    }
    KR_TRY(kr_net_create_layers(ctx, nlayers, layer, offset, net));
done:
    kr_free(layer);
    return status;
}

void kr_net_destroy(kr_net **net) {
    if (!net || !*net) return;
    kr_free((*net)->layer);
    kr_free(*net);
    *net = NULL;
}

/* What the forward sweep keeps of a layer for the adjoint sweep. Rows of a piece × width. */
typedef struct tape {
    double *wt; /* [out][in] W transposed: its products are nearly twice as fast; NULL for few rows */
    double *h;  /* [planes][rows][in]  input */
    double *a;  /* [planes][rows][out] σ(z), σ'(z) ż */
    double *t;  /* [rows][out] ż; NULL with one plane */
    double *d1, *d2;
} tape;

/* Cuts the scratch into arrays; the first pass (memory NULL) only measures. */
typedef struct arena {
    double *memory;
    size_t used;
} arena;

static double *slice(arena *from, size_t count) {
    size_t at = from->used;
    from->used += (count + 7) / 8 * 8; /* keeps rows of cache lines */
    return from->memory ? from->memory + at : NULL;
}

static int widest(const kr_net *net) {
    int width = net->in;
    for (int l = 0; l < net->nlayers; l++)
        if (net->layer[l].out > width) width = net->layer[l].out;
    return width;
}

/* z [planes][rows][out] = h W, + b on plane 0. */
static void affine(const kr_layer *layer, const double *theta, int planes, int rows, const double *h, double *z) {
    int n = layer->out;
    kr_gemm(0, 0, planes * rows, n, layer->in, 1, h, layer->in, theta + layer->w, n, 0, z, n);
    if (layer->b == KR_NO_BLOCK) return;
    const double *b = theta + layer->b;
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < n; o++) z[(size_t)r * (size_t)n + (size_t)o] += b[o];
}

/* y = τ a + S h, all planes; y may be a. */
static void time_step_and_skip(const kr_layer *layer, const double *theta, int planes, int rows, const double *h,
                               const double *a, double *y) {
    size_t n = (size_t)layer->out, in = (size_t)layer->in;
    int skip = kr_layer_skip(layer);
    const double *idt = layer->idt == KR_NO_BLOCK ? NULL : theta + layer->idt;
    for (int r = 0; r < planes * rows; r++) {
        const double *ar = a + (size_t)r * n, *hr = h + (size_t)r * in;
        double *yr = y + (size_t)r * n;
        for (size_t o = 0; o < n; o++) yr[o] = idt ? ar[o] * idt[o] : ar[o];
        for (int s = 0; s < skip; s++)
            for (size_t i = 0; i < in; i++) yr[(size_t)s * in + i] += hr[i];
    }
}

/* One layer forward: a holds z on entry of the activation. d1, d2, t may be NULL (not kept); with tangents d1 is
 * needed. */
static void layer_forward(const kr_layer *layer, const double *theta, int planes, int rows, const tape *keep,
                          double *y) {
    size_t plane = (size_t)rows * (size_t)layer->out;
    affine(layer, theta, planes, rows, keep->h, keep->a);
    if (keep->t) memcpy(keep->t, keep->a + plane, plane * sizeof *keep->t);
    kr_activation_apply(&layer->activation, plane, keep->a, keep->a, keep->d1, keep->d2);
    for (int p = 1; p < planes; p++)
        for (size_t i = 0; i < plane; i++) keep->a[(size_t)p * plane + i] *= keep->d1[i];
    time_step_and_skip(layer, theta, planes, rows, keep->h, keep->a, y);
}

/* ---- value and tangent: nothing is kept ---- */

static kr_status forward(kr_context *ctx, const kr_net *net, const double *theta, int nb, int ndir, const double *x,
                         const double *v, double *y, double *dy, kr_net_workspace *ws) {
    size_t in = (size_t)net->in, out = (size_t)net->out, dirs = (size_t)ndir;
    int planes = 1 + ndir, rows = ROWS / planes > 1 ? ROWS / planes : 1;
    size_t room = (size_t)planes * (size_t)rows * (size_t)widest(net);
    kr_status status = kr_buffer_reserve(ctx, &ws->buffer, 4 * (room + 8), sizeof(double));
    if (status < 0) return status;
    arena scratch = {ws->buffer.data, 0};
    double *h = slice(&scratch, room), *next = slice(&scratch, room), *a = slice(&scratch, room);
    double *d1 = ndir ? slice(&scratch, room) : NULL;
    for (int first = 0; first < nb; first += rows) {
        int m = nb - first < rows ? nb - first : rows;
        size_t at = (size_t)first, plane = (size_t)m * in;
        memcpy(h, x + at * in, plane * sizeof *h);
        for (size_t r = 0; r < (size_t)m; r++)
            for (size_t d = 0; d < dirs; d++)
                memcpy(h + (1 + d) * plane + r * in, v + ((at + r) * dirs + d) * in, in * sizeof *h);
        for (int l = 0; l < net->nlayers; l++) {
            tape keep = {.h = h, .a = a, .d1 = d1};
            layer_forward(&net->layer[l], theta, planes, m, &keep, next);
            double *swap = h;
            h = next;
            next = swap;
        }
        plane = (size_t)m * out;
        if (y) memcpy(y + at * out, h, plane * sizeof *h);
        for (size_t r = 0; r < (size_t)m; r++)
            for (size_t d = 0; d < dirs; d++)
                memcpy(dy + ((at + r) * dirs + d) * out, h + (1 + d) * plane + r * out, out * sizeof *h);
    }
    return KR_OK;
}

static kr_status check(kr_context *ctx, const kr_net *net, const double *theta, int nb, const double *x,
                       kr_net_workspace *ws) {
    if (!net || !theta || !ws || nb < 0 || (nb > 0 && !x))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "net sweep over %d rows: net, parameters, rows or workspace missing", nb);
    return KR_OK;
}

kr_status kr_net_value(kr_context *ctx, const kr_net *net, const double *theta, int nb, const double *x, double *y,
                       kr_net_workspace *ws) {
    kr_status status = check(ctx, net, theta, nb, x, ws);
    return status < 0 ? status : forward(ctx, net, theta, nb, 0, x, NULL, y, NULL, ws);
}

kr_status kr_net_tangent(kr_context *ctx, const kr_net *net, const double *theta, int nb, int ndir, const double *x,
                         const double *v, double *y, double *dy, kr_net_workspace *ws) {
    kr_status status = check(ctx, net, theta, nb, x, ws);
    if (status < 0) return status;
    if (ndir < 0 || ndir > INT_MAX / 4 || (ndir > 0 && nb > 0 && (!v || !dy)))
        return KR_ERROR(ctx, KR_ERR_ARGUMENT, "net tangent: %d directions, or their arrays are missing", ndir);
    return forward(ctx, net, theta, nb, ndir, x, v, y, dy, ws);
}

/* ---- gradient and back-propagation: forward keeps a tape, the adjoint sweep reads it ---- */

typedef struct sweep {
    const kr_net *net;
    const double *theta;
    int planes;          /* 1, or 2 with a direction v */
    tape *layer;         /* [nlayers], in the scratch */
    double *top;         /* [planes][rows][out] output of the net */
    double *bar, *below; /* [planes][rows][widest] adjoint of the layer's output, of its input */
    double *zbar;        /* [planes][rows][widest] */
} sweep;

static void lay_out(sweep *s, int rows, int transposed, arena *scratch) {
    const kr_net *net = s->net;
    size_t planes = (size_t)s->planes, m = (size_t)rows, wide = planes * m * (size_t)widest(net);
    s->layer = (tape *)(void *)slice(scratch, (size_t)net->nlayers * sizeof(tape) / sizeof(double) + 1);
    for (int l = 0; l < net->nlayers; l++) {
        size_t in = m * (size_t)net->layer[l].in, out = m * (size_t)net->layer[l].out;
        tape t = {.h = slice(scratch, planes * in), .a = slice(scratch, planes * out), .d1 = slice(scratch, out)};
        t.t = s->planes > 1 ? slice(scratch, out) : NULL;
        t.wt = transposed ? slice(scratch, (size_t)net->layer[l].in * (size_t)net->layer[l].out) : NULL;
        t.d2 = s->planes > 1 ? slice(scratch, out) : NULL;
        if (scratch->memory) s->layer[l] = t;
    }
    s->top = slice(scratch, planes * m * (size_t)net->out);
    s->bar = slice(scratch, wide);
    s->below = slice(scratch, wide);
    s->zbar = slice(scratch, wide);
}

static kr_status sweep_begin(kr_context *ctx, sweep *s, const kr_net *net, const double *theta, int planes, int nb,
                             kr_net_workspace *ws) {
    *s = (sweep){.net = net, .theta = theta, .planes = planes};
    arena scratch = {NULL, 0};
    int rows = ROWS / planes, transposed = nb >= ROWS;
    lay_out(s, rows, transposed, &scratch);
    kr_status status = kr_buffer_reserve(ctx, &ws->buffer, scratch.used, sizeof(double));
    if (status < 0) return status;
    scratch = (arena){ws->buffer.data, 0};
    lay_out(s, rows, transposed, &scratch);
    for (int l = 0; transposed && l < net->nlayers; l++) {
        size_t in = (size_t)net->layer[l].in, out = (size_t)net->layer[l].out;
        for (size_t i = 0; i < in; i++)
            for (size_t o = 0; o < out; o++) s->layer[l].wt[o * in + i] = theta[net->layer[l].w + i * out + o];
    }
    return KR_OK;
}

static void sweep_forward(const sweep *s, int m, const double *x, const double *v) {
    const kr_net *net = s->net;
    size_t plane = (size_t)m * (size_t)net->in;
    memcpy(s->layer[0].h, x, plane * sizeof *x);
    if (s->planes > 1) memcpy(s->layer[0].h + plane, v, plane * sizeof *v);
    for (int l = 0; l < net->nlayers; l++)
        layer_forward(&net->layer[l], s->theta, s->planes, m, &s->layer[l],
                      l + 1 < net->nlayers ? s->layer[l + 1].h : s->top);
}

/* θ̄ of one layer from bar (adjoint of its output) and zbar. */
static void layer_parameters(const kr_layer *layer, int planes, int m, const tape *t, const double *bar,
                             const double *zbar, double *gtheta) {
    size_t n = (size_t)layer->out, rows = (size_t)m;
    kr_gemm(1, 0, layer->in, layer->out, planes * m, 1, t->h, layer->in, zbar, layer->out, 1, gtheta + layer->w,
            layer->out);
    if (layer->b != KR_NO_BLOCK) {
        double *b = gtheta + layer->b;
        for (size_t r = 0; r < rows; r++)
            for (size_t o = 0; o < n; o++) b[o] += zbar[r * n + o];
    }
    if (layer->idt != KR_NO_BLOCK) {
        double *idt = gtheta + layer->idt;
        for (size_t r = 0; r < (size_t)planes * rows; r++)
            for (size_t o = 0; o < n; o++) idt[o] += t->a[r * n + o] * bar[r * n + o];
    }
}

/* One layer backward: bar (adjoint of the output, all planes) → below (adjoint of the input). */
static void layer_backward(const sweep *s, const kr_layer *layer, int m, const tape *t, double *gtheta,
                           int want_below) {
    size_t n = (size_t)layer->out, in = (size_t)layer->in, rows = (size_t)m, plane = rows * n;
    const double *idt = layer->idt == KR_NO_BLOCK ? NULL : s->theta + layer->idt, *bar = s->bar;
    double *zbar = s->zbar, *below = s->below;
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < n; o++) {
            size_t i = r * n + o;
            double tau = idt ? idt[o] : 1;
            zbar[i] = tau * bar[i] * t->d1[i];
            if (s->planes == 1) continue;
            double adot = tau * bar[plane + i];
            zbar[i] += adot * t->d2[i] * t->t[i];
            zbar[plane + i] = adot * t->d1[i];
        }
    if (gtheta) layer_parameters(layer, s->planes, m, t, bar, zbar, gtheta);
    if (!want_below) return;
    kr_gemm(0, !t->wt, s->planes * m, layer->in, layer->out, 1, zbar, layer->out, t->wt ? t->wt : s->theta + layer->w,
            t->wt ? layer->in : layer->out, 0, below, layer->in);
    for (int k = 0; k < kr_layer_skip(layer); k++)
        for (size_t r = 0; r < (size_t)s->planes * rows; r++)
            for (size_t i = 0; i < in; i++) below[r * in + i] += bar[r * n + (size_t)k * in + i];
}

/* From s->bar, filled for the top, down to the input; the result is in s->bar. */
static void sweep_backward(sweep *s, int m, double *gtheta, int want_input) {
    for (int l = s->net->nlayers - 1; l >= 0; l--) {
        layer_backward(s, &s->net->layer[l], m, &s->layer[l], gtheta, l > 0 || want_input);
        double *swap = s->bar;
        s->bar = s->below;
        s->below = swap;
    }
}

static void fill(double *to, const double *from, size_t count, double otherwise) {
    for (size_t i = 0; i < count; i++) to[i] = from ? from[i] : otherwise;
}

kr_status kr_net_gradient(kr_context *ctx, const kr_net *net, const double *theta, int nb, const double *x,
                          const double *gy, double *y, double *gx, kr_net_workspace *ws) {
    kr_status status = check(ctx, net, theta, nb, x, ws);
    if (status < 0 || nb == 0) return status;
    if (!gx) return kr_net_value(ctx, net, theta, nb, x, y, ws);
    sweep s;
    status = sweep_begin(ctx, &s, net, theta, 1, nb, ws);
    if (status < 0) return status;
    size_t in = (size_t)net->in, out = (size_t)net->out;
    for (int first = 0; first < nb; first += ROWS) {
        int m = nb - first < ROWS ? nb - first : ROWS;
        size_t at = (size_t)first, rows = (size_t)m;
        sweep_forward(&s, m, x + at * in, NULL);
        if (y) memcpy(y + at * out, s.top, rows * out * sizeof *y);
        fill(s.bar, gy ? gy + at * out : NULL, rows * out, 1);
        sweep_backward(&s, m, NULL, 1);
        memcpy(gx + at * in, s.bar, rows * in * sizeof *gx);
    }
    return KR_OK;
}

kr_status kr_net_backprop_both(kr_context *ctx, const kr_net *net, const double *theta, int nb, const double *x,
                               const double *ybar, const double *v, const double *gy, double *gtheta, double *gx,
                               double *gv, kr_net_workspace *ws) {
    kr_status status = check(ctx, net, theta, nb, x, ws);
    if (status < 0 || nb == 0 || (!ybar && !v) || (!gtheta && !gx && !gv)) return status;
    if (gv && !v) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "net back-propagation: derivative by v wanted without v");
    sweep s;
    int planes = v ? 2 : 1, rows = ROWS / planes;
    status = sweep_begin(ctx, &s, net, theta, planes, nb, ws);
    if (status < 0) return status;
    size_t in = (size_t)net->in, out = (size_t)net->out;
    for (int first = 0; first < nb; first += rows) {
        int m = nb - first < rows ? nb - first : rows;
        size_t at = (size_t)first, count = (size_t)m * out, plane = (size_t)m * in;
        sweep_forward(&s, m, x + at * in, v ? v + at * in : NULL);
        fill(s.bar, ybar ? ybar + at * out : NULL, count, 0);
        if (v) fill(s.bar + count, gy ? gy + at * out : NULL, count, 1);
        sweep_backward(&s, m, gtheta, gx || gv);
        for (size_t i = 0; gx && i < plane; i++) gx[at * in + i] += s.bar[i];
        for (size_t i = 0; gv && i < plane; i++) gv[at * in + i] += s.bar[plane + i];
    }
    return KR_OK;
}

kr_status kr_net_backprop(kr_context *ctx, const kr_net *net, const double *theta, int nb, const double *x,
                          const double *ybar, const double *v, const double *gy, double *gtheta, double *gx,
                          kr_net_workspace *ws) {
    return kr_net_backprop_both(ctx, net, theta, nb, x, ybar, v, gy, gtheta, gx, NULL, ws);
}
