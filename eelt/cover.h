/* Distances to a set of known rows of features, element by element.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * |q − k|² = |q|² + |k|² − 2 q·k, the products by blocks of a matrix product. For rows of length L the rounding error
 * of a distance is below 1e-7 L: distances smaller than that mean "equal". */
#ifndef KR_EELT_COVER_H
#define KR_EELT_COVER_H

#include "core/memory.h"
#include <kramers/features.h>

/* Rows of one element. */
typedef struct kr_cover_element {
    long n, room;
    double *row;  /* [n][width] */
    double *norm; /* [n] |row|² */
    long *frame;  /* [n] where they came from */
} kr_cover_element;

typedef struct kr_cover {
    int width, nelements;
    kr_cover_element *element; /* [nelements] */
} kr_cover;

kr_status kr_cover_create(kr_context *ctx, int width, int nelements, kr_cover *cover);
void kr_cover_clear(kr_cover *cover);
/* Appends the rows of a frame. */
kr_status kr_cover_add(kr_context *ctx, kr_cover *cover, const kr_feature_rows *rows, long frame);

/* Scratch of one thread. */
typedef struct kr_cover_scratch {
    kr_buffer product, query;
} kr_cover_scratch;
void kr_cover_scratch_free(kr_cover_scratch *scratch);

/* d2 [n] ← min(d2, squared distances of query [n][width] to the element's rows first … last − 1); rows of the frame
 * `except` are passed over (−1 = none). Runs on the calling thread. */
kr_status kr_cover_nearest(kr_context *ctx, const kr_cover *cover, int element, long first, long last, int n,
                           const double *query, long except, double *d2, kr_cover_scratch *scratch);
/* d2 [rows->nrows] ← the same for all rows of a set against all of the cover, over threads; frames_apart: rows of a
 * frame are not compared with those of the frame of equal number (the set is in the cover). every: only each every-th
 * row, others keep INFINITY. */
kr_status kr_cover_distances(kr_context *ctx, const kr_cover *cover, const kr_feature_rows *rows, int frames_apart,
                             long every, double *d2);

#endif
