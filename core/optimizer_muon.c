/* Muon for matrices, Adam for everything else.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   m ← β m + (1 − β) g,   u = β m + (1 − β) g (Nesterov),   o = orthogonalised u (optimizer_matrix.h)
 *   θ ← (1 − lr weight_decay) θ − lr s o
 * s = lr_adjust_coeff √max(rows, columns): a step of the size of Adam's at the same lr (lr_adjust ≤ 0, default); or
 * s = √max(1, rows/columns) and Adam works with lr/lr_adjust. Matrices are kept in single precision.
 * Sources: Jordan et al. 2024 (Muon); Liu et al. 2025, arXiv 2502.16982 (size of the steps). */
#include "core/optimizer_matrix.h"
#include <math.h>
#include <string.h>

typedef struct muon {
    const kr_optimizer_layout *layout;
    double momentum, beta1, beta2, weight_decay, lr_adjust, coefficient, epsilon; /* options */
    kr_optimizer_matrices matrices;
    int64_t updates;
    double *gradient, *m, *v; /* [n]; m and v outside of the matrices only */
    float *momenta;           /* [matrices.total] */
    float *direction, *scratch;
} muon;

static const kr_parameter parameters[] = {
    KR_OPTIMIZER_TYPE,
    {.name = "momentum",
     .aliases = "muon_momentum",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(muon, momentum),
     .initial = "0.95",
     .range = "[0, 1)",
     .help = "decay of the mean of the gradient of matrices"},
    {.name = "adam_beta1",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(muon, beta1),
     .initial = "0.9",
     .range = "[0, 1)",
     .help = "vectors: decay of the mean of the gradient"},
    {.name = "adam_beta2",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(muon, beta2),
     .initial = "0.95",
     .range = "[0, 1)",
     .help = "vectors: decay of the mean of its square"},
    {.name = "weight_decay",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(muon, weight_decay),
     .initial = "0.001",
     .range = ">= 0",
     .help = "of matrices, times the learning rate"},
    {.name = "lr_adjust",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(muon, lr_adjust),
     .initial = "0.0",
     .help = "<= 0: steps of matrices as large as Adam's; > 0: vectors take the learning rate divided by this"},
    {.name = "lr_adjust_coeff",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(muon, coefficient),
     .initial = "0.18",
     .range = "> 0",
     .help = "root mean square of the steps of matrices in units of the learning rate"},
    {.name = "epsilon",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(muon, epsilon),
     .initial = "1e-8",
     .range = ">= 0",
     .help = "vectors: added to the root of the mean square"},
    {0}};

static kr_status prepare(kr_context *ctx, const kr_optimizer_layout *layout, void *state) {
    muon *s = state;
    s->layout = layout;
    return kr_optimizer_matrices_find(ctx, layout, &s->matrices);
}

static void release(void *state) { kr_optimizer_matrices_free(&((muon *)state)->matrices); }

static int items(void *state, kr_optimizer_item *list) {
    muon *s = state;
    const size_t n = s->layout ? s->layout->n : 0, largest = s->matrices.largest;
    const kr_optimizer_item all[] = {
        {"updates", KR_ITEM_COUNTER, 1, &s->updates, .most = INT64_MAX},
        {"momenta", KR_ITEM_F32, s->matrices.total, .place = &s->momenta},
        {"m", KR_ITEM_F64, n, .place = &s->m},
        {"v", KR_ITEM_F64, n, .place = &s->v},
        {NULL, KR_ITEM_F64, n, .place = &s->gradient},
        {NULL, KR_ITEM_F32, largest, .place = &s->direction},
        {NULL, KR_ITEM_F32, 3 * largest,
         .place = &s->scratch}, /* the small side squared is no larger than the matrix */
    };
    memcpy(list, all, sizeof all);
    return sizeof all / sizeof *all;
}

static kr_status step_matrix(kr_context *ctx, muon *s, const kr_optimizer_matrix *x, double lr, double *theta) {
    kr_status status = KR_OK;
    size_t size = (size_t)x->rows * (size_t)x->columns;
    const unsigned char *mask = s->layout->mask ? s->layout->mask + x->offset : NULL;
    const double *g = s->gradient + x->offset;
    float *m = s->momenta + x->at, *u = s->direction;
    const float beta = (float)s->momentum, rest = (float)(1 - s->momentum);
    for (size_t i = 0; i < size; i++) {
        float gi = mask && !mask[i] ? 0 : (float)g[i];
        m[i] = beta * m[i] + rest * gi;
        u[i] = beta * m[i] + rest * gi;
    }
    KR_TRY(kr_matrix_orthogonalize(ctx, x->rows, x->columns, u, s->scratch));
    double scale = s->lr_adjust > 0
                       ? sqrt(x->rows > x->columns ? (double)x->rows / x->columns : 1)
                       : s->coefficient * sqrt(x->rows > x->columns ? (double)x->rows : (double)x->columns);
    double keep = 1 - lr * s->weight_decay, rate = lr * scale, *t = theta + x->offset;
    for (size_t i = 0; i < size; i++)
        if (!mask || mask[i]) t[i] = keep * t[i] - rate * (double)u[i];
done:
    return status;
}

static kr_status step(kr_context *ctx, void *state, int64_t number, double lr, const kr_objective *objective,
                      double *theta, double *loss) {
    (void)number;
    kr_status status = KR_OK;
    muon *s = state;
    KR_TRY(kr_optimizer_gradient(ctx, s->layout, objective, theta, loss, s->gradient));
    if (status != KR_OK) goto done;
    s->updates++;
    for (int k = 0; k < s->matrices.count; k++) KR_TRY(step_matrix(ctx, s, &s->matrices.matrix[k], lr, theta));
    kr_adam_step how =
        kr_adam_at(s->beta1, s->beta2, s->epsilon, 0, s->updates, s->lr_adjust > 0 ? lr / s->lr_adjust : lr);
    KR_TRY(kr_matrix_adam(ctx, &s->matrices, &how, theta, s->gradient, s->m, s->v));
done:
    return status;
}

extern const kr_optimizer_kind kr_optimizer_muon;
const kr_optimizer_kind kr_optimizer_muon = {
    .name = "Muon",
    .aliases = "HybridMuon",
    .summary = "orthogonalised steps of matrices, Adam for vectors",
    .reference = "Jordan et al. 2024; Liu et al. 2025, arXiv 2502.16982",
    .parameters = parameters,
    .size = sizeof(muon),
    .prepare = prepare,
    .items = items,
    .release = release,
    .step = step,
};
