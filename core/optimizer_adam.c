/* Adam and AdamW.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   m ← β1 m + (1 − β1) g,   v ← β2 v + (1 − β2) g²,   m̂ = m/(1 − β1^t),   v̂ = v/(1 − β2^t)
 *   θ ← θ − lr m̂/(√v̂ + ε)                      PyTorch's place of ε (default)
 *   θ ← θ − lr √(1 − β2^t)/(1 − β1^t) m/(√v + ε)    TensorFlow's ("epsilon_hat")
 * Adam adds weight_decay·θ to g; AdamW multiplies θ by 1 − lr·weight_decay instead. t counts the updates of this
 * optimizer. With "single" m and v are float: half the memory traffic, which is what the step costs.
 * Sources: Kingma & Ba, arXiv 1412.6980; Loshchilov & Hutter, arXiv 1711.05101. */
#include "core/optimizer_parts.h"
#include "core/parallel.h"
#include <string.h>

typedef struct adam {
    const kr_optimizer_layout *layout;
    double beta1, beta2, epsilon, weight_decay; /* options */
    int epsilon_hat, single;
    int decoupled; /* AdamW */
    int64_t updates;
    kr_adam_fn kernel;
    double *gradient; /* [n] */
    void *m, *v;      /* [n] */
    /* of the step being done */
    kr_adam_step how;
    double *theta;
} adam;

static const kr_parameter parameters[] = {
    KR_OPTIMIZER_TYPE,
    {.name = "adam_beta1",
     .aliases = "beta1",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(adam, beta1),
     .initial = "0.9",
     .range = "[0, 1)",
     .help = "decay of the mean of the gradient"},
    {.name = "adam_beta2",
     .aliases = "beta2",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(adam, beta2),
     .initial = "0.999",
     .range = "[0, 1)",
     .help = "decay of the mean of its square"},
    {.name = "weight_decay",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(adam, weight_decay),
     .initial = "0.0",
     .range = ">= 0",
     .help = "Adam: added to the gradient times theta; AdamW: apart from it, times the learning rate"},
    {.name = "epsilon",
     .type = KR_PARAMETER_REAL,
     .offset = offsetof(adam, epsilon),
     .initial = "1e-8",
     .range = ">= 0",
     .help = "added to the root of the mean square"},
    {.name = "epsilon_hat",
     .type = KR_PARAMETER_FLAG,
     .offset = offsetof(adam, epsilon_hat),
     .initial = "false",
     .help = "add epsilon before the correction of the start, as TensorFlow does"},
    {.name = "single",
     .type = KR_PARAMETER_FLAG,
     .offset = offsetof(adam, single),
     .initial = "false",
     .help = "keep the means in single precision"},
    {0}};

static kr_status prepare_adam(kr_context *ctx, const kr_optimizer_layout *layout, void *state) {
    (void)ctx;
    adam *s = state;
    s->layout = layout;
    s->kernel = kr_adam_kernel(s->single);
    return KR_OK;
}

static kr_status prepare_adamw(kr_context *ctx, const kr_optimizer_layout *layout, void *state) {
    ((adam *)state)->decoupled = 1;
    return prepare_adam(ctx, layout, state);
}

static int items(void *state, kr_optimizer_item *list) {
    adam *s = state;
    const size_t n = s->layout ? s->layout->n : 0;
    const kr_optimizer_item all[] = {
        {"updates", KR_ITEM_COUNTER, 1, &s->updates, .most = INT64_MAX},
        {"m", s->single ? KR_ITEM_F32 : KR_ITEM_F64, n, .place = &s->m},
        {"v", s->single ? KR_ITEM_F32 : KR_ITEM_F64, n, .place = &s->v},
        {NULL, KR_ITEM_F64, n, .place = &s->gradient},
    };
    memcpy(list, all, sizeof all);
    return sizeof all / sizeof *all;
}

static kr_status update(void *payload, kr_context *ctx, long block, int thread) {
    (void)thread;
    adam *s = payload;
    const kr_span *piece = &s->layout->piece[block];
    kr_status status = kr_optimizer_check_piece(ctx, s->layout, block, s->gradient);
    if (status != KR_OK) return status;
    size_t begin = piece->begin, size = s->single ? sizeof(float) : sizeof(double);
    s->kernel(&s->how, piece->count, s->theta + begin, s->gradient + begin, (char *)s->m + begin * size,
              (char *)s->v + begin * size);
    return KR_OK;
}

static kr_status step(kr_context *ctx, void *state, int64_t number, double lr, const kr_objective *objective,
                      double *theta, double *loss) {
    (void)number;
    kr_status status = KR_OK;
    adam *s = state;
    KR_TRY(kr_optimizer_evaluate(ctx, objective, theta, loss, s->gradient));
    if (status != KR_OK) goto done;
    s->updates++;
    s->how = kr_adam_at(s->beta1, s->beta2, s->epsilon, s->epsilon_hat, s->updates, lr);
    if (s->decoupled)
        s->how.keep = 1.0 - lr * s->weight_decay;
    else
        s->how.l2 = s->weight_decay;
    s->theta = theta;
    KR_TRY(kr_parallel_blocks(ctx, s->layout->npieces, update, NULL, s));
done:
    return status;
}

extern const kr_optimizer_kind kr_optimizer_adam, kr_optimizer_adamw;

const kr_optimizer_kind kr_optimizer_adam = {.name = "Adam",
                                             .aliases = "",
                                             .parameters = parameters,
                                             .summary = "steps scaled by running means of gradient and square",
                                             .reference = "Kingma and Ba 2014, arXiv 1412.6980",
                                             .size = sizeof(adam),
                                             .prepare = prepare_adam,
                                             .items = items,
                                             .step = step};

const kr_optimizer_kind kr_optimizer_adamw = {.name = "AdamW",
                                              .aliases = "",
                                              .parameters = parameters,
                                              .summary = "Adam with decay of the weights apart from the gradient",
                                              .reference = "Loshchilov and Hutter 2017, arXiv 1711.05101",
                                              .size = sizeof(adam),
                                              .prepare = prepare_adamw,
                                              .items = items,
                                              .step = step};
