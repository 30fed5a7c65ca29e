/* Trees of values: makers, look-up, typed access with messages that name key, value, allowed and place.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/tree.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/suggest.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kr_tree_destroy(kr_tree **tree) {
    if (!tree || !*tree) return;
    kr_tree *node = *tree;
    for (int i = 0; i < node->count; i++) {
        if (node->key) kr_free(node->key[i]);
        kr_tree_destroy(&node->child[i]);
    }
    kr_free(node->key);
    kr_free(node->child);
    kr_free(node->string);
    kr_free(node->data);
    kr_free(node);
    *tree = NULL;
}

kr_status kr_tree_new(kr_context *ctx, kr_tree_kind kind, kr_tree **tree) {
    *tree = kr_calloc(ctx, 1, sizeof **tree);
    if (!*tree) return KR_ERR_MEMORY;
    (*tree)->kind = kind;
    return KR_OK;
}

kr_status kr_tree_new_bool(kr_context *ctx, int value, kr_tree **tree) {
    kr_status status = kr_tree_new(ctx, KR_TREE_BOOL, tree);
    if (status == KR_OK) (*tree)->integer = value != 0;
    return status;
}

kr_status kr_tree_new_int(kr_context *ctx, int64_t value, kr_tree **tree) {
    kr_status status = kr_tree_new(ctx, KR_TREE_INT, tree);
    if (status != KR_OK) return status;
    (*tree)->integer = value;
    (*tree)->real = (double)value;
    return KR_OK;
}

kr_status kr_tree_new_real(kr_context *ctx, double value, kr_tree **tree) {
    kr_status status = kr_tree_new(ctx, KR_TREE_REAL, tree);
    if (status == KR_OK) (*tree)->real = value;
    return status;
}

kr_status kr_tree_new_string(kr_context *ctx, const char *value, kr_tree **tree) {
    kr_status status = KR_OK;
    KR_TRY(kr_tree_new(ctx, KR_TREE_STRING, tree));
    (*tree)->string = kr_strdup(ctx, value);
    if (!(*tree)->string) status = KR_ERR_MEMORY;
done:
    if (status != KR_OK) kr_tree_destroy(tree);
    return status;
}

kr_status kr_tree_new_array(kr_context *ctx, kr_dtype dtype, int ndim, const size_t *shape, const double *data,
                            kr_tree **tree) {
    kr_status status = KR_OK;
    *tree = NULL;
    if (ndim < 0 || ndim > 8) KR_FAIL(ctx, KR_ERR_FORMAT, "array has %d dimensions, allowed 0 to 8", ndim);
    size_t n = 1;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] && n > SIZE_MAX / sizeof(double) / shape[i])
            KR_FAIL(ctx, KR_ERR_FORMAT, "array with dimension %d of %zu is larger than the address space", i, shape[i]);
        n *= shape[i];
    }
    KR_TRY(kr_tree_new(ctx, KR_TREE_ARRAY, tree));
    kr_tree *node = *tree;
    node->dtype = dtype;
    node->ndim = ndim;
    for (int i = 0; i < ndim; i++) node->shape[i] = shape[i];
    KR_NEW(ctx, node->data, n);
    if (n && data) memcpy(node->data, data, n * sizeof *data);
done:
    if (status != KR_OK) kr_tree_destroy(tree);
    return status;
}

/* Room for one more child. Arrays hold 4, 8, 16 … entries, so they are full exactly when count is such a number. */
static kr_status grow(kr_context *ctx, kr_tree *tree, int with_keys) {
    int n = tree->count;
    if (n == INT_MAX / 2) return KR_ERROR(ctx, KR_ERR_MEMORY, "a list or map has more than %d entries", n);
    if (n != 0 && (n < 4 || (n & (n - 1)) != 0)) return KR_OK;
    size_t old = (size_t)n, room = n ? 2 * old : 4;
    kr_tree **child = kr_realloc(ctx, tree->child, old, room, sizeof *child);
    if (!child) return KR_ERR_MEMORY;
    tree->child = child;
    if (!with_keys) return KR_OK;
    char **key = kr_realloc(ctx, tree->key, old, room, sizeof *key);
    if (!key) return KR_ERR_MEMORY;
    tree->key = key;
    return KR_OK;
}

