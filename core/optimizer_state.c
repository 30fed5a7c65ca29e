/* The state of an optimizer: made, saved, loaded and freed by the list of its items.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "core/optimizer_state.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parameters.h"
#include <string.h>

/* The pointer at item->place, whatever it points to. */
static void *array_of(const kr_optimizer_item *item) {
    void *array = item->place;
    if (!item->inside) memcpy(&array, item->place, sizeof array);
    return array;
}

static kr_status allocate(kr_context *ctx, const kr_optimizer_item *item) {
    if (item->inside || item->type == KR_ITEM_COUNTER) return KR_OK;
    void *array = kr_calloc(ctx, item->n, item->type == KR_ITEM_F32 ? sizeof(float) : sizeof(double));
    memcpy(item->place, &array, sizeof array);
    return array ? KR_OK : KR_ERR_MEMORY;
}

kr_status kr_optimizer_state_create(kr_context *ctx, const kr_optimizer_kind *kind, const kr_tree *options,
                                    const kr_optimizer_layout *layout, void **state) {
    kr_status status = KR_OK;
    kr_optimizer_item list[KR_OPTIMIZER_ITEMS] = {{0}};
    kr_tree *complete = NULL;
    *state = kr_calloc(ctx, 1, kind->size);
    if (!*state) return KR_ERR_MEMORY;
    KR_TRY(kr_parameters_read(ctx, kind->parameters, options, "optimizer", *state, &complete));
    KR_TRY(kind->prepare(ctx, layout, *state));
    for (int k = 0, n = kind->items(*state, list); k < n; k++) KR_TRY(allocate(ctx, &list[k]));
    if (kind->start) kind->start(*state);
done:
    kr_tree_destroy(&complete);
    if (status < 0) kr_optimizer_state_destroy(kind, state);
    return status;
}

void kr_optimizer_state_destroy(const kr_optimizer_kind *kind, void **state) {
    kr_optimizer_item list[KR_OPTIMIZER_ITEMS] = {{0}};
    if (!*state) return;
    for (int k = 0, n = kind->items(*state, list); k < n; k++)
        if (!list[k].inside && list[k].type != KR_ITEM_COUNTER) kr_free(array_of(&list[k]));
    if (kind->release) kind->release(*state);
    kr_free(*state);
    *state = NULL;
}

static kr_status put_array(kr_context *ctx, kr_tree *map, const kr_optimizer_item *item) {
    kr_status status = KR_OK;
    kr_tree *array = NULL;
    const void *data = array_of(item);
    if (item->type == KR_ITEM_F32) {
        KR_TRY(kr_tree_new_array(ctx, KR_FLOAT32, 1, &item->n, NULL, &array));
        for (size_t i = 0; i < item->n; i++) array->data[i] = ((const float *)data)[i];
    } else {
        KR_TRY(kr_tree_new_array(ctx, KR_FLOAT64, 1, &item->n, data, &array));
    }
    KR_TRY(kr_tree_set(ctx, map, item->name, &array));
done:
    kr_tree_destroy(&array);
    return status;
}

static kr_status take_array(kr_context *ctx, const kr_tree *map, const kr_optimizer_item *item) {
    kr_status status = KR_OK;
    const kr_tree *array;
    void *data = array_of(item);
    KR_TRY(kr_tree_need(ctx, map, item->name, &array));
    size_t have = array->kind == KR_TREE_ARRAY ? kr_tree_array_size(array) : 0;
    if (array->kind != KR_TREE_ARRAY || have != item->n)
        KR_FAIL(ctx, KR_ERR_FORMAT, "\"%s\" has %zu numbers, expected %zu", item->name, have, item->n);
    for (size_t i = 0; i < item->n; i++) {
        if (item->type == KR_ITEM_F32)
            ((float *)data)[i] = (float)array->data[i];
        else
            ((double *)data)[i] = array->data[i];
    }
done:
    return status;
}

kr_status kr_optimizer_put_counter(kr_context *ctx, kr_tree *map, const char *key, int64_t value) {
    kr_status status = KR_OK;
    kr_tree *child = NULL;
    KR_TRY(kr_tree_new_int(ctx, value, &child));
    KR_TRY(kr_tree_set(ctx, map, key, &child));
done:
    return status;
}

kr_status kr_optimizer_take_counter(kr_context *ctx, const kr_tree *map, const char *key, int64_t most,
                                    int64_t *value) {
    kr_status status = KR_OK;
    const kr_tree *child;
    KR_TRY(kr_tree_need(ctx, map, key, &child));
    if (child->kind != KR_TREE_INT || child->integer < 0 || child->integer > most)
        KR_FAIL(ctx, KR_ERR_FORMAT, "\"%s\" must be a whole number from 0 to %lld", key, (long long)most);
    *value = child->integer;
done:
    return status;
}

kr_status kr_optimizer_state_save(kr_context *ctx, const kr_optimizer_kind *kind, void *state, kr_tree **tree) {
    kr_status status = KR_OK;
    kr_optimizer_item list[KR_OPTIMIZER_ITEMS] = {{0}};
    kr_tree *map = NULL;
    KR_TRY(kr_tree_new(ctx, KR_TREE_MAP, &map));
    for (int k = 0, n = kind->items(state, list); k < n; k++) {
        if (!list[k].name) continue;
        if (list[k].type == KR_ITEM_COUNTER)
            KR_TRY(kr_optimizer_put_counter(ctx, map, list[k].name, *(const int64_t *)list[k].place));
        else
            KR_TRY(put_array(ctx, map, &list[k]));
    }
    *tree = map;
    map = NULL;
done:
    kr_tree_destroy(&map);
    return status;
}

kr_status kr_optimizer_state_load(kr_context *ctx, const kr_optimizer_kind *kind, void *state, const kr_tree *tree) {
    kr_status status = KR_OK;
    kr_optimizer_item list[KR_OPTIMIZER_ITEMS] = {{0}};
    for (int k = 0, n = kind->items(state, list); k < n; k++) {
        if (!list[k].name) continue;
        if (list[k].type == KR_ITEM_COUNTER)
            KR_TRY(kr_optimizer_take_counter(ctx, tree, list[k].name, list[k].most, list[k].place));
        else
            KR_TRY(take_array(ctx, tree, &list[k]));
    }
done:
    return status;
}
