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

/* Rows of all real atoms of a dataset whose elements the model knows, frames in parallel. */
typedef struct kr_feature_rows {
    long nframes, nrows;
    int width;
    long *first; /* [nframes + 1] rows of a frame */
    int *type;   /* [nrows] of the model */
    int *atom;   /* [nrows] number in the frame */
    double *row; /* [nrows][width] */
} kr_feature_rows;
#ifdef __cplusplus
}
#endif
#endif
