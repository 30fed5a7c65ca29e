/* The moment engine: its equations, and the data that its files share.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Every embedding output is a quintic B-spline in log r, G_m(r) = Σ_p C[p][m] B_p(log r), whose coefficients follow
 * from the net's values at n nodes, C = A⁻¹ net(s(r_q)). With moments that no weight enters, for a centre and one
 * neighbour type and along a tangent v,
 *     M[p][c] = Σ_j B_p R_jc
 *     Ṁ[p][c] = Σ_j B_p Ṙ_jc + B'_p ẋ_j R_jc
 * forward and back to pair gradients are
 *     T = Σ_t Cᵀ M,   D[ab] = Σ_c T[a][c] T[b][c],   E = fitting net(D)
 * and the gradient of the loss is Ṫ = Σ_t Cᵀ Ṁ, tangent and adjoint of D and of the net, then
 *     C̄ = M T̄ᵀ + Ṁ gTᵀ,   A⁻ᵀ C̄ enters the nets at the nodes.
 * Columns c are four, or those of harmonics.h with the gains of their degrees in R: then D has no weights, and
 *     γ̄_l = Σ_(a, c of l) (T̄ T + gT Ṫ)/γ_l
 * Rows of a batch are its atoms by type, in blocks of as many atoms as a vector has lanes; arrays of a block are
 * [feature][lane], so all sweeps run over vectors and all products read and write streams. Empty lanes have M = 0
 * and ē = 0 and add nothing to any gradient. Features of a block are padded to an odd number of rows: with a power
 * of two of lines the same feature of all blocks would fall into the same set of the cache. */
#ifndef KR_TRAINING_ENGINE_MOMENT_TYPES_H
#define KR_TRAINING_ENGINE_MOMENT_TYPES_H

#include "core/isa.h"
#include "potential/fast_internal.h"
#include "training/engine.h"

enum {
    KR_MOMENT_PANEL = 24,  /* columns of a panel of a packed matrix; all row tiles divide it */
    KR_MOMENT_ROWS = 12,   /* rows of a tile, at most */
    KR_MOMENT_LAYERS = 16, /* hidden layers, at most */
    KR_MOMENT_PIECE = 48,  /* rows of a weight gradient that are worked on together */
    KR_MOMENT_MOST_KNOTS = KR_FAST_MAX_COEFFICIENTS - 12,
    KR_MOMENT_GROUP = 8,           /* blocks that are worked on together, at most */
    KR_MOMENT_MOST_CHANNELS = 512, /* for a basis of fewer ones */
    KR_MOMENT_MOST_COLUMNS = 28    /* of M and T: (lmax + 1)² rounded up to a multiple of four */
};

/* ---- spline (engine_moment_grid.c) ---- */

typedef struct kr_moment_grid {
    kr_fast_grid knots;
    int n;          /* coefficients = nodes */
    double *node;   /* [n] Å */
    double *factor; /* [n][11] triangular factors of the collocation matrix, row i: columns i − 5 … i + 5 */
} kr_moment_grid;

/* ---- packed pairs of a frame (engine_moment_pairs.c), at the beginning of kr_training_frame.packed ---- */

typedef struct kr_moment_packed {
    kr_fast_grid knots; /* key: what the numbers depend on */
    double rcut, rcut_smth, protection;
    int word;                    /* 4 or 8 bytes per real */
    int npairs, room;            /* room: length of the arrays, full vectors beyond npairs are readable */
    int *cell;                   /* [room] first coefficient */
    int *reverse_first;          /* [natoms + 1] pairs whose neighbour is this atom … */
    int *reverse;                /* [npairs] … in ascending order */
    void *t, *slope;             /* [room] place in the cell and dt/dr */
    void *dx, *dy, *dz;          /* unit vector to the neighbour */
    void *s, *s1, *q, *qr, *q1r; /* s = w/(r+p), s', q = s/(r+p), q r, q' r */
} kr_moment_packed;

/* ---- the model as the kernels see it ---- */

/* A matrix [in][out] as panels of 24 columns, each [rows][24]; zero beyond in and out. Read by columns for products
 * with Wᵀ (forward) and by rows for products with W (reverse). */
