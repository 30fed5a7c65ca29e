/* Neural committor: a network on features of x, the variational loss and its gradient, training.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   z(x) = N((φ(x) − mean)/scale),  q = c0(x) + c1(x) σ(z)
 * Boundary by penalty: c0 = 0, c1 = 1. By construction: c0 = (1 − χ_A) χ_B, c1 = (1 − χ_A)(1 − χ_B) with
 * χ = ½ − ½ tanh(level/width). Loss, with w the weights (mean 1 over all samples) and I a running mean of the first
 * sum: mean_batch w Σ_k a_k (∂_k q)² / I + c (mean_A q² + mean_B (1 − q)²) + h (mean_A (z + m)₊² + mean_B (m − z)₊²)
 * Division by I makes c and h numbers that fit every problem: it is the logarithm of the functional that is minimised.
 * The θ-gradient is one tangent and one adjoint sweep (core/net.h). */
#ifndef KR_SAMPLING_COMMITTOR_NET_H
#define KR_SAMPLING_COMMITTOR_NET_H

#include "core/net.h"
#include "core/optimizer.h"
#include "sampling/committor_sample.h"
#include "sampling/expression.h"

typedef struct kr_committor_net {
    const kr_problem *problem;
    kr_net *net;
    size_t nparams;
    double *theta; /* [nparams] */
    int dim, nfeatures;
    int plain;                 /* features are the coordinates, none of them periodic */
    kr_expression *expression; /* features of the user, or NULL: coordinates (cos and sin of periodic ones) */
    double *mean, *scale;      /* [nfeatures] */
    double width;              /* of χ; 0 = boundary by penalty */
    int threads;
    double *scratch; /* [threads][scratch_size] */
    size_t scratch_size;
    double *slots;               /* [threads + 1][nparams + 3] sums of the loss */
    kr_net_workspace *workspace; /* [threads] */
} kr_committor_net;

/* hidden [nhidden] widths; expression is taken (may be NULL). Weights from `stream` (Glorot). */
kr_status kr_committor_net_create(kr_context *ctx, const kr_problem *problem, int nhidden, const int *hidden,
                                  const char *activation, double width, kr_expression **expression, kr_stream stream,
                                  kr_committor_net **model);
void kr_committor_net_destroy(kr_committor_net **model);
/* mean and scale of the features from points [n][dim]. */
void kr_committor_net_standardize(kr_committor_net *model, long n, const double *x);
/* q [n], z [n], grad [n][dim] = ∇q: each where not NULL. Any thread number < threads; parallel above. */
kr_status kr_committor_net_rows(kr_context *ctx, const kr_committor_net *model, const double *theta, int thread, int n,
                                const double *x, double *q, double *z, double *grad);
kr_status kr_committor_net_evaluate(kr_context *ctx, const kr_committor_net *model, const double *theta, long n,
                                    const double *x, double *q, double *z, double *grad);

/* What a loss is made of. Arrays are borrowed. */
typedef struct kr_committor_data {
    long n;          /* points outside of A and B */
    const double *x; /* [n][dim] */
    const double *w; /* [n] weights, mean 1 over all samples */
    double share;    /* n / number of all samples: so that means over a batch are averages over everything */
    long na, nb;
    const double *xa, *xb; /* points of A and B */
} kr_committor_data;

typedef struct kr_committor_loss {
    double penalty, hinge, margin; /* c, h, m */
    int variational;               /* 0: boundary terms only */
    double scale;                  /* I */
} kr_committor_loss;

typedef struct kr_committor_terms {
    double functional, boundary, hinge;
} kr_committor_terms;

enum { KR_COMMITTOR_ROWS = 128 }; /* of a block of the loss */

/* One batch: rows [nbatch] of data, then rows of A and of B [nboundary each]; gradient [nparams] overwritten. factor
 * [nbatch]: 1/(n p) of rows that were drawn with probability p; NULL: all alike. */
kr_status kr_committor_net_loss(kr_context *ctx, const kr_committor_net *model, const kr_committor_data *data,
                                const kr_committor_loss *loss, const double *theta, long nbatch, const long *batch,
                                const double *factor, long nboundary, const long *a, const long *b, double *gradient,
                                kr_committor_terms *terms);

typedef struct kr_committor_training {
    int steps, boundary_steps; /* the latter first, on boundary terms alone */
    int batch, boundary_batch;
    const char *optimizer;                   /* "soap" or "adam"; NULL: soap */
    double lr_start, lr_stop, clip, average; /* average: share of the last steps whose θ are averaged */
    kr_committor_loss loss;
    double fade;  /* share of the steps over which the hinge fades to nothing; 0: it stays */
    double focus; /* share of a batch that is drawn with its part of the functional: committor_focus.c */
    kr_stream stream;
    uint64_t round;
} kr_committor_training;

/* A training that can stop and go on. Saved: step, θ, mean θ, I, the optimizer. */
typedef struct kr_committor_trainer {
    kr_committor_net *model;
    const kr_committor_training *how;
    const kr_committor_data *data;
    kr_optimizer *optimizer;
    long step, averaged;
    double *sum; /* [nparams] Σ θ of the last steps */
    double scale;
    kr_committor_terms terms; /* running means */
    long *index;
    double *factor;   /* [batch] */
    double *focus;    /* [data n] Σ of the points' parts of the functional up to each; NULL: none yet */
    double *focus_at; /* [nparams] θ that they are of */
} kr_committor_trainer;
kr_status kr_committor_trainer_create(kr_context *ctx, kr_committor_net *model, const kr_committor_training *how,
                                      const kr_committor_data *data, kr_committor_trainer **trainer);
void kr_committor_trainer_destroy(kr_committor_trainer **trainer);
long kr_committor_trainer_total(const kr_committor_training *how);
/* One step; after the last one θ is the average. */
kr_status kr_committor_trainer_step(kr_context *ctx, kr_committor_trainer *trainer);
/* Part of every point of the data in the functional of θ: focus and focus_at of the trainer. */
kr_status kr_committor_focus_set(kr_context *ctx, kr_committor_trainer *trainer, const double *theta);
/* Rows of a batch, and 1/(n p) of each in factor. */
void kr_committor_focus_draw(kr_committor_trainer *trainer, uint64_t step, long n, long *index, double *factor);
kr_status kr_committor_trainer_save(kr_context *ctx, const kr_committor_trainer *trainer, kr_tree *map);
kr_status kr_committor_trainer_load(kr_context *ctx, kr_committor_trainer *trainer, const kr_tree *map);

#endif