kr_status kr_tree_append(kr_context *ctx, kr_tree *list, kr_tree **child) {
    kr_status status = KR_OK;
    if (list->kind != KR_TREE_LIST) KR_FAIL(ctx, KR_ERR_INTERNAL, "append to a node of kind %d", (int)list->kind);
    KR_TRY(grow(ctx, list, 0));
    list->child[list->count++] = *child;
    *child = NULL;
done:
    kr_tree_destroy(child);
    return status;
}

kr_status kr_tree_add(kr_context *ctx, kr_tree *map, const char *key, kr_tree **child) {
    kr_status status = KR_OK;
    if (map->kind != KR_TREE_MAP) KR_FAIL(ctx, KR_ERR_INTERNAL, "key '%s' set in kind %d", key, (int)map->kind);
    KR_TRY(grow(ctx, map, 1));
    char *copy = kr_strdup(ctx, key);
    if (!copy) {
        status = KR_ERR_MEMORY;
        goto done;
    }
    map->key[map->count] = copy;
    map->child[map->count++] = *child;
    *child = NULL;
done:
    kr_tree_destroy(child);
    return status;
}

kr_status kr_tree_set(kr_context *ctx, kr_tree *map, const char *key, kr_tree **child) {
    for (int i = 0; map->kind == KR_TREE_MAP && i < map->count; i++) {
        if (strcmp(map->key[i], key) != 0) continue;
        kr_tree_destroy(&map->child[i]);
        map->child[i] = *child;
        *child = NULL;
        return KR_OK;
    }
    return kr_tree_add(ctx, map, key, child);
}

kr_status kr_tree_copy(kr_context *ctx, const kr_tree *tree, kr_tree **copy) {
    kr_status status = KR_OK;
    kr_tree *child = NULL;
    *copy = NULL;
    if (tree->kind == KR_TREE_ARRAY)
        KR_TRY(kr_tree_new_array(ctx, tree->dtype, tree->ndim, tree->shape, tree->data, copy));
    else if (tree->kind == KR_TREE_STRING)
        KR_TRY(kr_tree_new_string(ctx, tree->string, copy));
    else
        KR_TRY(kr_tree_new(ctx, tree->kind, copy));
    (*copy)->line = tree->line;
    (*copy)->column = tree->column;
    (*copy)->integer = tree->integer;
    (*copy)->real = tree->real;
    for (int i = 0; i < tree->count; i++) {
        KR_TRY(kr_tree_copy(ctx, tree->child[i], &child));
        if (tree->kind == KR_TREE_MAP)
            KR_TRY(kr_tree_add(ctx, *copy, tree->key[i], &child));
        else
            KR_TRY(kr_tree_append(ctx, *copy, &child));
    }
done:
    if (status != KR_OK) kr_tree_destroy(copy);
    return status;
}

kr_status kr_tree_without(kr_context *ctx, const kr_tree *map, int n, const char *const *dropped, kr_tree **copy) {
    kr_status status = KR_OK;
    kr_tree *child = NULL;
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, copy));
    (*copy)->line = map->line;
    (*copy)->column = map->column;
    for (int i = 0; map->kind == KR_TREE_MAP && i < map->count; i++) {
        int drop = 0;
        for (int k = 0; k < n; k++) drop |= !strcmp(map->key[i], dropped[k]);
        if (drop) continue;
        KR_TRY(kr_tree_copy(ctx, map->child[i], &child));
        KR_TRY(kr_tree_set(ctx, *copy, map->key[i], &child));
    }
done:
    kr_tree_destroy(&child);
    if (status != KR_OK) kr_tree_destroy(copy);
    return status;
}

const kr_tree *kr_tree_get(const kr_tree *map, const char *key) {
    if (!map || map->kind != KR_TREE_MAP) return NULL;
    for (int i = 0; i < map->count; i++)
        if (strcmp(map->key[i], key) == 0) return map->child[i];
    return NULL;
}

