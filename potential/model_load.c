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
#include "core/yaml.h"
#include "potential/model.h"
#include <stdio.h>
#include <string.h>

#define STATE_ATTRIBUTE "kramers_state"
#define STATE_PREFIX "/state_"

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

typedef enum format { FORMAT_DP, FORMAT_YAML, FORMAT_GRAPH, FORMAT_GRAPH_TEXT, FORMAT_ZIP, FORMAT_OTHER } format;

/* By content; the suffix only decides what a text is taken for. */
static format sniff(const char *path) {
    unsigned char head[512];
    if (kr_h5_is_hdf5(path)) return FORMAT_DP;
    FILE *stream = fopen(path, "rb");
    if (!stream) return FORMAT_OTHER;
    size_t n = fread(head, 1, sizeof head, stream);
    fclose(stream);
    if (n >= 4 && !memcmp(head, "PK\3\4", 4)) return FORMAT_ZIP;
    if (n >= 4 && !memcmp(head, "node", 4) && memchr(head, '{', n)) return FORMAT_GRAPH_TEXT;
    for (size_t i = 0; i < n; i++)
        if (head[i] < 32 && head[i] != '\n' && head[i] != '\r' && head[i] != '\t')
            return head[0] == 0x0a ? FORMAT_GRAPH : FORMAT_OTHER; /* a GraphDef begins with field 1, a node */
    return n ? FORMAT_YAML : FORMAT_OTHER;
}

static kr_status refuse(kr_context *ctx, const char *path, format kind) {
    const char *what = kind == FORMAT_ZIP          ? "a PyTorch archive (.pth, .pt2) cannot be read"
                       : kind == FORMAT_GRAPH_TEXT ? "a TensorFlow graph in text form (.pbtxt) cannot be read"
                                                   : "this is no model file of a known format";
    kr_status status = KR_ERROR(ctx, kind == FORMAT_OTHER ? KR_ERR_FORMAT : KR_ERR_UNSUPPORTED, "%s: %s", path, what);
    if (kind == FORMAT_ZIP)
        kr_error_hint(ctx, "'dp convert-backend model.pth model.dp', run where DeePMD-kit has PyTorch, makes a file "
                           "that can; a checkpoint .pt goes through 'dp --pt freeze' first");
    else if (kind == FORMAT_GRAPH_TEXT)
        kr_error_hint(ctx, "'dp convert-from pbtxt -i %s -o model.pb' makes a graph that can", path);
    else
        kr_error_hint(ctx, "models are .dp (HDF5), .yaml or frozen graphs .pb; 'dp freeze' makes one of a checkpoint");
    return status;
}

kr_status kr_model_load(kr_context *ctx, const char *path, kr_model **model) {
    if (!path || !model) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_model_load: path and model must not be NULL");
    kr_status status = KR_OK;
    kr_tree *root = NULL;
    *model = NULL;
    if (!kr_file_exists(path)) KR_FAIL(ctx, KR_ERR_IO, "%s: no such file", path);
    format kind = sniff(path);
    if (kind == FORMAT_DP)
        KR_TRY(read_dp(ctx, path, &root));
    else if (kind == FORMAT_YAML)
        KR_TRY(kr_yaml_read(ctx, path, &root));
    else if (kind == FORMAT_GRAPH)
        KR_TRY(kr_graph_to_tree(ctx, path, &root));
    else
        KR_TRY(refuse(ctx, path, kind));
    KR_TRY(kr_model_from_tree(ctx, root, path, model));
done:
    kr_tree_destroy(&root);
    return status;
}

/* Moves the arrays of the tree into datasets prefix0000, … and puts their names in their places. */
static kr_status store_arrays(kr_context *ctx, kr_h5 *file, kr_tree *tree, const char *prefix, int *count) {
    kr_status status = KR_OK;
    for (int i = 0; i < tree->count; i++) {
        kr_tree *child = tree->child[i], *name = NULL;
        char text[32];
        if (child->kind != KR_TREE_ARRAY) {
            KR_TRY(store_arrays(ctx, file, child, prefix, count));
            continue;
        }
        snprintf(text, sizeof text, "%s%04d", prefix, (*count)++);
        KR_TRY(kr_h5_write_array(ctx, file, text, child));
        KR_TRY(kr_tree_new_string(ctx, text, &name));
        kr_tree_destroy(&tree->child[i]);
        tree->child[i] = name;
    }
done:
    return status;
}

/* The state of a training run goes into an attribute and datasets of its own, which the json attribute does not name:
 * other programs see the model only. */
