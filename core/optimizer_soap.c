/* SOAP: Adam in the slowly turning eigenbasis of Shampoo's preconditioner; plain Adam for vectors.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * For a matrix with gradient G [r][c] and bases U [r][r], V [c][c] (rows are basis vectors):
 *   G' = U G Vᵀ,   M' ← β1 M' + (1 − β1) G',   S ← β2 S + (1 − β2) G'²,   θ ← θ − lr Uᵀ (M'/(√Ŝ + ε)) V
 *   L ← βs L + (1 − βs) G Gᵀ,   R ← βs R + (1 − βs) Gᵀ G,   every few steps U, V ← one step of orthogonal iteration
 * The mean M' is kept in the bases and turns with them, so that a step turns one matrix forth and one back. A side
 * longer than max_precond_dim stays in its own basis. Everything of matrices is in single precision; of L and R rows
 * hold the diagonal and what is right of it. Source: Vyas et al. 2024, arXiv 2409.11321. */
#include "core/optimizer_soap.h"
#include "core/optimizer_matrix.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

typedef struct soap {
    const kr_optimizer_layout *layout;
    double beta1, beta2, shampoo, epsilon, weight_decay; /* options */
    int frequency, largest;
    kr_optimizer_matrices matrices;
    int64_t updates;
    double *gradient, *m, *v;    /* [n]; m and v outside of the matrices only */
    float *mean, *square;        /* [matrices.total]: M', S */
    size_t *side[2];             /* [matrices.count] where L and U, R and V begin; unused when not turned */
    size_t *line[2];             /* the same for values and order: one of each for every basis vector */
    size_t sides, lines;         /* lengths together */
    float *covariance, *basis;   /* [sides]: L and R; U and V */
    float *image;                /* [sides]: U L, V R */
    double *values;              /* [lines] */
    int *order;                  /* [lines] */
    float *g, *turned, *scratch; /* [largest matrix] each */
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
    kr_free(s->line[0]);
    kr_free(s->line[1]);
    kr_free(s->order);
}

static kr_status prepare(kr_context *ctx, const kr_optimizer_layout *layout, void *state) {
    kr_status status = KR_OK;
    soap *s = state;
    s->layout = layout;
    KR_TRY(kr_optimizer_matrices_find(ctx, layout, &s->matrices));
    for (int side = 0; side < 2; side++) {
        KR_NEW(ctx, s->side[side], (size_t)s->matrices.count);
        KR_NEW(ctx, s->line[side], (size_t)s->matrices.count);
        for (int k = 0; k < s->matrices.count; k++) {
            size_t d = (size_t)length(&s->matrices.matrix[k], side);
            if (d > (size_t)s->largest) continue;
            s->side[side][k] = s->sides;
            s->line[side][k] = s->lines;
            s->sides += d * d;
            s->lines += d;
        }
    }
    KR_NEW(ctx, s->order, s->lines);
done:
    return status;
}

