/* What the programs of scripts/accept share: frames, evaluation of them, worst errors by name.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_MEASURE_H
#define KR_MEASURE_H

#include "core/tree.h"
#include <kramers/kramers.h>

/* One frame and, where known, the reference. Arrays are owned; NULL = absent. */
typedef struct frame {
    int n;
    int *type;                                                   /* [n] */
    double *x;                                                   /* [n][3] Å */
    double *box;                                                 /* [9] Å or NULL = open */
    double *fparam, *aparam;                                     /* or NULL */
    double *energy, *atom_energy, *force, *virial, *atom_virial; /* references, or NULL */
} frame;

/* Results of one evaluation. */
typedef struct result {
    double energy, virial[9];
    double *atom_energy, *force, *atom_virial; /* [n], [n][3], [n][9] */
} result;

/* Ends the program with the message of the context when status is a failure: these are programs, not the library. */
void must(kr_context *ctx, kr_status status, const char *what);
void *must_allocate(size_t count, size_t size);

/* Numbers of a nested list, flattened; NULL when the node is absent or null. NaN stands for null elements. */
double *numbers(const kr_tree *node, long *count);
/* A frame of a reference file: coord, atype, box, fparam, aparam and the reference outputs (`reference` may be
 * another map than `where`). */
void frame_read(const kr_tree *where, const kr_tree *reference, frame *f);
void frame_free(frame *f);

void evaluate(kr_context *ctx, const kr_potential *potential, kr_workspace *workspace, const frame *f, result *r);
void result_free(result *r);

/* The largest value seen under a name, and where it was seen. */
typedef struct worst {
    const char *name;
    double value;
    char where[200];
    long count;
} worst;
void worst_add(worst *w, double value, const char *where);
/* "name value", "name.at where", "name.count count" */
void worst_print(const worst *w);

/* max |a − b| over n; NaN in the reference b is skipped, NaN in a counts as infinite. */
double max_difference(long n, const double *a, const double *b);
/* max |a − b| / max(|b|, floor). */
double max_relative(long n, const double *a, const double *b, double floor_);

/* Frames of a structure file with the types of `model`: every `stride`-th one. Returns how many. */
int frames_load(kr_context *ctx, const char *path, const kr_model *model, int stride, frame **frames);

#endif
