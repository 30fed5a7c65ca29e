/* The table of descriptors that can be trained, and the nets of rows.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "training/descriptor_gradient.h"
#include "core/error.h"
#include <string.h>

#define KR_DESCRIPTOR_GRADIENT(name) extern const kr_descriptor_gradient kr_descriptor_gradient_##name;
#include "training/descriptor_gradient_kinds.def"
#undef KR_DESCRIPTOR_GRADIENT

static const kr_descriptor_gradient *const kinds[] = {
#define KR_DESCRIPTOR_GRADIENT(name) &kr_descriptor_gradient_##name,
#include "training/descriptor_gradient_kinds.def"
#undef KR_DESCRIPTOR_GRADIENT
};

const kr_descriptor_gradient *kr_descriptor_gradient_find(const kr_descriptor_kind *kind) {
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        if (kinds[k]->kind == kind) return kinds[k];
    return NULL;
}

void kr_descriptor_tape_free(kr_descriptor_tape *tape) {
    if (!tape) return;
    kr_descriptor_workspace_free(&tape->ws);
    kr_attention_gradient_workspace_free(&tape->attention);
    kr_buffer_free(&tape->keep);
    kr_buffer_free(&tape->spare);
    kr_buffer_free(&tape->spare2);
}

kr_status kr_rows_slopes(kr_context *ctx, const kr_model *model, const kr_rows *rows, double *slope,
                         kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    size_t ng = (size_t)d->ng;
    KR_TRY(kr_buffer_reserve(ctx, &ws->buffer[6], (size_t)rows->n, sizeof(double)));
    double *one = ws->buffer[6].data;
    for (int k = 0; k < rows->n; k++) one[k] = 1;
    for (int e = 0; e < d->nembedding; e++) {
        size_t first = (size_t)rows->net_first[e];
        int n = rows->net_first[e + 1] - rows->net_first[e];
        double *g = rows->g + first * ng, *dg = slope + first * ng;
        if (n && d->embedding[e]) {
            KR_TRY(kr_net_tangent(ctx, d->embedding[e], model->theta, n, 1, rows->s + first, one, g, dg, &ws->net));
        } else { /* a net that the file left out */
            memset(g, 0, (size_t)n * ng * sizeof *g);
            memset(dg, 0, (size_t)n * ng * sizeof *dg);
        }
    }
done:
    return status;
}

kr_status kr_rows_backprop(kr_context *ctx, const kr_model *model, const kr_rows *rows, const double *gbar,
                           const double *ds, const double *dgbar, double *gtheta, kr_descriptor_workspace *ws) {
    kr_status status = KR_OK;
    const kr_descriptor *d = &model->descriptor;
    for (int e = 0; e < d->nembedding; e++) {
        size_t first = (size_t)rows->net_first[e], at = first * (size_t)d->ng;
        int n = rows->net_first[e + 1] - rows->net_first[e];
        if (n && d->embedding[e])
            KR_TRY(kr_net_backprop(ctx, d->embedding[e], model->theta, n, rows->s + first, gbar + at,
                                   ds ? ds + first : NULL, ds ? dgbar + at : NULL, gtheta, NULL, &ws->net));
    }
done:
    return status;
}
