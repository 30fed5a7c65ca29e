/* Arrays, lists and precisions of a model file.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "potential/model_reader.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

kr_status kr_at(kr_model_reader *reader, const char *at, kr_status status) {
    if (status < 0) kr_error_prefix(reader->ctx, "%s", at);
    return status;
}

const char *kr_at_key(char path[KR_AT_ROOM], const char *at, const char *key) {
    int n = snprintf(path, KR_AT_ROOM, "%s.%s", at, key);
    return n < 0 ? at : path; /* a path that is cut is still a path */
}

const char *kr_at_index(char path[KR_AT_ROOM], const char *at, int index) {
    int n = snprintf(path, KR_AT_ROOM, "%s[%d]", at, index);
    return n < 0 ? at : path;
}

kr_status kr_read_version(kr_model_reader *reader, const kr_tree *tree, const char *at, int low, int high) {
    int version;
    kr_status status = kr_at(reader, at, kr_tree_get_int_or(reader->ctx, tree, "@version", 0, 1000, 1, &version));
    if (status < 0) return status;
    if (version < low || version > high)
        return KR_ERROR(reader->ctx, KR_ERR_UNSUPPORTED, "%s.@version: %d is not supported, %d to %d are", at, version,
                        low, high);
    return KR_OK;
}

kr_status kr_read_precision(kr_model_reader *reader, const kr_tree *map, const char *at, kr_dtype *dtype,
                            char name[16]) {
    static const struct {
        const char *name;
        kr_dtype dtype;
    } known[] = {{"default", KR_FLOAT64}, {"float64", KR_FLOAT64}, {"double", KR_FLOAT64}, {"float32", KR_FLOAT32},
                 {"single", KR_FLOAT32},  {"float16", KR_FLOAT16}, {"half", KR_FLOAT16},   {"bfloat16", KR_BFLOAT16}};
    const char *text;
    kr_status status = kr_at(reader, at, kr_tree_get_string_or(reader->ctx, map, "precision", "default", &text));
    if (status < 0) return status;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(text, known[i].name)) {
            *dtype = known[i].dtype;
            if (name) snprintf(name, 16, "%s", text);
            return KR_OK;
        }
    return KR_ERROR(reader->ctx, KR_ERR_UNSUPPORTED, "%s.precision: '%.40s' is not supported", at, text);
}

/* x rounded to `bits` significant bits, with the exponent of the smallest normal number `low` (2^low). */
static double round_bits(double x, int bits, int low) {
    int exponent;
    frexp(x, &exponent); /* x = f 2^exponent, ½ ≤ f < 1 */
    int unit = (exponent - 1 > low ? exponent - 1 : low) - (bits - 1);
    return ldexp(rint(ldexp(x, -unit)), unit);
}

double kr_round_to(kr_dtype dtype, double x) {
    if (x == 0 || !isfinite(x)) return x;
    switch (dtype) {
    case KR_FLOAT32:
        return (double)(float)x;
    case KR_FLOAT16:
        x = round_bits(x, 11, -14);
        return fabs(x) > 65504 ? copysign(INFINITY, x) : x;
    case KR_BFLOAT16: /* through float32, as ml_dtypes does */
        return round_bits((double)(float)x, 8, -126);
    default:
        return x;
    }
}

static void shape_text(char text[96], int ndim, const size_t *shape) {
    size_t n = 0;
    n += (size_t)snprintf(text, 96, "(");
    for (int i = 0; i < ndim && n < 80; i++) n += (size_t)snprintf(text + n, 96 - n, i ? ", %zu" : "%zu", shape[i]);
    if (n < 94) snprintf(text + n, 96 - n, ndim == 1 ? ",)" : ")");
}

/* Equal shapes, up to dimensions of length one when loose. */
static int same_shape(int n1, const size_t *s1, int n2, const size_t *s2, int loose) {
    int i = 0, j = 0;
    for (;;) {
        while (loose && i < n1 && s1[i] == 1) i++;
        while (loose && j < n2 && s2[j] == 1) j++;
        if (i == n1 || j == n2) return i == n1 && j == n2;
        if (s1[i++] != s2[j++]) return 0;
    }
}

