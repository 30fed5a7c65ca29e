/* Energies, forces and virials of one Deep Potential or of an ensemble over one neighbour list.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A kr_potential is constant after creation and may be shared by threads; each caller brings a kr_workspace.
 * Definitions: F_m = −∂E/∂r_m; W[3a+b] = Σ_i Σ_j (−∂E_i/∂r_ij)_a (r_ij)_b with r_ij = r_j − r_i; the atomic virial
 * of a pair goes to the neighbour j. Results are the same bits for any number of threads. */
#ifndef KRAMERS_POTENTIAL_H
#define KRAMERS_POTENTIAL_H

#include <kramers/model.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kr_potential kr_potential;
typedef struct kr_workspace kr_workspace;

typedef enum kr_precision {
    KR_PRECISION_DOUBLE = 0, /* everything in double */
    KR_PRECISION_MIXED = 1   /* network in single, positions, energies and force sums in double */
} kr_precision;

typedef enum kr_table {
    KR_TABLE_SPLINE = 0, /* splines in log r built at creation to `tolerance` (default) */
    KR_TABLE_OFF = 1,    /* exact network at every pair: the reference path */
    KR_TABLE_DEEPMD = 2  /* DeePMD-kit's tables (strides 0.01/0.1, extrapolation 5), for comparison; of all types */
} kr_table;

typedef enum kr_sel_rule {
    KR_SEL_NEAREST_PER_TYPE = 0, /* TensorFlow/LAMMPS: the nearest sel[t] of each type (default) */
    KR_SEL_NEAREST_TOTAL = 1     /* PyTorch/NumPy: the nearest Σ sel of all types first, then per type */
} kr_sel_rule;

typedef struct kr_potential_options {
    kr_precision precision;
    kr_table table;
    double tolerance; /* force tolerance of the splines, eV/Å; 1e-6; see the range below */
    kr_sel_rule sel_rule;
    int float32_cutoff; /* 1: round rcut and rcut_smth to float32 as DeePMD-kit's TensorFlow operators do */
    const char *isa;    /* "baseline", "avx2", "avx512", "amx"; NULL = the best this processor has */
    /* [ntypes of the first model] 1 where atoms of a type may occur; NULL = everywhere. Splines are made for these
     * types only; atoms of other types are evaluated too, more slowly. Copied. */
    const unsigned char *used_types;
} kr_potential_options;

/* Allowed tolerances: below, rounding in double precision decides; above, forces mean nothing. */
#define KR_TOLERANCE_LEAST 1e-12
#define KR_TOLERANCE_MOST 1.0

#define KR_POTENTIAL_OPTIONS_INIT \
    { KR_PRECISION_DOUBLE, KR_TABLE_SPLINE, 1e-6, KR_SEL_NEAREST_PER_TYPE, 0, 0, 0 }

/* Prepares `nmodels` ≥ 1 models with equal type maps; the largest rcut rules the list.
 * The models are borrowed and must outlive the potential. options NULL = defaults. */
kr_status kr_potential_create(kr_context *ctx, int nmodels, const kr_model *const *models,
                              const kr_potential_options *options, kr_potential **potential);
/* Loads the files and owns the models. */
kr_status kr_potential_load(kr_context *ctx, int nmodels, const char *const *paths, const kr_potential_options *options,
                            kr_potential **potential);
void kr_potential_destroy(kr_potential **potential);

int kr_potential_nmodels(const kr_potential *potential);
const kr_model *kr_potential_model(const kr_potential *potential, int index); /* borrowed */
double kr_potential_rcut(const kr_potential *potential);                      /* Å, largest of the models */
/* What was prepared, for people: table kind and size, rank, estimated force error, instruction set. */
void kr_potential_describe(const kr_potential *potential, void (*line)(const char *text, void *payload), void *payload);

kr_status kr_workspace_create(kr_context *ctx, const kr_potential *potential, kr_workspace **workspace);
void kr_workspace_destroy(kr_workspace **workspace);

/* Where results go. A NULL pointer means "not wanted". All arrays are overwritten, [nmodels] outermost;
 * n = number of atoms of a frame, or nlocal for energies and nall for forces and virials of a list. */
typedef struct kr_result {
    double *energy;      /* [nmodels] eV */
    double *atom_energy; /* [nmodels][n | nlocal] eV */
    double *force;       /* [nmodels][n | nall][3] eV/Å */
    double *virial;      /* [nmodels][9] eV */
    double *atom_virial; /* [nmodels][n | nall][9] eV */
} kr_result;

/* One frame. type: index into the models' type map, −1 = virtual atom (no energy, no force).
 * box NULL = open in all directions; pbc NULL = periodic in all directions when there is a box. */
kr_status kr_potential_compute_frame(const kr_potential *potential, kr_workspace *workspace, int n,
                                     const double *x /* [n][3] Å */, const int *type /* [n] */,
                                     const double *box /* [9] Å, rows */, const unsigned char *pbc /* [3] */,
                                     const double *fparam /* [dim_fparam] */,
                                     const double *aparam /* [n][dim_aparam] */, const kr_result *result);

/* A caller's own full neighbour list over local and ghost atoms, LAMMPS' layout. */
typedef struct kr_list {
    int nlocal, nall;       /* ghosts are nlocal … nall−1 */
    const double *x;        /* [nall][3] Å (or length_unit) */
    const int *type;        /* [nall] */
    const int *type_map;    /* model type of a caller's type; NULL = identity. Negative = virtual */
    int inum;               /* centres in ilist */
    const int *ilist;       /* [inum] */
    const int *numneigh;    /* [by centre] */
    int *const *firstneigh; /* [by centre][numneigh]; both directions of every pair */
    int neighmask;          /* and-ed to an entry (LAMMPS: 0x1FFFFFFF); 0 = no mask */
    double length_unit;     /* Å per caller's length unit; 0 or 1 = Å */
    long step;              /* named in messages */
    const long *tag;        /* [nall] atom names for messages; NULL = index */
    const int *pad_type;    /* model type that DPA-1's empty slots take; NULL = that of atom 0, as for a frame */
} kr_list;

/* Forces on ghosts are returned in the ghosts' entries. aparam: [nlocal][dim_aparam].
 * accumulate_force, when not NULL, is a [nall][3] array to which `scale` times the first model's force is added in
 * place (no copy of the forces is held then; result->force may stay NULL). */
kr_status kr_potential_compute_list(const kr_potential *potential, kr_workspace *workspace, const kr_list *list,
                                    const double *fparam, const double *aparam, const kr_result *result,
                                    double *accumulate_force, double scale);

/* How often and how badly `sel` overflowed since the workspace was made (or reset). */
typedef struct kr_overflow {
    long evaluations;                           /* environments evaluated */
    long environments;                          /* of those, with more neighbours than sel */
    int worst_count;                            /* neighbours found in the worst one … */
    int worst_sel;                              /* … and the sel entry that they exceeded */
    int worst_center_type, worst_neighbor_type; /* neighbour type −1: the sum or a mixed-type descriptor */
} kr_overflow;
kr_status kr_workspace_overflow(const kr_workspace *workspace, int model, kr_overflow *overflow);
void kr_workspace_overflow_reset(kr_workspace *workspace);

/* Bytes held by the workspace, for capacity planning. */
size_t kr_workspace_bytes(const kr_workspace *workspace);

#ifdef __cplusplus
}
#endif
#endif