static kr_status write_state(kr_context *ctx, kr_h5 *file, const kr_tree *state) {
    kr_status status = KR_OK;
    kr_tree *copy = NULL;
    char *text = NULL;
    int count = 0;
    KR_TRY(kr_tree_copy(ctx, state, &copy));
    KR_TRY(store_arrays(ctx, file, copy, STATE_PREFIX, &count));
    KR_TRY(kr_json_format(ctx, copy, 0, &text));
    KR_TRY(kr_h5_write_attribute(ctx, file, STATE_ATTRIBUTE, text));
done:
    kr_free(text);
    kr_tree_destroy(&copy);
    return status;
}

static kr_status write_dp(kr_context *ctx, kr_tree *root, const kr_tree *state, const char *path) {
    kr_status status = KR_OK;
    kr_file_writer writer = {0};
    kr_h5 *file = NULL;
    char *text = NULL;
    int count = 0;
    KR_TRY(kr_file_reserve(ctx, path, &writer));
    KR_TRY(kr_h5_create(ctx, writer.temporary, &file));
    KR_TRY(store_arrays(ctx, file, root, "/variable_", &count));
    KR_TRY(kr_json_format(ctx, root, 0, &text));
    KR_TRY(kr_h5_write_attribute(ctx, file, "json", text));
    if (state) KR_TRY(write_state(ctx, file, state));
    KR_TRY(kr_h5_close(ctx, &file));
    KR_TRY(kr_file_commit(ctx, &writer));
done:
    kr_free(text);
    kr_h5_close(NULL, &file);
    kr_file_abandon(&writer);
    return status;
}

static int has_suffix(const char *path, const char *suffix) {
    size_t n = strlen(path), m = strlen(suffix);
    return n > m && !strcmp(path + n - m, suffix);
}

static kr_status save(kr_context *ctx, const kr_model *model, const kr_tree *state, const char *path) {
    kr_status status = KR_OK;
    kr_tree *root = NULL;
    int hdf5 = has_suffix(path, ".dp") || has_suffix(path, ".hlo");
    if (!hdf5 && (state || (!has_suffix(path, ".yaml") && !has_suffix(path, ".yml"))))
        KR_FAIL(ctx, KR_ERR_ARGUMENT, "%s: the suffix must be .dp%s, it decides the format", path,
                state ? "" : " or .yaml");
    KR_TRY(kr_model_to_tree(ctx, model, &root));
    KR_TRY(hdf5 ? write_dp(ctx, root, state, path) : kr_yaml_write(ctx, root, path));
done:
    kr_tree_destroy(&root);
    return status;
}

kr_status kr_model_save(kr_context *ctx, const kr_model *model, const char *path) {
    if (!model || !path) return KR_ERROR(ctx, KR_ERR_ARGUMENT, "kr_model_save: model and path must not be NULL");
    return save(ctx, model, NULL, path);
}

kr_status kr_model_save_state(kr_context *ctx, const kr_model *model, const kr_tree *state, const char *path) {
    return save(ctx, model, state, path);
}

static kr_status fetch_state(kr_context *ctx, kr_h5 *file, kr_tree *tree) {
    kr_status status = KR_OK;
    for (int i = 0; i < tree->count; i++) {
        kr_tree *child = tree->child[i], *array;
        if (child->kind != KR_TREE_STRING || strncmp(child->string, STATE_PREFIX, strlen(STATE_PREFIX))) {
            KR_TRY(fetch_state(ctx, file, child));
            continue;
        }
        KR_TRY(kr_h5_read_array(ctx, file, child->string, &array));
        tree->child[i] = array;
        kr_tree_destroy(&child);
    }
done:
    return status;
}

kr_status kr_model_load_state(kr_context *ctx, const char *path, kr_tree **state) {
    kr_status status = KR_OK;
    kr_h5 *file = NULL;
    char *text = NULL;
    *state = NULL;
    KR_TRY(kr_h5_open(ctx, path, &file));
    status = kr_h5_read_attribute(ctx, file, STATE_ATTRIBUTE, &text);
    if (status == KR_ERR_FORMAT) kr_error_hint(ctx, "a model without the state of a run cannot be continued");
    KR_TRY(status);
    KR_TRY(kr_json_parse(ctx, text, strlen(text), path, state));
    KR_TRY(fetch_state(ctx, file, *state));
done:
    if (status < 0) kr_tree_destroy(state);
    kr_free(text);
    kr_h5_close(NULL, &file);
    return status;
}