/* The child whose key is the first n letters of `key`. */
static const kr_tree *get_part(const kr_tree *map, const char *key, size_t n) {
    if (!map || map->kind != KR_TREE_MAP) return NULL;
    for (int i = 0; i < map->count; i++)
        if (strncmp(map->key[i], key, n) == 0 && map->key[i][n] == 0) return map->child[i];
    return NULL;
}

const kr_tree *kr_tree_at(const kr_tree *tree, const char *path) {
    while (tree && *path) {
        if (*path == '.') {
            path++;
        } else if (*path == '[') {
            char *end;
            long index = strtol(path + 1, &end, 10);
            if (end == path + 1 || *end != ']') return NULL;
            path = end + 1;
            tree = tree->kind == KR_TREE_LIST && index >= 0 && index < tree->count ? tree->child[index] : NULL;
        } else {
            size_t n = strcspn(path, ".[");
            tree = get_part(tree, path, n);
            path += n;
        }
    }
    return tree;
}

int kr_tree_is_null(const kr_tree *tree) { return !tree || tree->kind == KR_TREE_NULL; }

size_t kr_tree_array_size(const kr_tree *array) {
    if (!array || array->kind != KR_TREE_ARRAY) return 0;
    size_t n = 1;
    for (int i = 0; i < array->ndim; i++) n *= array->shape[i];
    return n;
}

const char *kr_tree_place(const kr_tree *tree, char place[48]) {
    place[0] = 0;
    if (tree && tree->line > 0) snprintf(place, 48, " (line %d, column %d)", tree->line, tree->column);
    return place;
}

/* The value in words, for messages. */
static const char *describe(const kr_tree *tree, char text[96]) {
    switch (tree->kind) {
    case KR_TREE_NULL:
        snprintf(text, 96, "null");
        break;
    case KR_TREE_BOOL:
        snprintf(text, 96, "%s", tree->integer ? "true" : "false");
        break;
    case KR_TREE_INT:
        snprintf(text, 96, "%lld", (long long)tree->integer);
        break;
    case KR_TREE_REAL:
        snprintf(text, 96, "%.15g", tree->real);
        break;
    case KR_TREE_STRING:
        snprintf(text, 96, "\"%.60s\"", tree->string);
        break;
    case KR_TREE_LIST:
        snprintf(text, 96, "a list of %d", tree->count);
        break;
    case KR_TREE_MAP:
        snprintf(text, 96, "a map of %d keys", tree->count);
        break;
    case KR_TREE_ARRAY:
        snprintf(text, 96, "an array with %d dimensions", tree->ndim);
        break;
    }
    return text;
}

static kr_status mismatch(kr_context *ctx, const kr_tree *node, const char *key, const char *expected) {
    char text[96], place[48];
    return KR_ERROR(ctx, KR_ERR_FORMAT, "'%s' is %s, expected %s%s", key, describe(node, text), expected,
                    kr_tree_place(node, place));
}

kr_status kr_tree_need(kr_context *ctx, const kr_tree *map, const char *key, const kr_tree **child) {
    char place[48];
    *child = kr_tree_get(map, key);
    if (*child) return KR_OK;
    if (map && map->kind != KR_TREE_MAP) {
        char text[96];
        return KR_ERROR(ctx, KR_ERR_FORMAT, "key '%s' is wanted of %s, expected a map%s", key, describe(map, text),
                        kr_tree_place(map, place));
    }
    KR_ERROR(ctx, KR_ERR_FORMAT, "key '%s' is missing%s", key, kr_tree_place(map, place));
    const char *near = map ? kr_suggest(key, map->count, (const char *const *)map->key) : NULL;
    if (near) kr_error_hint(ctx, "there is a key '%s'", near);
    return KR_ERR_FORMAT;
}

