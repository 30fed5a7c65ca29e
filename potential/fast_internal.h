/* What the files of the fast path share: the prepared model. Constant after creation.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Moment form (se_e2_a): every embedding output is a quintic B-spline G_m(r) = Σ_p C[p][m] B_p(log r). Then
 *     M[p][c] = Σ_j B_p(log r_j) R_jc          pair work: 6 × 4 products
 *     T[m][c] = Σ_p C[p][m] M[p][c]            channel work: one product of matrices per block
 *     D       = products T[a]·T[b], fitting network, and the same way back.
 * R is the standardised environment row, with lmax beyond 1 also its angular moments (harmonics.h) times the gain of
 * their degree; 1/nnei and the 1/120 of the basis polynomials are inside C. With `columns` for the number of columns
 * of R, rounded up to what the kernels hold, M, T and their gradients are stored [index][columns], c fastest. */
#ifndef KR_POTENTIAL_FAST_INTERNAL_H
#define KR_POTENTIAL_FAST_INTERNAL_H

#include "core/dense.h"
#include "core/linalg.h"
#include "core/twoway.h"
#include "potential/evaluate.h"

typedef struct kr_fast_tables kr_fast_tables;

/* Columns of R as they are stored: 1 or 4, 9, 16 or 25, rounded up to vectors. */
#define KR_FAST_COLUMNS(lmax) ((lmax) < 2 ? 4 : (lmax) == 2 ? 12 : (lmax) == 3 ? 16 : 32)

enum {
    KR_FAST_ROWS = 128, /* centres evaluated together; longer blocks are cut */
    KR_FAST_GROUP = 32, /* columns, over some centres, whose moments are held at the same time */
    KR_FAST_MAX_COEFFICIENTS = 512,
    KR_FAST_DIMERS = 40,       /* lone pairs per neighbour type among the made-up environments */
    KR_FAST_MAX_COLUMNS = 1024 /* of T */
};

/* Knots, common to all pairs of types. The switch function is only C² at rcut_smth: when that lies inside the
 * range, the spline is cut there in two pieces with a common end value. */
typedef struct kr_fast_segment {
    double r_begin, r_end, x_begin, inv_h; /* x = log r; u = (x − x_begin)·inv_h in [0, intervals] */
    int intervals, offset;                 /* coefficients offset … offset + intervals + 4 */
} kr_fast_segment;

typedef struct kr_fast_grid {
    int nsegments;
    kr_fast_segment segment[2];
    int ncoef; /* of all segments, rounded up to a multiple of 8 */
} kr_fast_grid;

/* A neighbour type as one centre type sees it. */
typedef struct kr_fast_pair {
    double average, inv_std[4]; /* R̂_0 = inv_std[0]·(w/(r+p) − average), R̂_c = inv_std[c]·w x_c/(r+p)² */
    double degree[5];           /* R̂_c = degree[l]·w Y_c/(r+p) for the columns of degree l > 1 */
    int sel, excluded;
    kr_packed forward;  /* C  [ncoef][ncolumns] */
    kr_packed backward; /* Cᵀ [ncolumns][ncoef]; in double precision */
    kr_packed slope;    /* 5 (C[p+1] − C[p]) likewise, C[ncoef] = 0: coefficients of 24 times the quartic basis, from
                           whose sums those of Cᵀ follow; in single precision */
    kr_packed slope_rows; /* and as they are, for few pairs */
} kr_fast_pair;

/* Inputs of the first fitting layer that are built, multiplied and thrown away together, so that they stay in the
 * cache: rows [row_begin, row_end) of the products of fast_inputs.c. */
typedef struct kr_fast_chunk {
    int width, row_begin, row_end;
    kr_packed forward, backward; /* [width][out of the first layer] and transposed */
    kr_twoway few;               /* the same for a few rows */
} kr_fast_chunk;

typedef struct kr_fast_layer {
    int in, out;
    const kr_activation *activation;
    int skip;                    /* 0 none, 1 y += x, 2 y += [x, x] */
    kr_packed forward, backward; /* empty for the first layer: see chunks */
    kr_twoway few;
    int borrowed;     /* everything belongs to another kr_fast */
    void *bias, *idt; /* [out rounded up to a multiple of 16]; idt NULL when absent */
} kr_fast_layer;

/* Everything for centres of one type. */
typedef struct kr_fast_center {
    int present;        /* 0: no network for this type */
    int ncolumns;       /* of T, a multiple of 8 */
    int rank;           /* q; 0 = all channels are kept */
    int nchannels;      /* ng */
    int nrows, ncorner; /* columns of T that are not padding; of these, the second factors: the first ones */
    int linear;         /* se_e2_r: inputs are T[a][0] themselves */
    int apart;          /* second factors have one angular degree each: */
    void *mask;         /* [ncorner, rounded up to eights][columns of R] 1 where it is theirs, else 0; or NULL */
    kr_fast_pair *pair; /* [ntypes]; without tables for types that are not in use */
    double *padding;    /* [ncolumns] T[·][0] of the empty slots of types that are not in use, or NULL */
    int nchunks;
    kr_fast_chunk *chunk;
    int nlayers; /* hidden layers */
    kr_fast_layer *layer;
    kr_packed extra; /* [fparam + aparam][out of the first layer] */
    double *last;    /* [out of the last hidden layer] */
    double energy;   /* constant part, eV */
    int silent;      /* only the constant energy, no forces */
} kr_fast_center;

