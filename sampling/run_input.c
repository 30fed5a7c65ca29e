/* Runs: parts of the input that several commands have, checked before anything is computed.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/activation.h"
#include "core/error.h"
#include "core/memory.h"
#include "sampling/run.h"

enum { MOST_LAYERS = 14 };

kr_status kr_run_points(kr_context *ctx, const kr_tree *list, int dim, int *n, double **x) {
    kr_status status = KR_OK;
    double *values = NULL;
    *n = 0;
    if (x) *x = NULL;
    if (kr_tree_is_null(list)) return KR_OK;
    if (list->kind != KR_TREE_LIST)
        return kr_parameter_fail(ctx, "", "points", list, "a list of points expected, [[0, 0], [1, 0]]");
    KR_NEW(ctx, values, (size_t)list->count * (size_t)dim);
    for (int i = 0; i < list->count; i++) {
        const kr_tree *row = list->child[i];
        if (row->kind != KR_TREE_LIST || row->count != dim) {
            status = kr_parameter_fail(ctx, "", "points", row, "point %d is no list of %d numbers, the coordinates",
                                       i + 1, dim);
            goto done;
        }
        for (int k = 0; k < dim; k++) {
            const kr_tree *number = row->child[k];
            if (number->kind != KR_TREE_REAL && number->kind != KR_TREE_INT) {
                status = kr_parameter_fail(ctx, "", "points", number, "coordinate %d of point %d is no number", k + 1,
                                           i + 1);
                goto done;
            }
            values[(long)i * dim + k] = number->real;
        }
    }
    *n = list->count;
    if (!x) goto done;
    *x = values;
    values = NULL;
done:
    kr_free(values);
    return status;
}

kr_status kr_run_check_layers(kr_context *ctx, const kr_tree *section) {
    const kr_tree *hidden = kr_tree_get(section, "hidden"), *activation = kr_tree_get(section, "activation");
    kr_activation parsed;
    int n = hidden && hidden->kind == KR_TREE_LIST ? hidden->count : 1; /* a number is a list of one */
    if (n < 1 || n > MOST_LAYERS)
        return kr_parameter_fail(ctx, "network", "hidden", hidden, "%d hidden layers, 1 to %d are possible", n,
                                 MOST_LAYERS);
    if (!activation || activation->kind != KR_TREE_STRING) return KR_OK;
    kr_status status = kr_activation_parse(ctx, activation->string, &parsed);
    if (status == KR_OK) return KR_OK;
    char place[48];
    kr_error_prefix(ctx, "network.activation%s", kr_tree_place(activation, place));
    return status;
}
