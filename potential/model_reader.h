/* Helpers shared by the files that turn a neutral tree into a kr_model (model_read*.c).
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * `at` is always the key path of the node in hand, "model.descriptor.embeddings"; it begins the message of every
 * failure, so that the offending key of a file with thousands of them can be found. */
#ifndef KR_POTENTIAL_MODEL_READER_H
#define KR_POTENTIAL_MODEL_READER_H

#include "core/error.h"
#include "potential/model.h"

enum { KR_AT_ROOM = 256, KR_MAX_TYPES = 4096, KR_MAX_WIDTH = 1 << 20 };

typedef struct kr_model_reader {
    kr_context *ctx;
    kr_model *model;
    size_t theta_room; /* allocated entries of model->theta */
    int block_room;    /* allocated entries of model->block */
} kr_model_reader;

/* Passes a status through; puts "at: " before the message of a failure. Every call of a typed getter of tree.h goes
 * through this, calls of readers (which do it themselves) do not. */
kr_status kr_at(kr_model_reader *reader, const char *at, kr_status status);
/* "at.key" in `path`; returns path. */
const char *kr_at_key(char path[KR_AT_ROOM], const char *at, const char *key);
const char *kr_at_index(char path[KR_AT_ROOM], const char *at, int index);

/* KR_ERR_UNSUPPORTED unless low ≤ @version ≤ high; an absent version counts as 1. */
kr_status kr_read_version(kr_model_reader *reader, const kr_tree *tree, const char *at, int low, int high);
/* "default", "double", "half" … of key "precision"; an absent one is float64. name may be NULL. */
kr_status kr_read_precision(kr_model_reader *reader, const kr_tree *map, const char *at, kr_dtype *dtype,
                            char name[16]);
/* x rounded to a type of the file (ties to even). */
double kr_round_to(kr_dtype dtype, double x);

/* The array at map[key] with the shape [ndim], each value rounded to `precision`; NaN and inf are refused.
 * `loose`: dimensions of length one may be missing or be too many, (n) = (1, n) = (n, 1).
 * An absent or null key gives *data = NULL when optional, else a failure. */
kr_status kr_read_array(kr_model_reader *reader, const kr_tree *map, const char *key, const char *at, int ndim,
                        const size_t *shape, int loose, int optional, kr_dtype precision, double **data);
/* List of integers low ≤ i ≤ high. Absent or null: *count = 0, *values = NULL. */
kr_status kr_read_ints(kr_model_reader *reader, const kr_tree *map, const char *key, const char *at, int low, int high,
                       int *count, int **values);
/* List of pairs of types → pairs [count][2] (NULL when there are none) and the symmetric table [nt][nt]. */
kr_status kr_read_pairs(kr_model_reader *reader, const kr_tree *map, const char *key, const char *at, int *count,
                        int **pairs, unsigned char **table);

/* One layer as a net of its own ("in_proj"). out −1 = any. Blocks are called NAME.w, NAME.b, NAME.idt. */
kr_status kr_read_layer(kr_model_reader *reader, const kr_tree *tree, const char *at, const char *name, int in, int out,
                        kr_dtype precision, kr_net **net);
/* EmbeddingNetwork or FittingNetwork. in or out −1 = any. Blocks are called NAME.layer0.w … */
kr_status kr_read_net(kr_model_reader *reader, const kr_tree *tree, const char *at, const char *name, int in, int out,
                      kr_dtype precision, kr_net **net);
/* NetworkCollection: nt^ndim nets, NULL where the file has null; index t_0 + nt·t_1. */
kr_status kr_read_collection(kr_model_reader *reader, const kr_tree *tree, const char *at, const char *name, int ndim,
                             int in, int out, kr_dtype precision, int *count, kr_net ***nets);
/* Adds a named piece to θ and copies values [rows·columns] there. */
kr_status kr_theta_append(kr_model_reader *reader, const char *name, int rows, int columns, const double *values,
                          size_t *offset);

kr_status kr_read_descriptor(kr_model_reader *reader, const kr_tree *tree, const char *at);
/* The part that only dpa1 and se_atten_v2 have. */
kr_status kr_read_dpa1(kr_model_reader *reader, const kr_tree *tree, const char *at);
kr_status kr_read_fitting(kr_model_reader *reader, const kr_tree *tree, const char *at);

#endif
