/* Engines: energies, forces and virials of a batch, and the θ-gradient of a function of them.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 *   F_m = −∂E/∂r_m = Σ_j g_mj − Σ_i g_im,   W[3a+b] = −Σ_ij (g_ij)_a (r_ij)_b,   g_ij = ∂E_i/∂r_ij, r_ij = r_j − r_i
 * A loss L(E_i, F, W) has  dL/dθ = Σ_i ē_i ∂E_i/∂θ + Σ_ij v_ij · ∂g_ij/∂θ  with ē_i = ∂L/∂E_i, f̄ = ∂L/∂F, w̄ = ∂L/∂W,
 *   v_ij = f̄_i − f̄_j − w̄ r_ij.
 * So an engine has two calls: the value and the weighted gradient, one tangent sweep along v and one adjoint sweep.
 * Both speak of atoms and frames, not of pairs: per-pair numbers stay inside, packed and in the engine's precision. Two
 * kinds: "exact" evaluates the embedding nets at every pair (the oracle), "moment" only at spline nodes (everything
 * else is GEMM). A batch is a list of frames; per-atom arrays run over all frames' atoms. */
#ifndef KR_TRAINING_ENGINE_H
#define KR_TRAINING_ENGINE_H

#include "training/frame.h"

typedef struct kr_batch {
    int nframes;
    kr_training_frame **frame; /* [nframes] borrowed */
    int natoms, npairs;        /* sums over the frames */
    /* The batch of all processes that this one is a part of; NULL: itself. What an engine leaves out, it decides by it:
     * so the parts add up to what one process has. */
    const struct kr_batch *whole;
} kr_batch;

/* Distances are counted in KR_ENGINE_BINS bins, 32 for a factor of two from 0.25 Å on: where in the bins r lies. */
enum { KR_ENGINE_BINS = 256 };
double kr_engine_bin(double r);
/* distances [ntypes][ntypes][KR_ENGINE_BINS] += the pairs of the frames. */
void kr_batch_distances(const kr_batch *batch, int ntypes, float *distances);
/* For engines that work pair by pair. Forces [natoms][3] eV/Å and virials [nframes][9] eV (NULL = not wanted) from pair
 * gradients gr [npairs][3] = ∂E_i/∂r_ij; pairs run over all frames in the order of their envs. */
void kr_batch_forces(const kr_batch *batch, const double *gr, double *force, double *virial);
/* v [npairs][3] from fbar [natoms][3] and wbar [nframes][9] (NULL = 0). */
void kr_batch_directions(const kr_batch *batch, const double *fbar, const double *wbar, double *v);

typedef struct kr_engine_options {
    int single;       /* network and tables in single precision; θ and its gradient stay double */
    int knots;        /* moment: spline nodes per type pair; 0 = chosen, and raised when too few */
    double tolerance; /* moment: relative error of the spline at midpoints beyond which knots are raised */
    double r_low;     /* Å, shortest distance that will occur (0.85 × the smallest of the data) */
    /* moment: [ntypes][ntypes][KR_ENGINE_BINS] how often a centre and a neighbour of these types have a distance, by
     * kr_engine_bin; copied. There the spline has to be good. NULL = anywhere from r_low on. */
    const float *distances;
    const char *isa; /* moment: instruction set by name, core/isa.h; NULL = the best one */
} kr_engine_options;

typedef struct kr_engine kr_engine;

/* A kind is one const record at the bottom of engine_<kind>.c and one line of engine_kinds.def. */
typedef struct kr_engine_kind {
    const char *name, *summary;
    /* NULL when the kind can train this model, else why not (static text). */
    const char *(*refuses)(const kr_model *model);
    kr_status (*create)(kr_context *ctx, const kr_model *model, const kr_engine_options *options, void **state);
    void (*destroy)(void **state);
    kr_status (*value)(kr_context *ctx, void *state, const kr_batch *batch, double *energy, double *force,
                       double *virial);
    /* set: gtheta is overwritten, otherwise added to */
    kr_status (*gradient)(kr_context *ctx, void *state, const kr_batch *batch, const double *ebar, const double *fbar,
                          const double *wbar, int set, double *gtheta);
    kr_status (*check)(kr_context *ctx, void *state, double *error);
    int (*knots)(const void *state); /* NULL = no splines */
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

/* energy [natoms] eV with all biases, force [natoms][3] eV/Å, virial [nframes][9] eV (each of the two NULL = not
 * wanted). Keeps what kr_engine_gradient needs. Threads: those of ctx; the same bits for any number of them. */
kr_status kr_engine_value(kr_context *ctx, kr_engine *engine, const kr_batch *batch, double *energy, double *force,
                          double *virial);
/* Adds to gtheta [ntheta] for the batch of the last kr_engine_value (θ unchanged since): ebar [natoms], fbar
 * [natoms][3], wbar [nframes][9]; NULL = 0. Frozen parameters get theirs too; the optimizer leaves them alone. */
kr_status kr_engine_gradient(kr_context *ctx, kr_engine *engine, const kr_batch *batch, const double *ebar,
                             const double *fbar, const double *wbar, double *gtheta);
/* The same instead of what gtheta holds: no sweep to clear it, none to read it. */
kr_status kr_engine_set_gradient(kr_context *ctx, kr_engine *engine, const kr_batch *batch, const double *ebar,
                                 const double *fbar, const double *wbar, double *gtheta);
/* Moment form: relative difference of spline and nets between the nodes, at the present θ: root mean square over the
 * distances that occur when they are known, else the largest one; knots are raised when it exceeds the tolerance.
 * Exact: 0. Called every few hundred steps. error may be NULL. */
kr_status kr_engine_check(kr_context *ctx, kr_engine *engine, double *error);
/* Spline nodes per type pair now, 0 for an engine without splines. A restart gives them back as options.knots: together
 * with θ they decide every later bit. */
int kr_engine_knots(const kr_engine *engine);

#endif
