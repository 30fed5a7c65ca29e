/* What the files of the moment engine do for each other; equations and data are in engine_moment_types.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TRAINING_ENGINE_MOMENT_H
#define KR_TRAINING_ENGINE_MOMENT_H

#include "core/isa.h"
#include "training/engine_moment_types.h"

/* Splines (engine_moment_grid.c). */
/* knots: coefficients of the whole range; one cut at rcut_smth when that lies inside, where w is C² only. */
kr_status kr_moment_grid_create(kr_context *ctx, double r_low, double rcut_smth, double rcut, int knots,
                                kr_moment_grid *grid);
void kr_moment_grid_free(kr_moment_grid *grid);
/* A x = values, Aᵀ x = values for m columns, in place: values [n][m]. */
void kr_moment_grid_solve(const kr_moment_grid *grid, int m, double *values);
void kr_moment_grid_solve_transposed(const kr_moment_grid *grid, int m, double *values);
/* Cell (first of six coefficients), place in it (negative below r_low) and du/dlog r. */
int kr_moment_grid_locate(const kr_moment_grid *grid, double r, double *t, double *inv_h);

const kr_moment_kernels *kr_moment_kernels_for(kr_isa isa, int single);

/* The model (engine_moment_model.c). */
const char *kr_moment_refuses(const kr_model *model);
kr_status kr_moment_create(kr_context *ctx, const kr_model *model, const kr_engine_options *options, void **state);
void kr_moment_destroy(void **state);
/* A new spline; frames are packed anew when they come. */
kr_status kr_moment_set_knots(kr_context *ctx, kr_moment *m, int knots);

/* Arrays one after the other in a buffer; without a base they are only counted. */
typedef struct kr_moment_carver {
    char *base;
    size_t at;
} kr_moment_carver;

static inline void *kr_moment_carve(kr_moment_carver *c, size_t count, size_t size) {
    void *place = c->base ? c->base + c->at : NULL;
    c->at += (count * size + KR_ALIGN - 1) / KR_ALIGN * KR_ALIGN;
    return place;
}

/* m->packed of all frames of m->batch (engine_moment_pairs.c). */
kr_status kr_moment_pack(kr_context *ctx, kr_moment *m);

/* Batches (engine_moment_batch.c). */
kr_status kr_moment_plan(kr_context *ctx, kr_moment *m, const kr_batch *batch);
void kr_moment_fill_rows(kr_moment *m);
static inline void *kr_moment_scratch(const kr_moment *m, int thread) {
    return (char *)m->scratch.data + (size_t)thread * m->scratch_bytes;
}

/* An embedding net on n rows x [n][in], with a tape of so many doubles (engine_moment_tape.c): returns y [n][out]
 * inside the tape; then adds to gtheta, and to gx [n][in] when not NULL, what ybar [n][out] gives. */
size_t kr_moment_tape_doubles(const kr_net *net, int n);
const double *kr_moment_tape_value(const kr_moment *m, const kr_net *net, int n, const double *x, double *tape);
void kr_moment_tape_gradient(const kr_moment *m, const kr_net *net, int n, const double *x, const double *ybar,
                             double *tape, double *gtheta, double *gx);

/* Fewer inputs of the fitting nets (engine_moment_basis.c): memory for a batch; basis and weights of this step. */
kr_status kr_moment_basis_prepare(kr_context *ctx, kr_moment *m);
kr_status kr_moment_basis_find(kr_context *ctx, kr_moment *m);
/* From the gradients in the basis to gtheta: independent parts. */
long kr_moment_basis_parts(const kr_moment *m);
kr_status kr_moment_basis_expand(const kr_moment *m, long part, int set, double *gtheta, int thread);
void kr_moment_basis_free(kr_moment_basis *basis);

/* Nets at the nodes (engine_moment_nodes.c). */
kr_status kr_moment_nodes_create(kr_context *ctx, kr_moment *m);
void kr_moment_nodes_free(kr_moment *m);
/* Memory for the pairs of types of a batch. */
kr_status kr_moment_nodes_prepare(kr_context *ctx, kr_moment *m);
/* Type vectors of this step; then coefficients of pair p = ti nt + tj, which depend on nothing else of the step. */
kr_status kr_moment_nodes_types(kr_context *ctx, kr_moment *m);
kr_status kr_moment_nodes_pair(kr_context *ctx, kr_moment *m, int p, int thread);
/* Back: first `clear`, then every embedding net e (all pairs of types that share it, in their order), then the type
 * embedding. */
void kr_moment_nodes_clear(kr_moment *m);
kr_status kr_moment_nodes_net(kr_context *ctx, kr_moment *m, int e, double *gtheta, int thread);
kr_status kr_moment_nodes_types_gradient(kr_context *ctx, kr_moment *m, double *gtheta);
/* C̄ of the pair of types [n][ng], to be filled by the kernels. */
double *kr_moment_nodes_bar(const kr_moment *m, int ti, int tj);
kr_status kr_moment_nodes_error(kr_context *ctx, kr_moment *m, double *error);

/* Weights of layer l as the inputs in use see them, and the rows of its gradient. */
static inline const kr_moment_matrix *kr_moment_weight(const kr_moment *m, const kr_moment_net *net, int l) {
    return l == 0 && net->basis.q < m->ng ? &net->basis.weight : &net->weight[l];
}
static inline int kr_moment_coupled(const kr_moment *m, const kr_moment_net *net) {
    return net->basis.q < m->ng ? net->basis.q * m->axis : m->ncoupled;
}
static inline int kr_moment_inputs(const kr_moment *m, const kr_moment_net *net, int l) {
    return l ? m->layer[l].in : kr_moment_coupled(m, net) + m->nin - m->ncoupled;
}

kr_status kr_moment_matrix_create(kr_context *ctx, const kr_moment *m, int in, int out, kr_moment_matrix *matrix);

static inline int kr_round_up(int n, int step) { return (n + step - 1) / step * step; }
/* Rows of a block for n features: room for a full tile, and odd. */
static inline int kr_moment_stride(int n) { return kr_round_up(n, KR_MOMENT_ROWS) | 1; }

#endif
