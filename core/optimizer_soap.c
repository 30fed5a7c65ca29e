/* SOAP: Adam in the slowly turning eigenbasis of Shampoo's preconditioner; plain Adam for vectors.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * For a matrix with gradient G [r][c] and bases U [r][r], V [c][c] (rows are basis vectors):
 *   M ← β1 M + (1 − β1) G,   G' = U G Vᵀ,   S ← β2 S + (1 − β2) G'²,   N' = (U M Vᵀ)/(√Ŝ + ε),   θ ← θ − lr Uᵀ N' V
 *   L ← βs L + (1 − βs) G Gᵀ,   R ← βs R + (1 − βs) Gᵀ G,   every few steps U, V ← one step of orthogonal iteration
 * A side longer than max_precond_dim stays in its own basis. Everything of matrices is in single precision.
 * Source: Vyas et al. 2024, arXiv 2409.11321. */
#include "core/optimizer_soap.h"
#include "core/optimizer_matrix.h"
#include <math.h>
#include <string.h>

typedef struct soap {
    const kr_optimizer_layout *layout;
    double beta1, beta2, shampoo, epsilon, weight_decay; /* options */
    int frequency, largest;
    kr_optimizer_matrices matrices;
    int64_t updates;
    double *gradient, *m, *v;    /* [n]; m and v outside of the matrices only */
    float *mean, *square;        /* [matrices.total]: M, S */
    size_t *side[2];             /* [matrices.count] where L and U, R and V begin; unused when not turned */
    size_t sides, longest;       /* their length together; the longest turned side */
    float *covariance, *basis;   /* [sides]: L and R; U and V */
    float *g, *turned, *scratch; /* [largest matrix] each; scratch holds a square too */
    double *values;              /* [longest turned side] */
    int *order;
} soap;

static const kr_parameter parameters[] = {KR_OPTIMIZER_TYPE,
                                          {.name = "adam_beta1",
                                           .aliases = "beta1",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(soap, beta1),
                                           .initial = "0.95",
                                           .range = "[0, 1)",
                                           .help = "decay of the mean of the gradient"},
                                          {.name = "adam_beta2",
                                           .aliases = "beta2",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(soap, beta2),
                                           .initial = "0.95",
                                           .range = "[0, 1)",
                                           .help = "decay of the mean of its square in the turned basis"},
                                          {.name = "shampoo_beta",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(soap, shampoo),
                                           .initial = "0.95",
                                           .range = "[0, 1)",
                                           .help = "decay of the covariances of the gradient"},
                                          {.name = "epsilon",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(soap, epsilon),
                                           .initial = "1e-8",
                                           .range = ">= 0",
                                           .help = "added to the root of the mean square"},
                                          {.name = "weight_decay",
                                           .type = KR_PARAMETER_REAL,
                                           .offset = offsetof(soap, weight_decay),
                                           .initial = "0.0",
                                           .range = ">= 0",
                                           .help = "of matrices, times the learning rate"},
                                          {.name = "precondition_frequency",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(soap, frequency),
                                           .initial = "10",
                                           .range = ">= 1",
                                           .help = "steps between two turns of the bases"},
                                          {.name = "max_precond_dim",
                                           .type = KR_PARAMETER_INT,
                                           .offset = offsetof(soap, largest),
                                           .initial = "512",
                                           .range = ">= 1",
                                           .help = "longer sides of a matrix stay in their own basis"},
                                          {0}};

static int length(const kr_optimizer_matrix *x, int side) { return side ? x->columns : x->rows; }

static void release(void *state) {
    soap *s = state;
    kr_optimizer_matrices_free(&s->matrices);
    kr_free(s->side[0]);
    kr_free(s->side[1]);
    kr_free(s->order);
}

