/* The rows of DPA-1: from pairs to G after the attention layers, and back.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Rows 0 … first[natoms] − 1 are the pairs that count, by centre; then one row per distinct empty slot whose
 * −davg/dstd is not zero (their G is the same for all centres of a type; they carry no gradient). */
#ifndef KR_POTENTIAL_DESCRIPTOR_DPA1_H
#define KR_POTENTIAL_DESCRIPTOR_DPA1_H

#include "potential/descriptor_attention.h"
#include "potential/descriptor_rows.h"

typedef struct kr_dpa1_rows {
    int n, npairs;               /* rows; of these pairs */
    const int *first;            /* [natoms + 1] */
    const int *pair;             /* [npairs] index into the env */
    const int *center, *partner; /* [n] types of both ends; partner ntypes = none (zero vector) */
    const kr_padding *padding;   /* runs of equal empty slots, by centre type */
    const int *padding_first;    /* [ntypes + 1] */
    double *t, *w, *h, *norm;    /* [n][nmoment], [n], [n][3] direction of t[1..3], [n] its length */
    double *type_vector;         /* [ntypes + 1][tebd_dim], the last one zero */
    const double *type_rows;     /* [ntypes][in] what the type net sees */
    double *input;               /* [n][in] of the embedding net */
    double *gs, *gt;             /* strip: [n][ng] net(s) and stripnet of the types */
    double *g, *last;            /* [attn_layer + 1][n][ng]; last layer of it */
    kr_attention_rows attention;
} kr_dpa1_rows;

/* Adjoints or tangents of what a row holds. */
typedef struct kr_dpa1_bar {
    double *g, *t, *w, *h, *scratch; /* [n][ng], [n][nmoment], [n], [n][3]; zero after kr_dpa1_bar_make */
} kr_dpa1_bar;

kr_status kr_dpa1_forward(kr_context *ctx, const kr_model *model, const kr_env *env, kr_dpa1_rows *rows,
                          kr_descriptor_workspace *ws);
kr_status kr_dpa1_bar_make(kr_context *ctx, const kr_descriptor *d, const kr_dpa1_rows *rows, kr_dpa1_bar *bar,
                           kr_descriptor_workspace *ws);
/* bar->g of the last layer and bar->t in; bar->t and bar->w of the rows out (added to). */
kr_status kr_dpa1_adjoint(kr_context *ctx, const kr_model *model, const kr_dpa1_rows *rows, kr_dpa1_bar *bar,
                          kr_descriptor_workspace *ws);
/* dot->t and dot->w in; dot->h and dot->g before the attention out (and dot->w where it is made from t). */
kr_status kr_dpa1_tangent_embedding(kr_context *ctx, const kr_model *model, const kr_dpa1_rows *rows, kr_dpa1_bar *dot,
                                    kr_descriptor_workspace *ws);
/* dot->t and dot->w in; dot->g of the last layer out. */
kr_status kr_dpa1_tangent(kr_context *ctx, const kr_model *model, const kr_dpa1_rows *rows, kr_dpa1_bar *dot,
                          kr_descriptor_workspace *ws);
/* [first, t_j, t_i] of row k (without `first` when it is NULL, without t_i when one-sided) to x; returns its end. */
double *kr_dpa1_type_input(const kr_descriptor *d, const kr_dpa1_rows *rows, size_t k, const double *first, double *x);

/* moment [ng][nmoment] = (1/nnei) Σ g ⊗ t of centre i over its rows and its empty slots; g [n][ng]. */
void kr_dpa1_moment(const kr_descriptor *d, const kr_env *env, const kr_dpa1_rows *rows, int i, const double *g,
                    double *moment);
/* moment [ng][nmoment] += scale Σ g ⊗ t over rows begin … end − 1. */
void kr_dpa1_add_rows(const kr_descriptor *d, int begin, int end, double scale, const double *g, const double *t,
                      double *moment);
/* out [ng][axis]: D of a centre from its moment or, when dmoment is given, the tangent of D. */
void kr_dpa1_square(const kr_model *model, const double *moment, const double *dmoment, double *out);
/* mbar [ng][nmoment] += Σ x ∂D/∂moment; x [ng][axis]. */
void kr_dpa1_square_adjoint(const kr_model *model, const double *moment, const double *x, double *mbar);
/* dot->t and dot->w along v [npairs][3]. */
void kr_dpa1_row_tangents(const kr_descriptor *d, const kr_env *env, const kr_dpa1_rows *rows, const double *v,
                          kr_dpa1_bar *dot);
/* gr of the block whose rows these are (kr_dpa1_forward), as `adjoint` of the kind. */
kr_status kr_dpa1_pair_gradients(kr_context *ctx, const kr_model *model, const kr_env *env, const kr_dpa1_rows *rows,
                                 const double *gd, double *gr, kr_descriptor_workspace *ws);

#endif