typedef struct kr_moment_matrix {
    int in, out, rows, npanels;
    void *data;
} kr_moment_matrix;

/* A type of neighbours as one type of centres sees it. */
typedef struct kr_moment_pair {
    double average, inv_std[4];
    float *below; /* [KR_ENGINE_BINS + 1] pairs in the bins before; NULL: not known */
    int first;    /* the first coefficient that pairs use */
    int sel, excluded;
    int present, seen;  /* in this batch; in the whole one that it is a part of */
    kr_moment_matrix c; /* [n][ng] coefficients / nnei, of this step */
} kr_moment_pair;

typedef struct kr_moment_layer {
    int in, out, skip, has_idt;
    const kr_activation *activation;
} kr_moment_layer;

/* Channels that the first layer of a fitting net reads in this step, isa/moment_basis.inl. */
typedef struct kr_moment_basis {
    int q;                   /* how many; ng: all */
    int *channel;            /* [ng] those, then the others */
    void *mix, *mix_t;       /* [q][ng − q] the others are sums of those; rows up to a tile */
    kr_moment_matrix weight; /* [q axis, then the inputs that do not depend on positions][out] */
    void *bar;               /* [rows of weight][ldc] gradient by it */
    ptrdiff_t ldc;
    int most;       /* q at most; 0: not tried */
    void *work, *r; /* scratch of finding it */
    kr_buffer memory;
} kr_moment_basis;

/* One fitting net of this step. All nets have the same layers. */
typedef struct kr_moment_net {
    const kr_net *net;                         /* NULL: no such net */
    kr_moment_matrix weight[KR_MOMENT_LAYERS]; /* [in][out] */
    void *bias[KR_MOMENT_LAYERS];              /* [out rounded up to a panel] */
    void *idt[KR_MOMENT_LAYERS];               /* [out], or NULL */
    void *last;                                /* [out of the top layer] */
    double last_bias;
    int first_block, nblocks; /* of the batch */
    int rows;                 /* atoms of the whole batch, rounded up to lanes */
    kr_moment_basis basis;
} kr_moment_net;

/* Arrays of a hidden layer, [nblocks][stride][lanes]: σ(z); σ', σ'' unless tanh; output y; adjoints gy, gz of output
 * and z in E; tangents zd, yd; adjoint zb of z in the loss; ib: what enters the gradient of idt. */
typedef struct kr_moment_arrays {
    int stride; /* rows of a block */
    void *s, *d1, *d2, *y, *gy, *gz, *zd, *yd, *zb, *ib;
    void *gz_rows, *zb_rows; /* transposed, for the weights: [panels of `wide` columns][nblocks lanes][wide] */
} kr_moment_arrays;

typedef struct kr_moment_block {
    int type, net;
    int *lowest; /* [ntypes] first coefficient in use; n when there is none */
} kr_moment_block;

typedef struct kr_moment_group {
    int first, count; /* blocks, all of one type */
} kr_moment_group;

typedef struct kr_moment kr_moment;

/* Work of one instruction set and precision. */
typedef struct kr_moment_kernels {
    int lanes;
    int wide; /* columns of a panel of transposed rows */
    /* value of a group: energies, and pair gradients when wanted; tangent and adjoint */
    void (*forward)(const kr_moment *m, const kr_moment_group *group, int want_gradient, void *scratch);
    void (*backward)(const kr_moment *m, const kr_moment_group *group, void *scratch);
    /* forces of atoms [first, last) of frame k, and their part of the virial [9] */
    void (*forces)(const kr_moment *m, int k, int first, int last, double *force, double *virial);
    /* rows [first, last) of θ's [in][out] block to a matrix */
    void (*pack)(const double *from, int first, int last, const kr_moment_matrix *to);
    void (*convert)(size_t n, const double *from, void *to);
    /* rows [begin, end) of a weight gradient: to [in][out] (= when set, or) += x zbᵀ + xd gzᵀ over the net's blocks;
     * rows of the first layer are those of the basis, and go to its `bar` */
    void (*weights)(const kr_moment *m, const kr_moment_net *net, int layer, int begin, int end, int set, double *to,
                    void *scratch);
    /* the basis of net `index`; panel p of its weights; from its
     * gradient that of channels `first` … */
    void (*basis)(const kr_moment *m, int index, double tolerance, kr_moment_basis *basis);
    void (*fold)(const kr_moment *m, const kr_moment_net *net, int p);
    void (*expand)(const kr_moment *m, const kr_moment_net *net, int first, int set, double *to, void *scratch);
    /* to [out] += Σ over the net's blocks and lanes of rows [in block] of an array */
    void (*sums)(int nblocks, int stride, int rows, const void *from, double *to);
    /* rows [begin, end) of C̄ [n][ng] of a pair of types over blocks first … */
    void (*coefficients)(const kr_moment *m, int first, int count, int tj, int begin, int end, double *to,
                         void *scratch);
    /* to [out of the top layer] += Σ ē y + ẏ, *bias += Σ ē */
    void (*last)(const kr_moment *m, const kr_moment_net *net, double *to, double *bias);
    /* packed pairs from an env */
    void (*pairs)(const kr_moment *m, const kr_env *env, kr_moment_packed *packed);
} kr_moment_kernels;

