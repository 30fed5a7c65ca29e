/* Building maps with one status at the end.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "potential/tree_maker.h"

void kr_make_set(kr_tree_maker *maker, kr_tree *map, const char *key, kr_tree *child) {
    if (maker->status == KR_OK && map && child)
        maker->status = kr_tree_set(maker->ctx, map, key, &child);
    else
        kr_tree_destroy(&child);
}

void kr_make_append(kr_tree_maker *maker, kr_tree *list, kr_tree *child) {
    if (maker->status == KR_OK && list && child)
        maker->status = kr_tree_append(maker->ctx, list, &child);
    else
        kr_tree_destroy(&child);
}

/* Calls a maker of tree.h unless something failed before. */
#define MAKE(maker, node, call)                                 \
    do {                                                        \
        if ((maker)->status == KR_OK) (maker)->status = (call); \
        if ((maker)->status != KR_OK) kr_tree_destroy(&(node)); \
    } while (0)

kr_tree *kr_make_list(kr_tree_maker *maker) {
    kr_tree *list = NULL;
    MAKE(maker, list, kr_tree_new(maker->ctx, KR_TREE_LIST, &list));
    return list;
}

kr_tree *kr_make_map(kr_tree_maker *maker, const char *class_name, int version) {
    kr_tree *map = NULL;
    MAKE(maker, map, kr_tree_new(maker->ctx, KR_TREE_MAP, &map));
    if (class_name) kr_make_string(maker, map, "@class", class_name);
    if (version) kr_make_int(maker, map, "@version", version);
    return map;
}

void kr_make_null(kr_tree_maker *maker, kr_tree *map, const char *key) {
    kr_tree *node = NULL;
    MAKE(maker, node, kr_tree_new(maker->ctx, KR_TREE_NULL, &node));
    kr_make_set(maker, map, key, node);
}

void kr_make_bool(kr_tree_maker *maker, kr_tree *map, const char *key, int value) {
    kr_tree *node = NULL;
    MAKE(maker, node, kr_tree_new_bool(maker->ctx, value, &node));
    kr_make_set(maker, map, key, node);
}

void kr_make_int(kr_tree_maker *maker, kr_tree *map, const char *key, int64_t value) {
    kr_tree *node = NULL;
    MAKE(maker, node, kr_tree_new_int(maker->ctx, value, &node));
    kr_make_set(maker, map, key, node);
}

void kr_make_real(kr_tree_maker *maker, kr_tree *map, const char *key, double value) {
    kr_tree *node = NULL;
    MAKE(maker, node, kr_tree_new_real(maker->ctx, value, &node));
    kr_make_set(maker, map, key, node);
}

void kr_make_string(kr_tree_maker *maker, kr_tree *map, const char *key, const char *value) {
    kr_tree *node = NULL;
    MAKE(maker, node, kr_tree_new_string(maker->ctx, value, &node));
    kr_make_set(maker, map, key, node);
}

void kr_make_array(kr_tree_maker *maker, kr_tree *map, const char *key, kr_dtype dtype, int ndim, const size_t *shape,
                   const double *data) {
    kr_tree *node = NULL;
    MAKE(maker, node,
         data ? kr_tree_new_array(maker->ctx, dtype, ndim, shape, data, &node)
              : kr_tree_new(maker->ctx, KR_TREE_NULL, &node));
    kr_make_set(maker, map, key, node);
}

/* A list under `key`, item by item. */
typedef kr_status (*new_item_fn)(kr_context *ctx, const void *values, int index, kr_tree **node);

static void make_items(kr_tree_maker *maker, kr_tree *map, const char *key, int count, const void *values,
                       new_item_fn new_item) {
    kr_tree *list = kr_make_list(maker);
    for (int i = 0; i < count; i++) {
        kr_tree *node = NULL;
        MAKE(maker, node, new_item(maker->ctx, values, i, &node));
        kr_make_append(maker, list, node);
    }
    kr_make_set(maker, map, key, list);
}

static kr_status new_int(kr_context *ctx, const void *values, int index, kr_tree **node) {
    return kr_tree_new_int(ctx, ((const int *)values)[index], node);
}
static kr_status new_bool(kr_context *ctx, const void *values, int index, kr_tree **node) {
    return kr_tree_new_bool(ctx, ((const int *)values)[index], node);
}
static kr_status new_string(kr_context *ctx, const void *values, int index, kr_tree **node) {
    return kr_tree_new_string(ctx, ((char *const *)values)[index], node);
}

static kr_status new_pair(kr_context *ctx, const void *values, int index, kr_tree **node) {
    kr_tree_maker inner = {.ctx = ctx};
    *node = kr_make_list(&inner);
    for (int j = 0; j < 2; j++) {
        kr_tree *number = NULL;
        MAKE(&inner, number, kr_tree_new_int(ctx, ((const int *)values)[2 * index + j], &number));
        kr_make_append(&inner, *node, number);
    }
    return inner.status;
}

void kr_make_ints(kr_tree_maker *maker, kr_tree *map, const char *key, int count, const int *values) {
    make_items(maker, map, key, count, values, new_int);
}

void kr_make_bools(kr_tree_maker *maker, kr_tree *map, const char *key, int count, const int *values) {
    make_items(maker, map, key, count, values, new_bool);
}

void kr_make_strings(kr_tree_maker *maker, kr_tree *map, const char *key, int count, char *const *values) {
    make_items(maker, map, key, count, values, new_string);
}

void kr_make_pairs(kr_tree_maker *maker, kr_tree *map, const char *key, int count, const int *pairs) {
    make_items(maker, map, key, count, pairs, new_pair);
}