static kr_status prepare(kr_context *ctx, const kr_optimizer_layout *layout, void *state) {
    kr_status status = KR_OK;
    soap *s = state;
    s->layout = layout;
    KR_TRY(kr_optimizer_matrices_find(ctx, layout, &s->matrices));
    for (int side = 0; side < 2; side++) {
        KR_NEW(ctx, s->side[side], (size_t)s->matrices.count);
        for (int k = 0; k < s->matrices.count; k++) {
            size_t d = (size_t)length(&s->matrices.matrix[k], side);
            if (d > (size_t)s->largest) continue;
            s->side[side][k] = s->sides;
            s->sides += d * d;
            if (d > s->longest) s->longest = d;
        }
    }
    KR_NEW(ctx, s->order, s->longest);
done:
    return status;
}

static int items(void *state, kr_optimizer_item *list) {
    soap *s = state;
    const size_t n = s->layout ? s->layout->n : 0, total = s->matrices.total, largest = s->matrices.largest;
    const size_t square = s->longest * s->longest;
    const kr_optimizer_item all[] = {
        {"updates", KR_ITEM_COUNTER, 1, &s->updates, .most = INT64_MAX},
        {"mean", KR_ITEM_F32, total, .place = &s->mean},
        {"square", KR_ITEM_F32, total, .place = &s->square},
        {"covariance", KR_ITEM_F32, s->sides, .place = &s->covariance},
        {"basis", KR_ITEM_F32, s->sides, .place = &s->basis},
        {"m", KR_ITEM_F64, n, .place = &s->m},
        {"v", KR_ITEM_F64, n, .place = &s->v},
        {NULL, KR_ITEM_F64, n, .place = &s->gradient},
        {NULL, KR_ITEM_F32, largest, .place = &s->g},
        {NULL, KR_ITEM_F32, largest, .place = &s->turned},
        {NULL, KR_ITEM_F32, largest > square ? largest : square, .place = &s->scratch},
        {NULL, KR_ITEM_F64, s->longest, .place = &s->values},
    };
    memcpy(list, all, sizeof all);
    return sizeof all / sizeof *all;
}

/* Bases begin as unit matrices. */
static void start(void *state) {
    soap *s = state;
    for (int side = 0; side < 2; side++)
        for (int k = 0; k < s->matrices.count; k++) {
            size_t d = (size_t)length(&s->matrices.matrix[k], side);
            for (size_t i = 0; d <= (size_t)s->largest && i < d; i++) s->basis[s->side[side][k] + i * d + i] = 1;
        }
}

/* out = U in Vᵀ, or Uᵀ in V when back. in and out may be the same. */
static kr_status turn(kr_context *ctx, soap *s, int k, int back, const float *in, float *out) {
    kr_status status = KR_OK;
    const kr_optimizer_matrix *x = &s->matrices.matrix[k];
    int r = x->rows, c = x->columns;
    size_t bytes = (size_t)r * (size_t)c * sizeof *in;
    if (c <= s->largest)
        KR_TRY(kr_matrix_product(ctx, 0, !back, r, c, c, 1, in, c, s->basis + s->side[1][k], c, 0, s->scratch, c));
    else
        memcpy(s->scratch, in, bytes);
    if (r <= s->largest)
        KR_TRY(kr_matrix_product(ctx, back, 0, r, c, r, 1, s->basis + s->side[0][k], r, s->scratch, c, 0, out, c));
    else
        memcpy(out, s->scratch, bytes);
done:
    return status;
}

