/* Descriptors: mathematics of one kind, on packed environments of a block of centres. Reference path, double.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Environment matrix row of a pair: R = w(r) (1/(r+p), x/(r+p)^2, y/(r+p)^2, z/(r+p)^2), r = r_j − r_i;
 * standardised with davg, dstd of (centre type, slot). Empty slots count too: R = −davg/dstd. */
#ifndef KR_POTENTIAL_DESCRIPTOR_H
#define KR_POTENTIAL_DESCRIPTOR_H

#include "potential/model.h"

/* Real neighbours only, sorted by centre, then by neighbour type, then by distance within an overflowing block.
 * Pairs of a centre i and neighbour type t: first[i*ntypes + t] … first[i*ntypes + t + 1] − 1. */
typedef struct kr_env {
    int natoms, ntypes, npairs;
    const int *center_type;      /* [natoms] ≥ 0 */
    const int *first;            /* [natoms*ntypes + 1] */
    const int *slot;             /* [npairs] row of davg/dstd, < nnei */
    const int *neighbor;         /* [npairs] atom index of the caller (ghosts included) */
    const double *x, *y, *z, *r; /* [npairs] r_j − r_i and its length, Å */
    int pad_type;                /* type of atom 0 of the frame: what DPA-1 takes for empty slots (0: virtual) */
} kr_env;
/* A part of the centres is an env too: natoms and center_type, first moved on, pair arrays as they are. So the pairs
 * of an env are first[0] … first[natoms*ntypes] − 1, and all [npairs] arrays are indexed as in the whole. */

typedef struct kr_descriptor_workspace {
    kr_buffer buffer[12];
    kr_net_workspace net;
} kr_descriptor_workspace;
void kr_descriptor_workspace_free(kr_descriptor_workspace *ws);

/* A kind is one const record at the bottom of descriptor_<kind>.c and one line of descriptor_kinds.def. */
typedef struct kr_descriptor_kind {
    const char *name;    /* "se_e2_a" */
    const char *aliases; /* "se_a", space-separated */
    const char *summary, *reference;
    /* D [natoms][dim_out] */
    kr_status (*value)(kr_context *ctx, const kr_model *model, const kr_env *env, double *d,
                       kr_descriptor_workspace *ws);
    /* gr [npairs][3] = Σ gd·∂D/∂r_ij (overwritten); gd [natoms][dim_out] */
    kr_status (*adjoint)(kr_context *ctx, const kr_model *model, const kr_env *env, const double *gd, double *gr,
                         kr_descriptor_workspace *ws);
    /* dd [natoms][dim_out] = Σ ∂D/∂r_ij · v; v [npairs][3] */
    kr_status (*tangent)(kr_context *ctx, const kr_model *model, const kr_env *env, const double *v, double *dd,
                         kr_descriptor_workspace *ws);
} kr_descriptor_kind;

/* By name or alias; NULL when unknown. */
const kr_descriptor_kind *kr_descriptor_find(const char *name);
int kr_descriptor_count(void);
const kr_descriptor_kind *kr_descriptor_at(int index);

/* Row of a pair, shared by the kinds (ncolumns entries): standardised row, returns w. */
double kr_env_row(const kr_descriptor *descriptor, const kr_env *env, int center_type, int pair, double *t);
/* gr [3] = (tbar · ∂T + wbar ∂w)/∂r_ij */
void kr_env_row_adjoint(const kr_descriptor *descriptor, const kr_env *env, int center_type, int pair,
                        const double *tbar, double wbar, double *gr);
/* dt = ∂T/∂r_ij · v, returns dw. */
double kr_env_row_tangent(const kr_descriptor *descriptor, const kr_env *env, int center_type, int pair,
                          const double *v /* [3] */, double *dt);
/* −davg/dstd: the row of an empty slot. */
void kr_env_padding(const kr_descriptor *descriptor, int center_type, int slot, double *t);
/* Do two slots have the same statistics? */
int kr_env_same_slots(const kr_descriptor *descriptor, int center_type, int slot, int other);
/* Do statistics differ within a block of slots? Then the order of the neighbours matters. */
int kr_descriptor_slot_dependent(const kr_descriptor *descriptor, int ntypes);

/* w(r) and dw/dr, accurate near rcut: v³(6v²−15v+10) with v = 1 − u. Cutoffs rounded to float32 when asked. */
double kr_switch(double r, double rcut_smth, double rcut, double *derivative);

#endif
