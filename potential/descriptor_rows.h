/* Rows that an embedding net sees: the pairs of a block grouped by net, then one row per distinct kind of empty slot.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Empty slots count (R̂ = −davg/dstd) but carry no force, so each distinct one is evaluated once and weighted with the
 * number of slots of a centre that are empty. Used by the kinds whose slots come in blocks by neighbour type. */
#ifndef KR_POTENTIAL_DESCRIPTOR_ROWS_H
#define KR_POTENTIAL_DESCRIPTOR_ROWS_H

#include "potential/descriptor.h"

/* Slots [begin, end) of a block (counted from the block's start) with equal statistics share a row. */
typedef struct kr_padding {
    int begin, end, row;
} kr_padding;

typedef struct kr_rows {
    int n, first_pair;         /* rows; rows of pairs are row[pair − first_pair] */
    const int *row;            /* [npairs] */
    const int *net_first;      /* [nembedding + 1] rows of a net */
    const kr_padding *padding; /* runs, grouped by (centre type, block) */
    const int *padding_first;  /* [ntypes*nsel + 1]; empty for centre types that do not occur */
    double *t;                 /* [n][ncolumns] */
    double *s;                 /* [n] first column: the net's input */
    double *g;                 /* [n][ng] the net's output */
} kr_rows;

/* Net of centre type and neighbour type. */
int kr_embedding_index(const kr_descriptor *descriptor, int ntypes, int center_type, int neighbor_type);
/* Number of empty slots of a run, when `used` slots of the block are taken. */
static inline int kr_padding_count(const kr_padding *run, int used) {
    int begin = used > run->begin ? used : run->begin;
    return begin < run->end ? run->end - begin : 0;
}

/* Fills the rows; g has its place, without values. Uses buffers 0 … 3 of the workspace. */
kr_status kr_rows_place(kr_context *ctx, const kr_model *model, const kr_env *env, kr_rows *rows,
                        kr_descriptor_workspace *ws);
/* The same and the net outputs. */
kr_status kr_rows_build(kr_context *ctx, const kr_model *model, const kr_env *env, kr_rows *rows,
                        kr_descriptor_workspace *ws);
/* sbar [n] = Σ_a gbar[n][a] ∂g_a/∂s */
kr_status kr_rows_adjoint(kr_context *ctx, const kr_model *model, const kr_rows *rows, const double *gbar, double *sbar,
                          kr_descriptor_workspace *ws);
/* dg [n][ng] = ∂g/∂s ds[n] */
kr_status kr_rows_tangent(kr_context *ctx, const kr_model *model, const kr_rows *rows, const double *ds, double *dg,
                          kr_descriptor_workspace *ws);
/* gr [pair][3] from bar [n][width], the gradients of the first `width` columns of the rows; 0 for excluded pairs. */
void kr_rows_env_adjoint(const kr_descriptor *descriptor, const kr_env *env, const kr_rows *rows, size_t width,
                         const double *bar, double *gr);
/* The same columns dt [n][width] from v [pair][3]; entries of excluded pairs and of empty slots are left alone. */
void kr_rows_env_tangent(const kr_descriptor *descriptor, const kr_env *env, const kr_rows *rows, size_t width,
                         const double *v, double *dt);

#endif
