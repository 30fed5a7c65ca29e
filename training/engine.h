/* Engines: energies and pair gradients of a batch, and the θ-gradient of a function of both.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A loss L(E_i, F, W) has  dL/dθ = Σ_i ē_i ∂E_i/∂θ + Σ_ij v_ij · ∂(∂E_i/∂r_ij)/∂θ  with ē_i = ∂L/∂E_i and
 * v_ij = f̄_i − f̄_j − (virial part), f̄ = ∂L/∂F, w̄ = ∂L/∂W (loss.h). So an engine has two calls: the
 * value and the weighted gradient, one tangent sweep along v and one adjoint sweep. Two kinds: "exact" evaluates the
 * embedding nets at every pair (the oracle), "moment" only at spline nodes (everything else is GEMM).
 * A batch is a list of frames; per-atom arrays run over all frames' atoms, per-pair arrays over all frames' pairs. */
#ifndef KR_TRAINING_ENGINE_H
#define KR_TRAINING_ENGINE_H

#include "training/frame.h"

typedef struct kr_batch {
    int nframes;
    kr_training_frame **frame; /* [nframes] borrowed */
    int natoms, npairs;        /* sums over the frames */
} kr_batch;

typedef struct kr_engine_options {
    int single;       /* network and tables in single precision; θ and its gradient stay double */
    int knots;        /* moment: spline nodes per type pair; 0 = chosen, and raised when too few */
    double tolerance; /* moment: largest relative error of the spline at midpoints before knots are raised */
    double r_low;     /* Å, shortest distance that will occur (0.85 × the smallest of the data) */
} kr_engine_options;

typedef struct kr_engine kr_engine;

/* A kind is one const record at the bottom of engine_<kind>.c and one line of engine_kinds.def. */
typedef struct kr_engine_kind {
    const char *name, *summary;
    /* NULL when the kind can train this model, else why not (static text). */
    const char *(*refuses)(const kr_model *model);
    kr_status (*create)(kr_context *ctx, const kr_model *model, const kr_engine_options *options, void **state);
    void (*destroy)(void **state);
    kr_status (*value)(kr_context *ctx, void *state, const kr_batch *batch, double *energy, double *gr);
    kr_status (*gradient)(kr_context *ctx, void *state, const kr_batch *batch, const double *ebar, const double *v,
                          double *gtheta);
    kr_status (*check)(kr_context *ctx, void *state, double *error);
} kr_engine_kind;

int kr_engine_count(void);
const kr_engine_kind *kr_engine_at(int index);
/* NULL when unknown. */
const kr_engine_kind *kr_engine_find(const char *name);

/* The engine borrows the model and reads model->theta anew at every kr_engine_value. */
kr_status kr_engine_create(kr_context *ctx, const kr_engine_kind *kind, const kr_model *model,
                           const kr_engine_options *options, kr_engine **engine);
void kr_engine_destroy(kr_engine **engine);
const kr_engine_kind *kr_engine_get_kind(const kr_engine *engine);

/* energy [natoms] eV with all biases, and gr [npairs][3] = ∂E_i/∂r_ij eV/Å (NULL = not wanted). Keeps what
 * kr_engine_gradient needs. Threads: those of ctx; the same bits for any number of them. */
kr_status kr_engine_value(kr_context *ctx, kr_engine *engine, const kr_batch *batch, double *energy, double *gr);
/* Adds to gtheta [ntheta] for the batch of the last kr_engine_value (θ unchanged since): ebar [natoms],
 * v [npairs][3] (NULL = 0: energies only). Frozen parameters get theirs too; the optimizer leaves them alone. */
kr_status kr_engine_gradient(kr_context *ctx, kr_engine *engine, const kr_batch *batch, const double *ebar,
                             const double *v, double *gtheta);
/* Moment form: largest relative difference of spline and nets between the nodes, at the present θ; knots are raised
 * when it exceeds the tolerance. Exact: 0. Called every few hundred steps. error may be NULL. */
kr_status kr_engine_check(kr_context *ctx, kr_engine *engine, double *error);

#endif
