/* A random model with random labelled frames, ready for an engine: for tests of training.
 * SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_TRAINING_CASE_H
#define KR_TRAINING_CASE_H

#include "random_model.h"
#include "training/loss.h"

enum { KR_CASE_FRAMES = 3 };

typedef struct kr_training_case {
    kr_model *model;
    kr_training_frame *frame[KR_CASE_FRAMES];
    kr_batch batch;
} kr_training_case;

/* Frames of natoms, natoms + 1, … atoms, one of them padded with a virtual atom, random labels.
 * periodic: 1, 0, or 2 = some. */
kr_status kr_training_case_make(kr_context *ctx, const kr_random_model_options *options, int natoms, int periodic,
                                kr_training_case *c);
void kr_training_case_free(kr_training_case *c);
/* dL/dθ of the engine against finite differences of the loss, at `ncomponents` random entries from all blocks of θ:
 * |analytic − difference| ≤ tolerance · (|difference| + 1e-3 of the largest entry + 1e-5 of the loss). Fails the test
 * with `what`, the block and both values. Leaves the model as it was. */
void kr_training_case_check(kr_context *ctx, kr_training_case *c, kr_engine *engine, const kr_loss_options *o,
                            int ncomponents, uint64_t seed, double tolerance, const char *what);

#endif
