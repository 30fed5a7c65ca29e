/* What the kinds of optimizers share.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/optimizer_parts.h"
#include "core/isa.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

/* ---- checked gradients ---- */

kr_status kr_optimizer_check_piece(kr_context *ctx, const kr_optimizer_layout *layout, long p, const double *gradient) {
    const double *g = gradient + layout->piece[p].begin;
    size_t n = layout->piece[p].count;
    /* 0·g is 0, or NaN when g is not finite: one sum says whether to look closer. Four sums, so that the loop
     * does not wait for its own additions. */
    double sum[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++) sum[k] += 0.0 * g[i + k];
    for (; i < n; i++) sum[0] += 0.0 * g[i];
    if (sum[0] + sum[1] + sum[2] + sum[3] == 0.0) return KR_OK;
    for (i = 0; i < n && isfinite(g[i]); i++) continue;
    size_t at = layout->piece[p].begin + i;
    for (int b = 0; b < layout->nblocks; b++) {
        const kr_block *block = &layout->block[b];
        if (at >= block->offset && at < block->offset + block->count)
            return KR_ERROR(ctx, KR_ERR_NUMERIC, "the gradient of %s[%zu] is %g", block->name, at - block->offset,
                            gradient[at]);
    }
    return KR_ERROR(ctx, KR_ERR_NUMERIC, "the gradient of parameter %zu is %g", at, gradient[at]);
}

static kr_status check_gradient(kr_context *ctx, const kr_optimizer_layout *layout, const double *gradient) {
    kr_status status = KR_OK;
    for (int p = 0; p < layout->npieces && status == KR_OK; p++)
        status = kr_optimizer_check_piece(ctx, layout, p, gradient);
    return status;
}

kr_status kr_optimizer_evaluate(kr_context *ctx, const kr_objective *objective, const double *theta, double *loss,
                                double *gradient) {
    kr_status status = KR_OK;
    if (!objective->evaluate) KR_FAIL(ctx, KR_ERR_ARGUMENT, "this optimizer needs a loss with its gradient");
    KR_TRY(objective->evaluate(ctx, objective->payload, theta, loss, gradient));
    if (status != KR_OK) goto done; /* cancelled */
    if (!isfinite(*loss)) {
        KR_ERROR(ctx, status = KR_ERR_NUMERIC, "the loss is %g", *loss);
        kr_error_hint(ctx, "a smaller learning rate, or frames with errors: kramers data check");
    }
done:
    return status;
}

kr_status kr_optimizer_gradient(kr_context *ctx, const kr_optimizer_layout *layout, const kr_objective *objective,
                                const double *theta, double *loss, double *gradient) {
    kr_status status = kr_optimizer_evaluate(ctx, objective, theta, loss, gradient);
    return status == KR_OK && gradient ? check_gradient(ctx, layout, gradient) : status;
}

kr_status kr_optimizer_measure(kr_context *ctx, const kr_optimizer_layout *layout, const kr_objective *objective,
                               int group, const double *theta, double *innovation, double *gradient) {
    kr_status status = KR_OK;
    if (!objective->measure) KR_FAIL(ctx, KR_ERR_ARGUMENT, "this optimizer needs measurements, the loss has none");
    KR_TRY(objective->measure(ctx, objective->payload, group, theta, innovation, gradient));
    if (status != KR_OK) goto done;
    if (!isfinite(*innovation)) KR_FAIL(ctx, KR_ERR_NUMERIC, "the error of measurement %d is %g", group, *innovation);
    KR_TRY(check_gradient(ctx, layout, gradient));
done:
    return status;
}

/* ---- vectors ---- */

typedef struct vectors {
    const kr_optimizer_layout *layout;
    const double *a, *b;
    double *out; /* [npieces] of a dot product, else y [n] */
    double alpha, beta;
} vectors;

static kr_status dot_piece(void *payload, kr_context *ctx, long block, int thread) {
    (void)ctx;
    (void)thread;
    const vectors *v = payload;
    kr_span piece = v->layout->piece[block];
    const double *a = v->a + piece.begin, *b = v->b + piece.begin;
    double sum[8] = {0}; /* eight sums keep the adder busy */
    size_t i = 0;
    for (; i + 8 <= piece.count; i += 8)
        for (size_t k = 0; k < 8; k++) sum[k] += a[i + k] * b[i + k];
    for (; i < piece.count; i++) sum[0] += a[i] * b[i];
    v->out[block] = ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
    return KR_OK;
}

kr_status kr_optimizer_dot(kr_context *ctx, const kr_optimizer_layout *layout, const double *a, const double *b,
                           double *partial, double *dot) {
    vectors v = {.layout = layout, .a = a, .b = b, .out = partial};
    kr_status status = kr_parallel_blocks(ctx, layout->npieces, dot_piece, NULL, &v);
    *dot = kr_sum(layout->npieces, partial);
    return status;
}

static kr_status axpby_piece(void *payload, kr_context *ctx, long block, int thread) {
    (void)ctx;
    (void)thread;
    const vectors *v = payload;
    kr_span piece = v->layout->piece[block];
    const double *x = v->a + piece.begin;
    double *y = v->out + piece.begin;
    if (v->beta == 0)
        for (size_t i = 0; i < piece.count; i++) y[i] = v->alpha * x[i];
    else
        for (size_t i = 0; i < piece.count; i++) y[i] = v->alpha * x[i] + v->beta * y[i];
    return KR_OK;
}

kr_status kr_optimizer_axpby(kr_context *ctx, const kr_optimizer_layout *layout, double alpha, const double *x,
                             double beta, double *y) {
    vectors v = {.layout = layout, .a = x, .out = y, .alpha = alpha, .beta = beta};
    return kr_parallel_blocks(ctx, layout->npieces, axpby_piece, NULL, &v);
}

/* ---- Adam on a range ---- */

#define KERNEL(suffix, isa)                                                                                          \
    void kr_adam_##suffix##_##isa(const kr_adam_step *how, size_t n, double *theta, const double *gradient, void *m, \
                                  void *v)
KERNEL(f64, baseline);
KERNEL(f32, baseline);
#if defined(__x86_64__)
KERNEL(f64, avx2);
KERNEL(f32, avx2);
KERNEL(f64, avx512);
KERNEL(f32, avx512);
#endif

kr_adam_fn kr_adam_kernel(int single) {
#if defined(__x86_64__)
    if (kr_isa_available(KR_ISA_AVX512)) return single ? kr_adam_f32_avx512 : kr_adam_f64_avx512;
    if (kr_isa_available(KR_ISA_AVX2)) return single ? kr_adam_f32_avx2 : kr_adam_f64_avx2;
#endif
    return single ? kr_adam_f32_baseline : kr_adam_f64_baseline;
}

kr_adam_step kr_adam_at(double beta1, double beta2, double epsilon, int epsilon_hat, int64_t t, double lr) {
    /* expm1 keeps 1 − β^t exact where β is near 1 and t small. */
    double c1 = -expm1((double)t * log(beta1)), root = sqrt(-expm1((double)t * log(beta2)));
    kr_adam_step step = {.beta1 = beta1, .beta2 = beta2, .keep = 1.0, .epsilon = epsilon};
    step.rate = epsilon_hat ? lr * root / c1 : lr / c1;
    step.scale = epsilon_hat ? 1.0 : 1.0 / root;
    return step;
}
