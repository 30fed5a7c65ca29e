/* Building a MAP without a test after every key: the first failure stops all later calls, whose status is looked at
 * once. SPDX-License-Identifier: BSD-3-Clause */
#ifndef KR_POTENTIAL_TREE_MAKER_H
#define KR_POTENTIAL_TREE_MAKER_H

#include "core/tree.h"

typedef struct kr_tree_maker {
    kr_context *ctx;
    kr_status status; /* of the first failure */
} kr_tree_maker;

/* New map with @class (NULL = none) and @version (0 = none); NULL after a failure. */
kr_tree *kr_make_map(kr_tree_maker *maker, const char *class_name, int version);
kr_tree *kr_make_list(kr_tree_maker *maker);
/* All take `map` or `list` NULL (after a failure), and take *child over. */
void kr_make_set(kr_tree_maker *maker, kr_tree *map, const char *key, kr_tree *child);
void kr_make_append(kr_tree_maker *maker, kr_tree *list, kr_tree *child);
void kr_make_null(kr_tree_maker *maker, kr_tree *map, const char *key);
void kr_make_bool(kr_tree_maker *maker, kr_tree *map, const char *key, int value);
void kr_make_int(kr_tree_maker *maker, kr_tree *map, const char *key, int64_t value);
void kr_make_real(kr_tree_maker *maker, kr_tree *map, const char *key, double value);
void kr_make_string(kr_tree_maker *maker, kr_tree *map, const char *key, const char *value);
/* null when data is NULL. */
void kr_make_array(kr_tree_maker *maker, kr_tree *map, const char *key, kr_dtype dtype, int ndim, const size_t *shape,
                   const double *data);
void kr_make_ints(kr_tree_maker *maker, kr_tree *map, const char *key, int count, const int *values);
void kr_make_bools(kr_tree_maker *maker, kr_tree *map, const char *key, int count, const int *values);
void kr_make_strings(kr_tree_maker *maker, kr_tree *map, const char *key, int count, char *const *values);
/* Pairs [count][2] as a list of lists. */
void kr_make_pairs(kr_tree_maker *maker, kr_tree *map, const char *key, int count, const int *pairs);

#endif
