/* An embedding net on the rows of a pair of types, kept for the way back.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   z = x W + b,  s = σ(z),  y = u s + skip x
 *   z̄ = u σ' ȳ,  W̄ += xᵀ z̄,  b̄ += Σ z̄,  ū += Σ ȳ s,  x̄ = z̄ Wᵀ + skipᵀ ȳ
 * The same as kr_net_value and kr_net_backprop, which do not keep the forward sweep, with the vector tanh of
 * core/dense. Tape of a layer, [n][out] each: s, σ', y. */
#include "core/error.h"
#include "core/linalg.h"
#include "training/engine_moment.h"
#include <string.h>

size_t kr_moment_tape_doubles(const kr_net *net, int n) {
    size_t count = 0, widest = 0;
    for (int l = 0; l < net->nlayers; l++) {
        size_t out = (size_t)net->layer[l].out;
        count += 3 * (size_t)n * out;
        if (out > widest) widest = out;
    }
    return count + 3 * (size_t)n * widest;
}

static void add_skip(int skip, size_t n, size_t in, const double *x, double *y) {
    size_t out = (size_t)skip * in;
    for (size_t i = 0; skip && i < n; i++)
        for (size_t k = 0; k < out; k++) y[i * out + k] += x[i * in + (k < in ? k : k - in)];
}

const double *kr_moment_tape_value(const kr_moment *m, const kr_net *net, int n, const double *x, double *tape) {
    const double *theta = m->model->theta;
    for (int l = 0; l < net->nlayers; l++) {
        const kr_layer *layer = &net->layer[l];
        size_t out = (size_t)layer->out, count = (size_t)n * out;
        double *s = tape, *d1 = s + count, *y = d1 + count;
        tape = y + count;
        for (size_t i = 0; i < count; i += out)
            for (size_t k = 0; k < out; k++) s[i + k] = layer->b == KR_NO_BLOCK ? 0 : theta[layer->b + k];
        kr_gemm(0, 0, n, layer->out, layer->in, 1, x, layer->in, theta + layer->w, layer->out, 1, s, layer->out);
        if (layer->activation.kind == KR_ACT_TANH)
            m->dense->tanh(count, s, s, d1);
        else
            kr_activation_apply(&layer->activation, count, s, s, d1, NULL);
        for (size_t i = 0; i < count; i += out)
            for (size_t k = 0; k < out; k++)
                y[i + k] = layer->idt == KR_NO_BLOCK ? s[i + k] : s[i + k] * theta[layer->idt + k];
        add_skip(kr_layer_skip(layer), (size_t)n, (size_t)layer->in, x, y);
        x = y;
    }
    return x;
}

void kr_moment_tape_gradient(const kr_moment *m, const kr_net *net, int n, const double *x, const double *ybar,
                             double *tape, double *gtheta, double *gx) {
    const double *theta = m->model->theta;
    size_t rows = (size_t)n, at = 0, widest = 0;
    for (int l = 0; l < net->nlayers; l++) {
        at += 3 * rows * (size_t)net->layer[l].out;
        if ((size_t)net->layer[l].out > widest) widest = (size_t)net->layer[l].out;
    }
    double *zbar = tape + at, *bar[2] = {zbar + rows * widest, zbar + 2 * rows * widest};
    for (int l = net->nlayers - 1; l >= 0; l--) {
        const kr_layer *layer = &net->layer[l];
        size_t out = (size_t)layer->out, in = (size_t)layer->in, count = rows * out;
        at -= 3 * count;
        const double *s = tape + at, *d1 = s + count, *idt = layer->idt == KR_NO_BLOCK ? NULL : theta + layer->idt;
        const double *below = l ? s - rows * in : x;
        for (size_t i = 0; i < rows; i++)
            for (size_t k = 0; k < out; k++) {
                size_t e = i * out + k;
                zbar[e] = ybar[e] * d1[e] * (idt ? idt[k] : 1);
                if (layer->b != KR_NO_BLOCK) gtheta[layer->b + k] += zbar[e];
                if (idt) gtheta[layer->idt + k] += ybar[e] * s[e];
            }
        kr_gemm(1, 0, layer->in, layer->out, n, 1, below, layer->in, zbar, layer->out, 1, gtheta + layer->w,
                layer->out);
        double *to = l ? bar[l % 2] : gx;
        if (!to) return;
        int skip = kr_layer_skip(layer);
        if (l) memset(to, 0, rows * in * sizeof *to);
        for (size_t i = 0; skip && i < rows; i++)
            for (size_t k = 0; k < out; k++) to[i * in + (k < in ? k : k - in)] += ybar[i * out + k];
        kr_gemm(0, 1, n, layer->in, layer->out, 1, zbar, layer->out, theta + layer->w, layer->out, 1, to, layer->in);
        ybar = to;
    }
}