kr_status kr_read_array(kr_model_reader *reader, const kr_tree *map, const char *key, const char *at, int ndim,
                        const size_t *shape, int loose, int optional, kr_dtype precision, double **data) {
    kr_context *ctx = reader->ctx;
    const kr_tree *node = kr_tree_get(map, key);
    char found[96], expected[96];
    *data = NULL;
    if (kr_tree_is_null(node)) {
        if (optional) return KR_OK;
        return KR_ERROR(ctx, KR_ERR_FORMAT, "%s.%s: the array is missing", at, key);
    }
    if (node->kind != KR_TREE_ARRAY)
        return KR_ERROR(ctx, KR_ERR_FORMAT, "%s.%s: expected an array of numbers", at, key);
    if (!same_shape(node->ndim, node->shape, ndim, shape, loose)) {
        shape_text(found, node->ndim, node->shape);
        shape_text(expected, ndim, shape);
        return KR_ERROR(ctx, KR_ERR_FORMAT, "%s.%s: the array has shape %s, expected %s", at, key, found, expected);
    }
    size_t n = kr_tree_array_size(node);
    double *copy = kr_malloc(ctx, n, sizeof *copy);
    if (!copy) return KR_ERR_MEMORY;
    for (size_t i = 0; i < n; i++) {
        copy[i] = kr_round_to(precision, node->data[i]);
        if (isfinite(copy[i])) continue;
        kr_free(copy);
        return KR_ERROR(ctx, KR_ERR_FORMAT, "%s.%s: value %zu is %g, every parameter must be a finite number", at, key,
                        i, node->data[i]);
    }
    *data = copy;
    return KR_OK;
}

kr_status kr_read_ints(kr_model_reader *reader, const kr_tree *map, const char *key, const char *at, int low, int high,
                       int *count, int **values) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    const kr_tree *list = kr_tree_get(map, key);
    int *made = NULL;
    *count = 0;
    *values = NULL;
    if (kr_tree_is_null(list)) return KR_OK;
    if (list->kind != KR_TREE_LIST) KR_FAIL(ctx, KR_ERR_FORMAT, "%s.%s: expected a list of integers", at, key);
    KR_NEW(ctx, made, (size_t)list->count);
    for (int i = 0; i < list->count; i++) {
        const kr_tree *node = list->child[i];
        if (node->kind != KR_TREE_INT) KR_FAIL(ctx, KR_ERR_FORMAT, "%s.%s[%d]: expected an integer", at, key, i);
        if (node->integer < low || node->integer > high)
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s.%s[%d]: %lld is outside %d to %d", at, key, i, (long long)node->integer,
                    low, high);
        made[i] = (int)node->integer;
    }
    *count = list->count;
    *values = made;
    made = NULL;
done:
    kr_free(made);
    return status;
}

kr_status kr_read_pairs(kr_model_reader *reader, const kr_tree *map, const char *key, const char *at, int *count,
                        int **pairs, unsigned char **table) {
    kr_context *ctx = reader->ctx;
    kr_status status = KR_OK;
    const kr_tree *list = kr_tree_get(map, key);
    int nt = reader->model->ntypes, n = kr_tree_is_null(list) ? 0 : list->count, *made = NULL;
    unsigned char *marks = NULL;
    *count = 0;
    *pairs = NULL;
    KR_NEW(ctx, marks, (size_t)nt * (size_t)nt);
    if (!kr_tree_is_null(list) && list->kind != KR_TREE_LIST)
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s.%s: expected a list of pairs of types", at, key);
    if (n) KR_NEW(ctx, made, 2 * (size_t)n);
    for (int i = 0; i < n; i++) {
        const kr_tree *pair = list->child[i];
        if (pair->kind != KR_TREE_LIST || pair->count != 2 || pair->child[0]->kind != KR_TREE_INT ||
            pair->child[1]->kind != KR_TREE_INT)
            KR_FAIL(ctx, KR_ERR_FORMAT, "%s.%s[%d]: expected a pair of type indices", at, key, i);
        for (int j = 0; j < 2; j++) {
            int64_t type = pair->child[j]->integer;
            if (type < 0 || type >= nt)
                KR_FAIL(ctx, KR_ERR_FORMAT, "%s.%s[%d][%d]: type %lld is outside 0 to %d", at, key, i, j,
                        (long long)type, nt - 1);
            made[2 * i + j] = (int)type;
        }
        marks[made[2 * i] * nt + made[2 * i + 1]] = marks[made[2 * i + 1] * nt + made[2 * i]] = 1;
    }
    *count = n;
    *pairs = made;
    *table = marks;
    made = NULL;
    marks = NULL;
done:
    kr_free(made);
    kr_free(marks);
    return status;
}
