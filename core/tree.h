/* A tree of values: what JSON, YAML and the `.dp` file have in common.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Readers (json.h, yaml.h, hdf5.h) make trees, parsers of models and inputs walk them. A node knows where it stands
 * in its file, so that semantic errors can name line and column too. */
#ifndef KR_CORE_TREE_H
#define KR_CORE_TREE_H

#include <kramers/context.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kr_tree_kind {
    KR_TREE_NULL,
    KR_TREE_BOOL,
    KR_TREE_INT,
    KR_TREE_REAL,
    KR_TREE_STRING,
    KR_TREE_LIST,
    KR_TREE_MAP,
    KR_TREE_ARRAY /* dense numbers: a leaf under "@variables" */
} kr_tree_kind;

typedef enum kr_dtype { KR_FLOAT64, KR_FLOAT32, KR_FLOAT16, KR_BFLOAT16, KR_INT64, KR_INT32 } kr_dtype;

typedef struct kr_tree {
    kr_tree_kind kind;
    int line, column;       /* 1-based; 0 = unknown */
    int64_t integer;        /* BOOL, INT */
    double real;            /* INT, REAL */
    char *string;           /* STRING */
    int count;              /* LIST, MAP: children */
    char **key;             /* MAP: [count] */
    struct kr_tree **child; /* LIST, MAP: [count] */
    kr_dtype dtype;         /* ARRAY: type in the file; data are double in memory */
    int ndim;               /* ARRAY; 0 = scalar */
    size_t shape[8];
    double *data; /* ARRAY: [product of shape] */
} kr_tree;

void kr_tree_destroy(kr_tree **tree);
kr_status kr_tree_copy(kr_context *ctx, const kr_tree *tree, kr_tree **copy);

/* Makers. The new node is written to *tree. */
kr_status kr_tree_new(kr_context *ctx, kr_tree_kind kind, kr_tree **tree);
kr_status kr_tree_new_bool(kr_context *ctx, int value, kr_tree **tree);
kr_status kr_tree_new_int(kr_context *ctx, int64_t value, kr_tree **tree);
kr_status kr_tree_new_real(kr_context *ctx, double value, kr_tree **tree);
kr_status kr_tree_new_string(kr_context *ctx, const char *value, kr_tree **tree);
/* data [product of shape] is copied; NULL = zeros. */
kr_status kr_tree_new_array(kr_context *ctx, kr_dtype dtype, int ndim, const size_t *shape, const double *data,
                            kr_tree **tree);
/* Append to a LIST / set a key of a MAP (replaces). Take *child and null it; on failure it is destroyed. */
kr_status kr_tree_append(kr_context *ctx, kr_tree *list, kr_tree **child);
kr_status kr_tree_set(kr_context *ctx, kr_tree *map, const char *key, kr_tree **child);
/* kr_tree_set without the search for an equal key: the caller knows that it is new. */
kr_status kr_tree_add(kr_context *ctx, kr_tree *map, const char *key, kr_tree **child);
/* A copy of a MAP without the keys dropped [n]. */
kr_status kr_tree_without(kr_context *ctx, const kr_tree *map, int n, const char *const *dropped, kr_tree **copy);

/* Look-up: NULL when absent or when `map` is no MAP. */
const kr_tree *kr_tree_get(const kr_tree *map, const char *key);
/* "a.b[2].c" */
const kr_tree *kr_tree_at(const kr_tree *tree, const char *path);
int kr_tree_is_null(const kr_tree *tree); /* absent (NULL) or null */
size_t kr_tree_array_size(const kr_tree *array);

/* Typed access for parsers. Messages name the key, what it holds, what is expected, line and column; callers put
 * the name of the file or of the section before (kr_error_prefix). The _or forms take the default when the key is
 * absent or null. All check kind and range; a number may also be an ARRAY with one element. */
kr_status kr_tree_need(kr_context *ctx, const kr_tree *map, const char *key, const kr_tree **child);
kr_status kr_tree_get_int(kr_context *ctx, const kr_tree *map, const char *key, int64_t low, int64_t high, int *out);
kr_status kr_tree_get_int_or(kr_context *ctx, const kr_tree *map, const char *key, int64_t low, int64_t high, int value,
                             int *out);
kr_status kr_tree_get_real(kr_context *ctx, const kr_tree *map, const char *key, double *out);
kr_status kr_tree_get_real_or(kr_context *ctx, const kr_tree *map, const char *key, double value, double *out);
kr_status kr_tree_get_bool_or(kr_context *ctx, const kr_tree *map, const char *key, int value, int *out);
/* Borrowed from the tree. */
kr_status kr_tree_get_string(kr_context *ctx, const kr_tree *map, const char *key, const char **out);
kr_status kr_tree_get_string_or(kr_context *ctx, const kr_tree *map, const char *key, const char *value,
                                const char **out);
/* KR_ERR_FORMAT when the map has a key that is none of known [n]; the hint says which one may have been meant. */
kr_status kr_tree_check_keys(kr_context *ctx, const kr_tree *map, int n, const char *const *known);
/* " (line 12, column 5)", or "" when the place is unknown: for messages of parsers. */
const char *kr_tree_place(const kr_tree *tree, char place[48]);

#endif