/* Evaluates natoms ≤ KR_FAST_ROWS centres of one type from `first` on; x_extra [natoms][nextra]. */
typedef void kr_fast_run(const kr_fast *fast, const kr_env *env, int first, int natoms, const double *x_extra,
                         double *energy, double *gr, kr_fast_workspace *ws);

struct kr_fast {
    const kr_model *model;
    kr_isa isa;
    const kr_dense *dense;
    const kr_twoway_kernels *twoway;
    kr_fast_run *run;
    const kr_fast *base; /* a trial of the planner: hidden layers are those of this one, no forms for a few rows */
    int rounded;         /* weights of the fitting nets are rounded to what integers hold (core/twoway.h) */
    int single, ntypes, radial, mixed_types;
    int lmax, columns;                  /* of R, as the kernels store them */
    double rcut, rcut_smth, protection; /* Å, after rounding when asked */
    int nextra;
    kr_fast_grid grid;
    kr_fast_tables *tables;                          /* DeePMD-kit's tables; then nothing below is used */
    const unsigned char *used;                       /* [ntypes] types in use; NULL = all */
    kr_fast_center *center;                          /* [ntypes] */
    int max_columns, max_width, max_out, max_layers; /* over the centres: sizes of the scratch */
    double error, tolerance;                         /* estimated and aimed at, eV/Å */
    double asked;                                    /* the caller's tolerance; mixed precision may aim at more */
    double build_ms;
    size_t bytes;
};

/* Stages that a benchmark may time. */
typedef enum kr_fast_stage {
    KR_STAGE_MOMENTS,  /* geometry, moments */
    KR_STAGE_TABLE,    /* T = C M and its transpose */
    KR_STAGE_INPUTS,   /* D and the way back */
    KR_STAGE_NETWORK,  /* fitting net, both ways */
    KR_STAGE_GRADIENT, /* pair gradients */
    KR_STAGE_COUNT
} kr_fast_stage;

/* Scratch of one thread. Sizes are those of the largest centre type, KR_FAST_ROWS rows. */
struct kr_fast_workspace {
    void *moments;   /* [GROUP / columns][ncoef][columns] of one neighbour type */
    void *slopes;    /* likewise, single precision */
    void *product;   /* [GROUP][max(ncolumns, ncoef)] */
    void *t, *gt;    /* [ROWS][ncolumns][columns] */
    void *axis;      /* [columns][max_columns + 16] */
    void *d;         /* [ROWS][width]: one chunk of D or of its gradient */
    void *h[2];      /* [ROWS][out] */
    void *slope;     /* [layers][ROWS][out]: σ'·idt */
    void *g[2];      /* [ROWS][out] */
    void *extra;     /* [ROWS][nextra] */
    char *split;     /* for products of split numbers */
    double *x_extra; /* [ROWS][nextra] in double */
    size_t bytes;
    double *stage; /* [KR_STAGE_COUNT] s, added to when not NULL */
    double now;
    kr_reference_workspace reference;
    kr_buffer table; /* of DeePMD-kit's tables */
};

static inline int kr_fast_uses(const unsigned char *used, int type) { return !used || used[type]; }

/* Row strides of the scratch matrices, in elements: odd numbers of cache lines, so that rows do not collide. */
static inline int kr_fast_stride(int n) { return (n + 15) / 16 * 16 + 16; }

void kr_fast_stage_end(kr_fast_workspace *ws, kr_fast_stage stage);
static inline void kr_fast_tick(kr_fast_workspace *ws, kr_fast_stage stage) {
    if (ws->stage) kr_fast_stage_end(ws, stage);
}

/* Spline (fast_spline.c). Knots for r in [r_lo, rcut]; cut at r_split when that lies inside. Coefficients belong to
 * basis functions times 120. */
void kr_fast_grid_set(double r_lo, double r_split, double rcut, const int intervals[2], kr_fast_grid *grid);
void kr_fast_basis(double t, double b[6]);
/* Nodes r [ncoef of the grid] at which values fix the coefficients; entries beyond the segments repeat rcut. */
void kr_fast_grid_nodes(const kr_fast_grid *grid, double *r);
/* values [ncoef][m] at the nodes → coefficients, in place. */
kr_status kr_fast_grid_solve(kr_context *ctx, const kr_fast_grid *grid, int m, double *values);

