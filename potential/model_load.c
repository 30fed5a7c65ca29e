/* Model files in and out: which format is it, `.dp` containers.
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * `.dp`: root attribute "json" holds the dictionary; each leaf below an "@variables" key is a root dataset, and the
 * leaf is replaced by its absolute name, "/variable_0000". */
#include "core/error.h"
#include "core/file.h"
#include "core/hdf5.h"
#include "core/json.h"
#include "core/memory.h"
#include "potential/model.h"
#include <string.h>

/* Puts the datasets in the place of their names. inside: below an "@variables" key. */
static kr_status fetch_arrays(kr_context *ctx, kr_h5 *file, kr_tree *tree, int inside) {
    kr_status status = KR_OK;
    for (int i = 0; i < tree->count; i++) {
        kr_tree *child = tree->child[i];
        int below = inside || (tree->kind == KR_TREE_MAP && !strcmp(tree->key[i], "@variables"));
        if (inside && child->kind == KR_TREE_STRING) {
            kr_tree *array;
            KR_TRY(kr_h5_read_array(ctx, file, child->string, &array));
            tree->child[i] = array;
            kr_tree_destroy(&child);
        } else {
            KR_TRY(fetch_arrays(ctx, file, child, below));
        }
    }
done:
    return status;
}

static kr_status read_dp(kr_context *ctx, const char *path, kr_tree **root) {
    kr_status status = KR_OK;
    kr_h5 *file = NULL;
    char *text = NULL;
    KR_TRY(kr_h5_open(ctx, path, &file));
    status = kr_h5_read_attribute(ctx, file, "json", &text);
    if (status == KR_ERR_FORMAT) kr_error_hint(ctx, "a DeePMD-kit .dp model keeps its dictionary in this attribute");
    KR_TRY(status);
    KR_TRY(kr_json_parse(ctx, text, strlen(text), path, root));
    KR_TRY(fetch_arrays(ctx, file, *root, 0));
done:
    kr_free(text);
    kr_h5_close(NULL, &file);
    if (status < 0) kr_tree_destroy(root);
    return status;
}

kr_status kr_model_load(kr_context *ctx, const char *path, kr_model **model) {
    if (!path || !model) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_model_load: path and model must not be NULL");
    kr_status status = KR_OK;
    kr_tree *root = NULL;
    *model = NULL;
    if (!kr_file_exists(path)) KR_FAIL(ctx, KR_ERR_IO, "%s: no such file", path);
    if (kr_h5_is_hdf5(path))
        KR_TRY(read_dp(ctx, path, &root));
    else
        KR_FAIL(ctx, KR_ERR_FORMAT, "%s: this is no model file of a known format", path);
    KR_TRY(kr_model_from_tree(ctx, root, path, model));
done:
    kr_tree_destroy(&root);
    return status;
}
