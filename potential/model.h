/* What a Deep Potential model holds in memory. Shared by readers, writers, evaluation and training.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * All parameters that a training may change live in one flat vector `theta`; nets hold offsets into it.
 * Statistics and biases, which no training step changes, are arrays of their own.
 * nt = ntypes, nnei = Σ sel, ng = neuron[nneuron − 1]. */
#ifndef KR_POTENTIAL_MODEL_H
#define KR_POTENTIAL_MODEL_H

#include "core/net.h"
#include "core/tree.h"
#include <kramers/model.h>

struct kr_descriptor_kind;

/* One gated self-attention layer over the neighbours of a centre (DPA-1). */
typedef struct kr_attention {
    kr_net *in_proj;  /* ng → 3 hidden, linear */
    kr_net *out_proj; /* hidden → ng, linear */
    int num_heads, hidden;
    int dotr, normalize, smooth, has_temperature, trainable_ln;
    double scaling_factor, temperature, ln_eps;
    double shortest;   /* floor of the lengths of q, k, v when `normalize` */
    size_t ln_w, ln_b; /* offsets into theta, ng each */
} kr_attention;

typedef struct kr_descriptor {
    const struct kr_descriptor_kind *kind; /* mathematics, descriptor.h */
    char type[24];                         /* name in the file: se_e2_a, se_r, dpa1, se_atten_v2 */
    double rcut, rcut_smth;                /* Å */
    int *sel;                              /* [nsel]: nt entries, or 1 when mixed_types */
    int nsel, nnei;
    int mixed_types;              /* one block of slots for all neighbour types (dpa1) */
    int *neuron;                  /* [nneuron] */
    int nneuron, ng, axis_neuron; /* axis_neuron 0 for se_r */
    int resnet_dt, type_one_side, set_davg_zero, trainable;
    double env_protection; /* p of 1/(r + p), Å */
    kr_activation activation;
    kr_dtype precision;
    char precision_name[16];
    int nexclude;
    int *exclude;            /* [nexclude][2] as in the file */
    unsigned char *excluded; /* [nt][nt] symmetric */
    int ncolumns;            /* of the statistics: 4, or 1 for se_r */
    int lmax, nmoment;       /* degree of the angular moments, 1 to 4 (dpa1; else 1); columns of a row T */
    size_t degree_gain;      /* offset into theta: gains of degrees 2 to lmax, or KR_NO_BLOCK */
    int separate_degrees;    /* column b of the second factor has columns of degree b mod (lmax + 1) alone */
    double *davg, *dstd;     /* [nt][nnei][ncolumns] */
    int nembedding;          /* nt, nt*nt (index t_i + nt*t_j) or 1 (dpa1) */
    kr_net **embedding;      /* entries may be NULL (never used, or excluded) */
    int dim_out;             /* length of D */
    /* dpa1 / se_atten_v2 only */
    int tebd_dim, strip, smooth_type_embedding, concat_output_tebd, use_econf_tebd, use_tebd_bias;
    /* The form of TensorFlow's graphs: empty slots have the zero type vector, lengths are floored at 1e-6 in the
     * attention, smooth forms weight with 1 − clip(1 − rcut_smth s)³ instead of w. */
    int tensorflow;
    int attn, attn_layer, attn_dotr, attn_mask, normalize, has_temperature, trainable_ln;
    double scaling_factor, temperature, ln_eps;
    kr_net *type_embedding; /* in_dim → tebd_dim */
    int type_padding;
    kr_net *embedding_strip;
    kr_attention *attention; /* [attn_layer] */
} kr_descriptor;

typedef struct kr_fitting {
    int dim_descrpt, numb_fparam, numb_aparam, dim_case_embd, use_aparam_as_mask;
    int mixed_types;
    int *neuron, nneuron, resnet_dt, tot_ener_zero;
    int *trainable; /* [nneuron + 1] */
    kr_activation activation;
    kr_dtype precision;
    char precision_name[16];
    double *default_fparam;              /* [numb_fparam] or NULL */
    double *fparam_avg, *fparam_inv_std; /* [numb_fparam] or NULL */
    double *aparam_avg, *aparam_inv_std; /* [numb_aparam] or NULL */
    double *case_embd;                   /* [dim_case_embd] or NULL */
    double *bias_atom_e;                 /* [nt] eV */
    double *atom_ener;                   /* [nt] eV or NULL: vacuum energies */
    unsigned char *has_atom_ener;        /* [nt] or NULL */
    unsigned char *excluded;             /* [nt]: exclude_types of the fitting */
    int nnets;                           /* nt, or 1 when mixed_types */
    kr_net **net;                        /* entries may be NULL */
    double rcond;
    int has_rcond;
} kr_fitting;

struct kr_model {
    int ntypes;
    char **type_map;
    kr_descriptor descriptor;
    kr_fitting fitting;
    double *out_bias, *out_std;   /* [nt]; out_std is kept for the file, never applied to energies */
    unsigned char *atom_excluded; /* [nt] */
    unsigned char *pair_excluded; /* [nt][nt] symmetric */
    int npair_exclude;
    int *pair_exclude; /* [npair_exclude][2] as in the file */
    double *theta;
    size_t ntheta;
    kr_block *block; /* [nblocks] names of the pieces of theta */
    int nblocks;
    int has_min_nbor_dist;
    double min_nbor_dist; /* Å */
    int from_tensorflow;  /* made by TensorFlow: its float32 cutoffs may matter */
    kr_tree *header;      /* top-level keys that we do not interpret, written back */
    char *path;           /* for messages */
};

/* Empty model with a kind not yet chosen; used by readers. */
kr_status kr_model_create(kr_context *ctx, kr_model **model);
/* From a parsed neutral tree (root of the .dp dictionary with ARRAY leaves). `where` names the file. */
kr_status kr_model_from_tree(kr_context *ctx, const kr_tree *root, const char *where, kr_model **model);
kr_status kr_model_to_tree(kr_context *ctx, const kr_model *model, kr_tree **root);
/* Checkpoints: a .dp model with the state of a training run (a MAP with ARRAYs) beside it, which readers of models do
 * not see. KR_ERR_FORMAT when the file has none. */
kr_status kr_model_save_state(kr_context *ctx, const kr_model *model, const kr_tree *state, const char *path);
kr_status kr_model_load_state(kr_context *ctx, const char *path, kr_tree **state);
/* Frozen TensorFlow graph → neutral tree (same keys as the .dp dictionary). */
kr_status kr_graph_to_tree(kr_context *ctx, const char *path, kr_tree **root);

#endif
