/* Training and validation data: systems of every format, prepared frames, and which frames make the k-th batch.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A "system" is what DeePMD-kit calls so: one folder, or the frames of one composition in a file. Batches are functions
 * of (seed, step) alone, so a restart continues where the run stopped, whatever it had drawn before. */
#ifndef KR_TRAINING_DATA_H
#define KR_TRAINING_DATA_H

#include "core/random.h"
#include "training/engine.h"
#include "training/input.h"

/* How a system's frames are drawn. */
typedef struct kr_data_system {
    char *name;
    char *formula; /* "O64H128" of its first frame */
    int natoms;    /* of its first frame, virtual ones included */
    int nframes;   /* drawable entries: frames times numb_copy */
    int *entry;    /* [nframes] index into frame[] of the set */
    int batch;     /* frames of a batch */
    int nbatches;  /* of one pass: max(1, nframes / batch) */
    double probability;
    int *row;          /* [nframes] its entries in the order of one epoch */
    int64_t row_epoch; /* which one, −1 = none */
} kr_data_system;

typedef struct kr_data_set {
    kr_dataset *dataset; /* as read; NULL after kr_data_prepare */
    int nframes;
    kr_training_frame **frame; /* [nframes] */
    int nsystems;
    kr_data_system *system;
    kr_overflow overflow;
    double shortest; /* Å, closest approach */
    size_t bytes;    /* of the frames */
    int left_out;    /* frames below min_pair_dist */
    /* the order of batches */
    int order; /* kr_input_own.order */
    int by_probability;
    kr_stream stream;
    int npass;      /* batches of one pass through all systems */
    int64_t pass;   /* the one that `plan` is for, −1 = none */
    int *plan;      /* [npass] systems in the order of this pass */
    int64_t *drawn; /* [nsystems] batches drawn from it before step `at` */
    int64_t at;
} kr_data_set;

/* 1. Reads all systems named in the section. `where` = "training.training_data". */
kr_status kr_data_read(kr_context *ctx, const kr_input_data *options, const char *where, kr_data_set **set);
/* Largest numbers of neighbours within rcut: of one atom by neighbour type [ntypes] (types of type_map), and of all
 * types together; shortest distance. Works on at most `sample` frames of each system (0 = all). */
kr_status kr_data_neighbors(kr_context *ctx, const kr_data_set *set, int ntypes, const char *const *type_map,
                            double rcut, int *most, int *most_total, double *shortest);
/* 2. Makes the frames for a model (in parallel) and the batch rules; frees the raw data. */
kr_status kr_data_prepare(kr_context *ctx, kr_data_set *set, const kr_model *model, const kr_input_data *options,
                          const char *where, const kr_input_own *own, uint64_t seed);
void kr_data_destroy(kr_data_set **set);

/* 3. Frames of the batch of `step` (from 0): their number, borrowed pointers in `batch`. frames [room ≥
 * kr_data_largest_batch]. */
kr_status kr_data_batch(kr_context *ctx, kr_data_set *set, int64_t step, kr_training_frame **frames, kr_batch *batch);
/* Entry `position` of the endless row of shuffled passes through a system. */
int kr_data_entry(kr_data_set *set, int system, int64_t position);
int kr_data_largest_batch(const kr_data_set *set);
/* A batch of given frames. */
void kr_batch_set(kr_batch *batch, int nframes, kr_training_frame **frames);
/* "data/water/data_0, frame 12" */
const char *kr_data_name(const kr_data_set *set, const kr_training_frame *frame, char *text, size_t room);

#endif
