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
    /* 1: the same function as at the previous step (batch, prefactors, theta as it was left), so that an optimizer
     * may use values it has kept; 0: all is new. */
    int unchanged;
    /* Kalman filters: the k-th of `ngroups` scalar measurements of the batch at theta: innovation (absolute error)
     * and gradient [n] of the signed, reduced prediction. NULL when the problem has none. */
    int ngroups;
    kr_status (*measure)(kr_context *ctx, void *payload, int group, const double *theta, double *innovation,
                         double *gradient);
} kr_objective;

/* Entries [begin, begin + count) of θ that move together. */
typedef struct kr_span {
    size_t begin, count;
} kr_span;

/* What the kinds see of θ. */
typedef struct kr_optimizer_layout {
    size_t n;
    int nblocks;
    kr_block *block; /* [nblocks] */
    /* The moving entries, ascending, in pieces of at most KR_OPTIMIZER_PIECE: what a thread works on at a time. */
    int npieces;
    kr_span *piece;
    unsigned char *mask; /* [n], NULL = all move */
    size_t moving;
} kr_optimizer_layout;
enum { KR_OPTIMIZER_PIECE = 1 << 14 };

/* One array, counter or number of an optimizer's state, zero at the start: the frame allocates, saves, loads, frees. */
typedef struct kr_optimizer_item {
    const char *name; /* in saved states; NULL: scratch, which is not saved */
    enum { KR_ITEM_F64, KR_ITEM_F32, KR_ITEM_COUNTER } type;
    size_t n;
    void *place;  /* address of the pointer to the array; of the numbers themselves when inside; of an int64_t */
    int inside;   /* the numbers are members of the state */
    int64_t most; /* of a counter */
} kr_optimizer_item;
enum { KR_OPTIMIZER_ITEMS = 16 }; /* at most */

typedef struct kr_optimizer_kind {
    const char *name, *aliases; /* "AdamW", "adamw adam_w": words, compared without regard to case */
    const char *summary, *reference;
    const struct kr_parameter *parameters; /* table of its options (parameters.h) */
    int full_batch;                        /* wants the same batch, best the whole data set, at every step (L-BFGS) */
    int measurements;                      /* uses kr_objective.measure instead of a gradient */
    size_t size;                           /* of the state, which begins with zeros and the options */
    /* Checks the options; what the items' sizes depend on. The layout is borrowed and outlives the state. */
    kr_status (*prepare)(kr_context *ctx, const kr_optimizer_layout *layout, void *state);
    int (*items)(void *state, kr_optimizer_item *list); /* returns their number */
    void (*start)(void *state);                         /* first values that are not zero; NULL: none */
    void (*release)(void *state);                       /* what prepare allocated; NULL: nothing */
    /* One step with learning rate lr at `step` (counted from 0). theta [n] in and out; loss (never NULL) of the
     * point where the gradient was taken. KR_NOT_CONVERGED: no further progress is possible from here (L-BFGS at a
     * minimum, or a line search that ends at rounding errors); theta is good. */
    kr_status (*step)(kr_context *ctx, void *state, int64_t step, double lr, const kr_objective *objective,
                      double *theta, double *loss);
} kr_optimizer_kind;

int kr_optimizer_count(void);
const kr_optimizer_kind *kr_optimizer_at(int index);
/* By name or alias, without regard to case; NULL when unknown. */
const kr_optimizer_kind *kr_optimizer_find(const char *name);

/* mask [n]: 0 = frozen; NULL = all move. Blocks (may be none: one vector) and mask are copied. */
kr_status kr_optimizer_create(kr_context *ctx, const kr_optimizer_kind *kind, const kr_tree *options, size_t n,
                              int nblocks, const kr_block *block, const unsigned char *mask, kr_optimizer **optimizer);
void kr_optimizer_destroy(kr_optimizer **optimizer);
const kr_optimizer_kind *kr_optimizer_get_kind(const kr_optimizer *optimizer);
/* loss may be NULL. A gradient or loss that is not finite is KR_ERR_NUMERIC and names the block; theta may have moved
 * in part then. The same bits for any number of threads. No memory is allocated after the first step. */
kr_status kr_optimizer_step(kr_context *ctx, kr_optimizer *optimizer, int64_t step, double lr,
                            const kr_objective *objective, double *theta, double *loss);
/* A MAP with the kind's name, n and the state; loading refuses what another kind or another network has saved;
 * after a failure the optimizer is of no more use. */
kr_status kr_optimizer_save(kr_context *ctx, const kr_optimizer *optimizer, kr_tree **tree);
kr_status kr_optimizer_load(kr_context *ctx, kr_optimizer *optimizer, const kr_tree *tree);

#endif
