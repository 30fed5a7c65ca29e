/* What a model sees of an atom's surroundings: rows of numbers that do not change under rotation, translation and
 * exchange of like atoms.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Last layer: the outputs of the last hidden layer of the fitting net, in which the energy of the atom is linear.
 * Descriptor: D itself. Both for every descriptor, in double precision by the exact path, whatever tables the potential
 * has. */
#ifndef KRAMERS_FEATURES_H
#define KRAMERS_FEATURES_H

#include <kramers/potential.h>
#include <kramers/system.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum kr_features_kind { KR_FEATURES_LAST_LAYER = 0, KR_FEATURES_DESCRIPTOR = 1 } kr_features_kind;

/* Makes rows of model `index` of a potential, which must outlive it. One thread uses it at a time. */
typedef struct kr_features kr_features;
kr_status kr_features_create(kr_context *ctx, const kr_potential *potential, int index, kr_features_kind kind,
                             kr_features **features);
void kr_features_destroy(kr_features **features);
/* m: numbers of a row (the largest of all elements; rows of narrower nets end with zeros). */
int kr_features_width(const kr_features *features);

/* rows [n][m] of a frame; arguments as for kr_potential_compute_frame. Virtual atoms (type −1) get zeros. */
kr_status kr_features_frame(kr_context *ctx, kr_features *features, int n, const double *x, const int *type,
                            const double *box, const unsigned char *pbc, const double *fparam, const double *aparam,
                            double *rows);

/* Rows of the real atoms of a dataset whose elements the model knows, frames in parallel. Frames with keep[frame] = 0
 * have none; keep NULL = all. */
typedef struct kr_feature_rows {
    long nframes, nrows;
    int width;
    long *first; /* [nframes + 1] rows of a frame */
    int *type;   /* [nrows] of the model */
    int *atom;   /* [nrows] number in the frame */
    double *row; /* [nrows][width] */
} kr_feature_rows;
kr_status kr_features_dataset(kr_context *ctx, const kr_potential *potential, int index, kr_features_kind kind,
                              const kr_dataset *dataset, const unsigned char *keep, kr_feature_rows **rows);
void kr_feature_rows_destroy(kr_feature_rows **rows);

/* Mean and spread per element of one or two sets of rows; applied in place: (row − mean)/spread. A column that does
 * not vary gets spread 1. mean, spread [ntypes][width]. */
kr_status kr_features_statistics(kr_context *ctx, int ntypes, int nsets, const kr_feature_rows *const *sets,
                                 double *mean, double *spread);
void kr_features_standardise(kr_feature_rows *rows, const double *mean, const double *spread);

#ifdef __cplusplus
}
#endif
#endif