static int items(void *state, kr_optimizer_item *list) {
    soap *s = state;
    const size_t n = s->layout ? s->layout->n : 0, total = s->matrices.total, largest = s->matrices.largest;
    const kr_optimizer_item all[] = {
        {"updates", KR_ITEM_COUNTER, 1, &s->updates, .most = INT64_MAX},
        {"turned_mean", KR_ITEM_F32, total, .place = &s->mean},
        {"square", KR_ITEM_F32, total, .place = &s->square},
        {"covariance", KR_ITEM_F32, s->sides, .place = &s->covariance},
        {"basis", KR_ITEM_F32, s->sides, .place = &s->basis},
        {"m", KR_ITEM_F64, n, .place = &s->m},
        {"v", KR_ITEM_F64, n, .place = &s->v},
        {NULL, KR_ITEM_F64, n, .place = &s->gradient},
        {NULL, KR_ITEM_F32, largest, .place = &s->g},
        {NULL, KR_ITEM_F32, largest, .place = &s->turned},
        {NULL, KR_ITEM_F32, largest, .place = &s->scratch},
        {NULL, KR_ITEM_F32, s->sides, .place = &s->image},
        {NULL, KR_ITEM_F64, s->lines, .place = &s->values},
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

/* The entries of a matrix in chunks over threads. */
enum { CHUNK = 8192 };
typedef struct pass {
    soap *s;
    const kr_optimizer_matrix *x;
    const kr_adam_step *how;
    double keep, *theta;
} pass;

static size_t chunk(const pass *p, long block, size_t *end) {
    size_t size = (size_t)p->x->rows * (size_t)p->x->columns, begin = (size_t)block * CHUNK;
    *end = begin + CHUNK < size ? begin + CHUNK : size;
    return begin;
}

static kr_status take_gradient(void *payload, kr_context *ctx, long block, int thread) {
    (void)ctx, (void)thread;
    const pass *p = payload;
    size_t end, begin = chunk(p, block, &end);
    const unsigned char *mask = p->s->layout->mask;
    const double *gradient = p->s->gradient + p->x->offset;
    float *g = p->s->g;
    for (size_t i = begin; i < end; i++) g[i] = (float)gradient[i];
    if (mask)
        for (size_t i = begin; i < end; i++)
            if (!mask[p->x->offset + i]) g[i] = 0;
    return KR_OK;
}

/* Of the turned gradient: mean, mean square, and the turned step in its place. */
static kr_status take_means(void *payload, kr_context *ctx, long block, int thread) {
    (void)ctx, (void)thread;
    const pass *p = payload;
    size_t end, begin = chunk(p, block, &end);
    float *mean = p->s->mean + p->x->at, *square = p->s->square + p->x->at, *turned = p->s->turned;
    const float b1 = (float)p->how->beta1, b2 = (float)p->how->beta2;
    const float rate = (float)p->how->rate, scale = (float)p->how->scale, epsilon = (float)p->how->epsilon;
    for (size_t i = begin; i < end; i++) {
        mean[i] = b1 * mean[i] + (1 - b1) * turned[i];
        square[i] = b2 * square[i] + (1 - b2) * turned[i] * turned[i];
        turned[i] = mean[i] * (rate / (sqrtf(square[i]) * scale + epsilon));
    }
    return KR_OK;
}

static kr_status take_step(void *payload, kr_context *ctx, long block, int thread) {
    (void)ctx, (void)thread;
    const pass *p = payload;
    size_t end, begin = chunk(p, block, &end);
    const unsigned char *mask = p->s->layout->mask;
    double *restrict theta = p->theta + p->x->offset, keep = p->keep;
    const float *restrict turned = p->s->turned;
    if (!mask)
        for (size_t i = begin; i < end; i++) theta[i] = keep * theta[i] - (double)turned[i];
    else
        for (size_t i = begin; i < end; i++)
            if (mask[p->x->offset + i]) theta[i] = keep * theta[i] - (double)turned[i];
    return KR_OK;
}

/* A step of one matrix and the covariances of its gradient. */
static kr_status step_matrix(kr_context *ctx, soap *s, int k, double lr, double *theta) {
    kr_status status = KR_OK;
    const kr_optimizer_matrix *x = &s->matrices.matrix[k];
    kr_adam_step how = kr_adam_at(s->beta1, s->beta2, s->epsilon, 0, s->updates, lr);
    pass p = {s, x, &how, 1 - lr * s->weight_decay, theta};
    long chunks = (long)(((size_t)x->rows * (size_t)x->columns + CHUNK - 1) / CHUNK);
    float keep = (float)s->shampoo, take = (float)(1 - s->shampoo);
    KR_TRY(kr_parallel_blocks(ctx, chunks, take_gradient, NULL, &p));
    KR_TRY(turn(ctx, s, k, 0, s->g, s->turned));
    KR_TRY(kr_parallel_blocks(ctx, chunks, take_means, NULL, &p));
    KR_TRY(turn(ctx, s, k, 1, s->turned, s->turned));
    KR_TRY(kr_parallel_blocks(ctx, chunks, take_step, NULL, &p));
    for (int side = 0; side < 2; side++)
        if (length(x, side) <= s->largest)
            KR_TRY(kr_matrix_gram(ctx, side, x->rows, x->columns, take, s->g, keep, s->covariance + s->side[side][k]));
done:
    return status;
}

/* ---- new bases ---- */

static kr_status image(kr_context *ctx, soap *s, int k, int side) {
    int d = length(&s->matrices.matrix[k], side);
    if (d > s->largest) return KR_OK;
    size_t at = s->side[side][k], n = (size_t)d;
    float *covariance = s->covariance + at;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) covariance[i * n + j] = covariance[j * n + i];
    return kr_matrix_product(ctx, 0, 0, d, d, d, 1, s->basis + at, d, covariance, d, 0, s->image + at, d);
}

static kr_status turn_basis(void *payload, kr_context *ctx, long block, int thread) {
    (void)ctx, (void)thread;
    soap *s = payload;
    int k = (int)(block / 2), side = (int)(block % 2), d = length(&s->matrices.matrix[k], side);
    if (d > s->largest) return KR_OK;
    size_t at = s->side[side][k], line = s->line[side][k];
    kr_soap_order(d, s->basis + at, s->image + at, s->values + line, s->order + line);
    kr_soap_turn(d, s->order + line, s->basis + at, s->image + at);
    return KR_OK;
}

/* The bases follow the covariances; means turn with them, squares belong to basis vectors and change places with them.
 */
static kr_status follow(kr_context *ctx, soap *s) {
    kr_status status = KR_OK;
    const int count = s->matrices.count;
    for (int k = 0; k < count; k++) {
        float *mean = s->mean + s->matrices.matrix[k].at;
        KR_TRY(turn(ctx, s, k, 1, mean, mean));
        for (int side = 0; side < 2; side++) KR_TRY(image(ctx, s, k, side));
    }
    KR_TRY(kr_parallel_blocks(ctx, 2 * count, turn_basis, NULL, s));
    for (int k = 0; k < count; k++) {
        const kr_optimizer_matrix *x = &s->matrices.matrix[k];
        float *mean = s->mean + x->at, *square = s->square + x->at;
        for (int side = 0; side < 2; side++)
            if (length(x, side) <= s->largest)
                kr_soap_permute(side, x->rows, x->columns, s->order + s->line[side][k], square, s->turned);
        KR_TRY(turn(ctx, s, k, 0, mean, mean));
    }
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
    /* after the first steps and then every `frequency` */
    const int64_t t = s->updates;
    if (t % s->frequency == 0 || t == 1 || t == 2 || t == 4 || t == 8) KR_TRY(follow(ctx, s));
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