static kr_status int_of(kr_context *ctx, const kr_tree *node, const char *key, int64_t low, int64_t high, int *out) {
    char expected[96];
    if (low < INT_MIN) low = INT_MIN;
    if (high > INT_MAX) high = INT_MAX;
    int64_t value = node->integer;
    int whole = node->kind == KR_TREE_INT;
    if (node->kind == KR_TREE_ARRAY && kr_tree_array_size(node) == 1) {
        double real = node->data[0];
        whole = real >= INT_MIN && real <= INT_MAX && real == floor(real);
        value = whole ? (int64_t)real : 0;
    }
    if (whole && value >= low && value <= high) {
        *out = (int)value;
        return KR_OK;
    }
    snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)low, (long long)high);
    return mismatch(ctx, node, key, expected);
}

kr_status kr_tree_get_int(kr_context *ctx, const kr_tree *map, const char *key, int64_t low, int64_t high, int *out) {
    const kr_tree *node;
    kr_status status = kr_tree_need(ctx, map, key, &node);
    return status == KR_OK ? int_of(ctx, node, key, low, high, out) : status;
}

kr_status kr_tree_get_int_or(kr_context *ctx, const kr_tree *map, const char *key, int64_t low, int64_t high, int value,
                             int *out) {
    const kr_tree *node = kr_tree_get(map, key);
    *out = value;
    return kr_tree_is_null(node) ? KR_OK : int_of(ctx, node, key, low, high, out);
}

static kr_status real_of(kr_context *ctx, const kr_tree *node, const char *key, double *out) {
    double value = node->real;
    int good = node->kind == KR_TREE_INT || node->kind == KR_TREE_REAL;
    if (node->kind == KR_TREE_ARRAY && kr_tree_array_size(node) == 1) {
        value = node->data[0];
        good = 1;
    }
    if (!good || !isfinite(value)) return mismatch(ctx, node, key, "a finite number");
    *out = value;
    return KR_OK;
}

kr_status kr_tree_get_real(kr_context *ctx, const kr_tree *map, const char *key, double *out) {
    const kr_tree *node;
    kr_status status = kr_tree_need(ctx, map, key, &node);
    return status == KR_OK ? real_of(ctx, node, key, out) : status;
}

kr_status kr_tree_get_real_or(kr_context *ctx, const kr_tree *map, const char *key, double value, double *out) {
    const kr_tree *node = kr_tree_get(map, key);
    *out = value;
    return kr_tree_is_null(node) ? KR_OK : real_of(ctx, node, key, out);
}

kr_status kr_tree_get_bool_or(kr_context *ctx, const kr_tree *map, const char *key, int value, int *out) {
    const kr_tree *node = kr_tree_get(map, key);
    *out = value != 0;
    if (kr_tree_is_null(node)) return KR_OK;
    if (node->kind != KR_TREE_BOOL) return mismatch(ctx, node, key, "true or false");
    *out = (int)node->integer;
    return KR_OK;
}

kr_status kr_tree_get_string(kr_context *ctx, const kr_tree *map, const char *key, const char **out) {
    const kr_tree *node;
    kr_status status = kr_tree_need(ctx, map, key, &node);
    if (status != KR_OK) return status;
    if (node->kind != KR_TREE_STRING) return mismatch(ctx, node, key, "a string");
    *out = node->string;
    return KR_OK;
}

kr_status kr_tree_get_string_or(kr_context *ctx, const kr_tree *map, const char *key, const char *value,
                                const char **out) {
    *out = value;
    return kr_tree_is_null(kr_tree_get(map, key)) ? KR_OK : kr_tree_get_string(ctx, map, key, out);
}

kr_status kr_tree_check_keys(kr_context *ctx, const kr_tree *map, int n, const char *const *known) {
    char place[48];
    for (int i = 0; map && map->kind == KR_TREE_MAP && i < map->count; i++) {
        int found = 0;
        for (int j = 0; j < n && !found; j++) found = known[j] && strcmp(map->key[i], known[j]) == 0;
        if (found) continue;
        KR_ERROR(ctx, KR_ERR_FORMAT, "unknown key '%s'%s", map->key[i], kr_tree_place(map->child[i], place));
        kr_suggest_hint(ctx, map->key[i], n, known, '\'');
        return KR_ERR_FORMAT;
    }
    return KR_OK;
}