/* Exact embedding (fast_embedding.c): g [n][ng] at distances r of neighbour type tj around centre type ti. */
kr_status kr_fast_embedding(kr_context *ctx, const kr_fast *fast, int ti, int tj, int n, const double *r, double *g);
/* Static text why this model cannot go the fast way, or NULL. */
const char *kr_fast_unsupported(const kr_model *model);
/* A slot of neighbour type tj. */
int kr_fast_slot(const kr_descriptor *descriptor, int tj);

/* E [ntypes][tebd_dim]: the net applied to one-hot rows. */
kr_status kr_fast_type_embedding(kr_context *ctx, const kr_model *model, double *e);

/* A subspace of the embedding outputs of one centre type: S = T·project, T ≈ expand·S. q = 0: all outputs. The second
 * factors of D, T_b with b < axis, are combinations of the first `ncorner` columns of S alone; with degrees apart, of
 * those whose index has the same remainder of lmax + 1. */
typedef struct kr_fast_channels {
    int q, ncorner;
    double *project; /* [ng][q] */
    double *expand;  /* [ng][q] */
} kr_fast_channels;

/* Basis of all outputs, most important first; keep_axis: after combinations of T_b, b < axis, which stay exact
 * (fast_rank.c). The first q of it. */
kr_status kr_fast_rank_basis(kr_context *ctx, const kr_fast *fast, int type, double r_lo, int keep_axis,
                             kr_fast_channels *all);
kr_status kr_fast_channels_cut(kr_context *ctx, const kr_fast_channels *all, int ng, int q, kr_fast_channels *cut);
void kr_fast_channels_free(kr_fast_channels *channels);

/* Made-up environments of one centre type with the gradients of the reference path (fast_probe.c). */
typedef struct kr_fast_probe {
    kr_env env;
    double *exact; /* [npairs][3], then energies */
    double *memory;
    int *index;
} kr_fast_probe;
kr_status kr_fast_probe_create(kr_context *ctx, const kr_model *model, const unsigned char *used, int type, double r_lo,
                               int ncenters, kr_fast_probe *probe);
kr_status kr_fast_probe_exact(kr_context *ctx, const kr_model *model, const double *fparam, const double *aparam,
                              kr_fast_probe *probe);
/* Estimated error of an atom's force, eV/Å, from pair gradients gr. */
double kr_fast_probe_error(const kr_fast_probe *probe, const double *gr);
void kr_fast_probe_free(kr_fast_probe *probe);
/* What the statistics say: distance within which there are no neighbours (Å), number density beyond (Å^-3). */
void kr_fast_density(const kr_model *model, int type, double *r0, double *rho);

/* Chooses knots and ranks for a force tolerance and builds the result (fast_plan.c). `used` [ntypes] is copied. */
kr_status kr_fast_plan(kr_context *ctx, const kr_model *model, const unsigned char *used, kr_isa isa, int single,
                       double tolerance, kr_fast **fast);
double kr_fast_closest(const kr_model *model);

/* A prepared centre type (fast_center.c). Raises the maxima in fast. */
kr_status kr_fast_center_create(kr_context *ctx, kr_fast *fast, int type, const kr_fast_channels *channels,
                                kr_fast_center *center);
kr_status kr_fast_build(kr_context *ctx, const kr_model *model, const unsigned char *used, int single, int rounded,
                        kr_isa isa, const kr_fast_grid *grid, const kr_fast_channels *channels /* [ntypes] */,
                        const kr_fast *base, kr_fast **fast);
/* Packs weights w [k][n] for many rows and for few (fast_few.c); rounds them first where `fast` says so. */
kr_status kr_fast_pack(kr_context *ctx, const kr_fast *fast, int k, int n, double *w, int parts, kr_packed *forward,
                       kr_packed *backward, kr_twoway *few);
/* The first fitting layer (fast_inputs.c): column of T of the row-th channel, number of products in a row, in all. */
int kr_fast_column(const kr_fast_center *center, int row);
int kr_fast_row_width(const kr_fast_center *center, int row);
int kr_fast_inputs(int apart, int nrows, int ncorner);
kr_status kr_fast_chunks_create(kr_context *ctx, kr_fast *fast, const kr_net *net, const kr_fast_channels *channels,
                                kr_fast_center *center);
void kr_fast_center_free(int ntypes, kr_fast_center *center);

/* DeePMD-kit's tables (fast_deepmd.c). */
const char *kr_fast_tables_unsupported(const kr_model *model);
kr_status kr_fast_tables_create(kr_context *ctx, kr_fast *fast);
void kr_fast_tables_free(kr_fast_tables **tables);
double kr_fast_tables_closest(const kr_fast *fast);
kr_status kr_fast_tables_block(kr_context *ctx, const kr_fast *fast, const kr_env *env, const double *fparam,
                               const double *aparam, double *energy, double *gr, kr_fast_workspace *ws);

#endif
