/* Optimizers: from gradients to steps in θ.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A kind is one const record at the bottom of optimizer_<kind>.c and one line of optimizer_kinds.def. All of them see
 * one flat vector θ [n] with its table of named blocks (net.h); frozen entries (mask 0) never move. State is saved
 * as a tree of arrays (to HDF5), so that a restart continues with the same bits. */
#ifndef KR_CORE_OPTIMIZER_H
#define KR_CORE_OPTIMIZER_H

#include "core/net.h"
#include "core/tree.h"

typedef struct kr_optimizer kr_optimizer;

/* What an optimizer may ask for at a step. */
typedef struct kr_objective {
    void *payload;
    /* L at theta and gradient [n] (overwritten; NULL = not wanted). For line searches: the batch stays the same. */
    kr_status (*evaluate)(kr_context *ctx, void *payload, const double *theta, double *loss, double *gradient);
    /* Kalman filters: the k-th of `ngroups` scalar measurements of the batch at theta: innovation (absolute error)
     * and gradient [n] of the signed, reduced prediction. NULL when the problem has none. */
    int ngroups;
    kr_status (*measure)(kr_context *ctx, void *payload, int group, const double *theta, double *innovation,
                         double *gradient);
} kr_objective;

typedef struct kr_optimizer_kind {
    const char *name, *aliases; /* "Adam", "adam" */
    const char *summary, *reference;
    int full_batch;   /* wants the whole data set at every step (L-BFGS) */
    int measurements; /* uses kr_objective.measure instead of a gradient */
    /* options: a MAP (borrowed, strict keys) or NULL = defaults. */
    kr_status (*create)(kr_context *ctx, const kr_tree *options, size_t n, int nblocks, const kr_block *block,
                        const unsigned char *mask, void **state);
    void (*destroy)(void **state);
    /* One step with learning rate lr at `step` (counted from 0). theta [n] in and out; loss (may be NULL) of the
     * point where the gradient was taken. */
    kr_status (*step)(kr_context *ctx, void *state, int64_t step, double lr, const kr_objective *objective,
                      double *theta, double *loss);
    kr_status (*save)(kr_context *ctx, const void *state, kr_tree **tree);
    kr_status (*load)(kr_context *ctx, void *state, const kr_tree *tree);
} kr_optimizer_kind;

int kr_optimizer_count(void);
const kr_optimizer_kind *kr_optimizer_at(int index);
/* By name or alias, without regard to case; NULL when unknown. */
const kr_optimizer_kind *kr_optimizer_find(const char *name);

/* mask [n]: 0 = frozen; NULL = all move. Blocks are copied. */
kr_status kr_optimizer_create(kr_context *ctx, const kr_optimizer_kind *kind, const kr_tree *options, size_t n,
                              int nblocks, const kr_block *block, const unsigned char *mask, kr_optimizer **optimizer);
void kr_optimizer_destroy(kr_optimizer **optimizer);
const kr_optimizer_kind *kr_optimizer_get_kind(const kr_optimizer *optimizer);
kr_status kr_optimizer_step(kr_context *ctx, kr_optimizer *optimizer, int64_t step, double lr,
                            const kr_objective *objective, double *theta, double *loss);
kr_status kr_optimizer_save(kr_context *ctx, const kr_optimizer *optimizer, kr_tree **tree);
kr_status kr_optimizer_load(kr_context *ctx, kr_optimizer *optimizer, const kr_tree *tree);

#endif
