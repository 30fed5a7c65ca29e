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

typedef struct adam {
    const kr_optimizer_layout *layout;
    double beta1, beta2, epsilon, weight_decay;
    int epsilon_hat, decoupled, single;
    int64_t updates;
    kr_adam_fn kernel;
    double *gradient; /* [n] */
    void *m, *v;      /* [n] */
    /* of the step being done */
    kr_adam_step how;
    double *theta;
} adam;

static void destroy(void **state) {
    adam *s = *state;
    kr_free(s->gradient);
    kr_free(s->m);
    kr_free(s->v);
    kr_free(s);
    *state = NULL;
}

static kr_status create(kr_context *ctx, const kr_tree *options, const kr_optimizer_layout *layout, int decoupled,
                        void **state) {
    static const char *const known[] = {"adam_beta1",   "beta1",   "adam_beta2",  "beta2",
                                        "weight_decay", "epsilon", "epsilon_hat", "single"};
    kr_status status = KR_OK;
    void *made = NULL;
    adam *s = NULL;
    KR_NEW(ctx, s, 1);
    made = s;
    s->layout = layout;
    s->decoupled = decoupled;
    if (options) KR_TRY(kr_tree_check_keys(ctx, options, sizeof known / sizeof *known, known));
    KR_TRY(kr_optimizer_option(ctx, options, "adam_beta1", "beta1", 0.0, 0.999999, 0.9, &s->beta1));
    KR_TRY(kr_optimizer_option(ctx, options, "adam_beta2", "beta2", 0.0, 0.99999999, 0.999, &s->beta2));
    KR_TRY(kr_optimizer_option(ctx, options, "weight_decay", NULL, 0.0, 1e6, 0.0, &s->weight_decay));
    KR_TRY(kr_optimizer_option(ctx, options, "epsilon", NULL, 0.0, 1.0, 1e-8, &s->epsilon));
    KR_TRY(kr_tree_get_bool_or(ctx, options, "epsilon_hat", 0, &s->epsilon_hat));
    KR_TRY(kr_tree_get_bool_or(ctx, options, "single", 0, &s->single));
    s->kernel = kr_adam_kernel(s->single);
    KR_NEW(ctx, s->gradient, layout->n);
    size_t size = s->single ? sizeof(float) : sizeof(double);
    s->m = kr_calloc(ctx, layout->n, size);
    s->v = s->m ? kr_calloc(ctx, layout->n, size) : NULL;
    if (!s->v) status = KR_ERR_MEMORY;
done:
    if (status < 0 && made) destroy(&made);
    *state = made;
    return status;
}

static kr_status create_adam(kr_context *ctx, const kr_tree *options, const kr_optimizer_layout *layout, void **state) {
    return create(ctx, options, layout, 0, state);
}

static kr_status create_adamw(kr_context *ctx, const kr_tree *options, const kr_optimizer_layout *layout,
                              void **state) {
    return create(ctx, options, layout, 1, state);
}

static kr_status update(void *payload, kr_context *ctx, long block, int thread) {
    (void)ctx;
    (void)thread;
    adam *s = payload;
    const kr_span *piece = &s->layout->piece[block];
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
    KR_TRY(kr_optimizer_gradient(ctx, s->layout, objective, theta, loss, s->gradient));
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

static kr_status save(kr_context *ctx, const void *state, kr_tree **tree) {
    kr_status status = KR_OK;
    const adam *s = state;
    kr_tree *map = NULL;
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &map));
    KR_TRY(kr_optimizer_put_int(ctx, map, "updates", s->updates));
    KR_TRY(kr_optimizer_put(ctx, map, "m", s->single, s->layout->n, s->m));
    KR_TRY(kr_optimizer_put(ctx, map, "v", s->single, s->layout->n, s->v));
    *tree = map;
    map = NULL;
done:
    kr_tree_destroy(&map);
    return status;
}

static kr_status load(kr_context *ctx, void *state, const kr_tree *tree) {
    kr_status status = KR_OK;
    adam *s = state;
    KR_TRY(kr_optimizer_take_int(ctx, tree, "updates", 0, INT64_MAX, &s->updates));
    KR_TRY(kr_optimizer_take(ctx, tree, "m", s->single, s->layout->n, s->m));
    KR_TRY(kr_optimizer_take(ctx, tree, "v", s->single, s->layout->n, s->v));
done:
    return status;
}

extern const kr_optimizer_kind kr_optimizer_adam, kr_optimizer_adamw;

const kr_optimizer_kind kr_optimizer_adam = {.name = "Adam",
                                             .aliases = "",
                                             .summary = "steps scaled by running means of gradient and square",
                                             .reference = "Kingma and Ba 2014, arXiv 1412.6980",
                                             .create = create_adam,
                                             .destroy = destroy,
                                             .step = step,
                                             .save = save,
                                             .load = load};

const kr_optimizer_kind kr_optimizer_adamw = {.name = "AdamW",
                                              .aliases = "",
                                              .summary = "Adam with decay of the weights apart from the gradient",
                                              .reference = "Loshchilov and Hutter 2017, arXiv 1711.05101",
                                              .create = create_adamw,
                                              .destroy = destroy,
                                              .step = step,
                                              .save = save,
                                              .load = load};