/* Covariances of the gradient; turns the bases after the first steps and then every `frequency`. */
static kr_status follow(kr_context *ctx, soap *s, int k) {
    kr_status status = KR_OK;
    const kr_optimizer_matrix *x = &s->matrices.matrix[k];
    int r = x->rows, c = x->columns;
    float keep = (float)s->shampoo, take = (float)(1 - s->shampoo);
    int64_t t = s->updates;
    int now = t % s->frequency == 0 || t == 1 || t == 2 || t == 4 || t == 8;
    for (int side = 0; side < 2; side++) {
        int d = side ? c : r;
        if (d > s->largest) continue;
        float *covariance = s->covariance + s->side[side][k], *basis = s->basis + s->side[side][k];
        KR_TRY(kr_matrix_product(ctx, side, !side, d, d, side ? r : c, take, s->g, c, s->g, c, keep, covariance, d));
        if (!now) continue;
        KR_TRY(kr_matrix_product(ctx, 0, 0, d, d, d, 1, basis, d, covariance, d, 0, s->scratch, d));
        kr_soap_order(d, basis, s->scratch, s->values, s->order);
        kr_soap_turn(d, s->order, basis, s->scratch);
        /* squares belong to basis vectors and go along */
        kr_soap_permute(side, r, c, s->order, s->square + x->at, s->turned);
    }
done:
    return status;
}

static kr_status step_matrix(kr_context *ctx, soap *s, int k, double lr, double *theta) {
    kr_status status = KR_OK;
    const kr_optimizer_matrix *x = &s->matrices.matrix[k];
    size_t size = (size_t)x->rows * (size_t)x->columns;
    const unsigned char *mask = s->layout->mask ? s->layout->mask + x->offset : NULL;
    float *mean = s->mean + x->at, *square = s->square + x->at;
    const float b1 = (float)s->beta1, b2 = (float)s->beta2;
    for (size_t i = 0; i < size; i++) {
        s->g[i] = mask && !mask[i] ? 0 : (float)s->gradient[x->offset + i];
        mean[i] = b1 * mean[i] + (1 - b1) * s->g[i];
    }
    KR_TRY(turn(ctx, s, k, 0, s->g, s->turned));
    for (size_t i = 0; i < size; i++) square[i] = b2 * square[i] + (1 - b2) * s->turned[i] * s->turned[i];
    KR_TRY(turn(ctx, s, k, 0, mean, s->turned));
    kr_adam_step how = kr_adam_at(s->beta1, s->beta2, s->epsilon, 0, s->updates, lr);
    const float rate = (float)how.rate, scale = (float)how.scale, epsilon = (float)how.epsilon;
    for (size_t i = 0; i < size; i++) s->turned[i] *= rate / (sqrtf(square[i]) * scale + epsilon);
    KR_TRY(turn(ctx, s, k, 1, s->turned, s->turned));
    double keep = 1 - lr * s->weight_decay, *t = theta + x->offset;
    for (size_t i = 0; i < size; i++)
        if (!mask || mask[i]) t[i] = keep * t[i] - (double)s->turned[i];
    KR_TRY(follow(ctx, s, k));
done:
    return status;
}

static kr_status step(kr_context *ctx, void *state, int64_t number, double lr, const kr_objective *objective,
                      double *theta, double *loss) {
    (void)number;
    kr_status status = KR_OK;
    soap *s = state;
    KR_TRY(kr_optimizer_gradient(ctx, s->layout, objective, theta, loss, s->gradient));
    if (status != KR_OK) goto done;
    s->updates++;
    for (int k = 0; k < s->matrices.count; k++) KR_TRY(step_matrix(ctx, s, k, lr, theta));
    kr_adam_step how = kr_adam_at(s->beta1, s->beta2, s->epsilon, 0, s->updates, lr);
    KR_TRY(kr_matrix_adam(ctx, &s->matrices, &how, theta, s->gradient, s->m, s->v));
done:
    return status;
}

extern const kr_optimizer_kind kr_optimizer_soap;
const kr_optimizer_kind kr_optimizer_soap = {
    .name = "SOAP",
    .aliases = "",
    .summary = "Adam in the eigenbasis of the gradient's covariances for matrices",
    .reference = "Vyas et al. 2024, arXiv 2409.11321",
    .parameters = parameters,
    .size = sizeof(soap),
    .prepare = prepare,
    .items = items,
    .start = start,
    .release = release,
    .step = step,
};