/* A node evaluation of one embedding: net inputs of all nodes of a pair of types (engine_moment_nodes.c). */
typedef struct kr_moment_nodes kr_moment_nodes;

struct kr_moment {
    const kr_model *model;
    kr_engine_options options;
    const kr_moment_kernels *kernels;
    const kr_dense *dense; /* double */
    int single, lanes;
    size_t word; /* bytes of a real */
    kr_moment_grid grid;
    int raised; /* times that knots were raised */

    int nt, ng, axis, linear, radial, mixed;
    int lmax, separate, columns;             /* of M and T, a multiple of four */
    double gain[KR_MOMENT_MOST_COLUMNS];     /* γ of this step, by column */
    double *degree_bar;                      /* [nblocks][3] γ γ̄ of degrees 2 to 4 */
    int ncoupled;                            /* inputs of the fitting net that depend on the positions */
    int ntebd, nfparam, naparam, ncase, nin; /* the others, in their order, and all */
    kr_moment_pair *pair;                    /* [nt][nt], index ti nt + tj */
    float *below;                            /* their counts */
    int nnets, nlayers;
    kr_moment_net *net;
    kr_moment_layer layer[KR_MOMENT_LAYERS];
    unsigned char *silent; /* [nt]: constant energy */
    unsigned char *vacuum; /* [nt]: net(D = 0) is subtracted */
    kr_moment_nodes *nodes;
    double *tebd; /* [nt][tebd_dim] of this step, or NULL */

    /* the batch */
    const kr_batch *batch;
    kr_moment_packed **packed; /* [nframes] */
    int *to_pack, nto_pack;    /* frames whose pairs have to be packed */
    int *atom_first;           /* [nframes + 1] in the batch */
    size_t *pair_first;        /* [nframes + 1] */
    int nblocks, ngroups;
    kr_moment_block *block;
    kr_moment_group *group;
    int *row_frame, *row_atom;            /* [nblocks lanes]; frame −1: empty, −2: the type in vacuum */
    int *slot, nslots;                    /* [nt] place of a neighbour type's moments, −1: none in the batch */
    kr_buffer plan, floats, scratch, own; /* own: packed frames that are not kept */
    /* arrays of reals, [nblocks][…][lanes] */
    int stride_in, stride_t, stride_m; /* rows of a block of x, T (`columns` per channel), M (per coefficient, type) */
    void *x, *xd, *gd;                 /* inputs of the first layer, their tangents, ∂E/∂D */
    void *t, *td, *gt;                 /* T, Ṫ, ∂E/∂T */
    void *moment, *moment_dot;
    void *gt_rows, *tb_rows; /* [panels][nblocks columns lanes][wide] */
    void *gr;                /* [npairs][3] */
    double *row_energy;      /* [nblocks lanes] */
    void *row_ebar;          /* [nblocks lanes] */
    double *tebd_bar;        /* [nblocks][ntebd] */
    const double *fbar, *wbar;
    kr_moment_arrays array[KR_MOMENT_LAYERS];
    size_t scratch_bytes; /* of one thread */
    size_t kept_bytes;    /* of packed frames, so far */
    int have_forces, have_value;
};

#endif
